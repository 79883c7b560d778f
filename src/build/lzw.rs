//! LZW as TIFF has it: codes of 9 to 12 bits, the highest bit first, that grow one code early.

/// Forget all that was learnt.
const CLEAR: u32 = 256;

/// The end.
const END: u32 = 257;

/// The first code that is learnt.
const FIRST: u32 = 258;

/// With this many codes all is forgotten.
const MOST: u32 = 4094;

/// Places for codes, twice as many as there are codes, by a hash of what they stand for.
const PLACES: usize = 1 << 13;

/// Writes codes into bytes.
struct Writer {
    out: Vec<u8>,
    bits: u64,
    count: u32,
    /// The bits of a code.
    width: u32,
}

impl Writer {
    #[inline(always)]
    fn put(&mut self, code: u32) {
        self.bits = self.bits << self.width | u64::from(code);
        self.count += self.width;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.bits >> self.count) as u32;
            self.out.extend_from_slice(&word.to_be_bytes());
        }
    }

    fn end(mut self) -> Vec<u8> {
        while self.count > 0 {
            let byte = match self.count {
                8.. => self.bits >> (self.count - 8),
                count => self.bits << (8 - count),
            };
            self.out.push(byte as u8);
            self.count = self.count.saturating_sub(8);
        }
        self.out
    }
}

/// The codes that are known, each a code and a byte behind it in the upper 20 bits, and its own number below; 0 where
/// there is none.
struct Codes {
    places: Box<[u32; PLACES]>,
    next: u32,
}

impl Codes {
    fn new() -> Self {
        Self {
            places: Box::new([0; PLACES]),
            next: FIRST,
        }
    }

    fn forget(&mut self) {
        self.places.fill(0);
        self.next = FIRST;
    }

    /// The code for a code and a byte, or else the place where it belongs.
    #[inline(always)]
    fn find(&self, pair: u32) -> Result<u32, usize> {
        let mut place = (pair.wrapping_mul(0x9e37_79b1) >> 19) as usize;
        loop {
            match self.places[place % PLACES] {
                0 => return Err(place % PLACES),
                found if found >> 12 == pair => return Ok(found & 0xfff),
                _ => place += 1,
            }
        }
    }

    /// Learns a code.
    #[inline(always)]
    fn learn(&mut self, place: usize, pair: u32) {
        self.places[place] = pair << 12 | self.next;
    }
}

/// The stream of some bytes.
pub fn pack(plain: &[u8]) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::with_capacity(plain.len() / 2 + 64),
        bits: 0,
        count: 0,
        width: 9,
    };
    let mut codes = Codes::new();
    writer.put(CLEAR);
    let Some((first, rest)) = plain.split_first() else {
        writer.put(END);
        return writer.end();
    };
    let mut code = u32::from(*first);
    for byte in rest {
        let pair = code << 8 | u32::from(*byte);
        match codes.find(pair) {
            Ok(longer) => code = longer,
            Err(place) => {
                writer.put(code);
                code = u32::from(*byte);
                codes.learn(place, pair);
                grow(&mut writer, &mut codes);
            }
        }
    }
    writer.put(code);
    grow(&mut writer, &mut codes);
    writer.put(END);
    writer.end()
}

/// A code was written, and one more is known to the reader by now, or will be with the next one.
#[inline(always)]
fn grow(writer: &mut Writer, codes: &mut Codes) {
    codes.next += 1;
    if codes.next == MOST {
        writer.put(CLEAR);
        writer.width = 9;
        codes.forget();
    } else if codes.next >> writer.width != 0 {
        writer.width += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weezl::BitOrder;
    use weezl::decode::Decoder;

    #[test]
    fn streams_give_back_what_they_were_made_of() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for len in (0..600).chain([4000, 4094, 4095, 4096, 5000, 100_000]) {
            for kind in 0..4 {
                let byte = |at: usize| match kind {
                    0 => 0,
                    1 => ((at * at) >> 7) as u8,
                    2 => random() as u8,
                    _ => (random() % 3) as u8,
                };
                let plain: Vec<u8> = (0..len).map(byte).collect();
                let packed = pack(&plain);
                let mut decoder = Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
                assert!(decoder.decode(&packed).unwrap() == plain, "{len} {kind}");
            }
        }
    }
}
