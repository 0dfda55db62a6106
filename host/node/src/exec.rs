//! Running programs: with a deadline, with no input but what is given, out of reach of the terminal's Ctrl-C, and in a dry run not at
//! all if they would change anything. It knows no program by name.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::change::{Change, ChangeKind};
use crate::node::{Found, Node};

/// Looked through if the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// More output than this is cut off, per stream.
const OUTPUT_LIMIT: u64 = 16 << 20;
/// Time that a program gets if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name, looked for in `PATH`, or a path on the node.
    pub program: String,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// Variables on top of the environment. `LC_ALL=C` is always set, so that output can be matched.
    pub env: Vec<(String, String)>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// It is killed after this.
    pub timeout: Duration,
    /// What it changes, as a phrase like "restart kubelet"; `None` if it only looks. A dry run does not run what
    /// changes something.
    pub effect: Option<String>,
}

impl Command {
    /// A program that changes nothing.
    pub fn look<S: Into<String>>(program: &str, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.to_owned(), args, env: Vec::new(), input: Vec::new(), timeout: TIMEOUT, effect: None }
    }

    /// A program that changes something: `effect` says what, as in "restart kubelet".
    pub fn act<S: Into<String>>(effect: &str, program: &str, args: impl IntoIterator<Item = S>) -> Self {
        Self { effect: Some(effect.to_owned()), ..Self::look(program, args) }
    }

    /// Gives it another deadline than 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The line as typed in a shell, near enough to read.
    fn line(&self) -> String {
        std::iter::once(&self.program).chain(&self.args).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// What is not UTF-8 is replaced.
    pub stdout: String,
    /// What is not UTF-8 is replaced.
    pub stderr: String,
}

impl Output {
    /// True if it ended with 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }
}

/// A program did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It is not in `PATH`.
    #[error("cannot find the program {program}")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// It is there, but does not run.
    #[error("cannot run {line:?}")]
    Run {
        /// The whole line.
        line: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("{line:?} has not ended after {} s and was killed", timeout.as_secs_f32())]
    TimedOut {
        /// The whole line.
        line: String,
        /// How long it had.
        timeout: Duration,
    },
    /// It ended with a failure.
    #[error("{line:?} failed with {}", outcome(output))]
    Failed {
        /// The whole line.
        line: String,
        /// All that it said.
        output: Output,
    },
}

/// Status and the last words, which most programs use to say what is wrong.
fn outcome(output: &Output) -> String {
    let status = output.status.map_or_else(|| "a signal".to_owned(), |status| format!("status {status}"));
    let said = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
    match said.trim().lines().next_back() {
        Some(last) => format!("{status}: {last}"),
        None => status,
    }
}

impl ExecError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { program } => Some(format!("install {program}, or add its directory to PATH")),
            Self::TimedOut { line, .. } => Some(format!("run {line:?} by hand to see what it waits for")),
            Self::Run { .. } | Self::Failed { .. } => None,
        }
    }
}

impl Node {
    /// Where a program is on the node, by `PATH`; a name with a slash is looked at as it is.
    pub fn in_path(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return self.is_program(program).then(|| PathBuf::from(program));
        }
        let path = self.env("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned());
        // A relative entry would run what lies in the working directory.
        let directories = path.split(':').filter(|directory| directory.starts_with('/'));
        directories.map(|directory| Path::new(directory).join(program)).find(|p| self.is_program(&p.to_string_lossy()))
    }

    fn is_program(&self, path: &str) -> bool {
        !self.is_dir(path) && self.mode(path).is_some_and(|mode| mode & 0o111 != 0)
    }

    /// Runs a program to its end, whatever its status is. What it changed is recorded; in a dry run what would change
    /// something is recorded only, and has succeeded without a word.
    pub async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        if let Some(effect) = &command.effect
            && self.is_dry_run()
        {
            self.record(Change::new(&format!("would {effect}"), ChangeKind::Ran));
            return Ok(Output { status: Some(0), ..Output::default() });
        }
        let not_found = || ExecError::NotFound { program: command.program.clone() };
        let path = self.in_path(&command.program).ok_or_else(not_found)?;
        let Found::At(place) = self.find(&path.to_string_lossy()) else { return Err(not_found()) };
        let running = async {
            match self.stage() {
                Some(stage) => stage.run(command).await,
                None => spawn(&place, command).await,
            }
        };
        let output = match tokio::time::timeout(command.timeout, running).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => return Err(ExecError::Run { line: command.line(), source }),
            Err(_) => return Err(ExecError::TimedOut { line: command.line(), timeout: command.timeout }),
        };
        if let Some(effect) = &command.effect {
            self.record(Change::new(effect, ChangeKind::Ran));
        }
        Ok(output)
    }

    /// Like [`Node::run`], but another status than 0 is an error.
    pub async fn run_ok(&self, command: &Command) -> Result<Output, ExecError> {
        let output = self.run(command).await?;
        if output.success() { Ok(output) } else { Err(ExecError::Failed { line: command.line(), output }) }
    }
}

