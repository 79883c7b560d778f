//! The arithmetic decoder of code-blocks (Annex C), and the plain bits of those that bypass it.

use super::contexts::{self, CONTEXTS};
use std::hint::select_unpredictable as select;

/// What stands behind the bytes of every segment: no marker, so the decoder goes on with ones.
pub const BEHIND: [u8; 2] = [0xff, 0xff];

/// The estimates of Table C.2: Qe, the next state after a more and after a less probable symbol, and whether that
/// one turns round which symbol is which.
const ESTIMATES: [(u64, u64, u64, u64); 47] = [
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

/// The place of the sixteen bits of the interval; what lies below are bits of the code that are to come.
const HIGH: u32 = 48;

/// The interval has at least this size.
const HALF: u64 = 0x8000 << HIGH;

/// Where Qe stands in a state.
const QE: u64 = 0xffff << HIGH;

/// What a context knows, in one word: Qe, from bit 8 on the state after a more probable symbol, from bit 1 on that
/// after a less probable one, and the more probable symbol.
const STATES: [u64; 128] = states();

const fn states() -> [u64; 128] {
    let mut states = [0; 128];
    let mut at = 0;
    while at < ESTIMATES.len() {
        let (qe, more, less, turns) = ESTIMATES[at];
        let mut symbol = 0;
        while symbol < 2 {
            let (more, less) = (2 * more + symbol, 2 * less + (symbol ^ turns));
            states[2 * at + symbol as usize] = qe << HIGH | more << 8 | less << 1 | symbol;
            symbol += 1;
        }
        at += 1;
    }
    states
}

/// The states of all contexts of a code-block.
pub type Contexts = [u64; 32];

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
///
/// Most symbols are the more probable ones and leave at least [`HALF`] of the interval. All that they change is
/// `room`: how much can be taken from both the interval and the code until there is more to do.
#[derive(Clone, Copy)]
pub struct Mq<'a> {
    fetcher: Fetcher<'a>,
    room: u64,
    /// The size of the interval, less `room`.
    interval: u64,
    /// The code above the lower end of the interval, less `room`.
    code: u64,
    /// Bits of the code that are known below [`HIGH`].
    ahead: u32,
    /// The states of the contexts.
    pub contexts: Contexts,
}

impl<'a> Mq<'a> {
    /// A decoder at the beginning of a segment, behind which stands [`BEHIND`].
    pub fn new(data: &'a [u8], contexts: Contexts) -> Self {
        let mut fetcher = Fetcher { data, at: 0 };
        let (bits, count) = fetcher.fetch();
        Self {
            fetcher,
            room: 0,
            interval: HALF,
            code: ((u64::from(data[0]) << HIGH) + bits) << 7,
            ahead: count - 7,
            contexts,
        }
    }

    /// The next symbol in a context.
    #[inline(always)]
    pub fn decode(&mut self, context: usize) -> u32 {
        let state = self.contexts[context & 31];
        let qe = state & QE;
        if self.room >= qe {
            self.room -= qe;
            return state as u32 & 1;
        }
        let code = self.code.wrapping_add(self.room);
        let rest = self.interval.wrapping_add(self.room) - qe;
        let (above, is_low) = code.overflowing_sub(qe);
        let is_less = is_low ^ (rest < qe);
        let next = select(is_less, state >> 1, state >> 8);
        self.contexts[context & 31] = STATES[(next & 127) as usize];
        let interval = select(is_low, qe, rest);
        let mut code = select(is_low, code, above);
        let mut shift = interval.leading_zeros();
        let interval = interval << shift;
        while shift > self.ahead {
            code <<= self.ahead;
            shift -= self.ahead;
            let (bits, count) = self.fetcher.fetch();
            code = code.wrapping_add(bits);
            self.ahead = count;
        }
        code <<= shift;
        self.ahead -= shift;
        self.room = code.min(interval - HALF);
        self.interval = interval.wrapping_sub(self.room);
        self.code = code.wrapping_sub(self.room);
        state as u32 & 1 ^ u32::from(is_less)
    }
}

/// Where the bits of the code come from.
#[derive(Clone, Copy)]
struct Fetcher<'a> {
    /// The bytes of the segment, [`BEHIND`] among them.
    data: &'a [u8],
    /// The last byte that was fetched.
    at: usize,
}

impl Fetcher<'_> {
    /// The bits of at least one more byte, from below [`HIGH`] on, and how many they are.
    #[inline(always)]
    fn fetch(&mut self) -> (u64, u32) {
        if let Some(bytes) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let bytes = u64::from_be_bytes(*bytes);
            // Behind a byte of ones, others stand for something else.
            let ones = (!bytes).wrapping_sub(0x0101_0101_0101_0101) & bytes & 0x8080_8080_8080_0000;
            if ones == 0 {
                self.at += 6;
                return (bytes << 8 >> 16, HIGH);
            }
        }
        let (bits, count, at) = each(self.data, self.at);
        self.at = at;
        (bits, count)
    }
}

