//! The Kubernetes programs under test: those in `$KUBERNETES_BIN_DIR`, or, on any machine, those built from
//! Debian's source package, which carries the whole upstream tree although Debian ships only kubectl from it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::cache::Cache;
use super::command::{Cmd, cmd, short_sum};
use super::debian::Suite;

/// What a control plane node runs, all of it needed.
const PROGRAMS: &[&str] = &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"];

/// Goes up when the recipe below makes other binaries from the same packages.
const RECIPE: u32 = 1;

/// The newest Go minor that is known to build this old tree is the one of this suite.
pub const SUITE: &str = "bookworm";

/// A set of programs of one Kubernetes release.
pub struct Kubernetes {
    /// As kubelet prints it: `v1.20.2`.
    pub version: String,
    /// The number that decides which container runtime and etcd suit it.
    pub minor: u32,
    /// Where the programs lie.
    pub bin_dir: PathBuf,
    /// Names these very binaries, for caches of what is made from them.
    pub key: String,
}

impl Kubernetes {
    /// Finds or builds the release under test.
    pub fn find(cache: &Cache, log: &Path) -> Result<Self> {
        match env::var_os("KUBERNETES_BIN_DIR") {
            Some(dir) => Self::given(Path::new(&dir)),
            None => Self::from_debian(cache, log),
        }
    }

    /// Programs that somebody built or unpacked from a release.
    fn given(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().with_context(|| format!("KUBERNETES_BIN_DIR: no directory {}", dir.display()))?;
        let mut traits = String::new();
        for program in PROGRAMS {
            let path = dir.join(program);
            let Ok(meta) = fs::metadata(&path) else { bail!("KUBERNETES_BIN_DIR has no {program}") };
            traits += &format!("{program} {} {:?}\n", meta.len(), meta.modified()?);
        }
        let sum = short_sum(&traits)?;
        Self::at(dir, |version| format!("{version}-{sum}"))
    }

    fn at(bin_dir: PathBuf, key: impl FnOnce(&str) -> String) -> Result<Self> {
        let said = cmd(bin_dir.join("kubelet")).arg("--version").run()?;
        let version = said.split_whitespace().last().unwrap_or_default().to_owned();
        let minor = version.strip_prefix("v1.").and_then(|rest| rest.split('.').next()?.parse().ok());
        let minor = minor.with_context(|| format!("kubelet calls its version {said:?}"))?;
        Ok(Self { key: key(&version), version, minor, bin_dir })
    }

    fn from_debian(cache: &Cache, log: &Path) -> Result<Self> {
        let suite = Suite::open(cache, SUITE)?;
        let package = suite.source_version("kubernetes")?;
        let go = suite.dependency("golang-go", "golang-")?;
        let go_version = go.trim_start_matches("golang-").trim_end_matches("-go").to_owned();
        let key = format!("{package}-go{go_version}-r{RECIPE}");
        let entry = cache.entry("kubernetes", &key, |dir| {
            let sources = go.trim_end_matches("-go").to_owned() + "-src";
            let tools = suite.unpacked("go", &[&go, &sources, "golang-github-modern-go-reflect2-dev"])?;
            let build = Build { tools, go_root: format!("usr/lib/go-{go_version}"), dir, log };
            build.run(&suite, upstream_version(&package))
        })?;
        Self::at(entry, |_| key)
    }
}

/// One build, in a directory whose sources and caches (4 GB) are thrown away afterwards.
struct Build<'a> {
    tools: PathBuf,
    go_root: String,
    dir: &'a Path,
    log: &'a Path,
}

