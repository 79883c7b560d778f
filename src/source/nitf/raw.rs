//! Blocks without compression: of these alone a part costs less than the whole.

use super::data::Data;
use super::plan::{Mode, Plan};
use crate::bytes::Bytes;
use crate::error::Result;
use crate::geometry::Rect;
use crate::memory::PixelsMut;
use crate::source::samples::{bit_field, extend, split, turn, widen};
use crate::source::scratch::sized;

/// Rows are read at once up to so many times what a read costs: of a file, what is still in the
/// processor's cache when it is converted.
const CHUNK: u64 = 32;

/// Where the samples of a block lie: all distances are in bits, and rows follow each other without
/// regard to bytes.
struct Rows {
    /// From row to row.
    row: u64,
    /// From pixel to pixel.
    pixel: u64,
    /// From band to band.
    band: u64,
}

impl Rows {
    fn new(plan: &Plan) -> Self {
        let (bits, width) = (u64::from(plan.bits), plan.block.0);
        match plan.mode {
            Mode::Block | Mode::Sequential => Self {
                row: width * bits,
                pixel: bits,
                band: 0,
            },
            Mode::Pixel => Self {
                row: width * bits * plan.bands,
                pixel: bits * plan.bands,
                band: bits,
            },
            Mode::Row => Self {
                row: width * bits * plan.bands,
                pixel: bits,
                band: width * bits,
            },
        }
    }
}

/// Delivers part of the block at `start`: band `picks[i]` of those that lie together there to band
/// `i` of `into`. Reads no more of the block than it must.
pub fn read(
    data: &Data,
    plan: &Plan,
    start: u64,
    part: &Rect,
    picks: &[usize],
    input: &mut Vec<u8>,
    into: &mut PixelsMut<'_>,
) -> Result<()> {
    let (Some(low), Some(high)) = (picks.iter().min(), picks.iter().max()) else {
        return Ok(());
    };
    let rows = Rows::new(plan);
    let cost = data.read_cost();
    let apart = plan.mode == Mode::Row && rows.band / 8 > cost && picks.len() * 2 < high - low + 1;
    if apart {
        // A few bands of many: what lies between them is more than they are.
        for (i, pick) in picks.iter().enumerate() {
            read(
                data,
                plan,
                start,
                part,
                &[*pick],
                input,
                &mut into.band_mut(i),
            )?;
        }
        return Ok(());
    }
    let bits = u64::from(plan.bits);
    let first = *low as u64 * rows.band + part.x * rows.pixel;
    let behind = *high as u64 * rows.band + (part.right() - 1) * rows.pixel + bits;
    let wanted = behind - first;
    let singly = (rows.row - wanted) / 8 > cost;
    let at_once = match singly {
        true => 1,
        false => (CHUNK * cost * 8 / rows.row).clamp(1, part.height),
    };
    // Whether samples are those of the memory, but for the order of their bytes.
    let whole = bits as usize == plan.dtype.size() * 8;
    if whole && picks.len() == 1 && rows.pixel == bits {
        if wanted == rows.row
            && let Some(pixels) = into.band_bytes_mut(0)
        {
            data.read(start + (part.y * rows.row + first) / 8, pixels)?;
            to_native(plan, pixels);
            return Ok(());
        }
        if at_once == 1 {
            for y in 0..part.height {
                let row = into.row_mut(0, y as usize);
                data.read(start + ((part.y + y) * rows.row + first) / 8, row)?;
                to_native(plan, row);
            }
            return Ok(());
        }
    }
    let mut y = 0;
    while y < part.height {
        let count = at_once.min(part.height - y);
        let from = ((part.y + y) * rows.row + first) / 8;
        let to = ((part.y + y + count - 1) * rows.row + behind).div_ceil(8);
        data.check(start + from, to - from)?;
        let chunk = match data.in_memory(start + from, to - from) {
            Some(chunk) => chunk,
            None => {
                let chunk = sized(input, to - from)?;
                data.read(start + from, chunk)?;
                chunk
            }
        };
        for i in 0..count {
            let at = ((part.y + y + i) * rows.row + first - from * 8) as usize;
            let mut out = into.rows_mut((y + i) as usize);
            if whole && rows.band == bits {
                let picks: Vec<usize> = picks.iter().map(|pick| pick - low).collect();
                let bands = plan.bands as usize;
                split(&chunk[at / 8..], plan.dtype.size(), bands, &picks, &mut out);
            }
            for (pick, out) in picks.iter().zip(&mut out) {
                let at = at + (pick - low) * rows.band as usize;
                if whole && rows.band != bits {
                    let len = out.len();
                    out.copy_from_slice(&chunk[at / 8..][..len]);
                }
                if whole {
                    to_native(plan, out);
                    continue;
                }
                let places = (at..).step_by(rows.pixel as usize);
                let sample = |at| extend(bit_field(chunk, at, plan.bits), plan.bits, plan.signed);
                widen(places.map(sample), plan.dtype.size(), out);
            }
        }
        y += count;
    }
    Ok(())
}

/// All bands of a whole block in one piece, where the file and the memory hold them alike.
pub fn read_whole(data: &Data, plan: &Plan, start: u64, pixels: &mut [u8]) -> Result<()> {
    data.read(start, pixels)?;
    to_native(plan, pixels);
    Ok(())
}

/// Whether the samples of the file are those of the memory.
pub fn is_native(plan: &Plan) -> bool {
    let bytes = plan.dtype.part().size();
    plan.bits as usize == plan.dtype.size() * 8 && (bytes == 1 || cfg!(target_endian = "big"))
}

/// The file has the highest byte first.
fn to_native(plan: &Plan, samples: &mut [u8]) {
    if cfg!(target_endian = "little") {
        turn(samples, plan.dtype.part().size());
    }
}
