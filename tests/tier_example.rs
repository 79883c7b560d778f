//! The tier of `examples/tier_files.c`, which keeps blocks as files: what it kept is decoded no more, also in another
//! process and after its files were damaged.

#[path = "support/programs.rs"]
mod programs;

use programs::{libraries, scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The example, built.
fn example(directory: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = directory.join("tier_files");
    let built = Command::new("cc")
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-O1",
        ])
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join("examples/tier_files.c"))
        .arg("-o")
        .arg(&binary)
        .arg(libraries().join("libtilecache.so"))
        .arg(format!("-Wl,-rpath,{}", libraries().display()))
        .arg("-lpthread")
        .status()
        .expect("a C compiler");
    assert!(built.success());
    binary
}

/// A grey TIFF of 8 bits in strips of 16 rows.
fn write_tiff(path: &Path, side: u32) {
    const ROWS: u32 = 16;
    let strips = side / ROWS;
    let tags = 9u16;
    let offsets_at = 8 + 2 + u32::from(tags) * 12 + 4;
    let counts_at = offsets_at + 4 * strips;
    let data_at = counts_at + 4 * strips;
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend(tags.to_le_bytes());
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, strips, offsets_at),
        (277, 3, 1, 1),
        (278, 4, 1, ROWS),
        (279, 4, strips, counts_at),
    ];
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    let strip = side * ROWS;
    (0..strips).for_each(|at| file.extend((data_at + at * strip).to_le_bytes()));
    (0..strips).for_each(|_| file.extend(strip.to_le_bytes()));
    file.extend((0..side * side).map(|at| (at * 7 + at / side) as u8));
    fs::write(path, file).expect("a file");
}

#[test]
fn blocks_that_are_kept_as_files_are_decoded_once() {
    let directory = scratch("tier_example", "files");
    let (image, kept) = (directory.join("image.tif"), directory.join("kept"));
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept).expect("a directory");
    write_tiff(&image, 512);
    let program = example(&directory);
    let run = |image: &Path| {
        let output = Command::new(&program).arg(image).arg(&kept).output();
        let output = output.expect("the example runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said.trim().to_owned()
    };
    let all = "blocks decoded: 32, read from files: 0, written: 32";
    assert_eq!(run(&image), all);
    let none = "blocks decoded: 0, read from files: 32, written: 0";
    assert_eq!(run(&image), none);
    // A copy elsewhere is the same file.
    let copy = directory.join("copy.tif");
    fs::copy(&image, &copy).expect("a copy");
    assert_eq!(run(&copy), none);
    // Files that were cut short, and one that is empty.
    let files = fs::read_dir(&kept).expect("the directory");
    let files: Vec<_> = files.map(|entry| entry.expect("a file").path()).collect();
    assert_eq!(files.len(), 32);
    for (at, path) in files.iter().take(3).enumerate() {
        let bytes = fs::read(path).expect("its bytes");
        fs::write(path, &bytes[..bytes.len() * at / 4]).expect("fewer bytes");
    }
    assert_eq!(
        run(&image),
        "blocks decoded: 3, read from files: 29, written: 3"
    );
    assert_eq!(run(&image), none);
    // Another image.
    write_tiff(&image, 256);
    assert_eq!(
        run(&image),
        "blocks decoded: 16, read from files: 0, written: 16"
    );
}
