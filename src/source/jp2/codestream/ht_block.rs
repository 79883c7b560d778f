//! Code-blocks of Part 15: from bits to coefficients (ITU-T T.814, clause 7).
//!
//! One cleanup pass has all bit planes down to that of the code-block; by option two passes follow that refine it by one
//! more. Samples are coded by quads, two columns of two rows, whose bits a number from 0 to 3 names: top left, bottom left,
//! top right, bottom right. What is spoilt so that it cannot be decoded is an error.

use super::code_block::{Coder, Segment, Style};
use super::ht_codes::{Code, OF_FIRST, OF_OTHERS};
use super::mq::BEHIND;
use crate::error::{Error, Result};

/// The most bytes of the codes of significance.
const MOST_CODES: usize = 4079;

/// Bits of the length of a run that an event ends before the longest that its state expects.
const RUNS: [u32; 13] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5];

/// Bits that lie from the first byte on, the lowest of a byte first; behind a byte of ones comes one bit less.
struct Forward<'a> {
    bytes: &'a [u8],
    /// What stands behind all bytes.
    behind: u8,
    bits: u64,
    count: u32,
    after_ones: bool,
}

/// Bits that lie from the last byte on, the lowest of a byte first; where a byte above 0x8f was the one before, seven ones
/// are one bit less. Behind all bytes are zeros.
struct Backward<'a> {
    bytes: &'a [u8],
    bits: u64,
    count: u32,
    after_high: bool,
}

/// Events that seldom come, as the lengths of runs without one.
struct Events<'a> {
    bytes: &'a [u8],
    byte: u8,
    left: u32,
    state: usize,
    /// What is left of the run, and whether an event is at its end.
    run: u32,
    ends: bool,
}

/// The memory in which code-blocks are decoded, one after the other. Rows and columns have a margin of one all around.
#[derive(Default)]
pub struct Cleanup {
    /// The quads of the row above; those of the row that is decoded take their places.
    above: Vec<Above>,
    /// Significant samples of each column of a stripe, as the cleanup pass and as the one behind it leaves them.
    significant: Vec<u8>,
    known: Vec<u8>,
}

/// What the row below must know of a quad.
#[derive(Clone, Copy, Default)]
struct Above {
    significant: u32,
    /// Bits of the magnitudes of its lower samples.
    bits: [u32; 2],
}

/// A code-block of Part 15.
pub struct Block<'a> {
    /// Columns and rows.
    pub size: (usize, usize),
    /// The lowest bit plane of the cleanup pass, 1 for the last one of all.
    pub plane: u32,
    /// The bit planes above it.
    pub above: u32,
    /// How it is coded.
    pub style: Style,
    /// The cleanup pass, and those behind it.
    pub segments: &'a [Segment],
    /// What the segments lie in.
    pub bytes: &'a [u8],
}

impl Forward<'_> {
    fn new(bytes: &[u8], behind: u8) -> Forward<'_> {
        Forward {
            bytes,
            behind,
            bits: 0,
            count: 0,
            after_ones: false,
        }
    }

    /// The next bits, 32 at most.
    #[inline(always)]
    fn take(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.fill();
        }
        let bits = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count -= count;
        bits as u32
    }

    /// Makes 32 bits at least of what comes next.
    fn fill(&mut self) {
        if let Some((four, rest)) = self.bytes.split_first_chunk()
            && !self.after_ones
        {
            let four = u32::from_le_bytes(*four);
            // No byte of ones, so none of their complements is zero.
            let zeros = (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080;
            if zeros == 0 {
                self.bits |= u64::from(four) << self.count;
                self.count += 32;
                self.bytes = rest;
                return;
            }
        }
        while self.count < 32 {
            let byte = match self.bytes.split_first() {
                Some((byte, rest)) => {
                    self.bytes = rest;
                    *byte
                }
                None => self.behind,
            };
            self.bits |= u64::from(byte) << self.count;
            self.count += 8 - u32::from(self.after_ones);
            self.after_ones = byte == 0xff;
        }
    }
}

