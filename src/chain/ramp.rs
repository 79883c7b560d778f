//! Colour ramps by name, of 256 colours each.
//!
//! Viridis, magma, inferno, plasma (S. van der Walt, N. Smith and E. Firing) and cividis (J. Nunez, C. Anderton and
//! R. Renslow) are in the public domain (CC0), turbo (A. Mikhailov) is under the Apache licence.

/// A ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp(usize);

const RAMPS: &[(&str, &[u8; 768])] = &[
    ("cividis", include_bytes!("ramps/cividis.rgb")),
    ("inferno", include_bytes!("ramps/inferno.rgb")),
    ("magma", include_bytes!("ramps/magma.rgb")),
    ("plasma", include_bytes!("ramps/plasma.rgb")),
    ("turbo", include_bytes!("ramps/turbo.rgb")),
    ("viridis", include_bytes!("ramps/viridis.rgb")),
];

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
        RAMPS[self.0].1.as_chunks().0.iter().copied()
    }
}
