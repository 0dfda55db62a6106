//! Whether a configuration or a command line of `join` is accepted. Each verdict is the one of kubeadm 1.36.2, which was
//! given the same; where ours is another one on purpose, that stands beside it.

use crate::served::{Desk, SECRET, Served, TOKEN};
use crate::support::program::Outcome;

/// Nothing listens here.
const NOBODY: &str = "127.0.0.1:6";
const PIN: &str = "sha256:9a2450d6159f1a1941cd75a63e5b16445e11b2e454b01755e4316e25e393e4f6";
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Of kubeadm, and ours.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// Both accept it.
    Accepted,
    /// Both refuse it.
    Refused,
    /// kubeadm takes it, or finds out in the middle of joining.
    Stricter,
}

use Verdict::{Accepted, Refused, Stricter};

/// Name, `discovery`, the rest of the document, the verdict, what ours must say.
type Row = (&'static str, &'static str, &'static str, Verdict, &'static [&'static str]);

/// `TOKEN`, `EP`, `PIN` and `KEY` stand for good ones, `GOOD` for a whole good discovery.
const DOCUMENTS: &[Row] = &[
    ("good", "GOOD", "", Accepted, &[]),
    (
        "file and token",
        "GOOD, file: {kubeConfigPath: good.conf}",
        "",
        Refused,
        &["bootstrapToken and file are both given"],
    ),
    ("neither", "", "", Refused, &["nothing says how to find the cluster", "kubephase token create"]),
    ("only a bootstrap token", "tlsBootstrapToken: TOKEN", "", Refused, &["nothing says how to find the cluster"]),
    (
        "no token",
        "bootstrapToken: {apiServerEndpoint: 'EP', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["no bootstrap token"],
    ),
    (
        "an empty token",
        "bootstrapToken: {token: '', apiServerEndpoint: 'EP', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["discovery.bootstrapToken.token", "no bootstrap token"],
    ),
    (
        "a token in capitals",
        "bootstrapToken: {token: ABCDEF.0123456789abcdef, apiServerEndpoint: 'EP', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["discovery.bootstrapToken.token: it is not a bootstrap token"],
    ),
    (
        "a token with a line's end",
        "bootstrapToken: {token: \"TOKEN\\n\", apiServerEndpoint: 'EP', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["it is not a bootstrap token"],
    ),
    (
        "a token for the kubelet that is none",
        "GOOD, tlsBootstrapToken: nope",
        "",
        Refused,
        &["discovery.tlsBootstrapToken: it is not a bootstrap token"],
    ),
    (
        "no endpoint",
        "bootstrapToken: {token: TOKEN, caCertHashes: ['PIN']}",
        "",
        Refused,
        &["no address of an API server"],
    ),
    (
        "an endpoint without a port",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 127.0.0.1, caCertHashes: ['PIN']}",
        "",
        Refused,
        &["`127.0.0.1` has no port"],
    ),
    (
        "an URL as endpoint",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'https://127.0.0.1:6', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["`https://127.0.0.1:6`"],
    ),
    (
        "IPv6 without brackets",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: '::1:6', caCertHashes: ['PIN']}",
        "",
        Refused,
        &["`::1:6`"],
    ),
    ("IPv6", "bootstrapToken: {token: TOKEN, apiServerEndpoint: '[::1]:6', caCertHashes: ['PIN']}", "", Accepted, &[]),
    (
        "a port that is too large",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: '127.0.0.1:99999', caCertHashes: ['PIN']}",
        "",
        Stricter,
        &["port `99999` is not a number between 1 and 65535"],
    ),
    (
        "no host",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: ':6443', caCertHashes: ['PIN']}",
        "",
        Stricter,
        &["apiServerEndpoint: `:6443`"],
    ),
    (
        "no pins",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP'}",
        "",
        Refused,
        &["discovery.bootstrapToken.caCertHashes", "unsafeSkipCAVerification"],
    ),
    (
        "no pins by request",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', unsafeSkipCAVerification: true}",
        "",
        Accepted,
        &[],
    ),
    (
        "a pin in capitals",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['SHA256:9A2450D6159F1A1941CD75A63E5B16445E11B2E454B01755E4316E25E393E4F6']}",
        "",
        Accepted,
        &[],
    ),
    (
        "pins of another kind, without a kind, too short",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['PIN', 'sha1:00', '9a24', 'sha256:00']}",
        "",
        Stricter,
        &["caCertHashes[1]: `sha1:00`", "caCertHashes[2]: `9a24`", "caCertHashes[3]: `sha256:00`"],
    ),
    ("an unknown field", "GOOD", "foo: bar\n", Accepted, &["warning: foo: unknown field `foo`"]),
    ("an unknown field further in", "GOOD, foo: bar", "", Accepted, &["warning: discovery.foo: unknown field"]),
    ("the timeout of v1beta3", "GOOD, timeout: 1s", "", Accepted, &["warning: discovery.timeout: unknown field"]),
    ("a field twice", "GOOD", "caCertPath: /a.crt\ncaCertPath: /b.crt\n", Accepted, &["`caCertPath` is given twice"]),
    ("a wrong type", "GOOD", "caCertPath: [a]\n", Refused, &["caCertPath: expected a string, found a list"]),
    (
        "arguments as in v1beta3",
        "GOOD",
        "nodeRegistration: {kubeletExtraArgs: {a: b}}\n",
        Refused,
        &["expected a list, found a mapping"],
    ),
    ("a relative caCertPath", "GOOD", "caCertPath: ca.crt\n", Refused, &["`ca.crt` is not an absolute path"]),
    ("a caCertPath of another kind", "GOOD", "caCertPath: /ca.pem\n", Refused, &["that ends with .crt"]),
    (
        "a control plane",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'KEY'}\n",
        Accepted,
        &[],
    ),
    (
        "a key that is too short",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: '0011'}\n",
        Refused,
        &["controlPlane.certificateKey: it has 2 bytes, a key has 32"],
    ),
    (
        "a key that is too long",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'KEY00'}\n",
        Refused,
        &["it has 33 bytes"],
    ),
    (
        "a key that is no number",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'zz'}\n",
        Refused,
        &["controlPlane.certificateKey: it is not a hexadecimal number"],
    ),
    (
        "a key with half a byte",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'abc'}\n",
        Refused,
        &["controlPlane.certificateKey: it is not a hexadecimal number"],
    ),
    (
        "an address that is none",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: nowhere}}\n",
        Refused,
        &["`nowhere` is not an IP address"],
    ),
    (
        "an address of everybody",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 224.0.0.1}}\n",
        Refused,
        &["224.0.0.1 is not an address that others can reach"],
    ),
    (
        "an address of a link",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 169.254.1.1}}\n",
        Refused,
        &["169.254.1.1"],
    ),
    (
        "a port that is none",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9, bindPort: 70000}}\n",
        Refused,
        &["70000 is not a port"],
    ),
    ("all checks", "GOOD", "nodeRegistration: {ignorePreflightErrors: [all]}\n", Accepted, &[]),
    (
        "all checks and more",
        "GOOD",
        "nodeRegistration: {ignorePreflightErrors: [all, Swap]}\n",
        Refused,
        &["`all` is given beside single checks"],
    ),
    ("a check that is none", "GOOD", "nodeRegistration: {ignorePreflightErrors: [Nonsense]}\n", Accepted, &[]),
    ("a name in capitals", "GOOD", "nodeRegistration: {name: Node-A}\n", Accepted, &[]),
    (
        "a name that is none",
        "GOOD",
        "nodeRegistration: {name: a_b}\n",
        Refused,
        &["`a_b` cannot be the name of a node"],
    ),
    (
        "a socket's path",
        "GOOD",
        "nodeRegistration: {criSocket: /run/x.sock}\n",
        Accepted,
        &["`/run/x.sock` has no scheme"],
    ),
    ("a socket of TCP", "GOOD", "nodeRegistration: {criSocket: 'tcp://127.0.0.1:1'}\n", Stricter, &["criSocket"]),
    ("no taints", "GOOD", "nodeRegistration: {taints: []}\n", Accepted, &[]),
    (
        "a taint without effect",
        "GOOD",
        "nodeRegistration: {taints: [{key: a, effect: Never}]}\n",
        Stricter,
        &["`Never` is not one of"],
    ),
    (
        "an argument without a name",
        "GOOD",
        "nodeRegistration: {kubeletExtraArgs: [{name: '', value: x}]}\n",
        Refused,
        &["the argument has no name"],
    ),
    (
        "a pull policy that is none",
        "GOOD",
        "nodeRegistration: {imagePullPolicy: Sometimes}\n",
        Refused,
        &["`Sometimes` is not one of"],
    ),
    ("a timeout that is none", "GOOD", "timeouts: {discovery: soon}\n", Refused, &["`soon` is not a duration"]),
    (
        "a timeout without a unit",
        "GOOD",
        "timeouts: {discovery: 1000000000}\n",
        Refused,
        &["expected a duration such as"],
    ),
    ("a timeout below nothing", "GOOD", "timeouts: {discovery: -1s}\n", Stricter, &["-1s is negative"]),
    ("a timeout of nothing", "GOOD", "timeouts: {discovery: 0s}\n", Accepted, &["0s gives up at the first failure"]),
    ("a phase that is hidden", "GOOD", "skipPhases: [check-etcd]\n", Accepted, &[]),
    ("a phase below another", "GOOD", "skipPhases: [control-plane-prepare/certs]\n", Accepted, &[]),
    (
        "a phase in capitals",
        "GOOD",
        "skipPhases: [Preflight]\n",
        Refused,
        &["no phase of `join` is called `Preflight`", "did you mean `preflight`?"],
    ),
    (
        "a phase with a slash",
        "GOOD",
        "skipPhases: [preflight/]\n",
        Refused,
        &["no phase of `join` is called `preflight/`"],
    ),
    ("a file", "file: {kubeConfigPath: good.conf}", "", Accepted, &[]),
    (
        "a file that is not there",
        "file: {kubeConfigPath: missing.conf}",
        "",
        Refused,
        &["discovery.file.kubeConfigPath: `missing.conf` does not exist"],
    ),
    ("a file without a name", "file: {kubeConfigPath: ''}", "", Refused, &["discovery.file.kubeConfigPath: no path"]),
    (
        "a file without TLS",
        "file: {kubeConfigPath: 'http://127.0.0.1:6/x'}",
        "",
        Refused,
        &["neither a path nor an https:// URL"],
    ),
    ("a file by TLS", "file: {kubeConfigPath: 'https://127.0.0.1:6/x'}", "", Accepted, &[]),
    (
        "a file and a token that is none",
        "file: {kubeConfigPath: good.conf}, tlsBootstrapToken: x",
        "",
        Refused,
        &["discovery.tlsBootstrapToken: it is not a bootstrap token"],
    ),
];

