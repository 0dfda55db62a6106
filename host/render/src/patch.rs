//! Patches from the user's patch directory: which file is for what, and applying them to what we render. The names,
//! order and outcome are kubeadm's (`cmd/kubeadm/app/util/patches`). Reads no directory: it is given the files.

mod decode;
mod file_name;
mod json;
mod quantity;
pub mod schema;
mod strategic;

use std::fmt;

use kubephase_model::config::load;
use kubephase_model::config::record::nearest;
use kubephase_model::report::Place;
use kubephase_model::yaml::{Kind as YamlKind, Node};
use kubephase_model::{Problem, Report};
use serde_json::{Map, Value};

pub use decode::WrongType;
pub use json::{JsonPatchError, JsonPatchFault};
use schema::Type;
pub use strategic::MergeError;

/// What can be patched.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// What a patch file's name starts with.
    pub name: &'static str,
    /// The API type that the patched value is decoded into; `None` if it is written as it is.
    object: Option<&'static str>,
}

/// The static pod of etcd.
pub static ETCD: Target = Target { name: "etcd", object: Some("Pod") };
/// The static pod of kube-apiserver.
pub static KUBE_APISERVER: Target = Target { name: "kube-apiserver", object: Some("Pod") };
/// The static pod of kube-controller-manager.
pub static KUBE_CONTROLLER_MANAGER: Target = Target { name: "kube-controller-manager", object: Some("Pod") };
/// The static pod of kube-scheduler.
pub static KUBE_SCHEDULER: Target = Target { name: "kube-scheduler", object: Some("Pod") };
/// The kubelet's configuration: no list in it merges.
pub static KUBELET_CONFIGURATION: Target = Target { name: "kubeletconfiguration", object: None };
/// CoreDNS's Deployment.
pub static COREDNS_DEPLOYMENT: Target = Target { name: "corednsdeployment", object: Some("Deployment") };
/// kube-proxy's DaemonSet. kubeadm has it from v1.37 on, we have it for every release.
pub static KUBE_PROXY_DAEMON_SET: Target = Target { name: "kubeproxydaemonset", object: Some("DaemonSet") };

/// kube-proxy's configuration: for plugins alone, users write it into their file.
pub static KUBE_PROXY_CONFIGURATION: Target = Target { name: "kubeproxyconfiguration", object: None };
/// A List of another plugin's objects: for plugins alone.
pub static PLUGIN_OBJECTS: Target = Target { name: "plugin", object: None };

/// Every target, in the order in which messages name them.
pub static TARGETS: [&Target; 7] = [
    &ETCD,
    &KUBE_APISERVER,
    &KUBE_CONTROLLER_MANAGER,
    &KUBE_SCHEDULER,
    &KUBELET_CONFIGURATION,
    &COREDNS_DEPLOYMENT,
    &KUBE_PROXY_DAEMON_SET,
];

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name).copied()
    }

    /// The target of that name among those that plugins may patch. `plugin:<name>` is [`PLUGIN_OBJECTS`].
    pub fn of_plugins(name: &str) -> Option<&'static Self> {
        match name {
            "kubeproxyconfiguration" => Some(&KUBE_PROXY_CONFIGURATION),
            name if name.starts_with("plugin:") => Some(&PLUGIN_OBJECTS),
            name => Self::named(name),
        }
    }

    fn ty(&self) -> Type {
        self.object.map_or(Type::Any, Type::Object)
    }
}

/// The three languages that a patch can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// A list of operations (RFC 6902).
    Json,
    /// A part of the object (RFC 7386).
    Merge,
    /// A part of the object, with lists merged as the Kubernetes API says.
    Strategic,
}

impl PatchType {
    /// The language of that name, as a file of patches has it after `+`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "merge" => Some(Self::Merge),
            "strategic" => Some(Self::Strategic),
            _ => None,
        }
    }

    /// The MIME type, as in kubeadm's messages.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON patch",
            Self::Merge => "merge patch",
            Self::Strategic => "strategic merge patch",
        }
    }
}

/// Where a patch comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File, relative to the patch directory.
    pub file: String,
    /// Number of the document in it, from 1.
    pub document: usize,
    /// Its language.
    pub patch_type: PatchType,
    /// Name of its target.
    pub target: &'static str,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (document {})", self.patch_type.name(), self.file, self.document)
    }
}

/// A file of the patch directory that is no patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// File, relative to the patch directory.
    pub file: String,
    /// Why.
    pub reason: String,
}

#[derive(Clone, Debug)]
struct Patch {
    origin: Origin,
    target: &'static Target,
    body: Value,
}

/// All patches of a directory, in the order in which they apply.
#[derive(Clone, Debug, Default)]
pub struct PatchSet {
    patches: Vec<Patch>,
    /// Files with patches.
    pub files: Vec<String>,
    /// Files without.
    pub ignored: Vec<Ignored>,
}

