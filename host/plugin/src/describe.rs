//! What a plugin says of itself, checked: it is shown to people and steers the order of things.

use kubephase_model::plugin::{Description, Grants};

use crate::error::LoadError;
use crate::told::one_line;

/// Longest line that is shown.
const LINE: usize = 300;

/// The most entries of each list in it.
const MOST: usize = 100;

/// The description with its texts cut to lines, or everything that is wrong with it.
pub(crate) fn checked(mut description: Description) -> Result<Description, LoadError> {
    let mut wrong = Vec::new();
    for (name, count) in [
        ("wants", description.wants.len()),
        ("scopes", description.wants.iter().map(|want| want.scopes.len()).sum()),
        ("before", description.before.len()),
        ("after", description.after.len()),
        ("attributes", description.attributes.len()),
    ] {
        if count > MOST {
            wrong.push(format!("it has {count} `{name}`; {MOST} are allowed"));
        }
    }
    if !wrong.is_empty() {
        return Err(LoadError::Description(wrong));
    }
    if !kubephase_model::names::is_dns1123_label(&description.name) {
        let shown = one_line(&description.name, 80);
        wrong.push(format!("its name `{shown}` is not lower case letters, digits and `-`"));
    }
    if semver::Version::parse(&description.version).is_err() {
        wrong.push(format!("its version `{}` is no semantic version", one_line(&description.version, 80)));
    }
    let known = Grants::fields();
    for want in &mut description.wants {
        if !known.contains(&want.capability.as_str()) {
            let shown = one_line(&want.capability, 80);
            wrong.push(format!("it wants `{shown}`, which is no capability: there are {}", known.join(", ")));
        }
        want.reason = one_line(&want.reason, LINE);
        for scope in &mut want.scopes {
            *scope = one_line(scope, LINE);
        }
    }
    if let Some(schema) = &description.settings_schema
        && let Err(why) = crate::settings::check_schema(schema)
    {
        wrong.push(format!("the schema of its settings is not valid: {why}"));
    }
    description.about = one_line(&description.about, LINE);
    for text in description.before.iter_mut().chain(&mut description.after) {
        *text = one_line(text, 80);
    }
    for (name, value) in &mut description.attributes {
        (*name, *value) = (one_line(name, 80), one_line(value, LINE));
    }
    if wrong.is_empty() { Ok(description) } else { Err(LoadError::Description(wrong)) }
}
