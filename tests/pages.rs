//! The pages of docs/ do not rot: their programs in C and C++ are compiled and print what the pages say, those in other
//! languages are the ones that the tests of the bindings run, and every link leads somewhere.

#[path = "support/compiled.rs"]
mod compiled;

use compiled::{compile, compiler, run};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Code or output of a page, between fences.
struct Fenced {
    language: String,
    text: String,
}

fn fenced(page: &str) -> Vec<Fenced> {
    let parts = page.split("```").skip(1).step_by(2);
    let split = parts.map(|part| part.split_once('\n').expect("a fence is a line"));
    split
        .map(|(language, text)| Fenced {
            language: language.to_owned(),
            text: text.to_owned(),
        })
        .collect()
}

/// The pages of docs/ with their names, but for the one that bindings/tour/page.py writes and checks.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = fs::read_dir(format!("{ROOT}/docs"))
        .expect("docs/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("a page is UTF-8");
            (name.into_owned(), text)
        })
        .filter(|(name, _)| name != "bindings")
        .collect();
    pages.sort();
    pages
}

fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("pages")
        .join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}

/// What `gdal-config` says, for programs that include its header.
fn gdal(option: &str) -> Vec<String> {
    let output = Command::new("gdal-config").arg(option).output();
    let output = output.expect("gdal-config runs: apt-get install libgdal-dev");
    let text = String::from_utf8(output.stdout).expect("flags are UTF-8");
    text.split_whitespace().map(str::to_owned).collect()
}

/// A whole program, linked to the shared library, run beside an image that is called scene.tif; what it prints.
fn printed(name: &str, program: &Fenced) -> String {
    let directory = scratch(name);
    let cpp = program.language == "cpp";
    let source = directory.join(if cpp { "program.cpp" } else { "program.c" });
    fs::write(&source, &program.text).expect("the program");
    let scene = format!("{ROOT}/bindings/tour/scene.tif");
    fs::copy(scene, directory.join("scene.tif")).expect("an image");
    let test = std::env::current_exe().expect("a test has a path");
    let libraries = test.parent().expect("target/<profile>/deps");
    let mut command = compiler(cpp);
    command.arg(if cpp { "-std=c++17" } else { "-std=c99" });
    let over_gdal = program.text.contains("tilecache_gdal.h");
    if over_gdal {
        let flags = gdal("--cflags");
        command.args(flags.iter().map(|flag| flag.replace("-I", "-isystem")));
    }
    command
        .args(["-pthread", "-o"])
        .arg(directory.join("program"));
    command.arg(&source).arg(libraries.join("libtilecache.so"));
    command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    if over_gdal {
        command.args(gdal("--libs"));
    }
    compile(&mut command);
    let (success, said) = run(Command::new(directory.join("program")).current_dir(&directory));
    assert!(success, "{name}: {said}");
    said
}

#[test]
fn programs_print_what_the_pages_say() {
    let mut programs = 0;
    for (page, text) in pages() {
        let blocks = fenced(&text);
        for (at, program) in blocks.iter().enumerate() {
            let is_c = ["c", "cpp"].contains(&program.language.as_str());
            if !is_c || !program.text.contains("int main(") {
                continue;
            }
            // How it is compiled may stand between a program and what it prints.
            let output = blocks[at + 1..]
                .iter()
                .find(|block| block.language != "sh")
                .filter(|block| block.language == "text")
                .unwrap_or_else(|| panic!("docs/{page}.md does not say what a program prints"));
            let said = printed(&format!("{page}-{at}"), program);
            assert!(
                said == output.text,
                "docs/{page}.md says that its program prints\n{}but it prints\n{said}",
                output.text
            );
            programs += 1;
        }
    }
    assert!(programs >= 8, "{programs}");
}

#[test]
fn functions_compile() {
    let directory = scratch("functions");
    let mut sources = Vec::new();
    for (page, text) in pages() {
        for (at, block) in fenced(&text).iter().enumerate() {
            if block.language == "c" && !block.text.contains("int main(") {
                let source = directory.join(format!("{page}-{at}.c"));
                fs::write(&source, &block.text).expect("the functions");
                sources.push(source);
            }
        }
    }
    assert!(!sources.is_empty());
    let mut command = compiler(false);
    command.args(["-std=c99", "-fsyntax-only", "-Wno-unused-function"]);
    for tier in ["files", "redis", "s3"] {
        command.arg(format!("-I{ROOT}/tiers/{tier}/include"));
    }
    compile(command.args(sources));
}

