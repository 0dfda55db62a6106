//! `certs …`.

mod expiration;
mod renew;
mod restart;

use clap::{ArgMatches, FromArgMatches};
use kubephase_node::Node;
use kubephase_pki::CertificateKey;
use kubephase_workflow::certs::{CertsError, Settings, generate_requests};

use super::approve_serving;
use crate::args::Global;
use crate::args::certs::{CertsCommand, ClusterArgs, CsrArgs};
use crate::failure::{Failure, Outcome};
use crate::printer::out;
use crate::settings::{self, Address};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    if let Some(("renew", matches)) = matches.subcommand() {
        return renew::run(matches, global);
    }
    match CertsCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        CertsCommand::CertificateKey => {
            let mut bytes = [0; CertificateKey::BYTES];
            Node::real().random(&mut bytes);
            out(&format!("{}\n", CertificateKey::from_random(bytes).reveal()));
            Ok(())
        }
        CertsCommand::CheckExpiration(args) => expiration::run(&args, global),
        CertsCommand::GenerateCsr(args) => generate_csr(&args, global),
        CertsCommand::Restart(args) => restart::run(&args, global),
        CertsCommand::ApproveServing(args) => approve_serving::run(&args, global),
    }
}

fn generate_csr(args: &CsrArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let settings = settings::given(&host, args.config.as_deref(), Address::Needed, global)?;
    let cert_dir = args.cert_dir.as_deref().unwrap_or_else(|| settings.cluster.pki());
    let asked = generate_requests(&host, &settings.cluster, cert_dir, &args.kubeconfig_dir).map_err(failure)?;
    let list = |directory: &str, names: &[&str]| {
        let names: String = names.iter().map(|name| format!("  {name}\n")).collect();
        format!("generating keys and CSRs in {directory}\n{names}")
    };
    out(&list(cert_dir, &asked.certificates));
    out(&list(&args.kubeconfig_dir, &asked.kubeconfigs));
    Ok(())
}

/// The cluster that the flags mean. `--cert-dir` wins over whatever says otherwise.
fn cluster(host: &Node, args: &ClusterArgs, global: &Global) -> Result<Settings, Failure> {
    let config = args.config.as_deref();
    let mut settings = settings::of_cluster(host, config, &args.kubeconfig, Address::Unused, global)?;
    if let Some(directory) = &args.cert_dir {
        directory.clone_into(&mut settings.cluster.config.certificates_dir);
    }
    Ok(settings)
}

/// How these commands end badly.
pub fn failure(error: CertsError) -> Failure {
    let hint = error.hint().map(Into::into);
    Failure::machine(error, hint)
}
