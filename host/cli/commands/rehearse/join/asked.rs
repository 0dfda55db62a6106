//! What is to be rehearsed, as far as the input says it: the cluster, and the node that joins it.

use kubephase_model::config::flags::{InitFlags, JoinFlags};
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::{resolve_init, resolve_join};
use kubephase_model::config::v1beta4::{
    ArgValue, BootstrapTokenDiscovery, ClusterConfiguration, Discovery, JoinConfiguration,
};
use kubephase_model::plugin::config::check_places;
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::Node;
use kubephase_preflight::Ignore;
use kubephase_workflow::init;

use crate::args::Global;
use crate::args::join::JoinArgs;
use crate::failure::Failure;
use crate::{input, report};

/// Where the cluster is to be found if nothing says it. More control-plane nodes need a place that is none of theirs.
const ENDPOINT: &str = "cp.example.com:6443";
/// Has the form of a token. The cluster's own takes its place.
const TOKEN: &str = "abcdef.0123456789abcdef";

/// What is to be rehearsed.
pub struct Asked {
    /// The cluster, as `init` makes it.
    pub cluster: Cluster,
    /// What its preflight checks may find.
    pub founding: Ignore,
    /// The node that joins.
    pub config: JoinConfiguration,
    /// What its own may.
    pub ignore: Ignore,
    /// What was read.
    pub files: Files,
}

/// The documents of both machines. They may come from one file.
pub struct Files {
    /// Those of the cluster.
    pub founding: Option<Documents>,
    /// Those of the node that joins.
    pub own: Option<Documents>,
}

impl Files {
    /// Reads them. What is wrong with their syntax comes first: what resolving half a file would say is noise.
    pub fn read(
        args: &JoinArgs,
        init_config: Option<&str>,
        host: &Node,
        problems: &mut Report,
    ) -> Result<Self, Failure> {
        let mut read = |path: Option<&str>, command| path.map(|path| input::documents(host, path, command, problems));
        let files = match init_config {
            Some(_) => {
                let founding = read(init_config, Command::Init);
                Self { founding, own: read(args.config.as_deref(), Command::Join) }
            }
            None => {
                let both = read(args.config.as_deref(), Command::RehearseJoin);
                Self { founding: both.clone(), own: both }
            }
        };
        if args.strict {
            problems.make_strict();
        }
        if problems.has_errors() { Err(std::mem::take(problems).into()) } else { Ok(files) }
    }

    /// What kind of node joins.
    pub fn is_control_plane(&self, args: &JoinArgs) -> bool {
        let join = self.own.as_ref().and_then(|documents| documents.join.as_ref());
        join.map_or(args.control_plane.unwrap_or_default(), |join| join.control_plane.is_some())
    }
}

/// Checks the input for both machines, `first` and `second`, and tells what is odd about it.
pub fn ask(
    args: &JoinArgs,
    files: Files,
    [first, second]: [&Node; 2],
    mut problems: Report,
    global: &Global,
) -> Result<Asked, Failure> {
    let (mut founding, mut joining) = (Report::default(), Report::default());
    let cluster = cluster(args, &files, first, &mut founding);
    let config = node(args, files.own.as_ref(), second, &mut joining);
    let ignore = |names: &[String], place: &str, report: &mut Report| {
        Ignore::new(names).unwrap_or_else(|error| {
            let problem = Problem::error(place, error.to_string());
            report.push(error.hint().into_iter().fold(problem, Problem::hint));
            Ignore::default()
        })
    };
    let names = |names: Option<&Vec<String>>| names.cloned().unwrap_or_default();
    let founding_ignores = names(cluster.as_ref().map(|cluster| &cluster.node().ignore_preflight_errors));
    let joining_ignores = names(config.as_ref().map(|config| &config.node_registration.ignore_preflight_errors));
    let before = ignore(&founding_ignores, "nodeRegistration.ignorePreflightErrors", &mut founding);
    let own = ignore(&joining_ignores, "--ignore-preflight-errors", &mut joining);
    problems.problems.append(&mut founding.problems);
    problems.problems.append(&mut joining.problems);
    if args.strict {
        problems.make_strict();
    }
    let (Some(cluster), Some(config), false) = (cluster, config, problems.has_errors()) else {
        return Err(problems.into());
    };
    report::problems(&problems.problems, global);
    Ok(Asked { cluster, founding: before, config, ignore: own, files })
}

/// The cluster of the file, or one that has nothing special but a place of its own.
fn cluster(args: &JoinArgs, files: &Files, machine: &Node, problems: &mut Report) -> Option<Cluster> {
    let documents = files.founding.as_ref();
    let found_at = files.own.as_ref().and_then(|documents| documents.join.as_ref()?.discovery.bootstrap_token.as_ref());
    let found_at = found_at.map(|token| token.api_server_endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
    let endpoint = args.api_server_endpoint.clone().or(found_at).unwrap_or_else(|| ENDPOINT.to_owned());
    let flags =
        InitFlags { control_plane_endpoint: documents.is_none().then(|| endpoint.clone()), ..InitFlags::default() };
    let documents = documents.cloned().map(|mut documents| {
        let plain = || ClusterConfiguration { control_plane_endpoint: endpoint, ..ClusterConfiguration::default() };
        documents.cluster.get_or_insert_with(plain);
        documents
    });
    let mut random = |bytes: &mut [u8]| machine.random(bytes);
    let nobody = |_: &str| Err("a rehearsal asks nobody".to_owned());
    let found = resolve_init(
        documents.as_ref(),
        &flags,
        &machine.facts(),
        &nobody,
        &mut random,
        init::uses_cri_socket(None),
        problems,
    );
    if let Some(documents) = &documents {
        check_places(documents, &init::workflow().paths(), problems);
    }
    found
}

/// The node of the file, or the one of the flags. How it finds its cluster may be left out.
fn node(
    args: &JoinArgs,
    documents: Option<&Documents>,
    machine: &Node,
    problems: &mut Report,
) -> Option<JoinConfiguration> {
    let mut flags = args.flags();
    let documents = documents.filter(|documents| documents.join.is_some()).cloned().map(|mut documents| {
        if let Some(join) = documents.join.as_mut().filter(|join| join.discovery == Discovery::default()) {
            join.discovery.bootstrap_token = Some(BootstrapTokenDiscovery {
                api_server_endpoint: ENDPOINT.to_owned(),
                unsafe_skip_ca_verification: true,
                ..by_token(TOKEN)
            });
        }
        documents
    });
    if documents.is_none() {
        complete(&mut flags);
    }
    let config = resolve_join(documents.as_ref(), &flags, &machine.facts(), true, problems);
    config.map(|config| JoinConfiguration { dry_run: false, ..config })
}

/// What a rehearsal needs nobody to say.
fn complete(flags: &mut JoinFlags) {
    if flags.discovery_file.is_some() {
        return;
    }
    flags.api_server_endpoint.get_or_insert_with(|| ENDPOINT.to_owned());
    if flags.token.is_none() && flags.discovery_token.is_none() {
        flags.token = Some(TOKEN.to_owned());
    }
    flags.discovery_token_unsafe_skip_ca_verification |= flags.discovery_token_ca_cert_hash.is_empty();
}

/// By this token, of a cluster that is still to be named.
pub fn by_token(token: &str) -> BootstrapTokenDiscovery {
    BootstrapTokenDiscovery { token: ArgValue(token.to_owned()), ..BootstrapTokenDiscovery::default() }
}
