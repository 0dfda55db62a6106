//! How long it takes until what was written is on the disk.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kubephase_model::plugin::measured::Latency;
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use super::MeasureError;
use crate::Node;

/// The file grows no larger: what follows is written over its beginning.
const LARGEST: u64 = 64 << 20;
/// Two at the same time would measure each other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Writes `count` blocks of `size` bytes to a new file in the directory, each followed by fdatasync, as etcd's log does.
/// Ends early after `within`, with what was measured until then. The file is gone before anything is written, so that
/// nothing stays behind whatever happens. Neither a dry run nor a rehearsal writes.
pub async fn fdatasync(
    node: &Node,
    directory: &str,
    count: u32,
    size: u32,
    within: Duration,
) -> Result<Latency, MeasureError> {
    if !node.is_real() {
        return Err(MeasureError::NotHere("nothing is written to measure how long it takes"));
    }
    let fail = |source| MeasureError::Io { what: format!("measure writes to {directory}"), source };
    let deadline = Instant::now() + within;
    let Ok(_turn) = tokio::time::timeout(within, ONE_AT_A_TIME.lock()).await else {
        return Err(fail(io::ErrorKind::TimedOut.into()));
    };
    let place = node.walk(directory).map_err(|error| fail(io::Error::new(error.kind(), error)))?;
    let place = place.ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
    // Ends the thread when nobody waits any more.
    let abandoned = Abandon(Arc::default());
    let gone = Arc::clone(&abandoned.0);
    let directory = place.directory().map_err(fail)?;
    let measured = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::from(nameless(&directory)?);
        measure(&file, count, size, || Instant::now() >= deadline || gone.load(Ordering::Relaxed))
    });
    let times = measured.await.map_err(io::Error::other).and_then(|times| times).map_err(fail)?;
    if times.is_empty() {
        return Err(fail(io::ErrorKind::TimedOut.into()));
    }
    Ok(Latency::of(times))
}

struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A new file that has no name any more. `O_TMPFILE` is not on every file system, and may be faster than what etcd does.
fn nameless(directory: &OwnedFd) -> io::Result<OwnedFd> {
    let name = format!(".kubephase-probe.{}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(directory, &*name, flags, Mode::RUSR | Mode::WUSR);
    let file = match open() {
        // Of a process of our number that was killed between these two calls.
        Err(rustix::io::Errno::EXIST) => {
            unlinkat(directory, &*name, AtFlags::empty())?;
            open()?
        }
        opened => opened?,
    };
    unlinkat(directory, &*name, AtFlags::empty())?;
    Ok(file)
}

fn measure(file: &std::fs::File, count: u32, size: u32, enough: impl Fn() -> bool) -> io::Result<Vec<u64>> {
    // Zeros would be left out by file systems that compress.
    let block: Vec<u8> = (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut times = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        if enough() {
            break;
        }
        let begun = Instant::now();
        file.write_all_at(&block, at)?;
        file.sync_data()?;
        times.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        at = if at + u64::from(size) * 2 > LARGEST { 0 } else { at + u64::from(size) };
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn writes_are_measured_and_nothing_stays() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.ensure_dir("/var/lib/etcd", 0o700).expect("made");
        // Left by a process of the same number.
        let left = root.path().join(format!("var/lib/etcd/.kubephase-probe.{}", std::process::id()));
        std::fs::write(left, "x").expect("written");
        let latency = fdatasync(&node, "/var/lib/etcd", 5, 2300, WITHIN).await.expect("measured");
        assert_eq!(latency.count, 5);
        assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max && latency.max > 0);
        assert_eq!(std::fs::read_dir(root.path().join("var/lib/etcd")).expect("there").count(), 0);
        let error = fdatasync(&node, "/none", 5, 2300, WITHIN).await.expect_err("not there");
        assert_eq!(error.code(), "not-found");
    }

    #[tokio::test]
    async fn time_is_not_exceeded() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let begun = Instant::now();
        let within = Duration::from_millis(50);
        // As many as were done, or none if the disk is slower than that.
        if let Ok(latency) = fdatasync(&node, "/", 1_000_000, 4096, within).await {
            assert!(latency.count < 1_000_000);
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_dry_run_does_not_write() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let error = fdatasync(&Node::dry_run_of(root.path(), scratch.path()), "/", 1, 1, WITHIN).await;
        assert_eq!(error.expect_err("it writes").code(), "unavailable");
    }
}
