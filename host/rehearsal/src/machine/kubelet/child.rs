//! A program that was started for a rehearsal and does not outlive it. When we are killed nobody is left of us who could
//! end it: a shell beside it notices, because its standard input ends with us, and kills it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, then ends the process that `$0` is.
const WATCH: &str = "read -r gone; kill -9 \"$0\"";

/// A program at work; it is ended when this goes.
pub struct Program {
    name: String,
    child: Child,
    watch: Child,
}

impl Program {
    /// Starts it under a name of ours. Ctrl-C is for us, who end it.
    pub fn start(name: &str, command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let mut watch = Command::new("sh");
        let watch = watch.args(["-c", WATCH, &child.id().to_string()]).stdin(Stdio::piped()).stdout(Stdio::null());
        match watch.stderr(Stdio::null()).process_group(0).spawn() {
            Ok(watch) => Ok(Self { name: name.to_owned(), child, watch }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Under which it was started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // First who watches: when the program is gone its number may be somebody else's.
        end(&mut self.watch);
        end(&mut self.child);
    }
}

/// One that has ended already is what is wanted.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}
