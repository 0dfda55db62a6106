//! Pulling images through the container runtime: all at the same time or one after the other, each with some attempts,
//! and whatever fails, the others go on. Which images, and what a failure means, is for the caller to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kubephase_node::{Cri, CriError};

use crate::check::chain;

/// kubeadm's number of attempts per image.
const ATTEMPTS: usize = 5;
/// Before the second attempt; twice that before the third, and so on. A registry that just refused will refuse at once.
const PAUSE: Duration = Duration::from_millis(200);

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Even if it is there.
    Always,
    /// Only if it is not.
    IfNotPresent,
    /// Never: nothing is looked at either.
    Never,
}

impl PullPolicy {
    /// As the configuration writes it; empty is the default, `IfNotPresent`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Always" => Some(Self::Always),
            "" | "IfNotPresent" => Some(Self::IfNotPresent),
            "Never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// What happens to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// It is there already.
    Present,
    /// An attempt begins, counted from 1.
    Pulling {
        /// Which one.
        attempt: usize,
    },
    /// It has been pulled.
    Pulled,
    /// Every attempt failed.
    Failed {
        /// Why the last one did.
        why: String,
    },
}

/// Progress of the pulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullEvent {
    /// The image.
    pub image: String,
    /// What happens to it.
    pub pull: Pull,
    /// How many images are settled, this one included if it is.
    pub settled: usize,
    /// How many there are.
    pub images: usize,
}

/// Where [`PullEvent`]s go.
pub type PullProgress = Arc<dyn Fn(PullEvent) + Send + Sync>;

/// An image that could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFailure {
    /// The image.
    pub image: String,
    /// Why the last attempt failed, on one line.
    pub why: String,
}

impl PullFailure {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        if is_final(&self.why) {
            "see that imageRepository, kubernetesVersion and image tags name an image that exists and may be pulled"
        } else {
            "see that this machine reaches the registry (the container runtime needs the proxy settings, not this \
             program), set imageRepository to a mirror, or bring the images with `kubephase images load` and set \
             imagePullPolicy to IfNotPresent"
        }
    }
}

/// Pulls the images and tells every step; returns what could not be had, in the order of `images`. One that comes to
/// nothing stops no other. Nothing limits how long it takes; dropped midway, the pulls that run are given up.
pub async fn pull_images(
    cri: &Cri,
    images: &[&str],
    policy: PullPolicy,
    serial: bool,
    progress: &(dyn Fn(PullEvent) + Send + Sync),
) -> Vec<PullFailure> {
    let present = |image: String| {
        let cri = cri.clone();
        async move { cri.image_present(&image).await.unwrap_or(false) }
    };
    let fetch = |image: String| {
        let cri = cri.clone();
        async move { cri.pull(&image).await.map(drop).map_err(|error| why(&error)) }
    };
    Puller { policy, serial, pause: PAUSE, progress }.all(images, present, fetch).await
}

/// The runtime's words; its image is named beside them.
fn why(error: &CriError) -> String {
    match error {
        CriError::Runtime { message, .. } => message.replace(['\n', '\r'], " "),
        other => chain(other),
    }
}

/// Answers that a second attempt will not change.
fn is_final(why: &str) -> bool {
    ["not found", "manifest unknown", "unauthorized", "403 Forbidden", "401 Unauthorized", "insufficient_scope"]
        .iter()
        .any(|text| why.contains(text))
        && !why.contains("no such host")
}

/// Pulls images by the rules, whatever pulling is.
struct Puller<'a> {
    policy: PullPolicy,
    serial: bool,
    pause: Duration,
    progress: &'a (dyn Fn(PullEvent) + Send + Sync),
}