/// A value after its patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The value.
    pub value: Value,
    /// What has been applied, in this order.
    pub applied: Vec<Origin>,
    /// Paths of fields that patches set and that the API type does not have: they are left out, as kubeadm does.
    pub dropped: Vec<String>,
}

/// A patch that does not fit what it is for.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// An operation of a JSON patch failed.
    #[error("cannot apply {origin} to {}", .origin.target)]
    Json {
        /// The patch.
        origin: Box<Origin>,
        /// Which operation, and why.
        source: JsonPatchError,
    },
    /// A strategic merge patch is wrong.
    #[error("cannot apply {origin} to {}", .origin.target)]
    Strategic {
        /// The patch.
        origin: Box<Origin>,
        /// Where, and why.
        source: MergeError,
    },
    /// The value is no longer what it must be.
    #[error("after {origin}, {} is no valid {object}", .origin.target)]
    Invalid {
        /// The last patch that changed it.
        origin: Box<Origin>,
        /// `Pod`, `Deployment` or `DaemonSet`.
        object: &'static str,
        /// What is wrong.
        source: WrongType,
    },
    /// A patch turned the value into another kind of object.
    #[error("after {origin}, {} is {found} instead of {expected}", .origin.target)]
    Kind {
        /// The last patch that changed it.
        origin: Box<Origin>,
        /// `apiVersion` and `kind` before.
        expected: String,
        /// And after.
        found: String,
    },
}

impl PatchError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Json { source, .. } => source.hint(),
            Self::Strategic { source, .. } => Some(source.hint()),
            Self::Invalid { source, .. } => Some(format!("make `{}` {}", source.path, source.expected)),
            Self::Kind { .. } => Some("take apiVersion and kind out of the patch".into()),
        }
    }
}

impl PatchSet {
    /// Reads the files of a patch directory, given by their paths relative to it, in any order. Files that cannot be
    /// patches are listed in `ignored`; what is wrong with the others goes to `report`.
    pub fn parse(mut files: Vec<(String, Vec<u8>)>, report: &mut Report) -> Self {
        // The order of Go's filepath.Walk: directories stand where their names do.
        files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
        let mut set = Self::default();
        for (file, contents) in files {
            let base = file.rsplit('/').next().unwrap_or(&file);
            match file_name::parse(base) {
                Ok(_) if contents.is_empty() => set.ignored.push(Ignored { file, reason: "the file is empty".into() }),
                Ok((target, patch_type)) => set.add(file, contents, target, patch_type, report),
                Err(file_name::Mismatch::Ignore(reason)) => set.ignored.push(Ignored { file, reason }),
                Err(file_name::Mismatch::BadType(found)) => report.push(
                    Problem::error("", format!("{file}: `{found}` after `+` is not a type of patch"))
                        .hint("name the file with `+json`, `+merge` or `+strategic`"),
                ),
            }
        }
        set
    }

    /// Patches for one target that come from no file; `whose` stands in messages where a file's name would. What is wrong
    /// is told with the number of the patch, from 0, and where in it.
    pub fn given(
        whose: &str,
        target: &'static Target,
        patches: impl IntoIterator<Item = (PatchType, Value)>,
    ) -> Result<Self, Vec<(usize, String)>> {
        let mut set = Self::default();
        let mut wrong = Vec::new();
        for (index, (patch_type, body)) in patches.into_iter().enumerate() {
            match (patch_type, &body) {
                (PatchType::Json, _) => match json::check(&body) {
                    Ok(()) => {}
                    Err((path, message)) if path.is_empty() => wrong.push((index, message)),
                    Err((path, message)) => wrong.push((index, format!("{path}: {message}"))),
                },
                (_, Value::Object(_)) => {}
                (_, other) => {
                    let noun = decode::noun(other);
                    wrong.push((index, format!("a {} must be a mapping, not {noun}", patch_type.name())));
                }
            }
            let origin = Origin { file: whose.to_owned(), document: index + 1, patch_type, target: target.name };
            set.patches.push(Patch { origin, target, body });
        }
        if wrong.is_empty() { Ok(set) } else { Err(wrong) }
    }

    fn add(
        &mut self,
        file: String,
        contents: Vec<u8>,
        target: &'static Target,
        patch_type: PatchType,
        report: &mut Report,
    ) {
        let Some(source) = load::source(file.as_str(), contents, report) else { return };
        for (index, node) in kubephase_model::yaml::documents(&source, report).iter().enumerate() {
            let body = node.to_json();
            let origin = Origin { file: file.clone(), document: index + 1, patch_type, target: target.name };
            match (patch_type, &body) {
                (_, Value::Null) => continue,
                (PatchType::Json, _) => {
                    if let Err((path, message)) = json::check(&body) {
                        let place = node.nearest(&path).place.clone();
                        report.push(Problem::error(path, message).at(Some(place)).hint(json::HINT));
                        continue;
                    }
                }
                (_, Value::Object(_)) => report_unknown(node, &target.ty(), "", report),
                _ => {
                    let message = format!("a {} must be a mapping, not {}", patch_type.name(), decode::noun(&body));
                    let hint =
                        "write the fields that change, or name the file with `+json` if it is a list of operations";
                    report.push(Problem::error("", message).at(Some(node.place.clone())).hint(hint));
                    continue;
                }
            }
            self.patches.push(Patch { origin, target, body });
        }
        self.files.push(file);
    }

