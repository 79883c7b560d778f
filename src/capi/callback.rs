//! A caller's callbacks as sources of the core.

use super::args::natural;
use super::array::Owner;
use super::inputs::Inputs;
use super::source::{tc_io, tc_source, tc_threading};
use super::status::{callback, tc_error, tc_status};
use super::types::tc_target;
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image};
use crate::load::Sessions;
use crate::memory::PixelsMut;
use crate::operator::pyramid;
use crate::provider::Provider;
use crate::source::formats::Part;
use crate::source::{Decoder, Source, missing};
use smallvec::SmallVec;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// A caller's bytes.
pub struct CallbackBytes {
    io: tc_io,
    read_at: unsafe extern "C" fn(*mut c_void, i64, *mut c_void, usize, *mut tc_error) -> tc_status,
    /// Releases the bytes after their last reader.
    pub owner: Arc<Owner>,
}

// SAFETY: the header demands that `read_at` may be called from several threads at once.
unsafe impl Send for CallbackBytes {}
// SAFETY: as above.
unsafe impl Sync for CallbackBytes {}

impl CallbackBytes {
    /// The bytes that `io` describes.
    pub fn new(io: &tc_io) -> Result<Self> {
        natural(io.size, "io.size")?;
        if io.flags != 0 {
            let flags = io.flags;
            return Err(Error::argument(format!(
                "io.flags is {flags:#x}; it must be 0"
            )));
        }
        let read_at = io.read_at;
        Ok(Self {
            io: *io,
            read_at: read_at.ok_or_else(|| Error::argument("io.read_at is NULL"))?,
            owner: Owner::new(io.release, io.user),
        })
    }
}

impl Bytes for CallbackBytes {
    fn len(&self) -> u64 {
        self.io.size as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let (len, size) = (into.len(), self.len());
        if offset.checked_add(len as u64).is_none_or(|end| end > size) {
            return Err(Error::corrupt(format!(
                "{len} bytes from {offset} on, of a file of {size}"
            )));
        }
        let to = into.as_mut_ptr().cast();
        // SAFETY: the header says what the callback does with these arguments.
        callback("read_at", |err| unsafe {
            (self.read_at)(self.io.user, offset as i64, to, len, err)
        })
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

/// A caller's source.
pub struct CallbackDecoder {
    /// Sessions are closed before the source is released.
    turns: Turns,
    calls: tc_source,
    bands: u32,
    /// Releases the source after its last callback.
    pub owner: Arc<Owner>,
    /// What the callbacks read; goes last.
    _inputs: Inputs,
}

// SAFETY: the header demands that callbacks may be called as `threading` declares, on any thread.
unsafe impl Send for CallbackDecoder {}
// SAFETY: as above.
unsafe impl Sync for CallbackDecoder {}

/// Who may call now.
enum Turns {
    Everybody,
    /// One thread, whose turn is a session without content.
    One(Sessions<()>),
    Sessions(Sessions<Session>),
}

/// A session of a caller's source, closed when dropped.
struct Session {
    session: *mut c_void,
    user: *mut c_void,
    close: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
}

// SAFETY: the header says that a session is used on any thread, by one call at a time.
unsafe impl Send for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(close) = self.close {
            // SAFETY: `open_session` gave this session, and it is closed only here.
            unsafe { close(self.user, self.session) };
        }
    }
}

impl CallbackDecoder {
    /// The callbacks of `source`, whose image has so many bands, and what they read.
    pub fn new(source: &tc_source, bands: u32, inputs: Inputs) -> Result<Self> {
        if source.read_block.is_none() {
            return Err(Error::argument("source.read_block is NULL"));
        }
        Ok(Self {
            turns: Turns::of(source)?,
            // What these point to is the caller's again once the source is made.
            calls: tc_source {
                image: null(),
                key: null(),
                band_infos: null(),
                texts: null(),
                levels: null(),
                mask: null_mut(),
                inputs: null(),
                fleet_id: null(),
                ..*source
            },
            bands,
            owner: Owner::new(source.release, source.user),
            _inputs: inputs,
        })
    }

    /// Makes a call when it is its turn, with the session that it may use.
    fn in_turn<R>(&self, call: impl FnOnce(*mut c_void) -> Result<R>) -> Result<R> {
        match &self.turns {
            Turns::Everybody => call(null_mut()),
            Turns::One(turn) => turn.with(|| Ok(()), |()| call(null_mut())),
            Turns::Sessions(pool) => {
                pool.with(|| self.open_session(), |session| call(session.session))
            }
        }
    }

    fn open_session(&self) -> Result<Session> {
        let (open, user) = (self.calls.open_session, self.calls.user);
        let open = open.ok_or_else(|| Error::internal("the source has no sessions"))?;
        let mut session = null_mut();
        // SAFETY: the header says what the callback does with these arguments.
        callback("open_session", |err| unsafe {
            open(user, &mut session, err)
        })?;
        Ok(Session {
            session,
            user,
            close: self.calls.close_session,
        })
    }

    /// The band list for a callback: empty, passed as NULL, for all in order.
    fn band_list(&self, bands: &[u32]) -> SmallVec<[i32; 8]> {
        if bands.iter().copied().eq(0..self.bands) {
            return SmallVec::new();
        }
        bands.iter().map(|band| *band as i32).collect()
    }
}

