use super::*;
use crate::plugin::{Description, PluginEntry};

fn phases() -> Vec<String> {
    [
        "preflight",
        "certs",
        "certs/ca",
        "certs/sa",
        "kubeconfig",
        "wait",
        "addon",
        "addon/coredns",
        "addon/kube-proxy",
        "show",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// `name kind [before:x] [after:x] [own-before:x] [own-after:x] [cni]`: what the operator says, and what it says itself.
fn plugin(text: &str) -> Plugin {
    let mut words = text.split(' ');
    let name = words.next().expect("a name").to_owned();
    let mut plugin = Plugin {
        entry: PluginEntry { name, ..PluginEntry::default() },
        description: Description::default(),
        kinds: Vec::new(),
        digest: String::new(),
        signer: None,
    };
    for word in words {
        match word.split_once(':') {
            Some(("before", name)) => plugin.entry.before.push(name.into()),
            Some(("after", name)) => plugin.entry.after.push(name.into()),
            Some(("own-before", name)) => plugin.description.before.push(name.into()),
            Some(("own-after", name)) => plugin.description.after.push(name.into()),
            _ if word == "cni" => plugin.entry.stage = "before-cni".into(),
            _ => plugin.kinds.extend(super::super::description::KINDS.iter().filter(|kind| kind.name() == word)),
        }
    }
    plugin
}

/// Leaves and plugins in one line.
fn line(plugins: &[&str]) -> Result<String, String> {
    let plugins: Vec<Plugin> = plugins.iter().map(|text| plugin(text)).collect();
    let order = order(&plugins, &phases()).map_err(|cycle| cycle.path.join(" → "))?;
    assert_eq!(order.plugins.len(), plugins.len());
    let all = phases();
    let leaves = Phases::new(&all).leaves;
    let mut words: Vec<String> = Vec::new();
    for gap in 0..=leaves.len() {
        let after = gap.checked_sub(1).map(|i| leaves[i].to_owned());
        let here = order.steps.iter().filter(|step| step.after == after);
        for step in here {
            assert_eq!(step.before.as_deref(), leaves.get(gap).copied());
            words.push(if step.kind == Kind::Addon { format!("+{}", step.plugin) } else { step.plugin.clone() });
        }
        words.extend(leaves.get(gap).map(|leaf| leaf.rsplit('/').next().unwrap_or_default().to_owned()));
    }
    Ok(words.join(" "))
}

#[test]
fn where_things_run() {
    for (plugins, expected) in [
        (&[][..], "preflight ca sa kubeconfig wait coredns kube-proxy show"),
        (&["a addon", "b addon"], "preflight ca sa kubeconfig wait coredns kube-proxy +a +b show"),
        (&["a addon", "b addon cni"], "preflight ca sa kubeconfig wait coredns kube-proxy +b +a show"),
        (
            &["a addon after:b", "b addon", "c addon"],
            "preflight ca sa kubeconfig wait coredns kube-proxy +b +a +c show",
        ),
        (&["a addon", "b addon before:a"], "preflight ca sa kubeconfig wait coredns kube-proxy +b +a show"),
        (&["a addon before:addon/coredns"], "preflight ca sa kubeconfig wait +a coredns kube-proxy show"),
        (&["a addon before:addon/b", "b addon"], "preflight ca sa kubeconfig wait coredns kube-proxy +a +b show"),
        (&["a phase"], "preflight ca sa kubeconfig wait coredns kube-proxy a show"),
        (&["a phase after:certs"], "preflight ca sa a kubeconfig wait coredns kube-proxy show"),
        (&["a phase before:certs"], "preflight a ca sa kubeconfig wait coredns kube-proxy show"),
        (&["a phase after:certs/ca"], "preflight ca a sa kubeconfig wait coredns kube-proxy show"),
        (
            &["a phase own-after:certs", "b phase after:certs"],
            "preflight ca sa a b kubeconfig wait coredns kube-proxy show",
        ),
        // What the operator says replaces what the plugin says.
        (&["a phase own-after:certs before:preflight"], "a preflight ca sa kubeconfig wait coredns kube-proxy show"),
        (
            &["a phase own-after:nothing own-before:kubeconfig"],
            "preflight ca sa a kubeconfig wait coredns kube-proxy show",
        ),
        (&["a phase after:show"], "preflight ca sa kubeconfig wait coredns kube-proxy show a"),
        // One that must stand before one that must stand early stands early too.
        (&["a phase before:b", "b phase before:certs"], "preflight a b ca sa kubeconfig wait coredns kube-proxy show"),
        (&["a phase after:b", "b addon"], "preflight ca sa kubeconfig wait coredns kube-proxy +b a show"),
        (&["a phase addon after:kubeconfig"], "preflight ca sa kubeconfig a wait coredns kube-proxy +a show"),
        (&["a mutator after:show", "b preflight before:a"], "preflight ca sa kubeconfig wait coredns kube-proxy show"),
    ] {
        assert_eq!(line(plugins).as_deref(), Ok(expected), "{plugins:?}");
    }
}

#[test]
fn mutators_have_an_order_too() {
    let plugins = ["a mutator after:c", "b mutator", "c mutator", "d mutator before:b"].map(plugin);
    let order = order(&plugins, &[]).expect("no circle");
    assert_eq!(order.plugins, ["c", "a", "d", "b"]);
    assert_eq!(order.steps, []);
}

#[test]
fn circles_are_shown() {
    for (plugins, expected) in [
        (&["a addon before:b", "b addon before:c", "c addon before:a", "d addon"][..], "a → b → c → a"),
        (&["a mutator after:b", "b mutator after:a"], "a → b → a"),
        (&["a phase before:preflight after:certs"], "a → preflight → certs/sa → a"),
        (&["a phase before:preflight", "b phase after:kubeconfig before:a"], "a → preflight → kubeconfig → b → a"),
        (&["a addon after:show"], "a → show → a"),
        (&["a addon before:certs"], "a → certs/ca → wait → a"),
        (&["a addon", "b phase after:a before:wait"], "a → b → wait → a"),
    ] {
        assert_eq!(line(plugins), Err(expected.into()), "{plugins:?}");
    }
    let plugins = ["a addon before:b", "b addon before:a"].map(plugin);
    let error = order(&plugins, &phases()).expect_err("a circle");
    assert_eq!(error.to_string(), "plugins stand before and after each other in a circle: a → b → a");
    assert!(error.hint().contains("`before` or `after`"));
}

/// Whatever is said, what comes out keeps to it, or there is a circle.
#[test]
fn every_order_keeps_what_was_said() {
    let mut rng = fastrand::Rng::with_seed(3);
    let all = phases();
    let names = ["a", "b", "c", "d"];
    let (mut ordered, mut circles) = (0, 0);
    for _ in 0..4000 {
        let mut plugins = Vec::new();
        for name in names {
            let mut text = format!("{name} {}", ["addon", "phase", "mutator", "addon phase"][rng.usize(..4)]);
            for _ in 0..rng.usize(..3) {
                let target =
                    if rng.bool() { names[rng.usize(..4)].to_owned() } else { all[rng.usize(..all.len())].clone() };
                if target != name {
                    text += &format!(" {}:{target}", ["before", "after"][rng.usize(..2)]);
                }
            }
            plugins.push(plugin(&text));
        }
        let order = match order(&plugins, &all) {
            Ok(order) => order,
            Err(cycle) => {
                circles += 1;
                assert!(cycle.path.len() > 2 && cycle.path.first() == cycle.path.last(), "{plugins:?} {cycle}");
                continue;
            }
        };
        ordered += 1;
        let leaves = Phases::new(&all).leaves;
        // Position of each step among leaves and steps.
        let at = |name: &str| -> Vec<usize> {
            let steps = order.steps.iter().enumerate().filter(|(_, step)| step.plugin == name);
            let gap = |step: &Step| {
                step.after.as_ref().map_or(0, |after| 1 + leaves.iter().position(|leaf| leaf == after).expect("a leaf"))
            };
            steps.map(|(i, step)| gap(step) * 100 + i).collect()
        };
        let leaf_at =
            |name: &str| Phases::new(&all).range(name).map(|range| (range.start() * 100 + 99, range.end() * 100 + 99));
        for plugin in &plugins {
            let own = at(plugin.name());
            for name in plugin.before() {
                let target = leaf_at(name).map_or_else(|| at(name), |(first, _)| vec![first]);
                assert!(own.iter().all(|own| target.iter().all(|target| own < target)), "{plugins:?} {order:?}");
            }
            for name in plugin.after() {
                let target = leaf_at(name).map_or_else(|| at(name), |(_, last)| vec![last]);
                assert!(own.iter().all(|own| target.iter().all(|target| own > target)), "{plugins:?} {order:?}");
            }
        }
    }
    assert!(ordered > 500 && circles > 500, "{ordered} {circles}");
}
