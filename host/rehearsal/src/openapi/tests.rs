use serde_json::json;

use super::*;
use crate::schema;
use kubephase_render::patch::schema::{Type, fields};

/// The schema of a name in the document of a group version.
fn described<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

#[test]
fn every_kind_has_a_schema_and_paths() {
    let index = v3_index();
    for kind in KINDS {
        let path = root(kind.group, kind.version);
        let address = index["paths"][&path]["serverRelativeURL"].as_str().unwrap();
        assert!(address.starts_with(&format!("/openapi/v3/{path}?hash=")), "{address}");
        let document = v3(&path).unwrap();
        let schema = described(&document, &schemas::name(kind));
        let identity = json!([{ "group": kind.group, "version": kind.version, "kind": kind.kind }]);
        assert_eq!(schema["x-kubernetes-group-version-kind"], identity, "{}", kind.kind);
        let list = described(&document, &format!("{}List", schemas::name(kind)));
        assert!(list["properties"]["items"].is_object(), "{}", kind.kind);
        let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let item = &document["paths"][format!("/{path}{scope}/{}/{{name}}", kind.plural)];
        let parameters = item["patch"]["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|parameter| parameter["name"] == "fieldValidation"), "{}", kind.kind);
        assert_eq!(item["patch"]["x-kubernetes-action"], "patch");
    }
    assert_eq!(v3("apis/apps/v9"), None);
}

#[test]
fn nothing_refers_to_what_is_not_there() {
    for (path, document) in DOCUMENTS.iter() {
        let mut wanted = Vec::new();
        schemas::references(document, &mut wanted);
        assert!(!wanted.is_empty());
        for name in wanted {
            assert!(described(document, &name).is_object(), "{path}: {name}");
        }
    }
    let v2 = v2();
    assert!(!v2.to_string().contains("#/components/schemas"));
    assert_eq!(
        v2["definitions"]["io.k8s.api.apps.v1.Deployment"]["properties"]["spec"]["$ref"],
        "#/definitions/io.k8s.api.apps.v1.DeploymentSpec"
    );
    let patch = &v2["paths"]["/api/v1/nodes/{name}"]["patch"]["parameters"];
    assert_eq!((&patch[0]["type"], &patch[4]["in"]), (&json!("string"), &json!("body")));
}

#[test]
fn lists_say_how_they_merge_and_who_owns_their_items() {
    let core = v3("api/v1").unwrap();
    let ports = &described(&core, "io.k8s.api.core.v1.Container")["properties"]["ports"];
    assert_eq!(ports["x-kubernetes-list-map-keys"], json!(["containerPort", "protocol"]));
    assert_eq!(ports["x-kubernetes-list-type"], "map");
    assert_eq!(ports["x-kubernetes-patch-merge-key"], "containerPort");
    assert_eq!(ports["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(ports["items"]["$ref"], "#/components/schemas/io.k8s.api.core.v1.ContainerPort");
    let apps = v3("apis/apps/v1").unwrap();
    let deployment = described(&apps, "io.k8s.api.apps.v1.Deployment");
    assert_eq!(
        deployment["properties"]["spec"]["allOf"],
        json!([{ "$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec" }])
    );
    assert_eq!(deployment["properties"]["spec"]["default"], json!({}));
    let selector = described(&apps, "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector");
    assert_eq!(selector["x-kubernetes-map-type"], "atomic");
    let port = described(&core, "io.k8s.apimachinery.pkg.util.intstr.IntOrString");
    assert_eq!(port["format"], "int-or-string");
}

/// The table of types and the publication are two sources of the same facts.
#[test]
fn the_table_of_types_has_the_published_fields() {
    let mut seen = 0;
    for (name, schema) in schemas::all() {
        let Type::Object(ty) = schemas::type_of(&name) else { continue };
        let Some(published) = schema["properties"].as_object() else { continue };
        seen += 1;
        let of = Type::Object(ty);
        for (field, property) in published {
            let known = schema::field_type(&of, field).unwrap_or_else(|| panic!("{name}: no `{field}` in the table"));
            let fits = match (known, property["type"].as_str()) {
                (Type::List(_), found) => found == Some("array"),
                (Type::Map(_), found) => found == Some("object"),
                (Type::Bool, found) => found == Some("boolean"),
                (Type::Int32 | Type::Int64, found) => found == Some("integer"),
                (Type::String | Type::Bytes, found) => found == Some("string"),
                (_, None) => true,
                (Type::Any, _) => true,
                _ => false,
            };
            assert!(fits, "{name}.{field}: {known:?}, published {property}");
        }
        for field in fields(ty).iter().filter(|field| schema::field_type(&of, field.name).is_some()) {
            assert!(published.contains_key(field.name), "{name}: `{}` is not published", field.name);
        }
    }
    assert!(seen > 250, "{seen} types compared");
}
