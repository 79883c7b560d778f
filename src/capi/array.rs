//! Memory of the caller: arrays with three signed strides, and who takes them back.

use super::args::natural;
use super::types::{tc_pixels, tc_pixels_flags, tc_release_fn, tc_target};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image};
use crate::layout::{Layout, Shape};
use crate::memory::{Buffer, Canvas, Memory, PixelsMut, Target};
use crate::source::Decoder;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{ProcessGuard, ProcessMutex, Still};
use crate::tile::Pixels;
use std::ffi::c_void;
use std::sync::Arc;

/// Calls the release function of something lent, when the last user of it is gone, or puts it off.
///
/// Until [`Owner::take`] the caller keeps what it offers: a call that fails releases nothing.
pub struct Owner {
    release: Release,
    taken: AtomicBool,
    deferred: bool,
}

/// A release function and what it is called with.
struct Release {
    release: tc_release_fn,
    user: *mut c_void,
}

// SAFETY: the header demands that `release` may be called with `user` on any thread.
unsafe impl Send for Release {}

impl Release {
    fn run(&self) {
        if let Some(release) = self.release {
            // SAFETY: this is the one call that the header promises.
            unsafe { release(self.user) };
        }
    }
}

/// The release functions that wait for [`run_deferred`].
static DEFERRED: ProcessMutex<Vec<Release>> = ProcessMutex::new(Vec::new());

/// Keeps release functions from being put off and called.
pub fn stand_still() -> Box<dyn Still> {
    Box::new(DEFERRED.lock())
}

impl Still for ProcessGuard<'static, Vec<Release>> {
    fn in_child(&mut self) {
        // They are for the parent to call.
        std::mem::forget(std::mem::take(&mut **self));
    }
}

/// Calls the release functions that were put off, and says how many.
pub fn run_deferred() -> usize {
    let due = std::mem::take(&mut *DEFERRED.lock());
    due.iter().for_each(Release::run);
    due.len()
}

// SAFETY: `release` is `Send`, and shared access only stores a flag.
unsafe impl Sync for Owner {}

impl Owner {
    /// Something offered together with `release`.
    pub fn new(release: tc_release_fn, user: *mut c_void) -> Arc<Self> {
        Self::of_memory(release, user, false)
    }

    /// Memory offered together with `release`, which is put off where `deferred`.
    pub fn of_memory(release: tc_release_fn, user: *mut c_void, deferred: bool) -> Arc<Self> {
        Arc::new(Self {
            release: Release { release, user },
            taken: AtomicBool::new(false),
            deferred,
        })
    }

    /// From now on it is ours to release.
    pub fn take(&self) {
        self.taken.store(true, Ordering::Release);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let Release { release, user } = self.release;
        match (*self.taken.get_mut(), self.deferred) {
            (false, _) => (),
            (true, false) => self.release.run(),
            (true, true) => DEFERRED.lock().push(Release { release, user }),
        }
    }
}

/// Pixels in the caller's memory, checked: every offset in it fits the address space.
#[derive(Clone, Copy)]
pub struct Array {
    start: *mut u8,
    /// Bytes from a column, a row and a band to the next.
    strides: [isize; 3],
    /// Columns, rows and bands.
    pub shape: Shape,
    /// The sample type.
    pub dtype: DType,
}

impl Array {
    /// The argument `name`, of type `dtype` where it names none.
    pub fn of_target(target: &tc_target, name: &str, dtype: DType) -> Result<Self> {
        let dtype = match target.dtype {
            0 => dtype,
            code => DType::from_code(code).map_err(|error| error.at(name))?,
        };
        let strides = [target.pixel_stride, target.row_stride, target.band_stride];
        let shape = shape(target.width, target.height, target.bands);
        Self::new(target.data, strides, shape, dtype).map_err(|error| error.at(name))
    }

    /// Pixels for reading, how many columns and rows of them count, and their flags.
    pub fn of_pixels(pixels: &tc_pixels) -> Result<(Self, (usize, usize), u32)> {
        let array = Self::readable(pixels).map_err(|error| error.at("pixels"))?;
        let valid = |value: i64, all: usize, name: &str| match natural(value, name)? {
            0 => Ok(all),
            value if value > all as u64 => Err(Error::range(format!("{name} is {value} of {all}"))),
            value => Ok(value as usize),
        };
        let valid = (
            valid(pixels.valid_width, array.shape.width, "valid_width")?,
            valid(pixels.valid_height, array.shape.height, "valid_height")?,
        );
        use tc_pixels_flags::*;
        let known =
            TC_PIXELS_ABSENT as u32 | TC_PIXELS_DEFER_RELEASE as u32 | TC_PIXELS_COUNTED as u32;
        if pixels.flags & !known != 0 || pixels.reserved != 0 {
            let (flags, reserved) = (pixels.flags, pixels.reserved);
            return Err(Error::argument(format!(
                "pixels has flags {flags:#x} and reserved {reserved:#x}; there are only the flags {known:#x}"
            )));
        }
        Ok((array, valid, pixels.flags))
    }

