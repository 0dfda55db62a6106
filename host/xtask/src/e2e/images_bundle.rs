//! Images carried in one file, with a real containerd on both ends: bundled, removed, loaded again, and what is broken
//! refused. It leaves the node with loaded images only, so that what comes after runs from them.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result, bail};

use super::command::{Output, tail};
use super::lab::Lab;
use super::node::Node;
use super::steps::Steps;

const BUNDLE: &str = "/root/images.tar";
const AGAIN: &str = "/root/again.tar";
const BROKEN: &str = "/root/broken.tar";
const EXPORTED: &str = "/root/exported.tar";

/// What each image's name stands for.
type Images = BTreeMap<String, String>;

/// Takes the images of a node away and brings them back. `config` is the configuration's path in the node.
pub fn carried(lab: &Lab, node: &Node, config: &str, steps: &mut Steps) -> Result<()> {
    let wanted = lab.kit.bootstrapper.images(&lab.kit.kubernetes)?;
    let before = images(node, &wanted)?;
    steps.run("bundle the images, twice the same", || {
        for file in [BUNDLE, AGAIN] {
            kubephase(node, &["images", "bundle", "-o", file, "--config", config])?;
        }
        node.exec(["cmp", BUNDLE, AGAIN]).run().map(drop)
    })?;
    steps.run("images that are missing are told together", || {
        let repository =
            ["--image-repository", "other.example/k8s", "--kubernetes-version", &lab.kit.kubernetes.version];
        let words = [&["images", "bundle", "-o", "/root/none.tar"], &repository[..]].concat();
        let all = format!("containerd lacks {0} of {0} images", wanted.len());
        refused(node, &words, &[&all, "other.example/k8s/kube-apiserver", "config images pull"])?;
        if node.path("/root/none.tar").exists() {
            bail!("there is a bundle without images");
        }
        Ok(())
    })?;
    steps.run("images that cannot be pulled are told together", || {
        // Nobody listens there, which is told at once.
        let repository = ["--image-repository", "127.0.0.1:9/k8s", "--kubernetes-version", &lab.kit.kubernetes.version];
        let words = [&["config", "images", "pull"], &repository[..]].concat();
        let all = format!("cannot pull {0} of {0} images", wanted.len());
        refused(node, &words, &[&all, "127.0.0.1:9/k8s/kube-apiserver"])
    })?;
    steps.run("remove the images", || {
        let words = [&["ctr", "-n", "k8s.io", "images", "export", EXPORTED], &names(&wanted)[..]].concat();
        node.exec(words).run()?;
        remove(node)
    })?;
    steps.run("a broken bundle is refused and leaves nothing", || {
        break_bundle(node)?;
        refused(node, &["images", "load", BROKEN], &["nothing was loaded", "does not have the contents"])?;
        is_empty(node)
    })?;
    steps.run("ctr imports the bundle", || {
        node.exec(["ctr", "-n", "k8s.io", "images", "import", "--no-unpack", BUNDLE]).run()?;
        same(&before, &images(node, &wanted)?)?;
        remove(node)
    })?;
    steps.run("what ctr has exported is loaded", || {
        kubephase(node, &["images", "load", EXPORTED])?;
        same(&before, &images(node, &wanted)?)?;
        remove(node)
    })?;
    steps.run("load the bundle", || {
        let said = kubephase(node, &["images", "load", BUNDLE, "-o", "json"])?;
        same(&before, &images(node, &wanted)?)?;
        let last = said.lines().last().context("it says nothing")?;
        let loaded: serde_json::Value = serde_json::from_str(last).with_context(|| last.to_owned())?;
        if loaded["unnoticed"] != serde_json::json!([]) {
            bail!("CRI does not show all images: {last}");
        }
        node.exec(["rm", BUNDLE, AGAIN, BROKEN, EXPORTED]).run().map(drop)
    })
}

fn kubephase(node: &Node, words: &[&str]) -> Result<String> {
    node.exec([&["kubephase"], words].concat()).run()
}

/// The command must fail, and say all of this.
fn refused(node: &Node, words: &[&str], says: &[&str]) -> Result<()> {
    let Output { status, stdout, stderr } = node.exec([&["kubephase"], words].concat()).output()?;
    if status.code() != Some(1) {
        bail!("kubephase {} ended with {status}:\n{}", words.join(" "), tail(&format!("{stdout}{stderr}"), 20));
    }
    match says.iter().find(|text| !stderr.contains(**text)) {
        Some(text) => bail!("kubephase {} does not say \"{text}\":\n{}", words.join(" "), tail(&stderr, 20)),
        None => Ok(()),
    }
}

/// Changes one byte in the middle of the largest file of the bundle.
fn break_bundle(node: &Node) -> Result<()> {
    node.exec(["cp", BUNDLE, BROKEN]).run()?;
    let mut file = std::fs::File::options().read(true).write(true).open(node.path(BROKEN))?;
    let middle = file.metadata()?.len() / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(middle))?;
    file.read_exact(&mut byte)?;
    byte[0] ^= 1;
    file.seek(SeekFrom::Start(middle))?;
    Ok(file.write_all(&byte)?)
}

/// What containerd has for the wanted names; all must be there.
fn images(node: &Node, wanted: &[String]) -> Result<Images> {
    let listed = node.exec(["ctr", "-n", "k8s.io", "images", "ls"]).run()?;
    let mut images = Images::new();
    for line in listed.lines() {
        let mut columns = line.split_whitespace();
        if let (Some(name), Some(_), Some(digest)) = (columns.next(), columns.next(), columns.next())
            && wanted.iter().any(|known| known == name)
        {
            images.insert(name.to_owned(), digest.to_owned());
        }
    }
    match wanted.iter().find(|name| !images.contains_key(*name)) {
        Some(name) => bail!("containerd does not have {name}:\n{listed}"),
        None => Ok(images),
    }
}

fn names(wanted: &[String]) -> Vec<&str> {
    wanted.iter().map(String::as_str).collect()
}

fn same(before: &Images, after: &Images) -> Result<()> {
    if before != after {
        bail!("names stand for other images now:\n{before:#?}\n{after:#?}");
    }
    Ok(())
}

/// Removes every image, and with them every blob.
fn remove(node: &Node) -> Result<()> {
    // CRI gives images more names, and drops those of what is gone by itself.
    let remove =
        "for try in 1 2 3; do ctr -n k8s.io images ls -q | xargs -r ctr -n k8s.io images rm --sync >/dev/null; done";
    node.exec(["sh", "-c", remove]).run()?;
    is_empty(node)
}

fn is_empty(node: &Node) -> Result<()> {
    for what in ["images", "content"] {
        let left = node.exec(["ctr", "-n", "k8s.io", what, "ls", "-q"]).run()?;
        if !left.trim().is_empty() {
            bail!("there are {what} left:\n{}", tail(&left, 10));
        }
    }
    Ok(())
}
