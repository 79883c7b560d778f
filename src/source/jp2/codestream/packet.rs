//! Packet headers (B.10): which code-blocks of a precinct a packet has something of, and how much.

use super::code_block::Style;
use super::grid::{Band, Resolution};
use super::tag_tree::TagTree;
use crate::error::{Error, Result};

/// Bits that tell a length, before any are added.
const LENGTH_BITS: u32 = 3;

/// The most passes of a segment that nothing ends: those of 37 bit planes, the most of a subband without a region of interest.
/// OpenJPEG takes what comes behind them for another segment.
const ENDLESS: u32 = 109;

/// The passes of the first segment where later ones bypass the arithmetic decoder.
const FIRST_BYPASSED: u32 = 10;

/// The passes of a set of Part 15: a cleanup pass, and two that refine what it has.
const SET: u32 = 3;

/// What the packets of a precinct have told so far.
pub struct Precinct {
    bands: Vec<InBand>,
    /// Some code-block of Part 15 has passes without bytes.
    pub has_empty_passes: bool,
}

/// The code-blocks of one subband in a precinct.
struct InBand {
    /// Their places among all of the subband, row by row.
    places: Vec<u32>,
    inclusion: Option<TagTree>,
    zero_planes: Option<TagTree>,
    blocks: Vec<Known>,
    has_empty_passes: bool,
}

#[derive(Clone, Copy, Default)]
struct Known {
    is_included: bool,
    length_bits: u32,
    /// Passes of the segment that was begun last, and how many it may have.
    passes: u32,
    most: u32,
    /// Of Part 15: bit planes that are zero, as long as no cleanup pass has come.
    zero_planes: u32,
    has_cleanup: bool,
}

/// What a packet has of one code-block: consecutive passes of one segment.
pub struct Piece {
    /// The subband, among those of the resolution.
    pub band: usize,
    /// The place of the code-block among those of the subband.
    pub place: u32,
    /// The bit planes that are zero in all of it, where it comes for the first time.
    pub zero_planes: Option<u32>,
    /// Passes.
    pub passes: u32,
    /// Bytes.
    pub len: u32,
    /// A segment begins.
    pub begins: bool,
}

/// The bits of a packet header: behind a byte of ones comes one bit less.
struct Bits<'a> {
    next: &'a mut dyn FnMut() -> Result<u8>,
    byte: u8,
    left: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.left = if self.byte == 0xff { 7 } else { 8 };
            self.byte = (self.next)()?;
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 != 0)
    }

    fn number(&mut self, bits: u32) -> Result<u32> {
        (0..bits).try_fold(0, |number, _| Ok(number << 1 | u32::from(self.bit()?)))
    }

    /// The length of what so many passes have.
    fn length(&mut self, length_bits: u32, passes: u32) -> Result<u32> {
        let length_bits = length_bits + passes.ilog2();
        if length_bits > 32 {
            return Err(Error::corrupt(format!("a length of {length_bits} bits")));
        }
        self.number(length_bits)
    }

    /// Goes to the end of the header.
    fn end(self) -> Result<()> {
        if self.byte == 0xff {
            (self.next)()?;
        }
        Ok(())
    }

    /// How many passes there are (Table B.4).
    fn passes(&mut self) -> Result<u32> {
        for (bits, from) in [(1, 1), (1, 2), (2, 3), (5, 6)] {
            let number = self.number(bits)?;
            if number + 1 < 1 << bits {
                return Ok(from + number);
            }
        }
        Ok(37 + self.number(7)?)
    }
}

impl Precinct {
    /// A precinct of which no packet has come.
    pub fn new(resolution: &Resolution, number: u64) -> Self {
        let bands = resolution.bands.iter().map(|band| {
            let all = band.area.cells(band.block);
            let here = resolution.in_precinct(band, number).cells(band.block);
            let (columns, rows) = (here.width(), here.height());
            let width = all.width() as u64;
            let places = here.y.clone().flat_map(|row| {
                let from = (row - all.y.start) * width;
                let x = here.x.clone();
                x.map(move |column| (from + column - all.x.start) as u32)
            });
            let places: Vec<u32> = places.collect();
            let tree = || (!places.is_empty()).then(|| TagTree::new(columns, rows));
            InBand {
                inclusion: tree(),
                zero_planes: tree(),
                blocks: vec![Known::default(); places.len()],
                has_empty_passes: false,
                places,
            }
        });
        Self {
            bands: bands.collect(),
            has_empty_passes: false,
        }
    }

