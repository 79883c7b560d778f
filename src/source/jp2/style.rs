//! The style of code-blocks, which tells how their passes are to be read.

/// How code-blocks are coded: the bits of their style in COD (Table A.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style(pub u8);

impl Style {
    /// Passes of the lower bit planes are plain bits.
    pub fn bypasses(self) -> bool {
        self.0 & 1 != 0
    }

    /// Contexts begin anew with each pass.
    pub fn resets(self) -> bool {
        self.0 & 2 != 0
    }

    /// Each pass is a segment.
    pub fn terminates(self) -> bool {
        self.0 & 4 != 0
    }

    /// Coefficients do not depend on the stripe below.
    pub fn is_causal(self) -> bool {
        self.0 & 8 != 0
    }

    /// Code-blocks are those of Part 15.
    pub fn is_high_throughput(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Those of both parts may stand side by side.
    pub fn is_mixed(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Each cleanup pass ends with four symbols that are always the same.
    pub fn has_symbols(self) -> bool {
        self.0 & 32 != 0
    }
}
