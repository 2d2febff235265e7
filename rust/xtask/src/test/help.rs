//! Checks that the editor has help for every item of our classes that the engine knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use roxmltree::{Document, Node};

use crate::engine::Engine;
use crate::process::{run, run_ok};
use crate::report::note;
use crate::test::rust_checks::FEATURES;
use crate::test::tally::Tally;
use crate::workspace;

const NAME: &str = "addon/help_of_every_item";
const LIMIT: Duration = Duration::from_mins(20);

/// Each kind of item: the list that it stands in, and its own tag.
const KINDS: [(&str, &str); 4] = [
    ("methods", "method"),
    ("members", "member"),
    ("signals", "signal"),
    ("constants", "constant"),
];

/// Holds the help against what the engine lists; it counts as one test.
pub(crate) fn run_check(tally: &mut Tally, engine: &Engine, filter: Option<&str>) {
    if filter.is_none_or(|text| NAME.contains(text)) {
        tally.run(NAME, || {
            let missing = missing(engine)?;
            ensure!(missing.is_empty(), "without help:\n{}", missing.join("\n"));
            Ok(())
        });
    }
}

/// The examples in the help, each with the name of its class.
pub(crate) fn examples() -> Result<Vec<(String, String)>> {
    let help = help(&folder()?)?;
    let help = Document::parse(&help).context("the help is not well-formed")?;
    let mut examples = Vec::new();
    for class in help.root_element().children() {
        let name = class.attribute("name").unwrap_or_default();
        let text = text_of(child(class, "description"));
        for part in text.split("[codeblock lang=gdscript]").skip(1) {
            let example = part.split("[/codeblock]").next().unwrap_or_default();
            examples.push((name.to_owned(), example.replace("    ", "\t") + "\n"));
        }
    }
    Ok(examples)
}

fn folder() -> Result<PathBuf> {
    let folder = workspace::root().join("target/help");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn missing(engine: &Engine) -> Result<Vec<String>> {
    let folder = folder()?;
    let help = help(&folder)?;
    let help = Document::parse(&help).context("the help is not well-formed")?;
    let mut missing = Vec::new();
    let mut classes = 0;
    for file in fs::read_dir(listed(engine, &folder)?)? {
        let text = fs::read_to_string(file?.path())?;
        let list = Document::parse(&text)?;
        classes += 1;
        missing.extend(missing_of(list.root_element(), help.root_element()));
    }
    if classes < 10 {
        bail!("the engine lists {classes} classes of ours");
    }
    note(&format!("{classes} classes"));
    missing.sort();
    Ok(missing)
}

/// The help as the library hands it to the editor.
fn help(folder: &Path) -> Result<String> {
    let file = folder.join("help.xml");
    let mut command = workspace::cargo();
    // xtask has no library; it is named for the features of the dependencies, as in library.rs.
    command.args(["test", "--package", "lodewire-extension", "--package", "lodewire-xtask"]);
    command.args(["--features", FEATURES, "--lib"]);
    command.args(["--", "help::every_class_has_help"]).env("LODEWIRE_HELP", &file);
    run_ok(command, LIMIT)?;
    Ok(fs::read_to_string(file)?)
}

/// The folder with the lists of what the engine knows of our classes.
fn listed(engine: &Engine, folder: &Path) -> Result<PathBuf> {
    let mut command = engine.headless(&workspace::tests_project());
    command.arg("--doctool").arg(folder).arg("--gdextension-docs");
    run(command, LIMIT)?.check()?;
    Ok(folder.join("doc_classes"))
}

/// Returns the items of a class in the engine's list that have no help.
fn missing_of(class: Node<'_, '_>, help: Node<'_, '_>) -> Vec<String> {
    let name = class.attribute("name").unwrap_or_default();
    let Some(help) = help.children().find(|class| class.attribute("name") == Some(name)) else {
        return vec![name.to_owned()];
    };
    let mut missing = Vec::new();
    if text_of(child(help, "brief_description")).is_empty() {
        missing.push(name.to_owned());
    }
    if !text_of(child(help, "description")).contains("[codeblock lang=gdscript]") {
        missing.push(format!("{name}: an example"));
    }
    for (list, tag) in KINDS {
        let items = child(class, list).into_iter().flat_map(|list| list.children());
        for item in items.filter(|item| item.has_tag_name(tag)) {
            let item = item.attribute("name").unwrap_or_default();
            let found = child(help, list).into_iter().flat_map(|list| list.children());
            let mut found = found.filter(|found| found.attribute("name") == Some(item));
            let told = found.next().map(|found| child(found, "description").unwrap_or(found));
            if text_of(told).is_empty() {
                missing.push(format!("{name}.{item}"));
            }
        }
    }
    missing
}

fn child<'a, 'input>(node: Node<'a, 'input>, tag: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(tag))
}

fn text_of(node: Option<Node<'_, '_>>) -> String {
    let nodes = node.into_iter().flat_map(|node| node.descendants());
    let texts = nodes.filter(Node::is_text).filter_map(|node| node.text());
    texts.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_help_is_named() {
        let list = "<class name='A'><methods><method name='f'/><method name='g'/></methods>\
                    <constants><constant name='C' value='1'/></constants></class>";
        let help = "<classes><class name='A'><brief_description>a</brief_description>\
                    <description>[codeblock lang=gdscript]</description><methods><method name='f'><description> x \
                    </description></method><method name='g'><description> </description></method>\
                    </methods></class></classes>";
        let (list, help) = (Document::parse(list).unwrap(), Document::parse(help).unwrap());
        assert_eq!(missing_of(list.root_element(), help.root_element()), ["A.g", "A.C"]);
        let other = Document::parse("<class name='B'/>").unwrap();
        assert_eq!(missing_of(other.root_element(), help.root_element()), ["B"]);
    }
}
