//! Plugins that answer by a script, in the place of real ones: what workflows make of answers is tested, not how answers
//! come about.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kubephase_model::plugin::{Description, Finding, Kind, Plugin, PluginEntry, Proposal};
use kubephase_node::kube::Api;
use kubephase_workflow::extension::{Answer, Extension, ExtensionError, ExtensionFailure, Mutation};
use serde_json::{Value, json};

type Mutate = Box<dyn Fn(&str, &Value) -> Option<Mutation> + Send + Sync>;

/// One plugin and what it answers.
#[derive(Default)]
pub struct Guest {
    name: String,
    kinds: Vec<Kind>,
    entry: PluginEntry,
    check: Vec<Finding>,
    mutate: Option<Mutate>,
    render: Proposal,
    images: Vec<String>,
    uninstall: Proposal,
    run: Proposal,
    failure: Option<ExtensionFailure>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A proposal from its JSON.
#[track_caller]
pub fn proposal(json: Value) -> Proposal {
    serde_json::from_value(json).expect("a proposal")
}

impl Guest {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// What the operator says of it, as JSON.
    #[track_caller]
    pub fn entry(mut self, change: impl FnOnce(&mut PluginEntry)) -> Self {
        change(&mut self.entry);
        self
    }

    pub fn check(mut self, findings: Value) -> Self {
        self.kinds.push(Kind::Preflight);
        self.check = serde_json::from_value(findings).expect("findings");
        self
    }

    /// Changes documents of these targets by `change`, which says why; `beside` is what else it wants.
    pub fn mutate(
        mut self,
        targets: &[&str],
        beside: Value,
        change: impl Fn(&str, &mut Value) -> &'static str + Send + Sync + 'static,
    ) -> Self {
        self.kinds.push(Kind::Mutator);
        self.entry.grants.patches = targets.iter().map(|target| (*target).to_owned()).collect();
        let beside = proposal(beside);
        self.mutate = Some(Box::new(move |target, document| {
            let mut document = document.clone();
            let reasons = vec![change(target, &mut document).to_owned()];
            Some(Mutation { document, reasons, proposal: beside.clone() })
        }));
        self
    }

    pub fn addon(mut self, render: Value) -> Self {
        self.kinds.push(Kind::Addon);
        self.render = proposal(render);
        self
    }

    pub fn images(mut self, images: &[&str]) -> Self {
        self.images = images.iter().map(|image| (*image).to_owned()).collect();
        self
    }

    pub fn uninstall(mut self, uninstall: Value) -> Self {
        self.uninstall = proposal(uninstall);
        self
    }

    pub fn phase(mut self, run: Value) -> Self {
        self.kinds.push(Kind::Phase);
        self.run = proposal(run);
        self
    }

    /// Every call of it fails like that.
    pub fn failing(mut self, failure: ExtensionFailure) -> Self {
        self.failure = Some(failure);
        self
    }

    fn plugin(&self) -> Plugin {
        Plugin {
            entry: PluginEntry { name: self.name.clone(), ..self.entry.clone() },
            description: Description {
                name: self.name.clone(),
                about: format!("Plays {}", self.name),
                ..Default::default()
            },
            kinds: self.kinds.clone(),
            digest: format!("sha256:{:0>64}", self.name.len()),
            signer: None,
        }
    }
}

/// All plugins of a run.
#[derive(Debug, Default)]
pub struct Double {
    plugins: Vec<Plugin>,
    guests: BTreeMap<String, Guest>,
    /// What was asked, in order.
    pub calls: Mutex<Vec<String>>,
}

impl Double {
    pub fn new(guests: impl IntoIterator<Item = Guest>) -> Self {
        let mut double = Self::default();
        for guest in guests {
            double.plugins.push(guest.plugin());
            double.guests.insert(guest.name.clone(), guest);
        }
        double
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        call: &str,
        plugin: &'a str,
        value: impl FnOnce(&'a Guest) -> T + Send + 'a,
    ) -> Answer<'a, T> {
        self.calls.lock().expect("not poisoned").push(format!("{call} {plugin}"));
        let call = call.split(' ').next().unwrap_or(call).to_owned();
        Box::pin(async move {
            let guest = &self.guests[plugin];
            match guest.failure {
                Some(kind) => Err(ExtensionError {
                    plugin: plugin.to_owned(),
                    call,
                    kind,
                    code: None,
                    message: "it broke".into(),
                    hint: Some("mend it".into()),
                    backtrace: vec!["guest::deep".into(), "guest::shallow".into()],
                    log: vec!["about to break".into()],
                }),
                None => Ok(value(guest)),
            }
        })
    }
}

impl Extension for Double {
    fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    fn connected(&self, _: &Api) {
        self.calls.lock().expect("not poisoned").push("connected".into());
    }

    fn check<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<Finding>> {
        self.answer("preflight.check", plugin, |guest| guest.check.clone())
    }

    fn mutate<'a>(&'a self, plugin: &'a str, target: &'a str, document: &'a Value) -> Answer<'a, Mutation> {
        self.answer(&format!("mutator.mutate {target}"), plugin, move |guest| {
            let mutation = guest.mutate.as_ref().and_then(|mutate| mutate(target, document));
            mutation.unwrap_or_else(|| Mutation {
                document: document.clone(),
                reasons: Vec::new(),
                proposal: Proposal::default(),
            })
        })
    }

    fn render<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        self.answer("addon.render", plugin, |guest| guest.render.clone())
    }

    fn images<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<String>> {
        self.answer("addon.images", plugin, |guest| guest.images.clone())
    }

    fn uninstall<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        self.answer("addon.uninstall", plugin, |guest| guest.uninstall.clone())
    }

    fn run<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        self.answer("phase.run", plugin, |guest| guest.run.clone())
    }
}

/// A flag more for the first container of a Pod.
pub fn add_flag(pod: &mut Value, flag: &str) {
    if let Some(command) = pod["spec"]["containers"][0]["command"].as_array_mut() {
        command.push(json!(flag));
    }
}