impl Backward<'_> {
    fn new(bytes: &[u8], after_high: bool) -> Backward<'_> {
        Backward {
            bytes,
            bits: 0,
            count: 0,
            after_high,
        }
    }

    /// The bits of the codes of significance, the first four of which share their byte with the length of all.
    fn of_codes(bytes: &[u8]) -> Backward<'_> {
        let Some((last, rest)) = bytes.split_last() else {
            return Self::new(bytes, false);
        };
        let high = last >> 4;
        Backward {
            bytes: rest,
            bits: high.into(),
            count: 4 - u32::from(high & 7 == 7),
            after_high: last | 15 > 0x8f,
        }
    }

    /// The next 32 bits and those that are known behind them.
    #[inline(always)]
    fn peek(&mut self) -> u32 {
        if self.count < 32 {
            self.fill();
        }
        self.bits as u32
    }

    fn fill(&mut self) {
        if let Some((rest, four)) = self.bytes.split_last_chunk() {
            let four = u32::from_be_bytes(*four);
            // No byte ends with seven ones, so none of what is left of their complements is zero.
            let others = !four & 0x7f7f_7f7f;
            if others.wrapping_sub(0x0101_0101) & !others & 0x8080_8080 == 0 {
                self.bits |= u64::from(four) << self.count;
                self.count += 32;
                self.after_high = four >> 24 > 0x8f;
                self.bytes = rest;
                return;
            }
        }
        while self.count < 32 {
            let byte = match self.bytes.split_last() {
                Some((byte, rest)) => {
                    self.bytes = rest;
                    *byte
                }
                None => 0,
            };
            self.bits |= u64::from(byte) << self.count;
            self.count += 8 - u32::from(self.after_high && byte & 0x7f == 0x7f);
            self.after_high = byte > 0x8f;
        }
    }

    #[inline(always)]
    fn pass(&mut self, count: u32) {
        self.bits >>= count;
        self.count -= count;
    }

    #[inline(always)]
    fn number(&mut self, bits: u32) -> u32 {
        let number = self.peek() & ((1 << bits) - 1);
        self.pass(bits);
        number
    }

    /// The prefix of a number.
    #[inline(always)]
    fn prefix(&mut self) -> u32 {
        let zeros = (self.peek() | 8).trailing_zeros();
        self.pass(zeros.min(2) + 1);
        [1, 2, 3, 5][zeros as usize]
    }

    /// What follows a prefix. Numbers that would be longer are of more bits than any sample here has.
    #[inline(always)]
    fn suffix(&mut self, prefix: u32) -> u32 {
        match prefix {
            0..3 => 0,
            3 => self.number(1),
            _ => self.number(5),
        }
    }
}

impl<'a> Events<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            byte: 0,
            left: 0,
            state: 0,
            run: 0,
            ends: false,
        }
    }

    fn bit(&mut self) -> u32 {
        if self.left == 0 {
            self.left = 8 - u32::from(self.byte == 0xff);
            self.byte = match self.bytes {
                [] => 0xff,
                // Its lower half is not of the events.
                [last] => last | 15,
                [first, ..] => *first,
            };
            self.bytes = self.bytes.get(1..).unwrap_or_default();
        }
        self.left -= 1;
        u32::from(self.byte >> self.left & 1)
    }

    /// Whether an event comes now.
    fn next(&mut self) -> bool {
        if self.run == 0 && !self.ends {
            let bits = RUNS[self.state];
            if self.bit() == 1 {
                self.run = 1 << bits;
                self.state = (self.state + 1).min(RUNS.len() - 1);
            } else {
                self.run = (0..bits).fold(0, |run, _| run << 1 | self.bit());
                self.state = self.state.saturating_sub(1);
                self.ends = true;
            }
        }
        if self.run > 0 {
            self.run -= 1;
            return false;
        }
        self.ends = false;
        true
    }
}