/// Whole files.
const FILES: &[(&str, &str, Verdict, &[&str])] = &[
    ("nothing", "", Refused, &["no JoinConfiguration in", "config print join-defaults"]),
    ("no YAML", "a: [", Refused, &["not valid YAML"]),
    (
        "no discovery",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n",
        Refused,
        &["nothing says how to find the cluster"],
    ),
    (
        "another command's",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n",
        Refused,
        &["InitConfiguration is ignored", "no JoinConfiguration in"],
    ),
    (
        "one that is also init's",
        "JOIN---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n",
        Accepted,
        &["InitConfiguration is ignored"],
    ),
    (
        "one with a kubelet's",
        "JOIN---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
        Accepted,
        &["KubeletConfiguration is ignored"],
    ),
    ("one with an object", "JOIN---\napiVersion: v1\nkind: ConfigMap\n", Refused, &["`v1` is not `group/version`"]),
    ("two", "JOIN---\nJOIN", Refused, &["a second JoinConfiguration"]),
    (
        "v1beta3",
        "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery: {GOOD, timeout: 0s}\nnodeRegistration: {kubeletExtraArgs: {v: '2'}}\n",
        Accepted,
        &["`kubeadm.k8s.io/v1beta3` is deprecated"],
    ),
    (
        "v1beta3 with the arguments of v1beta4",
        "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery: {GOOD}\nnodeRegistration: {kubeletExtraArgs: [{name: v, value: '2'}]}\n",
        Refused,
        &["kubeletExtraArgs"],
    ),
    (
        "v1beta2",
        "apiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration\ndiscovery: {GOOD}\n",
        Refused,
        &["`kubeadm.k8s.io/v1beta2` is too old", "v1.22"],
    ),
    (
        "v1",
        "apiVersion: kubeadm.k8s.io/v1\nkind: JoinConfiguration\ndiscovery: {GOOD}\n",
        Refused,
        &["`kubeadm.k8s.io/v1` is not a known version"],
    ),
];

