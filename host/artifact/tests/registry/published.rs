//! A repository with one component in it, as answers of a [`Fake`](crate::fake::Fake).

use kubephase_artifact::Digest;
use serde_json::{Value, json};

use crate::bench::COMPONENT;
use crate::fake::{Asked, Reply};

/// A manifest of one layer.
pub fn manifest(component: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": Digest::of(b"{}"), "size": 2 },
        "layers": [{ "mediaType": "application/wasm", "digest": Digest::of(component), "size": component.len() }],
    })
}

/// `x:1` and what belongs to it; 404 for everything else.
pub fn answer(asked: &Asked) -> Reply {
    let manifest = manifest(COMPONENT).to_string();
    let blob = format!("/v2/x/blobs/{}", Digest::of(COMPONENT));
    match asked.target.as_str() {
        "/v2/x/manifests/1" => Reply::ok(manifest.as_bytes()),
        target if target == blob => Reply::ok(COMPONENT),
        _ => Reply::status(404),
    }
}

/// Whether it is the component itself that is asked for.
pub fn is_blob(asked: &Asked) -> bool {
    asked.target.starts_with("/v2/x/blobs/")
}

/// Whether it is the manifest of the tag.
pub fn is_manifest(asked: &Asked) -> bool {
    asked.target == "/v2/x/manifests/1"
}
