//! Builders of proposals.

use serde_json::Value;

use crate::{File, Finding, Object, Patch, Proposal, Wait};

impl Default for Proposal {
    fn default() -> Self {
        Self::new()
    }
}

impl Proposal {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            findings: Vec::new(),
            patches: Vec::new(),
            objects: Vec::new(),
            files: Vec::new(),
            images: Vec::new(),
            waits: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// With a verdict.
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// With verdicts.
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// With a change to a document.
    pub fn patch(mut self, patch: Patch) -> Self {
        self.patches.push(patch);
        self
    }

    /// With changes to documents, such as [`crate::StaticPod::patches`] gives.
    pub fn patches(mut self, patches: impl IntoIterator<Item = Patch>) -> Self {
        self.patches.extend(patches);
        self
    }

    /// With an object of the cluster, whole: `apiVersion`, `kind`, `metadata.name` and the rest.
    pub fn object(mut self, object: Value) -> Self {
        self.objects.push(Object::from(object));
        self
    }

    /// With objects of the cluster.
    pub fn objects(mut self, objects: impl IntoIterator<Item = Value>) -> Self {
        self.objects.extend(objects.into_iter().map(Object::from));
        self
    }

    /// With a file of the node.
    pub fn file(mut self, file: File) -> Self {
        self.files.push(file);
        self
    }

    /// With an image that must be present.
    pub fn image(mut self, reference: impl Into<String>) -> Self {
        self.images.push(reference.into());
        self
    }

    /// With a condition, waited for after those before it.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.waits.push(wait);
        self
    }
}

impl From<Value> for Object {
    fn from(object: Value) -> Self {
        Self { manifest: object.to_string(), attributes: Vec::new() }
    }
}
