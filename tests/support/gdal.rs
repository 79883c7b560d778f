//! Files made with GDAL, and what GDAL reads from them.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tilecache::convert::convert_row;
use tilecache::dtype::DType;

/// Runs one of GDAL's programs or a script that uses it.
pub fn run(command: &mut Command) -> Output {
    let needed = "this test needs the Debian packages gdal-bin, libjpeg-turbo-progs, libopenjp2-tools, \
                  libtiff-tools, openjph-tools, python3-gdal and python3-numpy";
    match command.output() {
        Ok(output) if output.status.success() => output,
        Ok(output) => panic!("{needed}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{needed}: {error}"),
    }
}

/// A directory of the files that a script makes; removed by the next run.
pub fn make(script: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = script.replace('/', "-").replace(".py", "");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory for the test's files");
    run(Command::new("/usr/bin/python3")
        .env("PYTHONPATH", root.join("tests/support"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args([root.join(script), dir.clone()]));
    dir
}

/// The fields of the lines that a script wrote about its files.
pub fn manifest(dir: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(dir.join("manifest")).expect("the manifest");
    let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(fields).collect()
}

/// Files that others wrote, of these kinds, in the folder that TILECACHE_REAL_FILES names.
pub fn real_files(extensions: &[&str]) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("TILECACHE_REAL_FILES") else {
        println!("skipped: TILECACHE_REAL_FILES names no folder");
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_wanted = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    };
    paths.filter(is_wanted).collect()
}

/// All pixels of a level of a file as GDAL reads them, band by band.
pub fn pixels(path: &Path, level: u32) -> Vec<u8> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("{}-{number}.raw", std::process::id());
    let raw = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("gdal_translate");
    command.args(["-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ"]);
    if level > 0 {
        command.args(["-oo", &format!("OVERVIEW_LEVEL={}", level - 1)]);
    }
    run(command.args([path, &raw]));
    let samples = std::fs::read(&raw).expect("the expected samples");
    for made in [
        raw.clone(),
        raw.with_extension("hdr"),
        raw.with_extension("raw.aux.xml"),
    ] {
        let _absent = std::fs::remove_file(made);
    }
    samples
}

/// The largest difference of two samples, not 0 if there is any.
pub fn worst_difference(dtype: DType, a: &[u8], b: &[u8]) -> f64 {
    if a == b {
        return 0.0;
    }
    assert_eq!(a.len(), b.len());
    let to_f64 = |samples: &[u8]| {
        let mut out = vec![0; samples.len() / dtype.size() * 8];
        convert_row(dtype, samples, DType::F64, &mut out);
        let values = out.as_chunks::<8>().0;
        values
            .iter()
            .map(|v| f64::from_ne_bytes(*v))
            .collect::<Vec<_>>()
    };
    let pairs = to_f64(a).into_iter().zip(to_f64(b));
    // Equal real parts with unequal bytes are a difference all the same.
    pairs
        .map(|(a, b)| (a - b).abs())
        .fold(f64::MIN_POSITIVE, f64::max)
}
