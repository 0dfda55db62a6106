//! A plugin's objects on a real API server: a set of its own (KEP-3659), by server-side apply.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::api::Client;
use super::super::cluster::kubectl;
use super::super::objects;
use super::super::scenario;
use super::Site;

/// Where the API server has what runs metrics-server.
pub const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/kube-system/deployments/metrics-server";
const PARENT: &str = "/api/v1/namespaces/kube-system/configmaps/kubephase-plugin-metrics-server";
const MANAGER: &str = "kubephase-plugin-metrics-server";

/// What the set has, by kind and name.
const MEMBERS: [&str; 9] = [
    "APIService v1beta1.metrics.k8s.io",
    "ClusterRole metrics-server",
    "ClusterRole metrics-server:aggregated-metrics-reader",
    "ClusterRoleBinding metrics-server",
    "ClusterRoleBinding metrics-server:system:auth-delegator",
    "Deployment metrics-server",
    "RoleBinding metrics-server-auth-reader",
    "Service metrics-server",
    "ServiceAccount metrics-server",
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The set's name, from its parent.
fn id(client: &Client<'_>) -> Result<String> {
    let parent = client.get(PARENT)?;
    let id = text(&parent["metadata"]["labels"]["applyset.kubernetes.io/id"]).to_owned();
    if id.is_empty() { bail!("the parent has no id: {parent:#}") } else { Ok(id) }
}

/// Kind and name of all objects with the set's label.
fn members(client: &Client<'_>, id: &str) -> Result<Vec<String>> {
    let all = objects::read(client)?;
    let is_member = |object: &&Value| {
        // A Service's are made by a controller, with the Service's labels.
        let is_derived = ["Endpoints", "EndpointSlice"].contains(&text(&object["kind"]));
        object["metadata"]["labels"]["applyset.kubernetes.io/part-of"] == id && !is_derived
    };
    let name = |object: &Value| format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
    let mut names: Vec<String> = all.iter().filter(is_member).map(name).collect();
    names.sort();
    Ok(names)
}

/// Its members are what the plugin proposes, its parent names their kinds, and they are applied as the plugin's.
pub fn is_applied(site: &Site<'_>) -> Result<()> {
    let client = Client::admin(&site.node)?;
    let found = members(&client, &id(&client)?)?;
    if found != MEMBERS {
        bail!("members are {found:#?}");
    }
    let parent = client.get(PARENT)?;
    let kinds = text(&parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"]);
    for member in MEMBERS {
        let kind = member.split(' ').next().unwrap_or_default();
        if !kinds.split(',').any(|one| one.split('.').next() == Some(kind)) {
            bail!("the parent does not name {kind}: {kinds}");
        }
    }
    let deployment = client.get(DEPLOYMENT)?;
    let fields = deployment["metadata"]["managedFields"].as_array().context("no managed fields")?;
    if !fields.iter().any(|one| one["manager"] == MANAGER && one["operation"] == "Apply") {
        bail!("nobody applied it as {MANAGER}: {fields:#?}");
    }
    Ok(())
}

/// Another manager has set another value: the phase fails and names both, and goes through when that one gives up.
pub fn conflicts(site: &Site<'_>) -> Result<()> {
    let rival = |spec: Value| {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
            "metadata": { "name": "metrics-server", "namespace": "kube-system" },
        });
        let words =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=rival", "--validate=false", "-f", "-"];
        kubectl(&site.node, &words).stdin(object.to_string()).run()
    };
    rival(json!({ "replicas": 0 }))?;
    let told = phase(site)?;
    if told.code != Some(1) || !told.text().contains("rival") || !told.text().contains("replicas") {
        bail!("it should name the rival and the field:\n{}", told.tail());
    }
    let client = Client::admin(&site.node)?;
    if client.get(DEPLOYMENT)?["spec"]["replicas"] != 0 {
        bail!("the rival's field was taken");
    }
    rival(json!({}))?;
    let told = phase(site)?;
    if told.code != Some(0) || client.get(DEPLOYMENT)?["spec"]["replicas"] != 1 {
        bail!("the rival has given up, and yet:\n{}", told.tail());
    }
    Ok(())
}