    fn readable(pixels: &tc_pixels) -> Result<Self> {
        let dtype = DType::from_code(pixels.dtype)?;
        let strides = match [pixels.row_stride, pixels.band_stride] {
            [0, 0] => [0; 3],
            [row, band] => [dtype.size() as i64, row, band],
        };
        let shape = shape(pixels.width, pixels.height, pixels.bands);
        Self::new(pixels.data.cast_mut(), strides, shape, dtype)
    }

    fn new(
        start: *mut c_void,
        strides: [i64; 3],
        shape: Result<Shape>,
        dtype: DType,
    ) -> Result<Self> {
        if start.is_null() {
            return Err(Error::argument("data is NULL"));
        }
        let shape = shape?;
        let strides = if strides == [0; 3] {
            let packed = Layout::packed(shape, dtype)?;
            [dtype.size(), packed.row_stride, packed.band_stride].map(|stride| stride as isize)
        } else {
            checked(strides, shape, dtype)?
        };
        Ok(Self {
            start: start.cast(),
            strides,
            shape,
            dtype,
        })
    }

    /// Refuses a number of chosen bands that is not that of the array.
    pub fn check_bands(&self, chosen: usize) -> Result<()> {
        if chosen == self.shape.bands {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{chosen} bands chosen for a target of {}",
            self.shape.bands
        )))
    }

    /// The memory as a place to write to.
    ///
    /// # Safety
    /// All samples must be writable while the target is used, and nobody else may touch them.
    pub unsafe fn target(&self) -> Target {
        // SAFETY: promised by the caller.
        unsafe { Target::new(self.start, self.strides, self.shape, self.dtype) }
    }

    /// The layout, where it is one that tiles may have.
    fn layout(&self) -> Option<Layout> {
        let Shape {
            width,
            height,
            bands,
        } = self.shape;
        let size = self.dtype.size();
        let [pixel, row, band] = self.strides;
        // The stride of a single row or band is never used, so the caller may have set anything.
        let row = match (height, bands) {
            (1, 1) => width * size,
            (1, _) => usize::try_from(band).ok()?,
            _ => usize::try_from(row).ok()?,
        };
        let band = match bands {
            1 => row.checked_mul(height)?,
            _ => usize::try_from(band).ok()?,
        };
        let aligned = self.start.addr().is_multiple_of(self.dtype.part().size());
        let contiguous = width == 1 || pixel == size as isize;
        let regular = row >= width * size && row.is_multiple_of(size) && band.is_multiple_of(row);
        (aligned && contiguous && regular && band > 0).then_some(Layout {
            shape: self.shape,
            dtype: self.dtype,
            row_stride: row,
            band_stride: band,
        })
    }

    /// The memory itself as pixels, where its strides and its alignment are those of a tile; it takes room in budgets
    /// if it is to be counted.
    ///
    /// # Safety
    /// The pixels must be readable and unchanged until `owner` releases them.
    pub unsafe fn lend(&self, owner: &Arc<Owner>, is_counted: bool) -> Result<Option<Pixels>> {
        let Some(layout) = self.layout() else {
            return Ok(None);
        };
        let owner = owner.clone();
        let release: crate::memory::Release = Box::new(move || drop(owner));
        // SAFETY: promised by the caller; `new` checked that the span fits the address space.
        let buffer =
            unsafe { Buffer::foreign(self.start, layout.span(), is_counted, Some(release))? };
        Ok(Some(Pixels::new(Arc::new(buffer), layout)))
    }

    /// A packed copy.
    ///
    /// # Safety
    /// The pixels must be readable.
    pub unsafe fn copy(&self) -> Result<Pixels> {
        let layout = Layout::packed(self.shape, self.dtype)?;
        let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
        let mut into = canvas.pixels_mut();
        for band in 0..self.shape.bands {
            // SAFETY: promised by the caller.
            unsafe { self.copy_band(band, (0, 0), &mut into, band) };
        }
        let (buffer, layout) = canvas.freeze();
        Ok(Pixels::new(Arc::new(buffer), layout))
    }

    /// Copies part of a band, from a column and row on, to a band of `into`, which is as large.
    ///
    /// # Safety
    /// The pixels must be readable.
    ///
    /// # Panics
    /// If the part leaves the array.
    pub unsafe fn copy_band(
        &self,
        band: usize,
        (x, y): (usize, usize),
        into: &mut PixelsMut<'_>,
        to: usize,
    ) {
        let Shape { width, height, .. } = into.layout().shape;
        assert!(band < self.shape.bands, "band outside the array");
        assert!(
            x <= self.shape.width && width <= self.shape.width - x,
            "columns outside the array"
        );
        assert!(
            y <= self.shape.height && height <= self.shape.height - y,
            "rows outside the array"
        );
        let [pixel, row, plane] = self.strides;
        for line in 0..height {
            let at = band as isize * plane + (y + line) as isize * row + x as isize * pixel;
            // SAFETY: the part lies in the array, and `new` checked that its offsets do not overflow.
            unsafe {
                gather(
                    self.start.offset(at),
                    pixel,
                    self.dtype,
                    into.row_mut(to, line),
                )
            };
        }
    }
}

