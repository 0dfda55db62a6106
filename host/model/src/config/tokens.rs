//! The tokens that `token create` makes: of a file's InitConfiguration, or of flags. Checked by the rules that `init`
//! has for them; what else is in the file does not matter here.

use super::flags::not_with_config;
use super::load::Documents;
use super::resolve::{Entropy, random_token};
use super::v1beta4::{BootstrapToken, InitConfiguration};
use super::validate::{self, Check};
use super::{defaults, flags};
use crate::report::Report;

/// Flags of `token create`, as typed; lists are empty and options `None` where one was not given.
#[derive(Clone, Default)]
pub struct TokenFlags {
    /// The token; a random one if not given.
    pub token: Option<String>,
    /// `--description`.
    pub description: Option<String>,
    /// `--groups`.
    pub groups: Vec<String>,
    /// `--usages`.
    pub usages: Vec<String>,
    /// `--ttl`.
    pub ttl: Option<String>,
    /// `--certificate-key`.
    pub certificate_key: Option<String>,
}

/// Where problems of flags are told instead of at the fields that they set.
const FLAGS: [(&str, &str); 4] = [
    ("bootstrapTokens[0].token", "the token"),
    ("bootstrapTokens[0].usages", "--usages"),
    ("bootstrapTokens[0].groups", "--groups"),
    ("bootstrapTokens[0].ttl", "--ttl"),
];

const TOKEN_HINT: &str = "a token is six characters, a dot and sixteen characters, all of a-z and 0-9; left out, a \
                          random one is made";

/// The tokens to make, all defaults filled in and random ones drawn; `None` if something is wrong with any. A file
/// excludes the flags. Unlike kubeadm's, a token that does not authenticate need not have a group: it gets none by
/// default, because it could have no use for it.
pub fn resolve_tokens(
    documents: Option<&Documents>,
    flags: &TokenFlags,
    entropy: Entropy<'_>,
    report: &mut Report,
) -> Option<Vec<BootstrapToken>> {
    let mut found = Report::default();
    let mut init = match documents {
        Some(documents) => {
            flags.check_mixing(&mut found);
            documents.init.clone().unwrap_or_default()
        }
        None => InitConfiguration { bootstrap_tokens: vec![flags.token(&mut found)], ..InitConfiguration::default() },
    };
    let groups: Vec<bool> = init.bootstrap_tokens.iter().map(|token| !token.groups.is_empty()).collect();
    defaults::init(&mut init);
    let mut tokens = init.bootstrap_tokens;
    for (i, token) in tokens.iter_mut().enumerate() {
        let authenticates = token.usages.iter().any(|usage| usage == "authentication");
        if !authenticates && !groups.get(i).is_some_and(|given| *given) {
            token.groups.clear();
        }
        if token.token.is_empty() && (documents.is_some() || flags.token.is_none()) {
            token.token = random_token(&mut *entropy);
        }
    }
    // Without documents of its own a check would name `init`'s flags.
    let none = Documents::default();
    validate::tokens(&tokens, Check::new(&mut found, documents.or(Some(&none))).kind("InitConfiguration"));
    let mut keys = Report::default();
    validate::certificate_key(
        flags.certificate_key.as_deref().unwrap_or_default(),
        "--certificate-key",
        &mut Check::new(&mut keys, None),
    );
    found.problems.extend(keys.problems);
    if documents.is_none() {
        for problem in &mut found.problems {
            if let Some((_, flag)) = FLAGS.iter().find(|(field, _)| problem.path.starts_with(field)) {
                (*flag).clone_into(&mut problem.path);
            }
            if problem.path == "the token" {
                problem.hint = Some(TOKEN_HINT.to_owned());
            }
        }
    }
    let sound = !found.has_errors();
    report.problems.extend(found.problems);
    sound.then_some(tokens)
}

impl TokenFlags {
    fn check_mixing(&self, report: &mut Report) {
        not_with_config(
            &[
                ("a token", self.token.is_some()),
                ("--description", self.description.is_some()),
                ("--groups", !self.groups.is_empty()),
                ("--usages", !self.usages.is_empty()),
                ("--ttl", self.ttl.is_some()),
                ("--certificate-key", self.certificate_key.is_some()),
            ],
            report,
        );
    }

    fn token(&self, report: &mut Report) -> BootstrapToken {
        BootstrapToken {
            token: self.token.clone().unwrap_or_default(),
            description: self.description.clone().unwrap_or_default(),
            ttl: self.ttl.as_deref().and_then(|text| flags::token_ttl("--ttl", text, report)),
            expires: None,
            usages: self.usages.clone(),
            groups: self.groups.clone(),
        }
    }
}