impl Cleanup {
    /// Decodes a code-block into the columns of `coder`.
    pub fn decode(&mut self, coder: &mut Coder, block: &Block<'_>) -> Result<()> {
        let (width, height) = block.size;
        let columns = coder.columns(width, height);
        let (stripes, stride) = (height.div_ceil(4), width + 3);
        self.significant.clear();
        self.significant.resize(stride * (stripes + 2), 0);
        let mut segments = block.segments.iter();
        let bytes = |segment: &Segment| {
            // What stands behind a segment of Part 1 is none of this one.
            &block.bytes[segment.bytes.start..segment.bytes.end - BEHIND.len()]
        };
        let Some(first) = segments.next() else {
            return Ok(());
        };
        self.cleanup(block, bytes(first), columns)?;
        match segments.next() {
            Some(second) if block.plane > 1 && !bytes(second).is_empty() => {
                let bits = Forward::new(bytes(second), 0);
                self.propagation(block, bits, columns);
                if second.passes > 1 {
                    self.refinement(block, Backward::new(bytes(second), true), columns);
                }
            }
            _ => (),
        }
        Ok(())
    }

    /// The cleanup pass (7.3).
    fn cleanup(&mut self, block: &Block<'_>, bytes: &[u8], columns: &mut [[i32; 4]]) -> Result<()> {
        let (width, height) = block.size;
        let quads = width.div_ceil(2);
        let (mut samples, mut codes, mut events) = parts(bytes)?;
        self.above.clear();
        self.above.resize(quads + 2, Above::default());
        let most = block.above + 2;
        for row in 0..height.div_ceil(2) {
            let is_first = row == 0;
            let of_row = if is_first { &OF_FIRST } else { &OF_OTHERS };
            let has_lower = 2 * row + 1 < height;
            let columns = &mut columns[row / 2 * width..][..width];
            let significant = &mut self.significant[(row / 2 + 1) * (width + 3) + 1..];
            let top = row % 2 * 2;
            let mut left = 0;
            // Of the row above: the quad before this one, this one and the next.
            let (mut before, mut above) = (Above::default(), self.above[0]);
            for pair in (0..quads).step_by(2) {
                let mut two = [Code::NONE; 2];
                let mut near = [0; 2];
                let here = (quads - pair).min(2);
                for i in 0..here {
                    let next = self.above[pair + i + 1];
                    let context = match is_first {
                        true => left >> 1 | left & 1,
                        false => {
                            let behind = before.significant >> 3 | above.significant >> 1;
                            let ahead = above.significant >> 3 | next.significant >> 1;
                            let beside = left >> 2 | left >> 3;
                            behind & 1 | (beside & 1) << 1 | (ahead & 1) << 2
                        }
                    };
                    if context != 0 || events.next() {
                        two[i] = of_row.of(context, codes.peek());
                        codes.pass(two[i].len());
                    }
                    left = two[i].significant();
                    near[i] =
                        (before.bits[1].max(above.bits[0])).max(above.bits[1].max(next.bits[0]));
                    (before, above) = (above, next);
                }
                let more = more_bits(is_first, two, &mut codes, &mut events);
                for (i, code) in two[..here].iter().enumerate() {
                    let quad = pair + i;
                    let own = code.significant();
                    if own == 0 {
                        self.above[quad] = Above::default();
                        continue;
                    }
                    let has_right = 2 * quad + 1 < width;
                    let outside = if has_right { 0 } else { 12 } | if has_lower { 0 } else { 10 };
                    if own & outside != 0 {
                        return Err(Error::corrupt("a sample outside of its code-block"));
                    }
                    let near = if own & (own - 1) == 0 { 0 } else { near[i] };
                    let bits = near.saturating_sub(1).max(1) + more[i];
                    if bits > most {
                        return Err(Error::corrupt(format!(
                            "a sample of {bits} bits of at most {most}"
                        )));
                    }
                    let mut of_quad = [0; 4];
                    let mut lower = [0; 2];
                    for number in 0..4 {
                        // All ones for a sample that is significant.
                        let is_significant = (own >> number & 1).wrapping_neg();
                        let len = (bits - (code.known() >> number & 1)) & is_significant;
                        let value = samples.take(len) | (code.ones() >> number & 1) << len;
                        // Twice the magnitude less two, with the sign as the lowest bit.
                        let magnitude = ((value | 1) + 2) << (block.plane - 1) & is_significant;
                        let sign = -((value & 1) as i32);
                        of_quad[number] = (magnitude as i32 ^ sign) - sign;
                        if number % 2 == 1 {
                            lower[number / 2] = (32 - (value | 1).leading_zeros()) & is_significant;
                        }
                    }
                    let is_too_large =
                        |of: &i32| of.unsigned_abs() >> (block.above + block.plane + 1) > 0;
                    if bits == most && of_quad.iter().any(is_too_large) {
                        return Err(Error::corrupt("a sample of more bits than its subband has"));
                    }
                    self.above[quad] = Above {
                        significant: own,
                        bits: lower,
                    };
                    columns[2 * quad][top..top + 2].copy_from_slice(&of_quad[..2]);
                    significant[2 * quad] |= ((own & 3) << top) as u8;
                    if has_right {
                        columns[2 * quad + 1][top..top + 2].copy_from_slice(&of_quad[2..]);
                        significant[2 * quad + 1] |= ((own >> 2) << top) as u8;
                    }
                }
            }
        }
        Ok(())
    }

