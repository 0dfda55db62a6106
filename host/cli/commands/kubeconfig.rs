//! `kubeconfig …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_model::config::duration::GoDuration;
use kubephase_model::{Problem, Report, layout};
use kubephase_node::Node;
use kubephase_render::kubeconfig::Kubeconfig;
use kubephase_workflow::certs::{NewUser, user_kubeconfig};

use super::certs::failure;
use crate::args::Global;
use crate::args::kubeconfig::{KubeconfigCommand, UserArgs};
use crate::failure::{Failure, Outcome};
use crate::printer::out;
use crate::report;
use crate::settings::{self, Address};

/// Longer than kubeadm's default: worth a word.
const LONG: GoDuration = GoDuration::hours(8760);

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    match KubeconfigCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        KubeconfigCommand::User(args) => user(&args, global),
    }
}

fn user(args: &UserArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let validity = check(args, global)?;
    let known = args.config.is_none().then(|| here(&host)).flatten();
    let address = if known.is_some() { Address::Unused } else { Address::Needed };
    let mut settings = settings::given(&host, args.config.as_deref(), address, global)?;
    let server = match known {
        Some((server, cluster)) => {
            settings.cluster.config.cluster_name = cluster;
            server
        }
        None => settings.cluster.api_endpoint_url(),
    };
    let user = NewUser { name: &args.client_name, organizations: &args.org, token: args.token.as_deref(), validity };
    out(&user_kubeconfig(&host, &settings.cluster, &server, user).map_err(failure)?.to_yaml());
    Ok(())
}

/// Server and name of the cluster that this node's administrator uses: what defaults could only guess.
fn here(host: &Node) -> Option<(String, String)> {
    let admin = Kubeconfig::parse(&host.read(layout::ADMIN_CONF).ok()??).ok()?;
    let server = admin.server().ok().filter(|server| !server.is_empty())?;
    Some((server.to_owned(), admin.cluster_name().ok()?.to_owned()))
}

fn check(args: &UserArgs, global: &Global) -> Result<GoDuration, Failure> {
    let mut problems = Report::default();
    if args.client_name.is_empty() {
        problems.push(Problem::error("--client-name", "it is empty").hint("a user needs a name"));
    }
    if args.token.as_deref() == Some("") {
        problems.push(Problem::error("--token", "it is empty").hint("leave it out to have a certificate made"));
    }
    let validity = GoDuration::parse(&args.validity_period);
    match validity {
        Some(period) if period.as_secs() <= 0 => problems.push(
            Problem::error("--validity-period", "the certificate would be over when it is made")
                .hint("give a period such as 24h"),
        ),
        Some(period) if period > LONG => problems.push(
            Problem::warning("--validity-period", format!("{period} is longer than {LONG}"))
                .hint("a client certificate cannot be taken back before it ends: better renew it now and then"),
        ),
        Some(_) => {}
        None => problems.push(
            Problem::error("--validity-period", format!("`{}` is no duration", args.validity_period))
                .hint("write it like 24h or 1h30m"),
        ),
    }
    if args.token.is_some() && !args.org.is_empty() {
        problems.push(
            Problem::warning("--org", "a token has no groups of its own: ignored")
                .hint("whoever checks the token says which groups its user is in"),
        );
    }
    match validity {
        Some(validity) if !problems.has_errors() => {
            report::problems(&problems.problems, global);
            Ok(validity)
        }
        _ => Err(problems.into()),
    }
}