/// Flags beside a good configuration.
const MIXED: &[(&str, Verdict)] = &[
    ("--token TOKEN", Refused),
    ("--discovery-token TOKEN", Refused),
    ("--tls-bootstrap-token TOKEN", Refused),
    ("--discovery-token-ca-cert-hash PIN", Refused),
    ("--discovery-token-unsafe-skip-ca-verification", Refused),
    ("--discovery-file good.conf", Refused),
    ("--control-plane", Refused),
    ("--certificate-key KEY", Refused),
    ("--apiserver-advertise-address 192.0.2.9", Refused),
    ("--apiserver-bind-port 6443", Refused),
    ("--patches /nowhere", Refused),
    ("--cri-socket unix:///run/x.sock", Refused),
    // The address is no flag: the file's counts.
    ("EP", Accepted),
    ("--node-name w9", Accepted),
    ("--ignore-preflight-errors Swap", Accepted),
    ("--skip-phases preflight", Accepted),
];

/// Flags alone.
const FLAGS: &[(&str, Verdict, &[&str])] = &[
    ("", Refused, &["nothing says how to find the cluster"]),
    ("EP", Refused, &["--token: no bootstrap token", "--discovery-token-ca-cert-hash: without the hash"]),
    ("--token TOKEN --discovery-token-ca-cert-hash PIN", Refused, &["nothing says how to find the cluster"]),
    ("EP 127.0.0.1:7 --token TOKEN --discovery-token-ca-cert-hash PIN", Refused, &["127.0.0.1:7"]),
    ("EP --token TOKEN", Refused, &["--discovery-token-ca-cert-hash: without the hash"]),
    ("EP --tls-bootstrap-token TOKEN --discovery-token-ca-cert-hash PIN", Refused, &["--token: no bootstrap token"]),
    ("EP --token x --discovery-token-ca-cert-hash PIN", Refused, &["--token: it is not a bootstrap token"]),
    ("https://127.0.0.1:6 --token TOKEN --discovery-token-ca-cert-hash PIN", Refused, &["leave the scheme out"]),
    ("127.0.0.1 --token TOKEN --discovery-token-ca-cert-hash PIN", Refused, &["`127.0.0.1` has no port"]),
    ("EP --discovery-file good.conf", Refused, &["bootstrapToken and file are both given"]),
    ("--discovery-file missing.conf", Refused, &["--discovery-file: `missing.conf` does not exist"]),
    (
        "EP --token TOKEN --discovery-token-ca-cert-hash PIN --control-plane --certificate-key zz",
        Refused,
        &["--certificate-key: it is not a hexadecimal number"],
    ),
    (
        "EP --token TOKEN --discovery-token-ca-cert-hash PIN --control-plane --apiserver-advertise-address nowhere",
        Refused,
        &["`nowhere` is not an IP address"],
    ),
    ("EP --token TOKEN --discovery-token-ca-cert-hash PIN --node-name a_b", Refused, &["--node-name: `a_b`"]),
    ("EP --token TOKEN --discovery-token-ca-cert-hash PIN --skip-phases Preflight", Refused, &["`Preflight`"]),
    ("EP --token TOKEN --discovery-token-ca-cert-hash PIN --frobnicate", Refused, &["--frobnicate"]),
    ("phase nope", Refused, &["nope"]),
    ("phase control-plane-prepare", Refused, &["control-plane-prepare"]),
    ("phase kubelet-start", Refused, &["nothing says how to find the cluster"]),
];

