//! What goes wrong while `init` works inside the cluster: the API server dies, etcd stalls, somebody else writes the same
//! objects, a clock is off, a disk is full. Each time `init` ends well after it has tried again, or with one error that
//! says what is wrong; then running it again completes the work.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::api::Client;
use super::super::bootstrapper::Kind;
use super::super::command::{Cmd, Output, tail, wait_until};
use super::super::debian::Suite;
use super::super::kubernetes::SUITE;
use super::super::lab::Lab;
use super::super::objects::{self, Objects};
use super::super::steps::Steps;
use super::cases::{CASES, NODE};
use super::plane::Plane;
use super::{CONFIG, INSIDE, inside, lay_out, open, settled};

/// What both write when there are two administrators.
const RIVALLED: &[&str] =
    &["kube-system/kubeadm-config", "kube-system/coredns", "kube-system/kube-proxy", "kube-public/cluster-info"];

/// Makes another program believe in another time.
const FAKETIME: &str = "/usr/local/lib/libfaketime.so.1";

/// Every fault.
pub fn survived(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        return Ok(());
    }
    let plane = open(lab, steps, "faults")?;
    let wanted = steps.run("objects of an undisturbed init", || {
        lay_out(&lab.kit, &plane, &CASES[0])?;
        plane.start()?;
        plane.register(NODE)?;
        inside(&plane, Kind::Kubephase.name())?;
        settled(&Client::admin(&plane.node)?, Kind::Kubephase.name())
    })?;
    for phase in INSIDE {
        steps.run(&format!("API server dead when {phase} begins"), || {
            if *phase == INSIDE[0] {
                wipe(&plane)?;
            }
            dead(&plane, phase)
        })?;
    }
    steps.run("nothing is missing after that", || same(&plane, &wanted))?;
    for done in ["upload-config/kubeadm", "upload-config/kubelet", "upload-certs"] {
        steps.run(&format!("API server killed after {done}"), || {
            // `init` may be through before the signal arrives.
            for _ in 0..10 {
                wipe(&plane)?;
                let hit = disturbed(&plane, When::Said(done), "systemctl kill -s KILL kube-apiserver")?;
                plane.wait()?;
                if hit {
                    return Ok(());
                }
            }
            bail!("init was always over before that, which proves nothing")
        })?;
    }
    steps.run("nothing is missing after that either", || same(&plane, &wanted))?;
    steps.run("etcd stalls for 5 s", || {
        wipe(&plane)?;
        plane.sh("systemctl kill -s STOP etcd")?;
        if !disturbed(&plane, When::After(Duration::from_secs(5)), "systemctl kill -s CONT etcd")? {
            bail!("init was over before that, which proves nothing");
        }
        same(&plane, &wanted)
    })?;
    steps.run("another administrator writes the same", || rivalled(&plane, &wanted))?;
    steps.run("wrong certificate key", || wrong_key(&plane))?;
    steps.run("clock 10 minutes off", || wrong_clock(lab, &plane))?;
    steps.run("disk full", || full_disk(&plane))
}

fn kubephase(plane: &Plane, words: &[&str]) -> Cmd {
    plane.node.exec(["kubephase", "init"].iter().chain(words)).log(plane.node.logs.join("faults.txt"))
}

/// One phase with the usual configuration.
fn phase<'a>(phase: &'a str, config: &'a str) -> Vec<&'a str> {
    ["phase"].into_iter().chain(phase.split(' ')).chain(["--config", config]).collect()
}

fn config() -> String {
    format!("{CONFIG}-{}.yaml", Kind::Kubephase.name())
}

/// A program that runs meanwhile, its words in a file.
fn spawn(plane: &Plane, words: &[&str]) -> Result<Child> {
    let said = plane.node.logs.join("meanwhile.txt");
    let file = std::fs::File::create(&said)?;
    let mut command = kubephase(plane, words).to_command();
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    command.spawn().context("could not start init")
}

fn ends_well(plane: &Plane, mut child: Child) -> Result<()> {
    let status = child.wait()?;
    if !status.success() {
        let said = std::fs::read_to_string(plane.node.logs.join("meanwhile.txt"))?;
        bail!("it gave up ({status}):\n{}", tail(&said, 20));
    }
    Ok(())
}

/// Takes back what the phases have made, so that they have to make it again.
fn wipe(plane: &Plane) -> Result<()> {
    let client = Client::admin(&plane.node)?;
    for object in objects::read(&client)? {
        let ours = object["metadata"]["managedFields"].as_array().is_some_and(|fields| {
            fields.iter().any(|one| one["manager"] == Kind::Kubephase.name() && one["subresource"].is_null())
        });
        if ours {
            client.delete(&objects::path(&object))?;
        }
    }
    plane.sh("cp -a /root/kubernetes/kubelet.conf /etc/kubernetes/")?;
    plane.register(NODE)
}

