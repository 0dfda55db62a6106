//! Phase `remove-etcd-member`: the member of etcd on this node leaves the others, and its data goes. Only what the
//! manifest on this node shows to be the control plane's own etcd: whatever else lies in a directory that looks like
//! etcd's is somebody else's.

use std::time::Duration;

use kubephase_engine::{Event, Level, Phase};
use kubephase_model::config::duration::GoDuration;
use kubephase_model::layout::{ETCD_DATA_DIR, MANIFESTS_DIR};
use kubephase_node::Spare;
use kubephase_node::etcd::{Credentials, Member};
use serde_json::Value;

use super::Reset;
use crate::error::PhaseError;
use crate::etcd_members::{self, MembersError, Patience, Removal, Session, Target};

/// The check that stands for the quorum of those that stay: with `--ignore-preflight-errors` a cluster is given up.
pub const QUORUM: &str = "EtcdQuorum";
/// What etcd keeps in its data directory. What else is there is somebody else's.
const OWN: [&str; 1] = ["member"];
/// How long etcd is tried that does not answer: nobody waits for a cluster that is gone.
const CALL: Duration = Duration::from_secs(8);
/// The same where only a list is wanted.
const LOOK: Duration = Duration::from_secs(2);

/// The phase.
pub fn phase() -> Phase<Reset> {
    Phase::run("remove-etcd-member", "Remove this node's member of etcd, and its data", |cx: &mut Reset| {
        Box::pin(run(cx))
    })
}

/// The etcd that this node runs for its control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Local {
    /// Where its data is.
    data: String,
    /// Where the others find it.
    peer_url: Option<String>,
    /// Where clients find it.
    client_urls: Vec<String>,
    /// Its name: the node's.
    name: Option<String>,
}

async fn run(cx: &mut Reset) -> Result<(), PhaseError> {
    let path = format!("{MANIFESTS_DIR}/etcd.yaml");
    let Some(text) = cx.node.read(&path)? else {
        if !cx.node.list(ETCD_DATA_DIR)?.is_empty() {
            cx.leave_alone(ETCD_DATA_DIR, &format!("no etcd of a control plane uses it: there is no {path}"));
        }
        return Ok(());
    };
    let Some(local) = local(&text) else {
        cx.notice(
            Level::Warning,
            format!("{path} does not say where etcd keeps its data: neither the member nor its data is removed"),
        );
        return Ok(());
    };
    let known = cx.known().await;
    if known.config.as_ref().is_some_and(|config| config.etcd.external.is_some()) {
        cx.leave_alone(&local.data, "the cluster uses an external etcd");
        return Ok(());
    }
    leave(cx, &local).await?;
    if cx.is_whole() {
        // It still runs: its data goes when it has stopped.
        cx.etcd_data = Some(local.data);
        return Ok(());
    }
    remove_data(cx, &local.data)
}

/// The member leaves. Where it cannot be asked it is told how to do it by hand, as by kubeadm: the cluster may be gone.
async fn leave(cx: &mut Reset, local: &Local) -> Result<(), PhaseError> {
    match removed(cx, local).await {
        Ok(Removal::Removed(member)) => {
            let done = if cx.node.is_dry_run() { "would be removed" } else { "is removed" };
            cx.notice(Level::Info, format!("the etcd member {member} {done}"));
        }
        Ok(Removal::Absent) => cx.notice(Level::Info, "this node is no member of etcd any more"),
        Ok(Removal::Last(member)) => {
            cx.notice(Level::Info, format!("{member} is the last member of etcd: it goes with its data"));
        }
        Err(error) if cx.lives() || is_about_others(&error) => {
            if !cx.options.ignore.covers(QUORUM) {
                return Err(PhaseError::EtcdQuorum { source: Box::new(error) });
            }
            warn(cx, &error);
        }
        Err(error) => warn(cx, &error),
    }
    Ok(())
}

