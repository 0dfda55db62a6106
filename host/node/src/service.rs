//! Services of the node's init system: systemd, OpenRC, or none. What is asked and how answers are read is
//! kubeadm's (`cmd/kubeadm/app/util/initsystem`). It knows no service by name.

use crate::change::{Change, ChangeKind};
use crate::exec::{Command, ExecError, Output};
use crate::node::Node;

/// What starts services on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitSystem {
    /// `systemctl` is in `PATH`.
    Systemd,
    /// `openrc`, `rc-service` and `rc-update` are.
    OpenRc,
}

/// A service could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is nothing that could.
    #[error("cannot {verb} the service {name}: neither systemd nor OpenRC is on this node")]
    NoInitSystem {
        /// `start`, `stop`, …
        verb: &'static str,
        /// The service.
        name: String,
    },
    /// The init system's program failed.
    #[error("cannot {verb} the service {name}")]
    Exec {
        /// `start`, `stop`, …
        verb: &'static str,
        /// The service.
        name: String,
        /// Why.
        #[source]
        source: ExecError,
    },
}

impl ServiceError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoInitSystem { verb, name } => format!("{verb} {name} by hand"),
            Self::Exec { name, .. } => format!("see 'systemctl status {name}' and 'journalctl -xeu {name}'"),
        }
    }
}

/// One service of a node.
#[derive(Clone, Debug)]
pub struct Service {
    node: Node,
    name: String,
    init: Option<InitSystem>,
}

impl Node {
    /// The node's init system, found as kubeadm does: by what is in `PATH`.
    pub fn init_system(&self) -> Option<InitSystem> {
        if self.in_path("systemctl").is_some() {
            return Some(InitSystem::Systemd);
        }
        ["openrc", "rc-service", "rc-update"].iter().all(|p| self.in_path(p).is_some()).then_some(InitSystem::OpenRc)
    }

    /// A service by its name without `.service`. Nothing is asked yet.
    pub fn service(&self, name: &str) -> Service {
        Service { node: self.clone(), name: name.to_owned(), init: self.init_system() }
    }
}

impl Service {
    /// What would handle it.
    pub fn init_system(&self) -> Option<InitSystem> {
        self.init
    }

    /// True if the init system knows it.
    pub async fn exists(&self) -> Result<bool, ServiceError> {
        let output = self.ask("look for", &["status"], &["status"]).await?;
        let text = format!("{}{}", output.stdout, output.stderr);
        Ok(match self.init {
            Some(InitSystem::Systemd) => !text.contains("Loaded: not-found") && !text.contains("could not be found"),
            _ => !text.contains("does not exist"),
        })
    }

    /// True if it starts with the machine.
    pub async fn enabled(&self) -> Result<bool, ServiceError> {
        if self.init == Some(InitSystem::OpenRc) {
            let command = Command::look("rc-update", ["show", "default"]);
            return Ok(self.run("look at", &command).await?.stdout.contains(&self.name));
        }
        Ok(self.ask("look at", &["is-enabled"], &[]).await?.success())
    }

    /// True if it runs or is being started.
    pub async fn active(&self) -> Result<bool, ServiceError> {
        let output = self.ask("look at", &["is-active"], &["status"]).await?;
        Ok(match self.init {
            Some(InitSystem::Systemd) => matches!(output.stdout.trim(), "active" | "activating"),
            _ => !output.stdout.contains("stopped") && !output.stdout.contains("does not exist"),
        })
    }

    /// Starts it, after reading unit files anew if they have changed.
    pub async fn start(&self) -> Result<(), ServiceError> {
        self.act("start", true).await
    }

    /// Restarts it, after reading unit files anew if they have changed.
    pub async fn restart(&self) -> Result<(), ServiceError> {
        self.act("restart", true).await
    }

    /// Stops it.
    pub async fn stop(&self) -> Result<(), ServiceError> {
        self.act("stop", false).await
    }

    /// What to type so that it starts with the machine.
    pub fn enable_command(&self) -> Option<String> {
        Some(match self.init? {
            InitSystem::Systemd => format!("systemctl enable {}.service", self.name),
            InitSystem::OpenRc => format!("rc-update add {} default", self.name),
        })
    }

    async fn ask(&self, verb: &'static str, systemd: &[&str], openrc: &[&str]) -> Result<Output, ServiceError> {
        let command = match self.init {
            Some(InitSystem::OpenRc) => {
                Command::look("rc-service", std::iter::once(&*self.name).chain(openrc.iter().copied()))
            }
            // Without an init system the error of `run` says so.
            _ => Command::look("systemctl", systemd.iter().copied().chain([&*self.name])),
        };
        self.run(verb, &command).await
    }

    async fn run(&self, verb: &'static str, command: &Command) -> Result<Output, ServiceError> {
        if self.init.is_none() {
            return Err(ServiceError::NoInitSystem { verb, name: self.name.clone() });
        }
        self.node.run(command).await.map_err(|source| self.failed(verb, source))
    }

    async fn act(&self, verb: &'static str, reload: bool) -> Result<(), ServiceError> {
        let effect = format!("{verb} {}", self.name);
        // What a machine with an init system would do is worth saying on one without.
        if self.node.is_dry_run() {
            self.node.record(Change::new(&format!("would {effect}"), ChangeKind::Ran));
            return Ok(());
        }
        let init = self.init.ok_or_else(|| ServiceError::NoInitSystem { verb, name: self.name.clone() })?;
        if init == InitSystem::Systemd && reload && self.is_outdated().await {
            // Part of the restart, so no change of its own.
            let command = Command::look("systemctl", ["daemon-reload"]).timeout(SLOW);
            self.node.run_ok(&command).await.map_err(|source| self.failed(verb, source))?;
        }
        let command = match init {
            InitSystem::Systemd => Command::act(&effect, "systemctl", [verb, &self.name]),
            InitSystem::OpenRc => Command::act(&effect, "rc-service", [&self.name, verb]),
        };
        self.node.run_ok(&command.timeout(SLOW)).await.map(drop).map_err(|source| self.failed(verb, source))
    }

