//! Where files beside a file are found: in its folder, or where a caller says.

use crate::bytes::{Bytes, FileBytes, Gathered};
use crate::error::{Error, Kind, Result};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens files that lie beside one.
pub trait Beside {
    /// The file whose name is that of the one with `suffix` behind it, such as `.ovr`; or, where `suffix` begins with
    /// `*`, with the rest in place of the extension, such as `*.tfw`. `None` where there is no such file.
    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>>;

    /// What that file is called in messages, where its place is known.
    fn name(&self, _suffix: &str) -> Option<String> {
        None
    }
}

/// The folder of a file.
pub struct Folder<'a>(pub &'a Path);

impl Folder<'_> {
    fn path(&self, suffix: &str) -> PathBuf {
        match suffix.strip_prefix("*.") {
            Some(extension) => self.0.with_extension(extension),
            None => {
                let mut name = self.0.as_os_str().to_owned();
                name.push(suffix);
                name.into()
            }
        }
    }

    /// The files that are there, of the two that GDAL finds.
    fn paths(&self, suffix: &str) -> impl Iterator<Item = PathBuf> {
        let paths = [self.path(suffix), self.path(&suffix.to_ascii_uppercase())];
        let is_there = |path: &PathBuf| path != self.0 && path.is_file();
        paths.into_iter().filter(is_there)
    }
}

impl Beside for Folder<'_> {
    fn name(&self, suffix: &str) -> Option<String> {
        let path = self.paths(suffix).next()?;
        Some(path.display().to_string())
    }

    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>> {
        for path in self.paths(suffix) {
            match FileBytes::open(&path) {
                Err(error) if error.kind() == Kind::NotFound => (),
                // One that must not be read is no reason to refuse the other.
                Err(error) if error.kind() == Kind::Io => return Err(Error::unsupported(error)),
                opened => return Ok(Some(Arc::new(opened?))),
            }
        }
        Ok(None)
    }
}

/// Files beside one, in whose bytes every read may be a journey.
pub struct Gathering<'a> {
    from: &'a dyn Beside,
    opened: RefCell<Vec<Arc<Gathered>>>,
}

impl<'a> Gathering<'a> {
    /// Files as another finds them.
    pub fn new(from: &'a dyn Beside) -> Self {
        let opened = RefCell::default();
        Self { from, opened }
    }

    /// The headers of all of them are read.
    pub fn settle(&self) {
        self.opened.borrow().iter().for_each(|bytes| bytes.settle());
    }
}

impl Beside for Gathering<'_> {
    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>> {
        let Some(bytes) = self.from.open(suffix)? else {
            return Ok(None);
        };
        let bytes = Arc::new(Gathered::new(bytes));
        self.opened.borrow_mut().push(bytes.clone());
        Ok(Some(bytes))
    }

    fn name(&self, suffix: &str) -> Option<String> {
        self.from.name(suffix)
    }
}
