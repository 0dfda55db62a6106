//! The EncryptionConfiguration (`apiserver.config.k8s.io/v1`), with a placeholder where the key will be.

use kubephase_sdk::prelude::*;

use crate::Settings;

/// What kubephase replaces by the key.
const KEY: &str = "KEY-MADE-BY-KUBEPHASE";
/// Both providers want 32 bytes: XSalsa20's key, and AES-256's.
const KEY_BYTES: u32 = 32;

/// The file. It is made once: while it exists, kubephase keeps it, so a changed setting changes nothing in it.
pub fn file(settings: &Settings) -> File {
    File::new(&settings.file, 0o600, text(settings)).secret().fill(Random::base64(KEY, KEY_BYTES))
}

/// Its contents. `identity` comes last, so that what was stored before can still be read; new values are encrypted.
fn text(settings: &Settings) -> String {
    let resources: String = settings.resources.iter().map(|resource| format!("  - {}\n", quoted(resource))).collect();
    format!(
        "# Made once by kubephase's plugin encryption-at-rest, and kept. Without this file nothing that was stored with it\n\
         # can be read again: keep a copy in a safe place, and the same file on every control-plane node.\n\
         apiVersion: apiserver.config.k8s.io/v1\n\
         kind: EncryptionConfiguration\n\
         resources:\n\
         - resources:\n\
         {resources}  providers:\n  - {provider}:\n      keys:\n      - name: {name}\n        secret: {KEY}\n  - identity: {{}}\n",
        provider = settings.provider.name(),
        name = quoted(&settings.key_name),
    )
}

/// A scalar in double quotes: names of resources and keys need no escapes, and `*.*` would be an alias without.
fn quoted(value: &str) -> String {
    Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_kube_apiserver_reads() {
        let settings = Settings { resources: vec!["secrets".into(), "*.example.org".into()], ..Settings::default() };
        let expected = "\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources:
  - \"secrets\"
  - \"*.example.org\"
  providers:
  - secretbox:
      keys:
      - name: \"key1\"
        secret: KEY-MADE-BY-KUBEPHASE
  - identity: {}
";
        assert_eq!(text(&settings).lines().skip(2).map(|line| format!("{line}\n")).collect::<String>(), expected);
    }
}
