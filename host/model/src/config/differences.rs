//! Where configuration is treated otherwise than kubeadm does, on purpose. Printed in the documentation; whoever adds
//! a rule that kubeadm lacks adds its line.

/// One deliberate difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is different, as seen by the user.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
}

const fn row(what: &'static str, why: &'static str) -> Difference {
    Difference { what, why }
}

/// What kubeadm accepts and we refuse.
pub static STRICTER: &[Difference] = &[
    row("certificate validity periods of zero or less", "every certificate would be over when it is made"),
    row(
        "pod and service subnets that overlap, unless services lie inside a larger IPv6 pod subnet",
        "what has the address of a service cannot be reached; the exception stands in Kubernetes' documentation",
    ),
    row("negative timeouts and token lifetimes", "they would be over before they begin"),
    row(
        "files in UTF-16, and lines that end in a carriage return alone",
        "kubeadm sees one document in them and drops the others without a word",
    ),
    row("a `kind` that is a number", "kubeadm drops the document with a warning"),
    row("negative `diff.contextLines`", "there is no such number of lines"),
    row(
        "extraVolumes without a proper name, with a second volume of the same name, with relative paths, with `..` in hostPath, with a colon in mountPath or an unknown pathType",
        "the kubelet refuses such a pod, and the control plane never starts",
    ),
    row(
        "extraEnvs with an improper name, or with value and valueFrom both, or with more or fewer than one source",
        "the kubelet refuses such a pod",
    ),
    row("taints whose key, value or effect is none that Kubernetes knows", "the API server refuses the Node"),
    row(
        "a criSocket of another scheme, without a path, or with blanks",
        "kubeadm puts `unix://` before `tcp://` and goes on",
    ),
    row("etcd endpoints that are not http(s) URLs with a host", "the API server would not start"),
    row("image tags that no image can have", "the image could never be pulled"),
    row(
        "caCertHashes that are not sha256 pins (before anything is contacted)",
        "kubeadm finds out in the middle of joining",
    ),
    row("discovery endpoints without a host or with a port that is no number", "kubeadm finds out when it connects"),
    row(
        "`all` beside single checks in ignorePreflightErrors, already in `config validate`",
        "init would refuse it anyway",
    ),
    row("IPv4 octets with leading zeros", "some programs read them as octal numbers"),
    row(
        "files over 3 MiB, more than 64 levels deep or with more than 200000 values",
        "no configuration is that large; a bomb is",
    ),
    row(
        "unknown and duplicate fields of component configurations, in `config validate`",
        "a typing mistake in them is as silent as anywhere else",
    ),
    row(
        "wrong types in component configurations even where kubeadm would not read them",
        "the component would not start",
    ),
    row("two subnets on v1.20 without the feature gate IPv6DualStack", "kubeadm of that release refuses it too"),
    row(
        "`token create` with `--certificate-key` alone, before anything is created",
        "kubeadm creates the token and fails then",
    ),
    row("`token create` with a second token, which kubeadm leaves out", "nobody types one that is not meant"),
    row(
        "`token delete` of several if one argument is none, before the first is deleted",
        "kubeadm deletes those before it",
    ),
    row(
        "discovery: of several authorities in `cluster-info` only those that a pin names prove anything",
        "one pinned certificate beside a stranger's would vouch for the stranger",
    ),
    row(
        "discovery: an authority that is not pinned, or a signature that does not fit, ends `join` at once",
        "kubeadm asks the same server again until the deadline, and then says that time is over",
    ),
    row(
        "discovery files and URLs with `insecure-skip-tls-verify`, with a server or a redirect that is not https, or with a user by password or auth-provider",
        "whoever sits between would get the credentials, and could pass for the cluster",
    ),
    row(
        "`join` to a cluster whose stored version is a label such as `stable`",
        "each node would look up another version; no kubeadm stores one",
    ),
    row(
        "`join` makes no certificate authority, and fails where one should have been copied or downloaded",
        "it would be another cluster's; kubeadm's `join phase control-plane-prepare certs` makes one, and `kubeconfig` makes nothing and succeeds",
    ),
    row(
        "a dry run of `join` whose cluster does not answer, or does not accept the token",
        "kubeadm goes on with made-up answers, so that nothing is learnt of the cluster",
    ),
    row(
        "`join` and `reset` change members of etcd only with a quorum before and after, and `reset` ends where a living cluster would keep this node as a dead member, unless `--ignore-preflight-errors=EtcdQuorum` is given",
        "kubeadm warns and removes the data; a cluster that cannot decide any more has to be restored from a snapshot",
    ),
    row(
        "`reset` fails when something below the kubelet's directory cannot be unmounted, before it deletes anything",
        "kubeadm warns, and deletes what is on the mounted disk",
    ),
];

/// What we accept and kubeadm of one release refuses.
pub static LAXER: &[Difference] = &[
    row("versions from v1.20 on", "one program knows many releases; a kubeadm knows its own and the one before"),
    row(
        "feature gates of the release that is deployed",
        "kubeadm refuses gates that its own release removed, though it deploys the one before",
    ),
    row("`config migrate` of an UpgradeConfiguration", "kubeadm fails on it with an internal error"),
    row(
        "`token create --usages signing` without groups",
        "kubeadm adds its default group and refuses it then: such a token authenticates nobody",
    ),
];

