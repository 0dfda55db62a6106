//! A plugin's files: what is random in them is filled in here, so that no plugin ever sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::File;
use kubephase_model::layout::MANIFESTS_DIR;
use kubephase_model::plugin::grants::is_below;
use kubephase_model::plugin::{Grants, ProposedFile, Random};
use kubephase_node::Node;

use super::error::PluginError;

/// The most random bytes at once.
const MOST: u32 = 1024;
/// Shorter placeholders might stand in a file by accident.
const SHORTEST: usize = 8;

/// Whether the file is where its path says, or by links at another place that may be written as well. Grants are for
/// paths, and links are the machine's: a directory that is granted may lead anywhere, also one at whose end nothing is
/// yet. Where somebody else can put a link meanwhile, looking for them is of no use.
pub fn stays_within(node: &Node, plugin: &str, grants: &Grants, path: &str) -> Result<(), PluginError> {
    let real = node.real_path(path);
    if real != path {
        // What is among the manifests of static pods has been judged as one; by another name it was not.
        let is_pod = is_below(&real, &node.real_path(MANIFESTS_DIR)) && !is_below(path, MANIFESTS_DIR);
        if is_pod || super::is_ours(&real) || !grants.allows_write(&real) {
            return Err(PluginError::Linked { plugin: plugin.to_owned(), path: path.to_owned(), real });
        }
    }
    match node.open_to_others(&real) {
        Some(directory) => Err(PluginError::Open { plugin: plugin.to_owned(), path: path.to_owned(), directory }),
        None => Ok(()),
    }
}

/// The file as it should be. One with random parts is made once, and kept as it is while it is there.
pub fn file(node: &Node, plugin: &str, proposed: &ProposedFile) -> Result<File, PluginError> {
    let path = proposed.path.clone();
    if !path.starts_with('/') || path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return Err(PluginError::senseless(plugin, format!("the file {path}, which is no plain absolute path")));
    }
    if proposed.fill.is_empty() {
        let contents = proposed.contents.clone();
        return Ok(File { path, mode: proposed.mode, contents, secret: proposed.secret });
    }
    if let Some(contents) = node.read(&path).map_err(PluginError::file(plugin))? {
        let mode = node.mode(&path).unwrap_or(proposed.mode);
        return Ok(File { path, mode, contents, secret: true });
    }
    let mut contents = proposed.contents.clone();
    for random in &proposed.fill {
        contents = filled(node, plugin, &path, random, &contents)?;
    }
    Ok(File { path, mode: proposed.mode, contents, secret: true })
}

