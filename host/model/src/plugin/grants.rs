//! What the operator grants a plugin. Each key is one capability with its scopes as texts; their meaning is beside the
//! capability's own WIT file. Matching is here, so that the host, the plan and the documentation agree.

use crate::record;

record! {
    /// What a plugin may do. Nothing is granted by default.
    pub struct Grants {
        /// Facts by the name of their function: `pci`, `modules`, …
        pub facts: Vec<String> = "facts",
        /// Files that it may read, as patterns of absolute paths: `*` within a part, `**` for any parts.
        pub files: Vec<String> = "files",
        /// Objects that it may read: `<apiVersion>/<kind>[/<namespace>[/<name>]]`.
        pub kube: Vec<String> = "kube",
        /// Hosts that it may ask.
        pub http: Vec<String> = "http",
        /// Probes: `<function>[:<scope>]`.
        pub probe: Vec<String> = "probe",
        /// Documents that it may patch, by their target.
        pub patches: Vec<String> = "patches",
        /// What its patches and pods may have beyond the ordinary: `image`, `privileged`, `hostPID`, `hostIPC`,
        /// `hostNetwork`, `capabilities`, `runAsRoot`, `serviceAccount`, `command`. With `<target>:` before it only there.
        pub privileges: Vec<String> = "privileges",
        /// Paths of the node below which its patches and pods may mount.
        pub host_paths: Vec<String> = "hostPaths",
        /// Files that it may have written, as patterns of absolute paths.
        pub writes: Vec<String> = "writes",
        /// Objects that it may have applied: `<apiVersion>/<kind>[/<namespace>[/<name>]]`, `*` for any part.
        pub objects: Vec<String> = "objects",
    }
}
