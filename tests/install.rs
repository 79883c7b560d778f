//! The installation, used as its users do: by CMake and pkg-config, shared and static, also after
//! the prefix was moved.

#[path = "support/programs.rs"]
mod programs;

use programs::{run, scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/install");

#[test]
fn the_shared_library_names_its_abi_and_stays_loaded() {
    let dynamic = run(Command::new("readelf")
        .arg("-d")
        .arg(installed().join("lib/libtilecache.so")));
    assert!(dynamic.contains("soname: [libtilecache.so.0]"), "{dynamic}");
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)"));
    assert!(
        flags.is_some_and(|flags| flags.contains("NODELETE")),
        "{dynamic}"
    );
}

#[test]
fn the_tree_is_what_packagers_expect() {
    let mut found = Vec::new();
    list(installed(), installed(), &mut found);
    found.sort();
    let mut expected: Vec<_> = [
        "include/tilecache.h",
        "include/tilecache.hpp",
        "include/tilecache_gdal.h",
        "lib/libtilecache.a",
        "lib/libtilecache.so -> libtilecache.so.0",
        "lib/libtilecache.so.0 -> libtilecache.so.0.1.0",
        "lib/libtilecache.so.0.1.0",
        "lib/pkgconfig/tilecache.pc",
        "share/cmake/tilecache/tilecacheConfig.cmake",
        "share/cmake/tilecache/tilecacheConfigVersion.cmake",
        "share/doc/tilecache/CHANGELOG.md",
        "share/doc/tilecache/LICENSE",
        "share/doc/tilecache/README.md",
        "share/doc/tilecache/THIRD-PARTY.txt",
        "share/doc/tilecache/examples/contact_sheet.c",
        "share/doc/tilecache/examples/main_job.c",
        "share/doc/tilecache/examples/ndvi.c",
        "share/doc/tilecache/examples/picture.c",
        "share/doc/tilecache/examples/picture.h",
        "share/doc/tilecache/examples/scene.c",
        "share/doc/tilecache/examples/scene.h",
        "share/doc/tilecache/examples/terrain.c",
        "share/doc/tilecache/examples/tier_files.c",
    ]
    .map(str::to_owned)
    .into();
    let mut documents = Vec::new();
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs"));
    list(docs, docs, &mut documents);
    // What is about the sources is for those who have them.
    documents.retain(|name| !["design.md", "design.svg", "testing.md"].contains(&&**name));
    assert!(documents.len() > 25, "{documents:?}");
    let documents = documents.iter();
    expected.extend(documents.map(|name| format!("share/doc/tilecache/docs/{name}")));
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn links_of_the_installed_documents_lead_somewhere() {
    let mut pages = Vec::new();
    list(installed(), installed(), &mut pages);
    pages.retain(|name| name.ends_with(".md"));
    let (mut links, mut dead) = (0, Vec::new());
    for name in pages {
        let path = installed().join(&name);
        let text = fs::read_to_string(&path).unwrap();
        let prose: String = text.split("```").step_by(2).collect();
        let prose: String = prose.split('`').step_by(2).collect();
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap();
            let elsewhere = target.starts_with("https://") || target.starts_with("http://");
            if !target.is_empty() && !elsewhere {
                links += 1;
                if !path.parent().unwrap().join(target).exists() {
                    dead.push(format!("{name}: {target}"));
                }
            }
        }
    }
    assert!(links > 100 && dead.is_empty(), "{links}, dead: {dead:?}");
}

#[test]
fn it_can_be_taken_away_again() {
    let (work, away) = (scratch("install", "taken away"), "prefix/taken away");
    run(Command::new("cp")
        .arg("-a")
        .arg(installed().join(".."))
        .arg(work.join("copy")));
    let build = work.join("copy/build");
    // A cache of CMake knows its folder, so the copy is configured anew.
    let _ = fs::remove_file(build.join("CMakeCache.txt"));
    configure(&build);
    let prefix = work.join(away);
    run(Command::new("cmake")
        .arg("--install")
        .arg(&build)
        .arg("--prefix")
        .arg(&prefix));
    fs::write(prefix.join("lib/other.txt"), "of somebody else").unwrap();
    run(Command::new("cmake")
        .arg("--build")
        .arg(&build)
        .args(["--target", "uninstall"]));
    let mut left = Vec::new();
    list(&prefix, &prefix, &mut left);
    assert_eq!(left, ["lib/other.txt"]);
    assert!(!prefix.join("share/doc/tilecache").exists());
}

