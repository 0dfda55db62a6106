//! Keeps secrets out of quoted log lines: tokens, keys, passwords, user information in URLs.

const MASK: &str = "[redacted]";

/// Names after which a secret stands, as `name=secret`, `name: secret` or `"name":"secret"`.
const SECRET_NAMES: [&str; 10] = [
    "password",
    "passwd",
    "token",
    "secret",
    "authorization",
    "certificate-key",
    "certificatekey",
    "client-key-data",
    "private-key",
    "api-key",
];

/// The text with every secret replaced. Line structure stays.
pub fn redact(text: &str) -> String {
    let mut inside_key = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let begins = line.contains("-----BEGIN ") && line.contains("PRIVATE KEY");
        let ends = line.contains("-----END ");
        if begins || inside_key {
            inside_key = !ends;
            out.push_str(MASK);
            if line.ends_with('\n') {
                out.push('\n');
            }
        } else {
            out.push_str(&redact_line(line));
        }
    }
    out
}

fn redact_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    // What came before decides whether a word is a secret: a name such as `token` and its separator, or `Bearer`.
    let mut expect_secret = false;
    for piece in line.split_inclusive(|c: char| is_boundary(c)) {
        let word = piece.trim_end_matches(is_boundary);
        let boundary = &piece[word.len()..];
        if word.is_empty() {
            out.push_str(boundary);
            continue;
        }
        let lower = word.to_ascii_lowercase();
        if expect_secret && matches!(lower.as_str(), "bearer" | "basic") {
            out.push_str(piece);
            continue;
        }
        if expect_secret || looks_secret(word) {
            out.push_str(MASK);
        } else {
            out.push_str(&without_user_information(word));
        }
        out.push_str(boundary);
        let named = SECRET_NAMES.iter().any(|name| lower.ends_with(name));
        // `*v1.Secret: x509: …` is a kind in a message, not a name.
        let separator = boundary.starts_with(['=', '"']) || boundary.starts_with(':') && !lower.ends_with("secret");
        expect_secret = lower == "bearer" || named && separator;
    }
    out
}

fn is_boundary(c: char) -> bool {
    c.is_whitespace() || matches!(c, '=' | '"' | '\\' | ',' | ';' | '{' | '}' | '(' | ')' | '[' | ']' | '\'')
        // A colon ends a name (`token: x`), but is also inside URLs and addresses: those are words of their own.
        || c == ':'
}

/// JWTs, bootstrap tokens, 32-byte hex keys.
fn looks_secret(word: &str) -> bool {
    let jwt = word.len() > 30 && word.starts_with("eyJ") && word.matches('.').count() == 2;
    let bootstrap = word.split_once('.').is_some_and(|(id, secret)| {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret)
    });
    jwt || bootstrap
}

/// `//user:password@host` without what is before the at sign. The colon splits words, so the at sign is what is left
/// of it: everything before it in the word goes.
fn without_user_information(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((user, host))
            if !user.trim_start_matches("//").contains('/') && (host.contains('.') || user.starts_with("//")) =>
        {
            format!("{MASK}@{host}")
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go() {
        let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
        for (line, secret) in [
            ("token abcdef.0123456789abcdef rejected".to_owned(), "0123456789abcdef"),
            (format!("Authorization: Bearer {jwt}"), "c2lnbmF0dXJl"),
            ("authorization: Basic dXNlcjpwYXNz".to_owned(), "dXNlcjpwYXNz"),
            (r#"{"token":"s3cret","x":1}"#.to_owned(), "s3cret"),
            ("--etcd-password=hunter2 --v=2".to_owned(), "hunter2"),
            ("proxy http://bob:hunter2@proxy.example.com:3128 refused".to_owned(), "hunter2"),
            ("certificate-key: 0f0e0d".to_owned(), "0f0e0d"),
        ] {
            let out = redact(&line);
            assert!(!out.contains(secret), "{line} -> {out}");
            assert!(out.contains(MASK), "{out}");
        }
    }

    #[test]
    fn private_keys_go_with_every_line() {
        let out = redact("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----\nb\n");
        assert_eq!(out, format!("a\n{MASK}\n{MASK}\n{MASK}\n{MASK}\nb\n"));
    }

    #[test]
    fn the_rest_stays() {
        for line in [
            r#"E0507 14:01:59.521988    2149 kuberuntime_sandbox.go:72] "Failed to create sandbox for pod" err="rpc error: code = DeadlineExceeded desc = failed to get sandbox image \"registry.k8s.io/pause:3.9\": dial tcp 142.251.170.82:443: i/o timeout" pod="kube-system/etcd-cp1""#,
            "expected unix:///run/containerd/containerd.sock@v1\n",
            "tokens are not shown here; nginx@sha256 0123456789abcdef",
            "failed to list *v1.Secret: x509: certificate signed by unknown authority",
        ] {
            assert_eq!(redact(line), line);
        }
    }
}