fn shape(width: i64, height: i64, bands: i32) -> Result<Shape> {
    let positive = |value: i64, name: &str| match natural(value, name)? {
        0 => Err(Error::range(format!("{name} is 0; it must be at least 1"))),
        value => usize::try_from(value).map_err(|_| Error::limit(format!("{name} is {value}"))),
    };
    Ok(Shape {
        width: positive(width, "width")?,
        height: positive(height, "height")?,
        bands: positive(bands.into(), "bands")?,
    })
}

/// Strides that lead to every sample without overflow.
fn checked(strides: [i64; 3], shape: Shape, dtype: DType) -> Result<[isize; 3]> {
    let names = ["pixel_stride", "row_stride", "band_stride"];
    let counts = [shape.width, shape.height, shape.bands];
    let mut reach = dtype.size() as i128;
    for ((stride, count), name) in strides.iter().zip(counts).zip(names) {
        if *stride == 0 && count > 1 {
            return Err(Error::argument(format!("{name} is 0")));
        }
        reach += i128::from(*stride).abs() * (count as i128 - 1);
    }
    let limit = crate::memory::MAX_ALLOCATION as i128;
    if reach > limit
        || strides
            .iter()
            .any(|stride| i128::from(*stride).abs() > limit)
    {
        return Err(Error::limit("the strides exceed the address space"));
    }
    Ok(strides.map(|stride| stride as isize))
}

/// Copies samples `stride` bytes apart to the packed `row`.
///
/// # Safety
/// As many samples as `row` holds must be readable from `from` on.
unsafe fn gather(from: *const u8, stride: isize, dtype: DType, row: &mut [u8]) {
    /// One sample size.
    unsafe fn run<const N: usize>(from: *const u8, stride: isize, row: &mut [u8]) {
        let (samples, _) = row.as_chunks_mut::<N>();
        for (i, sample) in samples.iter_mut().enumerate() {
            // SAFETY: promised by the caller; the source need not be aligned.
            *sample = unsafe {
                from.offset(i as isize * stride)
                    .cast::<[u8; N]>()
                    .read_unaligned()
            };
        }
    }
    // SAFETY: promised by the caller.
    unsafe {
        match dtype.size() {
            size if stride == size as isize => {
                std::ptr::copy_nonoverlapping(from, row.as_mut_ptr(), row.len());
            }
            1 => run::<1>(from, stride, row),
            2 => run::<2>(from, stride, row),
            4 => run::<4>(from, stride, row),
            8 => run::<8>(from, stride, row),
            _ => run::<16>(from, stride, row),
        }
    }
}

/// Reads blocks out of a caller's array whose strides no tile may have.
pub struct ArrayDecoder {
    array: Array,
    image: Image,
    /// Releases the array after its last reader.
    _owner: Arc<Owner>,
}

// SAFETY: the array is only read, and the header demands that it may be from any thread.
unsafe impl Send for ArrayDecoder {}
// SAFETY: as above.
unsafe impl Sync for ArrayDecoder {}

impl ArrayDecoder {
    /// A decoder of the blocks of `image`.
    pub fn new(array: Array, image: &Image, owner: Arc<Owner>) -> Self {
        Self {
            array,
            image: image.clone(),
            _owner: owner,
        }
    }
}

