//! Proxies that the environment names. Only a process of its own can have an environment of its own.

use std::process::Command;

use kubephase_artifact::Digest;

use crate::bench::{Bench, COMPONENT, block_on};
use crate::fake::{Asked, Fake};
use crate::published::answer;

/// Set in the process that has a proxy.
const CHILD: &str = "KUBEPHASE_TEST_BEHIND_PROXY";
const HOST: &str = "registry.example:5000";

#[test]
fn the_environments_proxy_is_used() {
    if std::env::var(CHILD).is_ok() {
        let bench = Bench::new(HOST, None);
        let pulled = block_on(bench.registry().pull(&bench.location("x:1"), None)).expect("through the proxy");
        assert_eq!(pulled.component, COMPONENT);
        return;
    }
    let proxy = Fake::new(|asked| {
        let target = asked.target.strip_prefix(&format!("http://{HOST}")).unwrap_or("/nothing").to_owned();
        answer(&Asked { target, ..asked.clone() })
    });
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "proxy::the_environments_proxy_is_used"])
        .env(CHILD, "1")
        .env("http_proxy", format!("http://{}", proxy.host))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .env_remove("REQUEST_METHOD")
        .output()
        .expect("it runs");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let asked = ["manifests/1".to_owned(), format!("blobs/{}", Digest::of(COMPONENT))];
    assert_eq!(proxy.lines(), asked.map(|rest| format!("GET http://{HOST}/v2/x/{rest}")));
}
