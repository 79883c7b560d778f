//! The cache that a tier works for, through the C API.

use crate::raw::*;
use crate::table::LogFn;
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Arc;
use tilecache_fleet::clock::Moment;
use tilecache_fleet::value::{Doubt, Pixels, PixelsMut};
use tilecache_fleet::{Answer, Generation, Link, Parcel};

/// A reference to the link of a cache, and where its user wants to be told.
pub(crate) struct Cache {
    link: *mut tc_tier_link,
    log: Option<LogFn>,
    log_user: *mut c_void,
}

// SAFETY: all functions that take a link are safe on any thread, and so must be the log of the user.
unsafe impl Send for Cache {}
// SAFETY: as above.
unsafe impl Sync for Cache {}

impl Cache {
    /// Takes over the reference.
    pub(crate) fn new(link: *mut tc_tier_link, log: Option<LogFn>, log_user: *mut c_void) -> Self {
        Self {
            link,
            log,
            log_user,
        }
    }

    pub(crate) fn taken(&self, parcel: u64) {
        // SAFETY: the link is ours.
        unsafe { tc_tier_taken(self.link, parcel) }
    }

    fn end(&self, ticket: u64, outcome: i32, lease: u64) {
        // Where nobody waits any more, this comes to nothing.
        // SAFETY: the link is ours.
        unsafe {
            tc_tier_answer(
                self.link,
                ticket,
                outcome,
                lease,
                ptr::null(),
                ptr::null_mut(),
            );
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: the reference was given to us, and is given back once.
        unsafe { tc_tier_link_release(self.link) }
    }
}

impl Link for Cache {
    fn deliver(
        &self,
        ticket: u64,
        write: &mut dyn FnMut(&mut PixelsMut<'_>) -> Result<(), Doubt>,
    ) -> Result<(), Doubt> {
        // SAFETY: the struct is one of numbers and a pointer, all of which may be 0.
        let mut room: tc_target = unsafe { std::mem::zeroed() };
        // SAFETY: the link is ours, and the struct is there.
        if unsafe { tc_tier_room(self.link, ticket, &mut room, ptr::null_mut()) } != TC_OK {
            return Ok(()); // Nobody waits any more.
        }
        let (row_stride, band_stride) = (room.row_stride as usize, room.band_stride as usize);
        let bytes = room.bands as usize * band_stride;
        // SAFETY: the memory is packed, of so many bytes, and ours alone until the ticket is answered.
        let data = unsafe { std::slice::from_raw_parts_mut(room.data.cast::<u8>(), bytes) };
        write(&mut PixelsMut {
            data,
            row_stride,
            band_stride,
        })?;
        self.end(ticket, TC_TIER_PIXELS as i32, 0);
        Ok(())
    }

    fn answer(&self, ticket: u64, answer: Answer) {
        match answer {
            Answer::Miss => self.end(ticket, TC_TIER_MISS as i32, 0),
            Answer::Busy => self.end(ticket, TC_TIER_BUSY as i32, 0),
            Answer::Leased(lease) => self.end(ticket, TC_TIER_LEASED as i32, lease),
        }
    }

    fn is_wanted(&self, ticket: u64) -> bool {
        // SAFETY: the link is ours.
        unsafe { tc_tier_is_wanted(self.link, ticket) == 1 }
    }

    fn changed(&self, source: &str, generation: Option<Generation>) {
        let Ok(source) = CString::new(source) else {
            return; // It came from a text that ends with NUL.
        };
        let generation =
            generation.map(|Generation { counter, random }| tc_generation { counter, random });
        let told = generation.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the link is ours; text and generation are there during the call.
        unsafe { tc_tier_changed(self.link, source.as_ptr(), told, ptr::null_mut()) };
    }

    fn confirmed(&self, source: &str, generation: Generation, until: Moment) {
        let Ok(source) = CString::new(source) else {
            return; // As above.
        };
        let Generation { counter, random } = generation;
        let told = tc_generation { counter, random };
        // SAFETY: the link is ours; text and generation are there during the call.
        unsafe { tc_tier_confirmed(self.link, source.as_ptr(), &told, until.0, ptr::null_mut()) };
    }

    fn log(&self, text: &str) {
        let Some(log) = self.log else {
            return;
        };
        let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
        // SAFETY: the user promised that it may be called so.
        unsafe { log(self.log_user, text.as_ptr()) };
    }
}

/// A block of the cache that is to be stored.
pub(crate) struct Block {
    cache: Arc<Cache>,
    parcel: u64,
    data: *const u8,
    bytes: usize,
    row_stride: usize,
    band_stride: usize,
}

// SAFETY: the pixels do not change and may be read on any thread until they are taken.
unsafe impl Send for Block {}

impl Block {
    /// # Safety
    ///
    /// The pixels are those that came with this parcel, of which this is the only one.
    pub(crate) unsafe fn new(
        cache: Arc<Cache>,
        parcel: u64,
        pixels: &tc_pixels,
        row_bytes: usize,
    ) -> Self {
        let (row_stride, band_stride) = (pixels.row_stride as usize, pixels.band_stride as usize);
        let last = |count: i64, stride: usize| (count.max(1) as usize - 1) * stride;
        let bytes =
            last(pixels.bands.into(), band_stride) + last(pixels.height, row_stride) + row_bytes;
        Self {
            cache,
            parcel,
            data: pixels.data.cast(),
            bytes,
            row_stride,
            band_stride,
        }
    }
}

impl Parcel for Block {
    fn pixels(&self) -> Pixels<'_> {
        Pixels {
            // SAFETY: the pixels may be read, from the first sample to the last, until they are taken.
            data: unsafe { std::slice::from_raw_parts(self.data, self.bytes) },
            row_stride: self.row_stride,
            band_stride: self.band_stride,
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.cache.taken(self.parcel);
    }
}
