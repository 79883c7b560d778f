//! The documents do not rot: the examples of README.md work as they are printed there, and what the documents name is
//! there. tests/pages.rs does the programs of docs/.

#[path = "support/compiled.rs"]
mod compiled;

use compiled::{compile, compiler, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const README: &str = include_str!("../README.md");

/// The example in this language.
fn example(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let mut bodies = README.split(&begin).skip(1);
    let body = bodies.next().expect("an example");
    assert!(bodies.next().is_none(), "two examples in {language}");
    body.split_once("```").expect("the example ends").0
}

fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("readme")
        .join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}

/// A TIFF of one strip: `width` x `height` bytes, all 7.
fn tiff(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0\x08\0".to_vec();
    let size = width * height;
    let pixels = 8 + 2 + 8 * 12 + 4;
    let tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, pixels),
        (278, height),
        (279, size),
    ];
    for (tag, value) in tags {
        file.extend([tag as u8, (tag >> 8) as u8, 4, 0, 1, 0, 0, 0]);
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.resize((pixels + size) as usize, 7);
    file
}

/// The example in C, linked to the shared library and run in a directory with an image.
fn built() -> Command {
    let directory = scratch("c");
    let source = directory.join("example.c");
    fs::write(&source, example("c")).expect("the example");
    fs::write(directory.join("image.tif"), tiff(1500, 700)).expect("an image");
    let test = std::env::current_exe().expect("a test has a path");
    let libraries = test.parent().expect("target/<profile>/deps");
    let program = directory.join("example");
    let mut command = compiler(false);
    command.arg("-std=c99").arg(&source).arg("-o").arg(&program);
    command.arg(libraries.join("libtilecache.so"));
    command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    compile(&mut command);
    let mut run = Command::new(&program);
    run.current_dir(&directory);
    run
}

#[test]
fn the_c_example_runs() {
    let (success, said) = run(built().arg("image.tif"));
    assert!(success, "{said}");
    assert_eq!(said, "1024 x 700 pixels of 1 bands, the first byte is 7\n");
    let (success, said) = run(built().arg("absent.tif"));
    assert!(!success);
    assert!(said.starts_with("TC_E_NOT_FOUND: absent.tif: "), "{said}");
}

/// The tests of the binding run the one of the page.
#[test]
fn the_python_example_is_that_of_the_front_page() {
    assert!(include_str!("../docs/index.md").contains(example("python")));
}

#[test]
fn the_contents_list_all_sections() {
    let (contents, rest) = README.split_once("\n## ").expect("sections");
    for title in std::iter::once(rest)
        .chain(rest.split("\n## ").skip(1))
        .map(|section| section.lines().next().expect("a title"))
    {
        let anchor = title.to_lowercase().replace(' ', "-");
        let there = contents.contains(&format!("](#{anchor})"));
        assert!(there, "the contents lack {title}");
    }
}

/// The words in backticks, outside of examples.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2))
}

/// All of a directory in one text.
/// The files in a directory and beneath it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    files.collect()
}

fn code(directory: &Path, into: &mut String) {
    for path in files(directory) {
        let bytes = fs::read(&path).expect("a source file");
        // Tables of bytes name nothing.
        into.push_str(&String::from_utf8(bytes).unwrap_or_default());
    }
}

#[test]
fn files_that_the_documents_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "",
        "include",
        "src",
        "src/source/tiff",
        "c_tests",
        "docs",
        "examples",
    ]
    .map(|place| root.join(place));
    let documents = [
        README,
        include_str!("../CONTRIBUTING.md"),
        include_str!("../SECURITY.md"),
        include_str!("../docs/design.md"),
        include_str!("../docs/testing.md"),
        include_str!("../docs/versions.md"),
        include_str!("../docs/errors.md"),
        include_str!("../docs/formats.md"),
        include_str!("../docs/gdal.md"),
        include_str!("../docs/coming-from.md"),
        include_str!("../docs/slow-files.md"),
        include_str!("../docs/tiers.md"),
        GUARANTEES,
    ];
    let ends = [
        ".rs", ".h", ".c", ".cpp", ".toml", ".md", ".symbols", ".abi", "/",
    ];
    for name in documents.iter().flat_map(|text| named(text)) {
        let path = ends.iter().any(|end| name.ends_with(end) && name != *end);
        let is_elsewhere = ["target/", "/vsi"]
            .iter()
            .any(|place| name.starts_with(place));
        if path && !name.contains(' ') && !is_elsewhere {
            let found = places.iter().any(|place| place.join(name).exists());
            assert!(found, "{name} is named but not there");
        }
    }
}

