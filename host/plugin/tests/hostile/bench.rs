//! Runs an attack beside a plugin that does no harm, and measures both.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use kubephase_model::config::duration::GoDuration;
use kubephase_model::plugin::config::Limits;
use kubephase_model::plugin::{Grants, PluginEntry};
use kubephase_node::PrivateDir;
use kubephase_plugin::{CompiledCache, Ear, Export, Given, Outcome, Plugins, Refused, Told, Wanted, World};
use kubephase_workflow::extension::ExtensionError;
use serde_json::{Value, json};

/// How much this process may grow while one attack runs, in bytes. A plugin may have 64 MiB itself.
const GROWTH: usize = 200 << 20;
/// How much later than its deadline a call may end. Tests share their machine.
const SLACK: Duration = Duration::from_millis(1500);

/// The hostile plugin's grants: the README's.
pub fn grants() -> Value {
    json!({
        "facts": ["cluster"],
        "files": ["/etc/hostile/**"],
        "kube": ["v1/ConfigMap/hostile"],
        "http": ["hostile.example.org"],
        "probe": ["dns-lookup:hostile.example.org"],
        "objects": ["v1/ConfigMap/hostile", "apps/v1/DaemonSet/hostile"],
        "writes": ["/etc/hostile/**"],
        "patches": ["kube-apiserver"],
    })
}

pub fn granted(grants: &Value) -> Grants {
    let mut granted = Grants::default();
    for (capability, scopes) in grants.as_object().into_iter().flatten() {
        let scopes = serde_json::from_value(scopes.clone()).expect("a list of texts");
        *granted.list_mut(capability).expect("a capability") = scopes;
    }
    granted
}

/// A world in which everything is there that must not be had.
pub fn world() -> Arc<dyn World> {
    let object = |kind: &str, namespace: &str, name: &str| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": namespace }, "data": {} });
    let answer = json!({ "status": 200, "body": "secret" });
    let given = json!({
        "facts": { "cluster": { "nodeName": "prod-a" }, "sysctl": { "kernel.hostname": "prod-a" } },
        "files": {
            "/etc/hostile/large": "x".repeat(1 << 20),
            "/etc/shadow": "secret",
            "/etc/kubernetes/admin.conf": "secret",
            "/etc/kubernetes/pki/ca.key": "secret",
            "/proc/self/root/etc/shadow": "secret",
            "/proc/self/environ": "secret",
            "/proc/uptime": "1.0 2.0\n",
            "/dev/zero": "secret",
        },
        "kube": [
            object("Secret", "kube-system", "bootstrap-token-abcdef"),
            object("Secret", "hostile", "x"),
            object("ConfigMap", "kube-system", "kubeadm-config"),
        ],
        "http": {
            "GET https://example.org/": answer,
            "GET http://hostile.example.org/": answer,
            "GET https://hostile.example.org:8443/": answer,
            "GET https://127.0.0.1:6443/": answer,
            "GET http://169.254.169.254/latest/meta-data/": answer,
        },
        "probe": { "tcp-connect:127.0.0.1:22": 1, "tcp-connect:localhost:22": 1, "path-mtu:127.0.0.1": 1500 },
    });
    Arc::new(Given::parse(given).expect("a world"))
}

/// One call that is made.
#[derive(Clone, Debug)]
pub struct Attack {
    /// The component's file, without `.wasm`.
    pub component: String,
    pub export: Export,
    pub settings: Value,
    pub grants: Value,
    pub timeout: Duration,
    /// `limits.output`; empty for the default.
    pub output: &'static str,
    /// What the hint has in it, if it is none of the usual ones.
    pub hint: &'static str,
    pub target: String,
    pub document: Value,
}

impl Attack {
    /// One of the component `hostile`.
    pub fn new(attack: &str, export: Export) -> Self {
        let is_patch = export == Export::Mutate;
        Self {
            component: "hostile".into(),
            export,
            settings: json!({ "attack": attack }),
            grants: grants(),
            timeout: Duration::from_secs(20),
            output: "",
            hint: "",
            target: if is_patch { "kube-apiserver".into() } else { String::new() },
            document: if is_patch { api_server() } else { Value::Null },
        }
    }

