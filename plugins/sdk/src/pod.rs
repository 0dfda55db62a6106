//! A static pod of the control plane, as a mutator is given one: its flags and mounts, and patches for what should be
//! different.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::Patch;

/// A static pod and what should be different in it. Changes count at once: a flag that was set is there when it is asked
/// for. What the pod has already is not changed again, so a second run proposes nothing.
pub struct StaticPod {
    pod: Value,
    operations: Vec<Value>,
}

/// A path of the node, mounted into the first container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    name: String,
    host_path: String,
    mount_path: String,
    kind: &'static str,
    read_only: bool,
}

const CONTAINER: &str = "/spec/containers/0";

impl StaticPod {
    /// Looks at a document, which should be a Pod. One that is none has no flags, and patches for it are refused by
    /// kubephase.
    pub fn of(document: &Value) -> Self {
        Self { pod: document.clone(), operations: Vec::new() }
    }

    /// The value of a flag of the first container: of the last one, if it is there several times, as programs in Go do.
    /// Empty for a flag without a value.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags().filter(|(flag, _)| *flag == name).last().map(|(_, value)| value)
    }

    /// All flags of the first container, in order, with their values.
    pub fn flags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.command().iter().filter_map(Value::as_str).filter_map(split)
    }

    /// Sets a flag, where it is, or after all others.
    pub fn set_flag(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        let value = value.as_ref();
        if self.flag(name) == Some(value) {
            return self;
        }
        let text = Value::String(format!("--{name}={value}"));
        match self.position(name) {
            Some(index) => self.change(json!({"op": "replace", "path": command_path(index), "value": text})),
            None => self.append(&format!("{CONTAINER}/command"), text),
        }
        self
    }

    /// Adds an item to a flag that is a list with commas, if it is not in there yet.
    pub fn add_to_flag(&mut self, name: &str, item: &str) -> &mut Self {
        let before = self.flag(name).unwrap_or_default();
        if before.split(',').any(|it| it == item) {
            return self;
        }
        let value = if before.is_empty() { item.to_owned() } else { format!("{before},{item}") };
        self.set_flag(name, value)
    }

    /// Removes a flag, however often it is there.
    pub fn remove_flag(&mut self, name: &str) -> &mut Self {
        while let Some(index) = self.position(name) {
            self.change(json!({"op": "remove", "path": command_path(index)}));
        }
        self
    }

    /// Mounts a path of the node into the first container: a volume and its mount, each replaced if there is one of that
    /// name already.
    pub fn mount(&mut self, mount: Mount) -> &mut Self {
        let mut volume_mount = json!({"mountPath": mount.mount_path, "name": mount.name});
        if mount.read_only {
            volume_mount["readOnly"] = true.into();
        }
        let volume = json!({"hostPath": {"path": mount.host_path, "type": mount.kind}, "name": mount.name});
        self.put(&format!("{CONTAINER}/volumeMounts"), volume_mount);
        self.put("/spec/volumes", volume);
        self
    }

    /// Whether anything should be different.
    pub fn is_changed(&self) -> bool {
        !self.operations.is_empty()
    }

    /// The pod as it would be.
    pub fn document(&self) -> &Value {
        &self.pod
    }

    /// The changes as one JSON patch; none if nothing is to be changed.
    pub fn patches(&self, target: &str, reason: &str) -> Vec<Patch> {
        if self.operations.is_empty() {
            return Vec::new();
        }
        vec![Patch::json(target, self.operations.clone().into(), reason)]
    }

    fn command(&self) -> &[Value] {
        self.pod.pointer(&format!("{CONTAINER}/command")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.command().iter().rposition(|it| it.as_str().and_then(split).is_some_and(|(flag, _)| flag == name))
    }

    /// Puts an item with a name into a list.
    fn put(&mut self, list: &str, item: Value) {
        let items = self.pod.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        match items.iter().position(|it| it["name"] == item["name"]) {
            Some(index) if items[index] == item => {}
            Some(index) => self.change(json!({"op": "replace", "path": format!("{list}/{index}"), "value": item})),
            None => self.append(list, item),
        }
    }

    /// Adds an item to a list that may not be there.
    fn append(&mut self, list: &str, item: Value) {
        if self.pod.pointer(list).is_some_and(Value::is_array) {
            self.change(json!({"op": "add", "path": format!("{list}/-"), "value": item}));
        } else {
            self.change(json!({"op": "add", "path": list, "value": [item]}));
        }
    }

    /// Keeps an operation, and does it here. Only what the methods above ask for: paths are of lists' items or of a list.
    fn change(&mut self, operation: Value) {
        let path = operation["path"].as_str().unwrap_or_default();
        if let Some((parent, key)) = path.rsplit_once('/') {
            let value = operation["value"].clone();
            match (self.pod.pointer_mut(parent), key.parse::<usize>(), operation["op"].as_str()) {
                (Some(Value::Array(items)), Ok(index), Some("replace")) => items[index] = value,
                (Some(Value::Array(items)), Ok(index), Some("remove")) => {
                    items.remove(index);
                }
                (Some(Value::Array(items)), Err(_), _) => items.push(value),
                (Some(Value::Object(fields)), _, _) => {
                    fields.insert(key.to_owned(), value);
                }
                // Not a pod: kubephase says so when it applies the patch.
                _ => {}
            }
        }
        self.operations.push(operation);
    }
}

impl Mount {
    /// A file that exists, at the same path inside, read only. `name` is the volume's.
    pub fn file(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("File", name, path)
    }

    /// A directory that exists, likewise.
    pub fn directory(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("Directory", name, path)
    }

    fn new(kind: &'static str, name: impl Into<String>, path: impl Into<String>) -> Self {
        let path = path.into();
        Self { name: name.into(), host_path: path.clone(), mount_path: path, kind, read_only: true }
    }

    /// At another path inside.
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.mount_path = path.into();
        self
    }

    /// What is inside may write to it.
    pub fn writable(mut self) -> Self {
        self.read_only = false;
        self
    }

    /// The kubelet makes it if it does not exist.
    pub fn create(mut self) -> Self {
        self.kind = if self.kind.starts_with("File") { "FileOrCreate" } else { "DirectoryOrCreate" };
        self
    }
}

fn command_path(index: usize) -> String {
    format!("{CONTAINER}/command/{index}")
}

/// `--name=value`, or `--name`.
fn split(word: &str) -> Option<(&str, &str)> {
    let flag = word.strip_prefix("--")?;
    Some(flag.split_once('=').unwrap_or((flag, "")))
}
