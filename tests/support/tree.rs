//! A tree of files with what matters about each entry: kind, mode, owner, contents.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A directory.
    Directory,
    /// A file and its bytes.
    File(Vec<u8>),
    /// A private key that was left out of a recording; the kind of its PEM block, if that was recorded.
    Withheld(Option<String>),
    /// A symbolic link and its target.
    Link(String),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// `user:group` by name, or None where ownership says nothing (an ordinary user's dry run).
    pub owner: Option<String>,
    /// Kind and contents.
    pub body: Body,
}

/// Entries by path relative to the root, without a leading slash.
pub type Tree = BTreeMap<String, Entry>;

/// Everything below `root`. Names of owners are taken from the tree's own `etc/passwd` and `etc/group`.
pub fn read(root: &Path) -> Tree {
    let names = Names { users: database(&root.join("etc/passwd")), groups: database(&root.join("etc/group")) };
    let mut tree = Tree::new();
    walk(root, "", &names, &mut tree);
    tree
}

/// What is in `after` but not in `before`, or differs from it.
pub fn changes(before: &Tree, after: &Tree) -> Tree {
    after.iter().filter(|(path, entry)| before.get(*path) != Some(entry)).map(|(p, e)| (p.clone(), e.clone())).collect()
}

/// A recorded tree: contents from `files`, modes and owners from the listing, kinds of keys left out from `certs`.
pub fn recorded(files: &Path, listing: &Path, certs: Option<&Path>) -> Tree {
    let kinds = certs.map(key_kinds).unwrap_or_default();
    text(listing)
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap_or_else(|| panic!("{}: short line {line:?}", listing.display()));
            let (mode, owner, kind, path) = (word(), word(), word(), word());
            let body = match kind {
                "d" => Body::Directory,
                "f" => match fs::read(files.join(path)) {
                    Ok(bytes) => Body::File(bytes),
                    Err(_) if path.ends_with(".key") => Body::Withheld(kinds.get(path).cloned()),
                    Err(e) => panic!("{path}: recorded in {} but not there: {e}", listing.display()),
                },
                other => panic!("{}: unknown kind {other:?}", listing.display()),
            };
            (path.to_string(), Entry { mode: parse_mode(mode), owner: Some(owner.to_string()), body })
        })
        .collect()
}

fn walk(directory: &Path, prefix: &str, names: &Names, tree: &mut Tree) {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap_or_else(|e| panic!("{}: {e}", directory.display()))
        .map(|e| e.expect("a directory entry"))
        .collect();
    entries.sort_by_key(|e| e.file_name());
    for entry in entries {
        let name = entry.file_name().into_string().expect("names in UTF-8");
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let full = entry.path();
        let metadata = fs::symlink_metadata(&full).expect("metadata");
        let kind = metadata.file_type();
        let body = if kind.is_dir() {
            Body::Directory
        } else if kind.is_symlink() {
            Body::Link(fs::read_link(&full).expect("a link").display().to_string())
        } else if kind.is_file() {
            Body::File(fs::read(&full).unwrap_or_else(|e| panic!("{}: {e}", full.display())))
        } else {
            continue; // sockets and devices that a test's root needs
        };
        let owner = Some(names.owner(metadata.uid(), metadata.gid()));
        tree.insert(path.clone(), Entry { mode: metadata.mode() & 0o7777, owner, body });
        // What is mounted there (/proc) is not part of the tree.
        let same_device = metadata.dev() == fs::metadata(directory).expect("metadata").dev();
        if kind.is_dir() && same_device {
            walk(&full, &path, names, tree);
        }
    }
}

struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    fn owner(&self, uid: u32, gid: u32) -> String {
        let name = |names: &BTreeMap<u32, String>, id: u32| match names.get(&id) {
            Some(name) => name.clone(),
            None if id == 0 => "root".to_string(),
            None => id.to_string(),
        };
        format!("{}:{}", name(&self.users, uid), name(&self.groups, gid))
    }
}

/// Name by id of a file like `/etc/passwd` or `/etc/group`.
fn database(path: &Path) -> BTreeMap<u32, String> {
    let Ok(text) = fs::read_to_string(path) else { return BTreeMap::new() };
    text.lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            Some((fields.get(2)?.parse().ok()?, fields[0].to_string()))
        })
        .collect()
}

/// `-rw-r--r--` to `0o644`.
fn parse_mode(text: &str) -> u32 {
    text[1..].bytes().fold(0, |mode, c| (mode << 1) | u32::from(c != b'-'))
}

/// Kinds of PEM blocks by key file, as `certs.txt` lists them: a path, its certificate, the frame of its key.
fn key_kinds(certs: &Path) -> BTreeMap<String, String> {
    let (mut kinds, mut path) = (BTreeMap::new(), String::new());
    for line in text(certs).lines() {
        if let Some(heading) = line.strip_prefix("=== /") {
            let file = heading.split(' ').next().unwrap_or(heading);
            path = match file.strip_suffix(".crt") {
                Some(base) => format!("{base}.key"),
                None => file.to_string(),
            };
        } else if let Some(kind) = line.strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----")) {
            kinds.insert(path.clone(), kind.to_string());
        }
    }
    kinds
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
