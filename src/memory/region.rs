//! Where a cache cuts the memory of its tiles from: huge pages. The processor knows where few pages lie, which are 8 MiB
//! or less in small ones; beyond them it looks each up in a table, which in a virtual machine has made writing to a
//! cache of 64 MiB thirty times as slow.

use super::{HUGE, MAP_FROM, MAPPED, Memory, system};
use crate::sync::Mutex;
use std::ptr::NonNull;

/// Address space is taken by so much: tiles lie across the bounds of huge pages, and what is too small for another at the
/// end of a region is little of it.
const SIZE: usize = 32 << 20;

/// Larger memory is mapped for itself, with less of it in small pages than what would be left here.
const CUT_UP_TO: usize = SIZE / 4;

/// For less memory in all, the rest of a huge page would be too much beside it.
pub const FROM_BUDGET: u64 = 16 * system::HUGE_PAGE as u64;

/// Address space that memory is cut off from, piece by piece. Each goes back to the system alone.
#[derive(Default)]
pub struct Region(Mutex<Rest>);

impl Region {
    /// Zeroed memory of at least `len` bytes; `None` where a mapping of its own is better, or the system has no more.
    pub fn cut(&self, len: usize) -> Option<Memory> {
        let size = Memory::allocated_size(len);
        if !(MAP_FROM..=CUT_UP_TO).contains(&size) {
            return None;
        }
        let start = {
            let mut rest = self.0.lock();
            if rest.len < size {
                *rest = Rest::map()?;
            }
            rest.cut(size)
        };
        system::fill(start, size);
        Some(Memory {
            start,
            size: size | MAPPED | HUGE,
        })
    }
}

/// What is left of the address space.
struct Rest {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: nobody else uses the address space.
unsafe impl Send for Rest {}

impl Rest {
    fn map() -> Option<Self> {
        Some(Self {
            start: system::map_huge(SIZE)?,
            len: SIZE,
        })
    }

    /// # Panics
    /// If so much is not left.
    fn cut(&mut self, size: usize) -> NonNull<u8> {
        self.len = self.len.checked_sub(size).expect("a rest as large");
        let cut = self.start;
        // SAFETY: so much was left behind the start.
        self.start = unsafe { cut.add(size) };
        cut
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            start: NonNull::dangling(),
            len: 0,
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: mapped in `map`, and cut off for nobody.
            unsafe { system::unmap(self.start, self.len, true) };
        }
    }
}
