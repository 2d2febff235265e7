//! The editor's help, as the editor gets it.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

/// Writes the help to the file that `LODEWIRE_HELP` names: `cargo xtask test` compares it with the engine's list of
/// items.
#[test]
fn every_class_has_help() {
    let mut help: Vec<String> = godot::docs::__gather_xml_docs().collect();
    help.sort();
    assert!(help.len() >= 10, "{} classes", help.len());
    for class in &help {
        assert!(!class.contains("<brief_description></brief_description>"), "{class}");
    }
    if let Some(path) = std::env::var_os("LODEWIRE_HELP") {
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        let classes = help.concat().replace(declaration, "");
        std::fs::write(path, format!("<classes>{classes}</classes>")).expect("a file");
    }
}