/// What is done otherwise.
pub static DIFFERENT: &[Difference] = &[
    row(
        "`config migrate` keeps `timeouts.controlPlaneComponentHealthCheck`",
        "kubeadm writes 0s for a file that is already v1beta4",
    ),
    row("documents of a kind that `config validate` also checks are not reported as ignored", "they are not ignored"),
    row("every problem is reported at once, with its place", "kubeadm stops at the first document that fails"),
    row(
        "v1.20: authorities have random serial numbers",
        "kubeadm of that release numbers all of them 0, which RFC 5280 forbids",
    ),
    row(
        "v1.20: the gate PublicKeysECDSA is for kubeconfig files, too",
        "kubeadm of that release forgot them, later ones do not",
    ),
    row(
        "v1.20: the kubelet's `--container-runtime-endpoint` is always a URL",
        "kubeadm of that release passes a path on, of which the kubelet warns that it is deprecated",
    ),
    row(
        "directories above etcd's data are made with mode 0755",
        "kubeadm makes them as private as the data, and locks everyone else out of what lies beside it",
    ),
    row(
        "`certs check-expiration` and `certs renew` look where the cluster's `certificatesDir` says, unless `--cert-dir` is given",
        "the default of kubeadm's flag wins over what the cluster has stored",
    ),
    row(
        "`certs renew` of a single certificate that is missing, or whose authority is kept elsewhere, is an error",
        "kubeadm says so and ends with exit code 0; `certs renew all` does that here, too",
    ),
    row(
        "`certs renew` refuses to sign with an authority that is not valid now",
        "kubeadm replaces good certificates by some that nobody believes",
    ),
    row("`certs renew` gives no new key a wider mode than 0640", "kubeadm keeps the mode of the old file"),
    row("`certs generate-csr` asks for nothing on behalf of an external etcd", "nobody would use it"),
    row(
        "`kubeconfig user` without `--config` points where this node's admin.conf does",
        "kubeadm guesses by defaults, for which it looks a version up in the network",
    ),
    row("without a network a version label means the newest release known", "kubeadm takes its own version"),
    row(
        "`config images pull` pulls all images at the same time, unless the file asks for one at a time, and tells all failures together",
        "kubeadm pulls one after the other and ends at the first that fails",
    ),
    row(
        "`token create --config` creates all of the file's tokens or, if one is there already, none",
        "kubeadm creates those before it",
    ),
    row(
        "`token delete` goes on after a token that is not there, and fails at the end",
        "the others are to be deleted all the same",
    ),
    row(
        "`token list` calls tokens that are over `<expired>`, and its columns are the same in every line",
        "kubeadm calls them `<invalid>`",
    ),
    row(
        "with `serverTLSBootstrap: true` init approves the kubelet's serving certificate if it is for the node's own names",
        "nobody else does, and `kubectl logs` fails until somebody has",
    ),
    row(
        "a discovery file with its own credentials is taken without a `cluster-info` in the cluster, with a warning",
        "it has proven the cluster already",
    ),
    row(
        "`join` holds the manifests of a control plane back until its etcd is a member that votes",
        "an API server whose etcd is none yet ends, and the kubelet starts it again only after its back-off",
    ),
    row(
        "`join phase check-etcd` is a command of its own, and `join phase kubelet-wait-bootstrap` is one for workers, too",
        "both only look or wait; kubeadm hides the first",
    ),
    row(
        "the manifest of etcd that a dry run of `join` shows has `--initial-cluster-state=existing`",
        "that is what a real run writes",
    ),
    row(
        "one node at a time changes members of etcd, by the Lease `kube-system/kubephase-etcd-members`",
        "etcd has one place for a learner: of several that join at once all but one would fail",
    ),
    row(
        "a learner whose node has died, and the former member of a node that joins again by the same name, are removed with a warning",
        "kubeadm's join fails until somebody has removed them by hand",
    ),
    row(
        "`reset` takes back what the journal names, and restores what was replaced; without a journal it removes what kubeadm's would",
        "what others put into the same directories is theirs",
    ),
    row(
        "`reset` removes the chains and tables of kube-proxy and the kubelet, and links, chains and configurations of CNI plugins that are ours",
        "kubeadm leaves them and says so; the next cluster on this node trips over them",
    ),
    row(
        "`reset` removes pods that the kubelet made, and lists others",
        "kubeadm removes every pod of the container runtime",
    ),
    row(
        "`reset` keeps etcd's data when no manifest of etcd is there, and whatever lies beside it in its directory",
        "it is somebody else's etcd",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_has_a_reason() {
        for difference in STRICTER.iter().chain(LAXER).chain(DIFFERENT) {
            assert!(!difference.what.is_empty() && !difference.why.is_empty());
            assert!(!difference.what.ends_with('.') && !difference.why.ends_with('.'), "{difference:?}");
        }
    }
}
