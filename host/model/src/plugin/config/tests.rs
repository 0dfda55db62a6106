use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::config::load::{Command, Documents, load};
use crate::report::{Report, Severity, Source as File};

const HEAD: &str = "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\n";

fn read(name: &str, text: &str, command: Command) -> (Documents, Report) {
    let mut report = Report::default();
    let documents = load(&Arc::new(File { name: name.into(), text: text.into() }), command, &mut report);
    (documents, report)
}

/// `line:column severity path: message (hint)` of everything that is wrong with the body of a document.
fn wrong(body: &str) -> Vec<String> {
    let (documents, mut report) = read("f", &format!("{HEAD}{body}"), Command::Plugins);
    resolve(Some(&documents), Digests::Required, &mut report);
    let line = |problem: &crate::Problem| {
        let place = problem.place.as_ref().map_or("?".into(), |place| format!("{}:{}", place.line, place.column));
        let severity = if problem.severity == Severity::Error { "E" } else { "W" };
        format!("{place} {severity} {}: {} ({})", problem.path, problem.message, problem.hint.as_deref().unwrap_or("-"))
    };
    report.problems.iter().map(line).collect()
}

const GOOD: &str = r#"plugins:
- name: gpu-preflight
  source: oci://registry.example/gpu-preflight:1.2.0
  digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  settings: {minDriver: "550"}
  grants:
    facts: [pci, modules]
    files: [/sys/module/nvidia/version]
  after: [certs]
  onFailure: warn
  timeout: 10s
  enabled: control-plane
  limits: {memory: 128Mi, output: 1Mi, fuel: 1000000}
- name: hello
  source: ./hello.wasm
  stage: before-cni
trust:
- source: oci://registry.example/
  keys:
  - {name: team, publicKeyFile: keys/team.pub, notAfter: "2027-01-01T00:00:00Z"}
- source: plugins/
  signature: none
registries:
- {host: "registry.example:5000", caFile: ca.pem}
"#;

#[test]
fn a_whole_one() {
    assert_eq!(wrong(GOOD), Vec::<String>::new());
    let (documents, mut report) = read("conf/kubeadm.yaml", &format!("{HEAD}{GOOD}"), Command::Plugins);
    let config = resolve(Some(&documents), Digests::Required, &mut report);
    assert_eq!(config.plugins[0].source, "oci://registry.example/gpu-preflight:1.2.0");
    assert_eq!(config.plugins[0].settings, json!({ "minDriver": "550" }));
    assert_eq!(config.plugins[1].source, "conf/hello.wasm");
    assert_eq!(config.trust[0].keys[0].public_key_file, "conf/keys/team.pub");
    assert_eq!(config.trust[1].source, "conf/plugins/");
    assert_eq!(config.registries[0].ca_file, "conf/ca.pem");
    let names = |control_plane| config.on_node(control_plane).map(|plugin| &*plugin.name).collect::<Vec<_>>();
    assert_eq!((names(true), names(false)), (vec!["gpu-preflight", "hello"], vec!["hello"]));
    // What is written is read as the same.
    let text = config.document().to_string();
    let (again, report) = read("x/y.yaml", &text, Command::Plugins);
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(again.plugins, Some(config));
}