    /// Whether systemd knows the service's files as they were, or does not say: reading all units of the machine anew takes
    /// it longer than to start one.
    async fn is_outdated(&self) -> bool {
        let asked = Command::look("systemctl", ["show", "--property=NeedDaemonReload", "--value", &self.name]);
        let answer = self.node.run(&asked).await;
        !answer.is_ok_and(|output| output.success() && output.stdout.trim() == "no")
    }

    fn failed(&self, verb: &'static str, source: ExecError) -> ServiceError {
        ServiceError::Exec { verb, name: self.name.clone(), source }
    }
}

/// Longer than systemd itself waits for a unit to start or stop (90 s each).
const SLOW: std::time::Duration = std::time::Duration::from_secs(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::tests::script;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future)
    }

    /// A `systemctl` that knows `kubelet` and writes down what it is asked to do.
    const SYSTEMCTL: &str = r#"
case "$1 $2" in
"status kubelet") echo "     Loaded: loaded (/lib/systemd/system/kubelet.service)"; exit 3;;
"status "*) echo "Unit $2.service could not be found." >&2; exit 4;;
"is-enabled kubelet") echo disabled; exit 1;;
"is-active kubelet") echo activating; exit 3;;
"show --property=NeedDaemonReload") cat "${0%/*}/outdated";;
"is-active "*) echo inactive; exit 3;;
*) echo "$@" >> "${0%/*}/done";;
esac"#;

    #[test]
    fn systemd_is_asked_and_told() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "systemctl", SYSTEMCTL);
        let kubelet = node.service("kubelet");
        assert_eq!(kubelet.init_system(), Some(InitSystem::Systemd));
        assert_eq!(kubelet.enable_command().as_deref(), Some("systemctl enable kubelet.service"));
        block_on(async {
            assert!(kubelet.exists().await.expect("an answer"));
            assert!(!kubelet.enabled().await.expect("an answer"));
            assert!(kubelet.active().await.expect("an answer"));
            assert!(!node.service("firewalld").exists().await.expect("an answer"));
            assert!(!node.service("firewalld").active().await.expect("an answer"));
            // Its files are as systemd knows them, then they are not, then nobody knows.
            for outdated in ["no\n", "yes\n", ""] {
                node.ensure(&kubephase_model::File::public("/usr/bin/outdated", outdated)).expect("written");
                kubelet.restart().await.expect("restarted");
            }
            kubelet.stop().await.expect("stopped");
        });
        let done = node.read_text("/usr/bin/done").expect("readable").expect("written");
        let restarts = "restart kubelet\ndaemon-reload\nrestart kubelet\ndaemon-reload\nrestart kubelet\n";
        assert_eq!(done, format!("{restarts}stop kubelet\n"));
        let mut changes: Vec<_> = node.changes().into_iter().map(|change| change.path).collect();
        changes.retain(|path| !path.starts_with('/'));
        assert_eq!(changes, ["restart kubelet", "restart kubelet", "restart kubelet", "stop kubelet"]);
    }

    #[test]
    fn a_failed_start_keeps_what_systemd_said() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "systemctl", "[ $1 = daemon-reload ] || { echo 'Unit kubelet.service is masked.' >&2; exit 1; }");
        let error = block_on(node.service("kubelet").start()).expect_err("masked");
        assert_eq!(error.to_string(), "cannot start the service kubelet");
        let source = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(source.ends_with("failed with status 1: Unit kubelet.service is masked."), "{source}");
        assert!(error.hint().contains("journalctl"));
    }

    #[test]
    fn openrc_is_asked_and_told() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "openrc", "");
        assert_eq!(node.init_system(), None, "rc-service is missing");
        script(
            &node,
            "rc-service",
            r#"case "$1 $2" in "kubelet status") echo " * status: stopped";; *" status") echo " * rc-service: service '$1' does not exist";; *) echo "$@" >> "${0%/*}/done";; esac"#,
        );
        script(&node, "rc-update", "echo '  kubelet | default'");
        let kubelet = node.service("kubelet");
        assert_eq!(kubelet.enable_command().as_deref(), Some("rc-update add kubelet default"));
        block_on(async {
            assert!(kubelet.exists().await.expect("an answer"));
            assert!(kubelet.enabled().await.expect("an answer"));
            assert!(!kubelet.active().await.expect("an answer"));
            assert!(!node.service("firewalld").exists().await.expect("an answer"));
            kubelet.start().await.expect("started");
        });
        assert_eq!(node.read_text("/usr/bin/done").expect("readable").as_deref(), Some("kubelet start\n"));
    }

    #[test]
    fn without_an_init_system_the_error_says_so_but_a_dry_run_goes_on() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let node = Node::at(root.path());
        let error = block_on(node.service("kubelet").start()).expect_err("nothing can start it");
        assert!(matches!(error, ServiceError::NoInitSystem { .. }), "{error}");
        assert!(block_on(node.service("kubelet").exists()).is_err());
        assert_eq!(node.service("kubelet").enable_command(), None);
        let dry = Node::dry_run_of(root.path(), scratch.path());
        block_on(dry.service("kubelet").restart()).expect("as if");
        assert_eq!(dry.changes(), [Change::new("would restart kubelet", ChangeKind::Ran)]);
    }
}
