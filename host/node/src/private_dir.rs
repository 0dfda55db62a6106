//! A directory of our own, for what must be as we left it when it is used again: nobody else may write to it, nor to any
//! directory above it. For caches on the machine that this program runs on, not for the node's files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory that only this user can change.
#[derive(Clone, Debug)]
pub struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    /// Opens it, after making what is missing of it with mode 0700. Refuses one that others could have written to.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        // Links are followed once, here: what is checked is what is used.
        let path = path.canonicalize()?;
        for (above, directory) in path.ancestors().enumerate() {
            trusted(directory, above == 0)?;
        }
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whole contents of a file that only this user could have written; `None` if it is not there.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() | rustix::fs::OFlags::NONBLOCK.bits();
        let mut file = match OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(self.path.join(name))
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.uid() != user() || metadata.permissions().mode() & 0o022 != 0 {
            return Err(untrusted(&self.path.join(name), "it is not a file that only this user can write"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a file whole or not at all, mode 0600. It may be lost by a power cut, never half there.
    pub fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.path)?;
        file.write_all(contents)?;
        file.as_file().sync_data()?;
        file.persist(self.path.join(name)).map(|_: File| ()).map_err(|error| error.error)
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Names in it, sorted.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

/// Where this program keeps what it can make again: `/var/cache/kubephase` for root, otherwise
/// `$XDG_CACHE_HOME/kubephase` or `~/.cache/kubephase`; `None` if there is no home.
pub fn cache_home() -> Option<PathBuf> {
    if user() == 0 {
        return Some("/var/cache/kubephase".into());
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("kubephase"))
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether what is in this directory can be changed by nobody but this user and root.
fn trusted(directory: &Path, own: bool) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(directory)?;
    let mode = metadata.permissions().mode();
    if metadata.uid() != user() && (own || metadata.uid() != 0) {
        return Err(untrusted(directory, "it belongs to somebody else"));
    }
    // In a sticky directory such as /tmp others cannot rename what is ours.
    if mode & 0o022 != 0 && (own || mode & 0o1000 == 0) {
        return Err(untrusted(directory, "others can write to it"));
    }
    Ok(())
}

fn untrusted(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not used: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn what_is_written_is_read_again_by_its_owner_alone() {
        let base = tempfile::tempdir().expect("a directory");
        let dir = PrivateDir::open(base.path().join("a/b")).expect("made");
        assert_eq!(dir.read("x").expect("nothing there"), None);
        dir.write("x", b"one").expect("written");
        dir.write("x", b"two").expect("written again");
        assert_eq!(dir.read("x").expect("ours").as_deref(), Some(&b"two"[..]));
        assert_eq!(std::fs::metadata(dir.path().join("x")).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(dir.list().expect("listed"), ["x"]);
        dir.remove("x").expect("gone");
        dir.remove("x").expect("was gone");
        assert_eq!(dir.list().expect("listed"), [""; 0]);
    }

    #[test]
    fn what_others_could_have_written_is_refused() {
        let base = tempfile::tempdir().expect("a directory");
        let dir = PrivateDir::open(base.path().join("a")).expect("made");
        dir.write("x", b"one").expect("written");
        mode(&dir.path().join("x"), 0o666);
        assert!(dir.read("x").is_err(), "a file that all may write");
        mode(dir.path(), 0o777);
        assert!(PrivateDir::open(dir.path()).is_err(), "a directory that all may write");
        mode(dir.path(), 0o700);
        mode(base.path(), 0o777);
        assert!(PrivateDir::open(dir.path()).is_err(), "one above that all may write");
        mode(base.path(), 0o1777);
        assert!(PrivateDir::open(dir.path()).is_ok(), "one above that is sticky, as /tmp is");
        std::os::unix::fs::symlink(dir.path().join("x"), dir.path().join("link")).expect("linked");
        assert!(dir.read("link").is_err(), "a link");
    }
}
