//! `kubernetesVersion`: a version, or a label such as `stable-1.36` that somebody has to look up.

use semver::Version;

use super::validate::Check;
use crate::Release;
use crate::release::{NEWEST, RELEASES};
use crate::report::Problem;

const PATH: &str = "kubernetesVersion";

/// A version to deploy.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The version.
    pub version: Version,
    /// Whether it was asked for as a build of Kubernetes' CI.
    pub ci: bool,
    /// What is particular about it.
    pub release: &'static Release,
}

/// Finds the version that `text` means. `lookup` takes a label, with its prefix `ci/` if it has one, and answers
/// with a version or the reason why there is none.
pub fn resolve(text: &str, lookup: &dyn Fn(&str) -> Result<String, String>, check: &mut Check<'_>) -> Option<Resolved> {
    let (ci, bare) = bucket(text.trim());
    let version = match parse(bare) {
        Some(version) => version,
        None if is_label(bare) => look_up(ci, bare, lookup, check)?,
        None => {
            check.push(
                Problem::error(PATH, format!("`{text}` is neither a version nor a label"))
                    .hint("write a version such as v1.36.2, or a label such as stable, stable-1 or stable-1.36"),
            );
            return None;
        }
    };
    supported(version, check).map(|(version, release)| Resolved { version, ci, release })
}

/// Cuts `release/` and `ci/` off.
fn bucket(text: &str) -> (bool, &str) {
    for (prefix, ci) in [("release/", false), ("ci/", true), ("ci-cross/", true)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return (ci, rest.strip_prefix("fast/").unwrap_or(rest));
        }
    }
    (false, text)
}

