//! The configuration of plugins as the cluster keeps it, for nodes that join: the ConfigMap `kubephase-config`.

use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_node::kube::Api;
use kubephase_render::objects::KUBE_SYSTEM;
use kubephase_render::objects::kubephase_config::{self, PLUGIN_CONFIGURATION as KEY};
use serde_json::Value;

use super::error::PluginError;

fn name() -> ObjectRef {
    ObjectRef::new(&CONFIG_MAP, Some(KUBE_SYSTEM), kubephase_config::NAME)
}

/// Whether it has an entry for the plugin.
pub async fn is_stored(api: &Api, plugin: &str) -> Result<bool, PluginError> {
    let found = api.get(&name()).await.map_err(PluginError::api(plugin))?;
    Ok(found.is_some_and(|found| without(&found, plugin).is_some()))
}

/// Takes the plugin's entry out. One that is not there is no error.
pub async fn forget(api: &Api, plugin: &str) -> Result<(), PluginError> {
    if !is_stored(api, plugin).await? {
        return Ok(());
    }
    let take_out = |found: &mut Value| {
        if let Some(rest) = without(found, plugin) {
            found["data"][KEY] = rest.into();
        }
    };
    api.mutate(&name(), &take_out).await.map_err(PluginError::api(plugin))?;
    Ok(())
}

/// The stored text without the plugin's entry; `None` if it has none.
fn without(found: &Value, plugin: &str) -> Option<String> {
    let text = found.pointer("/data")?.get(KEY)?.as_str()?;
    let mut config: Value = serde_yaml::from_str(text).ok()?;
    let plugins = config.get_mut("plugins")?.as_array_mut()?;
    let before = plugins.len();
    plugins.retain(|entry| entry["name"] != plugin);
    (plugins.len() < before).then(|| kubephase_render::yaml(&config))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_entry_goes_and_the_others_stay() {
        let text = "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\nplugins:\n- name: a\n- name: b\n";
        let found = json!({ "data": { KEY: text } });
        let rest = without(&found, "a").expect("it is there");
        assert!(rest.contains("name: b") && !rest.contains("name: a"), "{rest}");
        assert_eq!(without(&found, "c"), None);
        assert_eq!(without(&json!({}), "a"), None);
    }
}
