//! New certificates in the place of old ones (kubeadm's `certs renew`). Everything is made before anything is replaced,
//! and everything is on disk before the first file gets into place: a run that is killed leaves all old, or some files
//! new. A key that is new beside its old certificate is mended by running again, which looks at the certificate only.

use std::time::{Duration, SystemTime};

use kubephase_model::time::rfc3339;
use kubephase_model::{Cluster, File, KeyAlgorithm};
use kubephase_node::Node;
use kubephase_pki::{
    Ca, Cert, CertSpec, KeyPool, Period, PrivateKey, issue, key_algorithm, renewal as renewal_of, unkept,
};
use kubephase_render::kubeconfig::Kubeconfig;

use super::expiration::is_external;
use super::renewable::Existing;
use super::{CertsError, Renewable, Settings};
use crate::error::PhaseError;

/// By how much clocks of a cluster's nodes may differ: new certificates begin this much earlier.
const SLACK: Duration = Duration::from_secs(300);
/// What a file with a key may allow: all to its owner, to be read by its group.
const KEY_MODE: u32 = 0o640;

/// What became of one certificate.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// Which.
    pub what: Renewable,
    /// What became of it.
    pub outcome: Outcome,
    /// What whoever looks after it should know.
    pub notes: Vec<String>,
}

/// What became of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a new one.
    Renewed {
        /// The new one's end.
        until: SystemTime,
    },
    /// There was none: nothing says what a new one should be like.
    Missing,
    /// The key of its authority is kept elsewhere.
    External,
}

/// One that can be renewed.
struct Plan {
    what: Renewable,
    existing: Existing,
    algorithm: KeyAlgorithm,
    /// Position of its authority.
    ca: usize,
}

/// An authority that can sign.
struct Authority {
    spec: &'static CertSpec,
    ca: Ca,
    /// Its certificates as they stand in the file.
    pem: String,
}

/// The authorities that were needed so far.
#[derive(Default)]
struct Authorities {
    usable: Vec<Authority>,
    /// Names of those that cannot be used. Why has been told.
    unusable: Vec<&'static str>,
}

