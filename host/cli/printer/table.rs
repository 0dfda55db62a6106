//! Tables for people, in the columns that kubeadm's have: Go's tabwriter with cells of ten at least, three blanks apart.

/// Rows as lines. The last cell of a row is as wide as it is; nothing ends in blanks.
pub fn table<S: AsRef<str>>(rows: &[Vec<S>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            // A row's last cell is none of the column's.
            let cells = rows.iter().filter(|row| column + 1 < row.len()).filter_map(|row| row.get(column));
            cells.map(|cell| cell.as_ref().chars().count() + 3).max().unwrap_or_default().max(10)
        })
        .collect();
    let line = |row: &Vec<S>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", cell.as_ref()));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_but_the_last() {
        let rows = [vec!["NAME", "AGE", "NOTE"], vec!["a-long-name-indeed", "1d", ""], vec!["b", "", "x"]];
        assert_eq!(
            table(&rows),
            "NAME                 AGE       NOTE\na-long-name-indeed   1d\nb                              x\n"
        );
        assert_eq!(table::<&str>(&[]), "");
    }
}
