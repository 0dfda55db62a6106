//! What was written into one file, as far as it may be kept: to tell later what others have changed about it.

use kubephase_model::File;
use kubephase_node::{FileError, Node};
use serde::{Deserialize, Serialize};

use super::digest_of;

/// Longer texts are not kept: what we write is manifests and configurations.
const LONGEST: usize = 64 << 10;

/// A file as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// [`digest_of`] the contents.
    pub digest: String,
    /// Permission bits.
    pub mode: u32,
    /// The contents, if they are text and no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Written {
    /// The file as it is now, or is about to be. `None` if it is not there.
    pub fn now(node: &Node, path: &str, secret: bool) -> Result<Option<Self>, FileError> {
        let Some(contents) = node.read(path)? else { return Ok(None) };
        let mode = node.mode(path).unwrap_or(File::public("", "").mode);
        let digest = digest_of(&contents);
        let text = String::from_utf8(contents).ok().filter(|text| !secret && text.len() <= LONGEST);
        Ok(Some(Self { digest, mode, text }))
    }
}
