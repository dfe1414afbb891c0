//! The shape of the source: modules in one direction, and files that are one idea long.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, each of which uses only those before it; those of one line may use each other.
const TIERS: &[&[&str]] = &[
    &["error"],
    &["axis"],
    &["layout"],
    &["notation"],
    &["batch"],
    &["field"],
    &["weight"],
    &["reduction"],
    &["element"],
    // A region builds a loss, and a loss holds a region.
    &["region", "loss"],
    &["text"],
    &["reference"],
    &["kernel"],
    &["fused"],
    &["untyped"],
    &["burn", "candle"],
    &["picture"],
    &["explain"],
    &["page"],
    &["between"],
    &["outputs"],
    &["preset"],
];

const MOST_LINES: usize = 400;

/// The files that may be longer, by their paths under `src`, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// The files under `src`, by their paths from there.
fn source_files() -> BTreeMap<String, String> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let read = |path: PathBuf| {
        let name: Vec<_> = path
            .strip_prefix(&root)
            .expect("a file under src")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        (name.join("/"), fs::read_to_string(&path).expect("a source file is text"))
    };
    paths.into_iter().map(read).collect()
}

/// `reference` for `reference/step.rs`, `field` for `field.rs`.
fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

fn tier_of(module: &str) -> Option<usize> {
    TIERS.iter().position(|tier| tier.contains(&module))
}

/// What code names right after `crate::`, with the number of its line; comments do not count.
fn uses(text: &str) -> Vec<(usize, String)> {
    let without_comment = |line: &str| line.split("//").next().unwrap_or("").to_owned();
    let code = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let start = at + path.len();
        for name in names(&code[start..]) {
            let line = 1 + code[..start].matches('\n').count();
            found.push((line, name.to_owned()));
        }
    }
    found
}

/// `axis` of `axis::Axes`; `axis` and `loss` of `{axis::{Axes, Axis}, loss}`.
fn names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let mut found = vec![word(group)];
    let mut depth = 1;
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => found.push(word(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The word with which a text starts.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn each_module_uses_only_those_before_it() {
    let mut wrong = Vec::new();
    for (file, text) in source_files() {
        let module = module_of(&file);
        let Some(own) = tier_of(module) else { continue };
        for (line, used) in uses(&text) {
            match tier_of(&used) {
                Some(tier) if used == module || tier <= own => {}
                Some(_) => {
                    wrong.push(format!("src/{file}:{line}: `{used}` comes after `{module}`"));
                }
                None => wrong.push(format!(
                    "src/{file}:{line}: `crate::{used}` is not a module of the list; \
                     name an item by its module"
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "modules go in one direction:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let unplaced: Vec<String> = source_files()
        .into_keys()
        .filter(|file| file != "lib.rs" && tier_of(module_of(file)).is_none())
        .collect();
    assert!(unplaced.is_empty(), "name the modules of {unplaced:?} in TIERS");
}

#[test]
fn every_module_of_the_order_exists() {
    let files = source_files();
    for module in TIERS.iter().copied().flatten() {
        assert!(files.keys().any(|file| module_of(file) == *module), "there is no {module}");
    }
}

#[test]
fn a_file_is_one_idea_long() {
    let files = source_files();
    let long: Vec<String> = files
        .iter()
        .filter(|(file, _)| !LONG_FILES.iter().any(|(known, _)| known == file))
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("src/{file} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "at most {MOST_LINES} lines, or a reason in LONG_FILES: {long:?}");
    for (file, _) in LONG_FILES {
        assert!(files.contains_key(*file), "LONG_FILES names src/{file}, which is gone");
    }
}

#[test]
fn the_reader_of_uses_can_find_a_violation() {
    let text = "use crate::{\n    axis::{Axes, Axis},\n    loss,\n};\nlet x = crate::text::y(); // crate::explain";
    let found = uses(text);
    assert_eq!(found, [(1, "axis".into()), (1, "loss".into()), (5, "text".into())]);
    assert!(tier_of("text") > tier_of("loss") && tier_of("loss") == tier_of("region"));
}