    /// A component of its own, which has no settings and wants no more than it is granted.
    pub fn raw(component: &str) -> Self {
        Self { component: component.into(), settings: Value::Null, ..Self::new("", Export::Check) }
    }

    fn entry(&self) -> PluginEntry {
        PluginEntry {
            name: self.component.clone(),
            settings: self.settings.clone(),
            grants: granted(&self.grants),
            timeout: Some(GoDuration(i64::try_from(self.timeout.as_nanos()).expect("a short time"))),
            limits: Limits { output: self.output.into(), ..Limits::default() },
            ..PluginEntry::default()
        }
    }
}

/// A static pod as it is before any plugin.
pub fn api_server() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "kube-apiserver", "namespace": "kube-system", "labels": { "tier": "control-plane" } },
        "spec": {
            "containers": [{
                "name": "kube-apiserver",
                "image": "registry.k8s.io/kube-apiserver:v1.36.2",
                "command": ["kube-apiserver", "--anonymous-auth=false", "--authorization-mode=Node,RBAC"],
                "volumeMounts": [{ "name": "k8s-certs", "mountPath": "/etc/kubernetes/pki", "readOnly": true }],
            }],
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } },
            "volumes": [{ "name": "k8s-certs", "hostPath": { "path": "/etc/kubernetes/pki", "type": "DirectoryOrCreate" } }],
        },
    })
}

/// What came of it.
#[derive(Debug)]
pub struct Seen {
    pub result: Result<Outcome, ExtensionError>,
    /// What the plugin told.
    pub told: Vec<Told>,
    pub took: Duration,
    pub deadline: Duration,
    /// How much this process has grown meanwhile, in bytes.
    pub grown: usize,
}

/// Where `cargo xtask plugins` puts components.
pub fn component(name: &str) -> Option<Arc<[u8]>> {
    let home = || std::env::var("HOME").unwrap_or_default();
    let cache = || std::env::var("KUBEPHASE_CACHE").unwrap_or_else(|_| format!("{}/.cache/kubephase/e2e", home()));
    let given = std::env::var("KUBEPHASE_PLUGINS");
    let directory = given.clone().map_or_else(|_| PathBuf::from(cache()).join("plugins"), PathBuf::from);
    let path = directory.join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes.into()),
        Err(error) if given.is_ok() => panic!("{}: {error}", path.display()),
        Err(error) => {
            let line = format!("SKIPPED: {}: {error}: `cargo xtask plugins` builds it\n", path.display());
            // Past the harness, which hides the output of tests that pass. Nowhere to say it is no reason to fail.
            let _ = std::io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

/// What all tests of this process share: compiled code, and the right to be the only one that uses memory.
pub struct Bench {
    cache: CompiledCache,
    /// Held while an attack is measured.
    pub alone: tokio::sync::Mutex<()>,
}

impl Bench {
    /// `None` if there are no components.
    pub fn new() -> Option<&'static Self> {
        static BENCH: OnceLock<(tempfile::TempDir, Bench)> = OnceLock::new();
        component("hostile")?;
        let (_, bench) = BENCH.get_or_init(|| {
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
            let cache = PrivateDir::open(directory.path()).map_or_else(|_| CompiledCache::none(), CompiledCache::new);
            (directory, Self { cache, alone: tokio::sync::Mutex::new(()) })
        });
        Some(bench)
    }

    /// Loads the plugin of an attack and one that does no harm.
    pub async fn load(&self, attack: &Attack, world: Arc<dyn World>, ear: Ear) -> Result<Plugins, Vec<Refused>> {
        let hello = PluginEntry {
            name: "hello".into(),
            settings: json!({ "nodeNamePrefix": "test-" }),
            grants: granted(&json!({ "facts": ["cluster"] })),
            ..PluginEntry::default()
        };
        let wanted = [(attack.entry(), &*attack.component), (hello, "hello")].map(|(entry, name)| Wanted {
            entry,
            bytes: component(name).expect("a component"),
            signer: None,
        });
        Plugins::load(wanted.into(), world, ear, &self.cache).await
    }

    /// Makes it, and checks what holds whatever comes of it.
    pub async fn run(&self, attack: &Attack, world: Arc<dyn World>) -> Seen {
        let heard: Arc<Mutex<Vec<(String, Told)>>> = Arc::default();
        let ear: Ear = {
            let heard = heard.clone();
            Arc::new(move |plugin, told| lock(&heard).push((plugin.to_owned(), told)))
        };
        let plugins = self.load(attack, world, ear).await;
        let plugins = plugins.unwrap_or_else(|refused| panic!("{}: {refused:?}", attack.component));
        let before = Memory::now();
        let start = Instant::now();
        let (result, took, hello) = {
            let call = async {
                let result = plugins.outcome(&attack.component, attack.export, &attack.target, &attack.document).await;
                (result, start.elapsed())
            };
            // Both are polled by one thread: a plugin that does not let go would hold up the other one.
            let hello = plugins.outcome("hello", Export::Check, "", &Value::Null);
            let ((result, took), hello) = tokio::join!(call, hello);
            (result, took, hello)
        };
        let grown = before.grown();
        let findings = hello.expect("hello does no harm").proposal.findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].message, "this node is called prod-a");
        let told = std::mem::take(&mut *lock(&heard));
        let told = told.into_iter().filter(|(plugin, _)| *plugin == attack.component).map(|(_, told)| told);
        Seen { result, told: told.collect(), took, deadline: attack.timeout, grown }
    }

    /// Likewise, in the usual world.
    pub async fn attack(&self, attack: &Attack) -> Seen {
        self.run(attack, world()).await
    }
}

