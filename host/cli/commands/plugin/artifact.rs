//! `plugin lock|pull|push|keygen|sign|verify`: plugins as files and in registries.

use kubephase_artifact::{
    Artifact, ArtifactError, Claim, Location, LockError, Options, Origin, Package, Patience, PublicKey, Reference,
    Registry, SigningKey, TrustedKey as Trusted, lock as write_lock, look, obtain, sign as make_signature,
    signature_path, verify as judge,
};
use kubephase_model::plugin::config::{Registry as Reach, TrustRule, TrustedKey};
use kubephase_model::plugin::{PluginConfiguration, PluginEntry};
use kubephase_model::{File, Problem, Report, time};
use kubephase_node::Node;
use serde_json::{Value, json};

use super::{Told, configuration, list::show, on_bench};
use crate::args::plugin::{KeygenArgs, LockArgs, PullArgs, PushArgs, ReachArgs, SignArgs, VerifyArgs};
use crate::args::{Global, Output};
use crate::failure::{Failure, Outcome};
use crate::input::until_interrupted;
use crate::plugins::{self, Store};
use crate::printer::{err, out};

/// `plugin lock`.
pub fn lock(args: &LockArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let (configuration, _) = configuration(&host, Some(&args.config), global)?;
    let store = Store::of(Some(&args.get));
    let path = absolute(&args.config)?;
    let options = &store.options;
    // A node for looking: what would be written stays in memory.
    let scratch = kubephase_node::ScratchDir::new("kubephase-lock-").map_err(|error| Failure::machine(error, None))?;
    let node = if args.check { Node::dry_run(scratch.path()) } else { host };
    let locked = until_interrupted(async {
        write_lock(&node, &path, &configuration, options).await.map_err(|error| match error {
            LockError::Artifacts { errors, .. } => all(&configuration, errors),
            error => {
                let hint = error.hint();
                Failure::machine(error, hint)
            }
        })
    })?;
    let mut stale = 0;
    for locked in &locked {
        let now = locked.digest.to_string();
        let what = if locked.before == now {
            "unchanged".to_owned()
        } else {
            stale += 1;
            if locked.before.is_empty() { "new".to_owned() } else { format!("was {}", locked.before) }
        };
        let signer = locked.signer.as_ref().map(|signer| format!(", signed by {}", signer.key)).unwrap_or_default();
        out(&format!("{}  {now}  {what}{signer}\n", locked.plugin));
    }
    if args.check && stale > 0 {
        let error =
            format!("{stale} of {} digests in {} are not what their sources are now", locked.len(), args.config);
        let hint = Some("run `kubephase plugin lock` without --check, and look at what has changed".into());
        return Err(Failure::Machine { error: error.into(), hint, told: false });
    }
    Ok(())
}

/// Everything that could not be had, each with its place by name.
fn all(configuration: &PluginConfiguration, errors: Vec<ArtifactError>) -> Failure {
    let problem = |error: ArtifactError| {
        let index = configuration.plugins.iter().position(|entry| entry.name == error.plugin).unwrap_or_default();
        let problem = Problem::error(format!("plugins[{index}].source"), plugins::chain(&error));
        error.hint().into_iter().fold(problem, Problem::hint)
    };
    Failure::Input(Report { problems: errors.into_iter().map(problem).collect() })
}

/// `plugin pull`.
pub fn pull(args: &PullArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let (mut configuration, _) = configuration(&host, args.which.config.as_deref(), global)?;
    let store = Store::of(Some(&args.get));
    let entries: Vec<PluginEntry> = match &args.source {
        None => configuration.plugins.clone(),
        Some(source) => {
            reach(&mut configuration, source, &args.reach);
            vec![PluginEntry { name: source.clone(), source: source.clone(), ..PluginEntry::default() }]
        }
    };
    let mut pulled: Vec<Value> = Vec::new();
    let mut failed = Vec::new();
    until_interrupted(async {
        for entry in &entries {
            // What is asked for by name on this command line needs no pin: its digest is told.
            let got = if args.source.is_some() {
                look(&host, entry, &configuration, &store.options).await
            } else {
                obtain(&host, entry, &configuration, &store.options).await
            };
            match got {
                Ok(artifact) => {
                    if let Some(why) = &artifact.not_kept {
                        err(&format!("! {} is not kept for the next time: {why}\n", entry.name));
                    }
                    if let Some(file) = &args.file {
                        keep(&host, file, &artifact)?;
                    }
                    pulled.push(told(entry, &artifact));
                }
                Err(error) => failed.push(error),
            }
        }
        Ok(())
    })?;
    match global.output {
        Output::Text => {
            for plugin in &pulled {
                let word = |name: &str| plugin[name].as_str().unwrap_or_default().to_owned();
                out(&format!("{}  {}  from {}\n", word("name"), word("digest"), word("from")));
            }
        }
        Output::Json | Output::Yaml => show(&json!({ "plugins": pulled }), global),
    }
    if failed.is_empty() { Ok(()) } else { Err(all(&configuration, failed)) }
}