    /// Samples that are not significant but have neighbours that are, of the bit plane below (7.4).
    fn propagation(&mut self, block: &Block<'_>, mut bits: Forward<'_>, columns: &mut [[i32; 4]]) {
        let (width, height) = block.size;
        let stride = width + 3;
        let value = 3 << (block.plane - 2);
        self.known.clone_from(&self.significant);
        let known = &mut self.known;
        let spread = |rows: u32| rows | rows << 1 | rows >> 1;
        for stripe in 0..height.div_ceil(4) {
            let rows = (1u32 << (height - 4 * stripe).min(4)) - 1;
            let columns = &mut columns[stripe * width..][..width];
            let begin = (stripe + 1) * stride + 1;
            for group in (0..width).step_by(4) {
                let mut found = [0; 4];
                let group = group..(group + 4).min(width);
                for (x, found) in group.clone().zip(&mut found) {
                    // Rows of a column with those above and below the stripe.
                    let around = |at: usize| {
                        let below = match block.style.is_causal() {
                            true => 0,
                            false => known[at + stride],
                        };
                        let own = u32::from(known[at]) << 1;
                        spread(u32::from(known[at - stride] >> 3) | own | u32::from(below & 1) << 5)
                    };
                    let at = begin + x;
                    let near = around(at - 1) | around(at) | around(at + 1);
                    let insignificant = rows & !u32::from(known[at]);
                    let mut waiting = near >> 1 & insignificant;
                    while waiting != 0 {
                        let row = waiting & waiting.wrapping_neg();
                        waiting ^= row;
                        if bits.take(1) != 0 {
                            *found |= row;
                            waiting |= row << 1 & insignificant;
                        }
                    }
                    known[at] |= *found as u8;
                }
                for (x, mut found) in group.zip(found) {
                    while found != 0 {
                        let row = found.trailing_zeros() as usize;
                        found &= found - 1;
                        columns[x][row] = if bits.take(1) != 0 { -value } else { value };
                    }
                }
            }
        }
    }

    /// One more bit of the samples that the cleanup pass has (7.5).
    fn refinement(&mut self, block: &Block<'_>, mut bits: Backward<'_>, columns: &mut [[i32; 4]]) {
        let (width, height) = block.size;
        let half = 1 << (block.plane - 2);
        for stripe in 0..height.div_ceil(4) {
            let columns = &mut columns[stripe * width..][..width];
            let significant = &self.significant[(stripe + 1) * (width + 3) + 1..][..width];
            for (column, significant) in columns.iter_mut().zip(significant) {
                let mut waiting = *significant;
                while waiting != 0 {
                    let value = &mut column[waiting.trailing_zeros() as usize];
                    waiting &= waiting - 1;
                    let is_larger = bits.number(1) != 0;
                    *value += if is_larger == (*value > 0) {
                        half
                    } else {
                        -half
                    };
                }
            }
        }
    }
}

