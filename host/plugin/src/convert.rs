//! Between what the WIT calls things and what the rest of kubephase does. JSON texts are parsed here: what is none is the
//! plugin's fault.

use kubephase_model::plugin::proposal::Failure;
use kubephase_model::plugin::{Description, Finding, Patch, Proposal, ProposedFile, Random, Severity, Wait, Want};
use serde_json::Value;

use crate::bindings::exports::kubephase::plugin::metadata;
use crate::bindings::kubephase::plugin::types;

/// A text that should have been JSON, or that says too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("{what} is not JSON: {why}")]
    Faulty { what: String, why: String },
    #[error("{what} has, with those before it, more than {MAPPINGS} mappings and lists")]
    TooMany { what: String },
}

/// Mappings and lists that all texts of one answer may have together: a mapping in memory is a hundred times as large as
/// its text. The largest definitions of resources have some ten thousand.
const MAPPINGS: usize = 100_000;

/// Reads the texts of one answer.
#[derive(Default)]
struct Reader {
    mappings: usize,
}

impl Reader {
    fn json(&mut self, text: &str, what: impl FnOnce() -> String) -> Result<Value, NotJson> {
        // Those in strings count as well: it is an estimate, made before there is anything to count.
        self.mappings += text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
        if self.mappings > MAPPINGS {
            return Err(NotJson::TooMany { what: what() });
        }
        serde_json::from_str(text).map_err(|error| NotJson::Faulty { what: what(), why: error.to_string() })
    }
}

pub(crate) fn failure(failure: types::Failure) -> Failure {
    Failure { code: failure.code, message: failure.message, remedy: failure.remedy }
}

pub(crate) fn finding(finding: types::Finding) -> Finding {
    Finding {
        id: finding.id,
        severity: match finding.severity {
            types::Severity::Info => Severity::Info,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Error => Severity::Error,
        },
        message: finding.message,
        expected: finding.expected,
        remedy: finding.remedy,
        link: finding.link,
    }
}

pub(crate) fn proposal(proposal: types::Proposal) -> Result<Proposal, NotJson> {
    let types::Proposal { findings, patches, objects, files, images, waits, attributes: _ } = proposal;
    let mut reader = Reader::default();
    let patch = |(index, patch): (usize, types::Patch)| {
        let body = reader.json(&patch.body, || format!("patches[{index}].body"))?;
        Ok(Patch { target: patch.target, language: patch.language, body, reason: patch.reason })
    };
    let patches = patches.into_iter().enumerate().map(patch).collect::<Result<_, _>>()?;
    let object = |(index, object): (usize, types::Object)| {
        reader.json(&object.manifest, || format!("objects[{index}].manifest"))
    };
    let objects = objects.into_iter().enumerate().map(object).collect::<Result<_, _>>()?;
    Ok(Proposal {
        findings: findings.into_iter().map(finding).collect(),
        patches,
        objects,
        files: files.into_iter().map(file).collect(),
        images,
        waits: waits.into_iter().map(wait).collect(),
    })
}

fn file(file: types::File) -> ProposedFile {
    let fill = file.fill.into_iter().map(|random| Random {
        placeholder: random.placeholder,
        length: random.length,
        encoding: random.encoding,
    });
    ProposedFile {
        path: file.path,
        mode: file.mode,
        contents: file.contents,
        fill: fill.collect(),
        secret: file.secret,
    }
}

fn wait(wait: types::Wait) -> Wait {
    Wait { kind: wait.kind, target: wait.target, condition: wait.condition, timeout_seconds: wait.timeout_seconds }
}

pub(crate) fn description(description: metadata::Description) -> Result<Description, NotJson> {
    let schema = description.settings_schema.as_deref();
    let settings_schema = schema.map(|text| Reader::default().json(text, || "settings-schema".into())).transpose()?;
    let want = |want: metadata::Want| Want { capability: want.capability, scopes: want.scopes, reason: want.reason };
    Ok(Description {
        name: description.name,
        version: description.version,
        about: description.about,
        settings_schema,
        wants: description.wants.into_iter().map(want).collect(),
        before: description.before,
        after: description.after,
        attributes: description.attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<(), NotJson> {
        let mut reader = Reader::default();
        texts.iter().try_for_each(|text| reader.json(text, || "it".to_owned()).map(drop))
    }

    #[test]
    fn texts_that_are_small_only_as_texts_are_not_read() {
        let maps = |count: usize| format!("[{}0]", "{},".repeat(count));
        assert_eq!(read(&[&maps(MAPPINGS - 1)]), Ok(()));
        assert_eq!(read(&[&maps(MAPPINGS)]), Err(NotJson::TooMany { what: "it".into() }));
        let (half, lists) = (maps(MAPPINGS / 2), format!("[{}0]", "[],".repeat(MAPPINGS / 2)));
        assert_eq!(read(&[&half, &lists]), Err(NotJson::TooMany { what: "it".into() }));
        assert!(matches!(read(&["{"]), Err(NotJson::Faulty { .. })));
    }
}