#[test]
fn everything_wrong_at_once_with_its_place() {
    let body = r#"plugins:
- name: GPU_Check
  source: https://example.org/a.wasm
  digst: sha256:0
  onFailure: wran
- name: a
  source: oci://registry.example/a:1
  grants: {facts: [pcis], kube: [v1/Secret], hostpaths: []}
  settings: [1]
  timeout: 2h
  limits: {memory: 64M, output: 1Gi, instances: 0}
- name: a
  source: registry.example/team/b:1
  digest: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  before: [a, ""]
  stage: cni
  enabled: master
  timeout: soon
- source: ""
  name: b
  name: c
  before: [x]
  after: [x]
  settings: {password: hunter2}
trust:
- source: docker://x
  signature: optional
- source: oci://a/
  keys:
  - {name: k}
  - {name: k, publicKey: x, publicKeyFile: z}
  - {publicKey: "-----BEGIN PRIVATE KEY-----"}
  - {name: l, publicKey: abc, notAfter: tomorrow}
- {source: oci://a/, signature: none, keys: [{name: a, publicKeyFile: b}]}
registries:
- {host: "oci://a"}
- {host: b, plainHTTP: true, caFile: ca.pem}
- {host: B}
- {}
"#;
    let expected = [
        "6:3 E plugins[0].digst: unknown field `digst` (did you mean `digest`?)",
        "10:46 E plugins[1].grants.hostpaths: unknown field `hostpaths` (did you mean `hostPaths`?)",
        "20:12 E plugins[2].timeout: `soon` is not a duration (write it like `90s`, `4m0s` or `8760h`; the units are h, m, s, ms, us and ns)",
        "4:9 E plugins[0].name: `GPU_Check` is no name for a plugin (call it `gpu-check`)",
        "5:11 E plugins[0].source: `https://example.org/a.wasm`: plugins come from registries and files, not from web pages (write `oci://host/repository[:tag]`, or the path of a component)",
        "7:14 E plugins[0].onFailure: `wran` is not one of fail, warn (did you mean `warn`?)",
        "8:3 E plugins[1].digest: a plugin from a registry needs a digest: what a tag means can change (`kubephase plugin lock` looks the digest up and writes it into the file)",
        "11:13 E plugins[1].settings: settings are a mapping (write `settings: {name: value}`)",
        "10:20 E plugins[1].grants.facts[0]: `pcis` is not a fact (did you mean `pci`?)",
        "10:34 E plugins[1].grants.kube[0]: `v1/Secret`: Secrets are granted one by one (name the one that is needed: v1/Secret/<namespace>/<name>)",
        "12:12 E plugins[1].timeout: 2h0m0s is not between 1s and 1h (write it like `30s`, or leave it out)",
        "13:20 E plugins[1].limits.memory: `64M` is no amount (write it like `64Mi`)",
        "13:33 E plugins[1].limits.output: `1Gi` is not between 1Ki and 256Mi (write it like `64Mi`)",
        "13:49 E plugins[1].limits.instances: 0 leaves nothing (write 1 or more, or leave it out)",
        "14:9 E plugins[2].name: there is another plugin with the name `a` (give one of them another name)",
        "15:11 W plugins[2].source: `registry.example/team/b:1` is taken for the path of a file (if it is in a registry, write `oci://registry.example/team/b:1`)",
        "16:11 E plugins[2].digest: `0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef` is no SHA-256 digest (write `sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef`)",
        "17:12 E plugins[2].before[0]: a plugin cannot stand before itself (take it out)",
        "17:15 E plugins[2].before[1]: it is empty (name a phase or a plugin)",
        "18:10 E plugins[2].stage: `cni` is not one of normal, before-cni (leave it out for `normal`)",
        "19:12 E plugins[2].enabled: `master` is not one of always, never, control-plane, worker (leave it out for `always`)",
        "21:11 E plugins[3].source: it has no source (write `oci://host/repository[:tag]`, or the path of a component)",
        "25:11 E plugins[3].after[0]: it stands before and after `x` (take one of the two out)",
        "28:11 E trust[0].source: no source begins with `docker://x` (write what sources begin with: `oci://host/team/`, a directory, or nothing for all)",
        "29:14 E trust[0].signature: `optional` is not one of required, none (leave it out for `required`)",
        "28:3 E trust[0].keys: there is no key that could have signed (name a key, or say `signature: none` to take unsigned plugins)",
        "32:5 E trust[1].keys[0]: it has neither publicKey nor publicKeyFile (give one of them)",
        "33:12 E trust[1].keys[1].name: there is another key with the name `k` (give one of them another name)",
        "33:5 E trust[1].keys[1]: it has both publicKey and publicKeyFile (take one of them out)",
        "34:5 E trust[1].keys[2].name: a key needs a name (it stands in messages, such as `name: platform-team`)",
        "34:17 E trust[1].keys[2].publicKey: this is a private key (take it out and make a new key: this one has been written where others may have read it)",
        "35:26 E trust[1].keys[3].publicKey: this is no public key in PEM (write the PEM block that begins with `-----BEGIN PUBLIC KEY-----`)",
        "35:41 E trust[1].keys[3].notAfter: `tomorrow` is no time (write it as RFC 3339 has it, such as 2027-01-31T00:00:00Z)",
        "36:12 E trust[2].source: there is another rule for `oci://a/` (put the keys of both into one rule)",
        "36:45 W trust[2].keys: no signature is asked for, so these keys mean nothing (take `signature: none` out)",
        "38:10 E registries[0].host: `oci://a` is no host (write `host` or `host:port`, without `oci://` and without a path)",
        "39:38 E registries[1].caFile: without TLS (plainHTTP) no authority is asked (take one of the two out)",
        "40:10 E registries[2].host: `B` stands here twice (merge the two)",
        "41:3 E registries[3].host: a registry needs a host (such as `host: registry.example:5000`)",
        "? W plugins[3].settings.password: this looks like a secret on line 26 (settings are stored in the cluster and shown in plans: name a file or a Secret that has it instead)",
    ];
    let found = wrong(body);
    // A field that is given twice is found by the reader, before anything else.
    assert!(found[0].starts_with("23:3 E") && found[0].contains("given twice"), "{}", found[0]);
    assert_eq!(found[1..], expected);
}

#[test]
fn kinds_and_versions() {
    for (text, expected) in [
        ("apiVersion: kubephase.dev/v1\nkind: PluginConfiguration\n", "write `kubephase.dev/v1alpha1`"),
        ("apiVersion: kubephase.dev/v1alpha1\nkind: PluginsConfiguration\n", "did you mean `PluginConfiguration`?"),
        ("apiVersion: kubephase.io/v1alpha1\nkind: PluginConfiguration\n", "did you mean `kubephase.dev`?"),
    ] {
        for command in [Command::Init, Command::Join, Command::Plugins, Command::Validate] {
            let (_, report) = read("f", text, command);
            let hints: Vec<_> = report.problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
            assert!(report.has_errors() && hints.contains(&expected), "{text} {command:?}: {report} {hints:?}");
        }
    }
    let (_, report) = read("f", &format!("{HEAD}---\n{HEAD}"), Command::Plugins);
    assert!(report.to_string().contains("a second PluginConfiguration"), "{report}");
    let (documents, report) =
        read("f", &format!("{HEAD}---\napiVersion: kubeadm.k8s.io/v1beta1\nkind: Foo\n"), Command::Plugins);
    assert!(documents.plugins.is_some() && report.problems.is_empty(), "{report}");
    let (_, report) = read("f", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n", Command::Plugins);
    assert!(report.to_string().contains("no PluginConfiguration in `f`"), "{report}");
    // Strict although the others in the file are not.
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nfoo: 1\nfoo: 2\n---\n{HEAD}foo: 1\nfoo: 2\n"
    );
    let (_, report) = read("f", &text, Command::Init);
    let errors: Vec<usize> = report
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .filter_map(|problem| Some(problem.place.as_ref()?.line))
        .collect();
    assert_eq!(errors, [9, 8, 9], "{report}");
}

#[test]
fn no_digest_is_needed_where_they_are_looked_up() {
    let (documents, mut report) =
        read("f", &format!("{HEAD}plugins: [{{name: a, source: 'oci://b/c'}}]\n"), Command::Plugins);
    resolve(Some(&documents), Digests::Optional, &mut report);
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(resolve(None, Digests::Required, &mut report), PluginConfiguration::default());
}

#[test]
fn the_longest_prefix_that_fits_counts() {
    let rule = |source: &str| TrustRule { source: source.into(), ..TrustRule::default() };
    let mut config = PluginConfiguration {
        trust: vec![rule("oci://host/team"), rule("oci://host/team/gpu"), rule("plugins/")],
        ..PluginConfiguration::default()
    };
    let found = |config: &PluginConfiguration, source: &str| config.trust_for(source).map(|rule| rule.source.clone());
    for (source, expected) in [
        ("oci://host/team", Some("oci://host/team")),
        ("oci://host/team:1", Some("oci://host/team")),
        ("oci://host/team/x:1", Some("oci://host/team")),
        ("oci://host/team/gpu:1", Some("oci://host/team/gpu")),
        ("oci://host/team/gpus:1", Some("oci://host/team")),
        ("oci://host/teams/x:1", None),
        ("plugins/a.wasm", Some("plugins/")),
        ("other/a.wasm", None),
    ] {
        assert_eq!(found(&config, source).as_deref(), expected, "{source}");
    }
    config.trust.push(rule(""));
    assert_eq!(found(&config, "other/a.wasm").as_deref(), Some(""));
    assert_eq!(found(&config, "plugins/a.wasm").as_deref(), Some("plugins/"));
}

#[test]
fn places_are_phases_or_plugins() {
    let body = "plugins:\n- {name: a, source: a.wasm, before: [addon/core-dns, b, certs], after: [addon/b, zzzzzzzzz]}\n- {name: b, source: b.wasm}\n- {name: coredns, source: b.wasm}\n- {name: certs, source: b.wasm}\n";
    let (documents, mut report) = read("f", &format!("{HEAD}{body}"), Command::Plugins);
    let phases = ["certs", "addon", "addon/coredns"].map(str::to_owned);
    check_places(&documents, &phases, &mut report);
    let lines: Vec<String> = report
        .problems
        .iter()
        .map(|problem| {
            let place = problem.place.as_ref().expect("it is in the file");
            let hint = problem.hint.as_deref().unwrap_or("-");
            format!("{}:{} {}: {} ({hint})", place.line, place.column, problem.path, problem.message)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "4:38 plugins[0].before[0]: `addon/core-dns` is neither a phase nor a plugin (did you mean `addon/coredns`?)",
            "4:73 plugins[0].after[0]: `addon/b` is neither a phase nor a plugin (name the plugin: `b`)",
            "4:82 plugins[0].after[1]: `zzzzzzzzz` is neither a phase nor a plugin (phases and plugins that are there: certs, addon, addon/coredns, a, b, coredns, certs)",
            "6:10 plugins[2].name: `coredns` is the name of the phase `addon/coredns` (give the plugin another name)",
            "7:10 plugins[3].name: `certs` is the name of the phase `certs` (give the plugin another name)",
        ]
    );
}
