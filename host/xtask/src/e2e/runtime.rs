//! containerd, runc and etcd that suit a Kubernetes release, and the layer of files that makes a plain node
//! root into a Kubernetes host: these programs, kubelet, and the units and settings of its packages.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cache::Cache;
use super::command::{cmd, short_sum, write};
use super::debian::Suite;
use super::host::has_sys_resource;
use super::kubernetes::{Kubernetes, SUITE};

/// containerd's socket, as `--cri-socket` and containerd's own service have it.
pub const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";

const KUBELET_UNIT: &str = include_str!("files/kubelet.service");
const KUBELET_DROP_IN: &str = include_str!("files/10-kubeadm.conf");
const CONTAINERD_UNIT: &str = include_str!("files/containerd.service");

/// kubelets with cloud credential providers built in ask a metadata service at every start, for four seconds.
const NO_CLOUD: &str = "[Manager]\nDefaultEnvironment=AWS_EC2_METADATA_DISABLED=true\n";

/// Unpacked packages for one release.
pub struct Runtime {
    packages: PathBuf,
    runc: PathBuf,
    /// containerd's configuration format differs between 1.x and 2.x.
    containerd: String,
    /// etcd's version, for the cache key of its image.
    pub etcd: String,
}

impl Runtime {
    /// Picks the suite: kubelets before 1.26 speak CRI v1alpha2 alone or prefer it, which containerd 2 dropped;
    /// newer ones ask for containerd 2 and etcd 3.5, which only newer suites have. These two run on the older
    /// suite's libc, but newer builds of runc do not, and the older one serves both containerds.
    pub fn find(cache: &Cache, kubernetes: &Kubernetes) -> Result<Self> {
        let base = Suite::open(cache, SUITE)?;
        let runc = base.unpacked("runc", &["runc"])?.join("usr/sbin/runc");
        let suite = if kubernetes.minor < 26 { base } else { Suite::open(cache, "sid")? };
        let packages = suite.unpacked("runtime", &["containerd", "etcd-server"])?;
        let versions = suite.versions(&["containerd", "etcd-server"])?;
        Ok(Self { packages, runc, containerd: versions[0].clone(), etcd: versions[1].clone() })
    }

    /// etcd's binary, dynamically linked.
    pub fn etcd_binary(&self) -> PathBuf {
        self.packages.join("usr/bin/etcd")
    }

    /// The layer of files to lay over the shared root; `pause` is the sandbox image's name.
    pub fn layer(&self, cache: &Cache, kubernetes: &Kubernetes, pause: &str) -> Result<PathBuf> {
        let config = self.containerd_config(pause);
        let runc = self.runc.to_string_lossy();
        let programs = [self.containerd.as_str(), &runc, &kubernetes.key].join("\n");
        let text = [KUBELET_UNIT, KUBELET_DROP_IN, CONTAINERD_UNIT, NO_CLOUD, &config, &programs].join("\n");
        cache.entry("layer", &format!("{}-{}", kubernetes.version, short_sum(&text)?), |dir| {
            let bin = dir.join("usr/bin");
            fs::create_dir_all(&bin)?;
            for program in ["containerd", "containerd-shim-runc-v2", "ctr"] {
                copy(&self.packages.join("usr/bin").join(program), &bin)?;
            }
            copy(&self.runc, &bin)?;
            copy(&kubernetes.bin_dir.join("kubelet"), &bin)?;

            write(&dir.join("etc/containerd/config.toml"), &config)?;
            let units = dir.join("etc/systemd/system");
            write(&dir.join("etc/systemd/system.conf.d/no-cloud.conf"), NO_CLOUD)?;
            write(&units.join("containerd.service"), CONTAINERD_UNIT)?;
            write(&units.join("kubelet.service"), KUBELET_UNIT)?;
            write(&units.join("kubelet.service.d/10-kubeadm.conf"), KUBELET_DROP_IN)?;
            let wanted = units.join("multi-user.target.wants");
            fs::create_dir_all(&wanted)?;
            symlink("/etc/systemd/system/containerd.service", wanted.join("containerd.service"))?;
            Ok(())
        })
    }

    fn containerd_config(&self, pause: &str) -> String {
        // What a machine lacks that runs us in a container itself is said once, here.
        let restrict = !has_sys_resource();
        let cni = "conf_dir = \"/etc/cni/net.d\"";
        if self.containerd.starts_with("1.") {
            format!(
                "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"{pause}\"\n  \
                 restrict_oom_score_adj = {restrict}\n  disable_apparmor = true\n\
                 [plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/usr/lib/cni\"\n  {cni}\n"
            )
        } else {
            format!(
                "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = \"{pause}\"\n\
                 [plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = {restrict}\n  \
                 disable_apparmor = true\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n  bin_dirs = [\"/usr/lib/cni\"]\n  {cni}\n"
            )
        }
    }
}

fn copy(program: &Path, into: &Path) -> Result<()> {
    cmd("cp").arg("--reflink=auto").arg(program).arg(into).run().map(drop)
}
