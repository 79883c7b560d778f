//! Code-blocks: from bits to coefficients (Annex D), one bit plane after the other, each in three passes.
//!
//! Coefficients lie in columns of four, one such column of a stripe behind the other, which is the order in which
//! they are decoded. They are twice as large as they are, so that half of the last bit plane that is known has a place.

use super::contexts::{self, Orientation, Significance};
use super::mq::{self, BEHIND, Mq, PlainBits};
pub use crate::source::jp2::style::Style;
use std::ops::Range;

/// Code-blocks of more bit planes than this do not fit 32 bits.
pub const MAX_PLANES: u32 = 30;

/// Bit planes from the top on of which no pass bypasses the arithmetic decoder.
const FULL_PLANES: u32 = 4;

/// Consecutive passes of a code-block.
#[derive(Clone, Debug)]
pub struct Segment {
    /// How many.
    pub passes: u32,
    /// Where their bytes lie, [`BEHIND`] among them.
    pub bytes: Range<usize>,
}

/// The memory in which code-blocks are decoded, one after the other.
#[derive(Default)]
pub struct Coder {
    width: usize,
    height: usize,
    /// A word for each column of a stripe, with a margin of one all around.
    flags: Vec<u32>,
    columns: Vec<[i32; 4]>,
}

/// Where the symbols of a pass come from.
trait Symbols: Copy {
    /// Whether a coefficient becomes significant.
    fn significance(&mut self, contexts: &Significance, neighbours: u32) -> u32;

    /// Its sign.
    fn sign(&mut self, place: usize) -> u32;

    /// A bit of a coefficient that is significant.
    fn magnitude(&mut self, flags: u32) -> u32;
}

impl Symbols for Mq<'_> {
    #[inline(always)]
    fn significance(&mut self, contexts: &Significance, neighbours: u32) -> u32 {
        self.decode(contexts[(neighbours & contexts::NEIGHBOURS) as usize].into())
    }

    #[inline(always)]
    fn sign(&mut self, place: usize) -> u32 {
        let known = contexts::SIGNS[place & 255];
        self.decode((known & 127).into()) ^ u32::from(known >> 7)
    }

    #[inline(always)]
    fn magnitude(&mut self, flags: u32) -> u32 {
        let more = match (
            flags & contexts::REFINED != 0,
            flags & contexts::NEIGHBOURS != 0,
        ) {
            (true, _) => 2,
            (_, neighbours) => usize::from(neighbours),
        };
        self.decode(contexts::MAGNITUDE + more)
    }
}

impl Symbols for PlainBits<'_> {
    fn significance(&mut self, _: &Significance, _: u32) -> u32 {
        self.bit()
    }

    fn sign(&mut self, _: usize) -> u32 {
        self.bit()
    }

    fn magnitude(&mut self, _: u32) -> u32 {
        self.bit()
    }
}

impl Coder {
    /// Decodes a code-block of so many columns and rows, from the bit plane `planes` downwards, where the segments lie
    /// in `bytes`.
    pub fn decode(
        &mut self,
        (width, height): (usize, usize),
        orientation: Orientation,
        planes: u32,
        style: Style,
        segments: &[Segment],
        bytes: &[u8],
    ) {
        self.begin(width, height);
        let contexts = orientation.contexts();
        let (mut plane, mut pass, mut states) = (planes, 2, mq::INITIAL);
        for segment in segments {
            let data = &bytes[segment.bytes.clone()];
            let is_plain = style.bypasses() && pass < 2 && plane + FULL_PLANES <= planes;
            let mut mq = Mq::new(data, states);
            let mut plain = PlainBits::new(data);
            for _ in 0..segment.passes {
                if plane == 0 {
                    break;
                }
                match (pass, is_plain) {
                    (0, false) => mq = self.significance(mq, contexts, plane, style.is_causal()),
                    (0, true) => {
                        plain = self.significance(plain, contexts, plane, style.is_causal())
                    }
                    (1, false) => mq = self.refinement(mq, plane),
                    (1, true) => plain = self.refinement(plain, plane),
                    _ => {
                        mq = self.cleanup(mq, contexts, plane, style.is_causal());
                        if style.has_symbols() {
                            // A decoder that has come off the way could tell by them, but not what to do about it.
                            for _ in 0..4 {
                                mq.decode(contexts::UNIFORM);
                            }
                        }
                    }
                }
                if style.resets() && !is_plain {
                    mq.contexts = mq::INITIAL;
                }
                pass = (pass + 1) % 3;
                plane -= u32::from(pass == 0);
            }
            states = mq.contexts;
        }
    }

