//! What the operator grants a plugin. Each key is one capability with its scopes as texts; their meaning is beside the
//! capability's own WIT file. Matching is here, so that the host, the plan and the documentation agree. What is not in
//! its normal form (a path with `..`, a name with `/`) is never allowed, whatever is granted.

mod check;
mod glob;
mod host;
mod narrow;
mod object;
mod path;
mod probe;
pub mod table;

use super::description::Want;
use crate::record;

pub use check::problems;
pub use narrow::covers;
pub use object::{SENSITIVE_OBJECTS, scope as object_scope};
pub use path::{SENSITIVE_FILES, is_below, is_normal as is_normal_path};
pub use probe::PROBES;

record! {
    /// What a plugin may do. Nothing is granted by default.
    pub struct Grants {
        /// Facts by the name of their function: `pci`, `modules`, …
        pub facts: Vec<String> = "facts",
        /// Files that it may read, as patterns of absolute paths: `*` within a part, `**` for any parts.
        pub files: Vec<String> = "files",
        /// Objects that it may read: `<apiVersion>/<kind>[/<namespace>[/<name>]]`. Secrets by their full name only.
        pub kube: Vec<String> = "kube",
        /// Hosts that it may ask: `example.org`, `example.org:8443`, `http://example.org:8080`, `*.example.org`.
        pub http: Vec<String> = "http",
        /// Probes: `<function>[:<scope>]`.
        pub probe: Vec<String> = "probe",
        /// Documents that it may patch, by their target. `plugin:*` stands for the objects of every other plugin.
        pub patches: Vec<String> = "patches",
        /// What its patches and pods may have beyond the ordinary, see [`table::PRIVILEGES`]. With `<target>:` before it
        /// only there.
        pub privileges: Vec<String> = "privileges",
        /// Paths of the node below which its patches and pods may mount.
        pub host_paths: Vec<String> = "hostPaths",
        /// Files that it may have written, as patterns of absolute paths. [`SENSITIVE_FILES`] only by their full path.
        pub writes: Vec<String> = "writes",
        /// Objects that it may have applied: `<apiVersion>/<kind>[/<namespace>[/<name>]]`, `*` for any part. Nothing
        /// between two slashes stands for no namespace.
        pub objects: Vec<String> = "objects",
    }
}

impl Grants {
    /// Everything that a plugin wants. A capability that is not known grants nothing.
    pub fn of_wants(wants: &[Want]) -> Self {
        let mut grants = Self::default();
        for want in wants {
            if let Some(list) = grants.list_mut(&want.capability) {
                list.extend(want.scopes.iter().filter(|scope| !list.contains(scope)).cloned().collect::<Vec<_>>());
            }
        }
        grants
    }

    /// The scopes of a capability.
    pub fn list(&self, capability: &str) -> &[String] {
        match capability {
            "facts" => &self.facts,
            "files" => &self.files,
            "kube" => &self.kube,
            "http" => &self.http,
            "probe" => &self.probe,
            "patches" => &self.patches,
            "privileges" => &self.privileges,
            "hostPaths" => &self.host_paths,
            "writes" => &self.writes,
            "objects" => &self.objects,
            _ => &[],
        }
    }

    /// The same, to change them; `None` if there is no such capability.
    pub fn list_mut(&mut self, capability: &str) -> Option<&mut Vec<String>> {
        Some(match capability {
            "facts" => &mut self.facts,
            "files" => &mut self.files,
            "kube" => &mut self.kube,
            "http" => &mut self.http,
            "probe" => &mut self.probe,
            "patches" => &mut self.patches,
            "privileges" => &mut self.privileges,
            "hostPaths" => &mut self.host_paths,
            "writes" => &mut self.writes,
            "objects" => &mut self.objects,
            _ => return None,
        })
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        Self::fields().iter().all(|capability| self.list(capability).is_empty())
    }

    /// Whether the file may be read.
    pub fn allows_file(&self, path: &str) -> bool {
        self.files.iter().any(|pattern| path::matches(pattern, path))
    }

