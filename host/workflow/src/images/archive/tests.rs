use std::path::Path;

use kubephase_node::Node;

use super::*;

/// An archive as somebody else may have made it: type, name, contents.
fn archive(entries: &[(EntryType, &[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, contents) in entries {
        let mut header = Header::new_ustar();
        // set_path refuses what we want to be refused later.
        header.as_ustar_mut().expect("ustar").name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(contents.len() as u64);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").expect("short");
        }
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn scan<T>(bytes: &[u8], look: impl FnOnce(Result<Contents<'_>, Vec<String>>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let root = tempfile::tempdir().expect("a root");
    put(&root.path().join("x.tar"), bytes);
    let source = Node::at(root.path()).open("/x.tar").expect("readable").expect("there");
    look(runtime.block_on(Contents::scan(&source)).map_err(|problems| problems.told().to_vec()))
}

#[expect(clippy::disallowed_methods, reason = "a test lays out its machine")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

#[expect(clippy::disallowed_methods, reason = "a test looks at its machine")]
fn get(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn files_are_found_where_they_lie() {
    let bytes = archive(&[
        (EntryType::Directory, b"./", b""),
        (EntryType::Directory, b"./blobs/", b""),
        (FILE, b"./oci-layout", b"{}"),
        (FILE, b"blobs/x", b"0123456789"),
    ]);
    scan(&bytes, |contents| {
        let contents = contents.expect("a good one");
        assert_eq!(contents.names().collect::<Vec<_>>(), ["blobs/x", "oci-layout"]);
        assert_eq!(contents.read("oci-layout", 10).expect("readable").as_deref(), Some(&b"{}"[..]));
        assert_eq!(contents.read("blobs/x", 9).expect("readable"), None, "larger than it may be");
        assert_eq!(contents.piece("blobs/x", 4, 100).expect("readable"), b"456789");
        assert_eq!((contents.size("blobs/x"), contents.size("none")), (Some(10), None));
    });
}

#[test]
fn names_and_kinds_that_lead_elsewhere_are_refused_together() {
    let bytes = archive(&[
        (FILE, b"../up", b""),
        (FILE, b"a/../../up", b""),
        (FILE, b"/etc/passwd", b""),
        (FILE, b"a//b", b""),
        (FILE, b"a\\b", b""),
        (FILE, b"\xff", b""),
        (EntryType::Symlink, b"link", b""),
        (EntryType::Link, b"hard", b""),
        (EntryType::Char, b"device", b""),
        (FILE, b"twice", b""),
        (FILE, b"./twice", b""),
    ]);
    let problems = scan(&bytes, |contents| contents.expect_err("refused"));
    let elsewhere = problems.iter().filter(|problem| problem.ends_with("has a name that leads elsewhere")).count();
    let kinds = problems.iter().filter(|problem| problem.contains("is no regular file")).count();
    assert_eq!((elsewhere, kinds, problems.len()), (6, 3, 10), "{problems:?}");
    assert_eq!(problems[9], "it has `twice` twice");
}

#[test]
fn what_is_no_archive_or_not_all_of_one() {
    let whole = archive(&[(FILE, b"a", &[7; 2000]), (FILE, b"b", &[8; 2000])]);
    let mut broken = whole.clone();
    broken[2560..3072].fill(0xee);
    for (bytes, problem) in [
        (&b"some text that is longer than nothing"[..], "it is no tar archive"),
        (&[0xee; 4096], "it is no tar archive"),
        (b"", "it has no files"),
        (&[0; 1024], "it has no files"),
        (b"\x1f\x8b\x08\x00", "it is compressed: unpack it with `gunzip`"),
        (b"\x28\xb5\x2f\xfd...", "it is compressed: unpack it with `unzstd`"),
        (&whole[..4000], "it ends in the middle of `b`"),
        (&broken, "it is a broken tar archive: what follows after 1 files is none"),
    ] {
        assert_eq!(scan(bytes, |contents| contents.expect_err(problem)), [problem]);
    }
}

/// A set of pax records.
fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).expect("some");
        bytes.extend(format!("{length}{rest}").into_bytes());
    }
    bytes
}

#[test]
fn long_names_and_sizes_are_read_as_tar_writes_them() {
    let long = "d/".repeat(100) + "file";
    let pax = records(&[("path", &long), ("mtime", "1.5")]);
    let bytes = archive(&[
        (EntryType::GNULongName, b"././@LongLink", format!("{long}1\0").as_bytes()),
        (FILE, b"cut off", b"1"),
        (EntryType::XGlobalHeader, b"pax_global_header", &records(&[("comment", "x")])),
        (EntryType::XHeader, b"PaxHeaders/x", &pax),
        (FILE, b"cut off", b"22"),
    ]);
    scan(&bytes, |contents| {
        let contents = contents.expect("a good one");
        assert_eq!(contents.names().collect::<Vec<_>>(), [long.clone(), format!("{long}1")]);
        assert_eq!(contents.piece(&long, 0, 9).expect("readable"), b"22");
    });
    // A size beyond what a header holds stands in a record only, and hides nothing from us.
    let mut bytes = archive(&[(EntryType::XHeader, b"PaxHeaders/x", &records(&[("size", "512")])), (FILE, b"a", b"")]);
    bytes.truncate(3 * 512);
    bytes.extend(archive(&[(FILE, b"inside", b"")]));
    scan(&bytes, |contents| {
        assert_eq!(contents.expect("a good one").names().collect::<Vec<_>>(), ["a"]);
    });
}

#[test]
fn what_extends_headers_is_not_read_without_bound() {
    let large = vec![b'a'; 70_000];
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::XGlobalHeader] {
        let bytes = archive(&[(FILE, b"first", b""), (kind, b"x", &large), (FILE, b"a", b"")]);
        let problems = scan(&bytes, |contents| contents.expect_err("refused"));
        assert!(problems[0].ends_with("of a file in it have 70000 bytes"), "{kind:?}: {problems:?}");
        // What is promised, but not there, takes no memory either.
        let mut bytes = archive(&[(kind, b"x", b"")]);
        let mut header = Header::from_byte_slice(&bytes[..512]).clone();
        header.set_size(1 << 50);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        let problems = scan(&bytes, |contents| contents.expect_err("refused"));
        assert!(problems[0].contains("have 1125899906842624 bytes"), "{kind:?}: {problems:?}");
    }
    let many: Vec<(EntryType, &[u8], &[u8])> = vec![(EntryType::GNULongLink, b"x", b"/y"); (1 << 16) + 1];
    let problems = scan(&archive(&many), |contents| contents.expect_err("refused"));
    assert_eq!(problems, ["it has more than 65536 entries"]);
    let problems = scan(&archive(&[(EntryType::GNULongName, b"x", b"/y")]), |contents| contents.expect_err("refused"));
    assert_eq!(problems, ["it is no tar archive"], "a name without a file");
}

#[test]
fn a_written_archive_is_the_same_every_time_and_is_read_again() {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::at(root.path());
    let write = |path: &str| {
        let mut writer = Writer::new(node.draft(path, 0o644).expect("begun"));
        writer.file("oci-layout", b"{}").expect("written");
        writer.directory("blobs/").expect("written");
        writer.begin("blobs/x", 1200).expect("written");
        writer.append(&[1; 600]).expect("written");
        writer.append(&[2; 600]).expect("written");
        writer.pad().expect("written");
        writer.finish().expect("in place")
    };
    let (digest, size, _) = write("/a.tar");
    write("/b.tar");
    let bytes = get(&root.path().join("a.tar"));
    assert_eq!(bytes, get(&root.path().join("b.tar")));
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (digest, size));
    scan(&bytes, |contents| {
        let contents = contents.expect("a good one");
        assert_eq!(contents.piece("blobs/x", 599, 2).expect("readable"), [1, 2]);
    });
    // Somebody else's reader agrees about every header.
    let mut archive = tar::Archive::new(&*bytes);
    for entry in archive.entries().expect("an archive") {
        let header = entry.expect("an entry").header().clone();
        let zero = [header.mtime(), header.uid(), header.gid()].map(|number| number.expect("a number"));
        assert_eq!(zero, [0; 3]);
    }
}
