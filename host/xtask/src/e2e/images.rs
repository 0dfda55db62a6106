//! Container images without a registry: one docker-archive, made from binaries, whose tags are exactly those
//! that the release asks for, so that nothing has to be told to use other images.
//!
//! What they do not prove: that upstream's own images work. And CoreDNS is in no Debian suite: under its tag runs the
//! stand-in of `cluster_dns`, which is this very program.
//! Nor is etcd 3.6 in any: under its tags runs etcd 3.5, started by way of a program that renames two flags.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::cache::Cache;
use super::command::{cmd, short_sum, write};
use super::etcd;
use super::kubernetes::Kubernetes;
use super::runtime::Runtime;

/// Goes up when the code below makes other images from the same programs.
const RECIPE: u32 = 2;

const PAUSE: &str = include_str!("files/pause.c");
/// Names the program among the cache's keys.
const CLUSTER_DNS: &str = include_str!("cluster_dns.rs");

/// Programs that kube-proxy starts, found in the node's root with their libraries.
const PROXY_TOOLS: &[&str] =
    &["usr/sbin/xtables-nft-multi", "usr/sbin/nft", "usr/sbin/conntrack", "usr/bin/kmod", "usr/bin/dash"];

/// The archive's file inside its cache entry.
pub const ARCHIVE: &str = "images.tar";

/// Finds or makes the archive with an image for every name in `names`.
pub fn archive(
    cache: &Cache,
    kubernetes: &Kubernetes,
    runtime: &Runtime,
    rootfs: &Path,
    names: &[String],
) -> Result<PathBuf> {
    let inputs = format!(
        "{PAUSE}{CLUSTER_DNS}{}{}{}{}{names:?}{RECIPE}",
        etcd::FLAGS,
        kubernetes.key,
        runtime.etcd,
        rootfs.display()
    );
    let key = format!("{}-{}", kubernetes.version, short_sum(&inputs)?);
    let entry = cache.entry("images", &key, |dir| {
        let work = dir.join("work");
        let mut maker = Maker { work: &work, rootfs, manifest: Vec::new() };
        let base = maker.base_layer()?;
        for name in names {
            let (layer, command) = maker.content(kubernetes, runtime, name).with_context(|| format!("image {name}"))?;
            maker.add(name, &[&base, &layer], command)?;
        }
        write(&work.join("archive/manifest.json"), serde_json::to_vec(&maker.manifest)?)?;
        tar(&work.join("archive"), &dir.join(ARCHIVE))?;
        Ok(fs::remove_dir_all(&work)?)
    })?;
    Ok(entry.join(ARCHIVE))
}

/// The component that an image name stands for: `coredns` of `k8s.gcr.io/coredns/coredns:v1`.
pub fn component(image: &str) -> &str {
    let last = image.rsplit_once('/').map_or(image, |(_, last)| last);
    last.split_once(':').map_or(last, |(component, _tag)| component)
}

struct Maker<'a> {
    work: &'a Path,
    rootfs: &'a Path,
    manifest: Vec<serde_json::Value>,
}

