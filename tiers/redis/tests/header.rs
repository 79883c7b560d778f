//! The header: C and C++ read it, and what it says of the options is what the library takes.

use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;
use tilecache_redis::capi::tc_tier_redis_options as Options;

/// Members with their places, and sizes.
macro_rules! places {
    ($($member:ident),*) => {
        [$((stringify!($member), offset_of!(Options, $member))),*]
    };
}

#[test]
fn the_options_are_those_of_the_header() {
    let places = places!(
        struct_size,
        flags,
        prefix,
        secret,
        secret_bytes,
        validity_ms,
        get_ms,
        put_ms,
        purge_ms,
        wait_ms,
        replicas,
        compression,
        keep_s,
        value_bytes,
        queue_bytes,
        log,
        log_user
    );
    let size = size_of::<Options>();
    let mut program = "#include <stddef.h>\n#include <tilecache_redis.h>\n".to_owned();
    let mut is = |what: String, number: usize| {
        let number = number as u64;
        program += &format!(
            "typedef char is_{}[{what} == {number} ? 1 : -1];\n",
            program.len()
        );
    };
    is("sizeof(tc_tier_redis_options)".to_owned(), size);
    for (member, at) in places {
        is(format!("offsetof(tc_tier_redis_options, {member})"), at);
    }
    program += "tc_status (*f)(const char *, const tc_tier_redis_options *, tc_tier *, tc_error *) = tc_tier_redis;\n\
                tc_status (*g)(const tc_tier *, tc_write_fn, void *, tc_error *) = tc_tier_redis_report;\n";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (compiler, file, standard) in [
        ("cc", "header.c", "-std=c99"),
        ("c++", "header.cpp", "-std=c++17"),
    ] {
        std::fs::write(folder.join(file), &program).unwrap();
        let read = Command::new(compiler)
            .args([
                standard,
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-fsyntax-only",
                "-Wno-unused",
            ])
            .arg("-I")
            .arg(root.join("include"))
            .arg("-I")
            .arg(root.join("../../include"))
            .arg(folder.join(file))
            .output()
            .unwrap();
        assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
}