    /// Whether a file that may be read can lie below the directory: then its name may be seen there.
    pub fn leads_to_file(&self, directory: &str) -> bool {
        self.files.iter().any(|pattern| path::leads_to(pattern, directory))
    }

    /// Whether the function of `facts` may be called.
    pub fn allows_fact(&self, name: &str) -> bool {
        self.facts.iter().any(|fact| fact == name)
    }

    /// Whether objects may be read: one with a name, or without it all of the namespace, or without that all of the
    /// kind. A grant for one namespace does not allow to list all of them.
    pub fn allows_kube(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: Option<&str>) -> bool {
        let wanted = object::Wanted { api_version, kind, namespace, name };
        self.kube.iter().any(|scope| object::allows_reading(scope, &wanted))
    }

    /// Whether the host may be asked. Neither the scheme's nor the host's case counts; an IPv6 address may have brackets.
    pub fn allows_http(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.http.iter().any(|scope| host::allows_http(scope, scheme, host, port))
    }

    /// Whether the function of `probe` may be called. `scope` is what on, as [`http_scope`] and the WIT have it: a
    /// directory, `host:port` (IPv6 in brackets), a host, or empty.
    pub fn allows_probe(&self, function: &str, scope: &str) -> bool {
        self.probe.iter().any(|granted| probe::allows(granted, function, scope))
    }

    /// Whether the document may be patched.
    pub fn allows_patch(&self, target: &str) -> bool {
        let is_plugin = target.starts_with("plugin:");
        self.patches.iter().any(|granted| granted == target || is_plugin && granted == "plugin:*")
    }

    /// Whether patches of `target` may have a privilege. Beside the targets of patches there are `objects` (the plugin's
    /// own workloads) and `writes` (static pods that it has written).
    pub fn has_privilege(&self, privilege: &str, target: &str) -> bool {
        self.privileges.iter().any(|granted| match granted.rsplit_once(':') {
            Some(("plugin:*", name)) => name == privilege && target.starts_with("plugin:"),
            Some((place, name)) => name == privilege && place == target,
            None => granted == privilege,
        })
    }

    /// Whether a pod may mount the node's path.
    pub fn allows_host_path(&self, path: &str) -> bool {
        self.host_paths.iter().any(|granted| is_normal_path(granted) && is_below(path, granted))
    }

    /// Whether the file may be written.
    pub fn allows_write(&self, path: &str) -> bool {
        self.writes.iter().any(|granted| match granted.contains('*') {
            true => path::matches(granted, path) && !path::is_sensitive(path),
            false => is_normal_path(path) && granted == path,
        })
    }

    /// Whether the object may be applied. [`SENSITIVE_OBJECTS`] and Secrets need more than a pattern.
    pub fn allows_object(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        let wanted = object::Wanted { api_version, kind, namespace, name: Some(name) };
        self.objects.iter().any(|scope| object::allows_applying(scope, &wanted))
    }
}

/// The line in a plugin's `grants` that would allow it, such as `files: [/sys/module/nvidia/version]`. It stands alone;
/// where the key is there already the value is to be added to its list.
pub fn line_for(capability: &str, scope: &str) -> String {
    format!("{capability}: [{}]", plain_or_quoted(scope))
}

/// Scope of `http` that allows just this.
pub fn http_scope(scheme: &str, host: &str, port: u16) -> String {
    host::http_scope(scheme, host, port)
}

/// Scope of `probe` that allows just this.
pub fn probe_scope(function: &str, scope: &str) -> String {
    if scope.is_empty() { function.to_owned() } else { format!("{function}:{scope}") }
}

/// A text as it may stand in a YAML list in brackets.
fn plain_or_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    // What is a path or has a dash or slash in it is no number, time, truth or null.
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let means_something = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if is_word && text.chars().all(plain) && !means_something.contains(&&*text.to_ascii_lowercase()) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests;
