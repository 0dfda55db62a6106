//! Which images plugins bring: to be listed, pulled and bundled beside the cluster's own.

use futures_util::future::join_all;
use kubephase_model::plugin::Kind;

use super::error::PluginError;
use crate::extension::Extension;

/// The images of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginImages {
    /// Its name.
    pub plugin: String,
    /// References, in its order.
    pub images: Vec<String>,
    /// Why they are not known, of a plugin whose failures are only told.
    pub warning: Option<String>,
}

/// The images of every addon, asked for at the same time, in the plugins' order.
pub async fn images(extension: &dyn Extension) -> Result<Vec<PluginImages>, PluginError> {
    let addons: Vec<_> = extension.plugins().iter().filter(|plugin| plugin.is(Kind::Addon)).collect();
    let asked = join_all(addons.iter().map(|plugin| extension.images(plugin.name()))).await;
    let mut all = Vec::new();
    for (plugin, answer) in addons.into_iter().zip(asked) {
        let (images, warning) = match answer.map_err(PluginError::from) {
            Ok(images) => (images, None),
            Err(error) if plugin.entry.only_warns() => (Vec::new(), Some(super::forgiven(&error))),
            Err(error) => return Err(error),
        };
        all.push(PluginImages { plugin: plugin.name().to_owned(), images, warning });
    }
    Ok(all)
}
