//! What is ours goes, and what is not stays as it was, byte for byte.

use crate::ground::{Ground, INIT, differences, has};
use crate::support::skipped;

/// What is somebody else's, on every node here.
const FOREIGN: &str = "
mkdir -p /srv/data/deep /etc/cni/net.d /var/lib/etcd-shared/member/snap /var/lib/other
echo precious > /srv/data/deep/file
echo '{\"cniVersion\": \"1.0.0\", \"plugins\": [{\"type\": \"bridge\", \"bridge\": \"cni-podman0\"}]}' > /etc/cni/net.d/87-podman.conflist
echo business > /var/lib/etcd-shared/member/snap/db
ln -s /srv/data /var/lib/other/link
";

/// What a kubelet and etcd have made by the time.
const LIVED: &str = "
mkdir -p /var/lib/kubelet/pods/u1/volumes/bind /var/lib/kubelet/pods/u1/volumes/tmp /var/lib/kubelet/pods/u2/etc /var/lib/kubelet/pki
mkdir -p /var/lib/etcd/member/wal
echo state > /var/lib/kubelet/cpu_manager_state
echo cert > /var/lib/kubelet/pki/kubelet-client.pem
echo wal > /var/lib/etcd/member/wal/0.wal
ln -s /srv/data /var/lib/kubelet/pods/u2/link
mount --bind /srv/data /var/lib/kubelet/pods/u1/volumes/bind
mount -t tmpfs tmpfs /var/lib/kubelet/pods/u1/volumes/tmp
mkdir /var/lib/kubelet/pods/u1/volumes/tmp/nested
mount --bind /srv/data/deep /var/lib/kubelet/pods/u1/volumes/tmp/nested
";

/// Counts what is in the kernel.
const COUNT: &str = "
count() {
  echo \"$1 mounts $(grep -c ' /var/lib/kubelet/' /proc/mounts || true)\"
  echo \"$1 links $(ls /sys/class/net | tr '\\n' ' ')\"
}
";

#[test]
fn by_the_journal_the_node_is_as_it_was_before_init() {
    let Some(ground) = Ground::new("by_the_journal") else { return };
    ground.must(FOREIGN);
    let before = ground.files();
    ground.must(INIT);
    assert!(ground.root().join("var/lib/kubephase/journal.json").exists());
    assert!(differences(&before, &ground.files()).len() > 40, "init has made something");
    // One that was there, and would be ours by its name: somebody has put it there meanwhile.
    let manifest = "mkdir -p /etc/kubernetes/manifests; echo 'kind: Pod' > /etc/kubernetes/manifests/kube-vip.yaml\n";
    let said = ground.must(&format!(
        "{COUNT}{manifest}{LIVED}
ip link add kube-ipvs0 type bridge
ip link add cni-podman0 type bridge
count before
$RESET
count after
"
    ));
    assert!(said.out.contains("before mounts 3\n") && said.out.contains("after mounts 0\n"), "{}", said.out);
    assert!(said.out.contains("before links cni-podman0 kube-ipvs0 lo \n"), "{}", said.out);
    assert!(said.out.contains("after links cni-podman0 lo \n"), "{}", said.out);
    assert_eq!(
        differences(&before, &ground.files()),
        ["+etc/kubernetes", "+etc/kubernetes/manifests", "+etc/kubernetes/manifests/kube-vip.yaml"],
        "{}",
        said.err
    );
    for stays in ["/etc/cni/net.d/87-podman.conflist stays", "/etc/kubernetes/manifests/kube-vip.yaml stays"] {
        assert!(said.err.contains(stays), "{stays}: {}", said.err);
    }
    assert!(ground.asked().contains("stop kubelet\n"), "{}", ground.asked());
    assert!(!ground.asked().ends_with("start kubelet\n"), "{}", ground.asked());
}

#[test]
fn a_node_that_kubeadm_made_is_cleaned_as_by_kubeadm_and_with_more_care() {
    let Some(ground) = Ground::new("a_node_that_kubeadm_made") else { return };
    ground.must(FOREIGN);
    let before = ground.files();
    // The same files without a journal are kubeadm's.
    ground.must(&format!("{INIT} rm -r /var/lib/kubephase"));
    let said = ground.must(&format!("{COUNT}{LIVED} count before; $RESET; count after"));
    assert!(said.out.contains("before mounts 3\n") && said.out.contains("after mounts 0\n"), "{}", said.out);
    // kubeadm keeps the directories.
    let kept = ["+etc/kubernetes", "+etc/kubernetes/manifests", "+etc/kubernetes/pki", "+var/lib/etcd"];
    assert_eq!(differences(&before, &ground.files()), kept, "{}", said.err);
    assert!(said.err.contains("there is no journal"), "{}", said.err);
    // Once more there is nothing to do, and nothing is left of that.
    let between = ground.files();
    ground.must("$RESET");
    assert_eq!(differences(&between, &ground.files()), Vec::<String>::new());
}

