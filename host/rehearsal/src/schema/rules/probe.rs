//! Rules of probes.

use serde_json::{Value, json};

use super::service::port_reference;
use super::{Problems, text};

pub(super) fn check(container: &Value, path: &str, problems: &mut Problems) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(name).filter(|probe| probe.is_object()) else { continue };
        let path = format!("{path}.{name}");
        handler(probe, &path, problems);
        for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            problems.not_negative(format!("{path}.{field}"), probe.get(field));
        }
        if name != "readinessProbe" && probe["successThreshold"] != json!(1) {
            problems.invalid(format!("{path}.successThreshold"), &probe["successThreshold"], "must be 1");
        }
    }
}

fn handler(probe: &Value, path: &str, problems: &mut Problems) {
    let mut seen = 0;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc"] {
        let Some(handler) = probe.get(kind).filter(|handler| handler.is_object()) else { continue };
        let path = format!("{path}.{kind}");
        seen += 1;
        if seen > 1 {
            problems.forbidden(path, "may not specify more than 1 handler type");
            continue;
        }
        match kind {
            "exec" if handler["command"].as_array().is_none_or(Vec::is_empty) => {
                problems.required(format!("{path}.command"), "");
            }
            "exec" => {}
            _ => port_reference(&format!("{path}.port"), &handler["port"], problems),
        }
        if kind == "httpGet" {
            if text(handler, "path").is_empty() {
                problems.required(format!("{path}.path"), "");
            }
            problems.one_of(format!("{path}.scheme"), handler.get("scheme"), &["HTTP", "HTTPS"]);
        }
    }
    if seen == 0 {
        problems.required(path, "must specify a handler type");
    }
}
