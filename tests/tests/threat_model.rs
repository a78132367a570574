//! Check that the tests named in the threat model exist.

use std::{fs, path::Path};

/// Returns the concatenation of all Rust sources below `folder`.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).expect("a source");
        }
    }
    text
}

#[test]
fn threat_model_names_existing_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/threat-model.md")).expect("the page");
    let tests = ["tests/tests", "cli/tests"].map(|folder| sources(&root.join(folder))).concat();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.contains("promise |"));
    let named: Vec<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named.into_iter().filter(|name| name.contains('_')) {
        assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}");
    }
}
