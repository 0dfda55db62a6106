//! Registries that are overloaded, broken, slow or mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kubephase_artifact::{Digest, Patience, RegistryError};
use serde_json::json;

use crate::bench::{Bench, COMPONENT, block_on, told};
use crate::fake::{Authority, Fake, Reply};
use crate::published::{answer, is_blob, is_manifest, manifest};

/// What comes of pulling `x:1`.
fn pull(fake: &Fake) -> Result<Vec<u8>, RegistryError> {
    let bench = Bench::new(&fake.host, None);
    block_on(bench.registry().pull(&bench.location("x:1"), None)).map(|pulled| pulled.component)
}

fn refused(fake: &Fake) -> RegistryError {
    pull(fake).expect_err("refused")
}

#[test]
fn one_that_works() {
    let fake = Fake::new(answer);
    assert_eq!(pull(&fake).expect("pulled"), COMPONENT);
    assert_eq!(
        fake.lines(),
        ["GET /v2/x/manifests/1".to_owned(), format!("GET /v2/x/blobs/{}", Digest::of(COMPONENT))]
    );
    assert!(fake.asked().iter().all(|asked| asked.header("accept-encoding") == "identity"));
    assert!(fake.asked().iter().all(|asked| asked.header("authorization").is_empty()));
}

#[test]
fn one_that_starts_or_is_overloaded_is_asked_again_and_not_for_ever() {
    for status in [429, 500, 502, 503, 504] {
        let left = Arc::new(AtomicUsize::new(2));
        let fake = Fake::new(move |asked| {
            let more = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if more.is_ok() { Reply::new(status, &[("retry-after", "0")], b"") } else { answer(asked) }
        });
        assert_eq!(pull(&fake).expect("at last"), COMPONENT);
        let fake = Fake::new(move |_| Reply::status(status));
        let error = refused(&fake);
        assert!(matches!(error, RegistryError::Status { status: s, .. } if s == status), "{error:?}");
        assert!(error.hint().is_some());
        assert_eq!(fake.lines().len(), 3);
    }
    let error = refused(&Fake::new(|_| {
        Reply::new(418, &[], br#"{"errors":[{"code":"TEAPOT","message":"short\u001b[31m and stout"}]}"#)
    }));
    assert!(error.to_string().ends_with(": TEAPOT: short[31m and stout"), "{error}");
}

#[test]
fn a_body_that_breaks_off_is_asked_for_again() {
    let left = Arc::new(AtomicUsize::new(2));
    let cut = move |asked: &crate::fake::Asked| {
        let more = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match is_blob(asked) && more.is_ok() {
            true => Reply::new(200, &[("content-length", "8")], &COMPONENT[..4]),
            false => answer(asked),
        }
    };
    // Two of three attempts may go wrong; the manifest's count for nothing.
    assert_eq!(pull(&Fake::new(cut)).expect("at last"), COMPONENT);
    let fake = Fake::new(|asked| match is_blob(asked) {
        true => Reply::new(200, &[("content-length", "8")], &COMPONENT[..4]),
        false => answer(asked),
    });
    assert!(matches!(refused(&fake), RegistryError::NoAnswer { .. }));
    assert_eq!(fake.asked().iter().filter(|asked| is_blob(asked)).count(), 3);
}

#[test]
fn what_is_larger_than_it_says_or_may_be_is_not_read_on() {
    let long = [COMPONENT, b"more"].concat();
    let too_large = |fake: &Fake| {
        let begun = Instant::now();
        let error = refused(fake);
        assert!(matches!(error, RegistryError::TooLarge { .. }), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    };
    too_large(&Fake::new(|asked| if is_manifest(asked) { Reply::endless(&[b' '; 4096]) } else { answer(asked) }));
    too_large(&Fake::new(|asked| {
        if is_manifest(asked) { Reply::new(200, &[("content-length", "99999999999")], b"{") } else { answer(asked) }
    }));
    too_large(&Fake::new(|asked| if is_blob(asked) { Reply::endless(COMPONENT) } else { answer(asked) }));
    too_large(&Fake::new(move |asked| if is_blob(asked) { Reply::ok(&long) } else { answer(asked) }));
    // The manifest says itself that it is too much.
    let huge = Fake::new(|asked| {
        let mut manifest = manifest(COMPONENT);
        manifest["layers"][0]["size"] = json!(65 << 20);
        if is_manifest(asked) { Reply::ok(manifest.to_string().as_bytes()) } else { answer(asked) }
    });
    too_large(&huge);
    assert_eq!(huge.lines().len(), 1);
    // Deeply nested, which is no question of length.
    let deep =
        Fake::new(|asked| if is_manifest(asked) { Reply::ok("[".repeat(1 << 20).as_bytes()) } else { answer(asked) });
    assert!(matches!(refused(&deep), RegistryError::Manifest { .. }));
}

#[test]
fn every_changed_byte_is_noticed() {
    for index in 0..COMPONENT.len() {
        let mut changed = COMPONENT.to_vec();
        changed[index] ^= 1 << (index % 8);
        let fake = Fake::new(move |asked| if is_blob(asked) { Reply::ok(&changed) } else { answer(asked) });
        let error = refused(&fake);
        assert!(matches!(error, RegistryError::Damaged { .. }) && error.hint().is_some(), "{error}");
    }
    for short in [&b""[..], &COMPONENT[..7]] {
        let fake = Fake::new(move |asked| if is_blob(asked) { Reply::ok(short) } else { answer(asked) });
        assert!(matches!(refused(&fake), RegistryError::Damaged { .. }));
    }
    // A manifest that was asked for by its digest.
    let fake = Fake::new(|asked| match asked.target.starts_with("/v2/x/manifests/sha256:") {
        true => Reply::ok(manifest(COMPONENT).to_string().as_bytes()),
        false => answer(asked),
    });
    let bench = Bench::new(&fake.host, None);
    let own = Digest::of(manifest(COMPONENT).to_string().as_bytes());
    block_on(bench.registry().pull(&bench.location(&format!("x@{own}")), None)).expect("the right one");
    let other = bench.location(&format!("x:1@{}", Digest::of(b"other")));
    let error = block_on(bench.registry().pull(&other, None)).expect_err("another one");
    assert!(matches!(error, RegistryError::Damaged { .. }), "{error}");
}

#[test]
fn what_is_packed_is_not_unpacked() {
    // A kilobyte that would be a megabyte.
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].repeat(100);
    for encoding in ["gzip", "deflate", "br", "zstd", "x-unknown"] {
        let bomb = bomb.clone();
        let fake = Fake::new(move |asked| match is_blob(asked) {
            true => Reply::new(200, &[("content-encoding", encoding)], &bomb),
            false => answer(asked),
        });
        let error = refused(&fake);
        assert!(error.to_string().contains("packed"), "{error}");
    }
}

#[test]
fn silence_is_waited_for_only_so_long() {
    let patience = Patience { silence: Duration::from_millis(200), attempts: 2, ..crate::bench::PATIENCE };
    for place in [is_manifest as fn(&_) -> bool, is_blob] {
        for reply in [Reply::ok(b"").hanging(), Reply::new(200, &[("content-length", "8")], b"\0asm").hanging()] {
            let silent = reply.clone();
            let fake = Fake::new(move |asked| if place(asked) { silent.clone() } else { answer(asked) });
            let bench = Bench { patience, ..Bench::new(&fake.host, None) };
            let begun = Instant::now();
            let error = block_on(bench.registry().pull(&bench.location("x:1"), None)).expect_err("silence");
            // An empty body is an answer, and none that helps.
            let fits = matches!(
                error,
                RegistryError::NoAnswer { .. } | RegistryError::Manifest { .. } | RegistryError::Damaged { .. }
            );
            assert!(fits && begun.elapsed() < Duration::from_secs(5), "{error:?}");
        }
    }
    // A byte now and then is no silence, but it does not go on for ever either.
    let patience = Patience { answer: Duration::from_millis(500), attempts: 1, ..crate::bench::PATIENCE };
    let fake = Fake::new(|_| Reply::new(200, &[("content-length", "100")], b"{").hanging());
    let bench = Bench { patience, ..Bench::new(&fake.host, None) };
    let error = block_on(bench.registry().pull(&bench.location("x:1"), None)).expect_err("too slow");
    assert!(matches!(error, RegistryError::NoAnswer { .. }) && error.hint().is_some(), "{error:?}");
}

#[test]
fn what_is_no_plugin_is_told_apart() {
    for (manifest, why) in [
        ("<html>".to_owned(), "its manifest cannot be read"),
        (json!({ "schemaVersion": 2, "manifests": [] }).to_string(), "an index of several manifests"),
        (manifest(COMPONENT).to_string().replace("application/wasm", "image"), "a layer of image"),
        (manifest(COMPONENT).to_string().replace("sha256:", "md5:"), "its manifest cannot be read"),
    ] {
        let fake =
            Fake::new(move |asked| if is_manifest(asked) { Reply::ok(manifest.as_bytes()) } else { answer(asked) });
        let error = refused(&fake);
        assert!(told(&error).contains(why) && error.hint().is_some(), "{}", told(&error));
    }
    let error = refused(&Fake::new(|_| Reply::status(404)));
    assert!(matches!(error, RegistryError::NotFound { .. }) && error.hint().is_some(), "{error}");
    let gone = Fake::new(|asked| if is_manifest(asked) { answer(asked) } else { Reply::status(404) });
    assert!(matches!(refused(&gone), RegistryError::NotFound { .. }));
}

#[test]
fn redirects_are_followed_as_nobody() {
    let store = Fake::new(|asked| match asked.target.starts_with("/bucket/blob?signature=") {
        true => Reply::ok(COMPONENT),
        false => Reply::status(404),
    });
    let place = format!("http://{}/bucket/blob?signature=s3cret", store.host);
    let fake = Fake::new(move |asked| match (asked.header("authorization"), is_blob(asked)) {
        ("", _) => Reply::new(401, &[("www-authenticate", "Basic realm=\"x\"")], b""),
        (_, true) => Reply::new(307, &[("location", &place)], b""),
        (_, false) => answer(asked),
    });
    let bench = Bench::new(&fake.host, None);
    bench.password("me", "hunter2");
    let pulled = block_on(bench.registry().pull(&bench.location("x:1"), None)).expect("pulled");
    assert_eq!(pulled.component, COMPONENT);
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_empty()), "{:?}", store.asked());
    assert!(fake.asked().iter().any(|asked| !asked.header("authorization").is_empty()));
    // What signs a URL is not told when it fails.
    let place = format!("http://{}/elsewhere?signature=s3cret", store.host);
    let lost = Fake::new(
        move |asked| if is_blob(asked) { Reply::new(302, &[("location", &place)], b"") } else { answer(asked) },
    );
    let error = refused(&lost);
    assert!(!format!("{} {error:?}", told(&error)).contains("s3cret"), "{error:?}");
}

