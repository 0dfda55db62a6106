//! What came and went between versions of CoreDNS, as far as a Corefile has to change for it. A new change is an entry;
//! newer versions without an entry change nothing.

use super::Version;
use super::syntax::{Block, Corefile, Line};

/// Changes a Corefile; says whether it had to. An error says what has no successor.
type Apply = fn(&mut Corefile) -> Result<bool, String>;

struct Change {
    /// First version that it is so in.
    version: Version,
    /// What it is, for humans.
    what: &'static str,
    /// Whether CoreDNS refuses the old form, or expects the new one. Otherwise it only ignores something, which is
    /// taken out if the Corefile is migrated anyway.
    needed: bool,
    apply: Apply,
}

const fn needed(version: (u64, u64, u64), what: &'static str, apply: Apply) -> Change {
    Change { version: Version(version.0, version.1, version.2), what, needed: true, apply }
}

const fn ignored(version: (u64, u64, u64), what: &'static str, apply: Apply) -> Change {
    Change { needed: false, ..needed(version, what, apply) }
}

/// Every change, oldest first.
const CHANGES: &[Change] = &[
    needed((1, 2, 0), "protocol `https_google` of `proxy` was removed", |corefile| {
        remove_options(corefile, "proxy", |option| {
            option.name() == "protocol" && option.args().first().is_some_and(|protocol| protocol == "https_google")
        })
    }),
    needed((1, 2, 1), "plugin `loop` is a default", |corefile| {
        add_plugin(corefile, "loop", |server| server.has("forward") || server.has("proxy"))
    }),
    ignored((1, 4, 0), "all but the first address of option `endpoint` of `kubernetes` is ignored", |corefile| {
        let mut changed = false;
        for plugin in corefile.plugins_mut("kubernetes") {
            let options = plugin.block.iter_mut().flat_map(|block| &mut block.lines);
            for option in options.filter(|option| option.name() == "endpoint") {
                changed |= option.args().len() > 1;
                option.words.truncate(2);
            }
        }
        Ok(changed)
    }),
    ignored((1, 5, 0), "option `upstream` of `kubernetes` is ignored", |corefile| {
        remove_options(corefile, "kubernetes", |option| option.name() == "upstream")
    }),
    needed((1, 5, 0), "plugin `ready` is a default", |corefile| {
        add_plugin(corefile, "ready", |server| server.has("kubernetes"))
    }),
    needed((1, 5, 0), "plugin `proxy` was replaced by `forward`", proxy_to_forward),
    ignored((1, 6, 0), "option `resyncperiod` of `kubernetes` is ignored", |corefile| {
        remove_options(corefile, "kubernetes", |option| option.name() == "resyncperiod")
    }),
    needed((1, 6, 5), "option `lameduck` of `health` is a default", |corefile| {
        add_option(corefile, "health", &["lameduck", "5s"])
    }),
    needed((1, 7, 0), "options `upstream` and `resyncperiod` of `kubernetes` were removed", |corefile| {
        remove_options(corefile, "kubernetes", |option| matches!(option.name(), "upstream" | "resyncperiod"))
    }),
    needed((1, 7, 0), "option `max_concurrent` of `forward` is a default", |corefile| {
        add_option(corefile, "forward", &["max_concurrent", "1000"])
    }),
    needed((1, 7, 0), "plugin `federation` was removed", |corefile| match corefile.plugins_mut("federation").next() {
        Some(_) => Err("plugin `federation` was removed in CoreDNS 1.7.0 and has no successor".to_owned()),
        None => Ok(false),
    }),
    needed((1, 8, 0), "option `transfer` of `kubernetes` became a plugin", transfer_option_to_plugin),
];

/// The Corefile for `new`, and what is different; `None` if nothing has to be.
pub(super) fn apply(corefile: Corefile, old: Version, new: Version) -> Result<Option<(Corefile, Vec<String>)>, String> {
    let changes = || CHANGES.iter().filter(|change| old < change.version && change.version <= new);
    let run = |needed_only: bool| -> Result<_, String> {
        let mut corefile = corefile.clone();
        let mut said = Vec::new();
        for change in changes().filter(|change| change.needed || !needed_only) {
            if (change.apply)(&mut corefile)? {
                said.push(format!("CoreDNS {}: {}", change.version, change.what));
            }
        }
        Ok((corefile, said))
    };
    // What is only ignored would hide what was removed later.
    if run(true)?.1.is_empty() { Ok(None) } else { run(false).map(Some) }
}

fn remove_options(corefile: &mut Corefile, plugin: &str, wanted: fn(&Line) -> bool) -> Result<bool, String> {
    let mut changed = false;
    for plugin in corefile.plugins_mut(plugin) {
        let Some(block) = &mut plugin.block else { continue };
        let before = block.lines.len();
        block.lines.retain(|option| !wanted(option));
        changed |= block.lines.len() < before;
        if *block == Block::default() {
            plugin.block = None;
        }
    }
    Ok(changed)
}