fn filled(text: &str) -> String {
    let good = "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['PIN']}";
    let text = text.replace("GOOD", good).replace("EP", NOBODY).replace("PIN", PIN).replace("KEY", KEY);
    text.replace("TOKEN", TOKEN)
}

fn document(discovery: &str, more: &str) -> String {
    // Whoever is accepted is to fail at once.
    let timeouts = if more.contains("timeouts:") { "" } else { "timeouts: {discovery: 0s}\n" };
    let kind = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n";
    filled(&format!("{kind}discovery: {{{discovery}}}\n{more}{timeouts}"))
}

fn desk() -> Desk {
    let desk = Desk::new();
    let cluster = format!("{{name: c, cluster: {{server: 'https://{NOBODY}'}}}}");
    desk.put(
        "good.conf",
        &format!(
            "apiVersion: v1\nkind: Config\nclusters: [{cluster}]\nusers: [{{name: u, user: {{token: {TOKEN}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
        ),
    );
    desk
}

/// What is wrong with it. Accepted is what fails only because nobody answers.
fn judge(name: &str, verdict: Verdict, words: &[&str], outcome: &Outcome) -> Vec<String> {
    let (err, accepted) = (outcome.err(), verdict == Accepted);
    let mut wrong: Vec<String> = words
        .iter()
        .filter(|word| !err.contains(**word))
        .map(|word| format!("{name}: {word:?} is not said: {outcome}"))
        .collect();
    let asked = outcome.code == Some(1) && (err.contains("no answer from") || err.contains("cluster-info"));
    if (accepted && !asked) || (!accepted && outcome.code != Some(2)) {
        wrong.push(format!("{name}: it should be {verdict:?}: {outcome}"));
    }
    if err.contains(SECRET) || outcome.out().contains(SECRET) {
        wrong.push(format!("{name}: it shows a token: {outcome}"));
    }
    wrong
}