fn filled(node: &Node, plugin: &str, path: &str, random: &Random, contents: &[u8]) -> Result<Vec<u8>, PluginError> {
    let senseless = |why: &str| Err(PluginError::senseless(plugin, format!("the file {path}: {why}")));
    let placeholder = random.placeholder.as_bytes();
    if placeholder.len() < SHORTEST {
        return senseless("a placeholder of less than 8 bytes");
    }
    if random.length == 0 || random.length > MOST {
        return senseless("a random value that is not 1 to 1024 bytes long");
    }
    let mut bytes = vec![0; random.length as usize];
    node.random(&mut bytes);
    let text = match random.encoding.as_str() {
        "base64" => STANDARD.encode(&bytes),
        "hex" => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => return senseless("a random value that is neither `base64` nor `hex`"),
    };
    let mut out = Vec::with_capacity(contents.len());
    let mut rest = contents;
    let mut found = false;
    while let Some(at) = rest.windows(placeholder.len()).position(|window| window == placeholder) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(text.as_bytes());
        rest = &rest[at + placeholder.len()..];
        found = true;
    }
    out.extend_from_slice(rest);
    if found { Ok(out) } else { senseless("a placeholder that is not in it") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(contents: &str, encoding: &str) -> ProposedFile {
        let random = Random { placeholder: "@@KEY-1@@".into(), length: 32, encoding: encoding.into() };
        let contents = contents.as_bytes().to_vec();
        ProposedFile { path: "/etc/enc.yaml".into(), mode: 0o600, contents, fill: vec![random], secret: false }
    }

    #[test]
    fn what_is_random_is_drawn_once_and_kept() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        let first = file(&node, "e", &proposed("a: @@KEY-1@@\nb: @@KEY-1@@\n", "base64")).expect("fine");
        let text = String::from_utf8(first.contents.clone()).expect("text");
        let values: Vec<&str> = text.lines().map(|line| &line[3..]).collect();
        assert_eq!((values[0].len(), values[0]), (44, values[1]));
        assert!(first.secret);
        node.ensure(&first).expect("written");
        let again = file(&node, "e", &proposed("another: @@KEY-1@@", "hex")).expect("fine");
        assert_eq!(again, first);
    }

    #[test]
    fn links_lead_nowhere_that_is_not_granted() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.ensure(&File::public("/srv/outside/there", "x")).expect("written");
        node.ensure(&File::public("/etc/mine/there", "x")).expect("written");
        std::os::unix::fs::symlink("/srv/outside", root.path().join("etc/mine/out")).expect("a link");
        std::os::unix::fs::symlink("/srv/outside/there", root.path().join("etc/mine/link")).expect("a link");
        std::os::unix::fs::symlink("/srv/outside/nothing", root.path().join("etc/mine/nothing")).expect("a link");
        let grants = |writes: &[&str]| Grants {
            writes: writes.iter().map(|&path| path.to_owned()).collect(),
            ..Grants::default()
        };
        let granted = grants(&["/etc/mine/**"]);
        for path in ["/etc/mine/there", "/etc/mine/new", "/etc/mine/a/b/new"] {
            assert!(stays_within(&node, "e", &granted, path).is_ok(), "{path}");
        }
        for (path, real) in [
            ("/etc/mine/out/new", "/srv/outside/new"),
            ("/etc/mine/out/a/new", "/srv/outside/a/new"),
            ("/etc/mine/out/there", "/srv/outside/there"),
            ("/etc/mine/link", "/srv/outside/there"),
            ("/etc/mine/nothing", "/srv/outside/nothing"),
        ] {
            let error = stays_within(&node, "e", &granted, path).expect_err(path);
            let expected =
                format!("plugin `e` wants the file {path}, which links lead to {real}: that may not be written");
            assert_eq!((error.to_string(), error.is_fault()), (expected, false));
            assert!(error.hint().is_some_and(|hint| hint.ends_with(&format!("writes: [{real}]"))));
            assert!(stays_within(&node, "e", &grants(&["/etc/mine/**", real]), path).is_ok(), "{path}");
        }
    }

    #[test]
    fn nobody_else_can_put_a_link_there_meanwhile() {
        use std::os::unix::fs::PermissionsExt;

        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.ensure(&File::public("/srv/open/below/there", "x")).expect("written");
        let mode = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(root.path().join("srv/open"), permissions).expect("ours");
            stays_within(&node, "e", &Grants::default(), "/srv/open/below/new").map_err(|error| error.to_string())
        };
        assert_eq!(mode(0o755), Ok(()));
        for all in [0o777, 0o1777] {
            let error = mode(all).expect_err("all may write");
            assert!(error.contains("the file /srv/open/below/new in /srv/open, where others"), "{error}");
        }
    }

    #[test]
    fn by_another_name_it_is_a_pod_as_well() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.ensure_dir(MANIFESTS_DIR, 0o700).expect("made");
        std::os::unix::fs::symlink(MANIFESTS_DIR, root.path().join("etc/mine")).expect("a link");
        let granted = Grants { writes: vec!["/etc/**".into()], ..Grants::default() };
        let error = stays_within(&node, "e", &granted, "/etc/mine/x.yaml").expect_err("a manifest");
        assert!(error.to_string().contains("which links lead to /etc/kubernetes/manifests/x.yaml"), "{error}");
        assert!(stays_within(&node, "e", &granted, "/etc/kubernetes/manifests/x.yaml").is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        let why = |proposed: ProposedFile| file(&node, "e", &proposed).expect_err("nonsense").to_string();
        assert!(why(proposed("nothing", "hex")).contains("not in it"));
        assert!(why(proposed("@@KEY-1@@", "base32")).contains("neither"));
        let outside = ProposedFile { path: "/etc/../root/x".into(), fill: vec![], ..proposed("", "hex") };
        assert!(why(outside).contains("no plain absolute path"));
    }
}
