//! What `init` says at its end, on standard output and nowhere else, because it holds secrets.

use kubephase_model::plugin::Kind;
use kubephase_workflow::init::{Init, Joining};
use kubephase_workflow::join_command::JoinCommand;

/// After a whole run how to go on; after a single phase the secrets that it made and that are told nowhere else.
pub fn text(cx: &Init) -> String {
    if let Some(joining) = &cx.joining {
        return summary(cx, joining);
    }
    let mut text = String::new();
    if let Some(key) = shown_key(cx) {
        text.push_str(&format!("The certificate key, to be kept secret:\n{key}\n"));
    }
    if cx.options.only.as_deref() == Some("bootstrap-token") && !cx.sharing.withhold_token {
        for token in &cx.cluster.init.bootstrap_tokens {
            text.push_str(&format!("The bootstrap token, to be kept secret:\n{}\n", token.token));
        }
    }
    text
}

fn shown_key(cx: &Init) -> Option<String> {
    cx.certificate_key.as_ref().filter(|_| !cx.sharing.withhold_certificate_key).map(|key| key.reveal())
}

/// What there is now, and what comes next.
pub fn summary(cx: &Init, joining: &Joining) -> String {
    let mut text = String::new();
    let admin = cx.kubeconfig_path("admin.conf");
    text.push_str(&format!(
        "\nThe control plane is up, at {}.\n\n\
         To use it as an ordinary user:\n\n  \
         mkdir -p $HOME/.kube\n  \
         sudo cp -i {admin} $HOME/.kube/config\n  \
         sudo chown $(id -u):$(id -g) $HOME/.kube/config\n\n\
         Or, as root:\n\n  \
         export KUBECONFIG={admin}\n",
        cx.cluster.api_endpoint_url(),
    ));
    // An addon that is applied before there is any pod network is the pod network, or knows why not.
    let plugins = cx.options.extension.as_ref().map(|extension| extension.plugins()).unwrap_or_default();
    if !plugins.iter().any(|plugin| plugin.is(Kind::Addon) && plugin.is_before_cni()) {
        text.push_str(
            "\nPods can talk to each other once a pod network is installed:\n\n  \
             kubectl apply -f PODNETWORK.yaml\n\n\
             Which there are: https://kubernetes.io/docs/concepts/cluster-administration/addons/\n",
        );
    }
    let list = |commands: &[JoinCommand]| -> String {
        commands.iter().map(|command| format!("\n  {}\n", command.to_text(false))).collect()
    };
    if !joining.control_plane.is_empty() {
        text.push_str("\nMore control-plane nodes join, as root, with:\n");
        text.push_str(&list(&joining.control_plane));
        text.push_str(if cx.certificate_key.is_some() {
            KEEP_SECRET
        } else {
            "\nFirst copy the authorities' and the service accounts' keys to each of them, or upload them here with\n\
             `kubephase init phase upload-certs --upload-certs` and join with the certificate key that it prints.\n"
        });
    } else if let Some(key) = shown_key(cx) {
        // No command holds it: without a common endpoint no other control-plane node can join.
        text.push_str(&format!(
            "\nThe uploaded certificates open with this certificate key:\n\n  {key}\n{KEEP_SECRET}"
        ));
    }
    if !joining.worker.is_empty() {
        text.push_str("\nWorkers join, as root, with:\n");
        text.push_str(&list(&joining.worker));
    }
    text
}

const KEEP_SECRET: &str = "\nKeep the certificate key secret: it opens the cluster's keys. What it opens is deleted after \
                           two hours;\n`kubephase init phase upload-certs --upload-certs` uploads it anew.\n";
