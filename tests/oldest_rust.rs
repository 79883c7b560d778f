//! The oldest Rust that the manifests name builds all that they depend on.

use std::process::Command;

/// The manifests of what is built for users.
const MANIFESTS: [&str; 3] = [
    "Cargo.toml",
    "tools/tilecache/Cargo.toml",
    "tiers/Cargo.toml",
];

/// Major and minor number, as in `1.88` and `1.88.0`.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse::<u32>());
    let mut next = || numbers.next().and_then(Result::ok).expect(text);
    (next(), next())
}

/// Those of all packages that say one, of what `cargo metadata` tells.
fn versions(metadata: &str) -> impl Iterator<Item = &str> {
    let after = metadata.split("\"rust_version\":\"").skip(1);
    after.map(|rest| rest.split('"').next().expect("the end of a string"))
}

#[test]
fn no_dependency_asks_for_a_newer_rust() {
    for manifest in MANIFESTS {
        let path = format!("{}/{manifest}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect(&path);
        let own = text.lines().find_map(|line| {
            let version = line.strip_prefix("rust-version = \"")?;
            version.strip_suffix('"')
        });
        let own = version(own.expect("an oldest Rust"));
        let told = Command::new(env!("CARGO"))
            .args(["metadata", "--locked", "--format-version=1"])
            .args(["--manifest-path", &path])
            .output()
            .expect("cargo");
        assert!(told.status.success(), "{manifest}");
        let told = String::from_utf8(told.stdout).expect("text");
        let newest = versions(&told).max_by_key(|text| version(text));
        let newest = newest.expect("a package that says which Rust it takes");
        assert!(version(newest) <= own, "{manifest}: {newest} is asked for");
    }
}
