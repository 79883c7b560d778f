//! Streams: the tiles of a level on their way into a file, in their own order whichever thread made them.

use super::aside;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where the tiles of an image lie, plane by plane, and how long they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// Bytes from the beginning of the stream.
    pub offsets: Vec<u64>,
    /// Their lengths.
    pub counts: Vec<u64>,
}

impl Places {
    fn new(count: usize) -> Self {
        Self {
            offsets: vec![0; count],
            counts: vec![0; count],
        }
    }
}

/// A level's tiles, each followed by that of its mask.
pub struct Stream<'a> {
    file: &'a File,
    path: &'a Path,
    /// Where the stream begins in the file.
    start: u64,
    /// Each tile stands between its length and its last bytes once more.
    is_framed: bool,
    tiles: u64,
    state: Mutex<State>,
}

struct State {
    next: u64,
    waiting: BTreeMap<u64, Vec<Vec<u8>>>,
    len: u64,
    /// Those of the planes, one after the other, and those of the mask.
    image: Places,
    mask: Places,
}

impl<'a> Stream<'a> {
    /// So many tiles of so many planes.
    pub fn new(
        (file, path): (&'a File, &'a Path),
        start: u64,
        is_framed: bool,
        (tiles, planes): (u64, usize),
        has_mask: bool,
    ) -> Self {
        let count = tiles as usize;
        let state = State {
            next: 0,
            waiting: BTreeMap::new(),
            len: 0,
            image: Places::new(count * planes),
            mask: Places::new(if has_mask { count } else { 0 }),
        };
        Self {
            file,
            path,
            start,
            is_framed,
            tiles,
            state: Mutex::new(state),
        }
    }

    /// The next tile that is to be written.
    pub fn next(&self) -> u64 {
        self.state.lock().next
    }

    /// Takes the tiles of a place, those of the planes and that of the mask, and writes all that is its turn.
    pub fn push(&self, nth: u64, tiles: Vec<Vec<u8>>) -> Result<()> {
        let mut turn = Vec::new();
        {
            let mut state = self.state.lock();
            state.waiting.insert(nth, tiles);
            while let Some(tiles) = {
                let next = state.next;
                state.waiting.remove(&next)
            } {
                let at = state.next as usize;
                state.next += 1;
                for (plane, bytes) in tiles.into_iter().enumerate() {
                    let frame = if self.is_framed { 4 } else { 0 };
                    let offset = state.len;
                    state.len += bytes.len() as u64 + 2 * frame;
                    let place = plane * self.tiles as usize + at;
                    let images = state.image.offsets.len();
                    let (places, place) = match place < images {
                        true => (&mut state.image, place),
                        false => (&mut state.mask, at),
                    };
                    places.offsets[place] = offset + frame;
                    places.counts[place] = bytes.len() as u64;
                    turn.push((offset, bytes));
                }
            }
        }
        for (offset, bytes) in turn {
            let bytes = if self.is_framed {
                framed(&bytes)?
            } else {
                bytes
            };
            let written = self.file.write_all_at(&bytes, self.start + offset);
            written.map_err(|error| aside::failed(self.path, "tiles", &error))?;
        }
        Ok(())
    }

    /// Where the tiles lie, and how long the stream is, after all of them were written.
    pub fn end(self) -> Result<(Places, Places, u64)> {
        let State {
            next,
            len,
            image,
            mask,
            ..
        } = self.state.into_inner();
        match next == self.tiles {
            true => Ok((image, mask, len)),
            false => Err(Error::internal(format!(
                "{next} of {} tiles were written",
                self.tiles
            ))),
        }
    }
}

/// A tile between its length and its last four bytes once more.
fn framed(tile: &[u8]) -> Result<Vec<u8>> {
    let len = u32::try_from(tile.len())
        .map_err(|_| Error::limit(format!("a tile of {} bytes", tile.len())))?;
    let mut all = Vec::with_capacity(tile.len() + 8);
    all.extend_from_slice(&len.to_le_bytes());
    all.extend_from_slice(tile);
    // Of a tile that is shorter the rest is zero.
    let mut last = [0; 4];
    let count = tile.len().min(4);
    last[..count].copy_from_slice(&tile[tile.len() - count..]);
    all.extend_from_slice(&last);
    Ok(all)
}
