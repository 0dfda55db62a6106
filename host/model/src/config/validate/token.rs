//! Tokens and keys. Their values never appear in messages.

use super::Check;
use crate::config::defaults::TOKEN_USAGES;
use crate::config::v1beta4::BootstrapToken;
use crate::names::{is_bootstrap_group, is_bootstrap_token, is_rfc3339};

const TOKEN_HINT: &str = "a token is six characters, a dot and sixteen characters, all of a-z and 0-9, such as abcdef.0123456789abcdef; left out, init makes one";
/// For those who join: nobody makes them one.
pub(super) const JOIN_TOKEN_HINT: &str = "a token is six characters, a dot and sixteen characters, all of a-z and 0-9; `kubephase token create --print-join-command` on a control-plane node makes one";

pub(super) fn bootstrap_tokens(tokens: &[BootstrapToken], check: &mut Check<'_>) {
    for (i, token) in tokens.iter().enumerate() {
        let path = format!("bootstrapTokens[{i}]");
        bootstrap_token(&token.token, &format!("{path}.token"), TOKEN_HINT, check);
        let id = |token: &BootstrapToken| token.token.split('.').next().map(str::to_owned);
        if is_bootstrap_token(&token.token) && tokens.iter().take(i).any(|other| id(other) == id(token)) {
            check.warn(
                format!("{path}.token"),
                "a second token with the same first part: one replaces the other",
                "every token needs a first part of its own",
            );
        }
        for (u, usage) in token.usages.iter().enumerate() {
            check.one_of(&format!("{path}.usages[{u}]"), usage, &TOKEN_USAGES);
        }
        let authenticates = token.usages.iter().any(|usage| usage == "authentication");
        if !token.groups.is_empty() && !authenticates {
            check.error(
                format!("{path}.groups"),
                "a token that does not authenticate has no use for groups",
                "add `authentication` to its usages",
            );
        }
        for (g, group) in token.groups.iter().enumerate().filter(|(_, group)| !is_bootstrap_group(group)) {
            check.error(
                format!("{path}.groups[{g}]"),
                format!("`{group}` cannot be a group of a bootstrap token"),
                "it must begin with `system:bootstrappers:` and go on with a-z, 0-9, `:` and `-`",
            );
        }
        if let Some(expires) = &token.expires {
            if !is_rfc3339(expires) {
                check.error(
                    format!("{path}.expires"),
                    format!("`{expires}` is not a time"),
                    "write it like 2026-01-31T12:00:00Z",
                );
            }
            check.error(
                format!("{path}.expires"),
                "expires excludes ttl, and ttl is always set (to 24h0m0s if you do not)",
                "give the token's lifetime as `ttl`",
            );
        }
        if let Some(ttl) = token.ttl.filter(|ttl| ttl.0 < 0) {
            check.error(format!("{path}.ttl"), format!("{ttl} is negative"), "`0s` lets a token live for ever");
        }
    }
}

pub(super) fn bootstrap_token(token: &str, path: &str, hint: &str, check: &mut Check<'_>) {
    if token.is_empty() {
        check.error(path, "no bootstrap token", hint);
    } else if !is_bootstrap_token(token) {
        check.error(path, "it is not a bootstrap token", hint);
    }
}

pub(super) fn certificate_key(key: &str, path: &str, check: &mut Check<'_>) {
    const HINT: &str = "a key is 64 hexadecimal digits; `openssl rand -hex 32` makes one";
    if key.is_empty() {
        return;
    }
    if !key.bytes().all(|b| b.is_ascii_hexdigit()) || !key.len().is_multiple_of(2) {
        check.error(path, "it is not a hexadecimal number", HINT);
    } else if key.len() != 64 {
        check.error(path, format!("it has {} bytes, a key has 32", key.len() / 2), HINT);
    }
}
