//! The documents in docs/: what they tell to do is done, and their listings are compiled, in a real engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::process::{Event as Happened, Running};
use crate::test::help;
use crate::test::package::Fresh;
use crate::workspace;

const TIMEOUT: Duration = Duration::from_mins(5);

/// A fenced block: the words behind the fence, and the text.
struct Block {
    words: Vec<String>,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The second word: the file that it is to be saved as, or what kind of command it is.
    fn argument(&self) -> Option<&str> {
        self.words.get(1).map(String::as_str)
    }
}

fn blocks_of(document: &Path) -> Result<Vec<Block>> {
    let text = fs::read_to_string(document)
        .with_context(|| format!("no document {}", document.display()))?;
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for event in Parser::new(&text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let words = info.split_whitespace().map(str::to_owned).collect();
                open = Some(Block { words, text: String::new() });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text += &text;
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    Ok(blocks)
}

/// The files that a document of docs/ tells to save.
pub(crate) fn files_of(document: &str) -> Result<Vec<(String, String)>> {
    let blocks = blocks_of(&workspace::root().join("docs").join(document))?;
    let is_file = |block: &Block| block.argument().is_some_and(|name| name.contains('.'));
    let files = blocks.into_iter().filter(is_file);
    Ok(files.map(|block| (block.argument().unwrap_or_default().to_owned(), block.text)).collect())
}

/// Does what docs/getting-started.md says, word for word: saves its files, runs its commands, and waits for what it says
/// that they print.
pub(crate) fn getting_started(fresh: &Fresh<'_>) -> Result<()> {
    let blocks = blocks_of(&workspace::root().join("docs/getting-started.md"))?;
    let mut running: Vec<(Running, Vec<String>)> = Vec::new();
    let (mut lines, mut commands, mut waits) = (0, 0, 0);
    for block in &blocks {
        match (block.language(), block.argument()) {
            ("gdscript" | "ini", Some(file)) => {
                fs::write(fresh.project.join(file), &block.text)?;
                if block.language() == "gdscript" {
                    lines += block.text.lines().filter(|line| !line.trim().is_empty()).count();
                }
            }
            ("sh", _) => {
                for line in block.text.lines() {
                    running.extend(command(fresh, line)?.map(|running| (running, Vec::new())));
                    commands += 1;
                }
            }
            ("text", _) => {
                wait_for(&mut running, block.text.trim())?;
                waits += 1;
            }
            ("gdscript", None) => {}
            (other, _) => bail!("what is to be done with a block of {other:?}?"),
        }
    }
    ensure!(commands >= 4 && waits >= 3, "{commands} commands, {waits} outputs");
    ensure!(lines < 20, "the chat takes {lines} lines");
    for (running, log) in &mut running {
        while let Happened::Line(line) = running.next_event(Duration::from_millis(100))? {
            log.push(line);
        }
        let problem = log.iter().find(|line| crate::log_lines::is_problem(line));
        ensure!(problem.is_none(), "errors are logged: {problem:?}");
    }
    Ok(())
}

/// Runs a line of a shell. What goes on is given back.
fn command(fresh: &Fresh<'_>, line: &str) -> Result<Option<Running>> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words.as_slice() {
        // Done already: by the same name, into the same place.
        ["unzip", zip, "-d", _] => {
            let name = format!("lodewire-{}.zip", env!("CARGO_PKG_VERSION"));
            ensure!(*zip == name, "the guide has {zip}, and the zip is {name}");
            Ok(None)
        }
        ["cd", _] => Ok(None),
        ["godot", "--headless", "--import"] => {
            fresh.import()?;
            Ok(None)
        }
        ["godot", "--headless", scene] => {
            let mut command = fresh.engine.headless(&fresh.project);
            command.arg(scene);
            Running::start(command).map(Some)
        }
        _ => bail!("what does the guide mean with `{line}`?"),
    }
}