fn told(entry: &PluginEntry, artifact: &Artifact) -> Value {
    let from = match &artifact.from {
        Origin::Cache => "the cache".to_owned(),
        Origin::File(path) => path.clone(),
        Origin::Registry(_) => "its registry".to_owned(),
    };
    json!({
        "name": entry.name,
        "source": entry.source,
        "digest": artifact.digest.to_string(),
        "size": artifact.bytes.len(),
        "signer": artifact.signer.as_ref().map(|signer| &signer.key),
        "from": from,
    })
}

/// Writes a component and, if it has any, its signatures beside it.
fn keep(host: &Node, file: &str, artifact: &Artifact) -> Outcome {
    let path = absolute(file)?;
    let mut files = vec![File::public(path.as_str(), artifact.bytes.clone())];
    if !artifact.signatures.is_empty() {
        files.push(File::public(signature_path(&path), artifact.signatures.clone()));
    }
    write(host, &files)
}

/// `plugin push`.
pub fn push(args: &PushArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let location = location(&args.target)?;
    let told = Told::new(global);
    let store = Store::of(None);
    let component = read(&host, &args.file)?;
    let signatures = read_if_there(&host, &signature_path(&args.file))?;
    let mut configuration = PluginConfiguration::default();
    reach(&mut configuration, &args.target, &args.reach);
    let pushed = until_interrupted(async {
        let bench = on_bench(component.clone(), &store, &args.file, &told).await?;
        let description = bench.description();
        let attributes = description.attributes.iter();
        let annotations = attributes
            .filter_map(|(name, value)| {
                let known = ["authors", "documentation", "source"].contains(&name.as_str());
                let name = if name == "license" { "licenses" } else { name.as_str() };
                (known || name == "licenses").then(|| (format!("org.opencontainers.image.{name}"), value.clone()))
            })
            .collect();
        let package = Package {
            component,
            name: description.name.clone(),
            version: description.version.clone(),
            about: description.about.clone(),
            imports: bench.imports().to_vec(),
            exports: bench.kinds().iter().map(|kind| format!("kubephase:plugin/{}@0.1.0", kind.name())).collect(),
            annotations,
        };
        let registry =
            Registry::open(&host, &location.host, &configuration, "", Patience::default()).map_err(registry_failure)?;
        let pushed = registry.push(&location, &package).await.map_err(registry_failure)?;
        if let Some(signatures) = &signatures {
            registry.attach(&location, &pushed, signatures).await.map_err(registry_failure)?;
        }
        Ok(pushed)
    })?;
    match global.output {
        Output::Text => {
            let signed = if signatures.is_some() { "with its signature" } else { "unsigned" };
            out(&format!("pushed {location} ({signed})\ndigest: {}\n", pushed.component));
        }
        Output::Json | Output::Yaml => show(
            &json!({
                "target": args.target,
                "digest": pushed.component.to_string(),
                "manifest": pushed.manifest.to_string(),
                "signed": signatures.is_some(),
            }),
            global,
        ),
    }
    Ok(())
}

fn registry_failure(error: kubephase_artifact::RegistryError) -> Failure {
    let hint = error.hint();
    Failure::machine(error, hint)
}

/// `plugin keygen`.
pub fn keygen(args: &KeygenArgs) -> Outcome {
    let host = Node::real();
    let (private, public) = (absolute(&format!("{}.key", args.name))?, absolute(&format!("{}.pub", args.name))?);
    for path in [&private, &public] {
        if host.exists(path) {
            let problem = Problem::error("NAME", format!("{path} is there already"));
            return Err(
                Report { problems: vec![problem.hint("a key is never written over: choose another name")] }.into()
            );
        }
    }
    let key = SigningKey::generate();
    write(
        &host,
        &[File::secret(private.as_str(), key.to_pem()), File::public(public.as_str(), key.public().to_pem())],
    )?;
    out(&format!("{private}\n{public}\n"));
    err(
        "keep the first one to yourself, best on a machine without a network; give the second one to who is to trust you\n",
    );
    Ok(())
}

/// `plugin sign`.
pub fn sign(args: &SignArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let key = SigningKey::from_pem(&read(&host, &args.key)?).map_err(|error| {
        let problem = Problem::error("--key", format!("cannot use {}: {error}", args.key));
        Report { problems: vec![problem.hint(error.hint())] }
    })?;
    if let Some(expires) = &args.expires
        && time::parse_rfc3339(expires).is_none()
    {
        let problem = Problem::error("--expires", format!("`{expires}` is no RFC 3339 time"));
        return Err(Report { problems: vec![problem.hint("write it like 2027-12-31T00:00:00Z")] }.into());
    }
    let component = read(&host, &args.file)?;
    let told = Told::new(global);
    let store = Store::of(None);
    let claim = until_interrupted(async {
        // Name and version are its own: what is signed is what will be read.
        let bench = on_bench(component.clone(), &store, &args.file, &told).await?;
        let description = bench.description();
        let mut claim = Claim::of(&component, &description.name, &description.version);
        claim.created = Some(time::rfc3339(host.now()));
        claim.expires.clone_from(&args.expires);
        Ok(claim)
    })?;
    let path = absolute(&args.signature.clone().unwrap_or_else(|| signature_path(&args.file)))?;
    let before = read_if_there(&host, &path)?.unwrap_or_default();
    let signatures = kubephase_artifact::merge(&[&before, &make_signature(&key, &claim)]);
    write(&host, &[File::public(path.as_str(), signatures)])?;
    out(&format!("signed {} {} ({}) in {path}\n", claim.name, claim.version, claim.digest));
    Ok(())
}

