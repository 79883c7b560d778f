//! The committed header is what the code says.

use std::path::Path;

/// The files of the ABI in the order in which the header presents them.
const FILES: [&str; 28] = [
    "status",
    "types",
    "library",
    "log",
    "cache",
    "source",
    "format",
    "operator",
    "levels",
    "transform",
    "heights",
    "warp",
    "compute",
    "mosaic",
    "provider",
    "georef",
    "reader",
    "prefetch",
    "pass",
    "report",
    "tier",
    "progress",
    "pixel_stats",
    "chain",
    "chain_auto",
    "display",
    "build",
    "tile",
];

fn generated(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root.join("src/capi").join(file).with_extension("rs"));
    }
    let mut text = Vec::new();
    builder
        .generate()
        .expect("src/capi parses")
        .write(&mut text);
    let text = String::from_utf8(text).expect("the header is UTF-8");
    // A title stands in the comment of the function that follows; it is that of all that follow.
    text.lines()
        .collect::<Vec<_>>()
        .join("\n")
        .replace("/**\n * ========", "/*\n * ========")
        .replace("========\n *\n", "========\n */\n\n/**\n")
        + "\n"
}

#[test]
fn header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("include/tilecache.h");
    let wanted = generated(root);
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &wanted).expect("include/ is writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == wanted,
        "include/tilecache.h is not what src/capi says; refresh it with\n\
         UPDATE_HEADER=1 cargo test --test header"
    );
}
