//! `config …`.

use clap::{ArgMatches, FromArgMatches};
use kubephase_model::component::Component;
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::{check_all, resolve_init};
use kubephase_model::config::{migrate, print};
use kubephase_model::images::images;
use kubephase_model::{File, Problem, Report, Severity};
use kubephase_node::Node;
use kubephase_render::yaml;
use serde_json::{Value, json};

use crate::args::config::{ConfigCommand, ImagesArgs, ImagesCommand, MigrateArgs, PrintCommand, ValidateArgs};
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
        ConfigCommand::Images(ImagesCommand::List(args)) => list_images(args, global),
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
    }
    if args.allow_deprecated_api {
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

fn list_images(args: ImagesArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let mut problems = Report::default();
    let documents: Option<Documents> =
        args.config.as_deref().map(|path| input::documents(&host, path, Command::Init, &mut problems));
    // As with kubeadm, the other flags do not count beside a file.
    let flags = match documents {
        Some(_) => InitFlags::default(),
        None => InitFlags {
            feature_gates: args.feature_gates,
            image_repository: args.image_repository,
            kubernetes_version: args.kubernetes_version,
            ..InitFlags::default()
        },
    };
    let cluster = match problems.has_errors() {
        true => None,
        false => {
            let random = &mut |bytes: &mut [u8]| host.random(bytes);
            resolve_init(
                documents.as_ref(),
                &flags,
                &host.facts(),
                &input::lookup_version,
                random,
                false,
                &mut problems,
            )
        }
    };
    let Some(cluster) = cluster else { return Err(problems.into()) };
    report::problems(&problems.problems, global);
    let list: Vec<String> = images(&cluster).into_iter().map(|image| image.reference).collect();
    let object = || json!({ "apiVersion": "output.kubeadm.k8s.io/v1alpha3", "kind": "Images", "images": list.clone() });
    out(&match global.output {
        Output::Text => list.iter().map(|image| format!("{image}\n")).collect(),
        Output::Json => format!("{:#}\n", object()),
        Output::Yaml => yaml(&object()),
    });
    Ok(())
}
