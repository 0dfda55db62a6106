use serde_json::json;

use super::*;
use crate::kinds::{CONFIG_MAP, DEPLOYMENT};

fn map() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "a": "1" } })
}

fn patched(language: PatchType, body: &Value) -> Value {
    patch(&CONFIG_MAP, &map(), language, body).unwrap()["data"].clone()
}

#[test]
fn json_patches_are_those_of_gos_library() {
    for (operation, data) in [
        (json!({ "op": "add", "path": "/data/b", "value": "2" }), json!({ "a": "1", "b": "2" })),
        (json!({ "op": "replace", "path": "/data/z", "value": "2" }), json!({ "a": "1", "z": "2" })),
        (json!({ "op": "copy", "from": "/data/z", "path": "/data/y" }), json!({ "a": "1", "y": "" })),
        (json!({ "op": "move", "from": "/data/a", "path": "/data/y" }), json!({ "y": "1" })),
        (json!({ "op": "add", "path": "/foo", "value": "2" }), json!({ "a": "1" })),
    ] {
        assert_eq!(patched(PatchType::Json, &json!([operation])), data, "{operation}");
    }
    for operation in [
        json!({ "op": "test", "path": "/data/a", "value": "2" }),
        json!({ "op": "remove", "path": "/data/z" }),
        json!({ "op": "add", "path": "/foo/bar", "value": "x" }),
        json!({ "op": "move", "from": "/data/z", "path": "/data/y" }),
        json!({ "op": "zap", "path": "/foo" }),
        json!({ "path": "/foo" }),
    ] {
        let failure = patch(&CONFIG_MAP, &map(), PatchType::Json, &json!([operation])).unwrap_err();
        assert_eq!((failure.code(), failure.message()), (422, REJECTED), "{operation}");
    }
    let pods = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "finalizers": ["a", "b"] } });
    let last = json!([{ "op": "remove", "path": "/metadata/finalizers/-1" }]);
    let rest = patch(&CONFIG_MAP, &pods, PatchType::Json, &last).unwrap();
    assert_eq!(rest["metadata"]["finalizers"], json!(["a"]));
}

#[test]
fn what_is_no_patch_is_a_bad_request() {
    for (language, body, message) in [
        (
            PatchType::Json,
            json!({}),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
        (
            PatchType::Merge,
            json!([]),
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (PatchType::Strategic, json!(5), "json: cannot unmarshal number into Go value of type map[string]interface {}"),
        (PatchType::Merge, json!(null), "Invalid JSON Patch"),
    ] {
        let failure = patch(&CONFIG_MAP, &map(), language, &body).unwrap_err();
        assert_eq!((failure.code(), failure.message()), (400, message));
    }
}

#[test]
fn a_result_that_is_no_object_of_the_kind_is_invalid() {
    let body = json!({ "data": { "a": 5 } });
    let failure = patch(&CONFIG_MAP, &map(), PatchType::Strategic, &body).unwrap_err();
    assert_eq!(failure.code(), 422);
    assert_eq!(
        failure.message(),
        " \"\" is invalid: patch: Invalid value: \"map[data:map[a:5]]\": json: cannot unmarshal number into Go struct \
         field ConfigMap.data of type string"
    );
    let failure = patch(&CONFIG_MAP, &map(), PatchType::Merge, &body).unwrap_err();
    assert!(failure.message().starts_with(" \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\":\\\"v1\\\""));
}

#[test]
fn strategic_patches_merge_lists_of_every_kind_by_their_keys() {
    let deployment = json!({
        "spec": { "template": { "spec": { "containers": [{ "name": "a", "image": "x" }, { "name": "b", "image": "y" }] } } },
        "status": { "conditions": [{ "type": "Available", "status": "True" }] },
    });
    let body = json!({
        "spec": { "template": { "spec": {
            "$setElementOrder/containers": [{ "name": "b" }, { "name": "c" }],
            "containers": [{ "name": "b", "image": "z" }, { "name": "a", "$patch": "delete" }, { "name": "c" }],
        } } },
        "status": { "conditions": [{ "type": "Progressing", "status": "True" }] },
    });
    let merged = patch_raw(&DEPLOYMENT, &deployment, PatchType::Strategic, &body).unwrap();
    let containers = json!([{ "name": "b", "image": "z" }, { "name": "c" }]);
    assert_eq!(merged["spec"]["template"]["spec"]["containers"], containers);
    assert_eq!(merged["status"]["conditions"].as_array().unwrap().len(), 2);

    let no_key = json!({ "spec": { "template": { "spec": { "containers": [{ "image": "x" }] } } } });
    assert_eq!(patch(&DEPLOYMENT, &deployment, PatchType::Strategic, &no_key).unwrap_err().code(), 500);
    let mut deployment = deployment;
    deployment["spec"]["strategy"] = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 2 } });
    let keys = json!({ "spec": { "strategy": { "$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": {} } } });
    let failure = patch(&DEPLOYMENT, &deployment, PatchType::Strategic, &keys).unwrap_err();
    assert_eq!((failure.code(), failure.message()), (400, "invalid patch format of retainKeys"));
}

#[test]
fn languages_are_known_by_their_content_type() {
    assert_eq!(PatchType::of_content_type("application/json-patch+json"), Some(PatchType::Json));
    assert_eq!(PatchType::of_content_type("application/merge-patch+json; charset=utf-8"), Some(PatchType::Merge));
    assert_eq!(PatchType::of_content_type("application/apply-patch+yaml"), None);
}
