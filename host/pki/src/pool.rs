//! Keys made ahead on other threads. RSA keys are by far the slowest part of `init`'s file phases, and each is
//! independent of everything else, so they are made on all processors while phases go on.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kubephase_model::KeyAlgorithm;

use crate::key::{KeyError, PrivateKey, generate_key};

/// A supply of new keys of one kind. Dropping it stops the threads after the keys they are at.
#[derive(Debug)]
pub struct KeyPool {
    algorithm: KeyAlgorithm,
    /// Keys that nobody has begun yet; set to zero to stop.
    left: Arc<AtomicUsize>,
    ready: Mutex<Receiver<Result<PrivateKey, KeyError>>>,
}

impl KeyPool {
    /// Starts to make `count` keys, on one thread per available processor and not more than are needed. Returns at
    /// once; with `count` 0 no thread is started and every key is made when it is asked for.
    pub fn start(count: usize, algorithm: KeyAlgorithm) -> Self {
        let left = Arc::new(AtomicUsize::new(count));
        let (sender, ready) = mpsc::channel();
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count);
        for number in 0..threads {
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

    /// A key that is ready now, if there is one.
    pub fn try_take(&self) -> Option<Result<PrivateKey, KeyError>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

impl Drop for KeyPool {
    fn drop(&mut self) {
        self.left.store(0, Ordering::Relaxed);
    }
}

fn work(algorithm: KeyAlgorithm, left: &AtomicUsize, sender: &Sender<Result<PrivateKey, KeyError>>) {
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        if sender.send(generate_key(algorithm)).is_err() {
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
        for ordered in [0, 1, 5] {
            let pool = KeyPool::start(ordered, KeyAlgorithm::EcdsaP256);
            let keys: BTreeSet<Vec<u8>> = (0..8).map(|_| pool.take().unwrap().public_der().to_vec()).collect();
            assert_eq!(keys.len(), 8, "{ordered} ordered");
        }
    }

    #[test]
    fn dropping_stops_the_threads() {
        let pool = KeyPool::start(1_000_000, KeyAlgorithm::EcdsaP256);
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
