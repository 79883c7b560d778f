//! The marker segments of a header that say how tiles are coded.

use super::coding::{COC, COD};
use super::header::{POC, PPT, QCC, QCD, RGN};
use super::reader::Fields;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// A header may have so many bytes of them; more are refused.
const MOST_BYTES: usize = 64 << 20;

/// Those that hold: of several that speak of the same, the last. So their bytes follow from the components, and not from how
/// often a file says the same, for each tile takes those of the main header along.
#[derive(Default)]
pub struct Segments {
    /// By marker and by what they speak of: what is said of all components comes before what is said of one.
    kept: BTreeMap<(u16, usize), Kept>,
    bytes: usize,
}

struct Kept {
    /// Where in the file its marker lies.
    at: u64,
    segment: Vec<u8>,
}

impl Segments {
    /// Keeps a segment, behind its length, whose marker lies at `at` in a file of so many components.
    pub fn keep(&mut self, marker: u16, at: u64, segment: &[u8], components: usize) -> Result<()> {
        let mut fields = Fields(segment);
        let subject = match marker {
            COC | QCC | RGN if components <= 256 => fields.u8()?.into(),
            COC | QCC | RGN => fields.u16()?.into(),
            // Each of these goes on where the one before ends.
            POC | PPT => self.kept.len(),
            _ => 0,
        };
        let segment = segment.to_vec();
        self.bytes += segment.len() + 4;
        let before = self.kept.insert((marker, subject), Kept { at, segment });
        self.bytes -= before.map_or(0, |before| before.segment.len() + 4);
        match self.bytes <= MOST_BYTES {
            true => Ok(()),
            false => Err(Error::limit(format!("more than {MOST_BYTES} bytes"))),
        }
    }

    /// COD, COC and QCD: marker, place and what stands behind the length.
    pub fn of_coding(&self) -> impl Iterator<Item = (u16, u64, &[u8])> {
        let kept = self.kept.range((COD, 0)..=(QCD, usize::MAX));
        kept.map(|((marker, _), kept)| (*marker, kept.at, &kept.segment[..]))
    }

    /// Whether there are any of these.
    pub fn change_coding(&self) -> bool {
        self.of_coding().next().is_some()
    }

    /// All of them, as in a file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes);
        for ((marker, _), Kept { segment, .. }) in &self.kept {
            bytes.extend(marker.to_be_bytes());
            bytes.extend((segment.len() as u16 + 2).to_be_bytes());
            bytes.extend(segment);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_kept_once_and_what_is_said_of_all_comes_first() {
        let mut segments = Segments::default();
        let mut keep = |marker, segment: &[u8]| {
            let kept = segments.keep(marker, 0, segment, 3);
            kept.expect("room");
        };
        keep(QCC, &[1, 7]);
        keep(COC, &[2, 5]);
        for number in 0..200 {
            keep(COD, &[number]);
            keep(QCD, &[number, 1]);
            keep(QCC, &[2, number]);
        }
        keep(POC, &[9]);
        keep(COD, &[1]);
        keep(POC, &[8]);
        let wanted: [&[u8]; 7] = [
            &[0xff, 0x52, 0, 3, 1],
            &[0xff, 0x53, 0, 4, 2, 5],
            &[0xff, 0x5c, 0, 4, 199, 1],
            &[0xff, 0x5d, 0, 4, 1, 7],
            &[0xff, 0x5d, 0, 4, 2, 199],
            &[0xff, 0x5f, 0, 3, 9],
            &[0xff, 0x5f, 0, 3, 8],
        ];
        assert_eq!(segments.bytes(), wanted.concat());
        let coding: Vec<u16> = segments.of_coding().map(|(marker, ..)| marker).collect();
        assert_eq!(coding, [COD, COC, QCD]);
    }
}
