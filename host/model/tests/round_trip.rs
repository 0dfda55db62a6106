//! Every field of every kind and version is read, and what is written is read again as the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use kubephase_model::Report;
use kubephase_model::config::load::{Command, Documents, load};
use kubephase_model::config::print::document;
use kubephase_model::config::{v1beta3, v1beta4};
use kubephase_model::report::Source;

const NODE: &str = "{name: x, criSocket: \"unix:///s\", taints: [{key: k, value: v, effect: NoExecute, timeAdded: 2026-01-01T00:00:00Z}], ignorePreflightErrors: [Swap], imagePullPolicy: Never, EXTRA}";
const VOLUMES: &str = "extraVolumes: [{name: v, hostPath: /h, mountPath: /m, readOnly: true, pathType: File}]";
const ENVS: &str = "extraEnvs: [{name: A, value: a}, {name: B, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.hostIP}}}, {name: C, valueFrom: {resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: \"1\"}}}, {name: D, valueFrom: {configMapKeyRef: {name: x, key: k, optional: true}}}, {name: E, valueFrom: {secretKeyRef: {name: x, key: k, optional: false}}}, {name: F, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k, optional: true}}}]";
const TIMEOUTS: &str = "timeouts: {controlPlaneComponentHealthCheck: 1m0s, kubeletHealthCheck: 2m0s, kubernetesAPICall: 3m0s, etcdAPICall: 4m0s, tlsBootstrap: 5m0s, discovery: 6m0s, upgradeManifests: 7m0s}";
const TOKENS: &str = "bootstrapTokens: [{token: abcdef.0123456789abcdef, description: d, ttl: 1h0m0s, expires: 2026-01-01T00:00:00Z, usages: [signing], groups: [g]}]";
const DISCOVERY: &str = "bootstrapToken: {token: t, apiServerEndpoint: \"a:1\", caCertHashes: [h], unsafeSkipCAVerification: true}, file: {kubeConfigPath: /f}, tlsBootstrapToken: t";

fn v1beta4_documents() -> String {
    let node = NODE.replace("EXTRA", "kubeletExtraArgs: [{name: a, value: b}], imagePullSerial: false");
    let component = format!("extraArgs: [{{name: a, value: b}}, {{name: a, value: \"\"}}], {VOLUMES}, {ENVS}");
    let upgrade = "kubernetesVersion: v1, ignorePreflightErrors: [a]";
    let common = "certificateRenewal: false, dryRun: true, etcdUpgrade: false, patches: {directory: /p}, skipPhases: [s], imagePullPolicy: Always, imagePullSerial: false";
    [
        format!("kind: InitConfiguration\n{TOKENS}\ndryRun: true\nnodeRegistration: {node}\nlocalAPIEndpoint: {{advertiseAddress: 192.0.2.1, bindPort: 1}}\ncertificateKey: k\nskipPhases: [a]\npatches: {{directory: /p}}\n{TIMEOUTS}\n"),
        format!("kind: ClusterConfiguration\netcd: {{local: {{imageRepository: r, imageTag: t, dataDir: /d, extraArgs: [{{name: a, value: b}}], {ENVS}, serverCertSANs: [s], peerCertSANs: [p]}}, external: {{endpoints: [e], httpEndpoints: [h], caFile: /c, certFile: /d, keyFile: /k}}}}
networking: {{serviceSubnet: s, podSubnet: p, dnsDomain: d}}
kubernetesVersion: v1.36.2
controlPlaneEndpoint: c
apiServer: {{{component}, certSANs: [s]}}
controllerManager: {{{component}}}
scheduler: {{{component}}}
dns: {{imageRepository: r, imageTag: t, disabled: true}}
proxy: {{disabled: true}}
certificatesDir: /c
imageRepository: r
featureGates: {{A: true, B: false}}
clusterName: x
encryptionAlgorithm: e
certificateValidityPeriod: 1h0m0s
caCertificateValidityPeriod: 2h0m0s
"),
        format!("kind: JoinConfiguration\ndryRun: true\nnodeRegistration: {node}\ncaCertPath: /c\ndiscovery: {{{DISCOVERY}}}\ncontrolPlane: {{localAPIEndpoint: {{advertiseAddress: a, bindPort: 2}}, certificateKey: k}}\nskipPhases: [a]\npatches: {{directory: /p}}\n{TIMEOUTS}\n"),
        format!("kind: ResetConfiguration\ncleanupTmpDir: true\ncertificatesDir: /c\ncriSocket: s\ndryRun: true\nforce: true\nignorePreflightErrors: [a]\nskipPhases: [s]\nunmountFlags: [MNT_FORCE]\n{TIMEOUTS}\n"),
        format!("kind: UpgradeConfiguration\napply: {{{upgrade}, {common}, allowExperimentalUpgrades: true, allowRCUpgrades: true, forceUpgrade: true, printConfig: true}}\ndiff: {{kubernetesVersion: v1, contextLines: 3}}\nnode: {{ignorePreflightErrors: [a], {common}}}\nplan: {{{upgrade}, allowExperimentalUpgrades: true, allowRCUpgrades: true, dryRun: true, etcdUpgrade: false, printConfig: true}}\n{TIMEOUTS}\n"),
    ]
    .map(|document| format!("apiVersion: kubeadm.k8s.io/v1beta4\n{document}"))
    .join("---\n")
}

fn v1beta3_documents() -> String {
    let node = NODE.replace("EXTRA", "kubeletExtraArgs: {a: b}");
    let component = format!("extraArgs: {{a: b}}, {VOLUMES}");
    [
        format!("kind: InitConfiguration\n{TOKENS}\nnodeRegistration: {node}\nlocalAPIEndpoint: {{advertiseAddress: 192.0.2.1, bindPort: 1}}\ncertificateKey: k\nskipPhases: [a]\npatches: {{directory: /p}}\n"),
        format!("kind: ClusterConfiguration\netcd: {{local: {{imageRepository: r, imageTag: t, dataDir: /d, extraArgs: {{a: b}}, serverCertSANs: [s], peerCertSANs: [p]}}, external: {{endpoints: [e], caFile: /c, certFile: /d, keyFile: /k}}}}
networking: {{serviceSubnet: s, podSubnet: p, dnsDomain: d}}
kubernetesVersion: v1.36.2
controlPlaneEndpoint: c
apiServer: {{{component}, certSANs: [s], timeoutForControlPlane: 1m0s}}
controllerManager: {{{component}}}
scheduler: {{{component}}}
dns: {{imageRepository: r, imageTag: t}}
certificatesDir: /c
imageRepository: r
featureGates: {{A: true}}
clusterName: x
"),
        format!("kind: JoinConfiguration\nnodeRegistration: {node}\ncaCertPath: /c\ndiscovery: {{{DISCOVERY}, timeout: 6m0s}}\ncontrolPlane: {{localAPIEndpoint: {{advertiseAddress: a, bindPort: 2}}, certificateKey: k}}\nskipPhases: [a]\npatches: {{directory: /p}}\n"),
    ]
    .map(|document| format!("apiVersion: kubeadm.k8s.io/v1beta3\n{document}"))
    .join("---\n")
}

fn read(text: &str) -> Documents {
    let source = Arc::new(Source { name: "all.yaml".into(), text: text.into() });
    let mut report = Report::default();
    let documents = load(&source, Command::Migrate, &mut report);
    assert!(report.problems.is_empty(), "{report}");
    documents
}

fn written(documents: &Documents) -> Vec<serde_json::Value> {
    let mut values = vec![
        document("InitConfiguration", documents.init.as_ref().unwrap()),
        document("ClusterConfiguration", documents.cluster.as_ref().unwrap()),
        document("JoinConfiguration", documents.join.as_ref().unwrap()),
    ];
    values.extend(documents.reset.as_ref().map(|reset| document("ResetConfiguration", reset)));
    values.extend(documents.upgrade.as_ref().map(|upgrade| document("UpgradeConfiguration", upgrade)));
    values
}

/// Names of all keys in the text, however deep.
fn keys(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric())).collect()
}

