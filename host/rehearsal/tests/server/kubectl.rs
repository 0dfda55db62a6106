//! kubectl, where it is installed: `KUBECTL` names it, or it is found in `PATH`. The judge of the wire protocol is a
//! client that knows nothing of us.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::cluster::Cluster;

/// Its path; or says that the test did not run, past the harness, which hides the output of tests that pass.
fn kubectl(test: &str) -> Option<String> {
    let named = std::env::var("KUBECTL").ok().filter(|path| !path.is_empty());
    let paths = std::env::var("PATH").unwrap_or_default();
    let mut found = paths.split(':').map(|folder| format!("{folder}/kubectl")).filter(|path| Path::new(path).is_file());
    let found = named.or_else(|| found.next());
    if found.is_none() {
        let line = format!("SKIPPED {test}: no kubectl in PATH and none named by KUBECTL\n");
        // Nowhere to say it is no reason to fail.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    found
}

struct Shell {
    program: String,
    folder: tempfile::TempDir,
}

/// What it said, both streams together, and whether it succeeded.
struct Said {
    ok: bool,
    text: String,
}

impl Said {
    #[track_caller]
    fn ok(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }

    #[track_caller]
    fn failed(self) -> String {
        assert!(!self.ok, "{}", self.text);
        self.text
    }
}

impl Shell {
    fn new(test: &str, cluster: &Cluster) -> Option<Self> {
        let program = kubectl(test)?;
        let folder = tempfile::tempdir().expect("a folder");
        let config = cluster.kubeconfig("admin", &["system:masters"]);
        std::fs::write(folder.path().join("config"), config).expect("written");
        Some(Self { program, folder })
    }

    async fn run(&self, line: &str, input: &str) -> Said {
        let mut child = Command::new(&self.program)
            .args(line.split(' '))
            .env_clear()
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.folder.path().join("config"))
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).await.expect("written");
        drop(stdin);
        let limit = std::time::Duration::from_secs(60);
        let output = tokio::time::timeout(limit, child.wait_with_output()).await.expect("in time").expect("it ran");
        let text = [output.stdout, output.stderr].concat();
        Said { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {l: m}}\ndata: {a: b}\n";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: 'i:1'}]}
";

#[tokio::test]
async fn kubectl_reads_and_writes() {
    let cluster = Cluster::start().await;
    let Some(shell) = Shell::new("kubectl_reads_and_writes", &cluster) else { return };
    let run = |line: &'static str| shell.run(line, "");
    assert_eq!(shell.run("apply -f -", CONFIG).await.ok().trim(), "configmap/x created");
    assert_eq!(shell.run("apply -f -", CONFIG).await.ok().trim(), "configmap/x unchanged");
    let other = CONFIG.replace("a: b", "a: c");
    assert!(shell.run("diff -f -", &other).await.failed().contains("+  a: c"));
    assert_eq!(shell.run("apply -f -", &other).await.ok().trim(), "configmap/x configured");
    assert_eq!(run("get configmap x -o jsonpath={.data.a}").await.ok(), "c");
    assert!(run("get configmap -A -l l=m -o wide").await.ok().starts_with("NAMESPACE   NAME   DATA   AGE\ndefault"));
    assert!(run("get configmap x -o yaml").await.ok().contains("\ndata:\n  a: c\n"));
    assert!(run("describe configmap x").await.ok().contains("Namespace:    default"));
    assert!(run("label configmap x l=n --overwrite").await.ok().contains("configmap/x labeled"));
    run("wait --for=jsonpath={.metadata.labels.l}=n configmap/x --timeout=10s").await.ok();

    // Server-side apply: the same fields have two owners now, and the second cannot change what is the first one's.
    assert!(shell.run("apply --server-side --field-manager=one -f -", &other).await.failed().contains("conflict"));
    let forced = shell.run("apply --server-side --force-conflicts --field-manager=one -f -", &other).await.ok();
    assert_eq!(forced.trim(), "configmap/x serverside-applied");
    let conflict = shell.run("apply --server-side --field-manager=two -f -", CONFIG).await.failed();
    assert!(conflict.contains("conflict with \"one\": .data.a"), "{conflict}");

    assert!(run("delete configmap x").await.ok().contains("configmap \"x\" deleted"));
    run("wait --for=delete configmap/x --timeout=10s").await.ok();
    let missing = run("get configmap x").await.failed();
    assert_eq!(missing.trim(), "Error from server (NotFound): configmaps \"x\" not found");
    let unknown = format!("{CONFIG}foo: 1\n");
    let refused = shell.run("create -f -", &unknown).await.failed();
    assert!(refused.contains("unknown field \"foo\""), "{refused}");
}

#[tokio::test]
async fn kubectl_knows_the_kinds() {
    let cluster = Cluster::start().await;
    let Some(shell) = Shell::new("kubectl_knows_the_kinds", &cluster) else { return };
    let run = |line: &'static str| shell.run(line, "");
    let kinds = run("api-resources").await.ok();
    for part in ["deployments", "cm ", "csr ", "SelfSubjectAccessReview", "rbac.authorization.k8s.io/v1"] {
        assert!(kinds.contains(part), "no {part:?} in\n{kinds}");
    }
    assert!(run("api-versions").await.ok().contains("apps/v1\n"));
    assert!(run("explain deployment.spec.replicas").await.ok().contains("FIELD: replicas <integer>"));
    assert!(run("version").await.ok().contains("Server Version: v1.36.2"));
    assert_eq!(shell.run("apply -f -", DEPLOYMENT).await.ok().trim(), "deployment.apps/web created");
    let wide = run("get deployment web -o wide").await.ok();
    assert!(
        wide.starts_with("NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES   SELECTOR\nweb    0/2"),
        "{wide}"
    );
    run("scale deployment web --replicas=3").await.ok();
    assert_eq!(run("get deployment web -o jsonpath={.spec.replicas}").await.ok(), "3");
    assert!(run("describe deployment web").await.ok().contains("3 desired"));
    run("delete deployment web --cascade=foreground").await.ok();
    assert_eq!(run("create namespace n").await.ok().trim(), "namespace/n created");
    assert_eq!(run("create serviceaccount s -n n").await.ok().trim(), "serviceaccount/s created");
    run("delete namespace n --timeout=20s").await.ok();
    assert!(run("get serviceaccount -n n").await.ok().contains("No resources found"));
}

#[tokio::test]
async fn kubectl_asks_what_it_may() {
    let cluster = Cluster::start().await;
    let Some(shell) = Shell::new("kubectl_asks_what_it_may", &cluster) else { return };
    let run = |line: &'static str| shell.run(line, "");
    assert_eq!(run("auth can-i create pods").await.ok().trim(), "yes");
    let list = run("auth can-i --list").await.ok();
    assert!(list.contains("*.*"), "{list}");
    let me = run("auth whoami").await.ok();
    assert!(me.contains("admin") && me.contains("system:masters"), "{me}");
    run("create clusterrole ask --verb=create --resource=selfsubjectaccessreviews.authorization.k8s.io").await.ok();
    run("create clusterrolebinding ask --clusterrole=ask --user=u").await.ok();
    assert_eq!(run("auth can-i create pods --as u").await.failed().trim(), "no");
    run("create role pods --verb=create --resource=pods").await.ok();
    run("create rolebinding pods --role=pods --user=u").await.ok();
    assert_eq!(run("auth can-i create pods --as u").await.ok().trim(), "yes");
    let denied = run("get secrets --as u").await.failed();
    assert!(denied.contains("User \"u\" cannot list resource \"secrets\" in API group \"\""), "{denied}");
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: foos.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: foos, kind: Foo, shortNames: [fo], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
";

const FOO: &str = "apiVersion: example.com/v1\nkind: Foo\nmetadata: {name: a}\nspec: {size: 3}\n";

#[tokio::test]
async fn kubectl_works_with_declared_kinds() {
    let cluster = Cluster::start().await;
    let Some(shell) = Shell::new("kubectl_works_with_declared_kinds", &cluster) else { return };
    let run = |line: &'static str| shell.run(line, "");
    shell.run("apply -f -", DEFINITION).await.ok();
    run("wait --for=condition=Established crd/foos.example.com --timeout=10s").await.ok();
    assert_eq!(shell.run("apply -f -", FOO).await.ok().trim(), "foo.example.com/a created");
    assert_eq!(shell.run("apply -f -", FOO).await.ok().trim(), "foo.example.com/a unchanged");
    let other = FOO.replace("size: 3", "size: 4");
    assert_eq!(shell.run("apply -f -", &other).await.ok().trim(), "foo.example.com/a configured");
    let forced = shell.run("apply --server-side --force-conflicts -f -", FOO).await.ok();
    assert_eq!(forced.lines().last(), Some("foo.example.com/a serverside-applied"));
    assert_eq!(run("get fo").await.ok(), "NAME   SIZE\na      3\n");
    assert!(run("get all").await.ok().contains("foo.example.com/a"));
    assert!(run("describe foo a").await.ok().contains("Size:  3"));
    assert!(run("delete foo a").await.ok().contains("foo.example.com \"a\" deleted"));
    run("delete crd foos.example.com").await.ok();
    assert!(run("get foos").await.failed().contains("the server"));
}

#[tokio::test]
async fn kubectl_creates_and_connects_or_is_told_why_not() {
    let cluster = Cluster::start().await;
    let Some(shell) = Shell::new("kubectl_creates_and_connects_or_is_told_why_not", &cluster) else { return };
    let run = |line: &'static str| shell.run(line, "");
    run("create deployment d --image=i:1 --replicas=0 --port=80").await.ok();
    let spec = run("get deployment d -o jsonpath={.spec.replicas}{.spec.template.spec.containers[0]['image','ports']}");
    assert!(spec.await.ok().starts_with("0i:1"));
    run("create job j --image=i -- sleep 1").await.ok();
    assert_eq!(
        run("get job j -o jsonpath={.spec.template.spec.containers[0].command}").await.ok(),
        "[\"sleep\",\"1\"]"
    );
    run("create cronjob c --image=i --schedule=@daily").await.ok();
    run("create quota q --hard=pods=3,cpu=1500m").await.ok();
    assert_eq!(run("get quota q -o jsonpath={.spec.hard}").await.ok(), "{\"cpu\":\"1500m\",\"pods\":\"3\"}");
    run("create pdb b --selector=a=b --min-available=0").await.ok();
    run("create priorityclass high --value=5").await.ok();
    run("run p --image=i --env=A=b").await.ok();
    let unknown = run("create ingress x --rule=a/b=c:80").await.failed();
    assert!(unknown.contains("kubectl apply -f"), "{unknown}");

    let large = shell.folder.path().join("large");
    std::fs::write(&large, "x".repeat(1024 * 1024 + 1)).expect("written");
    for (kind, path) in [("configmap", "[]"), ("secret generic", "data")] {
        let refused = shell.run(&format!("create {kind} large --from-file={}", large.display()), "").await.failed();
        let told = format!(" \"large\" is invalid: {path}: Too long: may not be more than 1048576 bytes");
        assert!(refused.contains(&told), "{refused}");
    }

    assert!(run("logs nosuch").await.failed().contains("pods \"nosuch\" not found"));
    assert!(run("logs p").await.failed().contains("pod p does not have a host assigned"));
    let placed =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec: {nodeName: one, containers: [{name: c, image: i}]}\n";
    shell.run("create -f -", placed).await.ok();
    let told = "the node \"one\" is only pretended";
    for line in ["logs q", "exec q -- ls", "attach q", "get --raw /api/v1/namespaces/default/pods/q/portforward"] {
        let failed = shell.run(line, "").await.failed();
        assert!(failed.contains(told), "{line}: {failed}");
    }
    run("get --raw /metrics").await.ok();
    assert!(run("get --raw /metrics --as u").await.failed().contains("cannot get path \"/metrics\""));
}