/// Renews one certificate, which must be possible, or all that can be. Takes the node for as long.
pub fn renew(node: &Node, settings: &Settings, named: Option<Renewable>) -> Result<Vec<Renewal>, CertsError> {
    let _lock = node.lock()?;
    let start = node.now();
    let cluster = &settings.cluster;
    let mut authorities = Authorities::default();
    let (mut plans, mut renewals, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for what in named.map_or_else(Renewable::all, |one| vec![one]) {
        match look(node, settings, what, named.is_some(), &mut authorities) {
            Ok(Looked::Plan(plan)) => plans.push(*plan),
            Ok(Looked::Told(outcome)) => renewals.push(Renewal { what, outcome, notes: Vec::new() }),
            Ok(Looked::Nothing) => {}
            Err(error) => errors.push(error),
        }
    }
    let authorities = authorities.usable;
    errors.extend(out_of_time(&authorities, cluster, start));
    match errors.len() {
        0 => {}
        1 => return Err(errors.swap_remove(0)),
        _ => return Err(CertsError::Several(errors)),
    }
    let pools: Vec<KeyPool> = KeyAlgorithm::ALL
        .into_iter()
        .map(|algorithm| KeyPool::start(plans.iter().filter(|plan| plan.algorithm == algorithm).count(), algorithm))
        .collect();
    let mut files = Vec::new();
    for plan in plans {
        let pool = KeyAlgorithm::ALL.into_iter().zip(&pools).find(|(algorithm, _)| *algorithm == plan.algorithm);
        let Some((_, pool)) = pool else { continue };
        let key = pool.take().map_err(PhaseError::from)?;
        let (cert, new) = make(node, cluster, &plan, &authorities[plan.ca], start, &key)?;
        let mut notes = notes(&plan, &cert, authorities[plan.ca].ca.cert());
        for file in new {
            let (file, note) = with_mode(node, plan.what, file);
            files.push(file);
            notes.extend(note);
        }
        renewals.push(Renewal { what: plan.what, outcome: Outcome::Renewed { until: cert.not_after }, notes });
    }
    // Components may run as users of their own, who must be able to read the new keys.
    node.replace_all(&files).map_err(PhaseError::from)?;
    renewals.sort_by_key(|renewal| renewal.what.name());
    Ok(renewals)
}

enum Looked {
    Plan(Box<Plan>),
    Told(Outcome),
    /// It is not needed, or what stands in its way has been told.
    Nothing,
}

fn look(
    node: &Node,
    settings: &Settings,
    what: Renewable,
    named: bool,
    authorities: &mut Authorities,
) -> Result<Looked, CertsError> {
    let (cluster, name) = (&settings.cluster, what.name());
    if !what.is_needed(cluster) {
        return if named { Err(CertsError::NotNeeded { name }) } else { Ok(Looked::Nothing) };
    }
    let issuer = what.issuer();
    let Some(existing) = what.read(cluster, node)? else {
        let missing = || CertsError::Missing { name, path: what.path(cluster) };
        return if named { Err(missing()) } else { Ok(Looked::Told(Outcome::Missing)) };
    };
    if is_external(issuer, cluster, node) {
        let external = || CertsError::External { name, key: issuer.key_path(cluster) };
        return if named { Err(external()) } else { Ok(Looked::Told(Outcome::External)) };
    }
    if authorities.unusable.contains(&issuer.name) {
        return Ok(Looked::Nothing);
    }
    let known = authorities.usable.iter().position(|authority| authority.spec.name == issuer.name);
    let ca = match known {
        Some(at) => at,
        None => {
            let read = authority(node, cluster, issuer);
            authorities.usable.push(read.inspect_err(|_| authorities.unusable.push(issuer.name))?);
            authorities.usable.len() - 1
        }
    };
    // Where nobody says which keys the cluster wants, those that it has say it.
    let own = if settings.known { None } else { key_algorithm(&existing.cert) };
    let algorithm = own.unwrap_or_else(|| cluster.key_algorithm());
    Ok(Looked::Plan(Box::new(Plan { what, existing, algorithm, ca })))
}

fn authority(node: &Node, cluster: &Cluster, spec: &'static CertSpec) -> Result<Authority, PhaseError> {
    let (crt, key) = (spec.crt_path(cluster), spec.key_path(cluster));
    let read = |path: &str| node.read(path)?.ok_or_else(|| PhaseError::MissingCa { path: path.to_owned() });
    let pem = read(&crt)?;
    let cert = Cert::from_pem(&crt, &pem)?;
    let ca = Ca::new(&spec.path(cluster), cert, PrivateKey::from_pem(&key, &read(&key)?)?)?;
    Ok(Authority { spec, ca, pem: String::from_utf8_lossy(&pem).into_owned() })
}

/// Authorities whose certificates are not valid now: nobody would believe what they sign.
fn out_of_time(authorities: &[Authority], cluster: &Cluster, now: SystemTime) -> Option<CertsError> {
    let is_early = |ca: &Cert| ca.period(now + SLACK) == Period::NotYet;
    let out = authorities.iter().map(|authority| (authority.spec, authority.ca.cert()));
    let out: Vec<_> = out.filter(|(_, ca)| is_early(ca) || ca.period(now) == Period::Over).collect();
    let told = |(spec, ca): &(&CertSpec, &Cert)| {
        let (begin, end) = (rfc3339(ca.not_before), rfc3339(ca.not_after));
        format!("the authority {} is valid from {begin} to {end}", spec.crt_path(cluster))
    };
    let early = out.iter().any(|(_, ca)| is_early(ca));
    let error = CertsError::OutOfTime { now: rfc3339(now), authorities: out.iter().map(told).collect(), early };
    (!out.is_empty()).then_some(error)
}

/// The new certificate and the files that hold it and its key.
fn make(
    node: &Node,
    cluster: &Cluster,
    plan: &Plan,
    authority: &Authority,
    start: SystemTime,
    key: &PrivateKey,
) -> Result<(Cert, Vec<File>), PhaseError> {
    let mut random = [0; 8];
    node.random(&mut random);
    let old = &plan.existing.cert;
    let request = renewal_of(old, plan.what.usages(), cluster, authority.ca.cert(), start, random)?;
    let cert = issue(&request, key, &authority.ca)?;
    let (cert_pem, key_pem, path) = (cert.pem()?, key.to_pem()?, plan.what.path(cluster));
    let files = match (plan.what, &plan.existing.kubeconfig) {
        (_, Some(kubeconfig)) => vec![renewed(kubeconfig, &path, &authority.pem, &cert_pem, &key_pem)?],
        (Renewable::File(spec), None) => {
            vec![File::secret(spec.key_path(cluster), key_pem), File::public(path, cert_pem)]
        }
        (Renewable::Kubeconfig(_), None) => Vec::new(),
    };
    Ok((cert, files))
}

/// The file with the mode of what it replaces: an administrator, or a component with a user of its own, may need it. Only
/// a new key is not for everybody, whatever the old one was.
fn with_mode(node: &Node, what: Renewable, file: File) -> (File, Option<String>) {
    let Some(found) = node.mode(&file.path) else { return (file, None) };
    let mode = if file.secret { found & KEY_MODE } else { found };
    let note = (mode != found).then(|| {
        let (name, path) = (what.name(), &file.path);
        format!("{name}: {path} had mode {found:04o}, which is too open for a key: the new one has {mode:04o}")
    });
    (File { mode, ..file }, note)
}

fn renewed(old: &Kubeconfig, path: &str, ca: &str, cert: &str, key: &str) -> Result<File, PhaseError> {
    let mut new = old.clone();
    new.renew(ca, cert, key).map_err(|source| PhaseError::Kubeconfig { path: path.to_owned(), source })?;
    Ok(new.to_file(path))
}

fn notes(plan: &Plan, new: &Cert, ca: &Cert) -> Vec<String> {
    let name = plan.what.name();
    let mut notes: Vec<String> = Vec::new();
    let lost = unkept(&plan.existing.cert);
    if !lost.is_empty() {
        notes.push(format!("{name}: the new certificate does not have the old one's {}", lost.join(", ")));
    }
    if new.not_after > ca.not_after {
        let (end, ca_end) = (rfc3339(new.not_after), rfc3339(ca.not_after));
        notes.push(format!("{name}: valid until {end}, but its authority `{ca}` ends before it, {ca_end}"));
    }
    notes
}
