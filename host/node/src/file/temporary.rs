//! The temporary file that becomes the target: its name says which process made it, so that what a killed run left
//! behind is recognised and removed. It is never found by name and opened; it is made new or not at all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::node::lock;

/// Then `<process id>.<its start time>.<counter>`.
const PREFIX: &str = ".kubephase-tmp.";
/// How many names to try. Each clash means that something sits at our next name.
const ATTEMPTS: usize = 64;

static COUNTER: AtomicU64 = AtomicU64::new(0);
/// Ours never changes.
static STARTED: OnceLock<u64> = OnceLock::new();

/// A complete file that is not in place yet. Dropped before [`Temporary::rename`], it is removed.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: File,
    place: PathBuf,
    target: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Makes it beside `target`, with its final mode; it never has a wider one. Its owner is who runs this.
    pub(crate) fn write(target: &Path, mode: u32, contents: &[u8]) -> io::Result<Self> {
        let directory = target.parent().unwrap_or(Path::new("/"));
        let (file, place) = create(directory, mode)?;
        let mut temporary = Self { file, place, target: target.to_path_buf(), renamed: false };
        // The umask has its say in open; bits such as set-gid are for chmod alone.
        temporary.file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        keep_label(target, &temporary.file);
        temporary.file.write_all(contents)?;
        Ok(temporary)
    }

    /// For more contents.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it to whom the target belongs, if there is one.
    pub(crate) fn keep_owner(&self) -> io::Result<()> {
        let Ok(before) = std::fs::metadata(&self.target) else { return Ok(()) };
        let own = self.file.metadata()?;
        if (before.uid(), before.gid()) == (own.uid(), own.gid()) {
            return Ok(());
        }
        std::os::unix::fs::fchown(&self.file, Some(before.uid()), Some(before.gid()))
    }

    /// Waits until the contents are on disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Puts it in place.
    pub(crate) fn rename(&mut self) -> io::Result<()> {
        std::fs::rename(&self.place, &self.target)?;
        self.renamed = true;
        Ok(())
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The directory that holds it and the target.
    pub(crate) fn directory(&self) -> &Path {
        self.target.parent().unwrap_or(Path::new("/"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // There is nobody to tell, and the next run sweeps it.
            let _ = std::fs::remove_file(&self.place);
        }
    }
}

/// What replaces a file keeps its SELinux label: a new file has that of its directory, with which services may not be
/// able to read it (`/etc/passwd`, keys). Without SELinux there is none, and where it cannot be set the policy decides.
fn keep_label(target: &Path, file: &File) {
    const LABEL: &str = "security.selinux";

    let mut label = [0_u8; 256];
    if let Ok(length) = rustix::fs::getxattr(target, LABEL, &mut label) {
        let _ = rustix::fs::fsetxattr(file, LABEL, &label[..length], rustix::fs::XattrFlags::empty());
    }
}

fn create(directory: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    let pid = std::process::id();
    let started = STARTED.get_or_init(|| start_time(pid).unwrap_or_default());
    let mut last = io::ErrorKind::AlreadyExists.into();
    for _ in 0..ATTEMPTS {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let place = directory.join(format!("{PREFIX}{pid}.{started}.{count}"));
        // create_new is O_EXCL: whatever sits there, link or file, is neither opened nor followed.
        match File::options().write(true).create_new(true).mode(mode).open(&place) {
            Ok(file) => return Ok((file, place)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// True for names that only this module makes.
pub(crate) fn is_temporary(name: &str) -> bool {
    owner(name).is_some()
}

/// Process id and start time of who made it.
fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('.');
    let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next()?.parse::<u64>().ok()?;
    parts.next().is_none().then_some(owner)
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`, see proc(5)): with it a process
/// id is not mistaken for an earlier one.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name and may hold anything, blanks and brackets too.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Directories in which this process has already looked for leftovers.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    directories: Mutex<BTreeSet<PathBuf>>,
}

impl Swept {
    /// Removes what runs that are no longer alive left in `directory`. What cannot be removed stays.
    pub(crate) fn sweep(&self, directory: &Path) {
        if !lock(&self.directories).insert(directory.to_path_buf()) {
            return;
        }
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let dead = entry.file_name().to_str().and_then(owner).is_some_and(|(pid, started)| match start_time(pid) {
                // An unreadable start time was written as 0 and proves nothing.
                Some(now) => started != 0 && now != started,
                // In a root directory without /proc nobody seems to be alive, but we are.
                None => pid != std::process::id(),
            });
            if dead {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_owner() {
        assert_eq!(owner(".kubephase-tmp.12.345.6"), Some((12, 345)));
        for name in [".kubephase-tmp.12.345", ".kubephase-tmp.a.1.1", ".kubephase-tmp.1.1.1.1", "ca.crt"] {
            assert_eq!(owner(name), None, "{name}");
        }
    }

    #[test]
    fn only_the_dead_are_swept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pid = std::process::id();
        let started = start_time(pid).expect("our own start time");
        let living = format!("{PREFIX}{pid}.{started}.7");
        let reused = format!("{PREFIX}{pid}.{}.7", started + 1);
        let dead = format!("{PREFIX}{}.1.7", u32::MAX);
        for name in [&*living, &*reused, &*dead, "other"] {
            std::fs::write(directory.path().join(name), "").expect("a file");
        }
        Swept::default().sweep(directory.path());
        let mut left: Vec<_> = std::fs::read_dir(directory.path())
            .expect("the directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain names"))
            .collect();
        left.sort();
        assert_eq!(left, [living, "other".into()]);
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "precious").expect("a file");
        let pid = std::process::id();
        let started = start_time(pid).expect("our own start time");
        let next = COUNTER.load(Ordering::Relaxed);
        // Other tests count too, so plant a few.
        for count in next..next + 20 {
            let link = directory.path().join(format!("{PREFIX}{pid}.{started}.{count}"));
            std::os::unix::fs::symlink(&victim, link).expect("a link");
        }
        let mut temporary = Temporary::write(&directory.path().join("key"), 0o600, b"secret").expect("another name");
        temporary.rename().expect("in place");
        assert_eq!(std::fs::read(&victim).expect("the victim"), b"precious");
        assert_eq!(std::fs::read(directory.path().join("key")).expect("the target"), b"secret");
    }
}
