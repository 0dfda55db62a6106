//! How the kernel was built: the first of the places where distributions keep its configuration. As `KernelValidator`
//! of k8s.io/system-validators looks.

use std::collections::BTreeMap;
use std::io::Read;

use crate::exec::{Command, ExecError};
use crate::probe::kernel_release;
use crate::{FileError, Node};

/// A configuration is a few hundred KiB; what unpacks to more than this is none.
const LIMIT: u64 = 32 << 20;

/// Options of the running kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    /// The file that they were read from.
    pub source: String,
    /// `CONFIG_…` names without that prefix, with `y`, `m` or `n`; options with other values are not there.
    pub options: BTreeMap<String, char>,
}

impl KernelConfig {
    /// True if it is built in or a module.
    pub fn has(&self, option: &str) -> bool {
        matches!(self.options.get(option), Some('y' | 'm'))
    }
}

/// The configuration could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KernelConfigError {
    /// It is in none of the usual places.
    #[error("cannot find the kernel's configuration in any of {}", places.join(", "))]
    Missing {
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// It is in none of the usual places, and the module that would show it does not load.
    #[error("cannot find the kernel's configuration, and cannot load the module that shows it")]
    Module(#[source] ExecError),
    /// It cannot be read.
    #[error("cannot read the kernel's configuration")]
    File(#[source] FileError),
    /// It is no gzip file.
    #[error("cannot unpack {path}")]
    Unpack {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the configuration of a release may be, best first.
fn places(release: &str) -> Vec<String> {
    vec![
        "/proc/config.gz".into(),
        format!("/boot/config-{release}"),
        format!("/usr/src/linux-{release}/.config"),
        "/usr/src/linux/.config".into(),
        format!("/usr/lib/modules/{release}/config"),
        format!("/usr/lib/ostree-boot/config-{release}"),
        format!("/usr/lib/kernel/config-{release}"),
        format!("/usr/src/linux-headers-{release}/.config"),
        format!("/lib/modules/{release}/build/.config"),
    ]
}

/// Finds and reads it. If it is nowhere, the module `configs` is loaded to look again and unloaded afterwards, but not
/// in a dry run.
pub async fn kernel_config(node: &Node) -> Result<KernelConfig, KernelConfigError> {
    let places = places(&kernel_release(node));
    if let Some(config) = first(node, &places)? {
        return Ok(config);
    }
    if node.is_dry_run() {
        return Err(KernelConfigError::Missing { places });
    }
    let load = Command::act("load the kernel module configs", "modprobe", ["configs"]);
    node.run_ok(&load).await.map_err(KernelConfigError::Module)?;
    let config = first(node, &places);
    let unload = Command::act("unload the kernel module configs", "modprobe", ["-r", "configs"]);
    // A module that stays loaded does no harm.
    let _ = node.run(&unload).await;
    config?.ok_or(KernelConfigError::Missing { places })
}

fn first(node: &Node, places: &[String]) -> Result<Option<KernelConfig>, KernelConfigError> {
    let Some(path) = places.iter().find(|path| node.exists(path)) else { return Ok(None) };
    let bytes = node.read(path).map_err(KernelConfigError::File)?.unwrap_or_default();
    let text = if path.ends_with(".gz") {
        let mut text = Vec::new();
        let unpacked = flate2::read::GzDecoder::new(&*bytes).take(LIMIT).read_to_end(&mut text);
        unpacked.map_err(|source| KernelConfigError::Unpack { path: path.clone(), source })?;
        text
    } else {
        bytes
    };
    let options = String::from_utf8_lossy(&text).lines().filter_map(option).collect();
    Ok(Some(KernelConfig { source: path.clone(), options }))
}

/// Lines of the form `CONFIG_NAME=y`; anything after the value's first letter is not looked at.
fn option(line: &str) -> Option<(String, char)> {
    let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let value = value.chars().next().filter(|value| matches!(value, 'y' | 'm' | 'n'))?;
    (!name.is_empty() && name.chars().all(plain)).then(|| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;
    use kubephase_model::File;
    use std::io::Write;

    fn node(root: &tempfile::TempDir) -> Node {
        Node::fixed(root.path(), Ambient { kernel_release: "6.1.0-9".into(), ..Ambient::default() })
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future)
    }

    const TEXT: &str =
        "# comment\nCONFIG_NAMESPACES=y\nCONFIG_OVERLAY_FS=m\nCONFIG_HZ=250\n# CONFIG_AUFS_FS is not set\n";

    #[test]
    fn the_best_place_wins() {
        let root = tempfile::tempdir().expect("a root");
        let node = node(&root);
        node.ensure(&File::public("/boot/config-6.1.0-9", TEXT)).expect("written");
        let config = block_on(kernel_config(&node)).expect("found");
        assert_eq!(config.source, "/boot/config-6.1.0-9");
        assert!(config.has("NAMESPACES") && config.has("OVERLAY_FS") && !config.has("HZ") && !config.has("AUFS_FS"));
        assert_eq!(config.options.len(), 2);

        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"CONFIG_MEMCG=y\n").expect("packed");
        node.ensure(&File::public("/proc/config.gz", packed.finish().expect("packed"))).expect("written");
        let config = block_on(kernel_config(&node)).expect("found");
        assert_eq!((&*config.source, config.has("MEMCG"), config.has("NAMESPACES")), ("/proc/config.gz", true, false));

        node.ensure(&File::public("/proc/config.gz", "not gzip")).expect("written");
        let error = block_on(kernel_config(&node)).expect_err("broken");
        assert_eq!(error.to_string(), "cannot unpack /proc/config.gz");
    }

    #[test]
    fn the_module_is_the_last_resort() {
        let root = tempfile::tempdir().expect("a root");
        let node = node(&root);
        let error = block_on(kernel_config(&node)).expect_err("nowhere, and no modprobe");
        assert!(matches!(error, KernelConfigError::Module(ExecError::NotFound { .. })), "{error}");
        let place = root.path().join("usr/src/linux");
        crate::exec::tests::script(
            &node,
            "modprobe",
            &format!("[ $1 = configs ] && mkdir -p {0} && echo CONFIG_INET=y > {0}/.config", place.display()),
        );
        // The fixed machine has no PATH, so the shell finds mkdir by its own default.
        assert!(block_on(kernel_config(&node)).expect("loaded").has("INET"));
        assert_eq!(node.changes().len(), 2, "loaded and unloaded");
    }

    #[test]
    fn a_dry_run_loads_no_module() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let node = Node::dry_run_fixed(root.path(), scratch.path(), Ambient::default());
        assert!(matches!(block_on(kernel_config(&node)), Err(KernelConfigError::Missing { .. })));
        assert_eq!(node.changes(), []);
    }
}
