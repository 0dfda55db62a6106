//! Puts the machine back as it was, however the test ends.
//!
//! Every change is announced here together with the shell command that takes it back. The commands go down a
//! pipe to a shell that does nothing until the pipe closes: when the test is over, fails, is interrupted or
//! killed. It then runs them in reverse order. A signal handler could not do this after SIGKILL or an abort.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

use anyhow::{Context, Result, bail};

use super::command::cmd;

/// Collects until end of input, then runs the lines last to first; counts those that fail.
const KEEPER: &str = r#"
trap '' HUP INT TERM
lines=$(cat)
failed=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    sh -c "$line" || { echo "could not undo: $line" >&2; failed=$((failed + 1)); }
done <<EOF
$(printf '%s\n' "$lines" | tac)
EOF
exit $failed
"#;

/// The pipe to the shell that cleans up.
pub struct Undo {
    keeper: Child,
    pipe: Option<ChildStdin>,
    log: PathBuf,
}

impl Undo {
    /// Starts the cleaning shell; what it says goes to `log`.
    pub fn start(log: PathBuf) -> Result<Self> {
        let said = std::fs::File::create(&log).with_context(|| format!("could not create {}", log.display()))?;
        let mut command = cmd("sh").args(["-c", KEEPER]).to_command();
        // A process group of its own: Ctrl-C at the terminal must reach the test, not its cleaner.
        command.process_group(0).stdin(Stdio::piped()).stdout(said.try_clone()?).stderr(said);
        let mut keeper = command.spawn().context("could not start the cleaning shell")?;
        let pipe = keeper.stdin.take();
        Ok(Self { keeper, pipe, log })
    }

    /// Announces `command` as what takes the next change back. Call it before the change is made: undoing
    /// what was never done must be harmless.
    pub fn push(&mut self, command: &str) -> Result<()> {
        let Some(pipe) = &mut self.pipe else { bail!("cleaning has begun already") };
        writeln!(pipe, "{command}").and_then(|()| pipe.flush()).context("the cleaning shell is gone")
    }

    /// Announces that process `pid` is ours to kill, as long as it is still the one that we started.
    pub fn push_kill(&mut self, pid: u32) -> Result<()> {
        let started = start_time(pid)?;
        self.push(&format!(
            "s=$(sed 's/.*) //' /proc/{pid}/stat 2>/dev/null | cut -d' ' -f20); [ \"$s\" != {started} ] || \
             {{ kill -9 {pid}; for i in $(seq 100); do case \"$(sed 's/.*) //' /proc/{pid}/stat 2>/dev/null)\" in ''|Z*) break;; esac; sleep 0.05; done; }}"
        ))
    }

    /// Cleans up now and says what could not be undone.
    pub fn finish(mut self) -> Result<()> {
        drop(self.pipe.take());
        let status = self.keeper.wait().context("could not wait for the cleaning shell")?;
        if !status.success() {
            bail!("cleaning up failed in parts:\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        Ok(())
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.keeper.wait();
    }
}

/// When the process started, in clock ticks since boot: with its id it names one process for good.
fn start_time(pid: u32) -> Result<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("no process {pid}"))?;
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name.split(' ').nth(19).map(str::to_owned).with_context(|| format!("cannot read the start time of {pid}"))
}

/// Quotes a path for the cleaning shell.
pub fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
