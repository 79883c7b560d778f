//! The image data mask table: which blocks are stored, and what a pixel without data looks like.

use super::data::Data;
use super::plan::Plan;
use crate::error::{Error, Result};
use crate::source::scratch::zeroed;

/// The entry of a block that is not stored.
const ABSENT: u32 = u32::MAX;

/// What stands before the blocks of a masked image.
#[derive(Debug, Default)]
pub struct Mask {
    /// Where the blocks begin.
    pub data_at: u64,
    /// Where each block is, counted from there; `None` where all are stored in their order.
    pub offsets: Option<Vec<u32>>,
    /// Whether a block is absent.
    pub sparse: bool,
    /// The value of a pixel without data, and how many bits it has.
    pub pad: Option<(u64, u32)>,
}

impl Mask {
    /// Reads the table; `left` says that a pad value stands in the high bits of its bytes.
    pub fn read(data: &Data, plan: &Plan, left: bool) -> Result<Self> {
        let mut fixed = [0; 10];
        data.read(0, &mut fixed)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let data_at = u64::from(u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]));
        let mut records = [false; 2];
        for (record, (name, len)) in
            (records.iter_mut()).zip([("BMRLNTH", word(4)), ("TMRLNTH", word(6))])
        {
            *record = match len {
                0 => false,
                4 => true,
                other => return Err(Error::corrupt(format!("field {name} is {other}"))),
            };
        }
        let bits = u32::from(word(8));
        if bits > 64 {
            return Err(Error::corrupt(format!("field TPXCDLNTH is {bits}")));
        }
        let code_len = bits.div_ceil(8) as usize;
        let mut code = [0; 8];
        data.read(10, &mut code[8 - code_len..])?;
        let code = u64::from_be_bytes(code);
        let spare = code_len as u32 * 8 - bits;

        let count = plan.mask_count();
        let table_at = 10 + code_len as u64;
        let tables = records.iter().filter(|record| **record).count() as u64;
        let end = table_at + tables * count * 4;
        if data_at < end || data_at > data.size() {
            return Err(Error::corrupt(format!(
                "field IMDATOFF is {data_at}, the mask table has {end} bytes and the segment {}",
                data.size()
            )));
        }
        let offsets = match records[0] {
            true => Some(table(data, table_at, count)?),
            false => None,
        };
        let sparse = offsets
            .as_ref()
            .is_some_and(|offsets: &Vec<u32>| offsets.contains(&ABSENT));
        Ok(Self {
            data_at,
            sparse,
            offsets,
            pad: (bits > 0).then_some((if left { code >> spare } else { code }, bits)),
        })
    }

    /// Where an entry's block begins, counted from the beginning of the data; `None` if it is not
    /// stored. Without a table blocks of `len` bytes follow each other.
    pub fn start(&self, entry: u64, len: u64) -> Option<u64> {
        let offset = match &self.offsets {
            None => entry * len,
            Some(offsets) => match offsets[entry as usize] {
                ABSENT => return None,
                offset => u64::from(offset),
            },
        };
        Some(self.data_at + offset)
    }

    /// All places where a block begins, in the order of the file.
    pub fn starts(&self) -> Option<Vec<u64>> {
        let offsets = self.offsets.as_ref()?.iter();
        let stored = offsets.filter(|offset| **offset != ABSENT);
        let mut starts: Vec<u64> = stored
            .map(|offset| self.data_at + u64::from(*offset))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        Some(starts)
    }
}

fn table(data: &Data, at: u64, count: u64) -> Result<Vec<u32>> {
    let mut bytes = zeroed(count * 4)?;
    data.read(at, &mut bytes)?;
    let words = bytes.as_chunks::<4>().0;
    Ok(words.iter().map(|word| u32::from_be_bytes(*word)).collect())
}