    /// The coefficients of a row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = i32> {
        let stripe = &self.columns[row / 4 * self.width..][..self.width];
        stripe.iter().map(move |column| column[row % 4])
    }

    /// The coefficients of a code-block of this size, all zero, for who decodes it in another way.
    pub fn columns(&mut self, width: usize, height: usize) -> &mut [[i32; 4]] {
        (self.width, self.height) = (width, height);
        self.columns.clear();
        self.columns.resize(width * height.div_ceil(4), [0; 4]);
        &mut self.columns
    }

    fn begin(&mut self, width: usize, height: usize) {
        self.columns(width, height);
        let stripes = height.div_ceil(4);
        self.flags.clear();
        self.flags.resize((width + 2) * (stripes + 2), 0);
    }

    /// The stripes: where their flags and their columns begin, and how many rows they have.
    fn stripes(&self) -> impl Iterator<Item = (usize, usize, u32)> + use<> {
        let (width, height) = (self.width, self.height);
        (0..height.div_ceil(4)).map(move |stripe| {
            let rows = (height - 4 * stripe).min(4) as u32;
            ((width + 2) * (stripe + 1) + 1, width * stripe, rows)
        })
    }

    /// The coefficients that are not significant, but have neighbours that are.
    fn significance<S: Symbols>(
        &mut self,
        symbols: S,
        contexts: &Significance,
        plane: u32,
        causal: bool,
    ) -> S {
        match causal {
            false => self.significance_of::<S, false>(symbols, contexts, plane),
            true => self.significance_of::<S, true>(symbols, contexts, plane),
        }
    }

    fn significance_of<S: Symbols, const CAUSAL: bool>(
        &mut self,
        mut symbols: S,
        contexts: &Significance,
        plane: u32,
    ) -> S {
        let known = (1 << plane) | (1 << plane >> 1);
        for (flags_at, columns_at, rows) in self.stripes() {
            let columns = &mut self.columns[columns_at..columns_at + self.width];
            let rows = contexts::rows(rows);
            let mut around = Around::new(&mut self.flags, flags_at, columns);
            for (x, column) in columns.iter_mut().enumerate() {
                let at = x + 1;
                let mut flags = around.own[at];
                if flags == 0 {
                    continue;
                }
                let insignificant = rows & !(flags >> 4);
                let mut waiting = insignificant & contexts::beside_significant(flags);
                while waiting != 0 {
                    let first = waiting.trailing_zeros();
                    waiting &= waiting - 1;
                    flags |= contexts::PASSED << first;
                    if symbols.significance(contexts, flags >> first) != 0 {
                        let sign = sign_of(&mut symbols, around.own, at, flags, first);
                        column[row_of(first)] = signed(known, sign);
                        flags |= mark::<CAUSAL>(&mut around, at, first, sign);
                        waiting |= insignificant & 8 << first;
                    }
                }
                around.own[at] = flags;
            }
        }
        symbols
    }

    /// One more bit of the coefficients that were significant before this bit plane.
    fn refinement<S: Symbols>(&mut self, mut symbols: S, plane: u32) -> S {
        let half = 1 << plane >> 1;
        for (flags_at, columns_at, _) in self.stripes() {
            let columns = &mut self.columns[columns_at..columns_at + self.width];
            let flags = &mut self.flags[flags_at..flags_at + self.width];
            for (column, flags) in columns.iter_mut().zip(flags) {
                let all = (*flags & contexts::ALL_OWN) >> 4 & !(*flags >> 21);
                let mut waiting = all;
                while waiting != 0 {
                    let first = waiting.trailing_zeros();
                    waiting &= waiting - 1;
                    let up = symbols.magnitude(*flags >> first) as i32;
                    let value = &mut column[row_of(first)];
                    let sign = *value >> 31;
                    *value += (((up << plane) - half) ^ sign) - sign;
                }
                *flags |= all << contexts::REFINED.trailing_zeros();
            }
        }
        symbols
    }

    /// All that no other pass of the bit plane was at.
    fn cleanup<'a>(
        &mut self,
        mq: Mq<'a>,
        contexts: &Significance,
        plane: u32,
        causal: bool,
    ) -> Mq<'a> {
        match causal {
            false => self.cleanup_of::<false>(mq, contexts, plane),
            true => self.cleanup_of::<true>(mq, contexts, plane),
        }
    }

    fn cleanup_of<'a, const CAUSAL: bool>(
        &mut self,
        mut mq: Mq<'a>,
        contexts: &Significance,
        plane: u32,
    ) -> Mq<'a> {
        let known = (1 << plane) | (1 << plane >> 1);
        for (flags_at, columns_at, rows) in self.stripes() {
            let columns = &mut self.columns[columns_at..columns_at + self.width];
            let has_runs = rows == 4;
            let rows = contexts::rows(rows);
            let mut around = Around::new(&mut self.flags, flags_at, columns);
            for (x, column) in columns.iter_mut().enumerate() {
                let at = x + 1;
                let mut flags = around.own[at];
                let mut waiting = rows & !(flags >> 4 | flags >> 21);
                // The row that is known to be significant, if any.
                let mut found = u32::MAX;
                if flags == 0 && has_runs {
                    if mq.decode(contexts::RUN) == 0 {
                        continue;
                    }
                    let high = mq.decode(contexts::UNIFORM);
                    found = 3 * (high << 1 | mq.decode(contexts::UNIFORM));
                    waiting &= u32::MAX << found;
                }
                while waiting != 0 {
                    let first = waiting.trailing_zeros();
                    waiting &= waiting - 1;
                    if first == found || mq.significance(contexts, flags >> first) != 0 {
                        let sign = sign_of(&mut mq, around.own, at, flags, first);
                        column[row_of(first)] = signed(known, sign);
                        flags |= mark::<CAUSAL>(&mut around, at, first, sign);
                    }
                }
                around.own[at] = flags & !contexts::ALL_PASSED;
            }
        }
        mq
    }
}