/// Reads a version with or without its `v`; all three numbers must be there.
pub fn parse(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// `stable` or `latest`, then maybe `-1` and maybe `.36`.
fn is_label(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("stable").or_else(|| text.strip_prefix("latest")) else { return false };
    let Some(rest) = rest.strip_prefix('-') else { return rest.is_empty() };
    let (major, minor) = rest.split_once('.').map_or((rest, None), |(major, minor)| (major, Some(minor)));
    let digits = |text: &str, max| {
        (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
    };
    digits(major, 1) && minor.is_none_or(|minor| digits(minor, 2))
}

/// Major and minor that a label is limited to.
fn limits(label: &str) -> (Option<u64>, Option<u64>) {
    let Some((_, rest)) = label.split_once('-') else { return (None, None) };
    let (major, minor) = rest.split_once('.').map_or((rest, None), |(major, minor)| (major, Some(minor)));
    (major.parse().ok(), minor.and_then(|minor| minor.parse().ok()))
}

fn look_up(
    ci: bool,
    label: &str,
    lookup: &dyn Fn(&str) -> Result<String, String>,
    check: &mut Check<'_>,
) -> Option<Version> {
    let ask = |label: &str| {
        let answer = lookup(&if ci { format!("ci/{label}") } else { label.to_owned() })?;
        parse(answer.trim()).ok_or_else(|| format!("the answer `{}` is not a version", excerpt(&answer)))
    };
    let newest_label = format!("stable-1.{}", NEWEST.minor);
    let answer = match ask(label) {
        // The newest Kubernetes may be newer than what we know: then the newest that we know.
        Ok(version) if is_newer(&version) && limits(label).1.is_none() => {
            check.push(
                Problem::warning(PATH, format!("`{label}` is v{version}, which is too new for this program"))
                    .hint(format!("the newest {} is taken; name a version to choose another", NEWEST.name())),
            );
            lookup(&newest_label).and_then(|text| parse(text.trim()).ok_or_else(|| "no version".to_owned()))
        }
        answer => answer,
    };
    match answer {
        Ok(version) => Some(version),
        Err(reason) => offline(label, &reason, check),
    }
}

/// The newest version that we know of what a label asks for.
fn offline(label: &str, reason: &str, check: &mut Check<'_>) -> Option<Version> {
    let known = match limits(label) {
        (None | Some(1), None) => Some(NEWEST),
        (Some(1), Some(minor)) => RELEASES.iter().find(|release| release.minor == minor).copied(),
        _ => None,
    };
    match known {
        Some(release) => {
            let version = release.newest();
            check.push(
                Problem::warning(PATH, format!("`{label}` could not be looked up ({reason}): v{version} is taken"))
                    .hint("name a version to be independent of the network"),
            );
            Some(version)
        }
        None => {
            check.push(
                Problem::error(
                    PATH,
                    format!("`{label}` could not be looked up ({reason}), and no such release is known"),
                )
                .hint(format!("releases that can be deployed: {}", supported_names())),
            );
            None
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn is_newer(version: &Version) -> bool {
    (version.major, version.minor) > (1, NEWEST.minor)
}

fn supported(version: Version, check: &mut Check<'_>) -> Option<(Version, &'static Release)> {
    if let Some(release) = Release::of(&version) {
        return Some((version, release));
    }
    if is_newer(&version) {
        let problem = Problem::warning(PATH, format!("v{version} is newer than anything this program knows"));
        check.push(problem.hint(format!("it is treated like {}; a newer kubephase may know better", NEWEST.name())));
        return Some((version, NEWEST));
    }
    check.push(
        Problem::error(PATH, format!("v{version} cannot be deployed"))
            .hint(format!("releases that can be deployed: {}", supported_names())),
    );
    None
}

fn supported_names() -> String {
    RELEASES.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, Severity};

    fn run(text: &str, lookup: &dyn Fn(&str) -> Result<String, String>) -> (Option<Resolved>, Report) {
        let mut report = Report::default();
        let resolved = resolve(text, lookup, &mut Check::new(&mut report, None));
        (resolved, report)
    }

    fn offline_error(_: &str) -> Result<String, String> {
        Err("no network".into())
    }

    #[test]
    fn versions_need_no_lookup() {
        for (text, version) in [
            ("v1.36.2", "1.36.2"),
            ("1.35.0", "1.35.0"),
            ("v1.36.0-rc.1", "1.36.0-rc.1"),
            ("release/v1.34.1", "1.34.1"),
        ] {
            let (resolved, report) = run(text, &|_| panic!("no lookup is needed"));
            assert_eq!(resolved.unwrap().version.to_string(), version);
            assert!(report.problems.is_empty(), "{report}");
        }
        assert!(run("ci/v1.36.3-1+abc", &offline_error).0.unwrap().ci);
    }

    #[test]
    fn unknown_releases() {
        let (resolved, report) = run("v1.99.0", &offline_error);
        assert_eq!(resolved.unwrap().release.minor, NEWEST.minor);
        assert_eq!(report.problems[0].severity, Severity::Warning);
        for text in ["v1.10.0", "v0.1.0", "v1.19.3"] {
            let (resolved, report) = run(text, &offline_error);
            assert!(resolved.is_none());
            assert!(report.problems[0].hint.as_ref().unwrap().contains("v1.36"), "{report}");
        }
        for text in [
            "",
            "1.36",
            "v1.36",
            "stabel",
            "stable-0",
            "stable-1.",
            "stable-1.100",
            "v1.36.02",
            "latest-1.2.3",
            "ci/",
            "é",
        ] {
            let (resolved, report) = run(text, &offline_error);
            assert!(resolved.is_none() && report.has_errors(), "{text:?}");
        }
    }

    #[test]
    fn labels() {
        let known = |label: &str| match label {
            "stable" => Ok("v1.36.1\n".to_owned()),
            "stable-1" => Ok("v1.98.0".to_owned()),
            "stable-1.37" => Ok("v1.37.7".to_owned()),
            "ci/latest" => Ok("v1.37.0-alpha.1.5+abcdef".to_owned()),
            "stable-1.34" => Ok("<html>".to_owned()),
            _ => Err("404".to_owned()),
        };
        let version = |text| run(text, &known).0.map(|resolved| resolved.version.to_string());
        assert_eq!(version("stable").as_deref(), Some("1.36.1"));
        assert_eq!(version("stable-1").as_deref(), Some("1.37.7"));
        assert_eq!(version("ci/latest").as_deref(), Some("1.37.0-alpha.1.5+abcdef"));
        assert_eq!(
            version("stable-1.34"),
            Some(format!("1.34.{}", Release::of(&Version::new(1, 34, 0)).unwrap().newest_patch))
        );
        assert_eq!(version("stable-1.12"), None);
        let (resolved, report) = run("stable-1", &offline_error);
        assert_eq!(resolved.unwrap().version, NEWEST.newest());
        assert_eq!(report.problems.len(), 1);
        assert!(report.to_string().contains("no network"));
    }
}