#[test]
fn redirects_that_lead_astray_are_not_followed() {
    for (place, why) in [
        ("ftp://127.0.0.1/x", "out of the web"),
        ("file:///etc/shadow", "out of the web"),
        ("http://me:hunter2@127.0.0.1:1/", "credentials along"),
        ("http://[", "no URL"),
        ("", "on and on"),
        ("/v2/x/manifests/1", "on and on"),
    ] {
        let fake = Fake::new(move |_| Reply::new(302, &[("location", place)], b""));
        let error = refused(&fake);
        assert!(matches!(error, RegistryError::Redirect { .. }), "{place}: {error:?}");
        assert!(error.to_string().contains(why), "{place}: {error}");
        assert!(fake.lines().len() < 10);
    }
    let nowhere = Fake::new(|_| Reply::status(301));
    assert!(refused(&nowhere).to_string().contains("does not say where"));
    // From TLS to where there is none.
    let authority = Authority::new();
    let open = Fake::new(answer);
    let place = format!("http://{}/v2/x/manifests/1", open.host);
    let fake = Fake::with_tls(&authority, move |_| Reply::new(307, &[("location", &place)], b""));
    let bench = Bench::new(&fake.host, Some(&authority.pem));
    let error = block_on(bench.registry().pull(&bench.location("x:1"), None)).expect_err("a way down");
    assert!(error.to_string().contains("from TLS to where there is none"), "{error}");
    assert!(open.lines().is_empty());
}

