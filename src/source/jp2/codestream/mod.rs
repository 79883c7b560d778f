//! Codestreams in parts: each code-block is found once and decoded alone.
//!
//! A [`Tile`] knows where the bytes of each code-block lie, from the packet headers (`packet`, `tag_tree`, in the
//! `order` that the codestream has, found by `search`). A `code_block` becomes coefficients by its `contexts` and the
//! arithmetic decoder `mq`, one of Part 15 (`ht_block`) by the codes of `ht_codes`. `groups` of code-blocks are kept, and a `window` is made of just the coefficients under it by
//! the `wavelet`; `grid` has the geometry of all that.

mod code_block;
mod contexts;
mod grid;
mod groups;
mod ht_block;
mod ht_codes;
mod mq;
mod order;
mod packet;
mod search;
mod tag_tree;
mod tile;
mod wavelet;
mod window;

use crate::error::{Error, Kind};
pub use grid::Area;
pub use groups::{Kept, Shape};
pub use search::Needed;
pub use tile::{Look, Tile};
pub use window::{Access, Samples, read};

/// Whether an error is that of a tile that cannot be read by its code-blocks, and not one of reading its bytes.
pub fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Corrupt | Kind::Unsupported | Kind::Limit
    )
}