    /// Whether there is a patch for `target`.
    pub fn has(&self, target: &Target) -> bool {
        self.patches.iter().any(|patch| patch.target == target)
    }

    /// Applies every patch for `target`, in order. A value without patches comes back as it is.
    pub fn apply(&self, target: &Target, value: Value) -> Result<Patched, PatchError> {
        let identity = identity(&value);
        let mut patched = Patched { value, applied: Vec::new(), dropped: Vec::new() };
        for patch in self.patches.iter().filter(|patch| patch.target == target) {
            patched.value = patch.apply(patched.value)?;
            patched.applied.push(patch.origin.clone());
        }
        if let (Some(origin), Some(object)) = (patched.applied.last(), target.object) {
            let origin = || Box::new(origin.clone());
            let found = self::identity(&patched.value);
            if found != identity {
                return Err(PatchError::Kind { origin: origin(), expected: identity, found });
            }
            patched.value = decode::recode(patched.value, &target.ty(), "", &mut patched.dropped)
                .map_err(|source| PatchError::Invalid { origin: origin(), object, source })?;
        }
        Ok(patched)
    }
}

/// A strategic merge of two values, for callers that have no file: `patch` into `value`, which is `target`'s kind.
pub fn strategic_merge(target: &Target, value: Value, patch: Value) -> Result<Value, MergeError> {
    match (value, patch) {
        (Value::Object(value), Value::Object(patch)) => strategic::merge(value, patch, &target.ty()).map(Value::Object),
        (value, Value::Null) => Ok(value),
        (_, patch) => Ok(patch),
    }
}

/// A strategic merge of two objects of type `ty`.
pub fn strategic_merge_as(
    ty: &Type,
    value: Map<String, Value>,
    patch: Map<String, Value>,
) -> Result<Map<String, Value>, MergeError> {
    strategic::merge(value, patch, ty)
}

/// A value as Go encodes it once it is decoded into type `ty`, without the fields that `ty` does not have. Paths in
/// errors are relative to the value.
pub fn encode(ty: &Type, value: Value) -> Result<Value, WrongType> {
    decode::recode(value, ty, "", &mut Vec::new())
}

/// The canonical spelling of an amount such as `1024Mi`; `None` if it is none.
pub fn canonical_quantity(text: &str) -> Option<String> {
    quantity::canonical(text)
}

/// A value as Go encodes it once it is decoded into the API type `object`; as it is, if it does not fit.
pub(crate) fn recode(object: &'static str, value: Value) -> Value {
    decode::recode(value.clone(), &Type::Object(object), "", &mut Vec::new()).unwrap_or(value)
}

impl Patch {
    fn apply(&self, mut value: Value) -> Result<Value, PatchError> {
        let origin = || Box::new(self.origin.clone());
        match self.origin.patch_type {
            PatchType::Json => json::apply(&mut value, &self.body)
                .map(|()| value)
                .map_err(|source| PatchError::Json { origin: origin(), source }),
            PatchType::Merge => {
                json_patch::merge(&mut value, &self.body);
                Ok(value)
            }
            PatchType::Strategic => strategic_merge(self.target, value, self.body.clone())
                .map_err(|source| PatchError::Strategic { origin: origin(), source }),
        }
    }
}

/// `v1 Pod`.
fn identity(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    format!("{} {}", text("apiVersion"), text("kind"))
}

/// Warns of fields that the target's type does not have, with their place in the patch.
fn report_unknown(node: &Node, ty: &Type, path: &str, report: &mut Report) {
    match &node.kind {
        YamlKind::Map(entries) => {
            for (key, value) in entries {
                let is_directive = key.name.starts_with('$');
                let path = kubephase_model::config::record::join(path, &key.name);
                match (ty, ty.field(&key.name)) {
                    (Type::Object(_), Some(field)) => report_unknown(value, &field.ty, &path, report),
                    (Type::Object(name), None) if !is_directive => {
                        report.push(unknown(&key.name, name, &path, key.place.clone()));
                    }
                    (Type::Object(_), None) => {}
                    _ => report_unknown(value, ty.item(), &path, report),
                }
            }
        }
        YamlKind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                report_unknown(item, ty.item(), &format!("{path}[{index}]"), report);
            }
        }
        _ => {}
    }
}

fn unknown(name: &str, object: &str, path: &str, place: Place) -> Problem {
    let known: Vec<&str> = schema::fields(object).iter().map(|field| field.name).collect();
    let message = format!("unknown field `{name}`: {object} has none of that name, it is left out");
    let hint = nearest(name, &known).map_or("remove it".into(), |known| format!("did you mean `{known}`?"));
    Problem::warning(path, message).at(Some(place)).strict().hint(hint)
}

#[cfg(test)]
mod tests;
