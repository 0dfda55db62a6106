//! Between what the WIT calls things and what the rest of kubephase does. JSON texts are parsed here: what is none is the
//! plugin's fault.

use kubephase_model::plugin::proposal::Failure;
use kubephase_model::plugin::{Description, Finding, Patch, ProposedFile, Proposal, Random, Severity, Wait, Want};
use serde_json::Value;

use crate::bindings::exports::kubephase::plugin::metadata;
use crate::bindings::kubephase::plugin::types;

/// A text that should have been JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not JSON: {why}")]
pub(crate) struct NotJson {
    pub what: String,
    pub why: String,
}

fn json(text: &str, what: impl FnOnce() -> String) -> Result<Value, NotJson> {
    serde_json::from_str(text).map_err(|error| NotJson { what: what(), why: error.to_string() })
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
    let patch = |(index, patch): (usize, types::Patch)| {
        let body = json(&patch.body, || format!("patches[{index}].body"))?;
        Ok(Patch { target: patch.target, language: patch.language, body, reason: patch.reason })
    };
    let object = |(index, object): (usize, types::Object)| json(&object.manifest, || format!("objects[{index}].manifest"));
    Ok(Proposal {
        findings: findings.into_iter().map(finding).collect(),
        patches: patches.into_iter().enumerate().map(patch).collect::<Result<_, _>>()?,
        objects: objects.into_iter().enumerate().map(object).collect::<Result<_, _>>()?,
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
    let settings_schema = schema.map(|text| json(text, || "settings-schema".into())).transpose()?;
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
