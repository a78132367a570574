//! Comparison of a table with the one in the documentation.

use std::{fs, path::Path};

/// One attack and its outcome, a cell for each column.
pub(crate) type Row = [String; 4];

/// Asserts that `docs/attacks.md` contains exactly this table.
pub(crate) fn check(head: [&str; 4], rows: Vec<Row>) {
    let head = head.map(str::to_owned);
    let rule = ["---"; 4].map(str::to_owned);
    let lines = [head, rule].into_iter().chain(rows);
    let table: String = lines.map(|row| format!("| {} |\n", row.join(" | "))).collect();
    println!("{table}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attacks.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("\n\n{table}\n")), "docs/attacks.md has not this table");
}