impl Maker<'_> {
    fn staging(&self, name: &str) -> Result<PathBuf> {
        let dir = self.work.join("staging").join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Accounts and a temporary directory: what static programs expect of any root.
    fn base_layer(&self) -> Result<String> {
        let dir = self.staging("base")?;
        write(
            &dir.join("etc/passwd"),
            "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
        )?;
        write(&dir.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")?;
        write(&dir.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
        fs::create_dir_all(dir.join("tmp"))?;
        cmd("chmod").arg("1777").arg(dir.join("tmp")).run()?;
        self.layer(&dir)
    }

    /// What makes this image differ from the others, and the command that it starts by itself.
    fn content(&self, kubernetes: &Kubernetes, runtime: &Runtime, image: &str) -> Result<(String, Vec<String>)> {
        let name = component(image);
        let dir = self.staging(name)?;
        let bin = dir.join("usr/local/bin");
        fs::create_dir_all(&bin)?;
        let mut command = vec![format!("/usr/local/bin/{name}")];
        match name {
            "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" => {
                cmd("cp").arg(kubernetes.bin_dir.join(name)).arg(&bin).run()?;
            }
            "kube-proxy" => {
                cmd("cp").arg(kubernetes.bin_dir.join(name)).arg(&bin).run()?;
                self.copy_proxy_tools(&dir)?;
            }
            "etcd" => {
                etcd::install(runtime, &bin)?;
                self.copy_libraries(&runtime.etcd_binary(), &dir)?;
            }
            "coredns" => {
                let program = bin.join(name);
                cmd("strip").arg("-o").arg(&program).arg(std::env::current_exe()?).run()?;
                self.copy_libraries(&program, &dir)?;
                command.push("cluster-dns".into());
            }
            "pause" => {
                etcd::compile(PAUSE, &dir.join("pause"))?;
                command = vec!["/pause".into()];
            }
            _ => bail!("no program is known for it"),
        }
        Ok((self.layer(&dir)?, command))
    }

    /// The shared libraries of `program`, as the node's root has them, and its loader.
    fn copy_libraries(&self, program: &Path, dir: &Path) -> Result<()> {
        let loader = "/lib64/ld-linux-x86-64.so.2";
        let listed = cmd(self.rootfs.join(loader.trim_start_matches('/')))
            .arg("--library-path")
            .arg(self.rootfs.join("usr/lib/x86_64-linux-gnu"))
            .arg("--list")
            .arg(program)
            .run()?;
        let root = self.rootfs.to_string_lossy().into_owned();
        let libraries = listed.lines().filter_map(|l| l.split("=> ").nth(1)?.split(" (").next());
        for library in libraries.chain([loader]) {
            let inside = library.strip_prefix(&root).unwrap_or(library);
            let target = dir.join(inside.trim_start_matches('/'));
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            cmd("cp").arg("-L").arg(self.rootfs.join(inside.trim_start_matches('/'))).arg(target).run()?;
        }
        Ok(())
    }

    fn copy_proxy_tools(&self, dir: &Path) -> Result<()> {
        let sbin = dir.join("usr/sbin");
        fs::create_dir_all(&sbin)?;
        for tool in PROXY_TOOLS {
            let (source, name) = (self.rootfs.join(tool), Path::new(tool).file_name().context("a tool has a name")?);
            cmd("cp").arg("-L").arg(&source).arg(sbin.join(name)).run()?;
            self.copy_libraries(&source, dir)?;
        }
        for (link, target) in [
            ("iptables", "xtables-nft-multi"),
            ("iptables-save", "xtables-nft-multi"),
            ("iptables-restore", "xtables-nft-multi"),
            ("ip6tables", "xtables-nft-multi"),
            ("ip6tables-save", "xtables-nft-multi"),
            ("ip6tables-restore", "xtables-nft-multi"),
            ("modprobe", "kmod"),
            ("sh", "dash"),
        ] {
            std::os::unix::fs::symlink(target, sbin.join(link))?;
        }
        let extensions = "usr/lib/x86_64-linux-gnu/xtables";
        fs::create_dir_all(dir.join("usr/lib/x86_64-linux-gnu"))?;
        cmd("cp").arg("-r").arg(self.rootfs.join(extensions)).arg(dir.join(extensions)).run()?;
        std::os::unix::fs::symlink("usr/sbin", dir.join("bin"))?;
        std::os::unix::fs::symlink("usr/sbin", dir.join("sbin"))?;
        Ok(())
    }

    /// Packs `dir` as a layer of the archive and answers its digest.
    fn layer(&self, dir: &Path) -> Result<String> {
        let packed = self.work.join("layer.tar");
        tar(dir, &packed)?;
        let digest = digest(&packed)?;
        let place = self.work.join("archive").join(&digest);
        fs::create_dir_all(&place)?;
        fs::rename(&packed, place.join("layer.tar"))?;
        fs::remove_dir_all(dir)?;
        Ok(digest)
    }

    fn add(&mut self, name: &str, layers: &[&str], command: Vec<String>) -> Result<()> {
        let diff_ids: Vec<String> = layers.iter().map(|l| format!("sha256:{l}")).collect();
        let config = serde_json::to_vec(&json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": command,
                "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        }))?;
        let path = self.work.join("archive/config.json");
        write(&path, &config)?;
        let file = format!("{}.json", digest(&path)?);
        fs::rename(&path, path.with_file_name(&file))?;
        let layers: Vec<String> = layers.iter().map(|l| format!("{l}/layer.tar")).collect();
        self.manifest.push(json!({ "Config": file, "RepoTags": [name], "Layers": layers }));
        Ok(())
    }
}

/// A tar that is the same for the same files.
fn tar(dir: &Path, file: &Path) -> Result<()> {
    let fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    cmd("tar").args(fixed).arg("-C").arg(dir).arg("-cf").arg(file).arg(".").run().map(drop)
}

fn digest(file: &Path) -> Result<String> {
    Ok(cmd("sha256sum").arg(file).run()?.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::component;

    #[test]
    fn components_are_read_from_image_names() {
        assert_eq!(component("k8s.gcr.io/pause:3.2"), "pause");
        assert_eq!(component("registry.k8s.io/coredns/coredns:v1.13.1"), "coredns");
        assert_eq!(component("localhost:5000/x/etcd"), "etcd");
    }
}