impl Decoder for ArrayDecoder {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.read_window(at.level, at.rect(&self.image), bands, into)
    }

    fn read_window(
        &self,
        _level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        for (to, band) in bands.iter().enumerate() {
            let from = (rect.x as usize, rect.y as usize);
            // SAFETY: the caller lends the array until its owner, which we hold, releases it.
            unsafe { self.array.copy_band(*band as usize, from, into, to) };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn array(
        data: &[u16],
        strides: [i64; 3],
        width: i64,
        height: i64,
        bands: i32,
    ) -> Result<Array> {
        let target = tc_target {
            data: data.as_ptr().cast_mut().cast(),
            pixel_stride: strides[0],
            row_stride: strides[1],
            band_stride: strides[2],
            width,
            height,
            bands,
            dtype: 0,
        };
        Array::of_target(&target, "into", DType::U16)
    }

    #[test]
    fn tile_strides_are_lent() {
        let data = [0; 64];
        let layout = |strides, width, height, bands| {
            let layout = array(&data, strides, width, height, bands)
                .unwrap()
                .layout()?;
            Some((layout.row_stride, layout.band_stride))
        };
        assert_eq!(layout([0; 3], 4, 3, 2), Some((8, 24)));
        assert_eq!(layout([2, 10, 40], 4, 3, 2), Some((10, 40)));
        assert_eq!(layout([2, 0, 0], 4, 1, 1), Some((8, 8)));
        assert_eq!(layout([2, 0, 10], 4, 1, 2), Some((10, 10)));
        assert_eq!(layout([-2, 8, 0], 1, 3, 1), Some((8, 24)));
    }

    #[test]
    fn other_strides_are_not() {
        let data = [0; 64];
        let layout = |strides| array(&data, strides, 4, 3, 2).unwrap().layout();
        assert_eq!(layout([4, 16, 2]), None, "interleaved by pixel");
        assert_eq!(layout([2, 16, 8]), None, "interleaved by row");
        assert_eq!(layout([2, -8, 24]), None, "bottom-up");
        assert_eq!(layout([2, 9, 27]), None, "between samples");
        let odd = tc_target {
            data: data.as_ptr().wrapping_byte_add(1).cast_mut().cast(),
            pixel_stride: 0,
            row_stride: 0,
            band_stride: 0,
            width: 4,
            height: 3,
            bands: 2,
            dtype: 0,
        };
        let odd = Array::of_target(&odd, "into", DType::U16).unwrap();
        assert_eq!(odd.layout(), None, "unaligned");
    }

    #[test]
    fn copies_follow_the_strides() {
        let data: Vec<u16> = (0..24).collect();
        // Four columns, three rows, two bands; interleaved by pixel, bottom-up.
        let flipped = Array {
            start: data.as_ptr().wrapping_add(16).cast_mut().cast(),
            ..array(&data, [4, -16, 2], 4, 3, 2).unwrap()
        };
        // SAFETY: all 24 samples are inside `data`.
        let copy = unsafe { flipped.copy() }.unwrap();
        let samples = copy.array::<u16>().unwrap();
        assert_eq!(samples[[0, 0, 0]], 16);
        assert_eq!(samples[[1, 0, 3]], 23);
        assert_eq!(samples[[1, 2, 1]], 3);
    }

    #[test]
    fn impossible_arrays_are_refused() {
        let data = [0; 64];
        let kind = |strides, width| array(&data, strides, width, 3, 2).err().unwrap().kind();
        assert_eq!(kind([0; 3], 0), Kind::Range);
        assert_eq!(kind([0; 3], -4), Kind::Range);
        assert_eq!(kind([0; 3], i64::MAX), Kind::Limit);
        assert_eq!(kind([0, 8, 24], 4), Kind::Argument);
        assert_eq!(kind([i64::MIN, 8, 24], 4), Kind::Limit);
        assert_eq!(kind([2, i64::MAX, 24], 4), Kind::Limit);
    }

    #[test]
    fn only_what_was_taken_is_released() {
        unsafe extern "C" fn count(user: *mut c_void) {
            // SAFETY: the test passes a counter.
            unsafe { *user.cast::<u32>() += 1 };
        }
        let mut released = 0u32;
        let user = (&raw mut released).cast();
        drop(Owner::new(Some(count), user));
        let owner = Owner::new(Some(count), user);
        let lent = owner.clone();
        owner.take();
        drop(owner);
        drop(lent);
        assert_eq!(released, 1);
    }
}