    /// Reads the header of the packet of a layer, whose bytes `next` gives, and appends what it has; says how many
    /// code-blocks it looks at, which are all of the precinct unless the packet is empty.
    pub fn read(
        &mut self,
        layer: u32,
        bands: &[Band],
        style: Style,
        next: &mut dyn FnMut() -> Result<u8>,
        pieces: &mut Vec<Piece>,
    ) -> Result<u64> {
        let mut bits = Bits {
            next,
            byte: 0,
            left: 0,
        };
        let mut looks = 0;
        if bits.bit()? {
            for (index, (here, band)) in self.bands.iter_mut().zip(bands).enumerate() {
                here.read(layer, (index, band), style, &mut bits, pieces)?;
                looks += here.blocks.len() as u64;
                self.has_empty_passes |= here.has_empty_passes;
            }
        }
        bits.end()?;
        Ok(looks)
    }
}

impl InBand {
    fn read(
        &mut self,
        layer: u32,
        (index, band): (usize, &Band),
        style: Style,
        bits: &mut Bits<'_>,
        pieces: &mut Vec<Piece>,
    ) -> Result<()> {
        let (Some(inclusion), Some(planes)) = (&mut self.inclusion, &mut self.zero_planes) else {
            return Ok(());
        };
        for (leaf, known) in self.blocks.iter_mut().enumerate() {
            let is_here = match known.is_included {
                true => bits.bit()?,
                false => inclusion.below(leaf, layer + 1, || bits.bit())?.is_some(),
            };
            if !is_here {
                continue;
            }
            let mut zero_planes = None;
            if !known.is_included {
                zero_planes = planes.below(leaf, band.planes + 1, || bits.bit())?;
                if zero_planes.is_none() {
                    return Err(Error::corrupt(format!(
                        "more than all {} bit planes of a code-block are zero",
                        band.planes
                    )));
                }
                known.is_included = true;
                known.length_bits = LENGTH_BITS;
            }
            // Some writers tell of more passes than the bit planes have; nothing is read of those.
            let mut passes = bits.passes()?;
            while bits.bit()? {
                known.length_bits += 1;
            }
            if style.is_high_throughput() {
                if let Some(zero) = zero_planes {
                    known.zero_planes = zero;
                }
                let of = (index, self.places[leaf], band.planes);
                self.has_empty_passes |= known.read_high_throughput(of, passes, bits, pieces)?;
                continue;
            }
            while passes > 0 {
                let begins = known.passes == known.most;
                if begins {
                    if known.most == ENDLESS {
                        return Err(Error::corrupt(format!(
                            "more than {ENDLESS} passes of a code-block"
                        )));
                    }
                    known.most = style.most_passes(known.most);
                    known.passes = 0;
                }
                let now = passes.min(known.most - known.passes);
                let len = bits.length(known.length_bits, now)?;
                pieces.push(Piece {
                    band: index,
                    place: self.places[leaf],
                    zero_planes: zero_planes.take(),
                    passes: now,
                    len,
                    begins,
                });
                known.passes += now;
                passes -= now;
            }
        }
        Ok(())
    }
}

impl Known {
    /// Reads how long passes of Part 15 are, of a code-block of a band, at a place, in a subband of so many bit planes; says
    /// whether passes have no bytes. These come before the first cleanup pass, in sets, each for one bit plane more that is zero.
    fn read_high_throughput(
        &mut self,
        (band, place, planes): (usize, u32, u32),
        passes: u32,
        bits: &mut Bits<'_>,
        pieces: &mut Vec<Piece>,
    ) -> Result<bool> {
        let piece = |passes: u32, len: u32, begins: bool| Piece {
            band,
            place,
            zero_planes: None,
            passes,
            len,
            begins,
        };
        let mut left = passes;
        let mut has_empty = false;
        if !self.has_cleanup {
            let before = self.passes;
            let refining = (before + passes - 1) % SET;
            // The passes up to a cleanup pass, if there is one among them, share a length.
            let up_to = passes.saturating_sub(refining);
            let first = if up_to == 0 { passes } else { up_to };
            let mut len = bits.length(self.length_bits, first)?;
            self.passes += passes;
            if len == 0 || up_to == 0 {
                len = len << (passes.ilog2() - first.ilog2())
                    | bits.number(passes.ilog2() - first.ilog2())?;
                if len > 0 {
                    return Err(Error::corrupt(format!("{len} bytes of passes without any")));
                }
                return Ok(true);
            }
            left = refining;
            let empty = (before + up_to - 1) / SET;
            has_empty = empty > 0;
            let zero = self.zero_planes + empty;
            if zero >= planes {
                return Err(Error::corrupt(format!(
                    "{zero} of {planes} bit planes are zero in a code-block that has others"
                )));
            }
            self.has_cleanup = true;
            self.passes = 1;
            pieces.push(Piece {
                zero_planes: Some(zero),
                ..piece(1, len, true)
            });
        }
        if self.passes + left > SET {
            return Err(Error::unsupported("several sets of passes of a code-block"));
        }
        if left > 0 {
            let len = bits.length(self.length_bits, left)?;
            pieces.push(piece(left, len, self.passes == 1));
            self.passes += left;
        }
        Ok(has_empty)
    }
}

