//! Where the configuration of a runtime has a handler. Pure.

use super::toml::Document;

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// containerd's `config.toml`, versions 1 to 4.
    Containerd,
    /// CRI-O's `crio.conf`.
    CriO,
}

/// A file of it.
pub struct Source {
    /// Where it is.
    pub path: String,
    /// What is in it.
    pub text: String,
    /// Whether the runtime reads it. If not, it only could.
    pub is_read: bool,
}

/// Where a handler is.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file that the runtime reads.
    Read {
        /// The file.
        file: String,
        /// The program that it names.
        program: Option<String>,
    },
    /// In a file that it does not read.
    NotRead {
        /// The file.
        file: String,
    },
    /// In a table that the file's version does not have.
    WrongTable {
        /// The file.
        file: String,
        /// The version that the file says.
        version: i64,
        /// The table that it should be in.
        table: &'static str,
    },
    /// A file is no TOML.
    Broken {
        /// The file.
        file: String,
        /// The line that shows it.
        line: usize,
    },
    /// Nowhere.
    Nowhere,
}

/// Tables of handlers in containerd's configuration by version: `docs/PLUGINS.md` and `docs/cri/config.md` there.
const V1: (&str, &[&str]) = ("plugins.cri.containerd.runtimes", &["plugins", "cri", "containerd", "runtimes"]);
const V2: (&str, &[&str]) = (
    "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes",
    &["plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes"],
);
const V3: (&str, &[&str]) = (
    "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes",
    &["plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes"],
);

fn table_of(version: i64) -> (&'static str, &'static [&'static str]) {
    match version {
        ..=1 => V1,
        2 => V2,
        _ => V3,
    }
}

/// Patterns of files that containerd's configuration imports.
pub fn imports(text: &str) -> Vec<String> {
    Document::read(text).map(|document| document.list(&["imports"])).unwrap_or_default()
}

/// Looks for a handler. Later files win, and a good place wins over any reason why there is none.
pub fn find(syntax: Syntax, handler: &str, sources: &[Source]) -> Place {
    let mut best = Place::Nowhere;
    for source in sources {
        let place = match Document::read(&source.text) {
            Ok(document) => find_in(syntax, handler, source, &document),
            Err(line) => Some(Place::Broken { file: source.path.clone(), line }),
        };
        best = match (place, best) {
            (Some(place @ Place::Read { .. }), _) => place,
            (Some(place), Place::Nowhere) => place,
            (_, best) => best,
        };
    }
    best
}

fn find_in(syntax: Syntax, handler: &str, source: &Source, document: &Document) -> Option<Place> {
    let file = source.path.clone();
    // A name without a path is found by the runtime itself.
    let program = |path: &[&str]| document.text(path).filter(|text| text.starts_with('/')).map(String::from);
    if syntax == Syntax::CriO {
        let table = ["crio", "runtime", "runtimes", handler];
        let read = || Place::Read { file, program: program(&[&table[..], &["runtime_path"]].concat()) };
        return document.has(&table).then(read);
    }
    let version = document.number(&["version"]).unwrap_or(1);
    let (name, path) = table_of(version);
    let table = [path, &[handler]].concat();
    if document.has(&table) {
        let read =
            || Place::Read { file: file.clone(), program: program(&[&table[..], &["options", "BinaryName"]].concat()) };
        return Some(if source.is_read { read() } else { Place::NotRead { file } });
    }
    let elsewhere = [V1, V2, V3].iter().any(|(_, path)| document.has(&[path, &[handler][..]].concat()));
    elsewhere.then_some(Place::WrongTable { file, version, table: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into(), is_read: !path.contains("conf.d") }
    }

    fn place(text: &str) -> Place {
        find(Syntax::Containerd, "nvidia", &[source("/c.toml", text)])
    }

    fn read(program: Option<&str>) -> Place {
        Place::Read { file: "/c.toml".into(), program: program.map(Into::into) }
    }

    #[test]
    fn every_version_has_its_own_table() {
        let two = r#"
            version = 2
            [plugins."io.containerd.grpc.v1.cri".containerd]
              default_runtime_name = "runc"
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
                runtime_type = "io.containerd.runc.v2"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
                  BinaryName = "/usr/bin/nvidia-container-runtime"
        "#;
        assert_eq!(place(two), read(Some("/usr/bin/nvidia-container-runtime")));
        let three = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]\nnvidia = {}\n";
        assert_eq!(place(three), read(None));
        assert_eq!(place("[plugins.cri.containerd.runtimes.nvidia]\n"), read(None), "without a version it is 1");
        let wrong = place(&two.replace("version = 2", "version = 3"));
        assert_eq!(wrong, Place::WrongTable { file: "/c.toml".into(), version: 3, table: V3.0 });
        assert_eq!(place("version = 2\n"), Place::Nowhere);
        assert_eq!(
            place(&two.replace("nvidia]", "nvidia-cdi]").replace("nvidia.opt", "nvidia-cdi.opt")),
            Place::Nowhere
        );
    }

    #[test]
    fn files_that_are_not_read_do_not_count_but_are_named() {
        let text = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia]\n";
        let main = || source("/c.toml", "version = 2\n");
        let beside = find(Syntax::Containerd, "nvidia", &[main(), source("/conf.d/n.toml", text)]);
        assert_eq!(beside, Place::NotRead { file: "/conf.d/n.toml".into() });
        let imported = Source { is_read: true, ..source("/conf.d/n.toml", text) };
        let imported = find(Syntax::Containerd, "nvidia", &[main(), imported]);
        assert_eq!(imported, Place::Read { file: "/conf.d/n.toml".into(), program: None });
        assert_eq!(
            imports("version = 2\nimports = [\n  \"/a/*.toml\", # mine\n  'b.toml',\n]\n"),
            ["/a/*.toml", "b.toml"]
        );
    }

    #[test]
    fn broken_files_are_told_by_their_line() {
        assert_eq!(place("version = 2\nroot = \n"), Place::Broken { file: "/c.toml".into(), line: 2 });
        assert_eq!(imports("version = \n"), [""; 0]);
    }

    #[test]
    fn crio_has_one_table_and_a_path() {
        let text = "[crio.runtime.runtimes.nvidia]\nruntime_path = \"/usr/bin/nvidia-container-runtime\"\n";
        let found = find(Syntax::CriO, "nvidia", &[source("/c.toml", text)]);
        assert_eq!(found, read(Some("/usr/bin/nvidia-container-runtime")));
        assert_eq!(find(Syntax::CriO, "nvidia-cdi", &[source("/c.toml", text)]), Place::Nowhere);
    }
}