/// The parts of a cleanup pass: the bits of samples from the front, events behind them, and the codes of significance from
/// the back.
fn parts(bytes: &[u8]) -> Result<(Forward<'_>, Backward<'_>, Events<'_>)> {
    let [.., before, last] = *bytes else {
        return Err(Error::corrupt(format!(
            "a cleanup pass of {} bytes",
            bytes.len()
        )));
    };
    let len = usize::from(last) << 4 | usize::from(before & 15);
    if len < 2 || len > bytes.len().min(MOST_CODES) {
        return Err(Error::corrupt(format!(
            "{len} bytes of codes in a cleanup pass of {}",
            bytes.len()
        )));
    }
    let (samples, codes) = bytes.split_at(bytes.len() - len);
    let codes = &codes[..len - 1];
    Ok((
        Forward::new(samples, 0xff),
        Backward::of_codes(codes),
        Events::new(codes),
    ))
}

/// By how much the bits of the samples of two quads are more than what the quads around them tell.
#[inline(always)]
fn more_bits(
    is_first: bool,
    two: [Code; 2],
    codes: &mut Backward<'_>,
    events: &mut Events<'_>,
) -> [u32; 2] {
    match (two[0].has_more(), two[1].has_more()) {
        (0, 0) => [0, 0],
        (1, 1) if is_first => {
            if events.next() {
                let (first, second) = (codes.prefix(), codes.prefix());
                let first = 2 + first + codes.suffix(first);
                return [first, 2 + second + codes.suffix(second)];
            }
            let first = codes.prefix();
            if first > 2 {
                let second = 1 + codes.number(1);
                return [first + codes.suffix(first), second];
            }
            let second = codes.prefix();
            [first, second + codes.suffix(second)]
        }
        (first, second) => {
            let mut prefix = |has_more: u32| if has_more == 1 { codes.prefix() } else { 0 };
            let (first, second) = (prefix(first), prefix(second));
            let first = first + codes.suffix(first);
            [first, second + codes.suffix(second)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that follow from the one before.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % end
        }
    }

    #[test]
    fn any_bytes_are_samples_within_their_bits_or_an_error() {
        let mut random = Random(1);
        let (mut coder, mut cleanup) = (Coder::default(), Cleanup::default());
        let mut outcomes = [0, 0];
        for case in 0..3000 {
            let len = 2 + random.below(300);
            let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
            // Most lengths of codes are no lie.
            if case % 8 > 0 {
                let codes = 2 + random.below(len - 1);
                bytes[len - 1] = (codes >> 4) as u8;
                bytes[len - 2] = bytes[len - 2] & 0xf0 | codes as u8 & 15;
            }
            let middle = bytes.len() + BEHIND.len();
            bytes.extend(BEHIND);
            bytes.extend((0..random.below(90)).map(|at| [0xff, at as u8][at % 2]));
            bytes.extend(BEHIND);
            let segments = [
                Segment {
                    passes: 1,
                    bytes: 0..middle,
                },
                Segment {
                    passes: 1 + random.below(2) as u32,
                    bytes: middle..bytes.len(),
                },
            ];
            let above = random.below(30) as u32;
            let plane = 1 + random.below(30 - above as usize) as u32;
            let block = Block {
                size: (1 + random.below(70), 1 + random.below(9)),
                plane,
                above,
                style: Style([0x40, 0x48][case % 2]),
                segments: &segments,
                bytes: &bytes,
            };
            let outcome = cleanup.decode(&mut coder, &block);
            outcomes[usize::from(outcome.is_ok())] += 1;
            if outcome.is_ok() {
                let (width, height) = block.size;
                let mut values = (0..height).flat_map(|row| coder.row(row));
                let most = 1 << (above + plane + 1);
                assert!(values.all(|value| i64::from(value).abs() < most));
                assert_eq!(coder.row(0).count(), width);
            }
        }
        assert!(outcomes[0] > 100 && outcomes[1] > 100, "{outcomes:?}");
    }
}