/// `plugin verify`.
pub fn verify(args: &VerifyArgs, global: &Global) -> Outcome {
    let host = Node::real();
    let (mut configuration, _) = configuration(&host, args.which.config.as_deref(), global)?;
    let store = Store::of(Some(&args.get));
    if let (Some(key), Some(signature)) = (&args.key, &args.signature) {
        return verify_file(&host, &args.plugin, key, signature, global);
    }
    reach(&mut configuration, &args.plugin, &args.reach);
    if let Some(key) = &args.key {
        let key = TrustedKey { name: key.clone(), public_key_file: key.clone(), ..TrustedKey::default() };
        configuration.trust = vec![TrustRule { keys: vec![key], ..TrustRule::default() }];
    }
    let known = configuration.plugins.iter().find(|entry| entry.name == args.plugin).cloned();
    let entry = known.unwrap_or_else(|| PluginEntry {
        name: args.plugin.clone(),
        source: args.plugin.clone(),
        ..PluginEntry::default()
    });
    let options = Options { ..store.options };
    let artifact = until_interrupted(async {
        let got = look(&host, &entry, &configuration, &options).await;
        got.map_err(plugins::failure)
    })?;
    let Some(signer) = artifact.signer else {
        let error = format!("no rule of `trust` asks for a signature of `{}`", args.plugin);
        let hint = "name the key that should have signed it with --key, or add a rule";
        return Err(Failure::Machine { error: error.into(), hint: Some(hint.into()), told: false });
    };
    verified(&args.plugin, &artifact.digest.to_string(), &signer.key, &signer.name, &signer.version, global);
    Ok(())
}

fn verify_file(host: &Node, component: &str, key: &str, signature: &str, global: &Global) -> Outcome {
    let public = PublicKey::from_pem(&read(host, key)?).map_err(|error| {
        let problem = Problem::error("--key", format!("cannot use {key}: {error}"));
        Report { problems: vec![problem.hint(error.hint())] }
    })?;
    let digest = kubephase_artifact::Digest::of(&read(host, component)?);
    let trusted = Trusted { name: key.to_owned(), key: public, not_after: None };
    let signer = judge(&read(host, signature)?, &digest, &[trusted], host.now()).map_err(|error| {
        let hint = Some(error.hint().to_owned());
        Failure::machine(error, hint)
    })?;
    verified(component, &digest.to_string(), &signer.key, &signer.name, &signer.version, global);
    Ok(())
}

fn verified(what: &str, digest: &str, key: &str, name: &str, version: &str, global: &Global) {
    match global.output {
        Output::Text => {
            let named = if name.is_empty() { String::new() } else { format!(" as {name} {version}") };
            out(&format!("{what} ({digest}) was signed{named} with {key}\n"));
        }
        Output::Json | Output::Yaml => {
            show(&json!({ "plugin": what, "digest": digest, "key": key, "name": name, "version": version }), global)
        }
    }
}

/// Has the configuration say how the registry of a source is reached, if flags say so.
fn reach(configuration: &mut PluginConfiguration, source: &str, args: &ReachArgs) {
    let Ok(Reference::Registry(location)) = source.parse() else { return };
    if args.ca_file.is_none() && !args.plain_http {
        return;
    }
    configuration.registries.retain(|registry| registry.host != location.host);
    configuration.registries.push(Reach {
        host: location.host,
        ca_file: args.ca_file.clone().unwrap_or_default(),
        plain_http: args.plain_http,
    });
}

fn location(target: &str) -> Result<Location, Failure> {
    let problem = |message: String| {
        let problem = Problem::error("TARGET", message).hint("such as `oci://registry.example/team/my-plugin:1.0.0`");
        Failure::from(Report { problems: vec![problem] })
    };
    match target.parse() {
        Ok(Reference::Registry(location)) => Ok(location),
        Ok(Reference::Path(_)) => Err(problem(format!("`{target}` is no place in a registry"))),
        Err(error) => Err(problem(format!("`{target}`: {error}"))),
    }
}

fn absolute(path: &str) -> Result<String, Failure> {
    let path = std::path::absolute(path).map_err(|error| Failure::machine(error, None))?;
    Ok(path.to_string_lossy().into_owned())
}

fn read(host: &Node, path: &str) -> Result<Vec<u8>, Failure> {
    read_if_there(host, path)?.ok_or_else(|| {
        Failure::from(Report { problems: vec![Problem::error("", format!("the file `{path}` does not exist"))] })
    })
}

fn read_if_there(host: &Node, path: &str) -> Result<Option<Vec<u8>>, Failure> {
    host.read(path).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })
}

fn write(host: &Node, files: &[File]) -> Outcome {
    host.ensure_all(files).map(drop).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        Failure::machine(error, hint)
    })
}
