//! What a process does to the files below a directory, call by call, as the kernel sees it (ptrace(2)); and killing it
//! right before one of the calls, or when half of what it writes is in the file. Nothing in the program helps.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Where the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Never,
    /// Before this one of all calls that change something.
    Before(usize),
    /// In this one of the calls that write, when half of it is written.
    Half(usize),
}

/// A call that changes something.
#[derive(Clone, Debug)]
pub struct Call {
    /// `renameat2 etc/kubernetes/pki/ca.crt`.
    pub text: String,
    /// Whether it writes contents, of which there may be half.
    pub writes: bool,
}

/// What has been seen.
pub struct Followed {
    /// In order.
    pub calls: Vec<Call>,
    /// Where it was killed.
    pub killed_at: Option<String>,
    /// Whether it ended well by itself.
    pub succeeded: bool,
}

/// Follows a process that waits for it, to its end. On the thread that started it: the kernel takes that for the parent.
pub fn follow(child: &Child, root: &Path, cut: Cut) -> Followed {
    let process = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let mut followed = Followed { calls: Vec::new(), killed_at: None, succeeded: false };
    let mut halved: HashMap<Pid, String> = HashMap::new();
    let mut begun = false;
    loop {
        let status = match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
            Ok(status) => status,
            Err(Errno::EINTR) => continue,
            Err(errno) => panic!("the process got lost: {errno}"),
        };
        match status {
            WaitStatus::Exited(pid, code) if pid == process => {
                followed.succeeded = code == 0;
                return followed;
            }
            WaitStatus::Signaled(pid, ..) if pid == process => return followed,
            WaitStatus::Stopped(thread, signal) => {
                if !begun {
                    begun = true;
                    let options =
                        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
                    ptrace::setoptions(thread, options).expect("a tracee");
                }
                // The stop that a thread begins with is nobody's signal.
                go_on(thread, Some(signal).filter(|signal| *signal != Signal::SIGSTOP));
            }
            WaitStatus::PtraceSyscall(thread) => {
                if let Some(text) = halved.remove(&thread) {
                    end(process, &mut followed, format!("in the middle of {text}"));
                } else if followed.killed_at.is_none()
                    && let Some(call) = entered(thread, root)
                {
                    let writes = followed.calls.iter().filter(|call| call.writes).count();
                    let text = call.text.clone();
                    match cut {
                        Cut::Before(n) if n == followed.calls.len() => {
                            end(process, &mut followed, format!("before {text}"));
                        }
                        Cut::Half(n) if call.writes && n == writes => {
                            halve(thread);
                            halved.insert(thread, text);
                        }
                        _ => {}
                    }
                    followed.calls.push(call);
                }
                go_on(thread, None);
            }
            WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None),
            _ => {}
        }
    }
}

/// One that has been killed meanwhile goes nowhere.
fn go_on(thread: Pid, signal: Option<Signal>) {
    match ptrace::syscall(thread, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => panic!("the process cannot go on: {errno}"),
    }
}

fn end(process: Pid, followed: &mut Followed, at: String) {
    kill(process, Signal::SIGKILL).expect("SIGKILL");
    followed.killed_at = Some(at);
}

/// Has a call write half of what it would.
fn halve(thread: Pid) {
    let mut registers = ptrace::getregs(thread).expect("registers");
    registers.rdx /= 2;
    ptrace::setregs(thread, registers).expect("registers");
}

/// The call that a thread is about to make, if it changes a file below `root`.
fn entered(thread: Pid, root: &Path) -> Option<Call> {
    let registers = ptrace::getregs(thread).ok()?;
    // As long as a call has not been made, this is what it has answered.
    if registers.rax.cast_signed() != -i64::from(libc::ENOSYS) {
        return None;
    }
    let text = |at: u64| text(thread, at).ok();
    let of_file = |number: u64| std::fs::read_link(format!("/proc/{thread}/fd/{}", number.cast_signed())).ok();
    let below = |directory: u64, at: u64| match (text(at)?, of_file(directory)) {
        (path, Some(directory)) => Some(directory.join(path)),
        (path, None) => Some(path),
    };
    let creates = |flags: u64| flags & u64::from(libc::O_CREAT.cast_unsigned()) != 0;
    let (name, place, writes) = match registers.orig_rax.cast_signed() {
        libc::SYS_open if creates(registers.rsi) => ("open", text(registers.rdi)?, false),
        libc::SYS_openat if creates(registers.rdx) => ("openat", below(registers.rdi, registers.rsi)?, false),
        libc::SYS_write => ("write", of_file(registers.rdi)?, registers.rdx > 1),
        libc::SYS_pwrite64 => ("pwrite64", of_file(registers.rdi)?, registers.rdx > 1),
        libc::SYS_writev => ("writev", of_file(registers.rdi)?, false),
        libc::SYS_ftruncate => ("ftruncate", of_file(registers.rdi)?, false),
        libc::SYS_fsync => ("fsync", of_file(registers.rdi)?, false),
        libc::SYS_fdatasync => ("fdatasync", of_file(registers.rdi)?, false),
        libc::SYS_fchmod => ("fchmod", of_file(registers.rdi)?, false),
        libc::SYS_fchown => ("fchown", of_file(registers.rdi)?, false),
        libc::SYS_chmod => ("chmod", text(registers.rdi)?, false),
        libc::SYS_fchmodat => ("fchmodat", below(registers.rdi, registers.rsi)?, false),
        libc::SYS_mkdir => ("mkdir", text(registers.rdi)?, false),
        libc::SYS_mkdirat => ("mkdirat", below(registers.rdi, registers.rsi)?, false),
        libc::SYS_rmdir => ("rmdir", text(registers.rdi)?, false),
        libc::SYS_unlink => ("unlink", text(registers.rdi)?, false),
        libc::SYS_unlinkat => ("unlinkat", below(registers.rdi, registers.rsi)?, false),
        libc::SYS_rename => ("rename", text(registers.rsi)?, false),
        libc::SYS_renameat => ("renameat", below(registers.rdx, registers.r10)?, false),
        libc::SYS_renameat2 => ("renameat2", below(registers.rdx, registers.r10)?, false),
        libc::SYS_symlink => ("symlink", text(registers.rsi)?, false),
        libc::SYS_symlinkat => ("symlinkat", below(registers.rsi, registers.rdx)?, false),
        libc::SYS_link => ("link", text(registers.rsi)?, false),
        libc::SYS_linkat => ("linkat", below(registers.rdx, registers.r10)?, false),
        _ => return None,
    };
    let place = place.strip_prefix(root).ok()?;
    Some(Call { text: format!("{name} {}", place.display()), writes })
}

/// A path in the process's memory.
fn text(thread: Pid, at: u64) -> io::Result<PathBuf> {
    let memory = std::fs::File::open(format!("/proc/{thread}/mem"))?;
    let mut bytes = vec![0; libc::PATH_MAX.cast_unsigned() as usize];
    // What lies behind the text may be nobody's.
    let length = memory.read_at(&mut bytes, at)?;
    bytes.truncate(length);
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
    Ok(PathBuf::from(String::from_utf8_lossy(&bytes[..end]).into_owned()))
}