impl Puller<'_> {
    /// Returns what could not be pulled and why, in the order of `images`.
    async fn all<P, F>(
        &self,
        images: &[&str],
        present: impl Fn(String) -> P + Sync,
        fetch: impl Fn(String) -> F + Sync,
    ) -> Vec<PullFailure>
    where
        P: Future<Output = bool> + Send,
        F: Future<Output = Result<(), String>> + Send,
    {
        let settled = AtomicUsize::new(0);
        let one = |image: String| {
            let (present, fetch, settled) = (&present, &fetch, &settled);
            async move {
                let tell = |pull: Pull| {
                    let done = match pull {
                        Pull::Pulling { .. } => settled.load(Ordering::Relaxed),
                        _ => settled.fetch_add(1, Ordering::Relaxed) + 1,
                    };
                    (self.progress)(PullEvent { image: image.clone(), pull, settled: done, images: images.len() });
                };
                if self.policy == PullPolicy::IfNotPresent && present(image.clone()).await {
                    tell(Pull::Present);
                    return None;
                }
                let mut last = String::new();
                for attempt in 1..=ATTEMPTS {
                    if attempt > 1 {
                        tokio::time::sleep(self.pause * u32::try_from(attempt - 1).unwrap_or(1)).await;
                    }
                    tell(Pull::Pulling { attempt });
                    match fetch(image.clone()).await {
                        Ok(()) => {
                            tell(Pull::Pulled);
                            return None;
                        }
                        Err(why) => last = why,
                    }
                    if is_final(&last) {
                        break;
                    }
                }
                tell(Pull::Failed { why: last.clone() });
                Some(PullFailure { image, why: last })
            }
        };
        let images = images.iter().map(|image| (*image).to_owned());
        // Never is not worth a look either.
        if self.policy == PullPolicy::Never {
            return Vec::new();
        }
        if self.serial {
            let mut failed = Vec::new();
            for image in images {
                failed.extend(one(image).await);
            }
            failed
        } else {
            join_all(images.map(one)).await.into_iter().flatten().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::Barrier;

    use super::*;

    fn puller<'a>(policy: PullPolicy, serial: bool, progress: &'a (dyn Fn(PullEvent) + Send + Sync)) -> Puller<'a> {
        Puller { policy, serial, pause: Duration::ZERO, progress }
    }

    fn quiet(_: PullEvent) {}

    #[tokio::test]
    async fn policies_decide_what_is_pulled() {
        for (policy, expected) in
            [(PullPolicy::Always, vec!["here", "missing"]), (PullPolicy::IfNotPresent, vec!["missing"])]
        {
            let pulled = Mutex::new(Vec::new());
            let failed = puller(policy, true, &quiet)
                .all(
                    &["here", "missing"],
                    |image| async move { image == "here" },
                    |image| {
                        pulled.lock().expect("not poisoned").push(image);
                        async { Ok(()) }
                    },
                )
                .await;
            assert_eq!(failed, []);
            assert_eq!(*pulled.lock().expect("not poisoned"), expected, "{policy:?}");
        }
    }

    #[tokio::test]
    async fn five_attempts_unless_the_answer_is_final() {
        let events = Mutex::new(Vec::new());
        let progress = |event: PullEvent| events.lock().expect("not poisoned").push(event);
        let failed = puller(PullPolicy::Always, true, &progress)
            .all(
                &["flaky", "gone"],
                |_| async { false },
                |image| async move {
                    Err(if image == "gone" { "registry/gone:1: not found" } else { "i/o timeout" }.to_owned())
                },
            )
            .await;
        assert_eq!(failed.iter().map(|failure| failure.image.as_str()).collect::<Vec<_>>(), ["flaky", "gone"]);
        let events = events.into_inner().expect("not poisoned");
        let attempts =
            |name: &str| events.iter().filter(|e| e.image == name && matches!(e.pull, Pull::Pulling { .. })).count();
        assert_eq!((attempts("flaky"), attempts("gone")), (5, 1));
        let last = events.last().expect("events");
        assert_eq!((last.settled, last.images), (2, 2));
        assert!(matches!(last.pull, Pull::Failed { .. }));
    }

    #[tokio::test]
    async fn a_later_attempt_may_succeed() {
        let tries = AtomicUsize::new(0);
        let failed = puller(PullPolicy::Always, true, &quiet)
            .all(
                &["a"],
                |_| async { false },
                |_| {
                    let attempt = tries.fetch_add(1, Ordering::Relaxed);
                    async move { if attempt < 4 { Err("i/o timeout".to_owned()) } else { Ok(()) } }
                },
            )
            .await;
        assert_eq!(failed, []);
        assert_eq!(tries.into_inner(), 5);
    }

    #[tokio::test]
    async fn parallel_pulls_do_not_wait_for_each_other() {
        let meet = Barrier::new(3);
        let pulls = puller(PullPolicy::Always, false, &quiet);
        let all = pulls.all(
            &["a", "b", "c"],
            |_| async { false },
            |_| {
                let meet = &meet;
                async move {
                    meet.wait().await;
                    Ok(())
                }
            },
        );
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), all).await.expect("all at once"), []);
    }

    #[test]
    fn policies_as_written() {
        assert_eq!(PullPolicy::parse(""), Some(PullPolicy::IfNotPresent));
        assert_eq!(PullPolicy::parse("Never"), Some(PullPolicy::Never));
        assert_eq!(PullPolicy::parse("never"), None);
    }

    #[test]
    fn what_is_final() {
        assert!(is_final(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"r/etcd:9\": r/etcd:9: not found"
        ));
        assert!(!is_final("dial tcp: lookup registry.k8s.io on 10.0.0.2:53: no such host"));
        assert!(!is_final("dial tcp 10.0.0.1:443: i/o timeout"));
    }
}
