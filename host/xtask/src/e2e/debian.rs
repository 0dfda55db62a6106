//! Debian packages and sources, of any suite, without touching the machine's own apt configuration.
//!
//! Where the archive is reached is known only to the machine: its sources in /etc/apt are read, and the same
//! address is used with another suite's name. Lists and downloads live in the cache, not in /var/lib/apt.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use super::cache::Cache;
use super::command::{Cmd, cmd, short_sum, write};

/// How long package lists are believed before they are fetched anew.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// One suite of the Debian archive, with an apt configuration of its own.
pub struct Suite {
    cache: Cache,
    name: String,
    dir: PathBuf,
    archive: Archive,
}

/// Where the machine gets Debian from.
#[derive(Clone, Debug, PartialEq)]
struct Archive {
    uri: String,
    /// Remaining deb822 lines that the new entry needs too, above all `Signed-By`.
    options: Vec<String>,
}

impl Suite {
    /// Opens a suite by name (`bookworm`, `sid`) and fetches its lists if they are missing or old.
    pub fn open(cache: &Cache, name: &str) -> Result<Self> {
        let suite = Self {
            cache: cache.clone(),
            name: name.to_owned(),
            dir: cache.dir(&format!("apt/{name}"))?,
            archive: machine_archive()?,
        };
        let dir = suite.dir.display();
        write(&suite.dir.join("debian.sources"), suite.archive.source(name))?;
        // Pins and sources of the machine would mix its suite in; its proxies and trust settings are kept.
        write(
            &suite.dir.join("apt.conf"),
            format!(
                "Dir::Etc::sourcelist \"{dir}/debian.sources\";\nDir::Etc::sourceparts \"-\";\n\
                 Dir::Etc::preferences \"-\";\nDir::Etc::preferencesparts \"-\";\n\
                 Dir::State \"{dir}/state\";\nDir::State::status \"{dir}/status\";\nDir::Cache \"{dir}/cache\";\n\
                 APT::Sandbox::User \"root\";\nAPT::Install-Recommends \"false\";\n"
            ),
        )?;
        write(&suite.dir.join("status"), "")?;
        cache.dir(&format!("apt/{name}/state/lists/partial"))?;
        cache.dir(&format!("apt/{name}/cache/archives/partial"))?;
        suite.refresh()?;
        Ok(suite)
    }

    /// The suite's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The archive's address, for debootstrap.
    pub fn uri(&self) -> &str {
        &self.archive.uri
    }

    /// The keyring named by the machine's own entry, if it is a file.
    pub fn keyring(&self) -> Option<&str> {
        let line = self.archive.options.iter().find_map(|o| o.strip_prefix("Signed-By:"))?;
        Some(line.trim()).filter(|path| path.starts_with('/'))
    }

    fn apt(&self, program: &str) -> Cmd {
        cmd(program).env("APT_CONFIG", self.dir.join("apt.conf")).env("LC_ALL", "C")
    }

    fn refresh(&self) -> Result<()> {
        // apt does not wait for another apt; another run of this test may be fetching the same lists.
        let lock = fs::File::create(self.dir.join("lock"))?;
        lock.lock().with_context(|| format!("could not lock the package lists of {}", self.name))?;
        let stamp = self.dir.join("updated");
        let age = fs::metadata(&stamp).and_then(|m| m.modified()).map(|t| SystemTime::now().duration_since(t));
        if matches!(age, Ok(Ok(age)) if age < LISTS_AGE) {
            return Ok(());
        }
        match self.apt("apt-get").args(["update", "-q", "-o", "APT::Update::Error-Mode=any"]).run() {
            Ok(_) => {
                fs::remove_dir_all(self.dir.join("answers")).or_else(absent_is_fine)?;
                write(&stamp, "")
            }
            // Old lists are good enough for everything that is cached already.
            Err(_) if stamp.exists() => Ok(()),
            Err(cause) => Err(cause.context(format!("could not fetch the package lists of {}", self.name))),
        }
    }

    /// What `apt-cache` answers; asked once per fetched lists, because it takes half a second each time.
    fn ask(&self, words: &[&str]) -> Result<String> {
        let kept = self.dir.join("answers").join(short_sum(&words.join(" "))?);
        if let Ok(answer) = fs::read_to_string(&kept) {
            return Ok(answer);
        }
        let answer = self.apt("apt-cache").args(words).run()?;
        let partial = kept.with_extension(std::process::id().to_string());
        write(&partial, &answer)?;
        fs::rename(&partial, &kept).with_context(|| format!("could not keep {}", kept.display()))?;
        Ok(answer)
    }

    /// The versions of `packages` that the suite has now, in their order.
    pub fn versions(&self, packages: &[&str]) -> Result<Vec<String>> {
        let shown = self.ask(&[&["show", "--no-all-versions"], packages].concat())?;
        let stanzas: Vec<&str> = shown.split("\n\n").collect();
        let version = |package: &&str| {
            let stanza = stanzas.iter().find(|s| field(s, "Package").as_deref() == Some(*package));
            stanza.and_then(|s| field(s, "Version")).with_context(|| format!("{} has no package {package}", self.name))
        };
        packages.iter().map(version).collect()
    }

    /// The version of the source package `package` that the suite has now.
    pub fn source_version(&self, package: &str) -> Result<String> {
        let shown = self.ask(&["showsrc", "--only-source", package])?;
        field(&shown, "Version").with_context(|| format!("{} has no source package {package}", self.name))
    }

