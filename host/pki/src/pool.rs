//! Keys made ahead on other threads. RSA keys are by far the slowest part of `init`'s file phases, and each is
//! independent of everything else, so they are made on all processors while phases go on.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kubephase_model::KeyAlgorithm;

use crate::key::{KeyError, PrivateKey, generate_key};

/// A cluster has some fifteen keys, so more threads than twice that would only be in each other's way.
const MOST_THREADS: usize = 32;

/// A supply of new keys of one kind. Dropping it stops the threads after the keys they are at.
#[derive(Debug)]
pub struct KeyPool {
    algorithm: KeyAlgorithm,
    /// Keys that are not ready yet; set to zero to stop.
    left: Arc<AtomicUsize>,
    ready: Mutex<Receiver<Result<PrivateKey, KeyError>>>,
}

impl KeyPool {
    /// Starts to make `count` keys, on every available processor. Returns at once; with `count` 0 no thread is started
    /// and every key is made when it is asked for. So are elliptic curves' keys, which take less than a thread does.
    pub fn start(count: usize, algorithm: KeyAlgorithm) -> Self {
        let left = Arc::new(AtomicUsize::new(count));
        let (sender, ready) = mpsc::channel();
        let threads =
            if is_slow(algorithm) && count > 0 { thread::available_parallelism().map_or(1, NonZero::get) } else { 0 };
        for number in 0..threads.min(MOST_THREADS) {
            let (left, sender) = (Arc::clone(&left), sender.clone());
            // A thread that cannot be started is no loss: `take` makes what the others do not.
            let _ =
                thread::Builder::new().name(format!("keygen-{number}")).spawn(move || work(algorithm, &left, &sender));
        }
        Self { algorithm, left, ready: Mutex::new(ready) }
    }

    /// The next key: one that is ready, else the next that gets ready, else, when all that were ordered have been
    /// taken, a new one.
    pub fn take(&self) -> Result<PrivateKey, KeyError> {
        // The channel is closed, and `recv` returns at once, when the last thread has sent its last key.
        let made = self.ready.lock().unwrap_or_else(PoisonError::into_inner).recv();
        made.unwrap_or_else(|_| generate_key(self.algorithm))
    }

    /// A key that is ready now or can be made at once.
    pub fn try_take(&self) -> Option<Result<PrivateKey, KeyError>> {
        if !is_slow(self.algorithm) {
            return Some(generate_key(self.algorithm));
        }
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

impl Drop for KeyPool {
    fn drop(&mut self) {
        self.left.store(0, Ordering::Relaxed);
    }
}

/// Whether making a key takes longer than starting a thread.
fn is_slow(algorithm: KeyAlgorithm) -> bool {
    matches!(algorithm, KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096)
}

/// How long it takes to find a prime is luck. So nobody waits for the last key while other processors idle: all look for
/// it, the first wins, and what the others find is thrown away.
fn work(algorithm: KeyAlgorithm, left: &AtomicUsize, sender: &Sender<Result<PrivateKey, KeyError>>) {
    while left.load(Ordering::Relaxed) > 0 {
        let key = generate_key(algorithm);
        let wanted = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if !wanted || sender.send(key).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_distinct_and_go_on_after_the_last_ordered_one() {
        for (algorithm, ordered) in [
            (KeyAlgorithm::EcdsaP256, 3),
            (KeyAlgorithm::Rsa2048, 0),
            (KeyAlgorithm::Rsa2048, 1),
            (KeyAlgorithm::Rsa2048, 3),
        ] {
            let pool = KeyPool::start(ordered, algorithm);
            let keys: BTreeSet<Vec<u8>> = (0..4).map(|_| pool.take().unwrap().public_der().to_vec()).collect();
            assert_eq!(keys.len(), 4, "{ordered} ordered");
        }
    }

    #[test]
    fn dropping_stops_the_threads() {
        let pool = KeyPool::start(1_000_000, KeyAlgorithm::Rsa2048);
        let left = Arc::downgrade(&pool.left);
        pool.take().unwrap();
        drop(pool);
        for _ in 0..500 {
            if left.strong_count() == 0 {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("a thread still runs after 5 s");
    }
}
