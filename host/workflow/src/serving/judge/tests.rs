use kubephase_model::KeyAlgorithm;
use kubephase_model::config::v1beta4::ClusterConfiguration;
use kubephase_pki::{AltNames, generate_key, signing_request};
use serde_json::json;

use super::*;

fn reserved() -> Reserved {
    let endpoints = json!({ "subsets": [{ "addresses": [{ "ip": "10.0.0.5" }] }] });
    let config = ClusterConfiguration { control_plane_endpoint: "lb.example.com".into(), ..Default::default() };
    Reserved::of(config, "https://10.0.0.5:6443", Some(&endpoints)).unwrap()
}

fn judge(csr: &Value, node: &Value) -> Verdict {
    super::judge(csr, node, Ok(&reserved()))
}

fn judge_among(csr: &Value, nodes: &[Value]) -> Verdict {
    super::judge_among(csr, nodes, Ok(&reserved()))
}

fn node(name: &str, addresses: &[(&str, &str)]) -> Value {
    let addresses: Vec<Value> =
        addresses.iter().map(|(kind, address)| json!({ "type": kind, "address": address })).collect();
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name },
        "status": { "addresses": addresses },
    })
}

fn cp1() -> Value {
    let addresses = [
        ("InternalIP", "10.0.0.5"),
        ("InternalIP", "fd00::5"),
        ("ExternalIP", "203.0.113.5"),
        ("Hostname", "cp1"),
        ("InternalDNS", "cp1.internal.example.com"),
        ("ExternalDNS", "CP1.example.com"),
    ];
    let mut node = node("cp1", &addresses);
    node["metadata"]["labels"] = json!({ "node-role.kubernetes.io/control-plane": "" });
    node
}

fn pem_of(subject: &str, organizations: &[&str], dns: &[&str], ips: &[&str]) -> String {
    let names =
        AltNames::new(dns.iter().map(|name| (*name).to_owned()), ips.iter().map(|ip| ip.parse::<IpAddr>().unwrap()));
    let organizations: Vec<String> = organizations.iter().map(|name| (*name).to_owned()).collect();
    let key = generate_key(KeyAlgorithm::EcdsaP256).unwrap();
    signing_request(subject, &organizations, &names, &key).unwrap()
}

fn csr_of(pem: &str) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": "csr-7vdlq", "resourceVersion": "7" },
        "spec": {
            "groups": ["system:nodes", "system:authenticated"],
            "request": STANDARD.encode(pem),
            "signerName": SIGNER,
            "usages": ["digital signature", "server auth"],
            "username": "system:node:cp1",
        },
        "status": {},
    })
}

fn asking(dns: &[&str], ips: &[&str]) -> Value {
    csr_of(&pem_of("system:node:cp1", &["system:nodes"], dns, ips))
}

fn good() -> Value {
    asking(&["cp1"], &["10.0.0.5"])
}

fn with(mut csr: Value, path: &str, value: Value) -> Value {
    *csr.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    csr
}

fn reasons(csr: &Value) -> Vec<String> {
    match judge(csr, &cp1()) {
        Verdict::Refuse(reasons) => reasons,
        other => panic!("{other:?}"),
    }
}

fn only(csr: &Value) -> String {
    let mut reasons = reasons(csr);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

fn recorded(name: &str) -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/signing-requests");
    #[expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
    let pem = std::fs::read_to_string(format!("{root}/{name}.pem")).unwrap_or_else(|error| panic!("{name}: {error}"));
    csr_of(&pem)
}

#[test]
fn a_kubelets_request_is_approved() {
    for csr in [
        good(),
        asking(&["cp1"], &[]),
        asking(&[], &["fd00::5"]),
        asking(&["cp1", "cp1.internal.example.com", "cp1.EXAMPLE.com"], &["10.0.0.5", "203.0.113.5", "fd00::5"]),
        with(good(), "/spec/usages", json!(["key encipherment", "digital signature", "server auth"])),
    ] {
        assert_eq!(judge(&csr, &cp1()), Verdict::Approve, "{csr}");
        assert_eq!(judge_among(&csr, &[node("cp2", &[("InternalIP", "10.0.0.6")]), cp1()]), Verdict::Approve);
    }
    let rsa =
        with(recorded("rsa-2048"), "/spec/usages", json!(["digital signature", "key encipherment", "server auth"]));
    assert_eq!(judge(&rsa, &cp1()), Verdict::Approve);
}

