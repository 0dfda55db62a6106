//! Plugins in a bundle, beside the images: blobs as any other, and a file that names them, which other readers of image
//! layouts pass over. What a plugin is nobody here knows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::archive::{Contents, Writer};
use super::digest::Digest;
use super::error::{ImagesError, Problems};
use super::layout::DOCUMENT_LIMIT;

/// The file that names them.
const FILE: &str = "kubephase-plugins.json";
/// What a component may have, and its signatures.
const LIMIT: u64 = 64 << 20;
/// Nobody has more.
const PLUGINS: usize = 1000;

/// A plugin that travels in a bundle.
#[derive(Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub component: Vec<u8>,
    /// A file of its signatures; empty if it has none.
    pub signatures: Vec<u8>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.component.len())
    }
}

impl Carried {
    /// Digest of its component.
    pub fn digest(&self) -> String {
        Digest::of(&self.component).to_string()
    }
}

#[derive(Deserialize, Serialize)]
struct List {
    plugins: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    name: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signatures: Option<String>,
}

/// Writes them behind the images' blobs, of which `there` are those that need not come twice.
pub fn write(writer: &mut Writer, plugins: &[Carried], mut there: BTreeSet<String>) -> Result<(), ImagesError> {
    if plugins.is_empty() {
        return Ok(());
    }
    let mut entries = Vec::new();
    for plugin in plugins {
        let mut blob = |bytes: &[u8]| -> Result<String, ImagesError> {
            let digest = Digest::of(bytes);
            if there.insert(digest.to_string()) {
                writer.file(&digest.path(), bytes)?;
            }
            Ok(digest.to_string())
        };
        let digest = blob(&plugin.component)?;
        let signatures = if plugin.signatures.is_empty() { None } else { Some(blob(&plugin.signatures)?) };
        entries.push(Entry { name: plugin.name.clone(), digest, signatures });
    }
    // Structs with text: nothing of them can fail.
    writer.file(FILE, &serde_json::to_vec(&List { plugins: entries }).unwrap_or_default())
}

/// Those of a bundle whose blobs have been verified.
pub fn read(contents: &Contents<'_>, problems: &mut Problems) -> Result<Vec<Carried>, ImagesError> {
    if contents.size(FILE).is_none() {
        return Ok(Vec::new());
    }
    let list = contents.read(FILE, DOCUMENT_LIMIT)?;
    let list = list.and_then(|list| serde_json::from_slice::<List>(&list).ok());
    let Some(List { plugins }) = list.filter(|list| list.plugins.len() <= PLUGINS) else {
        problems.push(format!("its {FILE} cannot be read"));
        return Ok(Vec::new());
    };
    let mut carried = Vec::new();
    for Entry { name, digest, signatures } in plugins {
        if name.is_empty() || name.len() > 253 || name.chars().any(|c| c.is_control() || c == ' ') {
            problems.push(format!("its {FILE} has an improper name for the plugin {}", digest.escape_debug()));
            continue;
        }
        let mut blob = |digest: &str, what: &str| -> Result<Option<Vec<u8>>, ImagesError> {
            let bytes = match Digest::parse(digest) {
                Some(digest) => contents.read(&digest.path(), LIMIT)?,
                None => None,
            };
            if bytes.is_none() {
                problems.push(format!("its {what} `{name}` ({}) is missing, or too large", digest.escape_debug()));
            }
            Ok(bytes)
        };
        let component = blob(&digest, "plugin")?;
        let signatures = match signatures {
            Some(digest) => blob(&digest, "signature of the plugin")?,
            None => Some(Vec::new()),
        };
        if let (Some(component), Some(signatures)) = (component, signatures) {
            carried.push(Carried { name, component, signatures });
        }
    }
    Ok(carried)
}
