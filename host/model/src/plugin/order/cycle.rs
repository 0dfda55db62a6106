//! Finding the circle that keeps plugins from being ordered, shown by as few names as tell it.

use std::collections::VecDeque;

use super::{ADDON, Cycle, Kind, Phases, Plugin, is_before};

/// The shortest circle. Phases stand in it where a plugin names one; between two of them the workflow decides.
pub(super) fn find(plugins: &[Plugin], phases: &Phases<'_>) -> Cycle {
    let graph = Graph { plugins, phases };
    let circles = (0..plugins.len()).filter_map(|start| graph.shortest(start));
    // Something was found to wait for itself, so there is one; without it the names alone are told.
    let path = circles.min_by_key(Vec::len).unwrap_or_else(|| plugins.iter().map(|p| p.name().to_owned()).collect());
    Cycle { path }
}

/// Plugins first, then leaves.
struct Graph<'a> {
    plugins: &'a [Plugin],
    phases: &'a Phases<'a>,
}

impl Graph<'_> {
    /// The way back to a plugin from itself.
    fn shortest(&self, start: usize) -> Option<Vec<String>> {
        let nodes = self.plugins.len() + self.phases.leaves.len();
        let mut from: Vec<Option<usize>> = vec![None; nodes];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in (0..nodes).filter(|next| self.goes(node, *next)) {
                if next == start {
                    let mut path = vec![start];
                    let mut at = Some(node);
                    while let Some(node) = at.filter(|node| *node != start) {
                        path.push(node);
                        at = from[node];
                    }
                    path.push(start);
                    path.reverse();
                    return Some(self.names(&path));
                }
                if from[next].is_none() {
                    from[next] = Some(node);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// Whether one runs before the other, as one of them says or as the workflow has it.
    fn goes(&self, a: usize, b: usize) -> bool {
        let count = self.plugins.len();
        match (a < count, b < count) {
            (true, true) => is_before(self.plugins, a, b),
            (true, false) => {
                let named = self.plugins[a].before().iter().filter_map(|name| self.phases.range(name));
                named.map(|range| *range.start()).any(|first| first == b - count) || self.follows_addons(a, b - count)
            }
            (false, true) => {
                let named = self.plugins[b].after().iter().filter_map(|name| self.phases.range(name));
                named.map(|range| *range.end()).any(|last| last == a - count) || self.precedes_addons(b, a - count)
            }
            // A leaf is before every later one: one step, so that a way shows the two ends alone.
            (false, false) => a < b,
        }
    }

    fn follows_addons(&self, plugin: usize, leaf: usize) -> bool {
        let addons = self.phases.range(ADDON).filter(|_| self.plugins[plugin].is(Kind::Addon));
        addons.is_some_and(|range| range.end() + 1 == leaf)
    }

    fn precedes_addons(&self, plugin: usize, leaf: usize) -> bool {
        let addons = self.phases.range(ADDON).filter(|_| self.plugins[plugin].is(Kind::Addon));
        addons.is_some_and(|range| leaf + 1 == *range.start())
    }

    fn names(&self, path: &[usize]) -> Vec<String> {
        let count = self.plugins.len();
        let name = |node: &usize| match self.plugins.get(*node) {
            Some(plugin) => plugin.name().to_owned(),
            None => self.phases.leaves[node - count].to_owned(),
        };
        path.iter().map(name).collect()
    }
}