#[test]
fn a_host_name_that_is_an_address_is_one() {
    let csr = csr_of(&pem_of("system:node:10.0.0.6", &["system:nodes"], &[], &["10.0.0.6"]));
    let csr = with(csr, "/spec/username", json!("system:node:10.0.0.6"));
    assert_eq!(judge(&csr, &node("10.0.0.6", &[("Hostname", "10.0.0.6")])), Verdict::Approve);
    assert!(matches!(judge(&csr, &node("10.0.0.6", &[("InternalDNS", "10.0.0.6")])), Verdict::Refuse(_)));
}

#[test]
fn a_host_name_counts_only_if_it_is_the_nodes_name() {
    let liar = node("cp1", &[("Hostname", "web.example.com"), ("Hostname", "10.0.0.6")]);
    for (dns, ips, reason) in [
        (&["web.example.com"][..], &[][..], "the DNS name `web.example.com` is none of the Node `cp1`"),
        (&[], &["10.0.0.6"], "the address 10.0.0.6 is none of the Node `cp1`"),
    ] {
        assert_eq!(judge(&asking(dns, ips), &liar), Verdict::Refuse(vec![reason.to_owned()]));
    }
    // Whatever it calls itself.
    assert_eq!(judge(&asking(&["cp1"], &[]), &liar), Verdict::Approve);
}

#[test]
fn what_is_the_clusters_is_refused_though_the_node_claims_it() {
    let mut liar = cp1();
    let claims = [
        ("Hostname", "kubernetes.default.svc"),
        ("InternalDNS", "kubernetes"),
        ("InternalDNS", "kubernetes.default"),
        ("InternalDNS", "kubernetes.default.svc"),
        ("InternalDNS", "kubernetes.default.svc.cluster.local"),
        ("ExternalDNS", "lb.example.com"),
        ("ExternalDNS", "web.shop.svc"),
        ("InternalIP", "10.96.0.1"),
    ];
    for (kind, address) in claims {
        let addresses = liar["status"]["addresses"].as_array_mut().unwrap();
        addresses.push(json!({ "type": kind, "address": address }));
        let csr = match address.parse::<IpAddr>() {
            Ok(_) => asking(&[], &[address]),
            Err(_) => asking(&[address], &[]),
        };
        for verdict in [judge(&csr, &liar), judge_among(&csr, &[liar.clone()])] {
            assert!(matches!(&verdict, Verdict::Refuse(why) if why.len() == 1), "{address}: {verdict:?}");
        }
    }
    let all = asking(&["kubernetes", "kubernetes.default.svc"], &["10.96.0.1"]);
    assert!(matches!(judge_among(&all, &[liar.clone()]), Verdict::Refuse(why) if why.len() == 3));
    // Its own it still gets.
    assert_eq!(judge_among(&good(), &[liar]), Verdict::Approve);
}

#[test]
fn nothing_passes_if_it_is_not_known_what_is_the_clusters() {
    let why = "it is not known what belongs to the API server and to Services: gone";
    assert_eq!(super::judge(&good(), &cp1(), Err("gone")), Verdict::Refuse(vec![why.to_owned()]));
    assert_eq!(super::judge_among(&good(), &[cp1()], Err("gone")), Verdict::Refuse(vec![why.to_owned()]));
}

#[test]
fn reasons_can_be_printed() {
    let reason = only(&with(good(), "/spec/groups", json!([])));
    assert_eq!(reason, "its sender is not in the group `system:nodes`");
    let csr = with(good(), "/spec/username", json!("\u{1b}[2Jroot\n"));
    assert_eq!(only(&csr), "it was sent by `␛[2Jroot␊`, which is no node");
    let csr = asking(&["\u{1b}]0;x\u{7}.example.com"], &[]);
    assert_eq!(only(&csr), "`␛]0;x␇.example.com` is no plain DNS name");
}

#[test]
fn what_is_not_to_be_judged() {
    let csr = with(good(), "/spec/signerName", json!("kubernetes.io/kube-apiserver-client-kubelet"));
    let Verdict::NotOurs(why) = judge(&csr, &cp1()) else { panic!("judged") };
    assert!(why.contains("kubernetes.io/kube-apiserver-client-kubelet"), "{why}");
    for (condition, why) in [("Approved", "it has been approved"), ("Denied", "it has been denied")] {
        let csr = with(good(), "/status", json!({ "conditions": [{ "type": condition }] }));
        assert_eq!(judge(&csr, &cp1()), Verdict::NotOurs(why.into()));
        assert_eq!(judge_among(&csr, &[]), Verdict::NotOurs(why.into()));
    }
    let csr = with(good(), "/status", json!({ "certificate": "AAAA" }));
    assert!(matches!(judge(&csr, &cp1()), Verdict::NotOurs(_)));
}

