//! Links within the repository: that pages lead to what is there. Links to elsewhere are not followed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Every link of a page that leads nowhere, as `page: link`.
pub fn broken(root: &Path, page: &str) -> Result<Vec<String>> {
    let path = root.join(page);
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {page}"))?;
    let directory = path.parent().unwrap_or(root);
    let mut broken = Vec::new();
    for link in links(&text) {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { path.clone() } else { directory.join(file) };
        let leads = if anchor.is_empty() {
            target.exists()
        } else {
            fs::read_to_string(&target).is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor))
        };
        if !leads {
            broken.push(format!("{page}: {link}"));
        }
    }
    Ok(broken)
}

/// Lines that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        code ^= is_fence;
        !code && !is_fence
    })
}

fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    targets.filter(|link| !link.contains("://")).collect()
}

/// What headings are called in links, as forges make it of them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings =
        prose(text).filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings
        .map(|heading| {
            let kept = heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .collect::<String>();
            let anchor = kept.replace(' ', "-");
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors() {
        let text =
            "# One `two`, three\n[a](b.md#c) and [d](#e)\n```\n# no\n[no](no)\n```\n## One two three\n[x](https://y)\n";
        assert_eq!(links(text), ["b.md#c", "#e"]);
        assert_eq!(anchors(text), ["one-two-three", "one-two-three-1"]);
    }
}
