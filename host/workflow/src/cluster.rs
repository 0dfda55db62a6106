//! Reaching a cluster by a kubeconfig file.

pub mod stored;

use std::time::Duration;

use kubephase_model::layout;
use kubephase_node::Node;
use kubephase_node::kube::{Api, Endpoint};
use kubephase_render::kubeconfig::{Kubeconfig, Material};

use crate::error::PhaseError;

/// How long a call is tried for a command that somebody waits for.
const DEADLINE: Duration = Duration::from_secs(10);

/// The API server of the file's current context, as its user. Nothing is asked yet. Calls are tried for ten seconds.
pub fn connect(node: &Node, path: &str) -> Result<Api, PhaseError> {
    connect_to(node, path, None)
}

/// The same at another URL: this node's own API server instead of the load balancer.
pub fn connect_to(node: &Node, path: &str, server: Option<&str>) -> Result<Api, PhaseError> {
    let bytes = node.read(path)?.ok_or_else(|| PhaseError::NoKubeconfig { path: path.to_owned() })?;
    let fail = |source| PhaseError::Kubeconfig { path: path.to_owned(), source };
    let kubeconfig = Kubeconfig::parse(&bytes).map_err(fail)?;
    // Relative paths begin where the file is (client-go's `ResolveLocalPaths`).
    let read = |file: &str| -> Result<Vec<u8>, PhaseError> {
        let directory = path.rsplit_once('/').map_or(".", |(directory, _)| directory);
        let place = if file.starts_with('/') { file.to_owned() } else { format!("{directory}/{file}") };
        node.read(&place)?.ok_or_else(|| PhaseError::KubeconfigNames { path: path.to_owned(), file: place })
    };
    let load = |material: Option<Material>| match material {
        Some(Material::Inline(bytes)) => Ok(Some(bytes)),
        Some(Material::Path(file)) => read(&file).map(Some),
        None => Ok(None),
    };
    if let Some(way) = kubeconfig.foreign_credentials().map_err(fail)? {
        return Err(PhaseError::ForeignCredentials { path: path.to_owned(), way });
    }
    let certificate = load(kubeconfig.client_certificate().map_err(fail)?)?;
    let key = load(kubeconfig.client_key().map_err(fail)?)?;
    let token = match (kubeconfig.token_file().map_err(fail)?, kubeconfig.token().map_err(fail)?) {
        (Some(file), _) => Some(String::from_utf8_lossy(&read(file)?).trim().to_owned()),
        (None, token) => token.map(str::to_owned),
    };
    let endpoint = Endpoint {
        server: match server {
            Some(server) => server.to_owned(),
            None => kubeconfig.server().map_err(fail)?.to_owned(),
        },
        ca: load(kubeconfig.ca().map_err(fail)?)?,
        identity: certificate.zip(key),
        token,
        tls_server_name: kubeconfig.tls_server_name().map_err(fail)?.map(str::to_owned),
        proxy: kubeconfig.proxy().map_err(fail)?.map(str::to_owned),
        insecure: kubeconfig.is_insecure().map_err(fail)?,
    };
    let api = node.api(&endpoint)?.within(DEADLINE);
    // What a dry run has just made up belongs to a cluster that does not exist.
    if node.made_by_dry_run(path) {
        api.nobody_there();
    }
    Ok(api)
}

/// Which kubeconfig file commands use that work on a cluster (kubeadm's `GetKubeConfigPath`): the one that is named, the
/// first that exists of those that kubectl would use, or the administrator's.
pub fn find_kubeconfig(node: &Node, named: Option<&str>) -> String {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return named.to_owned();
    }
    let kubectls = node.env("KUBECONFIG").or_else(|| node.env("HOME").map(|home| format!("{home}/.kube/config")));
    let mut candidates = kubectls.iter().flat_map(|list| list.split(':')).filter(|path| !path.is_empty());
    candidates.find(|path| node.exists(path)).map_or_else(|| layout::ADMIN_CONF.to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;
    use kubephase_node::Ambient;

    use super::*;

    fn kubeconfig(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://192.0.2.1:6443', {cluster}}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    fn connected(cluster: &str, user: &str) -> Result<String, String> {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let put = |path: &str, text: &str| node.ensure(&File::secret(path, text)).map(drop).expect("written");
        put("/home/me/.kube/config", &kubeconfig(cluster, user));
        put("/home/me/.kube/token", "a-token\n");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _entered = runtime.enter();
        let api = connect(&node, "/home/me/.kube/config").map_err(|error| error.to_string())?;
        Ok(api.server().to_owned())
    }

    #[test]
    fn files_are_found_beside_the_kubeconfig_and_what_is_missing_is_named() {
        assert_eq!(
            connected("insecure-skip-tls-verify: true", "tokenFile: token"),
            Ok("https://192.0.2.1:6443".into())
        );
        let missing =
            "using the kubeconfig file /home/me/.kube/config: /home/me/.kube/ca.crt, which it names, does not exist";
        assert_eq!(connected("certificate-authority: ca.crt", "token: x"), Err(missing.into()));
        let foreign =
            "using the kubeconfig file /home/me/.kube/config: its user has only `exec` to get credentials from";
        assert_eq!(connected("", "exec: {command: login}"), Err(foreign.into()));
    }

    #[test]
    fn the_file_is_the_named_one_kubectls_or_the_administrators() {
        let root = tempfile::tempdir().expect("a root");
        let put = |path: &str| Node::at(root.path()).ensure(&File::secret(path, "x")).map(drop).expect("written");
        let node = |env: &[(&str, &str)]| {
            let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Node::fixed(root.path(), Ambient { env, ..Ambient::default() })
        };
        let home = node(&[("HOME", "/home/me")]);
        assert_eq!(find_kubeconfig(&home, None), "/etc/kubernetes/admin.conf");
        put("/home/me/.kube/config");
        put("/second");
        assert_eq!(find_kubeconfig(&home, None), "/home/me/.kube/config");
        assert_eq!(find_kubeconfig(&home, Some("/named")), "/named");
        assert_eq!(find_kubeconfig(&node(&[("KUBECONFIG", "/first:/second"), ("HOME", "/home/me")]), None), "/second");
    }
}
