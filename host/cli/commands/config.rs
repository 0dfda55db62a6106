//! `config …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_model::component::Component;
use kubephase_model::config::load::Command;
use kubephase_model::config::resolve::check_all;
use kubephase_model::config::{migrate, print};
use kubephase_model::plugin::config::check_places;
use kubephase_model::{File, Problem, Report, Severity};
use kubephase_node::Node;
use kubephase_render::yaml;
use kubephase_workflow::init;
use serde_json::Value;

use super::images;
use crate::args::config::{ConfigCommand, ImagesCommand, MigrateArgs, PrintCommand, ValidateArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::printer::out;
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    let command = ConfigCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))?;
    match command {
        ConfigCommand::Print(command) => print(command),
        ConfigCommand::Validate(args) => validate(&args, global),
        ConfigCommand::Migrate(args) => migrate_file(&args, global),
        ConfigCommand::Images(ImagesCommand::List(args)) => images::list(&args, global),
        ConfigCommand::Images(ImagesCommand::Pull(args)) => images::pull(&args, global),
    }
}

fn stream(documents: &[Value]) -> String {
    documents.iter().map(yaml).collect::<Vec<_>>().join("---\n")
}

fn print(command: PrintCommand) -> Outcome {
    let documents = match command {
        PrintCommand::InitDefaults { component_configs } => {
            let mut problems = Report::default();
            let mut components = Vec::new();
            for kind in component_configs {
                match Component::ALL.into_iter().find(|component| component.kind() == kind) {
                    Some(component) => components.push(component),
                    None => problems.push(
                        Problem::error("--component-configs", format!("there is no component configuration `{kind}`"))
                            .hint("known ones: KubeProxyConfiguration, KubeletConfiguration"),
                    ),
                }
            }
            if problems.has_errors() {
                return Err(problems.into());
            }
            print::init_defaults(&components)
        }
        PrintCommand::JoinDefaults => vec![print::join_defaults(&Node::real().hostname())],
        PrintCommand::ResetDefaults => vec![print::reset_defaults()],
        PrintCommand::UpgradeDefaults => vec![print::upgrade_defaults()],
    };
    out(&stream(&documents));
    Ok(())
}

fn validate(args: &ValidateArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let mut problems = Report::default();
    let documents = input::documents(&host, &args.config, Command::Validate, &mut problems);
    if !problems.problems.iter().any(|problem| problem.severity == Severity::Error && !problem.strict) {
        let random = &mut |bytes: &mut [u8]| host.random(bytes);
        check_all(&documents, &host.facts(), &input::lookup_version, random, &mut problems);
        check_places(&documents, &init::workflow().paths(), &mut problems);
    }
    if args.allow_deprecated_api.unwrap_or_default() {
        problems.problems.retain(|problem| !problem.message.contains("deprecated"));
    }
    problems.make_strict();
    if problems.has_errors() {
        return Err(problems.into());
    }
    report::problems(&problems.problems, global);
    if global.output == Output::Text {
        out("ok\n");
    }
    Ok(())
}

fn migrate_file(args: &MigrateArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let mut problems = Report::default();
    let documents = input::documents(&host, &args.old_config, Command::Migrate, &mut problems);
    let mut migrated = Vec::new();
    if !problems.has_errors() {
        let random = &mut |bytes: &mut [u8]| host.random(bytes);
        migrated = migrate::migrate(&documents, &host.facts(), &input::lookup_version, random, &mut problems);
    }
    problems.make_strict();
    if problems.has_errors() {
        return Err(problems.into());
    }
    report::problems(&problems.problems, global);
    let text = stream(&migrated);
    match &args.new_config {
        None => out(&text),
        Some(path) => {
            host.ensure(&File::public(path.clone(), text)).map_err(|error| {
                let hint = error.hint().map(str::to_owned);
                Failure::machine(error, hint)
            })?;
        }
    }
    Ok(())
}
