//! Bootstrap tokens of a running cluster: creating, listing and deleting them (`kubeadm token`). How they look as
//! Secrets is `render`'s, what a valid one is the model's.

mod list;

use std::time::SystemTime;

use kubephase_model::config::v1beta4::BootstrapToken;
use kubephase_model::names::{is_bootstrap_token, is_bootstrap_token_id};
use kubephase_model::object::SECRET;
use kubephase_model::{Problem, Report};
use kubephase_node::kube::{Api, ApiError, Select};
use kubephase_render::objects::KUBE_SYSTEM;
use kubephase_render::objects::bootstrap_token::{MalformedToken, TYPE, id, name, read, secret};

pub use list::{document, json, table};

/// A token command failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The cluster cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Tokens with these ids are there already.
    #[error("creating bootstrap tokens: {} there already, nothing was created", already(.0))]
    Exists(Vec<String>),
    /// No tokens with these ids are there.
    #[error("deleting bootstrap tokens: there is none with the id \"{}\"", .0.join("\", \""))]
    Missing(Vec<String>),
}

fn already(ids: &[String]) -> String {
    match ids {
        [id] => format!("a token with the id \"{id}\" is"),
        ids => format!("tokens with the ids \"{}\" are", ids.join("\", \"")),
    }
}

impl TokenError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint().map(str::to_owned),
            Self::Missing(_) => {
                Some("see `kubephase token list`; tokens that are over are removed by the cluster".into())
            }
            Self::Exists(ids) => {
                Some(format!("choose another first part, or remove it with `kubephase token delete {}`", ids.join(" ")))
            }
        }
    }
}

/// What is in the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    /// In the order of their ids.
    pub tokens: Vec<BootstrapToken>,
    /// Secrets that should be tokens and are none.
    pub malformed: Vec<MalformedToken>,
}

/// All tokens.
pub async fn list(api: &Api) -> Result<Tokens, ApiError> {
    let fields = format!("type={TYPE}");
    let secrets = api.list(&SECRET, Some(KUBE_SYSTEM), Select { fields: &fields, ..Select::default() }).await?;
    let mut found = Tokens::default();
    for secret in &secrets {
        match read(secret) {
            Ok(token) => found.tokens.push(token),
            Err(malformed) => found.malformed.push(malformed),
        }
    }
    Ok(found)
}

/// Creates tokens, all or, if there already is one of that id, none. `created` hears of each as soon as it is there:
/// what fails or is interrupted later must not hide it.
pub async fn create(
    api: &Api,
    tokens: &[BootstrapToken],
    now: SystemTime,
    mut created: impl FnMut(&BootstrapToken),
) -> Result<(), TokenError> {
    let mut there = Vec::new();
    for token in tokens {
        if api.get(&name(id(&token.token))).await?.is_some() {
            there.push(id(&token.token).to_owned());
        }
    }
    if !there.is_empty() {
        return Err(TokenError::Exists(there));
    }
    for token in tokens {
        api.create(&secret(token, now)).await?;
        created(token);
    }
    Ok(())
}

/// Deletes the token with this id. False if there is none.
pub async fn delete(api: &Api, id: &str) -> Result<bool, ApiError> {
    api.delete(&name(id)).await
}

/// The ids that are meant by ids and whole tokens. All are looked at; those that are neither are reported by their
/// place, because they may be almost a token.
pub fn ids(words: &[String], report: &mut Report) -> Vec<String> {
    let mut ids = Vec::new();
    for (i, word) in words.iter().enumerate() {
        if !is_bootstrap_token(word) && !is_bootstrap_token_id(word) {
            report.push(
                Problem::error(ordinal(i), "it is neither a token's id nor a token").hint(
                    "an id is six characters of a-z and 0-9, such as abcdef; a token is an id, a dot and sixteen",
                ),
            );
        } else if !ids.iter().any(|known| known == id(word)) {
            ids.push(id(word).to_owned());
        }
    }
    ids
}

fn ordinal(i: usize) -> String {
    match i {
        0 => "the 1st token".to_owned(),
        1 => "the 2nd token".to_owned(),
        2 => "the 3rd token".to_owned(),
        i => format!("the {}th token", i + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut report = Report::default();
        let ids = ids(&words, &mut report);
        if report.has_errors() { Err(report.problems.iter().map(ToString::to_string).collect()) } else { Ok(ids) }
    }

    #[test]
    fn ids_and_tokens_name_tokens() {
        assert_eq!(of(&["abcdef", "123456.0123456789abcdef", "123456"]).unwrap(), ["abcdef", "123456"]);
    }

    #[test]
    fn every_word_that_names_none_is_told_without_showing_it() {
        let problems = of(&["abcdef", "ABCDEF", "", "abcdef.0123456789abcde", "abcde"]).unwrap_err();
        assert_eq!(problems.len(), 4);
        assert_eq!(problems[0], "the 2nd token: it is neither a token's id nor a token");
        assert!(problems[2].starts_with("the 4th token"), "{problems:?}");
        assert!(problems.iter().all(|problem| !problem.contains("0123")), "{problems:?}");
    }

    #[test]
    fn what_is_there_is_named() {
        let one = TokenError::Exists(vec!["abcdef".into()]);
        assert_eq!(
            one.to_string(),
            "creating bootstrap tokens: a token with the id \"abcdef\" is there already, nothing was created"
        );
        let two = TokenError::Exists(vec!["abcdef".into(), "123456".into()]);
        assert!(two.to_string().contains("tokens with the ids \"abcdef\", \"123456\" are there"), "{two}");
        assert!(two.hint().is_some_and(|hint| hint.ends_with("`kubephase token delete abcdef 123456`")));
    }
}