/// There is no API server when the phase begins; it comes back meanwhile.
fn dead(plane: &Plane, which: &str) -> Result<()> {
    let config = config();
    plane.sh("systemctl kill -s KILL kube-apiserver")?;
    ends_well(plane, spawn(plane, &phase(which, &config))?)?;
    plane.wait()
}

/// When something happens to the server.
#[derive(Clone, Copy)]
enum When {
    /// This long after `init` has begun.
    After(Duration),
    /// When `init` has said that this phase is done.
    Said(&'static str),
}

/// All phases, while `script` does something to the server. False if they were done before.
fn disturbed(plane: &Plane, when: When, script: &str) -> Result<bool> {
    let config = config();
    let mut child = spawn(plane, &["--upload-certs", super::NOT_HERE, "--config", &config])?;
    match when {
        When::After(time) => thread::sleep(time),
        When::Said(phase) => {
            let said = plane.node.logs.join("meanwhile.txt");
            while child.try_wait()?.is_none() && !std::fs::read_to_string(&said)?.contains(phase) {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
    let over = child.try_wait()?.is_some();
    plane.sh(script)?;
    let ended = ends_well(plane, child);
    match ended {
        // A server that dies between taking a Service's address and storing the Service leaves the address taken, until
        // a new one notices.
        Err(error) if error.to_string().contains("already allocated") => {
            wait_until("the address to be free again", Duration::from_secs(200), || {
                thread::sleep(Duration::from_secs(5));
                inside(plane, Kind::Kubephase.name()).map(drop)
            })?;
        }
        ended => ended?,
    }
    Ok(!over)
}

/// The same objects as without the fault.
fn same(plane: &Plane, wanted: &Objects) -> Result<()> {
    let client = Client::admin(&plane.node)?;
    // The old controller manager waits longer and longer for a server that was dead; a new one begins at once.
    plane.sh("systemctl kill -s KILL kube-controller-manager")?;
    client.delete("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager")?;
    let found = settled(&client, Kind::Kubephase.name())?;
    let differences = objects::differences(wanted, &found);
    if !differences.is_empty() {
        bail!("{} differences to an undisturbed init:\n{}", differences.len(), differences.join("\n"));
    }
    Ok(())
}

/// Somebody adds to the same ConfigMaps as fast as one process can, while `init` runs several times.
fn rivalled(plane: &Plane, wanted: &Objects) -> Result<()> {
    let client = Client::admin(&plane.node)?;
    let urls = RIVALLED.iter().map(|name| {
        let (namespace, name) = name.split_once('/').unwrap_or_default();
        client.patch_line(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}"))
    });
    let curls: String = urls
        .map(|line| format!("  {line} -d \"{{\\\"data\\\":{{\\\"rival\\\":\\\"$i\\\"}}}}\" >/dev/null\n"))
        .collect();
    plane.node.write(
        "/root/rival.sh",
        &format!("i=0\nwhile [ -e /root/rivalry ]; do\n  i=$((i+1))\n{curls}done\necho $i\n"),
    )?;
    plane.node.write("/root/rivalry", "")?;
    let rival = plane.node.exec(["sh", "/root/rival.sh"]).to_command().stdout(Stdio::piped()).spawn()?;
    let mut runs = Ok(String::new());
    for _ in 0..5 {
        runs = runs.and_then(|_| inside(plane, Kind::Kubephase.name()));
    }
    std::fs::remove_file(plane.node.path("/root/rivalry"))?;
    let rounds = rival.wait_with_output()?.stdout;
    runs?;
    let rounds = String::from_utf8_lossy(&rounds).trim().parse::<u32>().unwrap_or_default();
    if rounds < 5 {
        bail!("the other administrator wrote {rounds} times only, which proves nothing");
    }
    let found = settled(&client, Kind::Kubephase.name())?;
    for name in RIVALLED {
        let key = format!("ConfigMap {name}");
        let data = |objects: &Objects| {
            let mut data = objects.get(&key)?["data"].clone();
            data.as_object_mut()?.remove("rival");
            Some(data)
        };
        if data(wanted) != data(&found) {
            bail!("{key} is not what init makes it: {:#}", data(&found).unwrap_or_default());
        }
    }
    Ok(())
}

/// The input is refused, and nothing is written.
fn wrong_key(plane: &Plane) -> Result<()> {
    let client = Client::admin(&plane.node)?;
    let before = objects::read(&client)?;
    let mut text = std::fs::read_to_string(plane.node.path(&config()))?;
    text = text.replace(&"0123456789abcdef".repeat(4), "0123456789abcdef");
    plane.node.write("/root/wrong-key.yaml", &text)?;
    let out = kubephase(plane, &phase("upload-certs --upload-certs", "/root/wrong-key.yaml")).output()?;
    refused(&out, 2, &["certificateKey"])?;
    let name = "Secret kube-system/kubeadm-certs";
    if objects::versions(&before).get(name) != objects::versions(&objects::read(&client)?).get(name) {
        bail!("{name} was written");
    }
    Ok(())
}

/// Behind, the API server's certificate is not valid yet, and that is what is said; ahead, all is well.
fn wrong_clock(lab: &Lab, plane: &Plane) -> Result<()> {
    let library = Suite::open(&lab.cache, SUITE)?.unpacked("libfaketime", &["libfaketime"])?;
    let library = library.join("usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1");
    plane.node.install(&library, FAKETIME)?;
    let config = config();
    let at = |offset: &str| {
        let offset = format!("FAKETIME={offset}");
        let preload = format!("LD_PRELOAD={FAKETIME}");
        let words = ["env", &preload, &offset, "FAKETIME_DONT_FAKE_MONOTONIC=1", "kubephase", "init"];
        let words = words.iter().map(|word| (*word).to_owned());
        let phase = phase("bootstrap-token", &config).into_iter().map(str::to_owned);
        plane.node.exec(words.chain(phase)).log(plane.node.logs.join("faults.txt")).output()
    };
    refused(&at("-10m")?, 1, &["is not believed", "clock"])?;
    let ahead = at("+10m")?;
    if !ahead.status.success() {
        bail!("with its clock ahead it says:\n{}", tail(&ahead.stdout, 20));
    }
    Ok(())
}

/// A small file system: what does not fit is told, no file is half there, and with more room the rest follows.
fn full_disk(plane: &Plane) -> Result<()> {
    let config = config();
    for (directory, which, proof) in [
        ("/etc/kubernetes", "certs all", "/etc/kubernetes/pki/etcd/server.crt"),
        ("/etc/kubernetes", "kubeconfig all", "/etc/kubernetes/scheduler.conf"),
        ("/var/lib/kubelet", "kubelet-start", "/var/lib/kubelet/config.yaml"),
    ] {
        // As full as a disk gets: a file has taken what was there.
        plane.sh(&format!(
            "mount -t tmpfs -o size=8m tmpfs {directory}\n[ {which:?} = \"kubeconfig all\" ] && cp -a /root/kubernetes/pki {directory}/\n\
             head -c 16m /dev/zero > {directory}/filler 2>/dev/null || true"
        ))?;
        let out = kubephase(plane, &phase(which, &config)).output()?;
        refused(&out, 1, &["No space left on device", directory])?;
        if plane.node.path(proof).exists() {
            bail!("{proof} is there, although nothing fits");
        }
        plane.sh(&format!("rm {directory}/filler"))?;
        kubephase(plane, &phase(which, &config)).run()?;
        let again = kubephase(plane, &phase(which, &config)).run()?;
        if !plane.node.path(proof).exists() || again.contains("created") {
            bail!("after there was room, {proof} should be there for good:\n{}", tail(&again, 20));
        }
        if !leftovers(&plane.node.path(directory))?.is_empty() {
            bail!("left in {directory}: {}", leftovers(&plane.node.path(directory))?);
        }
        plane.sh(&format!("umount {directory}"))?;
    }
    // What is remembered between runs.
    plane.sh("mkdir -p /var/lib/kubephase && mount -t tmpfs -o size=1m tmpfs /var/lib/kubephase\n\
         head -c 2m /dev/zero > /var/lib/kubephase/filler 2>/dev/null || true")?;
    let out = kubephase(plane, &["--upload-certs", super::NOT_HERE, "--config", &config]).output()?;
    refused(&out, 1, &["No space left on device", "/var/lib/kubephase"])?;
    plane.sh("umount /var/lib/kubephase")?;
    inside(plane, Kind::Kubephase.name()).map(drop)
}

/// Temporary files that nobody wants any more.
fn leftovers(directory: &Path) -> Result<String> {
    super::super::command::cmd("find").arg(directory).args(["-name", ".*", "-type", "f"]).run()
}

/// It ended with this code and one error, whose text has these words.
fn refused(out: &Output, code: i32, says: &[&str]) -> Result<()> {
    let errors = out.stdout.lines().filter(|line| line.starts_with("error")).count();
    let said = |words: &&&str| !out.stdout.contains(**words);
    if out.status.code() != Some(code) || errors != 1 {
        bail!("it should end with {code} and one error, not {} and {errors}:\n{}", out.status, tail(&out.stdout, 25));
    }
    let missing: Vec<_> = says.iter().filter(said).collect();
    if !missing.is_empty() {
        bail!("the error should say {missing:?}:\n{}", tail(&out.stdout, 25));
    }
    Ok(())
}
