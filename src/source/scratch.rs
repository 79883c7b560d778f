//! Memory and codec states that a thread keeps between blocks, so that a steady state of blocks of
//! one size faults in no fresh pages.

use super::tiff::Codecs;
use crate::error::{Error, Kind, Result};
use std::cell::Cell;

/// A thread keeps no more than this of each buffer; larger ones go with their block.
const KEPT: usize = 32 << 20;

/// What decoding a block needs beside the pixels' own memory.
#[derive(Default)]
pub struct Scratch {
    /// Bytes as stored.
    pub input: Vec<u8>,
    /// Bytes after decompression.
    pub output: Vec<u8>,
    /// One row while a predictor is undone.
    pub row: Vec<u8>,
    /// The states of the codecs.
    pub codecs: Codecs,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Runs `work` with the thread's scratch memory.
///
/// The memory is taken out and not borrowed: a caller's byte source may decode another image
/// on this thread in the middle of `work`, and then gets scratch memory of its own.
pub fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    // A thread that is ending has no thread-local values any more.
    let kept = SCRATCH.try_with(Cell::take).ok().flatten();
    let mut scratch = kept.unwrap_or_default();
    let result = work(&mut scratch);
    for buffer in [&mut scratch.input, &mut scratch.output, &mut scratch.row] {
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
    }
    let _ended = SCRATCH.try_with(|cell| cell.set(Some(scratch)));
    result
}

/// The first `len` bytes of a buffer, grown if need be; what they hold is left over from before.
pub fn sized(buffer: &mut Vec<u8>, len: u64) -> Result<&mut [u8]> {
    let len = in_memory(len)?;
    if buffer.len() < len {
        reserve(buffer, len - buffer.len())?;
        buffer.resize(len, 0);
    }
    Ok(&mut buffer[..len])
}

/// So many zeros, as a file says that there are bytes.
pub fn zeroed(len: u64) -> Result<Vec<u8>> {
    let len = in_memory(len)?;
    let mut buffer = Vec::new();
    reserve(&mut buffer, len)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

/// Makes room for more; an error where there is no memory, which Rust's own growing would end the
/// process for.
pub fn reserve<T>(buffer: &mut Vec<T>, more: usize) -> Result<()> {
    buffer
        .try_reserve_exact(more)
        .map_err(|_| refused(more.saturating_mul(size_of::<T>()) as u64))
}

fn in_memory(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| refused(len))
}

fn refused(len: u64) -> Error {
    Error::new(Kind::NoMemory, format!("cannot allocate {len} bytes"))
}
