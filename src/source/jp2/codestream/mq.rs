//! The arithmetic decoder of code-blocks (Annex C), and the plain bits of those that bypass it.

use super::contexts::{self, CONTEXTS};

/// What stands behind the bytes of every segment: no marker, so the decoder goes on with ones.
pub const BEHIND: [u8; 2] = [0xff, 0xff];

/// The estimates of Table C.2: Qe, the next state after a more and after a less probable symbol, and whether that
/// one turns round which symbol is which.
const ESTIMATES: [(u32, u32, u32, u32); 47] = [
    (0x5601, 1, 1, 1),
    (0x3401, 2, 6, 0),
    (0x1801, 3, 9, 0),
    (0x0ac1, 4, 12, 0),
    (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0),
    (0x5601, 7, 6, 1),
    (0x5401, 8, 14, 0),
    (0x4801, 9, 14, 0),
    (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0),
    (0x2401, 12, 18, 0),
    (0x1c01, 13, 20, 0),
    (0x1601, 29, 21, 0),
    (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0),
    (0x5101, 17, 15, 0),
    (0x4801, 18, 16, 0),
    (0x3801, 19, 17, 0),
    (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0),
    (0x2801, 22, 19, 0),
    (0x2401, 23, 20, 0),
    (0x2201, 24, 21, 0),
    (0x1c01, 25, 22, 0),
    (0x1801, 26, 23, 0),
    (0x1601, 27, 24, 0),
    (0x1401, 28, 25, 0),
    (0x1201, 29, 26, 0),
    (0x1101, 30, 27, 0),
    (0x0ac1, 31, 28, 0),
    (0x09c1, 32, 29, 0),
    (0x08a1, 33, 30, 0),
    (0x0521, 34, 31, 0),
    (0x0441, 35, 32, 0),
    (0x02a1, 36, 33, 0),
    (0x0221, 37, 34, 0),
    (0x0141, 38, 35, 0),
    (0x0111, 39, 36, 0),
    (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0),
    (0x0025, 42, 39, 0),
    (0x0015, 43, 40, 0),
    (0x0009, 44, 41, 0),
    (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0),
    (0x5601, 46, 46, 0),
];

/// What a context knows, in one word: Qe, from bit 8 on the state after a more probable symbol, from bit 1 on that
/// after a less probable one, and the more probable symbol.
const STATES: [u32; 128] = states();

const fn states() -> [u32; 128] {
    let mut states = [0; 128];
    let mut at = 0;
    while at < ESTIMATES.len() {
        let (qe, more, less, turns) = ESTIMATES[at];
        let mut symbol = 0;
        while symbol < 2 {
            let (more, less) = (2 * more + symbol, 2 * less + (symbol ^ turns));
            states[2 * at + symbol as usize] = qe << 16 | more << 8 | less << 1 | symbol;
            symbol += 1;
        }
        at += 1;
    }
    states
}

/// The states of all contexts of a code-block.
pub type Contexts = [u32; 32];

/// Those with which a code-block begins (Table D.7).
pub const INITIAL: Contexts = {
    let mut contexts = [STATES[0]; 32];
    contexts[contexts::UNIFORM] = STATES[2 * 46];
    contexts[contexts::RUN] = STATES[2 * 3];
    contexts[0] = STATES[2 * 4];
    contexts
};

const _: () = assert!(CONTEXTS <= 32);

/// A decoder within a segment.
#[derive(Clone, Copy)]
pub struct Mq<'a> {
    /// The bytes of the segment, [`BEHIND`] among them.
    data: &'a [u8],
    at: usize,
    a: u32,
    c: u32,
    shifts: u32,
    /// The states of the contexts.
    pub contexts: Contexts,
}

impl<'a> Mq<'a> {
    /// A decoder at the beginning of a segment, behind which stands [`BEHIND`].
    pub fn new(data: &'a [u8], contexts: Contexts) -> Self {
        let mut mq = Self {
            data,
            at: 0,
            a: 0x8000,
            c: u32::from(data[0]) << 16,
            shifts: 0,
            contexts,
        };
        mq.next_byte();
        mq.c <<= 7;
        mq.shifts -= 7;
        mq
    }

    #[inline(always)]
    fn next_byte(&mut self) {
        let [now, next] = match self.data.get(self.at..self.at + 2) {
            Some(two) => [two[0], two[1]],
            None => BEHIND,
        };
        if now == 0xff {
            if next > 0x8f {
                self.c += 0xff00;
                self.shifts = 8;
            } else {
                self.at += 1;
                self.c += u32::from(next) << 9;
                self.shifts = 7;
            }
        } else {
            self.at += 1;
            self.c += u32::from(next) << 8;
            self.shifts = 8;
        }
    }

    /// The next symbol in a context.
    #[inline(always)]
    pub fn decode(&mut self, context: usize) -> u32 {
        let state = self.contexts[context & 31];
        let qe = state >> 16;
        let a = self.a - qe;
        let is_more;
        if self.c >> 16 < qe {
            is_more = a < qe;
            self.a = qe;
        } else {
            self.c -= qe << 16;
            self.a = a;
            if a & 0x8000 != 0 {
                return state & 1;
            }
            is_more = a >= qe;
        }
        let (symbol, next) = match is_more {
            true => (state & 1, state >> 8),
            false => (state & 1 ^ 1, state >> 1),
        };
        self.contexts[context & 31] = STATES[(next & 127) as usize];
        let mut shift = self.a.leading_zeros() - 16;
        self.a <<= shift;
        while shift > self.shifts {
            self.c <<= self.shifts;
            shift -= self.shifts;
            self.next_byte();
        }
        self.c <<= shift;
        self.shifts -= shift;
        symbol
    }
}

/// Plain bits, in which a bit is left out behind a byte of ones.
#[derive(Clone, Copy)]
pub struct PlainBits<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    left: u32,
}

impl<'a> PlainBits<'a> {
    /// Those of a segment, behind which stands [`BEHIND`].
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            byte: 0,
            left: 0,
        }
    }

    /// The next bit.
    pub fn bit(&mut self) -> u32 {
        if self.left == 0 {
            let next = self.data.get(self.at).copied().unwrap_or(0xff);
            let after_ones = self.byte == 0xff;
            if after_ones && next > 0x8f {
                self.left = 8;
            } else {
                self.byte = next;
                self.at += 1;
                self.left = if after_ones { 7 } else { 8 };
            }
        }
        self.left -= 1;
        u32::from(self.byte >> self.left & 1)
    }
}
