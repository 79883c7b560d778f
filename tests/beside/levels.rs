//! Files beside bytes of a caller's, through the C face's trait: what is asked for, how often, and what fails.

use super::support::*;
use std::cell::RefCell;
use std::sync::Arc;
use tilecache::bytes::{Bytes, FileBytes, MemoryBytes};
use tilecache::error::{Error, Kind, Result};
use tilecache::image::{Image, SharedWork};
use tilecache::provider::Provider;
use tilecache::source::beside::Beside;
use tilecache::source::file::{self, Choice};

/// The files beside one of those that were made, and for what was asked.
struct Made {
    name: &'static str,
    asked: RefCell<Vec<String>>,
    fails: Option<&'static str>,
}

impl Made {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            asked: RefCell::default(),
            fails: None,
        }
    }

    fn open(&self) -> Result<Arc<dyn Provider>> {
        let bytes = Arc::new(MemoryBytes::new(expected(self.name)));
        let choice = Choice {
            name: Some(self.name),
            beside: Some(self),
            ..Choice::default()
        };
        file::open_bytes(bytes, &choice)
    }
}

impl Beside for Made {
    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>> {
        self.asked.borrow_mut().push(suffix.to_owned());
        if self.fails == Some(suffix) {
            return Err(Error::from_source(5, "the wire is cut"));
        }
        match FileBytes::open(made().join(format!("{}{suffix}", self.name))) {
            Ok(bytes) => Ok(Some(Arc::new(bytes))),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[test]
fn bytes_have_the_files_that_their_caller_opens() {
    for name in [
        "masks.png",
        "described.jpg",
        "overviews.jp2",
        "masks.ntf",
        "described.tif",
    ] {
        let made = Made::new(name);
        let provider = made.open().expect("an image");
        let by_path = open(name);
        // Reads cost more through a caller, which is all that may tell them apart.
        let of = |provider: &dyn Provider| {
            let image = provider.image().clone();
            let shared_work = match image.shared_work {
                SharedWork::Rows { .. } => SharedWork::Rows { read: 0 },
                other => other,
            };
            Image {
                plain: false,
                spread: false,
                shared_work,
                ..image
            }
        };
        assert_eq!(of(&*provider), of(&*by_path), "{name}");
        for level in 0..provider.image().levels.len() as u32 {
            assert_eq!(is_missing(&*provider, level), is_missing(&*by_path, level));
            if !is_missing(&*by_path, level) {
                assert!(
                    read(&*provider, level) == read(&*by_path, level),
                    "{name} {level}"
                );
            }
        }
        let (mask, of_path) = (provider.mask(), by_path.mask());
        assert_eq!(mask.is_some(), of_path.is_some(), "{name}");
        if let (Some(mask), Some(of_path)) = (mask, of_path) {
            assert!(read(&*mask, 0) == read(&*of_path, 0), "{name}");
        }
    }
}

#[test]
fn each_file_is_asked_for_once_and_only_at_need() {
    let asked = |name| {
        let made = Made::new(name);
        made.open().expect("an image");
        made.asked.into_inner()
    };
    let gdal = [".ovr", ".msk", ".msk.ovr", ".aux.xml"].as_slice();
    let of_png = ["*.pgw", "*.pngw", "*.wld"].as_slice();
    assert_eq!(asked("masks.png"), [gdal, of_png].concat());
    let gdal = [".ovr", ".msk", ".aux.xml"].as_slice();
    let of_jpeg = ["*.jgw", "*.jpgw", "*.wld"].as_slice();
    assert_eq!(asked("overviews.jpg"), [gdal, of_jpeg].concat());
    let of_tiff = ["*.tfw", "*.tifw", "*.wld"].as_slice();
    assert_eq!(asked("values.tif"), [gdal, of_tiff].concat());
    let reductions = [".r1", "*.r1", ".hr1", "*.hr1"];
    assert_eq!(asked("mask.ntf")[..4], reductions);
    // A TIFF with overviews of its own.
    assert_eq!(asked("both.tif"), [&gdal[1..], of_tiff].concat());
}

#[test]
fn what_cannot_be_found_out_fails_the_opening() {
    for suffix in [".ovr", ".msk", ".msk.ovr", ".aux.xml"] {
        let made = Made {
            fails: Some(suffix),
            ..Made::new("masks.png")
        };
        let error = made.open().err().expect("an error");
        assert_eq!((error.kind(), error.source_code()), (Kind::Source, 5));
        assert!(error.message().contains(suffix), "{error}");
    }
}
