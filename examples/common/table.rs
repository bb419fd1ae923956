//! A table of text: the first row is the head, every column as wide as its widest cell.

/// Prints `rows`; the first column is left-aligned, the others right-aligned but the last.
pub(crate) fn print(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (i, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            line += &match column {
                0 => format!("{cell:<width$}"),
                _ if column + 1 == columns => format!("  {cell}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        println!("{}", line.trim_end());
        if i == 0 {
            let rules = widths.iter().map(|width| "-".repeat(*width));
            println!("{}", rules.collect::<Vec<_>>().join("  "));
        }
    }
}
