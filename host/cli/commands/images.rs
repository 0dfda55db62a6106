//! `images …` and `config images …`: which images are meant, and what came of pulling, bundling and loading them.

use clap::{ArgMatches, FromArgMatches};
use futures_util::future::join_all;
use kubephase_artifact::{Artifact, obtain};
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{Command, Documents};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::images::images;
use kubephase_model::plugin::config::{Digests, resolve};
use kubephase_model::{Cluster, Problem, Report};
use kubephase_node::Node;
use kubephase_render::yaml;
use kubephase_workflow::images::{self as work, Bundle, Carried, ImagesError, Load, NamedImage, PullRequest};
use serde_json::{Value, json};

use crate::args::config::{ListArgs, PullArgs};
use crate::args::images::{BundleArgs, ImagesCommand, LoadArgs, WantedArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::plugins::{self, Store};
use crate::printer::{out, transfer};
use crate::{input, report};

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    match ImagesCommand::from_arg_matches(matches).map_err(|error| Failure::Bug(error.to_string()))? {
        ImagesCommand::Bundle(args) => bundle(&args, global),
        ImagesCommand::Load(args) => load(&args, global),
    }
}

/// `config images list`.
pub fn list(args: &ListArgs, global: &Global) -> Outcome {
    let list = Wanted::of(&args.wanted, None, false, global)?.references();
    let object = || json!({ "apiVersion": "output.kubeadm.k8s.io/v1alpha3", "kind": "Images", "images": list.clone() });
    out(&match global.output {
        Output::Text => list.iter().map(|image| format!("{image}\n")).collect(),
        Output::Json => format!("{:#}\n", object()),
        Output::Yaml => yaml(&object()),
    });
    Ok(())
}

/// `config images pull`.
pub fn pull(args: &PullArgs, global: &Global) -> Outcome {
    let wanted = Wanted::of(&args.wanted, args.cri_socket.as_deref(), true, global)?;
    let request = PullRequest {
        socket: wanted.cluster.node().cri_socket.clone(),
        images: wanted.references(),
        serial: wanted.serial,
    };
    let node = Node::real();
    let progress = transfer::pulls(global);
    until_interrupted(
        work::pull(&node, &request, &*progress),
        "what has been pulled stays; the same command again goes on",
    )
}

fn bundle(args: &BundleArgs, global: &Global) -> Outcome {
    let wanted = Wanted::of(&args.wanted, args.cri_socket.as_deref(), false, global)?;
    let node = Node::real();
    let request = Bundle {
        socket: wanted.cluster.node().cri_socket.clone(),
        images: wanted.references(),
        output: args.file.clone(),
        platforms: args.platforms(),
        plugins: carried(&node, wanted.documents.as_ref())?,
    };
    let bytes = transfer::Bytes::new(global);
    let progress = |progress| bytes.tell(progress);
    let done = until_interrupted(work::bundle(&node, &request, &progress), "no file was written");
    drop(bytes);
    let done = done?;
    let facts = json!({
        "event": "bundled", "file": done.file, "digest": done.digest, "size": done.size, "blobs": done.blobs,
        "images": named(&done.images), "plugins": named_plugins(&request.plugins),
    });
    let text = format!(
        "{}: {} images, {}{} blobs, {}, {}",
        done.file,
        done.images.len(),
        counted(&request.plugins),
        done.blobs,
        transfer::size(done.size),
        done.digest
    );
    result(&done.images, &request.plugins, &facts, &text, global);
    Ok(())
}

/// The plugins of a configuration, verified as if they were to be used. Without digests they could not be found again.
fn carried(node: &Node, documents: Option<&Documents>) -> Result<Vec<Carried>, Failure> {
    let mut problems = Report::default();
    let configuration = &resolve(documents, Digests::Required, &mut problems);
    if problems.has_errors() {
        return Err(problems.into());
    }
    let options = Store::of(None).options;
    let entries = configuration.plugins.iter().filter(|entry| entry.enabled != "never");
    let obtained = input::until_interrupted(async {
        let options = &options;
        Ok(join_all(entries.map(|entry| async move { (entry, obtain(node, entry, configuration, options).await) }))
            .await)
    })?;
    let mut carried = Vec::new();
    for (entry, artifact) in obtained {
        match artifact {
            Ok(Artifact { bytes, signatures, .. }) => {
                carried.push(Carried { name: entry.name.clone(), component: bytes, signatures });
            }
            Err(error) => {
                let problem = Problem::error("", plugins::chain(&error));
                problems.push(error.hint().into_iter().fold(problem, Problem::hint));
            }
        }
    }
    if problems.has_errors() { Err(problems.into()) } else { Ok(carried) }
}

/// Puts the plugins of a bundle where `init` and `join` find them without a network.
fn keep(node: &Node, plugins: &[Carried]) -> Outcome {
    let Some(cache) = Store::of(None).options.cache.filter(|_| !plugins.is_empty()) else { return Ok(()) };
    for plugin in plugins {
        cache.store(node, &plugin.component, &plugin.signatures).map_err(|error| {
            let hint = error.hint();
            Failure::machine(error, hint)
        })?;
    }
    Ok(())
}

