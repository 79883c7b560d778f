//! What the tests of all tiers need: caches with a tier over a scene whose decodes are counted, through the C API, and a
//! look at headers.

pub mod folder;
pub mod header;
mod member;

pub use folder::Folder;
pub use member::{COLS, Member, ROWS, SIDE, called, pixel, sized};
