//! Colour ramps by name, of 256 colours each.
//!
//! Viridis, magma, inferno, plasma (S. van der Walt, N. Smith and E. Firing) and cividis (J. Nunez, C. Anderton and
//! R. Renslow) are in the public domain (CC0), turbo (A. Mikhailov) is under the Apache licence.

/// A ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp(usize);

type Colours = [[u8; 3]; 256];

static RAMPS: [(&str, Colours); 6] = [
    ("cividis", colours(include_bytes!("ramps/cividis.txt"))),
    ("inferno", colours(include_bytes!("ramps/inferno.txt"))),
    ("magma", colours(include_bytes!("ramps/magma.txt"))),
    ("plasma", colours(include_bytes!("ramps/plasma.txt"))),
    ("turbo", colours(include_bytes!("ramps/turbo.txt"))),
    ("viridis", colours(include_bytes!("ramps/viridis.txt"))),
];

/// The colours of a text of hexadecimal digits, six for each and one byte between.
const fn colours(text: &[u8]) -> Colours {
    assert!(text.len() == 256 * 7);
    let mut colours = [[0; 3]; 256];
    let mut at = 0;
    while at < 256 * 3 {
        let digits = at / 3 * 7 + at % 3 * 2;
        colours[at / 3][at % 3] = digit(text[digits]) << 4 | digit(text[digits + 1]);
        at += 1;
    }
    colours
}

const fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        _ => letter - b'a' + 10,
    }
}

impl Ramp {
    /// The names, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RAMPS.iter().map(|(name, _)| *name)
    }

    /// The ramp with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::names().position(|of| of == name).map(Ramp)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        RAMPS[self.0].0
    }

    /// Its colours, the lowest first.
    pub fn colours(self) -> impl Iterator<Item = [u8; 3]> {
        RAMPS[self.0].1.into_iter()
    }
}
