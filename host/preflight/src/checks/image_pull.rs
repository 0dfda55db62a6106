//! `ImagePull`: the images are on this machine before anything waits for them. The only check that changes something,
//! and therefore alone in the last batch.

use kubephase_model::images::Image;
use kubephase_node::{Cri, Node};

use super::cri::{TIMEOUT, no_answer};
use crate::check::{Check, Finding, Findings};
use crate::pull::{PullFailure, PullPolicy, PullProgress, pull_images};

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
        let failures = pull_images(&cri, &images, policy, self.serial, &*self.progress).await;
        findings.extend(failures.iter().map(failure));
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

fn failure(failure: &PullFailure) -> Finding {
    Finding::error(NAME, format!("cannot pull {}: {}", failure.image, failure.why))
        .expected("the image, from its registry")
        .remedy(failure.remedy())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::check::Severity;
    use crate::pull::{Pull, PullEvent};
    use crate::testing::Machine;
    use crate::testing::fake_cri::{FakeCri, SOCKET};

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
}
