//! Finds references of images in any document, and proposes a patch for each that a rule fits.

use kubephase_sdk::prelude::*;

use crate::Rule;
use crate::reference::rewritten;

/// Lists of containers in pods, wherever a pod stands in a document: alone, as a template, in a List.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Proposes a patch per image, in the document's order.
pub fn rewrite(rules: &[Rule], target: &str, document: &Value) -> Proposal {
    let mut found = Vec::new();
    collect(document, "", &mut found);
    found.into_iter().filter_map(|(pointer, name, image)| Some((pointer, name, rewritten(rules, image)?))).fold(
        Proposal::new(),
        |proposal, (pointer, name, image)| {
            let reason = format!("take the image of {name} from {}", registry(&image));
            proposal.patch(Patch::json(target, json!([{"op": "replace", "path": pointer, "value": image}]), reason))
        },
    )
}

/// The JSON pointer of each image with the name of what it is for.
fn collect<'a>(value: &'a Value, pointer: &str, found: &mut Vec<(String, &'a str, &'a str)>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let below = format!("{pointer}/{}", escaped(key));
                match field.as_array() {
                    Some(containers) if CONTAINERS.contains(&&**key) => of_containers(containers, &below, found),
                    Some(volumes) if key == "volumes" => of_volumes(volumes, &below, found),
                    _ => collect(field, &below, found),
                }
            }
        }
        _ => {}
    }
}

fn of_containers<'a>(containers: &'a [Value], pointer: &str, found: &mut Vec<(String, &'a str, &'a str)>) {
    for (index, container) in containers.iter().enumerate() {
        if let (Some(name), Some(image)) = (container["name"].as_str(), container["image"].as_str()) {
            found.push((format!("{pointer}/{index}/image"), name, image));
        }
    }
}

/// Volumes can be images as well.
fn of_volumes<'a>(volumes: &'a [Value], pointer: &str, found: &mut Vec<(String, &'a str, &'a str)>) {
    for (index, volume) in volumes.iter().enumerate() {
        if let (Some(name), Some(image)) = (volume["name"].as_str(), volume["image"]["reference"].as_str()) {
            found.push((format!("{pointer}/{index}/image/reference"), name, image));
        }
    }
}

/// A key as it stands in a JSON pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn registry(image: &str) -> &str {
    image.split('/').next().unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_wherever_pods_are() {
        let rules = [Rule { from: "docker.io".into(), to: "m.example".into() }];
        let pod = json!({"initContainers": [{"name": "a", "image": "a:1"}],
                         "containers": [{"name": "b", "image": "b:1"}, {"name": "no-image"}],
                         "volumes": [{"name": "c", "image": {"reference": "c:1"}}, {"name": "d", "emptyDir": {}}]});
        let list = json!({"kind": "List", "items": [
            {"kind": "ConfigMap", "data": {"containers": "x:1"}, "metadata": {"annotations": {"a/b~c": "x:1"}}},
            {"kind": "DaemonSet", "spec": {"template": {"spec": pod}}},
            {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}]});
        let mut found = Vec::new();
        collect(&list, "", &mut found);
        for below in ["/items/1/spec/template/spec", "/items/2/spec/jobTemplate/spec/template/spec"] {
            for (path, image) in
                [("initContainers/0/image", "a:1"), ("containers/0/image", "b:1"), ("volumes/0/image/reference", "c:1")]
            {
                let pointer = format!("{below}/{path}");
                assert!(found.iter().any(|(at, _, is)| *at == pointer && *is == image), "{pointer}");
                assert_eq!(list.pointer(&pointer), Some(&json!(image)));
            }
        }
        assert_eq!(found.len(), 6);
        assert_eq!(rewrite(&rules, "plugin:x", &list).patches.len(), 6);
    }
}