#[test]
fn calls_that_the_documents_name_are_in_the_header() {
    let header = concat!(
        include_str!("../include/tilecache.h"),
        include_str!("../include/tilecache_gdal.h")
    );
    let documents = [
        README,
        include_str!("../docs/budget.md"),
        include_str!("../docs/coming-from.md"),
        include_str!("../docs/errors.md"),
        include_str!("../docs/first-tile.md"),
        include_str!("../docs/formats.md"),
        include_str!("../docs/gdal.md"),
        include_str!("../docs/levels.md"),
        include_str!("../docs/own.md"),
        include_str!("../docs/slow-files.md"),
        include_str!("../docs/threads.md"),
        include_str!("../docs/tiers.md"),
        include_str!("../docs/tile-server.md"),
        include_str!("../docs/versions.md"),
        include_str!("../docs/viewer.md"),
        include_str!("../docs/warps.md"),
        GUARANTEES,
    ];
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = documents
        .iter()
        .flat_map(|text| named(text))
        .flat_map(|code| code.split(|c| !part(c)));
    let ours = words.filter(|word| {
        let begins = |prefix: &&str| word.len() > prefix.len() && word.starts_with(*prefix);
        ["tc_", "provider_", "TC_"].iter().any(begins)
    });
    for word in ours {
        let known = header
            .match_indices(word)
            .any(|(at, _)| !header[at + word.len()..].starts_with(part));
        assert!(known, "{word} is named but not in the header");
    }
}

/// What is promised and which tests show it.
const GUARANTEES: &str = include_str!("../docs/guarantees.md");

#[test]
fn tests_that_the_guarantees_name_are_there() {
    let mut all = String::new();
    for place in ["src", "tests", "c_tests"] {
        code(&Path::new(env!("CARGO_MANIFEST_DIR")).join(place), &mut all);
    }
    for name in named(GUARANTEES) {
        let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if let Some(test) = name.strip_prefix("cargo test --test ") {
            let mut words = test.split(' ');
            let file = words.next().expect("a test");
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
            let file = root.join(file);
            let there = file.with_extension("rs").exists() || file.join("main.rs").exists();
            assert!(there, "{name}");
            // Part of a test's name, or a file of C tests.
            let known = words.all(|word| {
                let word = word.rsplit("::").next().expect("a part");
                all.contains(&format!("fn {word}"))
                    || all.contains(&format!(" {word}_"))
                    || root.join(format!("../c_tests/{word}.c")).exists()
            });
            assert!(known, "{name} runs nothing");
        } else if name.contains('_') && name.chars().all(part) {
            assert!(
                all.contains(&format!("{name}(")) || all.contains(&format!("{name}:")),
                "{name} is named but not there"
            );
        }
    }
}

#[test]
fn functions_that_the_walk_names_are_there() {
    let mut all = String::new();
    code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all.push_str(include_str!("../examples/add_a_source.rs"));
    let walk = [
        include_str!("../CONTRIBUTING.md"),
        include_str!("../docs/design.md"),
    ];
    for name in walk.iter().flat_map(|text| named(text)) {
        let Some((owner, function)) = name.split_once("::") else {
            continue;
        };
        if name.contains(' ') || function.contains(char::is_uppercase) {
            continue;
        }
        let defined = ["(", "<"]
            .iter()
            .any(|end| all.contains(&format!("fn {function}{end}")));
        assert!(
            defined && all.contains(owner),
            "{name} is named but not there"
        );
    }
}

/// Each file with `unsafe` code is one that CONTRIBUTING names, and each that it names has some.
#[test]
fn unsafe_code_stands_where_the_rules_say() {
    let rules = include_str!("../CONTRIBUTING.md");
    let (_, rule) = rules
        .split_once("- **`unsafe`** stands in")
        .expect("the rule");
    let (rule, _) = rule
        .split_once("nowhere else")
        .expect("the end of the list");
    let places: Vec<_> = rule
        .split('`')
        .filter(|part| part.starts_with("src/"))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![false; places.len()];
    for file in files(&root.join("src")) {
        // Tables of bytes are no code.
        let text = fs::read_to_string(&file).unwrap_or_default();
        let is_code =
            |line: &&str| !line.trim_start().starts_with("//") && line.contains("unsafe ");
        if let Some(line) = text.lines().find(is_code) {
            let name = file.strip_prefix(root).expect("a file of ours");
            let place = places.iter().position(|place| name.starts_with(place));
            let Some(place) = place else {
                panic!("{}: {line}", name.display())
            };
            found[place] = true;
        }
    }
    let empty = places.iter().zip(found).find(|(_, found)| !found);
    assert_eq!(empty, None, "no unsafe code");
}

/// The table of formats says what the readers say of themselves, with all codecs.
#[test]
#[cfg(all(feature = "jxl", feature = "lerc", feature = "lzma", feature = "webp"))]
fn the_table_of_formats_is_that_of_the_readers() {
    let text = include_str!("../docs/formats.md");
    for reader in tilecache::source::formats::FORMATS {
        let [reads, lacks] = [reader.reads, reader.lacks].map(|text| text.to_string_lossy());
        let row = format!("| {reads} | {lacks} |");
        let name = reader.text();
        assert!(
            text.contains(&row),
            "docs/formats.md lacks, for {name}:\n{row}"
        );
    }
}
