//! The files that the tests read, and the ways to read them.

pub use super::blocks::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tilecache::bytes::FileBytes;
use tilecache::convert::convert_row;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::Image;
use tilecache::source::nitf::{NitfDecoder, NitfFile};

impl Described for NitfDecoder {
    fn image(&self) -> &Image {
        NitfDecoder::image(self)
    }
}

/// The files, made once by the script beside this test; removed by the next run.
pub fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nitf");
        let _absent = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the test's files");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nitf/make.py");
        let output = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(&dir)
            .output();
        let needed = "this test needs the Debian packages python3-gdal and python3-numpy";
        match output {
            Ok(output) if output.status.success() => (),
            Ok(output) => panic!("{needed}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("{needed}: {error}"),
        }
        dir
    })
}

/// The lines of the manifest that are about `what`: the file and the words behind.
pub fn manifest(what: &str) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(made().join("manifest")).expect("the manifest");
    let fields = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let (file, kind) = (words.next()?, words.next()?);
        (kind == what).then(|| (file, words.collect()))
    };
    let lines: Vec<_> = text.lines().filter_map(fields).collect();
    assert!(!lines.is_empty(), "nothing of {what} in the manifest");
    lines
}

pub fn open(file: &str) -> Result<NitfFile> {
    NitfFile::open(Arc::new(FileBytes::open(made().join(file))?))
}

pub fn image(file: &str, index: &str) -> Result<NitfDecoder> {
    open(file)?.image(index.parse().expect("an index"))
}

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