#[test]
fn programs_are_built_and_run_against_it() {
    four_ways(installed(), &scratch("install", "here"));
}

#[test]
fn programs_are_built_and_run_after_it_moved() {
    let moved = scratch("install", "moved elsewhere");
    run(Command::new("cp").arg("-a").arg(installed()).arg(&moved));
    four_ways(&moved.join("prefix"), &scratch("install", "there"));
}

/// Shared and static, by find_package and by pkg-config; in C++ too.
fn four_ways(prefix: &Path, build: &Path) {
    run(Command::new("cmake")
        .args(["-S", SOURCES, "-B"])
        .arg(build)
        .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
        .arg(format!("-DEXPECTED={}", env!("CARGO_PKG_VERSION"))));
    run(Command::new("cmake").arg("--build").arg(build));
    check(&build.join("shared"), prefix, true);
    check(&build.join("static"), prefix, false);
    check(&build.join("cpp"), prefix, true);

    let shared = build.join("pkg-config-shared");
    compile(&shared, &pkg_config(prefix, &[]), &[]);
    check(&shared, prefix, true);
    let in_cpp = build.join("pkg-config-cpp");
    compile(&in_cpp, &pkg_config(prefix, &[]), &["-std=c++17"]);
    check(&in_cpp, prefix, true);
    let whole = build.join("pkg-config-static");
    compile(&whole, &pkg_config(prefix, &["--static"]), &["-static"]);
    check(&whole, prefix, false);
}

fn pkg_config(prefix: &Path, options: &[&str]) -> Vec<String> {
    // Quoted as for a shell, since the prefix has a space in it.
    let flags = run(Command::new("pkg-config")
        .args(options)
        .args(["--cflags", "--libs", "tilecache"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    let version = run(Command::new("pkg-config")
        .args(["--modversion", "tilecache"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
    let words = run(Command::new("sh")
        .arg("-c")
        .arg(format!("printf '%s\\n' {flags}")));
    words.lines().map(str::to_owned).collect()
}

fn compile(program: &Path, flags: &[String], more: &[&str]) {
    let cpp = more.contains(&"-std=c++17");
    run(Command::new(if cpp { "c++" } else { "cc" })
        .arg(format!("{SOURCES}/main.{}", if cpp { "cpp" } else { "c" }))
        .arg("-o")
        .arg(program)
        .args(flags)
        .args(more));
}

/// The program runs with the library of this prefix, and needs it at run time only if it is shared.
fn check(program: &Path, prefix: &Path, shared: bool) {
    let said = run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")));
    assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"));
    let dynamic = run(Command::new("readelf").arg("-d").arg(program));
    assert_eq!(
        dynamic.contains("[libtilecache.so.0]"),
        shared,
        "{program:?}: {dynamic}"
    );
}

/// The prefix of an installation, made once, by the three commands that a user would type.
fn installed() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        tools();
        let work = scratch("install", "install");
        let (build, prefix) = (work.join("build"), work.join("prefix"));
        configure(&build);
        run(Command::new("cmake").arg("--build").arg(&build));
        run(Command::new("cmake")
            .arg("--install")
            .arg(&build)
            .arg("--prefix")
            .arg(&prefix));
        prefix
    })
}

fn configure(build: &Path) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    run(Command::new("cmake")
        .args(["-S", concat!(env!("CARGO_MANIFEST_DIR"), "/cmake"), "-B"])
        .arg(build)
        // What is built there already need not be built again.
        .arg(format!("-DTILECACHE_CARGO_TARGET_DIR={}", target.display())));
}

fn tools() {
    for (tool, package) in [
        ("cmake", "cmake"),
        ("pkg-config", "pkg-config"),
        ("readelf", "binutils"),
        ("cc", "gcc"),
        ("c++", "g++"),
    ] {
        assert!(
            Command::new(tool).arg("--version").output().is_ok(),
            "{tool} is missing: apt-get install {package}, or run scripts/test, which does"
        );
    }
}

/// All files below a directory, and where links point.
fn list(root: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if let Ok(to) = fs::read_link(&path) {
            found.push(format!("{name} -> {}", to.display()));
        } else if path.is_dir() {
            list(root, &path, found);
        } else {
            found.push(name);
        }
    }
}