impl Turns {
    fn of(source: &tc_source) -> Result<Self> {
        const CONCURRENT: u32 = tc_threading::TC_CONCURRENT as u32;
        const ONE_AT_A_TIME: u32 = tc_threading::TC_ONE_AT_A_TIME as u32;
        const SESSIONS: u32 = tc_threading::TC_SESSIONS as u32;
        let max = natural(source.max_sessions, "source.max_sessions")? as usize;
        let sessions = source.open_session.is_some() || source.close_session.is_some();
        if source.threading != SESSIONS && (sessions || max != 0) {
            return Err(Error::argument(
                "source has sessions, but threading is not TC_SESSIONS",
            ));
        }
        match source.threading {
            CONCURRENT => Ok(Turns::Everybody),
            ONE_AT_A_TIME => Ok(Turns::One(Sessions::new(1))),
            SESSIONS if source.open_session.is_none() => {
                Err(Error::argument("source.open_session is NULL"))
            }
            SESSIONS => Ok(Turns::Sessions(Sessions::new(match max {
                0 => std::thread::available_parallelism().map_or(1, |count| count.get()),
                max => max,
            }))),
            other => Err(Error::argument(format!("source.threading is {other}"))),
        }
    }
}

/// Pixels to be written, as a callback sees them while they are borrowed.
pub fn target_of(into: &mut PixelsMut<'_>) -> tc_target {
    let layout = into.layout();
    tc_target {
        data: into.as_mut_ptr().cast(),
        pixel_stride: layout.dtype.size() as i64,
        row_stride: layout.row_stride as i64,
        band_stride: layout.band_stride as i64,
        width: layout.shape.width as i64,
        height: layout.shape.height as i64,
        bands: layout.shape.bands as i32,
        dtype: layout.dtype as i32,
    }
}

/// The start of a band list, NULL for an empty one.
fn list_start(list: &[i32]) -> *const i32 {
    if list.is_empty() {
        null()
    } else {
        list.as_ptr()
    }
}

impl Decoder for CallbackDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        let Some(has_block) = self.calls.has_block else {
            return Ok(true);
        };
        let (row, col, level) = (at.row as i64, at.col as i64, at.level as i32);
        let mut has = 0;
        // SAFETY: the header says what the callback does with these arguments.
        let mut call = || {
            callback("has_block", |err| unsafe {
                has_block(self.calls.user, row, col, level, &mut has, err)
            })
        };
        match &self.turns {
            Turns::One(turn) => turn.with(|| Ok(()), |()| call())?,
            _ => call()?,
        }
        Ok(has != 0)
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let Some(read_block) = self.calls.read_block else {
            return Err(Error::internal("the source has no read_block"));
        };
        let (user, list, to) = (self.calls.user, self.band_list(bands), target_of(into));
        let (row, col, level) = (at.row as i64, at.col as i64, at.level as i32);
        self.in_turn(|session| {
            // SAFETY: the header says what the callback does with these arguments.
            callback("read_block", |err| unsafe {
                read_block(user, session, row, col, level, list_start(&list), &to, err)
            })
        })
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Some(read_window) = self.calls.read_window else {
            return Err(Error::unsupported("this source has no windows"));
        };
        let (user, list, to) = (self.calls.user, self.band_list(bands), target_of(into));
        let (x, y, level) = (rect.x as i64, rect.y as i64, level as i32);
        self.in_turn(|session| {
            // SAFETY: the header says what the callback does with these arguments.
            callback("read_window", |err| unsafe {
                read_window(user, session, x, y, level, list_start(&list), &to, err)
            })
        })
    }
}

/// One level of a caller's source as an image of its own; all levels share the sessions.
pub struct LevelDecoder {
    source: Arc<CallbackDecoder>,
    level: u32,
}

impl LevelDecoder {
    /// The image whose levels are `grids`, each described as an image of its own where the source has it, and
    /// its mask.
    pub fn provider(
        key: String,
        grids: Vec<Option<Image>>,
        mask: Option<Arc<dyn Provider>>,
        source: CallbackDecoder,
    ) -> Result<Arc<dyn Provider>> {
        let source = Arc::new(source);
        let full = grids.first().cloned().flatten();
        let levels: Result<Vec<_>> = (0..)
            .zip(grids)
            .map(|(level, image)| {
                let key = match level {
                    0 => key.clone(),
                    level => format!("{key}:overview:{level}"),
                };
                let source = source.clone();
                let part = match (image, &full) {
                    (None, Some(full)) => missing::level(full, level),
                    (image, _) => {
                        let none = || Error::internal("a source without its first level");
                        Part::new(image.ok_or_else(none)?, Self { source, level })
                    }
                };
                Source::with_key(key, part.image, part.decoder)
            })
            .collect();
        pyramid(levels?, mask)
    }

    /// The block as the source counts it.
    fn there(&self, at: Block) -> Block {
        Block::new(self.level, at.row, at.col)
    }
}

impl Decoder for LevelDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        self.source.has_block(self.there(at))
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.source.read_block(self.there(at), bands, into)
    }

    fn read_window(
        &self,
        _level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.source.read_window(self.level, rect, bands, into)
    }
}