    /// The first package that `package` depends on whose name starts with `prefix`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let shown = self.ask(&["depends", "--important", package])?;
        let mut names = shown.lines().filter_map(|l| l.trim().strip_prefix("Depends: "));
        let found = names.find(|n| n.starts_with(prefix));
        Ok(found.with_context(|| format!("{package} depends on no {prefix}*"))?.to_owned())
    }

    /// Packages unpacked (not installed: no scripts run, no dependencies follow) into one directory.
    pub fn unpacked(&self, name: &str, packages: &[&str]) -> Result<PathBuf> {
        let mut key = name.to_owned();
        for version in self.versions(packages)? {
            key += &format!("_{}", version.replace([':', '/'], "."));
        }
        self.cache.entry("packages", &key, |dir| {
            let debs = dir.join(".debs");
            fs::create_dir(&debs)?;
            self.apt("apt-get").args(["download", "-q"]).args(packages).dir(&debs).run()?;
            for deb in fs::read_dir(&debs)? {
                cmd("dpkg-deb").arg("-x").arg(deb?.path()).arg(dir).run()?;
            }
            Ok(fs::remove_dir_all(&debs)?)
        })
    }

    /// Unpacks the source package `package`, with Debian's patches applied, as the new directory `target`.
    pub fn unpack_source(&self, package: &str, target: &Path) -> Result<()> {
        let work = target.with_extension("download");
        fs::create_dir_all(&work)?;
        self.apt("apt-get").args(["source", "-q", "--download-only", "--only-source", package]).dir(&work).run()?;
        let files: Vec<PathBuf> = fs::read_dir(&work)?.flatten().map(|f| f.path()).collect();
        let dsc = files.iter().find(|f| f.extension().is_some_and(|e| e == "dsc"));
        let dsc = dsc.with_context(|| format!("apt brought no .dsc of {package}"))?;
        // apt has checked the files against the signed lists; the uploader's own key need not be known here.
        cmd("dpkg-source").args(["--no-check", "-x"]).arg(dsc).arg(target).run()?;
        Ok(fs::remove_dir_all(&work)?)
    }
}

impl Archive {
    fn source(&self, suite: &str) -> String {
        let options: String = self.options.iter().map(|o| format!("{o}\n")).collect();
        format!("Types: deb deb-src\nURIs: {}\nSuites: {suite}\nComponents: main\n{options}", self.uri)
    }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The first Debian archive among the machine's sources, in either of apt's formats.
fn machine_archive() -> Result<Archive> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(dir) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut parts: Vec<PathBuf> = dir.flatten().map(|e| e.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let found = match file.extension().and_then(|e| e.to_str()) {
            Some("sources") => from_deb822(&text),
            Some("list") => from_list(&text),
            _ => None,
        };
        if let Some(archive) = found {
            return Ok(archive);
        }
    }
    bail!("/etc/apt names no Debian archive; this test builds its node from Debian packages")
}

/// Debian's main archive is told from its security archive and from other vendors' by its path.
fn is_debian(uri: &str, components: &str) -> bool {
    uri.trim_end_matches('/').ends_with("/debian") && components.split_whitespace().any(|c| c == "main")
}

fn from_deb822(text: &str) -> Option<Archive> {
    let plain: String = text.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    plain.split("\n\n").find_map(|stanza| {
        let uris = field(stanza, "URIs")?;
        let uri = uris.split_whitespace().next()?;
        let enabled = field(stanza, "Enabled").is_none_or(|e| e != "no");
        if !enabled || !is_debian(uri, &field(stanza, "Components")?) {
            return None;
        }
        let options = ["Signed-By", "Trusted"].into_iter();
        let options = options.filter_map(|name| Some(format!("{name}: {}", field(stanza, name)?))).collect();
        Some(Archive { uri: uri.to_owned(), options })
    })
}

fn from_list(text: &str) -> Option<Archive> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim();
        let (bracket, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, _suite) = (words.next()?, words.next()?);
        if !is_debian(uri, &words.collect::<Vec<_>>().join(" ")) {
            return None;
        }
        let options = bracket.split_whitespace().filter_map(|option| match option.split_once('=')? {
            ("signed-by", path) => Some(format!("Signed-By: {path}")),
            ("trusted", value) => Some(format!("Trusted: {value}")),
            _ => None,
        });
        Some(Archive { uri: uri.to_owned(), options: options.collect() })
    })
}

/// The value of a deb822 field, first occurrence, on one line.
fn field(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_sources_name_the_same_archive() {
        let deb822 = "# made by an installer\nTypes: deb\nURIs: http://mirror.example/debian-security\n\
                      Suites: x-security\nComponents: main\n\nTypes: deb\nURIs: http://mirror.example/debian\n\
                      Suites: x x-updates\nComponents: main contrib\nSigned-By: /k.gpg\n";
        let list = "# deb http://mirror.example/old main\ndeb http://mirror.example/debian-security x main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian x main contrib\n";
        let expected =
            Archive { uri: "http://mirror.example/debian".into(), options: vec!["Signed-By: /k.gpg".into()] };
        assert_eq!(from_deb822(deb822), Some(expected.clone()));
        assert_eq!(from_list(list), Some(expected));
    }

    #[test]
    fn another_vendors_archive_is_not_taken() {
        assert_eq!(from_list("deb http://packages.example/apt stable main\n"), None);
        assert_eq!(from_deb822("Types: deb\nURIs: http://a.example/debian\nComponents: main\nEnabled: no\n"), None);
    }
}
