//! Fields of the kubelet's and kube-proxy's configuration that keep a node closed: which change of one opens it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bench::Bench;
use super::rule::{LOOPBACK, Opens, TLS_VERSIONS, WEAK_CIPHERS};

type Entry = (&'static str, Opens, &'static str);

/// Of the KubeletConfiguration.
const KUBELET: &[Entry] = &[
    ("/authentication/anonymous/enabled", Opens::Unless(&["false"]), "it lets in who has no name"),
    ("/authentication/webhook/enabled", Opens::Unless(&["true"]), "tokens are not asked about"),
    ("/authentication/x509/clientCAFile", Opens::Always, "it says whose client certificates are believed"),
    ("/authorization/mode", Opens::Unless(&["Webhook"]), "it decides who may do what"),
    ("/readOnlyPort", Opens::Unless(&["0"]), "anybody may read what runs here"),
    ("/address", Opens::Unless(LOOPBACK), "it says from where it is reached"),
    ("/healthzBindAddress", Opens::Unless(LOOPBACK), "it is reached from outside of the node"),
    ("/enableDebuggingHandlers", Opens::Unless(&["false"]), "commands can be run in containers"),
    ("/enableProfilingHandler", Opens::Unless(&["false"]), "it shows what is in its memory"),
    ("/enableDebugFlagsHandler", Opens::Unless(&["false"]), "it shows its flags"),
    ("/enableSystemLogHandler", Opens::Unless(&["false"]), "it shows the node's logs"),
    ("/enableSystemLogQuery", Opens::Unless(&["false"]), "it shows the node's logs"),
    ("/staticPodPath", Opens::Always, "pods from there run without being admitted"),
    ("/staticPodURL", Opens::Always, "pods from there run without being admitted"),
    ("/staticPodURLHeader", Opens::Always, "pods from there run without being admitted"),
    ("/tlsCertFile", Opens::Always, "it is what it shows to clients"),
    ("/tlsPrivateKeyFile", Opens::Always, "it is what it shows to clients"),
    ("/tlsMinVersion", Opens::Unless(TLS_VERSIONS), "older versions of TLS can be broken"),
    ("/tlsCipherSuites", Opens::Containing(WEAK_CIPHERS), "some of these can be broken"),
    ("/rotateCertificates", Opens::Unless(&["true"]), "its certificate would end"),
    ("/serverTLSBootstrap", Opens::Unless(&["true"]), "nobody could know its certificate"),
    ("/containerRuntimeEndpoint", Opens::Always, "it says who runs containers"),
    ("/imageServiceEndpoint", Opens::Always, "it says who gets images"),
    ("/volumePluginDir", Opens::Always, "programs in it are run"),
    ("/podLogsDir", Opens::Always, "it would write elsewhere"),
    ("/allowedUnsafeSysctls", Opens::Gaining, "pods may touch the whole node"),
    ("/featureGates", Opens::Containing(&[":false"]), "checks that every release has may be left out"),
    ("/protectKernelDefaults", Opens::Unless(&["true"]), "it would change the node's settings"),
    ("/seccompDefault", Opens::Unless(&["true"]), "containers would not be confined any more"),
    ("/makeIPTablesUtilChains", Opens::Unless(&["true"]), "rules of the firewall would be missing"),
    ("/eventRecordQPS", Opens::Replaced, "events may be lost"),
    ("/imagePullCredentialsVerificationPolicy", Opens::Always, "pods may use images that others have pulled"),
    ("/preloadedImagesVerificationAllowlist", Opens::Gaining, "pods may use images that others have pulled"),
];

/// Of the KubeProxyConfiguration.
const KUBE_PROXY: &[Entry] = &[
    ("/clientConnection/kubeconfig", Opens::Always, "it says which cluster it works for, and as whom"),
    (
        "/metricsBindAddress",
        Opens::Unless(&["127.0.0.1", "127.0.0.1:10249", "[::1]:10249", ""]),
        "it is reached from outside of the node",
    ),
    ("/bindAddressHardFail", Opens::Unless(&["true"]), "it would go on where it should not"),
    ("/enableProfiling", Opens::Unless(&["false"]), "it shows what is in its memory"),
    ("/nodePortAddresses", Opens::Gaining, "Services are reached from more networks"),
];

/// Judges a changed configuration of a component.
pub(super) fn judge(before: &Value, after: &Value, target: &str, bench: &mut Bench<'_>) {
    for pointer in ["/apiVersion", "/kind"] {
        if before.pointer(pointer) != after.pointer(pointer) {
            bench.never(pointer, "it cannot be changed");
        }
    }
    for (pointer, opens, why) in if target == "kubeletconfiguration" { KUBELET } else { KUBE_PROXY } {
        // Whole objects that are taken away take their fields with them.
        let (was, is) = (values(before.pointer(pointer)), values(after.pointer(pointer)));
        if opens.is_opened(&was, &is) {
            bench.needs("securityFlags", pointer, why);
        }
    }
    let mut twins: BTreeMap<String, usize> = BTreeMap::new();
    let names = || after.as_object().into_iter().flat_map(|fields| fields.keys());
    names().for_each(|name| *twins.entry(name.to_ascii_lowercase()).or_default() += 1);
    for name in names() {
        if twins.get(&name.to_ascii_lowercase()).is_some_and(|count| *count > 1) {
            bench.never(&format!("/{}", super::bench::token(name)), "the same field stands there twice");
        }
    }
}

fn values(value: Option<&Value>) -> Vec<String> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(plain).collect(),
        Some(value) => vec![plain(value)],
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