impl Style {
    /// The most passes of the segment behind one that may have so many; 0 before the first.
    fn most_passes(self, before: u32) -> u32 {
        match (self.terminates(), self.bypasses(), before) {
            (true, ..) => 1,
            (false, false, _) => ENDLESS,
            (false, true, 0) => FIRST_BYPASSED,
            // Two that are plain bits, and one that is not.
            (false, true, 1 | FIRST_BYPASSED) => 2,
            (false, true, _) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::contexts::Orientation;
    use super::super::grid::Area;
    use super::*;
    use crate::error::Kind;

    /// A resolution of one code-block of five bit planes.
    fn resolution() -> Resolution {
        let area = Area { x: 0..4, y: 0..4 };
        Resolution {
            area: area.clone(),
            precinct: (15, 15),
            precincts: (1, 1),
            bands: vec![Band {
                area,
                orientation: Orientation::LL,
                planes: 5,
                step: 1.0,
                block: (6, 6),
                precinct: (15, 15),
            }],
        }
    }

    /// The header of a packet of this layer, with more than five passes of the code-block in segments without bytes.
    fn header(layer: u32, passes: u32, style: Style) -> Vec<u8> {
        let mut bits = vec![true, true];
        let mut number = |value: u32, count: u32| {
            bits.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        };
        if layer == 0 {
            // No bit plane is zero.
            number(1, 1);
        }
        number(0b1111, 4);
        match passes {
            ..37 => number(passes - 6, 5),
            _ => {
                number(0b1_1111, 5);
                number(passes - 37, 7);
            }
        }
        number(0, 1);
        match style.terminates() {
            true => (0..passes).for_each(|_| number(0, LENGTH_BITS)),
            false => number(0, LENGTH_BITS + passes.ilog2()),
        }
        let (mut bytes, mut bits) = (Vec::new(), bits.into_iter().peekable());
        while bits.peek().is_some() {
            let count = if bytes.last() == Some(&0xff) { 7 } else { 8 };
            let byte =
                (0..count).fold(0, |byte, _| byte << 1 | u8::from(bits.next() == Some(true)));
            bytes.push(byte);
        }
        bytes
    }

    /// The passes that the packets of layers of so many tell of, and whether all were read.
    fn read(style: Style, layers: &[u32]) -> (u32, std::result::Result<(), Kind>) {
        let resolution = resolution();
        let mut precinct = Precinct::new(&resolution, 0);
        let mut pieces = Vec::new();
        let all = (0..).zip(layers).try_for_each(|(layer, passes)| {
            let mut bytes = header(layer, *passes, style).into_iter();
            let mut next = || Ok(bytes.next().expect("a byte"));
            precinct.read(layer, &resolution.bands, style, &mut next, &mut pieces)?;
            assert_eq!(bytes.next(), None, "behind the header of layer {layer}");
            Ok(())
        });
        let passes = pieces.iter().map(|piece| piece.passes).sum();
        (passes, all.map_err(|error: Error| error.kind()))
    }

    #[test]
    fn a_segment_that_nothing_ends_has_the_passes_of_all_bit_planes_at_most() {
        let endless = Style(0);
        assert_eq!(read(endless, &[109]), (109, Ok(())));
        assert_eq!(read(endless, &[90, 19]), (109, Ok(())));
        assert_eq!(read(endless, &[110]), (109, Err(Kind::Corrupt)));
        assert_eq!(read(endless, &[90, 20]), (109, Err(Kind::Corrupt)));
        assert_eq!(read(endless, &[103, 6, 6]), (109, Err(Kind::Corrupt)));
        let terminated = Style(4);
        assert_eq!(read(terminated, &[110]), (110, Ok(())));
    }
}
