//! Pixels of one bit, compressed as facsimiles are: ITU-T T.4 (group 3), in one dimension and in two, and
//! T.6 (group 4).
//!
//! A row is a list of the places at which its colour changes, so that decoding takes memory for the row above
//! alone, however large a block says that it is.

use crate::error::{Error, Result};
use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;

/// How rows are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// By runs, from the next whole byte on.
    Runs,
    /// As T.4 does: behind end-of-line codes, which some writers leave out. With `both`, a bit behind each
    /// code says whether the row is told by runs or by the row above.
    Group3 { both: bool },
    /// As T.6 does: by the row above, with nothing between the rows.
    Group4,
}

/// Decodes `rows` rows, and has each drawn by its number and the places of its changes, see [`draw`].
pub fn decode(
    input: &[u8],
    coding: Coding,
    width: u32,
    rows: u64,
    mut draw: impl FnMut(u64, &[u32]),
) -> Result<()> {
    // The tables look ahead further than the last code.
    let padded = input.iter().copied().chain([0; 4]);
    let mut bits = match ByteReader::new(padded.map(Ok::<u8, Infallible>)) {
        Ok(bits) => bits,
        Err(never) => match never {},
    };
    let mut above = Vec::new();
    for y in 0..rows {
        let changes = decode_row(&mut bits, coding, width, &above)
            .map_err(|error| error.at(format!("row {y}")))?;
        draw(y, &changes);
        above = changes;
    }
    Ok(())
}

/// Draws the part of a row from pixel `first` on, a byte for each pixel: 0 is white, 1 black.
pub fn draw(row: &mut [u8], first: usize, changes: &[u32]) {
    row.fill(0);
    let len = row.len();
    let place = |change: u32| (change as usize).saturating_sub(first).min(len);
    for run in changes.chunks(2) {
        let end = run.get(1).map_or(len, |end| place(*end));
        row[place(run[0])..end].fill(1);
    }
}

/// The places at which the next row changes its colour, which is white at first.
fn decode_row(
    bits: &mut impl BitReader,
    coding: Coding,
    width: u32,
    above: &[u32],
) -> Result<Vec<u32>> {
    let of_runs = match coding {
        Coding::Runs => {
            let rest = bits.bits_to_byte_boundary();
            consume(bits, rest)?;
            true
        }
        Coding::Group3 { both } => {
            end_of_line(bits)?;
            !both || take(bits)? == 1
        }
        Coding::Group4 => false,
    };
    let mut row = Row {
        at: 0,
        black: false,
        width,
        changes: Vec::new(),
        above,
        next: 0,
    };
    while row.at < width {
        if of_runs {
            row.run(bits)?;
            continue;
        }
        match mode::decode(bits) {
            Some(Mode::Pass) => {
                row.find_above();
                row.at = row.change_above(row.next + 1);
                row.next += 2;
            }
            Some(Mode::Horizontal) => {
                row.run(bits)?;
                row.run(bits)?;
            }
            Some(Mode::Vertical(by)) => {
                row.find_above();
                let to = i64::from(row.change_above(row.next)) + i64::from(by);
                row.change(u32::try_from(to).unwrap_or(u32::MAX))?;
                // One that lies further left may be followed by what lies before the change above.
                row.next += if by < 0 { -1 } else { 1 };
            }
            Some(Mode::Extension) => {
                return Err(Error::unsupported("an extension of the facsimile codes"));
            }
            _ => return Err(Error::corrupt("a code that no row has, or too few rows")),
        }
    }
    Ok(row.changes)
}

/// A row that is being decoded.
///
/// Some encoders tell of runs without pixels, and count them in the row above too. So they stay among the changes, and
/// the changes above are counted as libtiff does.
struct Row<'a> {
    /// The pixel from which on the row is not known yet.
    at: u32,
    /// The colour there.
    black: bool,
    width: u32,
    changes: Vec<u32>,
    /// The changes of the row above.
    above: &'a [u32],
    /// The one of them that the next code speaks of, or -1 for the beginning of the row.
    next: isize,
}

impl Row<'_> {
    /// The colour changes at a place.
    fn change(&mut self, to: u32) -> Result<()> {
        if to < self.at || to > self.width {
            return Err(Error::corrupt(format!(
                "a change at pixel {to} behind pixel {} of {}",
                self.at, self.width
            )));
        }
        // libtiff has room for as many.
        if self.changes.len() as u64 >= 2 * u64::from(self.width) + 64 {
            return Err(Error::corrupt(format!(
                "more than {} runs in a row of {} pixels",
                self.changes.len(),
                self.width
            )));
        }
        if to < self.width {
            self.changes.push(to);
        }
        self.at = to;
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

    /// Goes on to the first change above that is beyond the present place and to the other colour. Before the first
    /// change of the row, one at pixel 0 counts.
    fn find_above(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        while (self.change_above(self.next) <= self.at) && self.change_above(self.next) < self.width
        {
            self.next += 2;
        }
    }

    /// The place of a change of the row above, which ends with its last.
    fn change_above(&self, index: isize) -> u32 {
        match usize::try_from(index) {
            Ok(index) => self.above.get(index).copied().unwrap_or(self.width),
            Err(_) => 0,
        }
    }
}

/// Goes behind the end-of-line code, if one follows; it may have zeros before it, and no run begins like it.
fn end_of_line(bits: &mut impl BitReader) -> Result<()> {
    if bits.peek(11) == Some(0) {
        while take(bits)? == 0 {}
    }
    Ok(())
}

fn take(bits: &mut impl BitReader) -> Result<u16> {
    let bit = bits.peek(1).unwrap_or_default();
    consume(bits, 1)?;
    Ok(bit)
}

fn consume(bits: &mut impl BitReader, count: u8) -> Result<()> {
    match (bits.peek(count), bits.consume(count)) {
        (Some(_), Ok(())) => Ok(()),
        _ => Err(Error::corrupt("ends too early")),
    }
}