/// Whether there are others whose etcd would be the poorer by a member that has gone without leaving. Who cannot be asked
/// at all is not waited for: a broken node is what is reset.
fn is_about_others(error: &MembersError) -> bool {
    use MembersError::{LostTurn, Mistaken, NoQuorum, Turn, WouldLoseQuorum};
    matches!(error, WouldLoseQuorum { .. } | NoQuorum { .. } | Turn { .. } | LostTurn { .. } | Mistaken { .. })
}

fn warn(cx: &Reset, error: &MembersError) {
    let mut why = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        why.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    let message = format!(
        "this node's member of etcd cannot be removed: {why}; if the cluster goes on without this node, remove it there with \
         `kubephase node remove`, or with `etcdctl member remove`"
    );
    cx.notice(Level::Warning, message);
}

async fn removed(cx: &Reset, local: &Local) -> Result<Removal, MembersError> {
    let (Some(peer_url), false) = (&local.peer_url, local.client_urls.is_empty()) else {
        return Err(MembersError::NoEndpoints { why: "its manifest does not say where it is".into() });
    };
    let call = cx.config.timeouts.as_ref().and_then(|timeouts| timeouts.etcd_api_call);
    let call = call.map_or(CALL, GoDuration::as_std).min(if cx.node.is_dry_run() { LOOK } else { CALL });
    // To be the only one who changes members; an API server that does not answer cannot arrange that.
    let api = cx.api().filter(|_| cx.lives());
    let (sink, path) = (cx.options.sink.clone(), cx.path().to_owned());
    let tell = move |level, message| {
        sink(Event::Notice { path: path.clone(), level, message });
    };
    let (pki, credentials) = credentials(cx)?;
    // Its own etcd may be what is broken, and a learner says nothing of the others.
    let etcd = match &api {
        Some(api) => etcd_members::connect(&cx.node, api, &pki, call, &tell).await?,
        None => cx.node.etcd(&local.client_urls, Some(credentials))?,
    };
    let etcd = etcd.within(call);
    let members = etcd_members::members(&etcd, call).await?;
    let name = local.name.as_deref().unwrap_or_default();
    if let Some(member) = mistaken(&members, name, peer_url) {
        let (member, name, peer_url) = (member.clone(), name.to_owned(), peer_url.clone());
        return Err(MembersError::Mistaken { member: Box::new(member), name, peer_url });
    }
    // The others can be asked as well, when this one has left.
    let mut urls: Vec<String> =
        members.into_iter().filter(|member| !member.is_learner).flat_map(|member| member.client_urls).collect();
    // First those of others: one that leaves does not answer for long.
    urls.sort_by_key(|url| local.client_urls.contains(url));
    let etcd = if urls.is_empty() { etcd } else { etcd.at(&urls)? };
    let holder = local.name.clone().unwrap_or_else(|| peer_url.clone());
    let session = Session {
        node: &cx.node,
        api: api.as_ref(),
        etcd: &etcd,
        holder: &holder,
        patience: Patience { turn: Duration::from_secs(60), ..Patience::new(call) },
        tell: &tell,
    };
    etcd_members::remove(&session, Target::PeerUrl(peer_url)).await
}

/// Certificates to ask etcd with: where this run was told that they are, or where the cluster says.
fn credentials(cx: &Reset) -> Result<(String, Credentials), MembersError> {
    let own = cx.config.certificates_dir.clone();
    let known = cx.known.as_ref().and_then(|known| Some(known.config.as_ref()?.certificates_dir.clone()));
    match etcd_members::credentials(&cx.node, &own) {
        Ok(found) => Ok((own, found)),
        Err(error) => match known.filter(|known| !known.is_empty() && *known != own) {
            Some(known) => etcd_members::credentials(&cx.node, &known).map(|found| (known, found)),
            None => Err(error),
        },
    }
}

/// A member that has this node's name or its address, and not both: which of them this node is, only a person can say.
/// One that was never started has no name yet.
fn mistaken<'a>(members: &'a [Member], name: &str, peer_url: &str) -> Option<&'a Member> {
    members.iter().find(|member| {
        let is_here = member.peer_urls.iter().any(|url| url == peer_url);
        let is_unnamed = member.name.is_empty() || name.is_empty();
        !is_unnamed && is_here != (member.name == name)
    })
}

