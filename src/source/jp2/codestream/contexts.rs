//! Which context of the arithmetic decoder a coefficient is decoded in (Annex D), by tables.
//!
//! A word of flags stands for a column of four coefficients. Its bits 0 to 17 tell which coefficients of the 3 x 6
//! around them are significant, row by row, so that those around row `n` of the four lie from bit `3 n` on, and rows
//! are told by that bit. The bits from 18 on are signs and the passes that have been at a coefficient.

/// Contexts in all.
pub const CONTEXTS: usize = 19;

/// The first context of signs.
const SIGN: u8 = 9;

/// The first context of magnitudes.
pub const MAGNITUDE: usize = 14;

/// The context of runs of four.
pub const RUN: usize = 17;

/// The context of symbols that are as probable as others.
pub const UNIFORM: usize = 18;

/// The coefficient of row 0 itself is significant.
pub const OWN: u32 = 1 << 4;

/// A neighbour of that of row 0 is significant.
pub const NEIGHBOURS: u32 = 0b1_1110_1111;

/// That of row 0 was refined.
pub const REFINED: u32 = 1 << 20;

/// That of row 0 was in the significance pass of this bit plane.
pub const PASSED: u32 = 1 << 21;

/// [`PASSED`] of all four rows.
pub const ALL_PASSED: u32 = PASSED | PASSED << 3 | PASSED << 6 | PASSED << 9;

/// [`OWN`] of all four rows.
pub const ALL_OWN: u32 = OWN | OWN << 3 | OWN << 6 | OWN << 9;

/// The rows that have a significant neighbour.
#[inline(always)]
pub fn beside_significant(flags: u32) -> u32 {
    let side = flags | flags >> 2;
    let any = side | flags >> 1;
    any | side >> 3 | any >> 6
}

/// The first `count` rows.
pub const fn rows(count: u32) -> u32 {
    0b10_0100_1001 & ((1 << (3 * count)) - 1)
}

/// The bit of the sign of row 0; that of the row above the four is [`SIGN_ABOVE`].
pub const SIGN_BIT: u32 = 19;

/// The bit of the sign of the row above the four.
pub const SIGN_ABOVE: u32 = 18;

/// The bit of the sign of the row below the four.
pub const SIGN_BELOW: u32 = 31;

/// A subband, by what is high in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// Nothing.
    LL,
    /// The horizontal frequencies.
    HL,
    /// The vertical ones.
    LH,
    /// Both.
    HH,
}

/// The contexts of significance of a subband, by the flags of the neighbours.
pub type Significance = [u8; 512];

/// Those of all subbands.
static SIGNIFICANCE: [Significance; 4] = [
    significance(Orientation::LL),
    significance(Orientation::HL),
    significance(Orientation::LH),
    significance(Orientation::HH),
];

impl Orientation {
    /// The contexts of significance.
    pub fn contexts(self) -> &'static Significance {
        &SIGNIFICANCE[self as usize]
    }
}

/// Table D.1.
const fn significance(orientation: Orientation) -> Significance {
    let mut contexts = [0; 512];
    let mut flags = 0;
    while flags < 512 {
        contexts[flags] = of_counts(
            orientation,
            [
                bit_of(flags, 3) + bit_of(flags, 5),
                bit_of(flags, 1) + bit_of(flags, 7),
                bit_of(flags, 0) + bit_of(flags, 2) + bit_of(flags, 6) + bit_of(flags, 8),
            ],
        );
        flags += 1;
    }
    contexts
}

const fn bit_of(flags: usize, at: u32) -> u8 {
    (flags >> at & 1) as u8
}

const fn of_counts(orientation: Orientation, [beside, above, across]: [u8; 3]) -> u8 {
    let (beside, above) = match orientation {
        Orientation::HL => (above, beside),
        _ => (beside, above),
    };
    if let Orientation::HH = orientation {
        let straight = beside + above;
        return match (across, straight) {
            (3.., _) => 8,
            (2, 1..) => 7,
            (2, 0) => 6,
            (1, 2..) => 5,
            (1, 1) => 4,
            (1, 0) => 3,
            (0, 2..) => 2,
            (0, straight) => straight,
        };
    }
    match (beside, above, across) {
        (2.., _, _) => 8,
        (1, 1.., _) => 7,
        (1, 0, 1..) => 6,
        (1, 0, 0) => 5,
        (0, 2.., _) => 4,
        (0, 1, _) => 3,
        (0, 0, 2..) => 2,
        (0, 0, across) => across,
    }
}

/// For what is known of the signs around a coefficient, the context of its own and, in bit 7, whether it is turned
/// round (Tables D.2 and D.3).
pub static SIGNS: [u8; 256] = signs();

const fn signs() -> [u8; 256] {
    let mut all = [0; 256];
    let mut flags = 0;
    while flags < 256 {
        // Signs stand at even bits, significance at odd ones.
        let beside = sum(
            part(flags, 3, 0), // left
            part(flags, 5, 2), // right
        );
        let above = sum(part(flags, 1, 4), part(flags, 7, 6));
        let (context, turned) = match (beside, above) {
            (1, 1) => (4, 0),
            (1, 0) => (3, 0),
            (1, -1) => (2, 0),
            (0, 1) => (1, 0),
            (0, 0) => (0, 0),
            (0, _) => (1, 1),
            (_, 1) => (2, 1),
            (_, 0) => (3, 1),
            (_, _) => (4, 1),
        };
        all[flags] = (SIGN + context) | turned << 7;
        flags += 1;
    }
    all
}

/// What a neighbour adds: 1 if it is positive, -1 if it is negative.
const fn part(flags: usize, significant: u32, sign: u32) -> i32 {
    match (flags >> significant & 1, flags >> sign & 1) {
        (0, _) => 0,
        (_, 0) => 1,
        _ => -1,
    }
}

const fn sum(one: i32, other: i32) -> i32 {
    match one + other {
        1.. => 1,
        0 => 0,
        _ => -1,
    }
}

/// The place in [`SIGNS`] of the coefficient in the row `first`, by the flags of its column and of those on both sides.
#[inline(always)]
pub fn sign_place(flags: u32, left: u32, right: u32, first: u32) -> usize {
    const STRAIGHT: u32 = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7;
    let sign = SIGN_BIT + first;
    let above = if first == 0 { SIGN_ABOVE } else { sign - 3 };
    let below = sign + 3;
    let place = flags >> first & STRAIGHT
        | left >> sign & 1
        | (right >> sign & 1) << 2
        | (flags >> above & 1) << 4
        | (flags >> below & 1) << 6;
    place as usize
}