/// [`Fetcher::fetch`] byte by byte; where it has come to is the last that is returned.
#[cold]
#[inline(never)]
fn each(data: &[u8], mut at: usize) -> (u64, u32, usize) {
    let (mut bits, mut count) = (0, 0);
    while count <= HIGH - 8 {
        let [now, next] = match data.get(at..at + 2) {
            Some(two) => [two[0], two[1]],
            None => BEHIND,
        };
        if now == 0xff && next > 0x8f {
            bits += 0xff << (HIGH - 8 - count);
            count += 8;
        } else if now == 0xff {
            if next >= 0x80 && count > 0 {
                // Its first bit is added to the last of the byte before, but not before it is reached.
                break;
            }
            bits += u64::from(next) << (HIGH - 7 - count);
            count += 7;
            at += 1;
        } else {
            bits += u64::from(next) << (HIGH - 8 - count);
            count += 8;
            at += 1;
        }
    }
    (bits, count, at)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoder as the flow charts of Annex C have it, bit by bit.
    struct Literal<'a> {
        data: &'a [u8],
        at: usize,
        a: u32,
        c: u32,
        shifts: u32,
        /// The state and the more probable symbol of each context.
        contexts: [(usize, u32); CONTEXTS],
    }

    impl<'a> Literal<'a> {
        fn new(data: &'a [u8]) -> Self {
            let mut contexts = [(0, 0); CONTEXTS];
            contexts[contexts::UNIFORM] = (46, 0);
            contexts[contexts::RUN] = (3, 0);
            contexts[0] = (4, 0);
            let mut literal = Self {
                data,
                at: 0,
                a: 0x8000,
                c: u32::from(data[0]) << 16,
                shifts: 0,
                contexts,
            };
            literal.byte_in();
            literal.c <<= 7;
            literal.shifts -= 7;
            literal
        }

        fn byte_in(&mut self) {
            let byte = |at: usize| u32::from(*self.data.get(at).unwrap_or(&0xff));
            let next = byte(self.at + 1);
            match byte(self.at) {
                0xff if next > 0x8f => {
                    self.c += 0xff00;
                    self.shifts = 8;
                    return;
                }
                0xff => {
                    self.c = self.c.wrapping_add(next << 9);
                    self.shifts = 7;
                }
                _ => {
                    self.c += next << 8;
                    self.shifts = 8;
                }
            }
            self.at += 1;
        }

        fn decode(&mut self, context: usize) -> u32 {
            let (state, more) = self.contexts[context];
            let (qe, after_more, after_less, turns) = ESTIMATES[state];
            let qe = qe as u32;
            self.a -= qe;
            let is_low = self.c >> 16 < qe;
            let is_small = self.a < qe;
            if !is_low {
                self.c -= qe << 16;
                if self.a & 0x8000 != 0 {
                    return more;
                }
            } else {
                self.a = qe;
            }
            let symbol = match is_low == is_small {
                true => {
                    self.contexts[context].0 = after_more as usize;
                    more
                }
                false => {
                    self.contexts[context] = (after_less as usize, more ^ turns as u32);
                    more ^ 1
                }
            };
            while self.a & 0x8000 == 0 {
                if self.shifts == 0 {
                    self.byte_in();
                }
                self.a <<= 1;
                self.c <<= 1;
                self.shifts -= 1;
            }
            symbol
        }
    }

    #[test]
    fn symbols_are_those_of_the_flow_charts() {
        let mut state = 1_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for turn in 0..60_000 {
            // What carries into a byte of ones is rare in what coders write, and matters most at the beginning.
            let mut data = vec![random(128) as u8, random(255) as u8];
            match turn % 3 {
                0 => data.extend((0..random(100)).map(|_| random(256) as u8)),
                1 => data.extend([0xff, 0x80 + random(16) as u8, random(255) as u8]),
                _ => data
                    .extend((0..random(50)).map(|_| [0xff, random(256) as u8][random(2) as usize])),
            }
            data.extend(BEHIND);
            let (mut mq, mut literal) = (Mq::new(&data, INITIAL), Literal::new(&data));
            for symbol in 0..200 {
                let context = random(CONTEXTS as u32) as usize;
                let (found, expected) = (mq.decode(context), literal.decode(context));
                assert_eq!(found, expected, "symbol {symbol} of {data:x?}");
            }
        }
    }
}