#[test]
fn names_of_others_are_refused() {
    for (dns, ips, reason) in [
        (&["cp2"][..], &[][..], "the DNS name `cp2` is none of the Node `cp1`"),
        (&["cp1"], &["10.0.0.6"], "the address 10.0.0.6 is none of the Node `cp1`"),
        (&["kubernetes.default.svc"], &[], "`kubernetes.default.svc` is the API server's name in every cluster"),
        (&["*.example.com"], &[], "`*.example.com` is no plain DNS name"),
        (&["*"], &[], "`*` is no plain DNS name"),
        (&["10.0.0.5"], &[], "the DNS name `10.0.0.5` is none of the Node `cp1`"),
        (&["cp1\0.example.com"], &[], "`cp1␀.example.com` is no plain DNS name"),
        (&["cp1."], &[], "`cp1.` is no plain DNS name"),
        (&[], &["127.0.0.1"], "the address 127.0.0.1 is not that of one machine"),
        (&[], &["::"], "the address :: is not that of one machine"),
        (&[], &["169.254.169.254"], "the address 169.254.169.254 is not that of one machine"),
        (&[], &[], "it has neither a DNS name nor an IP address"),
    ] {
        assert_eq!(only(&asking(dns, ips)), reason);
    }
}

#[test]
fn a_node_that_lies_about_itself() {
    let liar = node(
        "cp1",
        &[
            ("Hostname", "cp1"),
            ("InternalIP", "10.0.0.6"),
            ("InternalIP", "127.0.0.1"),
            ("InternalDNS", "localhost"),
            ("InternalDNS", "*.example.com"),
            ("ExternalDNS", "cp2"),
        ],
    );
    let cp2 = node("cp2", &[("Hostname", "cp2"), ("InternalIP", "10.0.0.6")]);
    for (dns, ips, reason) in [
        (&["localhost"][..], &[][..], "every machine calls itself `localhost`"),
        (&["*.example.com"], &[], "`*.example.com` is no plain DNS name"),
        (&[], &["127.0.0.1"], "the address 127.0.0.1 is not that of one machine"),
        (&["cp2"], &[], "its DNS name `cp2` is also one of the Node `cp2`"),
        (&[], &["10.0.0.6"], "its address 10.0.0.6 is also one of the Node `cp2`"),
        (&[], &["::ffff:10.0.0.6"], "its address 10.0.0.6 is also one of the Node `cp2`"),
    ] {
        let verdict = judge_among(&asking(dns, ips), &[liar.clone(), cp2.clone()]);
        assert_eq!(verdict, Verdict::Refuse(vec![reason.to_owned()]));
    }
    assert_eq!(judge_among(&asking(&["cp1"], &[]), &[liar.clone(), cp2.clone()]), Verdict::Approve);
    // Claiming the name of another does not keep that one from having it.
    let csr = csr_of(&pem_of("system:node:cp2", &["system:nodes"], &["cp2"], &[]));
    let csr = with(csr, "/spec/username", json!("system:node:cp2"));
    assert_eq!(judge_among(&csr, &[liar, cp2]), Verdict::Approve);
}

#[test]
fn senders_that_are_no_nodes() {
    for user in ["system:bootstrap:abcdef", "kubernetes-admin", "system:node:", "", "System:node:cp1"] {
        let reasons = reasons(&with(good(), "/spec/username", json!(user)));
        assert_eq!(reasons, [format!("it was sent by `{user}`, which is no node")]);
    }
    let csr = with(good(), "/spec/groups", json!(["system:authenticated"]));
    assert_eq!(only(&csr), "its sender is not in the group `system:nodes`");
    let csr = with(good(), "/spec/groups", Value::Null);
    assert_eq!(only(&csr), "its sender is not in the group `system:nodes`");
}

#[test]
fn another_nodes_request() {
    // Sent by cp2 with cp1's subject and names.
    let csr = with(good(), "/spec/username", json!("system:node:cp2"));
    assert_eq!(
        reasons(&csr),
        [
            "it was sent by the node `cp2`, not by `cp1`",
            "its subject is `CN=system:node:cp1,O=system:nodes`, not exactly `CN=system:node:cp2,O=system:nodes`",
        ]
    );
    let cp2 = node("cp2", &[("InternalIP", "10.0.0.6")]);
    assert!(matches!(judge_among(&csr, &[cp1(), cp2]), Verdict::Refuse(reasons) if reasons.len() >= 3));
    let unknown = judge_among(&good(), &[node("cp2", &[])]);
    assert_eq!(unknown, Verdict::Refuse(vec!["there is no Node `cp1`".into()]));
}

