//! In which order plugins run: what stands before and after what, and otherwise as the operator lists them. Names that
//! are not there are passed over here: a plugin may speak of others that are not used, and a node that joins has fewer
//! phases than the first one. What the operator misspells is told where the file is read (`config::check_places`).

mod cycle;

use std::ops::RangeInclusive;

use super::description::{Kind, Plugin};

/// Where everything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Names of all plugins. Mutators patch a document in this order.
    pub plugins: Vec<String>,
    /// Those that are phases, in the order in which they run.
    pub steps: Vec<Step>,
}

/// A plugin as a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub plugin: String,
    /// [`Kind::Addon`] or [`Kind::Phase`].
    pub kind: Kind,
    /// Path of the phase, one without children, that runs next before it; `None` if it is the first of all.
    pub after: Option<String>,
    /// Path of the one that runs next after it; `None` if it is the last of all.
    pub before: Option<String>,
}

/// Plugins that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugins stand before and after each other in a circle: {}", .path.join(" → "))]
pub struct Cycle {
    /// Names of plugins and phases, each before the next; the last one is the first.
    pub path: Vec<String>,
}

impl Cycle {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "take one of them out of `before` or `after`; what the operator writes there replaces what the plugin says"
    }
}

/// The phase that addons are part of.
const ADDON: &str = "addon";

/// Orders plugins among phases, whose paths are given in the order of execution, groups included. Addons run within the
/// phase `addon`, by default behind what is there, those of stage `before-cni` first. Plugins that are phases run by default
/// behind it.
pub fn order(plugins: &[Plugin], phases: &[String]) -> Result<Order, Cycle> {
    let phases = Phases::new(phases);
    let sequence = sequence(plugins).ok_or_else(|| cycle::find(plugins, &phases))?;
    let mut order =
        Order { plugins: sequence.iter().map(|i| plugins[*i].name().to_owned()).collect(), steps: Vec::new() };
    let mut placed: Vec<(usize, &Plugin, Kind)> = Vec::new();
    let gaps = gaps(plugins, &sequence, &phases).ok_or_else(|| cycle::find(plugins, &phases))?;
    for i in sequence {
        placed.extend(gaps[i].iter().map(|(kind, gap)| (*gap, &plugins[i], *kind)));
    }
    // Stable: within a gap the sequence stays.
    placed.sort_by_key(|(gap, ..)| *gap);
    order.steps = placed
        .into_iter()
        .map(|(gap, plugin, kind)| Step {
            plugin: plugin.name().to_owned(),
            kind,
            after: gap.checked_sub(1).and_then(|before| phases.leaf(before)),
            before: phases.leaf(gap),
        })
        .collect();
    Ok(order)
}

/// Phases without children, and the ranges that groups have among them.
struct Phases<'a> {
    all: &'a [String],
    leaves: Vec<&'a str>,
}

impl<'a> Phases<'a> {
    fn new(all: &'a [String]) -> Self {
        let is_leaf = |path: &&str| !all.iter().any(|other| is_within(other, path) && other != path);
        Self { all, leaves: all.iter().map(String::as_str).filter(is_leaf).collect() }
    }

    fn leaf(&self, index: usize) -> Option<String> {
        self.leaves.get(index).map(|path| (*path).to_owned())
    }

    /// Numbers of the leaves that a phase consists of.
    fn range(&self, name: &str) -> Option<RangeInclusive<usize>> {
        let first = self.leaves.iter().position(|path| is_within(path, name))?;
        let last = self.leaves.iter().rposition(|path| is_within(path, name))?;
        self.all.iter().any(|path| path == name).then_some(first..=last)
    }
}

fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether one plugin says that it runs before another.
fn is_before(plugins: &[Plugin], a: usize, b: usize) -> bool {
    let names = |list: &[String], plugin: &Plugin| {
        let path = |name: &String| name == plugin.name() || name.strip_prefix("addon/") == Some(plugin.name());
        list.iter().any(path)
    };
    names(plugins[a].before(), &plugins[b]) || names(plugins[b].after(), &plugins[a])
}

/// All plugins, none behind one that it runs before, otherwise as they are listed, with those before the pod network
/// first. `None` if they go in a circle.
fn sequence(plugins: &[Plugin]) -> Option<Vec<usize>> {
    let mut left: Vec<usize> = (0..plugins.len()).collect();
    left.sort_by_key(|i| !plugins[*i].is_before_cni());
    let mut sequence = Vec::new();
    while !left.is_empty() {
        let free = |i: &usize| !left.iter().any(|other| is_before(plugins, *other, *i));
        let next = left.iter().position(free)?;
        sequence.push(left.remove(next));
    }
    Some(sequence)
}

/// For each plugin that is a phase: in which gap it stands (gap n is before leaf n). `None` if something cannot be.
fn gaps(plugins: &[Plugin], sequence: &[usize], phases: &Phases<'_>) -> Option<Vec<Vec<(Kind, usize)>>> {
    let end = phases.leaves.len();
    let addons = phases.range(ADDON).map_or((end, end), |range| (*range.start(), range.end() + 1));
    let kinds = |i: usize| [Kind::Addon, Kind::Phase].into_iter().filter(move |kind| plugins[i].is(*kind));

    // How far back each may stand, those included that must follow it.
    let mut latest = vec![end; plugins.len()];
    for (at, i) in sequence.iter().enumerate().rev() {
        let named = plugins[*i].before().iter().filter_map(|name| phases.range(name)).map(|range| *range.start());
        let followers =
            sequence[at + 1..].iter().filter(|next| is_before(plugins, *i, **next) && kinds(**next).count() > 0);
        let followers = followers.map(|next| match plugins[*next].is(Kind::Addon) {
            true => latest[*next].min(addons.1),
            false => latest[*next],
        });
        latest[*i] = named.chain(followers).fold(end, usize::min);
    }

    let mut placed: Vec<Vec<(Kind, usize)>> = vec![Vec::new(); plugins.len()];
    for i in sequence.iter().copied() {
        let plugin = &plugins[i];
        let named = plugin.after().iter().filter_map(|name| phases.range(name)).map(|range| range.end() + 1);
        let leaders = sequence.iter().filter(|other| is_before(plugins, **other, i));
        let leaders = leaders.flat_map(|other| placed[*other].iter().map(|(_, gap)| *gap));
        let earliest = named.chain(leaders).max();
        for kind in kinds(i) {
            let (from, to) = if kind == Kind::Addon { addons } else { (0, end) };
            let (low, high) = (earliest.unwrap_or(0).max(from), latest[i].min(to));
            if low > high {
                return None;
            }
            let gap = match (earliest, latest[i] < end) {
                // An addon stands behind the others unless something must follow it.
                _ if kind == Kind::Addon => high,
                (Some(_), _) => low,
                (None, true) => high,
                (None, false) => addons.1.max(low).min(high),
            };
            placed[i].push((kind, gap));
        }
    }
    Some(placed)
}

#[cfg(test)]
mod tests;
