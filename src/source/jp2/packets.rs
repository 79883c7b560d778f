//! Packets: which of them a level needs, where a codestream tells how long each is (PLT).
//!
//! What a level does not need is neither read nor decoded: an empty packet takes its place, because a
//! decoder counts them. Only where packets come resolution by resolution, within each layer or over
//! all of them.

use super::coding::Coding;
use super::size::Size;
use std::ops::Range;

/// More packets than this are read as they are.
const MAX_PACKETS: u64 = 1 << 22;

/// The PLT segments of a tile-part.
#[derive(Default)]
pub struct Lengths(Vec<(u8, Vec<u8>)>);

impl Lengths {
    /// Takes a segment, behind its length.
    pub fn add(&mut self, segment: &[u8]) {
        if let Some((index, lengths)) = segment.split_first() {
            self.0.push((*index, lengths.to_vec()));
        }
    }

    /// The lengths of all packets, if they add up to the bytes that there are.
    pub fn read(mut self, bytes: u64) -> Option<Vec<u64>> {
        self.0.sort_by_key(|(index, _)| *index);
        let (mut all, mut length, mut sum) = (Vec::new(), 0u64, 0u64);
        for byte in self.0.iter().flat_map(|(_, lengths)| lengths) {
            length = length << 7 | u64::from(byte & 0x7f);
            if length > bytes {
                return None;
            }
            if byte & 0x80 == 0 {
                sum += length;
                all.push(std::mem::take(&mut length));
            }
        }
        (sum == bytes && !all.is_empty()).then_some(all)
    }
}

/// The packets of a tile in their order.
pub struct Packets {
    /// Whether a run of packets is needed, and how many are left of it; the next run last.
    runs: Vec<(bool, u64)>,
    empty: &'static [u8],
}

impl Packets {
    /// Those of the tile over these columns and rows, at a level; `None` where their order is
    /// another.
    pub fn new(
        coding: &Coding,
        size: &Size,
        (x, y): (&Range<u64>, &Range<u64>),
        level: u32,
    ) -> Option<Self> {
        let levels = coding.same_levels()?;
        let of_layer: Vec<(bool, u64)> = (0..=levels)
            .map(|resolution| {
                let precincts = coding.precincts(size, x, y, resolution);
                (
                    u32::from(resolution) + level <= u32::from(levels),
                    precincts,
                )
            })
            .collect();
        let layers = u64::from(coding.layers());
        let count: u64 = of_layer.iter().map(|(_, precincts)| precincts).sum();
        if count.checked_mul(layers)? > MAX_PACKETS {
            return None;
        }
        let mut runs: Vec<_> = match coding.progression() {
            0 => of_layer.repeat(layers as usize),
            1 | 2 => of_layer
                .into_iter()
                .map(|(needed, n)| (needed, n * layers))
                .collect(),
            _ => return None,
        };
        runs.reverse();
        Some(Self {
            runs,
            empty: match coding.ends_headers() {
                true => &[0, 0xff, 0x92],
                false => &[0],
            },
        })
    }

    /// Whether the next packet is needed; `None` behind the last one.
    pub fn next(&mut self) -> Option<bool> {
        loop {
            match self.runs.last_mut()? {
                (_, 0) => self.runs.pop(),
                (needed, left) => {
                    *left -= 1;
                    return Some(*needed);
                }
            };
        }
    }

    /// Whether no packet is needed any more.
    pub fn are_enough(&self) -> bool {
        self.runs.iter().all(|(needed, left)| !needed || *left == 0)
    }

    /// A packet without content.
    pub fn empty(&self) -> &'static [u8] {
        self.empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_must_add_up() {
        let read = |segments: &[&[u8]], bytes| {
            let mut lengths = Lengths::default();
            segments.iter().for_each(|segment| lengths.add(segment));
            lengths.read(bytes)
        };
        assert_eq!(
            read(&[&[1, 3], &[0, 0x81, 0x02, 5]], 138),
            Some(vec![130, 5, 3])
        );
        assert_eq!(read(&[&[0, 0x81, 0x02, 5]], 136), None);
        assert_eq!(
            read(
                &[&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
                9
            ),
            None
        );
        assert_eq!(read(&[], 0), None);
    }
}
