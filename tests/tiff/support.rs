//! The files that the tests read, and the ways to read them.

pub use super::blocks::*;
use super::gdal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::bytes::FileBytes;
use tilecache::error::Result;
use tilecache::image::Image;
use tilecache::source::tiff::{TiffDecoder, TiffFile};

impl Described for TiffDecoder {
    fn image(&self) -> &Image {
        TiffDecoder::image(self)
    }
}

/// The files, made once by the script beside this test.
pub fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/tiff/make.py"))
}

pub fn manifest() -> Vec<Vec<String>> {
    gdal::manifest(made())
}

pub fn open(path: &Path) -> Result<TiffFile> {
    TiffFile::open(Arc::new(FileBytes::open(path)?))
}
