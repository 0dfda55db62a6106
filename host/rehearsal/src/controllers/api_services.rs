//! APIServices: whether what they register can be asked, as kube-aggregator says it of those that lead to a Service. Those
//! that lead nowhere are the server's own. Nothing is asked of anybody: a Service with pods behind it answers.

use serde_json::{Value, json};

use super::snapshot::{is_going, text};
use super::workloads::behind;
use super::{View, Wish};
use crate::clock::stamp;
use crate::kinds::{API_SERVICE, SERVICE};

/// See the module.
pub fn wish(view: &View<'_>) -> Vec<Wish> {
    let registered = view.objects.of(&API_SERVICE).filter(|registered| !is_going(registered));
    registered.filter_map(|registered| one(view, registered)).collect()
}

fn one(view: &View<'_>, registered: &Value) -> Option<Wish> {
    let (available, reason, message) = judge(view, registered);
    let status = if available { "True" } else { "False" };
    let known = registered["status"]["conditions"].as_array().into_iter().flatten();
    let known = known.into_iter().find(|condition| condition["type"] == "Available");
    if known.is_some_and(|known| known["status"] == status && known["message"] == message.as_str()) {
        return None;
    }
    let since = known.filter(|known| known["status"] == status).map(|known| known["lastTransitionTime"].clone());
    let mut wanted = registered.clone();
    wanted["status"]["conditions"] = json!([{
        "type": "Available", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since.unwrap_or_else(|| json!(stamp(view.now))),
    }]);
    Some(Wish::Update(wanted))
}

fn judge(view: &View<'_>, registered: &Value) -> (bool, &'static str, String) {
    let service = &registered["spec"]["service"];
    if !service.is_object() {
        return (true, "Local", "Local APIServices are always available".into());
    }
    let (namespace, name) = (text(service, "/namespace"), text(service, "/name"));
    match view.objects.get(&SERVICE, namespace, name) {
        None => (false, "ServiceNotFound", format!("service/{name} in \"{namespace}\" is not present")),
        Some(found) if behind(view, found).is_empty() => {
            (false, "MissingEndpoints", format!("endpoints for service/{name} in \"{namespace}\" have no addresses"))
        }
        Some(_) => (true, "Passed", "all checks passed".into()),
    }
}
