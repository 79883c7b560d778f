//! A file of the system that is read as memory, because whoever opens it says that it does not change.

use super::{Bytes, FileBytes};
use crate::error::Result;
use crate::mapping::Mapping;
use std::sync::Arc;

/// A file, and all of it in memory.
#[derive(Debug)]
pub struct MappedBytes {
    file: FileBytes,
    mapping: Arc<Mapping>,
}

impl MappedBytes {
    /// Maps a file; one that the system cannot map is read instead.
    pub fn of(file: FileBytes) -> Arc<dyn Bytes> {
        match file.map() {
            Ok(mapping) => Arc::new(Self {
                mapping: Arc::new(mapping),
                file,
            }),
            Err(_) => Arc::new(file),
        }
    }
}

impl Bytes for MappedBytes {
    fn len(&self) -> u64 {
        self.file.len()
    }

    /// By the system, for which a file that has become shorter is an error and no signal.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file.read_at(offset, into)
    }

    fn mapping(&self) -> Option<&Arc<Mapping>> {
        Some(&self.mapping)
    }

    fn identity(&self) -> Option<String> {
        self.file.identity()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }
}