#[test]
fn documents() {
    let desk = desk();
    let mut wrong = Vec::new();
    for (name, discovery, more, verdict, words) in DOCUMENTS {
        wrong.extend(judge(name, *verdict, words, &desk.join_with(&document(discovery, more), &[])));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files() {
    let desk = desk();
    let mut wrong = Vec::new();
    for (name, text, verdict, words) in FILES {
        let text = filled(&text.replace("JOIN", &document("GOOD", "")));
        wrong.extend(judge(name, *verdict, words, &desk.join_with(&text, &[])));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flags_with_a_configuration() {
    let desk = desk();
    let mut wrong = Vec::new();
    for (flags, verdict) in MIXED {
        let flags = filled(flags);
        let words: Vec<&str> = flags.split_whitespace().collect();
        let named = if *verdict == Refused {
            format!("`--config` cannot be combined with {}", words[0])
        } else {
            String::new()
        };
        wrong.extend(judge(&flags, *verdict, &[&named], &desk.join_with(&document("GOOD", ""), &words)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn flags_alone() {
    let desk = desk();
    let mut wrong = Vec::new();
    for (flags, verdict, words) in FLAGS {
        let flags = filled(flags);
        wrong.extend(judge(&flags, *verdict, words, &desk.join(flags.split_whitespace())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What only a cluster can tell: name, discovery (`GOOD`, or none for the good one), the rest, the words of a refusal.
const AT_A_CLUSTER: &[(&str, &str, &str, &[&str])] = &[
    (
        "two pins, one of them right",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['PIN', 'ZERO']}",
        "",
        &[],
    ),
    (
        "a wrong pin beside unsafeSkipCAVerification",
        "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['ZERO'], unsafeSkipCAVerification: true}",
        "",
        &["none of its authorities is pinned"],
    ),
    ("a file with a token", "file: {kubeConfigPath: token.conf}", "", &[]),
    ("a file by its whole URL", "file: {kubeConfigPath: 'file://HERE/token.conf'}", "", &[]),
    ("a file, and a token apart", "file: {kubeConfigPath: nobody.conf}, tlsBootstrapToken: TOKEN", "", &[]),
    (
        "a file without credentials",
        "file: {kubeConfigPath: nobody.conf}",
        "",
        &["it has no credentials for the kubelet to register with"],
    ),
    (
        "a file with a token that is over",
        "file: {kubeConfigPath: over.conf}",
        "",
        &["the API server says: Unauthorized"],
    ),
    ("a file that is none", "file: {kubeConfigPath: none.conf}", "", &["error: reading", "none.conf"]),
    (
        "a name that is taken",
        "GOOD",
        "nodeRegistration: {name: cp1, ignorePreflightErrors: [all]}\n",
        &["joining as cp1: the cluster has a node of that name already"],
    ),
    ("patches that are not there", "GOOD", "patches: {directory: /nowhere}\n", &["reading patches from /nowhere"]),
    ("another caCertPath", "GOOD", "caCertPath: /etc/kubernetes/pki/other.crt\n", &[]),
    ("a phase left out", "GOOD", "skipPhases: [preflight]\n", &[]),
    ("a phase that is none", "GOOD", "skipPhases: [nope]\n", &["no phase of `join` is called `nope`"]),
    (
        "another name for the kubelet",
        "GOOD",
        "nodeRegistration: {name: w9, ignorePreflightErrors: [all], kubeletExtraArgs: [{name: hostname-override, value: other}]}\n",
        &[],
    ),
    (
        "a control plane",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}, certificateKey: 'KEY'}\n",
        &[],
    ),
    (
        "a control plane without certificates",
        "GOOD",
        "controlPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.9}}\n",
        &["/etc/kubernetes/pki/sa.key does not exist", "--certificate-key"],
    ),
    // A dry run of kubeadm's makes up what it is refused.
    (
        "a token for the kubelet that is over",
        "GOOD, tlsBootstrapToken: zzzzzz.0123456789abcdef",
        "",
        &["it does not accept the token zzzzzz: it has expired, was revoked"],
    ),
    // kubeadm believes whoever answers.
    ("a file that believes anyone", "file: {kubeConfigPath: anyone.conf}", "", &["insecure-skip-tls-verify"]),
];

#[test]
fn at_a_cluster() {
    let served = Served::start();
    let desk = Desk::new();
    let user = |token: &str| format!("[{{name: u, user: {{token: {token}}}}}]");
    desk.put("token.conf", &served.discovery_file(&user(TOKEN)));
    desk.put("over.conf", &served.discovery_file(&user("zzzzzz.0123456789abcdef")));
    desk.put("nobody.conf", &served.discovery_file("null").replace(", user: u", ", user: ''"));
    desk.put("none.conf", "a: [");
    let anyone =
        served.discovery_file(&user(TOKEN)).replace("certificate-authority-data: ", "insecure-skip-tls-verify: true #");
    // A comment ends a line, and so do the braces.
    let anyone: String = anyone
        .lines()
        .map(|line| match line.split_once(" #") {
            Some((line, _)) => format!("{line}}}}}]\n"),
            None => format!("{line}\n"),
        })
        .collect();
    desk.put("anyone.conf", &anyone);
    let mut wrong = Vec::new();
    for (name, discovery, more, words) in AT_A_CLUSTER {
        let good = "bootstrapToken: {token: TOKEN, apiServerEndpoint: 'EP', caCertHashes: ['PIN']}";
        let here = desk.path().display().to_string();
        let fill = |text: &str| {
            let text = text.replace("GOOD", good).replace("EP", &served.address).replace("PIN", &served.pin);
            let text = text.replace("ZERO", &format!("sha256:{}", "0".repeat(64))).replace("HERE", &here);
            text.replace("KEY", KEY).replace("TOKEN", TOKEN)
        };
        let outcome = desk.join_with(&served.configuration_by(&fill(discovery), &fill(more)), &[]);
        if words.is_empty() != (outcome.code == Some(0)) {
            wrong.push(format!("{name}: {outcome}"));
        }
        wrong.extend(
            words
                .iter()
                .filter(|word| !outcome.err().contains(**word))
                .map(|word| format!("{name}: {word:?} is not said: {outcome}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Phases by themselves, as a worker and as a control plane: what kubeadm does, each does, or says why not.
#[test]
fn phases_alone() {
    let served = Served::start();
    let control_plane =
        format!("controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.9}}, certificateKey: '{KEY}'}}\n");
    let early = "needs /etc/kubernetes/admin.conf, which does not exist";
    // No authority is made by joining: it would be another cluster's. kubeadm makes one.
    let foreign = "/etc/kubernetes/pki/ca.crt does not exist";
    let mut wrong = Vec::new();
    for (phase, of_worker, of_control_plane) in [
        ("preflight", "", ""),
        ("control-plane-prepare all", "", ""),
        ("control-plane-prepare download-certs", "", ""),
        ("control-plane-prepare certs", "", foreign),
        ("control-plane-prepare kubeconfig", "", "/etc/kubernetes/pki/ca.crt: it does not exist"),
        ("control-plane-prepare control-plane", early, early),
        ("check-etcd", "", ""),
        ("kubelet-start", "", ""),
        ("etcd-join", early, early),
        ("kubelet-wait-bootstrap", "", ""),
        ("control-plane-join all", early, early),
        ("control-plane-join mark-control-plane", early, early),
        ("wait-control-plane", early, early),
    ] {
        for (more, said) in [("", of_worker), (control_plane.as_str(), of_control_plane)] {
            let desk = Desk::new();
            let words: Vec<&str> = ["phase"].into_iter().chain(phase.split(' ')).collect();
            let outcome = desk.join_with(&served.configuration(more), &words);
            let code = if said.is_empty() { 0 } else { 1 };
            if outcome.code != Some(code) || !outcome.err().contains(said) {
                wrong
                    .push(format!("{phase} ({}): {outcome}", if more.is_empty() { "worker" } else { "control plane" }));
            }
        }
    }
    // One after the other, in a directory that stays.
    let desk = Desk::new();
    for phase in ["download-certs", "certs", "kubeconfig", "control-plane"] {
        let outcome = desk.join_with(&served.configuration(&control_plane), &["phase", "control-plane-prepare", phase]);
        if outcome.code != Some(0) {
            wrong.push(format!("{phase} after those before it: {outcome}"));
        }
    }
    for phase in ["kubelet-start", "etcd-join", "kubelet-wait-bootstrap", "wait-control-plane"] {
        let outcome = desk.join_with(&served.configuration(&control_plane), &["phase", phase]);
        if outcome.code != Some(0) {
            wrong.push(format!("{phase} after those before it: {outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
