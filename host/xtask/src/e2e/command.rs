//! The one way this test starts programs: a command line whose status and output are kept,
//! so that every failure says what was run and what it answered. Nothing here knows Kubernetes.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A command line that has not run yet.
pub struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    log: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
}

/// What a finished command left behind.
pub struct Output {
    /// Exit status, successful or not.
    pub status: ExitStatus,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

/// Starts describing a command line.
pub fn cmd(program: impl AsRef<OsStr>) -> Cmd {
    Cmd { program: program.as_ref().to_owned(), args: Vec::new(), envs: Vec::new(), dir: None, log: None, stdin: None }
}

impl Cmd {
    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs in `dir`.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Appends the command line, its output and its status to `file` as well: for long commands, whose
    /// output should be readable while they run and after we were interrupted.
    pub fn log(mut self, file: impl AsRef<Path>) -> Self {
        self.log = Some(file.as_ref().to_owned());
        self
    }

    /// Feeds the program this standard input; without it there is none.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The command line as a person would type it.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args).map(|w| w.to_string_lossy());
        let words =
            words.map(|w| if w.is_empty() || w.contains([' ', '\n', '"', '$']) { format!("'{w}'") } else { w.into() });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The `Command` for callers that need a child rather than a result.
    pub fn to_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.envs.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Runs to the end, whatever the status; only failing to start is an error.
    pub fn output(self) -> Result<Output> {
        let mut command = self.to_command();
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        if let Some(path) = &self.log {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "$ {}", self.line())?;
            let before = file.metadata()?.len() as usize;
            let mut child = command
                .stdout(file.try_clone()?)
                .stderr(file.try_clone()?)
                .spawn()
                .with_context(|| format!("could not start `{}`", self.line()))?;
            if let (Some(bytes), Some(mut pipe)) = (&self.stdin, child.stdin.take()) {
                pipe.write_all(bytes)?;
            }
            let status = child.wait()?;
            writeln!(file, "[{status}]")?;
            let text = String::from_utf8_lossy(&std::fs::read(path)?[before..]).into_owned();
            return Ok(Output { status, stdout: text, stderr: String::new() });
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("could not start `{}`", self.line()))?;
        // Everything fed here is far smaller than a pipe's buffer, so writing first cannot deadlock.
        if let (Some(bytes), Some(mut pipe)) = (&self.stdin, child.stdin.take()) {
            pipe.write_all(bytes)?;
        }
        let out = child.wait_with_output().with_context(|| format!("could not wait for `{}`", self.line()))?;
        Ok(Output {
            status: out.status,
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        })
    }

    /// Runs, and fails with what the program said unless it succeeds. Answers its standard output.
    pub fn run(self) -> Result<String> {
        let line = self.line();
        let log = self.log.clone();
        let out = self.output()?;
        if !out.status.success() {
            let said = tail(&format!("{}{}", out.stdout, out.stderr), 25);
            let more = log.map(|l| format!("\n(all of it in {})", l.display())).unwrap_or_default();
            bail!("`{line}` failed ({}):\n{said}{more}", out.status);
        }
        Ok(out.stdout)
    }

    /// Whether the command can be run and succeeds.
    pub fn succeeds(self) -> bool {
        self.output().is_ok_and(|out| out.status.success())
    }
}

/// The last `lines` lines of `text`.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Asks `ready` every 100 ms until it answers `Ok(value)`; after `limit` its last refusal becomes the error.
pub fn wait_until<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match ready() {
            Ok(value) => return Ok(value),
            Err(cause) if start.elapsed() >= limit => {
                return Err(cause.context(format!("waited {} s in vain for {what}", limit.as_secs())));
            }
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Writes a file and the directories that it needs.
pub fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("could not create {}", parent.display()))?;
    }
    let mut file = File::create(path).with_context(|| format!("could not create {}", path.display()))?;
    file.write_all(text.as_ref()).with_context(|| format!("could not write {}", path.display()))
}

/// A short name for `text`'s content.
pub fn short_sum(text: &str) -> Result<String> {
    Ok(cmd("sha256sum").stdin(text).run()?.chars().take(12).collect())
}