#[test]
fn etcd_that_is_not_the_control_planes_keeps_its_data() {
    let Some(ground) = Ground::new("etcd_that_is_not_the_control_planes") else { return };
    // A worker, or a control plane with an external etcd that happens to run here: no manifest.
    ground.must("mkdir -p /var/lib/etcd/member/wal; echo business > /var/lib/etcd/member/wal/0.wal");
    let before = ground.files();
    let said = ground.must("mkdir -p /var/lib/kubelet/pods; $RESET");
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new());
    assert!(said.err.contains("/var/lib/etcd stays: no etcd of a control plane uses it"), "{}", said.err);
}

#[test]
fn in_the_data_directory_of_our_etcd_only_its_data_goes() {
    let Some(ground) = Ground::new("in_the_data_directory_of_our_etcd") else { return };
    ground.must(FOREIGN);
    let said = ground.must(&format!("{INIT}{LIVED} echo mine > /var/lib/etcd/backup.db; $RESET"));
    let files = ground.files();
    let left: Vec<&str> = files.keys().filter(|path| path.starts_with("var/lib/etcd/")).map(String::as_str).collect();
    assert_eq!(left, ["var/lib/etcd/backup.db"], "{}", said.err);
    assert!(said.err.contains("/var/lib/etcd/backup.db stays"), "{}", said.err);
}

#[test]
fn what_init_replaced_comes_back() {
    let Some(ground) = Ground::new("what_init_replaced_comes_back") else { return };
    ground.must(FOREIGN);
    ground.must(
        "echo 'kind: KubeletConfiguration' > /var/lib/kubelet/config.yaml; chmod 640 /var/lib/kubelet/config.yaml",
    );
    let before = ground.files();
    ground.must(&format!("{INIT}{LIVED} $RESET"));
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new());
}

