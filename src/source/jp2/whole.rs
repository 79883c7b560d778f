//! Whether all packets of a tile are there, where there is reason to doubt it.
//!
//! The codec takes packets that are missing for empty ones, and bytes that were shifted for pixels.

use super::codestream::{Look, Tile, is_refusal};
use super::header::Header;
use super::index::{Doubt, EOC_BYTES, End, Part};
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::source::index::most_at_once;

/// An error where packets of the tile in this column and row, which lies in `parts`, are lost. What cannot be told, for
/// the tile is not one that is read by code-blocks, is none.
pub fn check(
    bytes: &dyn Bytes,
    header: &Header,
    at: (u64, u64),
    parts: &[Part],
    doubt: Option<Doubt>,
) -> Result<()> {
    let look = match Tile::look(bytes, header, at, parts, most_at_once()) {
        Ok(look) => Some(look),
        Err(error) if is_refusal(&error) => None,
        Err(error) => return Err(error),
    };
    let ended = match look {
        Some(Look::LostMarker(error)) => return Err(error),
        Some(Look::Read(ended)) => Ok(ended),
        Some(Look::Unreadable(error)) => Err(Some(error)),
        None => Err(None),
    };
    match (doubt, ended) {
        // Writers leave out the last packets, as long as they say where the tile-part ends.
        (None, _) | (Some(Doubt::Ends(End::Length | End::Eoc)), Ok(_)) => Ok(()),
        (Some(Doubt::Ends(End::File)), Ok(ended)) if ended.missing == 0 || ended.at_eoc => Ok(()),
        (Some(Doubt::Ends(End::File)), Ok(ended)) => Err(Error::corrupt(format!(
            "the file ends without EOC after {} of {} packets of a tile-part without a length",
            ended.packets - ended.missing,
            ended.packets
        ))),
        (Some(Doubt::Ends(End::LengthOverEoc)), Ok(ended))
            if ended.missing == 0 && ended.left == EOC_BYTES =>
        {
            Ok(())
        }
        (Some(Doubt::Ends(End::LengthOverEoc)), _) => Err(Error::corrupt(format!(
            "the {} bytes of the last tile-part take in EOC, but do not end with the packets before it",
            parts.last().map_or(0, |part| part.len)
        ))),
        (Some(Doubt::Fewer(_)), Ok(ended)) if ended.missing == 0 => Ok(()),
        (Some(Doubt::Fewer(of)), _) => Err(Error::corrupt(format!(
            "has {} of {of} tile-parts",
            parts.len()
        ))),
        (Some(Doubt::Ends(_)), Err(error)) => error.map_or(Ok(()), Err),
    }
}