/// The number of a row that is told by the bit `first`: a third of it.
#[inline(always)]
fn row_of(first: u32) -> usize {
    ((first * 11) >> 5 & 3) as usize
}

/// The flags of a stripe, and of those above and below it; the first column has place 1.
struct Around<'a> {
    above: &'a mut [u32],
    own: &'a mut [u32],
    below: &'a mut [u32],
}

impl<'a> Around<'a> {
    /// Those of the stripe whose flags begin at `at`, with as many columns as `columns`.
    #[inline(always)]
    fn new(all: &'a mut [u32], at: usize, columns: &[[i32; 4]]) -> Self {
        let stride = columns.len() + 2;
        let (above, rest) = all[at - 1 - stride..].split_at_mut(stride);
        let (own, rest) = rest.split_at_mut(stride);
        let below = &mut rest[..stride];
        // Said aloud, so that no place is compared with the lengths for each coefficient.
        assert!([above.len(), own.len(), below.len()] == [columns.len() + 2; 3]);
        Self { above, own, below }
    }
}

/// The sign of a coefficient that has become significant: 1 if it is negative.
#[inline(always)]
fn sign_of<S: Symbols>(symbols: &mut S, all: &[u32], at: usize, flags: u32, first: u32) -> u32 {
    symbols.sign(contexts::sign_place(flags, all[at - 1], all[at + 1], first))
}

#[inline(always)]
fn signed(magnitude: i32, sign: u32) -> i32 {
    (magnitude ^ -(sign as i32)) + sign as i32
}

/// Tells the neighbours of a coefficient that it is significant; what its own column learns is returned.
#[inline(always)]
fn mark<const CAUSAL: bool>(around: &mut Around<'_>, at: usize, first: u32, sign: u32) -> u32 {
    around.own[at - 1] |= 1 << 5 << first;
    around.own[at + 1] |= 1 << 3 << first;
    if first == 0 && !CAUSAL {
        let above = &mut around.above[at - 1..=at + 1];
        above[0] |= 1 << 17;
        above[1] |= 1 << 16 | sign << contexts::SIGN_BELOW;
        above[2] |= 1 << 15;
    }
    if first == 9 {
        let below = &mut around.below[at - 1..=at + 1];
        below[0] |= 1 << 2;
        below[1] |= 1 << 1 | sign << contexts::SIGN_ABOVE;
        below[2] |= 1;
    }
    (sign << contexts::SIGN_BIT | contexts::OWN) << first
}

/// Appends the bytes of a segment, with what stands behind them, and says where they lie.
pub fn close(bytes: &mut Vec<u8>, begin: usize) -> Range<usize> {
    bytes.extend(BEHIND);
    begin..bytes.len()
}
