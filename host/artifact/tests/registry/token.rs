//! Making oneself known by a token server.

use kubephase_artifact::RegistryError;
use serde_json::json;

use crate::bench::{Bench, COMPONENT, block_on, told};
use crate::fake::{Asked, Authority, Fake, Reply};
use crate::published::answer;

/// A registry that takes one token only, and says who gives it.
fn registry(realm: &str) -> Fake {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"r.example\",scope=\"repository:x:pull\"");
    Fake::new(move |asked| match asked.header("authorization") {
        "Bearer t0ken" => answer(asked),
        _ => Reply::new(401, &[("www-authenticate", &challenge)], br#"{"errors":[{"code":"UNAUTHORIZED"}]}"#),
    })
}

fn give(asked: &Asked) -> Reply {
    let _ = asked;
    Reply::ok(br#"{"token":"t0ken","expires_in":300}"#)
}

fn pull(bench: &Bench) -> Result<Vec<u8>, RegistryError> {
    block_on(bench.registry().pull(&bench.location("x:1"), None)).map(|pulled| pulled.component)
}

#[test]
fn nobody_gets_a_token_too() {
    let tokens = Fake::new(give);
    let fake = registry(&format!("http://{}/token", tokens.host));
    let bench = Bench::new(&fake.host, None);
    assert_eq!(pull(&bench).expect("pulled"), COMPONENT);
    assert_eq!(tokens.lines(), ["GET /token?service=r.example&scope=repository%3Ax%3Apull"], "once for all");
    assert_eq!(tokens.asked()[0].header("authorization"), "");
}

#[test]
fn a_password_goes_to_the_token_server_and_not_to_the_registry() {
    let tokens = Fake::new(|asked| match asked.header("authorization") {
        // me:hunter2
        "Basic bWU6aHVudGVyMg==" => Reply::ok(br#"{"access_token":"t0ken"}"#),
        _ => Reply::new(401, &[], br#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}"#),
    });
    let fake = registry(&format!("http://{}/token?account=a", tokens.host));
    let bench = Bench::new(&fake.host, None);
    let error = pull(&bench).expect_err("nobody");
    assert!(matches!(error, RegistryError::Denied { known: false, .. }), "{error:?}");
    assert!(error.to_string().contains("anybody without credentials") && error.to_string().contains("who are you"));
    assert!(error.hint().expect("advice").contains("docker login"));
    bench.password("me", "wr0ng");
    let error = pull(&bench).expect_err("another");
    assert!(matches!(error, RegistryError::Denied { known: true, .. }), "{error:?}");
    assert!(!format!("{error:?} {}", told(&error)).contains("wr0ng"));
    bench.password("me", "hunter2");
    assert_eq!(pull(&bench).expect("pulled"), COMPONENT);
    assert!(fake.asked().iter().all(|asked| matches!(asked.header("authorization"), "" | "Bearer t0ken")));
    assert_eq!(
        tokens.asked().last().expect("asked").target,
        "/token?account=a&service=r.example&scope=repository%3Ax%3Apull"
    );
}

#[test]
fn an_identity_token_is_exchanged() {
    let tokens = Fake::new(|asked| match asked.method.as_str() {
        "POST" => give(asked),
        _ => Reply::status(405),
    });
    let fake = registry(&format!("http://{}/token", tokens.host));
    let bench = Bench::new(&fake.host, None);
    bench.login(&json!({ "identitytoken": "id&1" }));
    assert_eq!(pull(&bench).expect("pulled"), COMPONENT);
    let asked = &tokens.asked()[0];
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=refresh_token&service=r.example&client_id=kubephase&scope=repository%3Ax%3Apull&refresh_token=id%261"
    );
}

#[test]
fn a_registry_token_is_used_as_it_is() {
    let fake = registry("http://192.0.2.1/token");
    let bench = Bench::new(&fake.host, None);
    bench.login(&json!({ "registrytoken": "t0ken" }));
    assert_eq!(pull(&bench).expect("pulled"), COMPONENT);
}

#[test]
fn token_servers_that_make_no_sense() {
    for reply in [
        Reply::ok(b"{}"),
        Reply::ok(b"t0ken"),
        Reply::ok(br#"{"token":"a\r\nx-evil: 1"}"#),
        Reply::ok(br#"{"token":""}"#),
        Reply::endless(b"{"),
        Reply::new(302, &[("location", "http://192.0.2.1/")], b""),
        Reply::status(500),
    ] {
        let shown = format!("{reply:?}");
        let tokens = Fake::new(move |_| reply.clone());
        let fake = registry(&format!("http://{}/token", tokens.host));
        let bench = Bench::new(&fake.host, None);
        bench.password("me", "hunter2");
        let error = pull(&bench).expect_err("no token");
        let text = format!("{error:?} {}", told(&error));
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{shown:.100}: {text}");
    }
}

#[test]
fn a_token_that_does_not_help_is_not_fetched_again_and_again() {
    let tokens = Fake::new(|_| Reply::ok(br#"{"token":"other"}"#));
    let fake = registry(&format!("http://{}/token", tokens.host));
    let bench = Bench::new(&fake.host, None);
    let error = pull(&bench).expect_err("denied");
    assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
    assert_eq!((tokens.lines().len(), fake.lines().len()), (1, 2));
}

#[test]
fn ways_that_are_not_followed() {
    for (challenge, why) in [
        ("Negotiate", "negotiate"),
        ("", "does not say how"),
        ("Bearer service=\"x\"", "names no token server"),
        ("Bearer realm=\"nowhere\"", "no URL"),
        ("Bearer realm=\"file:///etc/shadow\"", "not on the web"),
    ] {
        let fake = Fake::new(move |_| Reply::new(401, &[("www-authenticate", challenge)], b""));
        let error = pull(&Bench::new(&fake.host, None)).expect_err(challenge);
        assert!(matches!(error, RegistryError::Challenge { .. }), "{error:?}");
        assert!(error.to_string().contains(why) && error.hint().is_some(), "{error}");
    }
    // A registry with TLS that would have the password sent without.
    let tokens = Fake::new(give);
    let authority = Authority::new();
    let challenge = format!("Bearer realm=\"http://{}/token\"", tokens.host);
    let fake = Fake::with_tls(&authority, move |_| Reply::new(401, &[("www-authenticate", &challenge)], b""));
    let bench = Bench::new(&fake.host, Some(&authority.pem));
    bench.password("me", "hunter2");
    let error = pull(&bench).expect_err("in the clear");
    assert!(error.to_string().contains("has no TLS"), "{error}");
    assert!(tokens.lines().is_empty());
}
