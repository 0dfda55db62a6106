use super::*;

fn read(text: &str, command: Command) -> (Documents, Report) {
    let source = Arc::new(Source { name: "c.yaml".into(), text: text.into() });
    let mut report = Report::default();
    let documents = load(&source, command, &mut report);
    (documents, report)
}

#[track_caller]
fn one_problem(text: &str, command: Command) -> Problem {
    let (_, report) = read(text, command);
    assert_eq!(report.problems.len(), 1, "{report}");
    report.problems.into_iter().next().unwrap()
}

const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";

#[test]
fn unknown_fields_warn_in_a_run_and_are_errors_in_validate() {
    let text = format!("{CLUSTER}networking:\n  podSubnt: 10.0.0.0/16\n");
    let problem = one_problem(&text, Command::Init);
    assert_eq!(problem.severity, Severity::Warning);
    assert_eq!(problem.path, "networking.podSubnt");
    assert!(problem.hint.unwrap().contains("podSubnet"));
    let place = problem.place.unwrap();
    assert_eq!((place.line, place.column, place.len), (4, 3, 8));
    assert_eq!(one_problem(&text, Command::Validate).severity, Severity::Error);
}

#[test]
fn places_are_found_later() {
    let (documents, _) =
        read(&format!("# c\n---\n{CLUSTER}etcd: {{local: {{extraArgs: [{{name: a}}]}}}}\n"), Command::Init);
    let place = documents.place("ClusterConfiguration", "etcd.local.extraArgs[0].value").unwrap();
    assert_eq!((place.line, place.column), (5, 28));
    assert!(documents.place("InitConfiguration", "").is_none());
}

#[test]
fn old_versions_name_the_kubeadm_that_migrates_them() {
    for (version, kubeadm) in RETIRED {
        let problem =
            one_problem(&format!("apiVersion: kubeadm.k8s.io/{version}\nkind: InitConfiguration\n"), Command::Init);
        assert_eq!(problem.severity, Severity::Error);
        assert!(problem.hint.unwrap().contains(kubeadm));
    }
    let problem = one_problem("apiVersion: kubeadm.k8s.io/v1\nkind: InitConfiguration\n", Command::Init);
    assert_eq!(problem.severity, Severity::Error);
}

#[test]
fn kinds() {
    let problem = one_problem("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfig\n", Command::Validate);
    assert_eq!(problem.severity, Severity::Error);
    let text = format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfigurations\n");
    let problem = one_problem(&text, Command::Init);
    assert_eq!(problem.severity, Severity::Warning);
    assert!(problem.hint.unwrap().contains("ClusterConfiguration"));
    let problem = one_problem(&format!("{CLUSTER}---\n{CLUSTER}"), Command::Init);
    assert!(problem.message.contains("line 2"), "{problem}");
    assert_eq!(problem.severity, Severity::Error);
    let problem = one_problem(&format!("{CLUSTER}---\napiVersion: apps/v1\nkind: Deployment\n"), Command::Init);
    assert_eq!(problem.severity, Severity::Warning);
    let own = format!("{CLUSTER}---\napiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\n");
    assert!(read(&own, Command::Validate).0.plugins.is_some());
    let problem = one_problem(
        &format!("{CLUSTER}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n"),
        Command::Init,
    );
    assert!(problem.message.contains("ignored"));
    let problem = one_problem(
        &format!("{CLUSTER}---\napiVersion: kubelet.config.k8s.io/v1\nkind: KubeletConfiguration\n"),
        Command::Init,
    );
    assert_eq!(problem.severity, Severity::Error);
}

#[test]
fn documents_must_say_what_they_are() {
    for text in [
        "kind: ClusterConfiguration\n",
        "apiVersion: kubeadm.k8s.io/v1beta4\n",
        "apiVersion: v1\nkind: Pod\n",
        "- a\n",
        "text\n",
        "apiVersion: 1\nkind: X\n",
    ] {
        let (_, report) = read(text, Command::Validate);
        assert!(report.has_errors(), "{text}");
        assert!(report.problems[0].place.is_some(), "{text}: {report}");
    }
    assert!(read("", Command::Init).1.has_errors());
    assert!(read("", Command::Validate).1.problems.is_empty());
}

#[test]
fn wrong_types_are_errors_even_in_a_run() {
    let problem = one_problem(&format!("{CLUSTER}kubernetesVersion: 1.36\n"), Command::Init);
    assert_eq!(problem.severity, Severity::Error);
    assert!(problem.hint.unwrap().contains("quotes"));
    let (_, report) = read(
        &format!("{CLUSTER}apiServer: []\nscheduler: {{extraArgs: {{a: b}}}}\nfeatureGates: {{a: 1}}\n"),
        Command::Init,
    );
    assert_eq!(report.problems.len(), 3, "{report}");
}

#[test]
fn v1beta3_becomes_v1beta4() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
apiServer:
  timeoutForControlPlane: 3m0s
  extraArgs: {v: \"3\", audit-log-path: /tmp/a}
etcd: {local: {dataDir: /d, extraArgs: {heartbeat-interval: \"200\"}}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery: {timeout: 7m0s, tlsBootstrapToken: t}
nodeRegistration: {kubeletExtraArgs: {b: \"1\", a: \"\"}, taints: []}
";
    let (documents, report) = read(text, Command::Migrate);
    assert!(report.problems.is_empty(), "{report}");
    let cluster = documents.cluster.unwrap();
    let names: Vec<&str> = cluster.api_server.component.extra_args.iter().map(|arg| arg.name.as_str()).collect();
    assert_eq!(names, ["audit-log-path", "v"]);
    assert_eq!(cluster.etcd.local.unwrap().data_dir.0, "/d");
    // The timeout moved to a document that the file does not have.
    let timeouts = documents.init.unwrap().timeouts.unwrap();
    assert_eq!(timeouts.control_plane_component_health_check.unwrap().to_string(), "3m0s");
    let join = documents.join.unwrap();
    assert_eq!(join.timeouts.unwrap().discovery.unwrap().to_string(), "7m0s");
    assert_eq!(join.node_registration.taints.0, Some(Vec::new()));
    assert_eq!(join.node_registration.kubelet_extra_args.len(), 2);

    let (_, report) = read(text, Command::Init);
    assert_eq!(report.problems.iter().filter(|p| p.message.contains("deprecated")).count(), 1, "{report}");
    let list = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\napiServer: {extraArgs: [{name: a, value: b}]}\n";
    assert!(read(list, Command::Init).1.has_errors());
}

#[test]
fn not_utf8() {
    let mut report = Report::default();
    assert!(source("c", b"a: b\nc: \xff\n".to_vec(), &mut report).is_none());
    assert!(report.problems[0].message.contains("line 2"), "{report}");
    assert!(source("c", vec![0xff, 0xfe, b'a', 0], &mut report).is_none());
    assert!(report.problems[1].hint.as_ref().unwrap().contains("UTF-16"));
}