#[test]
fn links_of_our_cni_go_and_those_that_others_use_stay() {
    let Some(ground) = Ground::new("links_of_our_cni") else { return };
    ground.must(FOREIGN);
    ground.must(INIT);
    // As if a plugin had proposed these two.
    let path = ground.root().join("var/lib/kubephase/journal.json");
    let mut journal: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a journal")).expect("JSON");
    for (name, bridge) in [("10-ours", "cni0"), ("11-shared", "cni-podman0")] {
        let file = format!("/etc/cni/net.d/{name}.conflist");
        let text = format!(r#"{{"plugins": [{{"type": "bridge", "bridge": "{bridge}"}}]}}"#);
        std::fs::write(ground.root().join(&file[1..]), text).expect("written");
        journal["files"][file] = "created".into();
    }
    std::fs::write(&path, journal.to_string()).expect("written");
    let said = ground.must(&format!(
        "{COUNT} for link in cni0 cni1 cni-podman0; do ip link add $link type bridge; done; $RESET; count after"
    ));
    assert!(said.out.contains("after links cni-podman0 cni1 lo \n"), "{}", said.out);
    assert!(said.err.contains("the link cni-podman0 stays"), "{}", said.err);
    assert!(!ground.root().join("etc/cni/net.d/10-ours.conflist").exists());
    assert!(ground.root().join("etc/cni/net.d/87-podman.conflist").exists());
}

#[test]
fn what_the_kubelet_of_a_worker_wrote_itself_goes_too() {
    let Some(ground) = Ground::new("what_the_kubelet_of_a_worker") else { return };
    ground.must(FOREIGN);
    let before = ground.files();
    ground.must(INIT);
    // As joining leaves it: no journal has the file that the kubelet makes of its bootstrap kubeconfig.
    let path = ground.root().join("var/lib/kubephase/journal.json");
    let mut journal: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a journal")).expect("JSON");
    journal["workflow"] = "join".into();
    for part in ["files", "written"] {
        journal[part].as_object_mut().expect("an object").remove("/etc/kubernetes/kubelet.conf");
    }
    std::fs::write(&path, journal.to_string()).expect("written");
    let said = ground.must(&format!("{LIVED} ls /etc/kubernetes/kubelet.conf; $RESET"));
    assert_eq!(differences(&before, &ground.files()), Vec::<String>::new(), "{}", said.err);
}

#[test]
fn rules_of_kube_proxy_and_the_kubelet_go_and_no_others() {
    let Some(ground) = Ground::new("rules_of_kube_proxy") else { return };
    let mut tested = false;
    for program in ["iptables-legacy", "iptables-nft", "ip6tables-nft", "iptables"] {
        let usable = has(program) && ground.run(&format!("{program} -t nat -N TRY")).success;
        if !usable || (program == "iptables" && tested) {
            continue;
        }
        tested = true;
        let said = ground.must(&format!(
            r#"
T="{program} -t nat"
$T -N KUBE-SERVICES; $T -N KUBE-SEP-X; $T -N DOCKER; {program} -N KUBE-FIREWALL
$T -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
$T -A KUBE-SERVICES -j KUBE-SEP-X; $T -A PREROUTING -j DOCKER; {program} -A INPUT -j KUBE-FIREWALL
{program} -A INPUT -m comment --comment "-j KUBE-FIREWALL" -j ACCEPT
{program}-save | grep -c KUBE- | sed 's/^/before /'
$RESET
{program}-save | sed 's/^/after /'
"#
        ));
        assert!(said.out.contains("before 7\n"), "{program}: {}", said.out);
        let ours = said.out.lines().filter(|line| line.starts_with("after ") && line.contains("KUBE-"));
        assert_eq!(
            ours.collect::<Vec<_>>(),
            [r#"after -A INPUT -m comment --comment "-j KUBE-FIREWALL" -j ACCEPT"#],
            "{program}"
        );
        assert!(said.out.contains("after -A PREROUTING -j DOCKER"), "{program}: {}", said.out);
    }
    if !tested {
        skipped("rules_of_kube_proxy", "there is no iptables here, or the kernel has none");
    }
}

#[test]
fn tables_of_kube_proxy_go_and_no_others() {
    let Some(ground) = Ground::new("tables_of_kube_proxy") else { return };
    if !has("nft") || !ground.run("nft add table ip try").success {
        return skipped("tables_of_kube_proxy", "there is no nft here, or the kernel has no nftables");
    }
    let said = ground.must(
        "for table in 'ip kube-proxy' 'ip6 kube-proxy' 'inet firewalld'; do nft add table $table; done
nft add chain ip kube-proxy services
$RESET
nft list tables",
    );
    assert!(said.out.ends_with("table inet firewalld\n") && !said.out.contains("table ip"), "{}", said.out);
}

#[test]
fn sets_of_kube_proxy_go_and_no_others() {
    let Some(ground) = Ground::new("sets_of_kube_proxy") else { return };
    if !has("ipset") || !ground.run("ipset create TRY hash:ip").success {
        return skipped("sets_of_kube_proxy", "there is no ipset here, or the kernel has none");
    }
    let said = ground.must(
        "for set in KUBE-CLUSTER-IP KUBE-LOAD-BALANCER blocklist; do ipset create $set hash:ip; done
ipset add blocklist 192.0.2.66
$RESET
ipset list -name; ipset list blocklist",
    );
    assert!(said.out.contains("\nblocklist\n") && said.out.contains("\n192.0.2.66\n"), "{}", said.out);
    assert!(!said.out.contains("KUBE-CLUSTER-IP\n") && !said.out.contains("KUBE-LOAD-BALANCER\n"), "{}", said.out);
}

#[test]
fn virtual_servers_of_kube_proxy_go_and_no_others() {
    let Some(ground) = Ground::new("virtual_servers_of_kube_proxy") else { return };
    if !has("ipvsadm") || !ground.run("ipvsadm -A -t 192.0.2.1:80 && ip link add kube-ipvs0 type dummy").success {
        return skipped("virtual_servers_of_kube_proxy", "there is no ipvsadm here, or the kernel has no IPVS");
    }
    let said = ground.must(
        "ip link add kube-ipvs0 type dummy; ip addr add 10.96.0.1/32 dev kube-ipvs0
for server in 10.96.0.1:443 192.0.2.10:30080 192.0.2.100:6443; do ipvsadm -A -t $server; done
$RESET
ipvsadm --save --numeric; ls /sys/class/net",
    );
    assert!(said.out.contains("-A -t 192.0.2.100:6443"), "{}", said.out);
    assert!(!said.out.contains("10.96.0.1:443") && !said.out.contains("30080"), "{}", said.out);
    assert!(!said.out.contains("kube-ipvs0"), "{}", said.out);
    assert!(said.err.contains("the virtual server 192.0.2.100:6443 stays"), "{}", said.err);
}