fn add_option(corefile: &mut Corefile, plugin: &str, option: &[&str]) -> Result<bool, String> {
    let mut changed = false;
    for plugin in corefile.plugins_mut(plugin).filter(|plugin| !plugin.has(option[0])) {
        plugin.lines_mut().push(Line::new(option));
        changed = true;
    }
    Ok(changed)
}

fn add_plugin(corefile: &mut Corefile, name: &str, wanted: fn(&Line) -> bool) -> Result<bool, String> {
    let mut changed = false;
    for server in corefile.servers_mut().iter_mut().filter(|server| wanted(server) && !server.has(name)) {
        server.lines_mut().push(Line::new(&[name]));
        changed = true;
    }
    Ok(changed)
}

/// `forward` may stand only once in a server, `proxy` could stand there for every zone: each further zone gets a server
/// of its own.
fn proxy_to_forward(corefile: &mut Corefile) -> Result<bool, String> {
    let mut changed = false;
    for proxy in corefile.plugins_mut("proxy") {
        changed = true;
        "forward".clone_into(&mut proxy.words[0]);
        let Some(block) = &mut proxy.block else { continue };
        block.lines = std::mem::take(&mut block.lines)
            .into_iter()
            .map(forward_option)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        if *block == Block::default() {
            proxy.block = None;
        }
    }
    let mut servers = Vec::new();
    for server in corefile.servers_mut() {
        let is_stub =
            |plugin: &Line| plugin.name() == "forward" && plugin.args().first().is_some_and(|zone| zone != ".");
        if server.lines().iter().filter(|plugin| plugin.name() == "forward").count() < 2 {
            continue;
        }
        if server.words != ["."] && server.words != [".:53"] {
            return Err(format!("several `proxy` in server `{}` cannot be told apart", server.words.join(" ")));
        }
        let plugins = std::mem::take(server.lines_mut());
        let (stubs, others): (Vec<Line>, Vec<Line>) = plugins.into_iter().partition(is_stub);
        *server.lines_mut() = others;
        servers.extend(stubs.into_iter().map(stub_server));
    }
    corefile.servers_mut().append(&mut servers);
    Ok(changed)
}

/// The server for a zone that `forward` sends elsewhere.
fn stub_server(mut forward: Line) -> Line {
    let zone = std::mem::replace(&mut forward.words[1], ".".to_owned());
    let mut server = Line { before: vec![String::new()], ..Line::new(&[&zone]) };
    *server.lines_mut() = vec![forward, Line::new(&["loop"]), Line::new(&["errors"]), Line::new(&["cache", "30"])];
    server
}

/// An option of `proxy` as `forward` has it; `None` if it has nothing like it and does without.
fn forward_option(mut option: Line) -> Result<Option<Line>, String> {
    let args = option.args();
    let first = args.first().map_or("", String::as_str);
    Ok(match (option.name(), first) {
        ("policy", "first") => {
            "sequential".clone_into(&mut option.words[1]);
            Some(option)
        }
        ("policy", "least_conn") | ("fail_timeout" | "max_fails" | "health_check" | "spray", _) => None,
        ("protocol", "dns") if args.iter().any(|arg| arg == "force_tcp") => {
            option.words = vec!["force_tcp".to_owned()];
            Some(option)
        }
        ("protocol", "dns") => None,
        ("protocol", other) => return Err(format!("`forward` does not speak protocol `{other}`, as `proxy` did")),
        _ => Some(option),
    })
}

/// Zone transfers of the cluster's zone: `transfer to …` in `kubernetes` becomes `transfer ZONE { to … }` beside it.
fn transfer_option_to_plugin(corefile: &mut Corefile) -> Result<bool, String> {
    let mut changed = false;
    for server in corefile.servers_mut() {
        let mut transfers = Vec::new();
        for plugin in server.block.iter_mut().flat_map(|block| &mut block.lines).filter(|p| p.name() == "kubernetes") {
            let Some(block) = &mut plugin.block else { continue };
            let (options, others): (Vec<Line>, Vec<Line>) =
                std::mem::take(&mut block.lines).into_iter().partition(|option| option.name() == "transfer");
            block.lines = others;
            changed |= !options.is_empty();
            for option in options.iter().filter(|option| option.args().len() > 1) {
                let mut transfer = Line::new(&["transfer"]);
                transfer.words.extend(plugin.words.get(1).cloned());
                transfer.lines_mut().push(Line { words: option.args().to_vec(), ..Line::default() });
                transfers.push(transfer);
            }
        }
        if !transfers.is_empty() {
            server.lines_mut().append(&mut transfers);
        }
    }
    Ok(changed)
}
