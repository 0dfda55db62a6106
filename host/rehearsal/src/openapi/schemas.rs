//! The schemas of every kind: as published, with what the publication leaves out (kinds, how lists merge and are owned)
//! added from the tables of this project.

use k8s_openapi::api::{
    admissionregistration::v1 as admissionregistration, apps::v1 as apps, autoscaling::v2 as autoscaling,
    batch::v1 as batch, certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, events::v1 as events, networking::v1 as networking, node::v1 as node,
    policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration;
use k8s_openapi::schemars::generate::{SchemaGenerator, SchemaSettings};
use kubephase_render::patch::schema::{Field, ListMerge, Ownership, Type, Zero, fields};
use serde_json::{Map, Value, json};

use crate::kinds::{KINDS, Kind};

const REFERENCE: &str = "#/components/schemas/";

/// The name of a kind's schema, such as `io.k8s.api.apps.v1.Deployment`.
pub(super) fn name(kind: &Kind) -> String {
    let package = match kind.group {
        "" => "io.k8s.api.core".to_owned(),
        "apiextensions.k8s.io" => "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions".to_owned(),
        "apiregistration.k8s.io" => "io.k8s.kube-aggregator.pkg.apis.apiregistration".to_owned(),
        group => format!("io.k8s.api.{}", group.split('.').next().unwrap_or(group)),
    };
    format!("{package}.{}.{}", kind.version, kind.kind)
}

/// Every schema by its name.
pub(super) fn all() -> Map<String, Value> {
    let settings = SchemaSettings::draft07().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    publish(&mut generator);
    let mut all: Map<String, Value> = generator.take_definitions(false).into_iter().collect();
    for kind in KINDS {
        let name = name(kind);
        let list = format!("{name}List");
        all.insert(list.clone(), list_of(kind, &name));
        for (schema, kind_name) in [(name, kind.kind.to_owned()), (list, kind.list_kind())] {
            if let Some(Value::Object(schema)) = all.get_mut(&schema) {
                let identity = json!([{ "group": kind.group, "version": kind.version, "kind": kind_name }]);
                schema.insert("x-kubernetes-group-version-kind".to_owned(), identity);
            }
        }
    }
    for (name, schema) in &mut all {
        complete(name, schema);
    }
    all
}

/// Makes the generator know every kind. A kind that is missing here has no schema, which a test finds.
fn publish(generator: &mut SchemaGenerator) {
    macro_rules! kinds {
        ($($group:ident: $($kind:ident)*;)*) => { $($(generator.subschema_for::<$group::$kind>();)*)* };
    }
    kinds! {
        core: ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolumeClaim PersistentVolume Pod
            ResourceQuota Secret ServiceAccount Service;
        apiregistration: APIService;
        apps: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet;
        events: Event;
        autoscaling: HorizontalPodAutoscaler;
        batch: CronJob Job;
        certificates: CertificateSigningRequest;
        networking: IngressClass Ingress NetworkPolicy ServiceCIDR;
        policy: PodDisruptionBudget;
        rbac: ClusterRoleBinding ClusterRole RoleBinding Role;
        storage: CSIDriver CSINode StorageClass;
        admissionregistration: MutatingWebhookConfiguration ValidatingWebhookConfiguration;
        apiextensions: CustomResourceDefinition;
        scheduling: PriorityClass;
        coordination: Lease;
        node: RuntimeClass;
        discovery: EndpointSlice;
        meta: DeleteOptions ListMeta Status;
    }
}

fn list_of(kind: &Kind, name: &str) -> Value {
    json!({
        "description": format!("{} is a list of {} objects.", kind.list_kind(), kind.kind),
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string", "description": "The versioned schema of this representation." },
            "kind": { "type": "string", "description": "The REST resource that this object represents." },
            "metadata": { "$ref": format!("{REFERENCE}io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta") },
            "items": { "type": "array", "items": { "$ref": format!("{REFERENCE}{name}") } },
        },
        "required": ["items"],
    })
}

/// The type of the table that a schema describes.
pub(super) fn type_of(name: &str) -> Type {
    let mut parts = name.rsplit('.');
    let (kind, _version, group) = (parts.next(), parts.next(), parts.next());
    Type::of(group.unwrap_or_default(), kind.unwrap_or_default())
}

/// Adds what is not published with the schema.
fn complete(name: &str, schema: &mut Value) {
    wrap_references(schema);
    if name.ends_with(".IntOrString") {
        schema["format"] = json!("int-or-string");
        schema["oneOf"] = json!([{ "type": "integer" }, { "type": "string" }]);
    }
    let ty = type_of(name);
    if ty.is_atomic() {
        schema["x-kubernetes-map-type"] = json!("atomic");
    }
    let Type::Object(ty) = ty else { return };
    for field in fields(ty) {
        if let Some(Value::Object(property)) = schema.pointer_mut(&format!("/properties/{}", field.name)) {
            annotate(field, property);
        }
    }
}

fn annotate(field: &Field, property: &mut Map<String, Value>) {
    let mut say = |name: &str, value: Value| {
        property.insert(name.to_owned(), value);
    };
    match &field.ownership {
        Ownership::Map(keys) => {
            say("x-kubernetes-list-type", json!("map"));
            say("x-kubernetes-list-map-keys", json!(keys));
        }
        Ownership::Set => say("x-kubernetes-list-type", json!("set")),
        Ownership::Atomic => say("x-kubernetes-map-type", json!("atomic")),
        Ownership::Usual if matches!(field.ty, Type::List(_)) && field.merge == ListMerge::Replace => {
            say("x-kubernetes-list-type", json!("atomic"));
        }
        Ownership::Usual => {}
    }
    match field.merge {
        ListMerge::ByKey(key) => {
            say("x-kubernetes-patch-merge-key", json!(key));
            say("x-kubernetes-patch-strategy", json!("merge"));
        }
        ListMerge::Set => say("x-kubernetes-patch-strategy", json!("merge")),
        ListMerge::Replace => {}
    }
    if field.zero == Zero::Write && matches!(field.ty, Type::Object(_)) {
        say("default", json!({}));
    }
    if field.name == "protocol" {
        say("default", json!("TCP"));
    }
}

/// In OpenAPI 3.0 nothing may stand beside a reference.
fn wrap_references(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(wrap_references);
            // A field may be called like that too; what it holds is no text.
            if map.len() > 1
                && map.get("$ref").is_some_and(Value::is_string)
                && let Some(reference) = map.remove("$ref")
            {
                map.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        _ => {}
    }
}

/// Adds the names of the schemas that this one refers to.
pub(super) fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(REFERENCE)) {
                found.push(name.to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The schema as OpenAPI 2 has it.
pub(super) fn to_v2(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(to_v2);
            map.retain(|name, value| name != "oneOf" || !value.is_array());
            let reference = map.get("allOf").and_then(|all| all.get(0)).and_then(|one| one.get("$ref")).cloned();
            if let Some(reference) = reference {
                map.remove("allOf");
                map.insert("$ref".to_owned(), reference);
            }
            if let Some(Value::String(to)) = map.get_mut("$ref") {
                *to = to.replace(REFERENCE, "#/definitions/");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(to_v2),
        _ => {}
    }
}