/// A random bootstrap token.
pub fn generate(entropy: Entropy<'_>) -> String {
    random_token(entropy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::duration::GoDuration;
    use crate::config::load::{Command, load, source};

    const TOKEN: &str = "abcdef.0123456789abcdef";

    fn entropy(bytes: &mut [u8]) {
        bytes.fill(5);
    }

    fn of_flags(flags: &TokenFlags) -> Result<Vec<BootstrapToken>, Vec<String>> {
        let mut report = Report::default();
        let tokens = resolve_tokens(None, flags, &mut entropy, &mut report);
        tokens.ok_or_else(|| report.problems.iter().map(ToString::to_string).collect())
    }

    fn of_file(text: &str, flags: &TokenFlags) -> Result<Vec<BootstrapToken>, Vec<String>> {
        let mut report = Report::default();
        let text = format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{text}");
        let source = source("x.yaml", text.into_bytes(), &mut report).unwrap();
        let documents = load(&source, Command::Init, &mut report);
        let tokens = resolve_tokens(Some(&documents), flags, &mut entropy, &mut report);
        tokens.ok_or_else(|| report.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_given_makes_what_kubeadm_makes() {
        let tokens = of_flags(&TokenFlags::default()).unwrap();
        let [token] = &*tokens else { panic!("{}", tokens.len()) };
        assert_eq!(token.token, "555555.5555555555555555");
        assert_eq!(token.usages, ["signing", "authentication"]);
        assert_eq!(token.groups, ["system:bootstrappers:kubeadm:default-node-token"]);
        assert_eq!((token.ttl, &*token.description, &token.expires), (Some(GoDuration::hours(24)), "", &None));
    }

    #[test]
    fn flags_are_taken() {
        let flags = TokenFlags {
            token: Some(TOKEN.into()),
            description: Some("made by the rig".into()),
            groups: vec!["system:bootstrappers:a".into()],
            usages: vec!["authentication".into()],
            ttl: Some("0".into()),
            certificate_key: Some("ab".repeat(32)),
        };
        let token = of_flags(&flags).unwrap().remove(0);
        assert_eq!((&*token.token, &*token.description, token.ttl), (TOKEN, "made by the rig", Some(GoDuration(0))));
        assert_eq!((token.groups, token.usages), (flags.groups, flags.usages));
    }

    #[test]
    fn a_token_that_only_signs_has_no_group() {
        let flags = TokenFlags { usages: vec!["signing".into()], ..TokenFlags::default() };
        assert_eq!(of_flags(&flags).unwrap()[0].groups, [""; 0]);
        let groups = vec!["system:bootstrappers:a".into()];
        let problems = of_flags(&TokenFlags { groups, ..flags }).unwrap_err();
        assert_eq!(problems, ["--groups: a token that does not authenticate has no use for groups"]);
    }

    #[test]
    fn every_problem_of_the_flags_is_told_by_its_flag() {
        let flags = TokenFlags {
            token: Some("abcdef.0123456789abcdeF".into()),
            groups: vec!["system:masters".into()],
            usages: vec!["authentication".into(), "sining".into()],
            ttl: Some("1 day".into()),
            certificate_key: Some("abc".into()),
            ..TokenFlags::default()
        };
        let problems = of_flags(&flags).unwrap_err();
        assert_eq!(
            problems,
            [
                "--ttl: `1 day` is not a duration",
                "the token: it is not a bootstrap token",
                "--usages: `sining` is not one of signing, authentication",
                "--groups: `system:masters` cannot be a group of a bootstrap token",
                "--certificate-key: it is not a hexadecimal number",
            ]
        );
        let negative = of_flags(&TokenFlags { ttl: Some("-1h".into()), ..TokenFlags::default() }).unwrap_err();
        assert_eq!(negative, ["--ttl: -1h0m0s is negative"]);
        let empty = of_flags(&TokenFlags { token: Some(String::new()), ..TokenFlags::default() }).unwrap_err();
        assert_eq!(empty, ["the token: no bootstrap token"]);
    }

    #[test]
    fn every_token_of_a_file_is_made() {
        let tokens = of_file(
            "bootstrapTokens:\n- token: abcdef.0123456789abcdef\n  ttl: 1h\n- description: another\n",
            &TokenFlags::default(),
        );
        let names: Vec<String> = tokens.unwrap().into_iter().map(|token| token.token).collect();
        assert_eq!(names, [TOKEN, "555555.5555555555555555"]);
        assert_eq!(of_file("", &TokenFlags::default()).unwrap().len(), 1);
    }

    #[test]
    fn a_file_excludes_flags_and_its_problems_have_places() {
        let flags = TokenFlags { ttl: Some("1h".into()), token: Some(TOKEN.into()), ..TokenFlags::default() };
        let problems = of_file("bootstrapTokens:\n- token: bad\n", &flags).unwrap_err();
        assert_eq!(
            problems,
            [
                "`--config` cannot be combined with a token, --ttl",
                "x.yaml:4:10: bootstrapTokens[0].token: it is not a bootstrap token",
            ]
        );
    }
}
