//! The files that the tests read, and the ways to read them.

pub use super::blocks::*;
use super::gdal;
pub use super::gdal::worst_difference;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::bytes::FileBytes;
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
    DIR.get_or_init(|| gdal::make("tests/nitf/make.py"))
}

/// The lines of the manifest that are about `what`: the file and the words behind.
pub fn manifest(what: &str) -> Vec<(String, Vec<String>)> {
    let of_kind =
        |mut line: Vec<String>| (line.get(1)? == what).then(|| (line.remove(0), line.split_off(1)));
    let lines: Vec<_> = gdal::manifest(made())
        .into_iter()
        .filter_map(of_kind)
        .collect();
    assert!(!lines.is_empty(), "nothing of {what} in the manifest");
    lines
}

pub fn open(file: &str) -> Result<NitfFile> {
    NitfFile::open(Arc::new(FileBytes::open(made().join(file))?))
}

pub fn image(file: &str, index: &str) -> Result<NitfDecoder> {
    open(file)?.image(index.parse().expect("an index"))
}
