//! KubeletConfiguration and KubeProxyConfiguration: carried through, defaulted, written as Go writes them.

mod base_fields;
pub mod duration;
pub mod kube_proxy;
pub mod kube_proxy_fields;
pub mod kubelet;
pub mod kubelet_fields;
pub mod schema;

use serde_json::{Map, Value};

use crate::config::record::join;
use crate::report::Problem;
use schema::{Field, Issue};

/// A component whose configuration may stand in the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// KubeProxyConfiguration.
    KubeProxy,
    /// KubeletConfiguration.
    Kubelet,
}

impl Component {
    /// Both, in the order in which kubeadm defaults them.
    pub const ALL: [Self; 2] = [Self::KubeProxy, Self::Kubelet];

    /// Its API group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::KubeProxy => "kubeproxy.config.k8s.io",
            Self::Kubelet => "kubelet.config.k8s.io",
        }
    }

    /// Its `apiVersion`, the only one that is read.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::KubeProxy => "kubeproxy.config.k8s.io/v1alpha1",
            Self::Kubelet => "kubelet.config.k8s.io/v1beta1",
        }
    }

    /// Its kind.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::KubeProxy => "KubeProxyConfiguration",
            Self::Kubelet => "KubeletConfiguration",
        }
    }

    /// Its fields.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::KubeProxy => kube_proxy_fields::KUBE_PROXY,
            Self::Kubelet => kubelet_fields::KUBELET,
        }
    }

    /// The component whose group that is.
    pub fn of_group(group: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.group() == group)
    }

    /// An empty configuration.
    pub fn empty(self) -> Value {
        let mut object = Map::new();
        object.insert("apiVersion".into(), self.api_version().into());
        object.insert("kind".into(), self.kind().into());
        Value::Object(object)
    }

    /// The configuration as Go's encoder of that minor writes it: with the zero values of what is not set.
    pub fn encoded(self, minor: u64, value: &Value) -> Value {
        let mut value = value.clone();
        schema::fill_zeros(self.fields(), minor_of(minor), &mut value);
        value
    }

    /// What the component's decoder of that minor would refuse (errors) or leave out (strict warnings).
    pub fn problems(self, minor: u64, value: &Value) -> Vec<Problem> {
        let found = schema::problems(self.fields(), minor_of(minor), value);
        found.into_iter().filter(|(path, _)| !matches!(path.as_str(), "apiVersion" | "kind")).map(problem).collect()
    }
}

fn minor_of(minor: u64) -> u32 {
    u32::try_from(minor).unwrap_or(u32::MAX)
}

/// What a finding of [`schema::problems`] says.
pub fn problem((path, issue): (String, Issue)) -> Problem {
    let name = path.rsplit('.').next().unwrap_or_default().to_owned();
    match issue {
        Issue::Unknown { suggestion } => {
            let hint = match suggestion {
                Some(name) => format!("did you mean `{name}`?"),
                None => "it has no effect: remove it".to_owned(),
            };
            Problem::warning(path, format!("unknown field `{name}`")).strict().hint(hint)
        }
        Issue::NotInMinor { since, until } => {
            let when = if until == u32::MAX {
                format!("v1.{since} and later have it")
            } else if since == 0 {
                format!("it was removed in v1.{until}")
            } else {
                format!("v1.{since} to v1.{} have it", until.saturating_sub(1))
            };
            Problem::warning(path, format!("the version to deploy has no field `{name}`")).strict().hint(when)
        }
        Issue::WrongType { expected, found } => Problem::error(path, format!("expected {expected}, found {found}")),
    }
}

/// A value of the configuration that differs from what kubeadm recommends.
#[derive(Clone, Debug, PartialEq)]
pub struct NotRecommended {
    /// The field.
    pub path: String,
    /// What is recommended.
    pub recommended: Value,
    /// What the user has, and keeps.
    pub found: Value,
}

/// Fills a configuration in: where a field is unset it gets kubeadm's value, where it is set to another one it is
/// kept and noted.
struct Filler<'v> {
    value: &'v mut Value,
    notes: Vec<NotRecommended>,
}

impl Filler<'_> {
    /// The object that holds the last step of `path`, made if it is absent; `None` if something else is there.
    fn parent<'p>(&mut self, path: &'p str) -> Option<(&mut Map<String, Value>, &'p str)> {
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut value = &mut *self.value;
        for step in parents.split('.').filter(|step| !step.is_empty()) {
            let object = value.as_object_mut()?;
            let entry = object.entry(step).or_insert(Value::Null);
            if entry.is_null() {
                *entry = Value::Object(Map::new());
            }
            value = entry;
        }
        value.as_object_mut().map(|object| (object, name))
    }

    /// Sets it whatever is there.
    fn force(&mut self, path: &str, value: impl Into<Value>) {
        if let Some((object, name)) = self.parent(path) {
            object.insert(name.to_owned(), value.into());
        }
    }

    /// Sets it if it is unset: absent, null, or the empty text.
    fn fill(&mut self, path: &str, value: impl Into<Value>) {
        let Some((object, name)) = self.parent(path) else { return };
        let current = object.get(name).unwrap_or(&Value::Null);
        if current.is_null() || current.as_str() == Some("") {
            object.insert(name.to_owned(), value.into());
        }
    }

    /// Sets it if it is unset, notes it if it is something else.
    fn recommend(&mut self, path: &str, value: impl Into<Value>) {
        let recommended = value.into();
        self.fill(path, recommended.clone());
        self.note(path, recommended);
    }

    /// Notes it if it is set to something else.
    fn note(&mut self, path: &str, recommended: Value) {
        let Some((object, name)) = self.parent(path) else { return };
        let found = object.get(name).cloned().unwrap_or(Value::Null);
        if !found.is_null() && found != recommended {
            self.notes.push(NotRecommended { path: join("", path), recommended, found });
        }
    }
}
