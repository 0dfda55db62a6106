use serde_json::json;

use super::*;
use crate::certs::Renewable;

fn renewal(name: &str, outcome: Outcome) -> Renewal {
    Renewal { what: Renewable::find(name).expect(name), outcome, notes: Vec::new() }
}

#[test]
fn only_what_reads_something_new_is_restarted_and_etcd_first() {
    let renewed = Outcome::Renewed { until: std::time::UNIX_EPOCH };
    let none = |names: &[&str]| readers(&names.iter().map(|name| renewal(name, renewed)).collect::<Vec<_>>());
    assert_eq!(none(&["admin.conf", "super-admin.conf", "etcd-healthcheck-client"]), [""; 0]);
    assert_eq!(none(&["apiserver", "front-proxy-client", "etcd-peer"]), ["etcd", "kube-apiserver"]);
    let all: Vec<Renewal> = Renewable::all().iter().map(|one| renewal(one.name(), renewed)).collect();
    assert_eq!(readers(&all), COMPONENTS);
    assert_eq!(readers(&[renewal("apiserver", Outcome::Missing), renewal("etcd-peer", Outcome::External)]), [""; 0]);
}

#[test]
fn a_manifest_says_where_its_pod_tells_how_it_is() {
    let pod = |container: Value| json!({ "spec": { "containers": [container] } });
    let get = |get: Value| json!({ "httpGet": get });
    let ports = json!([{ "name": "other", "containerPort": 1 }, { "name": "probe-port", "containerPort": 2381 }]);
    for (container, url) in [
        (
            json!({
                "ports": ports,
                "livenessProbe": get(json!({ "host": "127.0.0.1", "path": "/livez", "port": "probe-port", "scheme": "HTTP" })),
                "readinessProbe": get(json!({ "host": "127.0.0.1", "path": "/readyz", "port": "probe-port", "scheme": "HTTP" })),
            }),
            Some("http://127.0.0.1:2381/readyz"),
        ),
        (
            json!({ "livenessProbe": get(json!({ "host": "fd00::1", "path": "/livez", "port": 6443, "scheme": "HTTPS" })) }),
            Some("https://[fd00::1]:6443/livez"),
        ),
        (json!({ "livenessProbe": get(json!({ "port": 80 })) }), Some("http://127.0.0.1:80/")),
        (json!({ "livenessProbe": get(json!({ "port": "nameless" })) }), None),
        (json!({ "livenessProbe": { "exec": { "command": ["true"] } } }), None),
        (json!({}), None),
    ] {
        assert_eq!(health_url(&pod(container.clone())).as_deref(), url, "{container}");
    }
}