fn load(args: &LoadArgs, global: &Global) -> Outcome {
    let request = Load { socket: args.cri_socket.clone(), file: args.file.clone(), platforms: args.platforms() };
    let node = Node::real();
    let bytes = transfer::Bytes::new(global);
    let progress = |progress| bytes.tell(progress);
    // It cleans up by itself when it is interrupted.
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let done = runtime.block_on(work::load(&node, &request, interrupt, &progress)).map_err(failure);
    drop(bytes);
    let done = done?;
    keep(&node, &done.plugins)?;
    let facts = json!({
        "event": "loaded", "file": request.file, "blobs": done.blobs, "newBlobs": done.new,
        "images": named(&done.images), "unnoticed": done.unnoticed, "plugins": named_plugins(&done.plugins),
    });
    let text = format!(
        "{}: {} images, {}{} blobs, {} of them new",
        request.file,
        done.images.len(),
        counted(&done.plugins),
        done.blobs,
        done.new
    );
    result(&done.images, &done.plugins, &facts, &text, global);
    if !done.unnoticed.is_empty() && global.output == Output::Text {
        let names = done.unnoticed.join(", ");
        crate::printer::err(&format!(
            "! containerd has not shown these to the kubelet yet: {names}; see `crictl images`, restart containerd\n"
        ));
    }
    Ok(())
}

/// Runs to the end, or until Ctrl-C; then what it was at is dropped.
fn until_interrupted<T>(work: impl Future<Output = Result<T, ImagesError>>, state: &'static str) -> Result<T, Failure> {
    let runtime = input::runtime().map_err(|error| Failure::machine(error, None))?;
    let done = runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(ImagesError::Interrupted { state }),
        }
    });
    done.map_err(failure)
}

fn failure(error: ImagesError) -> Failure {
    let hint = error.hint();
    Failure::machine(error, hint)
}

fn result(images: &[NamedImage], plugins: &[Carried], facts: &Value, text: &str, global: &Global) {
    if global.output == Output::Json {
        return out(&format!("{facts}\n"));
    }
    let images = images.iter().map(|image| (image.name.clone(), image.digest.clone()));
    let plugins = plugins.iter().map(|plugin| (format!("plugin {}", plugin.name), plugin.digest()));
    let all: Vec<(String, String)> = images.chain(plugins).collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: String = all.iter().map(|(name, digest)| format!("{name:width$}  {digest}\n")).collect();
    out(&format!("{lines}{text}\n"));
}

fn named(images: &[NamedImage]) -> Vec<Value> {
    images.iter().map(|image| json!({ "name": image.name, "digest": image.digest })).collect()
}

fn named_plugins(plugins: &[Carried]) -> Vec<Value> {
    plugins.iter().map(|plugin| json!({ "name": plugin.name, "digest": plugin.digest() })).collect()
}

/// How many plugins there are, if there are any.
fn counted(plugins: &[Carried]) -> String {
    if plugins.is_empty() { String::new() } else { format!("{} plugins, ", plugins.len()) }
}

/// What the user wants, as far as images go.
struct Wanted {
    cluster: Cluster,
    /// What the plugins of the file bring along.
    more: Vec<String>,
    /// The file asks for one pull at a time. That is also kubeadm's default, but nobody has chosen it.
    serial: bool,
    documents: Option<Documents>,
}

impl Wanted {
    /// Every image, each once: the cluster's own, then those of plugins.
    fn references(&self) -> Vec<String> {
        let mut all: Vec<String> = images(&self.cluster).into_iter().map(|image| image.reference).collect();
        for image in &self.more {
            if !all.contains(image) {
                all.push(image.clone());
            }
        }
        all
    }

    fn of(args: &WantedArgs, cri_socket: Option<&str>, detect: bool, global: &Global) -> Result<Self, Failure> {
        let host = Node::real();
        let mut problems = Report::default();
        let documents: Option<Documents> =
            args.config.as_deref().map(|path| input::documents(&host, path, Command::Init, &mut problems));
        // As with kubeadm, the other flags do not count beside a file.
        let flags = match documents {
            Some(_) => InitFlags::default(),
            None => InitFlags {
                feature_gates: args.feature_gates.clone(),
                image_repository: args.image_repository.clone(),
                kubernetes_version: args.kubernetes_version.clone(),
                cri_socket: cri_socket.map(str::to_owned),
                ..InitFlags::default()
            },
        };
        let cluster = match problems.has_errors() {
            true => None,
            false => resolve_init(
                documents.as_ref(),
                &flags,
                &host.facts(),
                &input::lookup_version,
                &mut |bytes: &mut [u8]| host.random(bytes),
                detect,
                &mut problems,
            ),
        };
        let Some(cluster) = cluster else { return Err(problems.into()) };
        report::problems(&problems.problems, global);
        let init = documents.as_ref().and_then(|documents| documents.init.as_ref());
        let serial = init.is_some_and(|init| init.node_registration.image_pull_serial == Some(true));
        let more = plugins::images(&cluster, documents.as_ref(), &host, global)?;
        Ok(Self { cluster, more, serial, documents })
    }
}
