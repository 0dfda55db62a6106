//! `join phase …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_engine::{RunError, Selection};
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::Command;
use kubephase_model::config::resolve::{resolve_init, resolve_join};
use kubephase_model::config::v1beta4::JoinConfiguration;
use kubephase_model::{Cluster, Facts, Problem, Report};
use kubephase_node::{Node, ScratchDir};
use kubephase_preflight::Ignore;
use kubephase_workflow::join::{self, Join};

use crate::args::join::JoinArgs;
use crate::args::{Global, chosen_phase};
use crate::failure::{Failure, Outcome};
use crate::{input, printer, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let (only, at) = chosen_phase(matches);
    let args = JoinArgs::from_arg_matches(at).map_err(|error| Failure::Bug(error.to_string()))?;
    let host = Node::real();
    let facts = host.facts();
    let mut problems = Report::default();
    let documents = args.config.as_deref().map(|path| input::documents(&host, path, Command::Join, &mut problems));
    let config = match problems.has_errors() {
        true => None,
        false => resolve_join(documents.as_ref(), &args.flags(), &facts, true, &mut problems),
    };
    if args.strict {
        problems.make_strict();
    }
    let names = config.iter().flat_map(|config| &config.node_registration.ignore_preflight_errors);
    let ignore = Ignore::new(names).map_err(|error| {
        problems.push(Problem::error("--ignore-preflight-errors", error.to_string()));
    });
    let (Some(config), Ok(ignore), false) = (config, ignore, problems.has_errors()) else {
        return Err(problems.into());
    };
    report::problems(&problems.problems, global);
    let control_plane = config.control_plane.is_some().then(|| control_plane(&config, &facts, &host)).flatten();
    let scratch = match config.dry_run {
        true => Some(ScratchDir::new("kubephase-join-").map_err(|error| Failure::machine(error, None))?),
        false => None,
    };
    let node = scratch.as_ref().map_or_else(|| host.clone(), |scratch| Node::dry_run(scratch.path()));
    let mut cx = Join { config, control_plane, node, facts, ignore, sink: printer::sink(global) };
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let selection = Selection { only, skip: Vec::new() };
    match runtime.block_on(join::workflow().run(&mut cx, &selection)) {
        Ok(_) => Ok(()),
        Err(RunError::Select(error)) => Err(Failure::Bug(error.to_string())),
        Err(RunError::Phase { source, .. }) => Err(Failure::phase(source, global)),
    }
}

/// What this node would run as a control-plane node, as far as it is known without asking the cluster.
fn control_plane(config: &JoinConfiguration, facts: &Facts, host: &Node) -> Option<Cluster> {
    let endpoint = &config.control_plane.as_ref()?.local_api_endpoint;
    let flags = InitFlags {
        node_name: Some(config.node_registration.name.clone()),
        cri_socket: Some(config.node_registration.cri_socket.clone()),
        apiserver_advertise_address: Some(endpoint.advertise_address.clone()),
        apiserver_bind_port: Some(endpoint.bind_port),
        kubernetes_version: Some(format!("v{}", kubephase_model::release::REFERENCE.newest())),
        ..InitFlags::default()
    };
    let random = &mut |bytes: &mut [u8]| host.random(bytes);
    resolve_init(None, &flags, facts, &input::lookup_version, random, false, &mut Report::default())
}