#[test]
fn uploads_that_lead_elsewhere_take_no_credentials_along() {
    let elsewhere = Fake::new(|_| Reply::status(201));
    let place = format!("http://{}/upload?state=1", elsewhere.host);
    let fake = Fake::new(move |asked| match (asked.header("authorization"), asked.method.as_str()) {
        ("", _) => Reply::new(401, &[("www-authenticate", "Basic realm=\"x\"")], b""),
        (_, "HEAD") => Reply::status(404),
        (_, "POST") => Reply::new(202, &[("location", &place)], b""),
        _ => Reply::status(201),
    });
    let bench = Bench::new(&fake.host, None);
    bench.password("me", "hunter2");
    let package = kubephase_artifact::Package { component: COMPONENT.to_vec(), ..Default::default() };
    block_on(bench.registry().push(&bench.location("x:1"), &package)).expect("pushed");
    assert_eq!(elsewhere.lines().len(), 2);
    for asked in elsewhere.asked() {
        assert!(
            asked.header("authorization").is_empty() && asked.target.starts_with("/upload?state=1&digest=sha256%3A")
        );
    }
}

#[test]
fn lists_of_tags_come_in_pages_and_stay_at_home() {
    let fake = Fake::new(|asked| match asked.target.as_str() {
        "/v2/x/tags/list?n=1000" => {
            let next = "</v2/x/tags/list?n=1000&last=b>; rel=\"next\"";
            Reply::new(200, &[("link", next)], br#"{"name":"x","tags":["b","a"]}"#)
        }
        _ => Reply::ok(format!(r#"{{"tags":["c","sha256-{}.sig","a"]}}"#, "0".repeat(64)).as_bytes()),
    });
    let bench = Bench::new(&fake.host, None);
    assert_eq!(block_on(bench.registry().tags("x")).expect("tags"), ["a", "b", "c"]);
    let away = Fake::new(|_| Reply::new(200, &[("link", "<http://192.0.2.1/>; rel=next")], br#"{"tags":null}"#));
    let bench = Bench::new(&away.host, None);
    assert!(matches!(block_on(bench.registry().tags("x")), Err(RegistryError::Nonsense { .. })));
    // One that never ends is left at some point.
    let round = Fake::new(|_| Reply::new(200, &[("link", "</v2/x/tags/list?n=1000>; rel=next")], br#"{"tags":["a"]}"#));
    let bench = Bench::new(&round.host, None);
    assert_eq!(block_on(bench.registry().tags("x")).expect("tags"), ["a"]);
}

#[test]
fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let bench = Bench::new(&host, None);
    let error = block_on(bench.obtain("x:1", &Digest::of(COMPONENT).to_string())).expect_err("nobody");
    let text = told(&error);
    assert!(
        text.starts_with(&format!("cannot get the plugin `x` from oci://{host}/x:1: {host} does not answer: ")),
        "{text}"
    );
    assert!(error.hint().expect("advice").contains("nothing listens"));
}
