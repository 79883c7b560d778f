//! Whether C and C++ read a header, and whether what it says of a struct is what the library takes.

use std::path::Path;
use std::process::Command;

/// `said` is what has which number in C, and `calls` are lines that only compile if functions have those types.
pub fn check(header: &Path, said: &[(String, usize)], calls: &str, folder: &Path) {
    let name = header.file_name().unwrap().to_str().unwrap();
    let mut program = format!("#include <stddef.h>\n#include <{name}>\n{calls}\n");
    for (number, (what, is)) in said.iter().enumerate() {
        program += &format!("typedef char is_{number}[{what} == {is} ? 1 : -1];\n");
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let languages = [
        ("cc", "header.c", "-std=c99"),
        ("c++", "header.cpp", "-std=c++17"),
    ];
    for (compiler, file, standard) in languages {
        std::fs::write(folder.join(file), &program).unwrap();
        let mut command = Command::new(compiler);
        command.args([
            standard,
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-fsyntax-only",
        ]);
        command
            .arg("-Wno-unused")
            .arg("-I")
            .arg(header.parent().unwrap());
        let read = command
            .arg("-I")
            .arg(&ours)
            .arg(folder.join(file))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success(), "{told}");
    }
}

/// The places of members of a struct, and its size.
#[macro_export]
macro_rules! places {
    ($kind:ident: $($member:ident),* $(,)?) => {{
        let name = stringify!($kind);
        vec![
            (format!("sizeof({name})"), size_of::<$kind>()),
            $((
                format!("offsetof({name}, {})", stringify!($member)),
                std::mem::offset_of!($kind, $member),
            )),*
        ]
    }};
}
