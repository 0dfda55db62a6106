//! Images that a proposal uses.

use serde_json::Value;

use crate::{Failure, Proposal};

/// What is proposed as images, and what containers of the objects use, wherever a pod's spec is in them; sorted, each once.
pub(crate) fn of(proposal: &Proposal) -> Result<Vec<String>, Failure> {
    let mut images = proposal.images.clone();
    for object in &proposal.objects {
        collect(&serde_json::from_str(&object.manifest)?, &mut images);
    }
    images.sort();
    images.dedup();
    Ok(images)
}

fn collect(value: &Value, images: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, images)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if let ("containers" | "initContainers", Value::Array(containers)) = (name.as_str(), field) {
                    images.extend(containers.iter().filter_map(|it| it["image"].as_str()).map(str::to_owned));
                }
                collect(field, images);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;
    use crate::Proposal;

    #[test]
    fn images_are_found_wherever_a_pod_is() {
        let spec = json!({"containers": [{"image": "b"}], "initContainers": [{"image": "a"}, {"image": "b"}]});
        let proposal = Proposal::new()
            .object(json!({"kind": "DaemonSet", "spec": {"template": {"spec": spec}}}))
            .object(json!({"kind": "Widget", "spec": {"image": "not-a-container"}}))
            .image("c");
        assert_eq!(of(&proposal), Ok(vec!["a".into(), "b".into(), "c".into()]));
    }
}