/// As docs/install.md and the header have it, with every warning that is asked for.
#[test]
fn structs_begin_without_a_warning() {
    let ways = [
        (
            "c",
            "-std=c99",
            "tc_open_options options = {.struct_size = sizeof options};",
        ),
        (
            "cpp",
            "-std=c++11",
            "tc_open_options options = {}; options.struct_size = sizeof options;",
        ),
        (
            "cpp",
            "-std=c++20",
            "tc_open_options options = {}; options.struct_size = sizeof options;",
        ),
    ];
    let page = fs::read_to_string(format!("{ROOT}/docs/install.md")).expect("a page");
    assert!(page.contains("{.struct_size = sizeof options};") && page.contains("options = {};"));
    for (end, standard, code) in ways {
        let source = scratch(&format!("begin{standard}")).join(format!("begin.{end}"));
        let program =
            format!("#include <tilecache.h>\nint main() {{ {code} return options.image; }}\n");
        fs::write(&source, program).expect("a program");
        let mut command = compiler(end == "cpp");
        compile(command.args([standard, "-fsyntax-only"]).arg(&source));
    }
}

/// What the tests of a binding run: `bindings/<language>/README.md` by all of them, the pages by those of Python.
#[test]
fn programs_in_other_languages_are_those_that_the_bindings_test() {
    for (page, text) in pages() {
        for block in fenced(&text) {
            match block.language.as_str() {
                "go" | "java" | "julia" => {
                    let readme = format!("{ROOT}/bindings/{}/README.md", block.language);
                    let tested = fs::read_to_string(&readme).expect("a binding has a README.md");
                    assert!(
                        tested.contains(&block.text),
                        "a program of docs/{page}.md is not that of {readme}:\n{}",
                        block.text
                    );
                }
                "c" | "cpp" | "python" | "sh" | "text" | "cmake" | "rust" => {}
                other => panic!("docs/{page}.md has code in {other:?}, which nothing tests"),
            }
        }
    }
}

/// All pages of the repository, by their paths below its root.
fn documents(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            if !["target", ".git", "node_modules"].contains(&&*name) {
                documents(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The targets of links and pictures, outside of code.
fn links(page: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for prose in page.split("```").step_by(2) {
        let outside: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for rest in outside.split("](").skip(1) {
            let target = rest.split(')').next().expect("a part");
            targets.push(target.to_owned());
        }
    }
    targets
}

/// The name of a heading in links, as pages of repositories and of the site have it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn anchors(page: &str) -> Vec<String> {
    let prose = page.split("```").step_by(2);
    let lines = prose.flat_map(str::lines);
    let headings = lines.filter_map(|line| line.strip_prefix('#'));
    headings
        .map(|heading| anchor(heading.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn the_site_has_every_page() {
    let listed = include_str!("../tools/site/mkdocs.yml");
    for (page, _) in pages() {
        let there = listed.lines().any(|line| {
            let entry = line.trim_start_matches([' ', '-']);
            entry.rsplit(' ').next() == Some(&format!("{page}.md"))
        });
        assert!(there, "tools/site/mkdocs.yml does not list docs/{page}.md");
    }
}

/// The menu of the site has pages under their titles, and so has the front page.
#[test]
fn the_front_page_names_pages_by_their_titles() {
    let front = fs::read_to_string(format!("{ROOT}/docs/index.md")).expect("a page");
    let mut named = 0;
    for (page, text) in pages() {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let title = title.unwrap_or_else(|| panic!("docs/{page}.md has no title"));
        for (before, _) in front.match_indices(&format!("]({page}.md)")) {
            let name = front[..before].rsplit('[').next().expect("a part");
            assert!(name == title, "{name} is called {title}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut paths = Vec::new();
    documents(Path::new(ROOT), &mut paths);
    assert!(paths.len() > 20, "{paths:?}");
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a page is UTF-8");
    let texts: HashMap<PathBuf, String> = paths
        .iter()
        .map(|path| (path.clone(), read(path)))
        .collect();
    let mut broken = Vec::new();
    for (path, text) in &texts {
        for link in links(text) {
            if ["https://", "http://", "mailto:"]
                .iter()
                .any(|begin| link.starts_with(begin))
            {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            let Ok(target) = target.canonicalize() else {
                broken.push(format!("{}: {link} is not there", path.display()));
                continue;
            };
            let there = |text: &String| anchors(text).iter().any(|anchor| anchor == place);
            if !place.is_empty() && !texts.get(&target).is_some_and(there) {
                broken.push(format!("{}: {link} has no such heading", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