impl Build<'_> {
    fn run(&self, suite: &Suite, version: &str) -> Result<()> {
        let tree = self.dir.join("build/src/k8s.io/kubernetes");
        fs::create_dir_all(self.dir.join("build/src/k8s.io"))?;
        suite.unpack_source("kubernetes", &tree)?;
        self.replace_reflect2(&tree)?;
        self.generate_openapi(&tree)?;

        let packages: Vec<String> =
            PROGRAMS.iter().chain(&["kubeadm"]).map(|p| format!("k8s.io/kubernetes/cmd/{p}")).collect();
        let mut flags = "-s -w".to_owned();
        let minor = version.split('.').nth(1).unwrap_or_default();
        for package in ["component-base/version", "client-go/pkg/version"] {
            let package = format!("k8s.io/kubernetes/vendor/k8s.io/{package}");
            for stamp in [format!("gitVersion=v{version}"), "gitMajor=1".into(), format!("gitMinor={minor}")] {
                flags += &format!(" -X {package}.{stamp}");
            }
            flags += &format!(" -X {package}.gitTreeState=clean");
        }
        let target = format!("{}/", self.dir.display());
        self.go(&tree).args(["build", "-trimpath", "-ldflags", &flags, "-o", &target]).args(packages).run()?;
        // Go marks what it keeps read-only, but root removes it all the same.
        Ok(fs::remove_dir_all(self.dir.join("build"))?)
    }

    /// The tree predates modules that resolve offline, so it is built the old way, from GOPATH.
    fn go(&self, tree: &Path) -> Cmd {
        let root = self.tools.join(&self.go_root);
        cmd("nice")
            .arg("-n5")
            .arg(root.join("bin/go"))
            .env("GOROOT", root)
            .env("GOPATH", self.dir.join("build"))
            .env("GOCACHE", self.dir.join("build/cache"))
            .env("GO111MODULE", "off")
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "")
            .dir(tree)
            .log(self.log)
    }

    /// The vendored reflect2 1.0.1 panics on map iteration when built by Go 1.18 or newer; Debian's 1.0.2 does not.
    fn replace_reflect2(&self, tree: &Path) -> Result<()> {
        let vendored = tree.join("vendor/github.com/modern-go/reflect2");
        fs::remove_dir_all(&vendored).context("the tree no longer vendors reflect2 where it used to")?;
        let packaged = self.tools.join("usr/share/gocode/src/github.com/modern-go/reflect2");
        cmd("cp").arg("-r").arg(packaged).arg(vendored).run().map(drop)
    }

    /// kube-apiserver needs one generated file that is in no source tree. This is what the tree's makefile
    /// does for it, without the hour of other generators; the tree's own list of rule violations, which the
    /// generator must reproduce exactly, proves that it saw the same inputs.
    fn generate_openapi(&self, tree: &Path) -> Result<()> {
        let generator = self.dir.join("build/openapi-gen");
        let source = "k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen";
        self.go(tree).args(["build", "-o"]).arg(&generator).arg(source).run()?;

        let tagged = cmd("grep")
            .args(["-Rl", "--include=*.go", "+k8s:openapi-gen=", "pkg", "cmd", "plugin", "vendor/k8s.io"])
            .dir(tree)
            .run()?;
        let skipped = ["vendor/k8s.io/code-generator/", "vendor/k8s.io/sample-apiserver/"];
        let files = tagged.lines().filter(|f| !skipped.iter().any(|s| f.starts_with(s)) && !f.ends_with("_test.go"));
        let mut inputs: Vec<String> =
            files.filter_map(|f| Some(format!("k8s.io/kubernetes/{}", Path::new(f).parent()?.display()))).collect();
        inputs.sort();
        inputs.dedup();

        let report = self.dir.join("build/violations");
        let boilerplate = "vendor/k8s.io/code-generator/hack/boilerplate.go.txt";
        // The generator asks `go` on PATH for the standard library's place.
        let path = format!("{}:{}", self.tools.join(&self.go_root).join("bin").display(), env::var("PATH")?);
        cmd(&generator)
            .args(["--logtostderr", "-i", &inputs.join(","), "-p", "k8s.io/kubernetes/pkg/generated/openapi"])
            .args(["-O", "zz_generated.openapi", "-h", boilerplate, "-r"])
            .arg(&report)
            .env("PATH", path)
            .env("GOROOT", self.tools.join(&self.go_root))
            .env("GOPATH", self.dir.join("build"))
            .env("GO111MODULE", "off")
            .dir(tree)
            .log(self.log)
            .run()?;
        cmd("cmp").arg(&report).arg("api/api-rules/violation_exceptions.list").dir(tree).run()?;
        Ok(())
    }
}

/// `1.20.5+really1.20.2-1.1+deb12u1` is upstream's 1.20.2.
fn upstream_version(package: &str) -> &str {
    let upstream = package.rsplit_once('-').map_or(package, |(upstream, _)| upstream);
    upstream.rsplit_once("really").map_or(upstream, |(_, really)| really)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_are_traced_to_upstream() {
        assert_eq!(upstream_version("1.20.5+really1.20.2-1.1+deb12u1"), "1.20.2");
        assert_eq!(upstream_version("1.32.3-1"), "1.32.3");
    }
}
