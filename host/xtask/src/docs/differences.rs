//! Where kubephase differs from kubeadm on purpose.

use kubephase_model::config::differences::{DIFFERENT, Difference, LAXER, STRICTER};

use super::markdown::{head, table};

/// The page.
pub fn page() -> String {
    let section = |title: &str, rows: &[Difference]| {
        let rows = rows.iter().map(|row| [row.what.to_owned(), row.why.to_owned()]);
        format!("## {title}\n\n{}", table(["what", "why"], rows))
    };
    [
        head("Differences from kubeadm", "Only these are meant. Any other is a mistake of ours."),
        section("Refused here, accepted by kubeadm", STRICTER),
        "\n".into(),
        section("Accepted here, refused by a kubeadm", LAXER),
        "\n".into(),
        section("Done otherwise", DIFFERENT),
    ]
    .concat()
}
