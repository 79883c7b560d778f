//! Sample types by the codes of `tc_dtype`.

/// The type of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    code: u8,
    bytes: u8,
    parts: u8,
}

/// Code, bytes, and numbers in a sample, which are two in complex ones.
const SAMPLES: [(u8, u8, u8); 14] = [
    (1, 1, 1),
    (2, 1, 1),
    (3, 2, 1),
    (4, 2, 1),
    (5, 4, 1),
    (6, 4, 1),
    (7, 8, 1),
    (8, 8, 1),
    (10, 4, 1),
    (11, 8, 1),
    (20, 4, 2),
    (21, 8, 2),
    (22, 8, 2),
    (23, 16, 2),
];

impl Sample {
    /// The type with this code, if there is one.
    pub fn from_code(code: i32) -> Option<Self> {
        let found = SAMPLES
            .iter()
            .find(|&&(known, ..)| i32::from(known) == code);
        found.map(|&(code, bytes, parts)| Self { code, bytes, parts })
    }

    /// All types.
    pub fn all() -> impl Iterator<Item = Self> {
        SAMPLES
            .iter()
            .filter_map(|&(code, ..)| Self::from_code(code.into()))
    }

    /// Its code.
    pub fn code(self) -> u8 {
        self.code
    }

    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        self.bytes.into()
    }

    /// Bytes of one number in it.
    pub fn number_bytes(self) -> usize {
        usize::from(self.bytes / self.parts)
    }
}
