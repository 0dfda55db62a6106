//! `ImagePull`: the images are on this machine before anything waits for them. The only check that changes something,
//! and therefore alone in the last batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kubephase_model::images::Image;
use kubephase_node::{Cri, CriError, Node};

use super::cri::{TIMEOUT, no_answer};
use crate::check::{Check, Finding, Findings, chain};

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

/// The check. kubeadm: `ImagePullCheck`.
pub struct ImagePull {
    /// `nodeRegistration.criSocket`.
    pub socket: String,
    /// What to pull.
    pub images: Vec<Image>,
    /// `nodeRegistration.imagePullPolicy`, as written.
    pub policy: String,
    /// `nodeRegistration.imagePullSerial`.
    pub serial: bool,
    /// Told of every step.
    pub progress: PullProgress,
}

const NAME: &str = "ImagePull";

impl Check for ImagePull {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the images can be pulled (it pulls them)"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(self.pull(node))
    }
}

impl ImagePull {
    async fn pull(&self, node: &Node) -> Vec<Finding> {
        let policy = match PullPolicy::parse(&self.policy) {
            Some(PullPolicy::Never) => return Vec::new(),
            Some(policy) => policy,
            None => {
                return vec![
                    Finding::error(NAME, format!("`{}` is no image pull policy", self.policy))
                        .expected("Always, IfNotPresent or Never")
                        .remedy("correct nodeRegistration.imagePullPolicy"),
                ];
            }
        };
        let cri = match node.cri(&self.socket, TIMEOUT).await {
            Ok(cri) => cri,
            Err(error) => return vec![no_answer(NAME, &error)],
        };
        let mut findings: Vec<Finding> = self.sandbox_image(&cri).await.into_iter().collect();
        let images: Vec<&str> = self.images.iter().map(|image| image.reference.as_str()).collect();
        let present = |image: String| {
            let cri = cri.clone();
            async move { cri.image_present(&image).await.unwrap_or(false) }
        };
        let fetch = |image: String| {
            let cri = cri.clone();
            async move { cri.pull(&image).await.map(drop).map_err(|error| why(&error)) }
        };
        let puller = Puller { policy, serial: self.serial, pause: PAUSE, progress: &*self.progress };
        let failures = puller.all(&images, present, fetch).await;
        findings.extend(failures.into_iter().map(|(image, why)| failure(&image, &why)));
        findings
    }

    /// Pods start from the runtime's own sandbox image: another one than ours may not be there, or not be had.
    async fn sandbox_image(&self, cri: &Cri) -> Option<Finding> {
        let ours = &self.images.iter().find(|image| image.component == "pause")?.reference;
        let theirs = cri.status(true).await.ok()?.sandbox_image?;
        (theirs != *ours).then(|| {
            Finding::warning(NAME, format!("the container runtime's sandbox image is {theirs}"))
                .expected(ours.as_str())
                .remedy(format!("set it to {ours} in the runtime's configuration (containerd: sandbox_image or, from 2.0 on, sandbox), or see that {theirs} can be had"))
        })
    }
}

/// The runtime's words; its image is named beside them.
fn why(error: &CriError) -> String {
    match error {
        CriError::Runtime { message, .. } => message.replace(['\n', '\r'], " "),
        other => chain(other),
    }
}

fn failure(image: &str, why: &str) -> Finding {
    let remedy = if is_final(why) {
        "see that imageRepository, kubernetesVersion and image tags name an image that exists and may be pulled"
    } else {
        "see that this machine reaches the registry (the container runtime needs the proxy settings, not this program), set \
         imageRepository to a mirror, or import the image and set imagePullPolicy to IfNotPresent"
    };
    Finding::error(NAME, format!("cannot pull {image}: {why}")).expected("the image, from its registry").remedy(remedy)
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
    ) -> Vec<(String, String)>
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
                Some((image, last))
            }
        };
        let images = images.iter().map(|image| (*image).to_owned());
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
    use crate::check::Severity;
    use crate::testing::Machine;
    use crate::testing::fake_cri::{FakeCri, SOCKET};

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
        assert_eq!(failed.iter().map(|(image, _)| image.as_str()).collect::<Vec<_>>(), ["flaky", "gone"]);
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

    fn check(policy: &str, progress: PullProgress) -> ImagePull {
        let image = |component, name: &str| Image { component, reference: format!("registry.example.com/{name}") };
        ImagePull {
            socket: SOCKET.into(),
            images: vec![
                image("kube-apiserver", "kube-apiserver:v1.36.2"),
                image("pause", "pause:3.10.2"),
                image("etcd", "gone:1"),
            ],
            policy: policy.into(),
            serial: false,
            progress,
        }
    }

    #[tokio::test]
    async fn through_a_runtime() {
        let machine = Machine::new();
        let _runtime = FakeCri::start(
            &machine,
            FakeCri { images: vec!["registry.example.com/pause:3.10.2".into()], ..FakeCri::default() },
        );
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        let progress: PullProgress =
            Arc::new(move |event: PullEvent| sink.lock().expect("not poisoned").push(event.pull));
        let findings = machine.run(&check("IfNotPresent", progress)).await;
        let seen: Vec<_> = findings.iter().map(|finding| (finding.severity, finding.seen.as_str())).collect();
        assert_eq!(
            seen,
            [
                (Severity::Warning, "the container runtime's sandbox image is registry.k8s.io/pause:3.8"),
                (
                    Severity::Error,
                    "cannot pull registry.example.com/gone:1: failed to resolve image: registry.example.com/gone:1: not found"
                ),
            ]
        );
        let events = events.lock().expect("not poisoned");
        assert!(events.contains(&Pull::Present) && events.contains(&Pull::Pulled));
    }

    #[tokio::test]
    async fn never_asks_nobody_and_nonsense_is_refused() {
        let quiet: PullProgress = Arc::new(|_| {});
        assert_eq!(Machine::new().run(&check("Never", quiet.clone())).await, []);
        assert_eq!(
            Machine::new().one(&check("Sometimes", quiet.clone())).await.seen,
            "`Sometimes` is no image pull policy"
        );
        assert_eq!(Machine::new().one(&check("", quiet)).await.severity, Severity::Error);
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
