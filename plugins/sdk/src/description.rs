//! Builders of what a plugin says of itself.

use crate::{Description, Want};

impl Description {
    /// A plugin by its name (RFC 1123 label), version (Semantic Versioning) and one line about what it does.
    pub fn new(name: impl Into<String>, version: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            about: about.into(),
            settings_schema: None,
            wants: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// JSON Schema (draft 2020-12) of the settings, as JSON text.
    pub fn settings_schema(mut self, schema: impl Into<String>) -> Self {
        self.settings_schema = Some(schema.into());
        self
    }

    /// A capability that it wants granted, with scopes as they would stand in the configuration, and what for.
    pub fn wants<S: Into<String>>(
        mut self,
        capability: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
        reason: impl Into<String>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.wants.push(Want { capability: capability.into(), scopes, reason: reason.into() });
        self
    }

    /// A phase or plugin that it runs before, if it is there.
    pub fn before(mut self, name: impl Into<String>) -> Self {
        self.before.push(name.into());
        self
    }

    /// A phase or plugin that it runs after, if it is there.
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.after.push(name.into());
        self
    }

    /// An addon that is applied before any pod network exists and waits for no pods.
    pub fn before_cni(self) -> Self {
        self.attribute("stage", "before-cni")
    }

    /// URL of the documentation.
    pub fn documentation(self, url: impl Into<String>) -> Self {
        self.attribute("documentation", url)
    }

    /// URL of the source.
    pub fn source(self, url: impl Into<String>) -> Self {
        self.attribute("source", url)
    }

    /// SPDX expression of its license.
    pub fn license(self, license: impl Into<String>) -> Self {
        self.attribute("license", license)
    }

    /// Another attribute. Which are known stands in `metadata.wit`.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }
}
