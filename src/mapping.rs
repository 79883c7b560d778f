//! Files in memory: pages of a file that its user says nobody changes meanwhile.

use crate::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io::{Error, Result};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::{NonNull, null_mut};

/// Pages are brought in by pieces of so many bytes.
const PIECE: usize = 2 << 20;

/// A whole file, readable as memory until the last owner is gone.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    /// The pieces that were brought in: a bit for each.
    brought: Box<[AtomicU64]>,
}

// SAFETY: the pages are only read, and belong to this value alone.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// All bytes of an open file, `len` of them. The file may be closed afterwards.
    ///
    /// Whoever asks for this answers for the file: that its bytes stay what they are, and that it does not become
    /// shorter, which would end the process by SIGBUS at the next look at what is gone.
    pub fn of(file: &File, len: u64) -> Result<Self> {
        let size = usize::try_from(len).map_err(|_| Error::from_raw_os_error(libc::EOVERFLOW))?;
        // SAFETY: a new mapping at an address of the system's choice touches nothing else.
        let start = unsafe {
            libc::mmap(
                null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(Error::last_os_error)?;
        let words = size.div_ceil(PIECE).div_ceil(64);
        Ok(Self {
            start,
            len: size,
            brought: (0..words).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the pages stay mapped as long as this is borrowed, and whoever had the file mapped promised that
        // its bytes stay.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Hears that a range is about to be read: its pages are brought
    /// in at once, which takes much less than a fault for each. Of pages that were, nobody asks the system again.
    pub fn bring(&self, range: Range<usize>) {
        let end = range.end.min(self.len);
        let pieces = range.start / PIECE..end.div_ceil(PIECE);
        for piece in pieces {
            let bit = 1 << (piece % 64);
            if self.brought[piece / 64].load(Ordering::Relaxed) & bit == 0
                && self.brought[piece / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0
            {
                self.populate(piece);
            }
        }
    }

    /// Has the system enter all pages of a piece. Where it cannot, each comes with the first look at it.
    fn populate(&self, piece: usize) {
        #[cfg(target_os = "linux")]
        // SAFETY: the range lies inside the mapping, which is only looked at.
        unsafe {
            let at = piece * PIECE;
            let start = self.start.as_ptr().add(at);
            libc::madvise(
                start.cast(),
                PIECE.min(self.len - at),
                libc::MADV_POPULATE_READ,
            );
        }
        #[cfg(not(target_os = "linux"))]
        let _ = piece;
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made in `of`, which nobody reads any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
