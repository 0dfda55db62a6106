//! `token …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_model::config::load::Command;
use kubephase_model::config::tokens::{TokenFlags, generate, resolve_tokens};
use kubephase_model::config::v1beta4::BootstrapToken;
use kubephase_model::{Problem, Report};
use kubephase_node::{Node, ScratchDir};
use kubephase_render::kubeconfig::Kubeconfig;
use kubephase_render::yaml;
use kubephase_workflow::join_command::JoinCommand;
use kubephase_workflow::token::{self, TokenError};
use kubephase_workflow::{PhaseError, cluster};

use crate::args::token::{ClusterArgs, CreateArgs, DeleteArgs, TokenCommand};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::{err, out};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let bug = |error: clap::Error| Failure::Bug(error.to_string());
    let command = TokenCommand::from_arg_matches(matches).map_err(bug)?;
    // Flags of every sub-command may stand before it or behind it.
    let deepest = matches.subcommand().map_or(matches, |(_, deepest)| deepest);
    let at = ClusterArgs::from_arg_matches(deepest).map_err(bug)?;
    match command {
        TokenCommand::Generate => {
            let host = Node::real();
            out(&format!("{}\n", generate(&mut |bytes| host.random(bytes))));
            Ok(())
        }
        TokenCommand::Create(args) => create(args, &at, global),
        TokenCommand::List(_) => list(&at, global),
        TokenCommand::Delete(args) => delete(&args, &at),
    }
}

/// The machine on which, or in a dry run as if on which, this happens.
struct Place {
    node: Node,
    kubeconfig: String,
    _scratch: Option<ScratchDir>,
}

impl Place {
    fn new(args: &ClusterArgs, dry_run: bool) -> Result<Self, Failure> {
        let host = Node::real();
        let kubeconfig = cluster::find_kubeconfig(&host, args.kubeconfig.as_deref());
        if !dry_run {
            return Ok(Self { node: host, kubeconfig, _scratch: None });
        }
        let scratch = ScratchDir::new("kubephase-token-").map_err(|error| Failure::machine(error, None))?;
        Ok(Self { node: Node::dry_run(scratch.path()), kubeconfig, _scratch: Some(scratch) })
    }

    /// The command to join with as the kubeconfig file has it, but for the token.
    fn join_command(&self) -> Result<JoinCommand, PhaseError> {
        let path = self.kubeconfig.as_str();
        let bytes = self.node.read(path)?.ok_or_else(|| PhaseError::NoKubeconfig { path: path.to_owned() })?;
        let kubeconfig =
            Kubeconfig::parse(&bytes).map_err(|source| PhaseError::Kubeconfig { path: path.to_owned(), source })?;
        JoinCommand::of(&kubeconfig, path, |file| self.node.read(file).ok().flatten())
    }
}

fn create(args: CreateArgs, at: &ClusterArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let mut problems = Report::default();
    let documents = args.config.as_deref().map(|path| input::documents(&host, path, Command::Init, &mut problems));
    let whole = args.print_join_command();
    if args.certificate_key.is_some() && !whole {
        problems.push(
            Problem::error("--certificate-key", "it is only for the command to join with")
                .hint("add `--print-join-command`, or leave the key out"),
        );
    }
    let flags = TokenFlags {
        token: args.token,
        description: args.description,
        groups: args.groups,
        usages: args.usages,
        ttl: args.ttl,
        certificate_key: args.certificate_key.clone(),
    };
    let random = &mut |bytes: &mut [u8]| host.random(bytes);
    let tokens = resolve_tokens(documents.as_ref(), &flags, random, &mut problems);
    let (Some(tokens), false) = (tokens, problems.has_errors()) else { return Err(problems.into()) };
    report::problems(&problems.problems, global);

    let place = Place::new(at, at.dry_run.unwrap_or(false))?;
    // What cannot be printed afterwards is found out before anything is created.
    let join = whole.then(|| place.join_command()).transpose().map_err(phase_error)?;
    let mut created = Vec::new();
    let done = input::until_interrupted(async {
        let api = cluster::connect(&place.node, &place.kubeconfig).map_err(phase_error)?;
        let note = |token: &BootstrapToken| created.push(token.token.clone());
        token::create(&api, &tokens, place.node.now(), note).await.map_err(token_error)
    });
    if place.node.is_dry_run() && done.is_ok() {
        err("a dry run: the cluster does not know this token\n");
    }
    // As with kubeadm the first stands for all. After a failure it is told which are in the cluster: some may have been
    // drawn, and are known to nobody else.
    if done.is_ok() {
        created.truncate(1);
    }
    for token in created {
        let text = match join.clone() {
            None => token,
            Some(join) => {
                let join = join.with_token(&token);
                let key = args.certificate_key.clone();
                if key.is_some() { join.for_control_plane(key) } else { join }.to_text(true)
            }
        };
        out(&format!("{text}\n"));
    }
    done
}

fn list(at: &ClusterArgs, global: &Global) -> Outcome {
    // Nothing is changed, so a dry run is no different; and what it cannot read it must not take for nothing.
    let place = Place::new(at, false)?;
    let found = input::until_interrupted(async {
        let api = cluster::connect(&place.node, &place.kubeconfig).map_err(phase_error)?;
        token::list(&api).await.map_err(|error| token_error(error.into()))
    })?;
    let odd = found.malformed.iter().map(|bad| Problem::warning("", bad.to_string()).hint(bad.hint()));
    // On standard error whatever the format: the documents are all that is data here.
    report::problems(&odd.collect::<Vec<_>>(), &Global { output: Output::Text, ..global.clone() });
    out(&match global.output {
        Output::Text => token::table(&found.tokens, place.node.now()),
        Output::Json => token::json(&found.tokens),
        Output::Yaml => {
            found.tokens.iter().map(|token| yaml(&token::document(token))).collect::<Vec<_>>().join("---\n")
        }
    });
    Ok(())
}

fn delete(args: &DeleteArgs, at: &ClusterArgs) -> Outcome {
    let mut problems = Report::default();
    let ids = token::ids(&args.tokens, &mut problems);
    if problems.has_errors() {
        return Err(problems.into());
    }
    let place = Place::new(at, at.dry_run.unwrap_or(false))?;
    let did = if place.node.is_dry_run() { "would be deleted" } else { "deleted" };
    let missing = input::until_interrupted(async {
        let api = cluster::connect(&place.node, &place.kubeconfig).map_err(phase_error)?;
        let mut missing = Vec::new();
        for id in &ids {
            if token::delete(&api, id).await.map_err(|error| token_error(error.into()))? {
                out(&format!("bootstrap token \"{id}\" {did}\n"));
            } else {
                missing.push(id.clone());
            }
        }
        Ok(missing)
    })?;
    if missing.is_empty() { Ok(()) } else { Err(token_error(TokenError::Missing(missing))) }
}

fn token_error(error: TokenError) -> Failure {
    let hint = error.hint();
    Failure::machine(error, hint)
}

fn phase_error(error: PhaseError) -> Failure {
    let hint = error.hint().map(String::from);
    Failure::machine(error, hint)
}
