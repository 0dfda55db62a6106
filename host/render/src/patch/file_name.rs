//! What a patch file's name says: `target[suffix][+type].json|yaml`. Looks at names only.

use kubephase_model::config::record::nearest;

use super::{PatchType, TARGETS, Target};

/// Why a name is not that of a patch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The file is something else.
    Ignore(String),
    /// It is one, but what follows the `+` is no type.
    BadType(String),
}

/// Reads a name as kubeadm's regular expression
/// `^(target)([^.+\n]*)?(\+)?(json|merge|strategic)?` does: what follows a type is not looked at, and a suffix with a
/// dot hides the type behind it.
pub(super) fn parse(name: &str) -> Result<(&'static Target, PatchType), Mismatch> {
    let stem = [".json", ".yaml"].iter().find_map(|extension| name.strip_suffix(extension));
    let Some(stem) = stem.filter(|stem| !stem.is_empty()) else {
        return Err(Mismatch::Ignore("the file extension must be one of [json yaml]".into()));
    };
    let names = TARGETS.map(|target| target.name);
    let Some(target) = TARGETS.iter().find(|target| name.starts_with(target.name)) else {
        let suggestion = nearest(stem.split(['+', '.']).next().unwrap_or(stem), &names)
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        return Err(Mismatch::Ignore(format!("unknown target, must be one of [{}]{suggestion}", names.join(" "))));
    };
    let rest = name[target.name.len()..].trim_start_matches(|c| !matches!(c, '.' | '+' | '\n'));
    let Some(patch_type) = rest.strip_prefix('+') else { return Ok((target, PatchType::Strategic)) };
    match patch_type {
        _ if patch_type.starts_with("json") => Ok((target, PatchType::Json)),
        _ if patch_type.starts_with("merge") => Ok((target, PatchType::Merge)),
        _ if patch_type.starts_with("strategic") => Ok((target, PatchType::Strategic)),
        _ => Err(Mismatch::BadType(patch_type.split('.').next().unwrap_or_default().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_target_and_type() {
        for (name, target, patch_type) in [
            ("etcd.yaml", "etcd", PatchType::Strategic),
            ("etcd.json", "etcd", PatchType::Strategic),
            ("etcd+json.yaml", "etcd", PatchType::Json),
            ("kube-apiserver0+merge.yaml", "kube-apiserver", PatchType::Merge),
            ("kube-controller-manager-x_y+strategic.json", "kube-controller-manager", PatchType::Strategic),
            ("kube-schedulerjson.yaml", "kube-scheduler", PatchType::Strategic),
            ("kubeletconfiguration1+jsonx.yaml", "kubeletconfiguration", PatchType::Json),
            ("corednsdeployment+merge.more.yaml", "corednsdeployment", PatchType::Merge),
            ("etcd.x+json.yaml", "etcd", PatchType::Strategic),
        ] {
            let (found, found_type) = parse(name).unwrap();
            assert_eq!((found.name, found_type), (target, patch_type), "{name}");
        }
    }

    #[test]
    fn other_files_are_ignored_with_the_reason() {
        for name in ["README.md", "etcd", "etcd.yml", ".yaml", "etcd.yaml.bak", "etcd.YAML"] {
            let Err(Mismatch::Ignore(reason)) = parse(name) else { panic!("{name}") };
            assert_eq!(reason, "the file extension must be one of [json yaml]", "{name}");
        }
        let Err(Mismatch::Ignore(reason)) = parse("kube-foo.yaml") else { panic!() };
        assert!(
            reason.starts_with(
                "unknown target, must be one of [etcd kube-apiserver kube-controller-manager kube-scheduler \
                 kubeletconfiguration corednsdeployment kubeproxydaemonset]"
            ),
            "{reason}"
        );
        let Err(Mismatch::Ignore(reason)) = parse("kube-apisever+json.yaml") else { panic!() };
        assert!(reason.ends_with("; did you mean `kube-apiserver`?"), "{reason}");
    }

    #[test]
    fn a_bad_type_is_an_error() {
        for (name, found) in
            [("etcd+.yaml", ""), ("etcd+yaml.yaml", "yaml"), ("etcd0+Json.json", "Json"), ("etcd++json.yaml", "+json")]
        {
            assert_eq!(parse(name), Err(Mismatch::BadType(found.into())), "{name}");
        }
    }
}
