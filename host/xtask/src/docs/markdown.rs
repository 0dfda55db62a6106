//! What pages are made of.

/// What says that a page is generated.
pub const MARK: &str = "<!-- Written by `cargo xtask docs`. Edit its source instead. -->";

/// The first lines of a page.
pub fn head(title: &str, about: &str) -> String {
    format!("# {title}\n\n{MARK}\n\n{about}\n\n")
}

/// A table.
pub fn table<const N: usize>(columns: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&columns.map(str::to_owned)) + &line(&columns.map(|_| "---".to_owned()));
    for row in rows {
        text.push_str(&line(&row.map(|cell| cell.replace('|', "\\|").replace('\n', " "))));
    }
    text
}

/// Code within a line.
pub fn code(text: &str) -> String {
    format!("`{text}`")
}
