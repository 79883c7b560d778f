//! Blocks of one bit, compressed as facsimiles are.

use super::data::Data;
use crate::error::{Error, Result};
use crate::source::fax::{self, Coding};
use crate::source::scratch::sized;
use std::ops::Range;

/// The most pixels that a byte stands for. A row of two dimensions may be a few bits, but at least
/// every fourth is one of runs, of which twelve bits make at most 2560 pixels.
const MOST_PER_BYTE: u64 = 8192;

/// Decodes a block from a range of the data, a byte for each pixel: 0 is white, 1 black. `both` says
/// that rows may be told by the row above.
pub fn read(
    data: &Data,
    block: (u64, u64),
    both: bool,
    stream: Range<u64>,
    input: &mut Vec<u8>,
    output: &mut Vec<u8>,
) -> Result<()> {
    let (width, rows) = block;
    // No row is much longer than its pixels; what lies behind belongs to nothing.
    let len = (stream.end - stream.start).min(width * rows * 2 + (1 << 20));
    if width * rows / MOST_PER_BYTE > len {
        return Err(Error::corrupt(format!(
            "{len} compressed bytes cannot hold a block of {width} x {rows} pixels"
        )));
    }
    data.check(stream.start, len)?;
    let input = sized(input, len)?;
    data.read(stream.start, input)?;
    let output = sized(output, width * rows)?;
    let width = width as usize;
    let coding = Coding::Group3 { both };
    fax::decode(input, coding, width as u32, rows, |y, changes| {
        let start = y as usize * width;
        fax::draw(&mut output[start..start + width], 0, changes);
    })
}
