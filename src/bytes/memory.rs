//! Bytes that are in memory already.

use super::Bytes;
use crate::error::{Error, Result};
use std::sync::Arc;

/// A file that is a piece of memory.
#[derive(Clone, Debug)]
pub struct MemoryBytes(Arc<Vec<u8>>);

impl MemoryBytes {
    /// The given bytes as a file.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(bytes.into()))
    }

    /// The given bytes as a file, without a copy.
    pub fn shared(bytes: Arc<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl Bytes for MemoryBytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let wanted = usize::try_from(offset)
            .ok()
            .and_then(|start| Some(start..start.checked_add(into.len())?))
            .and_then(|range| self.0.get(range));
        let Some(wanted) = wanted else {
            return Err(Error::corrupt(format!(
                "{} bytes at offset {offset} reach beyond the end at {}",
                into.len(),
                self.0.len()
            )));
        };
        into.copy_from_slice(wanted);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        None
    }
}
