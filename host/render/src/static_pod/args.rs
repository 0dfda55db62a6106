//! Command lines: our arguments and the user's, put together as kubeadm's `ArgumentsToCommand` does.

use kubephase_model::cluster::Cluster;
use kubephase_model::config::v1beta4::Arg;
use kubephase_model::release::ArgOrder;

/// `[program, --name=value, …]`. An argument of ours goes if the user gives one of that name, however often ours or
/// theirs occurs.
pub(super) fn command(program: &str, ours: Vec<(&str, String)>, user: &[Arg], order: ArgOrder) -> Vec<String> {
    std::iter::once(program.to_owned()).chain(flags(ours, user, order)).collect()
}

/// The same without the program.
pub(crate) fn flags<'a>(mut ours: Vec<(&'a str, String)>, user: &'a [Arg], order: ArgOrder) -> Vec<String> {
    ours.retain(|(name, _)| !user.iter().any(|arg| arg.name == *name));
    ours.sort();
    ours.extend(user.iter().map(|arg| (arg.name.as_str(), arg.value.0.clone())));
    if order == ArgOrder::MergedSorted {
        ours.sort();
    }
    ours.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// `--feature-gates` for components that must be told of dual stack, if the user has set the gate.
pub(super) fn dual_stack_gate(cluster: &Cluster) -> Option<(&'static str, String)> {
    const GATE: &str = "IPv6DualStack";
    let set = cluster.config.feature_gates.get(GATE).filter(|_| cluster.release.dual_stack_component_gate)?;
    Some(("feature-gates", format!("{GATE}={set}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_arguments_replace_ours_of_the_same_name() {
        let ours = || vec![("b", "1".to_owned()), ("a", "1".into()), ("c", "2".into()), ("c", "1".into())];
        let user = [Arg::new("z", "9"), Arg::new("b", "x=y"), Arg::new("a0", ""), Arg::new("b", "w")];
        assert_eq!(
            command("p", ours(), &user, ArgOrder::UserAppended),
            ["p", "--a=1", "--c=1", "--c=2", "--z=9", "--b=x=y", "--a0=", "--b=w"]
        );
        assert_eq!(
            command("p", ours(), &user, ArgOrder::MergedSorted),
            ["p", "--a=1", "--a0=", "--b=w", "--b=x=y", "--c=1", "--c=2", "--z=9"]
        );
        assert_eq!(flags(Vec::new(), &[], ArgOrder::UserAppended), [""; 0]);
    }
}