#[test]
fn every_field_of_v1beta4_survives_writing_and_reading() {
    let text = v1beta4_documents();
    let documents = read(&text);
    let values = written(&documents);
    let again: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(written(&read(&again.join("\n---\n"))), values);

    let fields = [
        v1beta4::InitConfiguration::fields(),
        v1beta4::ClusterConfiguration::fields(),
        v1beta4::JoinConfiguration::fields(),
        v1beta4::ResetConfiguration::fields(),
        v1beta4::UpgradeConfiguration::fields(),
        v1beta4::UpgradeApplyConfiguration::fields(),
        v1beta4::UpgradeDiffConfiguration::fields(),
        v1beta4::UpgradeNodeConfiguration::fields(),
        v1beta4::UpgradePlanConfiguration::fields(),
        v1beta4::BootstrapToken::fields(),
        v1beta4::NodeRegistrationOptions::fields(),
        v1beta4::Taint::fields(),
        v1beta4::APIEndpoint::fields(),
        v1beta4::Arg::fields(),
        v1beta4::APIServer::fields(),
        v1beta4::ControlPlaneComponent::fields(),
        v1beta4::HostPathMount::fields(),
        v1beta4::EnvVar::fields(),
        v1beta4::EnvVarSource::fields(),
        v1beta4::LocalEtcd::fields(),
        v1beta4::ExternalEtcd::fields(),
        v1beta4::Networking::fields(),
        v1beta4::DNS::fields(),
        v1beta4::Proxy::fields(),
        v1beta4::Discovery::fields(),
        v1beta4::BootstrapTokenDiscovery::fields(),
        v1beta4::JoinControlPlane::fields(),
        v1beta4::Timeouts::fields(),
    ];
    let (given, out) = (keys(&text), again.concat());
    for field in fields.concat() {
        assert!(given.contains(field), "{field} is missing from this test");
        assert!(out.contains(&format!("\"{field}\":")), "{field} is not written");
    }
}

#[test]
fn every_field_of_v1beta3_arrives_in_v1beta4() {
    let text = v1beta3_documents();
    let documents = read(&text);
    let out: String = written(&documents).iter().map(ToString::to_string).collect();
    let fields = [
        v1beta3::InitConfiguration::fields(),
        v1beta3::ClusterConfiguration::fields(),
        v1beta3::JoinConfiguration::fields(),
        v1beta3::NodeRegistrationOptions::fields(),
        v1beta3::APIServer::fields(),
        v1beta3::LocalEtcd::fields(),
        v1beta3::ExternalEtcd::fields(),
        v1beta3::DNS::fields(),
        v1beta3::Discovery::fields(),
    ];
    let given = keys(&text);
    for field in fields.concat() {
        assert!(given.contains(field), "{field} is missing from this test");
        // Two timeouts have a new name and place.
        let name = match field {
            "timeoutForControlPlane" => "controlPlaneComponentHealthCheck\":\"1m0s",
            "timeout" => "discovery\":\"6m0s",
            other => other,
        };
        assert!(out.contains(name), "{field} is lost");
    }
    // Once in the newest version, it stays as it is.
    let values = written(&documents);
    let again: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(written(&read(&again.join("\n---\n"))), values);
}
