//! Running a program with an environment of its own.
//!
//! No proxy variables, no locale, no colours, no configuration by environment reach the program from outside.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No command of these tests waits for anything that takes longer.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a program did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// Exit code; None if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Wall time.
    pub took: Duration,
}

impl Outcome {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or("a signal".to_string(), |c| c.to_string());
        write!(f, "{} ended with {code}\n--- stdout\n{}\n--- stderr\n{}", self.command, self.out(), self.err())
    }
}

/// A program under test.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    env: Vec<(String, String)>,
    directory: Option<PathBuf>,
    nobody: bool,
}

/// User and group of [`Program::without_privileges`].
const NOBODY: u32 = 65534;

impl Program {
    /// The `kubephase` of this build.
    pub fn kubephase() -> Self {
        Self::at(Path::new(env!("CARGO_BIN_EXE_kubephase")))
    }

    /// Another one.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), env: Vec::new(), directory: None, nobody: false }
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_string(), value.to_string()));
        self
    }

    /// Adds the variables of another program.
    #[must_use]
    pub fn envs(mut self, other: &Self) -> Self {
        self.env.extend(other.env.iter().cloned());
        self
    }

    /// Starts it in a directory.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_path_buf());
        self
    }

    /// Runs it as an ordinary user. It must be where such a one can reach it.
    #[must_use]
    pub fn without_privileges(mut self) -> Self {
        self.nobody = true;
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end; kills it and fails the test if that does not come.
    #[track_caller]
    pub fn run<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        let args: Vec<String> = args.into_iter().map(|a| a.as_ref().to_string()).collect();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("{name} {}", args.join(" "));
        let mut command = Command::new(&self.path);
        command
            .args(&args)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if self.nobody {
            use std::os::unix::process::CommandExt as _;
            command.uid(NOBODY).gid(NOBODY);
        }
        let start = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{line}: {e}"));
        let drain = |mut pipe: Box<dyn std::io::Read + Send>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                pipe.read_to_end(&mut bytes).map(|_| bytes)
            })
        };
        let stdout = drain(Box::new(child.stdout.take().expect("a pipe")));
        let stderr = drain(Box::new(child.stderr.take().expect("a pipe")));
        let status = loop {
            if let Some(status) = child.try_wait().expect("the child can be waited for") {
                break status;
            }
            if start.elapsed() > DEADLINE {
                child.kill().expect("the child can be killed");
                panic!("{line}: still running after {DEADLINE:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let collect =
            |t: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| t.join().expect("a reader").expect("a pipe");
        let (stdout, stderr) = (collect(stdout), collect(stderr));
        Outcome { command: line, code: status.code(), stdout, stderr, took: start.elapsed() }
    }
}
