//! Blocks without compression: of these alone a part costs less than the whole.

use super::decoder::{TiffDecoder, Wanted};
use crate::error::{Error, Result};
use crate::memory::Beside;
use crate::source::scratch::{Scratch, sized};

/// Rows are read at once up to so many times what a read costs: of a file, what is still in the
/// processor's cache when it is converted.
const CHUNK: u64 = 32;

/// Delivers part of an uncompressed block into places beside each other, and reads no more of it than it must, once.
pub(super) fn read(
    decoder: &TiffDecoder,
    wanted: &Wanted<'_>,
    scratch: &mut Scratch,
    into: &mut [Beside<'_>],
) -> Result<()> {
    let Wanted {
        rows, part, plane, ..
    } = *wanted;
    let row_bytes = decoder.plan.row_bytes(plane);
    let start = start(decoder, wanted)?;
    let end = row_bytes * part.bottom();
    if rows.is_native()
        && !decoder.plan.low_bits_first
        && let Some(mapping) = decoder.reader.bytes.mapping()
    {
        // Of a file that has become shorter the end is not there.
        decoder.reader.bytes.check_unchanged()?;
        let stored = mapping
            .bytes()
            .get(start as usize..(wanted.stored.offset + end) as usize);
        let stored = stored.ok_or_else(|| Error::internal("a block outside of its file"))?;
        for (y, row) in stored.chunks_exact(row_bytes as usize).enumerate() {
            store(wanted, row, part.x as usize, y, into);
        }
        return Ok(());
    }
    let cost = decoder.reader.bytes.read_cost();
    let chunk_bytes = CHUNK * cost;
    // Where pixels are whole bytes, a row can be read in part.
    let cut = decoder
        .plan
        .pixel_bytes(plane)
        .map(|pixel| (part.x * pixel, part.width * pixel))
        .filter(|(_, len)| row_bytes - len > cost);
    let (skipped, len) = cut.unwrap_or((0, row_bytes));
    let first = if cut.is_some() { 0 } else { part.x as usize };
    let at_once = match cut {
        Some(_) => 1,
        None => (chunk_bytes / row_bytes).clamp(1, part.height),
    };
    let Scratch {
        input, row: spare, ..
    } = scratch;

    let unpacked = rows.is_one_band() && wanted.picks.len() == 1 && !decoder.plan.low_bits_first;
    let exact = cut.is_some() || part.width == decoder.plan.block.0;
    if let [Beside { pixels: into, .. }] = into
        && into.layout().shape.width as u64 == part.width
        && unpacked
        && exact
    {
        if cut.is_none()
            && let Some(pixels) = into.band_bytes_mut(0)
        {
            decoder.reader.bytes.read_at(start, pixels)?;
            for row in pixels.chunks_exact_mut(row_bytes as usize) {
                rows.restore(row, spare);
            }
            return Ok(());
        }
        if cut.is_some() || row_bytes >= chunk_bytes {
            for y in 0..part.height {
                let row = into.row_mut(0, y as usize);
                let at = start + y * row_bytes + skipped;
                decoder.reader.bytes.read_at(at, row)?;
                rows.restore(row, spare);
            }
            return Ok(());
        }
    }

    let mut y = 0;
    while y < part.height {
        let count = at_once.min(part.height - y);
        let chunk = sized(input, count * len)?;
        let at = start + y * row_bytes + skipped;
        decoder.reader.bytes.read_at(at, chunk)?;
        decoder.turn_bits(chunk);
        for (i, row) in chunk.chunks_exact_mut(len as usize).enumerate() {
            rows.restore(row, spare);
            store(wanted, row, first, y as usize + i, into);
        }
        y += count;
    }
    Ok(())
}

/// Where the first row lies that is wanted of a block. An error if the block is not stored as far as that goes.
pub(super) fn start(decoder: &TiffDecoder, wanted: &Wanted<'_>) -> Result<u64> {
    let row_bytes = decoder.plan.row_bytes(wanted.plane);
    let end = row_bytes * wanted.part.bottom();
    if end > wanted.stored.len {
        return Err(Error::corrupt(format!(
            "{} bytes are stored where {end} belong",
            wanted.stored.len
        )));
    }
    Ok(wanted.stored.offset + row_bytes * wanted.part.y)
}

/// Stores a row, of which what is wanted begins at a pixel.
fn store(wanted: &Wanted<'_>, row: &[u8], first: usize, y: usize, into: &mut [Beside<'_>]) {
    let are_several = into.len() > 1;
    for Beside { x, pixels } in into {
        if are_several {
            pixels.expect_rows_after(y);
        }
        let mut out = pixels.rows_mut(y);
        wanted.rows.store(row, first + *x, wanted.picks, &mut out);
    }
}