/// The addon's phase alone.
fn phase(site: &Site<'_>) -> Result<super::Told> {
    site.kubephase(&["init", "phase", "plugin", "addon/metrics-server", "--config", super::CONFIG, "-o", "json"])
}

/// What an older version of the plugin could have left goes; what has the same kind and is not of the set stays.
pub fn prunes(site: &Site<'_>) -> Result<()> {
    let client = Client::admin(&site.node)?;
    let id = id(&client)?;
    let accounts = "/api/v1/namespaces/kube-system/serviceaccounts";
    for (name, labels) in [
        ("metrics-server-old", json!({ "applyset.kubernetes.io/part-of": id })),
        ("metrics-server-of-others", json!({ "k8s-app": "metrics-server" })),
    ] {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "labels": labels },
        });
        client.send("POST", accounts, &account)?;
    }
    let told = phase(site)?;
    let is_there = |name: &str| client.get(&format!("{accounts}/{name}")).is_ok();
    if told.code != Some(0) || is_there("metrics-server-old") || !is_there("metrics-server-of-others") {
        bail!("only what the set does not want any more should go:\n{}", told.tail());
    }
    if members(&client, &id)? != MEMBERS {
        bail!("members are {:#?}", members(&client, &id)?);
    }
    Ok(())
}

/// The Deployment's pod never becomes ready: after the time that the settings give it, that is what is said.
pub fn waits(site: &Site<'_>) -> Result<()> {
    site.configure(&[("waitSeconds: 0", "waitSeconds: 3")])?;
    let told = phase(site)?;
    if told.code != Some(1) || !told.text().contains("has not been rolled out") {
        bail!("it should say what it waited for:\n{}", told.tail());
    }
    Ok(())
}

/// What the plugin had is gone, as foretold; objects and files of the others are as they were.
pub fn uninstalls(site: &Site<'_>) -> Result<()> {
    let client = Client::admin(&site.node)?;
    let id = id(&client)?;
    let others = || -> Result<String> {
        let files = scenario::files(&site.node)?;
        let mine = |line: &&str| {
            // What is configured is written down once for all of them.
            !MEMBERS.iter().any(|member| line.contains(member.split(' ').nth(1).unwrap_or_default()))
                && !line.contains("kubephase-plugin-metrics-server")
                && !line.contains("kubephase-config")
        };
        Ok(scenario::versions(&site.node)?.lines().filter(mine).map(|line| format!("{line}\n")).collect::<String>()
            + &files)
    };
    site.settled()?;
    let before = others()?;
    let dry = site.kubephase(&["plugin", "uninstall", "metrics-server", "--dry-run", "-o", "json"])?;
    if dry.code != Some(0) || members(&client, &id)? != MEMBERS {
        bail!("a dry run changes nothing:\n{}", dry.tail());
    }
    let done = site.kubephase(&["plugin", "uninstall", "metrics-server", "-o", "json"])?;
    let left = members(&client, &id)?;
    if done.code != Some(0) || !left.is_empty() || client.get(PARENT).is_ok() {
        bail!("of its set there are still {left:?}:\n{}", done.tail());
    }
    let after = others()?;
    if before != after {
        bail!("what others have is not as it was:\n{}", scenario::difference(&before, &after));
    }
    let config = client.get("/api/v1/namespaces/kube-system/configmaps/kubephase-config")?;
    let config = text(&config["data"]["PluginConfiguration"]).to_owned();
    if config.contains("metrics-server") || !config.contains("audit-policy") {
        bail!("the cluster's configuration should have the others alone:\n{config}");
    }
    let again = site.kubephase(&["plugin", "uninstall", "metrics-server"])?;
    if again.code != Some(1) || !again.text().contains("not installed") {
        bail!("there is nothing to uninstall any more:\n{}", again.tail());
    }
    Ok(())
}