/// Waits until the command that was started last prints these lines, one after the other.
fn wait_for(running: &mut [(Running, Vec<String>)], wanted: &str) -> Result<()> {
    let (last, log) = running.last_mut().context("the guide shows the output of no command")?;
    let until = Instant::now() + TIMEOUT;
    for wanted in wanted.lines() {
        while !log.iter().any(|line| line.trim() == wanted.trim()) {
            ensure!(Instant::now() < until, "{wanted:?} does not come:\n{}", log.join("\n"));
            match last.next_event(Duration::from_millis(100))? {
                Happened::Line(line) => log.push(line),
                Happened::Quiet => {}
                Happened::Ended(status) => {
                    bail!("it ended ({status}) before {wanted:?}:\n{}", log.join("\n"))
                }
            }
        }
    }
    Ok(())
}

/// Compiles every listing in GDScript of the documents, and of the editor's help, in a real engine.
pub(crate) fn snippets(fresh: &Fresh<'_>) -> Result<()> {
    let folder = fresh.project.join("snippets");
    fs::create_dir(&folder)?;
    let mut count = 0;
    for document in documents()? {
        let stem = document.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let blocks = blocks_of(&document)?;
        let listings = blocks.iter().filter(|block| block.language() == "gdscript");
        for (index, block) in listings.enumerate() {
            let name = format!("{}_{}.gd", stem.to_lowercase().replace('-', "_"), index + 1);
            fs::write(folder.join(name), whole_script(&block.text))?;
            count += 1;
        }
    }
    for (index, (class, example)) in help::examples()?.into_iter().enumerate() {
        fs::write(folder.join(format!("help_{class}_{index}.gd")), whole_script(&example))?;
        count += 1;
    }
    ensure!(count >= 30, "the documents and the help have {count} listings");
    let check = "extends SceneTree\n\nfunc _initialize() -> void:\n\tvar bad := 0\n\
                 \tfor file in DirAccess.get_files_at(\"res://snippets\"):\n\
                 \t\tif file.ends_with(\".gd\"):\n\
                 \t\t\tvar script := load(\"res://snippets/\" + file) as GDScript\n\
                 \t\t\tif script == null or not script.can_instantiate():\n\
                 \t\t\t\tprint(\"does not compile: \", file)\n\t\t\t\tbad += 1\n\
                 \tprint(\"compiled\")\n\tquit(bad)\n";
    fs::write(fresh.project.join("check.gd"), check)?;
    fresh.import()?;
    let log = fresh.run(&["--script", "res://check.gd"])?;
    ensure!(log.contains("compiled"), "{log}");
    Ok(())
}

/// The documents with listings that people copy.
fn documents() -> Result<Vec<PathBuf>> {
    let root = workspace::root();
    let mut documents = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(documents)
}

/// A listing as a script: a part of one gets what is around it.
fn whole_script(text: &str) -> String {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let first = text.lines().find(is_code).unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|word| first.starts_with(word));
    if begins(&["extends ", "class_name "]) {
        return text.to_owned();
    }
    if begins(&["func ", "var ", "const ", "@", "signal ", "static "]) && text.contains("\nfunc ")
        || begins(&["func "])
    {
        return format!("extends Node\n\n{text}");
    }
    let body = text.trim_end().replace('\n', "\n\t");
    format!("extends Node\n\nfunc _snippet():\n\t{body}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_scripts_get_what_is_around_them() {
        assert_eq!(whole_script("extends Node2D\n"), "extends Node2D\n");
        assert_eq!(whole_script("func f():\n\tpass\n"), "extends Node\n\nfunc f():\n\tpass\n");
        let fields = "var a := 1\n\nfunc f():\n\tpass\n";
        assert_eq!(whole_script(fields), format!("extends Node\n\n{fields}"));
        let wanted = "extends Node\n\nfunc _snippet():\n\tvar a := 1\n\tprint(a)\n";
        assert_eq!(whole_script("var a := 1\nprint(a)\n"), wanted);
    }

    #[test]
    fn blocks_have_a_language_and_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.md");
        fs::write(&file, "# A\n```gdscript a.gd\nx\ny\n```\ntext\n```sh\nz\n```\n").unwrap();
        let blocks = blocks_of(&file).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].language(), blocks[0].argument()), ("gdscript", Some("a.gd")));
        assert_eq!(blocks[0].text, "x\ny\n");
        assert_eq!((blocks[1].language(), blocks[1].argument()), ("sh", None));
    }
}