async fn spawn(place: &Path, command: &Command) -> io::Result<Output> {
    let mut child = {
        let mut prepared = tokio::process::Command::new(place);
        prepared
            .args(&command.args)
            .env("LC_ALL", "C")
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .stdin(if command.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us: half a `systemctl restart` is worse than a late one.
            .process_group(0)
            .kill_on_drop(true);
        start(&mut prepared).await?
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdin = child.stdin.take();
    let (stdout, stderr, (), status) =
        tokio::try_join!(collect(stdout), collect(stderr), feed(stdin, &command.input), child.wait())?;
    Ok(Output { status: status.code(), stdout, stderr })
}

/// A program that was written a moment ago can be "busy" for as long as another thread's child holds on to it.
async fn start(prepared: &mut tokio::process::Command) -> io::Result<tokio::process::Child> {
    for _ in 0..10 {
        match prepared.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
    prepared.spawn()
}

async fn feed(stream: Option<impl AsyncWrite + Unpin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    match stream.write_all(input).await {
        // It need not read to the end to know what to say.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

async fn collect(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(OUTPUT_LIMIT).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kubephase_model::File;

    /// Puts a shell script where the node's programs are.
    pub(crate) fn script(node: &Node, name: &str, body: &str) {
        let file = File { mode: 0o755, ..File::public(format!("/usr/bin/{name}"), format!("#!/bin/sh\n{body}\n")) };
        node.ensure(&file).expect("a script");
        node.changes();
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future)
    }

    #[test]
    fn a_program_below_the_root_is_run_and_none_of_the_hosts() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "greet", "echo \"hello $1 $LC_ALL\"; echo oops >&2; exit 3");
        let output = block_on(node.run(&Command::look("greet", ["you"]))).expect("it runs");
        assert_eq!((output.status, &*output.stdout, &*output.stderr), (Some(3), "hello you C\n", "oops\n"));
        assert_eq!(node.changes(), []);
        let error = block_on(node.run_ok(&Command::look("greet", ["you"]))).expect_err("it failed");
        assert_eq!(error.to_string(), "\"greet you\" failed with status 3: oops");
        let error = block_on(node.run(&Command::look("ls", ["/"]))).expect_err("the host has it, the node not");
        assert!(matches!(error, ExecError::NotFound { .. }) && error.hint().is_some());
    }

    #[test]
    fn a_program_reads_what_it_is_given_and_nothing_else() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "shout", "tr a-z A-Z");
        script(&node, "deaf", "echo no");
        let said = |command: &Command| block_on(node.run_ok(command)).expect("it runs").stdout;
        assert_eq!(said(&Command::look("shout", [""; 0]).input("hello")), "HELLO");
        assert_eq!(said(&Command::look("shout", [""; 0])), "");
        assert_eq!(said(&Command::look("deaf", [""; 0]).input(vec![b'x'; 1 << 20])), "no\n");
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "hang", "exec sleep 60");
        let command = Command::look("hang", [""; 0]).timeout(Duration::from_millis(200));
        let begun = std::time::Instant::now();
        let error = block_on(node.run(&command)).expect_err("too slow");
        assert!(matches!(error, ExecError::TimedOut { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_dry_run_names_what_it_would_do_and_does_not() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let mark = root.path().join("mark");
        script(&Node::at(root.path()), "touchit", &format!("echo > {}", mark.display()));
        let node = Node::dry_run_of(root.path(), scratch.path());
        let act = Command::act("touch it", "touchit", [""; 0]);
        assert!(block_on(node.run_ok(&act)).expect("as if").success());
        assert!(!mark.exists());
        assert_eq!(node.changes(), [Change::new("would touch it", ChangeKind::Ran)]);
        let real = Node::at(root.path());
        block_on(real.run_ok(&act)).expect("it runs");
        assert!(mark.exists());
        assert_eq!(real.changes(), [Change::new("touch it", ChangeKind::Ran)]);
    }

    #[test]
    fn only_programs_are_found() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        script(&node, "mount", ":");
        node.ensure(&File::public("/usr/bin/readme", "")).expect("written");
        node.ensure_dir("/usr/bin/folder", 0o755).expect("made");
        assert_eq!(node.in_path("mount"), Some("/usr/bin/mount".into()));
        assert_eq!(node.in_path("/usr/bin/mount"), Some("/usr/bin/mount".into()));
        assert_eq!((node.in_path("readme"), node.in_path("folder"), node.in_path("none")), (None, None, None));
    }
}
