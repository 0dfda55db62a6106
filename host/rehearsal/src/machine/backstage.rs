//! The thread on which everything pretended lives: the API server, its controllers, the kubelet and the container
//! runtime. It is apart from the program's own, so that whoever waits here without giving way does not wait for ever.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Runs until it is dropped. Cheap to clone: the last one to go ends it, and all that runs on it.
#[derive(Clone, Debug)]
pub struct Backstage {
    handle: Handle,
    _thread: Arc<Thread>,
}

#[derive(Debug)]
struct Thread {
    end: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Backstage {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("rehearsal".into()).spawn(move || {
            // A sender that is gone ends it as well.
            drop(runtime.block_on(ended));
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        let thread = Thread { end: Mutex::new(Some(end)), thread: Mutex::new(Some(thread)) };
        Ok(Self { handle, _thread: Arc::new(thread) })
    }

    /// Where to put tasks.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Does something there and waits for it, from a thread that runs no tasks.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let (done, result) = std::sync::mpsc::channel();
        self.handle.spawn(async move { drop(done.send(future.await)) });
        result.recv().map_err(|_| io::Error::other("the rehearsal has ended meanwhile"))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let take =
            |slot: &Mutex<Option<oneshot::Sender<()>>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(take(&self.end));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its own tasks may be the last to let go of it: a thread does not wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // It has nothing to say if it has panicked.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_beside_us_and_ends_with_its_last_handle() {
        let backstage = Backstage::start().expect("a thread");
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        backstage.handle().spawn(async move {
            let _kept = sender;
            std::future::pending::<()>().await;
        });
        assert_eq!(backstage.wait(async { 2 + 2 }).expect("an answer"), 4);
        let other = backstage.clone();
        drop(backstage);
        assert_eq!(other.wait(async { 1 }).expect("still there"), 1);
        drop(other);
        // The task was dropped, and its sender with it.
        assert!(receiver.recv().is_err());
    }
}