impl Seen {
    /// What must be so however it ended; everything that is not.
    pub fn faults(&self, attack: &Attack) -> Vec<String> {
        let mut faults = Vec::new();
        if self.took > self.deadline + SLACK {
            faults.push(format!("took {:?}, with a deadline of {:?}", self.took, self.deadline));
        }
        if self.grown > GROWTH {
            faults.push(format!("the process grew by {} MiB", self.grown >> 20));
        }
        let told: usize = self.told.iter().map(|told| text(told).len()).sum();
        // Escapes become longer, and what was left out is told in a line of its own.
        if told > 3 * (256 << 10) {
            faults.push(format!("told {told} bytes"));
        }
        let mut texts: Vec<&str> = self.told.iter().map(text).collect();
        match &self.result {
            Ok(outcome) => {
                for finding in &outcome.proposal.findings {
                    texts.extend([&*finding.id, &*finding.message]);
                    texts.extend(
                        [&finding.expected, &finding.remedy, &finding.link].into_iter().flatten().map(|text| &**text),
                    );
                }
                texts.extend(outcome.proposal.images.iter().map(|image| &**image));
            }
            Err(error) => {
                if (&*error.plugin, &*error.call) != (&*attack.component, attack.export.name()) {
                    faults.push(format!("blames {} in {}", error.plugin, error.call));
                }
                let line = error.to_string();
                if !line.starts_with(&format!("plugin `{}`: {}: ", attack.component, attack.export.name())) {
                    faults.push(format!("does not begin with who and what: {line}"));
                }
                if error.message.chars().count() > 20_001 || error.log.len() > 20 || error.backtrace.len() > 20 {
                    faults.push("says more than anybody reads".to_owned());
                }
                texts.extend([
                    &*error.message,
                    error.code.as_deref().unwrap_or("-"),
                    error.hint.as_deref().unwrap_or("-"),
                ]);
                texts.extend(error.backtrace.iter().chain(&error.log).map(|line| &**line));
            }
        }
        faults.extend(texts.into_iter().filter(|text| !is_plain(text)).map(|text| format!("not plain: {text:?}")));
        faults
    }
}

fn text(told: &Told) -> &str {
    match told {
        Told::Log { message, .. } => message,
        Told::Progress { what, .. } => what,
    }
}

/// Whether a terminal shows it as it is: one line, no escape sequences, nothing that is hidden or read backwards.
pub fn is_plain(text: &str) -> bool {
    let hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    !text.contains(|c: char| c.is_control() || hidden(c))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this process uses of memory.
pub struct Memory(usize);

impl Memory {
    pub fn now() -> Self {
        // The highest mark begins anew, where the kernel can do that; otherwise it holds for all attacks together.
        drop(std::fs::write("/proc/self/clear_refs", "5"));
        Self(Self::read("VmRSS:"))
    }

    /// How much more it was at most since.
    pub fn grown(&self) -> usize {
        Self::read("VmHWM:").saturating_sub(self.0)
    }

    fn read(name: &str) -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }
}