/// Removes what etcd keeps.
pub fn remove_data(cx: &mut Reset, data: &str) -> Result<(), PhaseError> {
    let mut others = Vec::new();
    for name in cx.node.list(data)? {
        let path = format!("{data}/{name}");
        if OWN.contains(&name.as_str()) {
            let emptied = cx.node.empty_dir(&path, &Spare::default())?;
            for kept in &emptied.kept {
                cx.leave_alone(&kept.path, &kept.why);
            }
            if emptied.kept.is_empty() {
                cx.node.remove(&path)?;
            }
        } else {
            others.push(path);
        }
    }
    for path in others {
        cx.leave_alone(&path, "it is in etcd's directory, and is not etcd's");
    }
    Ok(())
}

/// What the manifest says.
fn local(manifest: &[u8]) -> Option<Local> {
    let pod: Value = serde_yaml::from_slice(manifest).ok()?;
    let volumes = pod.pointer("/spec/volumes")?.as_array()?;
    let data = volumes.iter().find(|volume| volume["name"] == "etcd-data")?.pointer("/hostPath/path")?.as_str()?;
    let words = |field: &str| {
        let list = pod.pointer(&format!("/spec/containers/0/{field}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let arguments: Vec<String> = words("command").into_iter().chain(words("args")).collect();
    let flag = |name: &str| arguments.iter().rev().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let list = |text: &str| text.split(',').map(str::to_owned).filter(|url| !url.is_empty()).collect::<Vec<_>>();
    Some(Local {
        data: data.trim_end_matches('/').to_owned(),
        peer_url: flag("--initial-advertise-peer-urls").and_then(|urls| list(urls).into_iter().next()),
        client_urls: flag("--advertise-client-urls").map(list).unwrap_or_default(),
        name: flag("--name").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_only_the_name_or_only_the_address_may_be_another() {
        let url = "https://192.0.2.13:2380";
        let member =
            |name: &str, url: &str| Member { name: name.into(), peer_urls: vec![url.into()], ..Member::default() };
        let others = [member("cp-1", "https://192.0.2.11:2380"), member("", "https://192.0.2.12:2380")];
        let with = |one: Member| [others.to_vec(), vec![one]].concat();
        for known in [member("cp-3", url), member("", url)] {
            assert_eq!(mistaken(&with(known), "cp-3", url), None);
        }
        for strange in [member("cp-4", url), member("cp-3", "https://192.0.2.99:2380")] {
            assert_eq!(mistaken(&with(strange.clone()), "cp-3", url), Some(&strange));
        }
        assert_eq!(mistaken(&with(member("cp-4", url)), "", url), None, "a manifest without a name");
    }

    #[test]
    fn only_what_concerns_nobody_else_is_gone_on_with() {
        let nobody = MembersError::NoEndpoints { why: "x".into() };
        assert!(!is_about_others(&nobody));
        let waited = Duration::from_secs(60);
        assert!(is_about_others(&MembersError::Turn { holder: "cp-3".into(), waited }));
        let quorum = MembersError::NoQuorum { what: "x".into(), healthy: 1, voters: 3, quorum: 2, sick: Vec::new() };
        assert!(is_about_others(&quorum));
    }

    #[test]
    fn the_manifest_says_where_etcd_and_its_data_are() {
        let text = include_bytes!(
            "../../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/manifests/etcd.yaml"
        );
        let local = local(text).expect("a manifest");
        assert_eq!(local.data, "/var/lib/etcd");
        assert!(local.peer_url.is_some_and(|url| url.starts_with("https://") && url.ends_with(":2380")));
        assert_eq!(local.client_urls.len(), 1);
        assert!(local.name.is_some());
        assert_eq!(super::local(b"kind: Pod"), None);
        assert_eq!(super::local(b"a: ["), None);
    }
}