#[test]
fn subjects_that_are_not_exactly_the_nodes() {
    for (cn, organizations, shown) in [
        ("system:node:cp2", &["system:nodes"][..], "CN=system:node:cp2,O=system:nodes"),
        ("cp1", &["system:nodes"], "CN=cp1,O=system:nodes"),
        ("system:node:CP1", &["system:nodes"], "CN=system:node:CP1,O=system:nodes"),
        ("system:node:cp1", &[], "CN=system:node:cp1"),
        ("system:node:cp1", &["system:masters"], "CN=system:node:cp1,O=system:masters"),
        ("system:node:cp1", &["system:nodes", "system:masters"], "CN=system:node:cp1,O=system:nodes+O=system:masters"),
    ] {
        let csr = csr_of(&pem_of(cn, organizations, &["cp1"], &[]));
        let wanted = format!("its subject is `{shown}`, not exactly `CN=system:node:cp1,O=system:nodes`");
        assert_eq!(only(&csr), wanted);
    }
}

#[test]
fn usages_that_are_not_exactly_a_servers() {
    for usages in [
        json!(["digital signature", "server auth", "client auth"]),
        json!(["digital signature", "client auth"]),
        json!(["server auth"]),
        json!(["any", "digital signature", "server auth"]),
        json!(["digital signature", "server auth", 7]),
        json!([]),
        Value::Null,
    ] {
        let reason = only(&with(good(), "/spec/usages", usages.clone()));
        assert!(reason.starts_with("it is to be used for "), "{usages}: {reason}");
    }
}

#[test]
fn requests_that_ask_for_more() {
    assert_eq!(
        reasons(&recorded("ca")),
        ["it also asks for the extension 2.5.29.19", "it also asks for the extension 2.5.29.15"]
    );
    let names = reasons(&recorded("names"));
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names[0].contains("email address root@cp1") && names[1].contains("URI https://cp1/x"), "{names:?}");
    assert_eq!(
        reasons(&recorded("challenge")),
        ["it also asks for the attribute 1.2.840.113549.1.9.7", "it has neither a DNS name nor an IP address"]
    );
    // A client's request, sent to this signer.
    assert_eq!(only(&recorded("kubelet-client")), "it has neither a DNS name nor an IP address");
}

#[test]
fn keys_and_signatures_that_do_not_serve() {
    for name in ["rsa-1024", "p224", "secp256k1", "ed25519"] {
        assert!(only(&recorded(name)).starts_with("the request's key is "), "{name}");
    }
    assert!(only(&recorded("sha1")).contains("not signed with its own key, or not with SHA-2"));
}

#[test]
fn requests_that_cannot_be_read() {
    let sound = pem_of("system:node:cp1", &["system:nodes"], &["cp1"], &[]);
    let evil = pem_of("system:node:cp2", &["system:nodes"], &["cp2"], &[]);
    for text in [format!("{sound}{evil}"), format!("{evil}{sound}"), format!("note\n{sound}"), String::new()] {
        assert_eq!(only(&csr_of(&text)), "the request is not exactly one PEM block `CERTIFICATE REQUEST`");
    }
    let huge = format!("{sound}{}", "A".repeat(1 << 20));
    assert!(only(&csr_of(&huge)).contains("bytes, at most 65536 are read"));
    let csr = with(good(), "/spec/request", json!("*"));
    assert_eq!(only(&csr), "the request is not valid base64");
    assert!(only(&with(good(), "/spec/request", Value::Null)).contains("PEM block"));
    let many: Vec<String> = (0..1000).map(|i| format!("name-{i}.example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(reasons(&asking(&many, &[])).len(), 1000);
}

#[test]
fn every_broken_rule_is_told() {
    let csr = csr_of(&pem_of("cp1", &[], &["cp2"], &["10.0.0.6"]));
    let csr = with(csr, "/spec/username", json!("alice"));
    let csr = with(with(csr, "/spec/groups", json!([])), "/spec/usages", json!(["client auth"]));
    assert_eq!(reasons(&csr).len(), 6);
    // Nothing at all is nobody's.
    assert!(matches!(judge(&Value::Null, &Value::Null), Verdict::NotOurs(_)));
    assert!(matches!(judge(&json!({ "spec": { "signerName": SIGNER } }), &Value::Null), Verdict::Refuse(_)));
}
