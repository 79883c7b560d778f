//! The generation of a source: it changes when the pixels of the source do.

/// A counter that the store raises by its own clock, and bits that are drawn anew with it. The bits end what an old
/// counter would bring back where the store has lost its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// At least the microseconds of the store's clock when it was made.
    pub counter: u64,
    /// Drawn by who had it made.
    pub random: u64,
}

/// Scripts of stores count in doubles.
const HIGHEST: u64 = 1 << 53;

impl Generation {
    /// As it is stored: the counter in decimal, a hyphen, 16 hexadecimal digits.
    pub fn to_text(self) -> String {
        format!("{}-{:016x}", self.counter, self.random)
    }

    /// From what is stored; nothing where that is no generation.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (counter, random) = text.split_once('-')?;
        let digits = |text: &str, all: fn(&u8) -> bool| text.bytes().all(|byte| all(&byte));
        let canonical = !counter.is_empty()
            && digits(counter, u8::is_ascii_digit)
            && (counter == "0" || !counter.starts_with('0'))
            && random.len() == 16
            && digits(random, |byte| {
                byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)
            });
        canonical.then_some(())?;
        Some(Self {
            counter: counter.parse().ok().filter(|&counter| counter <= HIGHEST)?,
            random: u64::from_str_radix(random, 16).ok()?,
        })
    }
}
