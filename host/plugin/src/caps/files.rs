//! `files`: reading files of the node. Granted by path; what a link leads to is granted by its real path. Secrets are
//! granted by their whole path only, never by a pattern.

use kubephase_model::plugin::grants::is_normal_path;
use kubephase_model::plugin::is_private;
use kubephase_node::Seen;

use super::refusal::{denied, failure, invalid};
use crate::bindings::kubephase::plugin::files::{Host, Stat};
use crate::bindings::kubephase::plugin::types::Failure;
use crate::sandbox::State;
use crate::world::Spot;

/// The longest file that is read, in bytes.
const LONGEST: usize = 1 << 20;
/// The most names of a directory.
const NAMES: usize = 10_000;

impl State {
    fn may_read(&self, path: &str) -> bool {
        self.grants.allows_file(path)
    }

    /// Whether it may be known that something is there: it is granted, or on the way to what is.
    fn may_see(&self, path: &str) -> bool {
        self.may_read(path) || self.grants.leads_to_file(path)
    }

    /// Finds what `allowed` allows, by the path that was asked for and by the real one.
    async fn find(&mut self, path: &str, allowed: fn(&Self, &str) -> bool) -> Result<Option<Spot>, Failure> {
        if !is_normal_path(path) {
            let shown = path.escape_debug();
            return Err(invalid(format!("`{shown}` is no absolute path, or has `.`, `..`, or `//` in it")));
        }
        if !allowed(self, path) {
            return Err(denied("files", path, format!("{path} is not granted")));
        }
        let Some(spot) = self.world.find(path).await? else { return Ok(None) };
        if !allowed(self, &spot.path) {
            let what = format!("{path} leads to {}, which is not granted", spot.path);
            return Err(denied("files", &spot.path, what));
        }
        Ok(Some(spot))
    }

    async fn contents(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let Some(spot) = self.find(path, Self::may_read).await? else {
            return Err(failure("not-found", format!("there is no {path}")));
        };
        let in_full = self.grants.files.contains(&spot.path);
        if (spot.private || is_private(&spot.path)) && !in_full {
            let what = format!("{} is not for everybody's eyes, so no pattern grants it", spot.path);
            return Err(denied("files", &spot.path, what));
        }
        Ok(spot.read(LONGEST).await?)
    }

    async fn names(&mut self, path: &str) -> Result<Vec<String>, Failure> {
        let Some(spot) = self.find(path, Self::may_see).await? else {
            return Err(failure("not-found", format!("there is no {path}")));
        };
        let mut names = spot.list(NAMES).await?;
        let above = spot.path.trim_end_matches('/');
        names.retain(|name| self.may_see(&format!("{above}/{name}")));
        Ok(names)
    }
}

impl Host for State {
    async fn read(&mut self, path: String) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        Ok(self.contents(&path).await)
    }

    async fn read_text(&mut self, path: String) -> wasmtime::Result<Result<String, Failure>> {
        let text = |bytes| String::from_utf8(bytes).map_err(|_| invalid(format!("{path} is not UTF-8")));
        Ok(self.contents(&path).await.and_then(text))
    }

    async fn list_directory(&mut self, path: String) -> wasmtime::Result<Result<Vec<String>, Failure>> {
        Ok(self.names(&path).await)
    }

    async fn look(&mut self, path: String) -> wasmtime::Result<Result<Option<Stat>, Failure>> {
        Ok(self.find(&path, Self::may_see).await.map(|spot| spot.map(stat)))
    }
}

fn stat(spot: Spot) -> Stat {
    let kind = match spot.kind {
        Seen::File => "file",
        Seen::Directory => "directory",
        Seen::Other => "other",
    };
    let (owner, group) = spot.owner;
    Stat { kind: kind.to_owned(), size: spot.size, mode: spot.mode, owner, group, attributes: Vec::new() }
}

#[cfg(test)]
mod tests;
