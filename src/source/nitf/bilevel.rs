//! Blocks of one bit, compressed as facsimiles are: ITU-T T.4, in one dimension and in two.

use super::data::Data;
use crate::error::{Error, Result};
use crate::source::scratch::sized;
use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;
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
    decode(input, both, width as usize, output)
}

fn decode(input: &[u8], both: bool, width: usize, out: &mut [u8]) -> Result<()> {
    // The tables look ahead further than the last code.
    let padded = input.iter().copied().chain([0; 4]);
    let mut bits = match ByteReader::new(padded.map(Ok::<u8, Infallible>)) {
        Ok(bits) => bits,
        Err(never) => match never {},
    };
    let mut above = Vec::new();
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        let changes = decode_row(&mut bits, both, width as u32, &above)
            .map_err(|error| error.at(format!("row {y}")))?;
        draw(row, &changes);
        above = changes;
    }
    Ok(())
}

/// The places at which the next row changes its colour, which is white at first.
fn decode_row(
    bits: &mut impl BitReader,
    both: bool,
    width: u32,
    above: &[u32],
) -> Result<Vec<u32>> {
    end_of_line(bits)?;
    let of_runs = !both || take(bits)? == 1;
    let mut row = Row {
        at: 0,
        begun: false,
        black: false,
        width,
        changes: Vec::new(),
    };
    while row.at < width {
        if of_runs {
            row.run(bits)?;
            continue;
        }
        match mode::decode(bits) {
            Some(Mode::Pass) => {
                let (_, second) = row.changes_above(above);
                row.at = second;
                row.begun = true;
            }
            Some(Mode::Horizontal) => {
                row.run(bits)?;
                row.run(bits)?;
            }
            Some(Mode::Vertical(by)) => {
                let (first, _) = row.changes_above(above);
                let to = i64::from(first) + i64::from(by);
                row.change(u32::try_from(to).unwrap_or(u32::MAX))?;
            }
            _ => return Err(Error::corrupt("a code that no row has")),
        }
    }
    Ok(row.changes)
}

/// A row that is being decoded.
struct Row {
    /// The pixel from which on the row is not known yet.
    at: u32,
    /// A change at pixel 0 of the row above is behind.
    begun: bool,
    /// The colour there.
    black: bool,
    width: u32,
    changes: Vec<u32>,
}

impl Row {
    /// The colour changes at a place.
    fn change(&mut self, to: u32) -> Result<()> {
        if to < self.at || to > self.width {
            return Err(Error::corrupt(format!(
                "a change at pixel {to} behind pixel {} of {}",
                self.at, self.width
            )));
        }
        // Two changes at one place are none.
        match self.changes.last() {
            Some(last) if *last == to => drop(self.changes.pop()),
            _ if to < self.width => self.changes.push(to),
            _ => (),
        }
        self.at = to;
        self.begun = true;
        self.black = !self.black;
        Ok(())
    }

    /// A run of the present colour.
    fn run(&mut self, bits: &mut impl BitReader) -> Result<()> {
        let mut to = self.at;
        loop {
            let part = match self.black {
                true => black::decode(bits),
                false => white::decode(bits),
            };
            let part = part.ok_or_else(|| Error::corrupt(format!("no run at pixel {to}")))?;
            to = to.saturating_add(u32::from(part));
            // Longer runs are told in several parts, of which the last is a short one.
            if part < 64 || to > self.width {
                return self.change(to);
            }
        }
    }

    /// The first place beyond the present one where the row above changes to the other colour, and
    /// the change behind that.
    fn changes_above(&self, above: &[u32]) -> (u32, u32) {
        let mut from = above.partition_point(|change| self.begun && *change <= self.at);
        // Every other change is one to black.
        from += usize::from((from % 2 == 1) != self.black);
        let place = |index: usize| above.get(index).copied().unwrap_or(self.width);
        (place(from), place(from + 1))
    }
}

/// Goes behind the next end-of-line code, which may have zeros before it.
fn end_of_line(bits: &mut impl BitReader) -> Result<()> {
    let mut zeros = 0;
    while take(bits)? == 0 {
        zeros += 1;
    }
    if zeros < 11 {
        return Err(Error::corrupt("does not begin with an end-of-line code"));
    }
    Ok(())
}

fn take(bits: &mut impl BitReader) -> Result<u16> {
    let bit = bits.peek(1);
    match (bit, bits.consume(1)) {
        (Some(bit), Ok(())) => Ok(bit),
        _ => Err(Error::corrupt("ends too early")),
    }
}

fn draw(row: &mut [u8], changes: &[u32]) {
    row.fill(0);
    for run in changes.chunks(2) {
        let end = run.get(1).map_or(row.len(), |end| *end as usize);
        row[run[0] as usize..end].fill(1);
    }
}
