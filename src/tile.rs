//! Tiles: decoded, immutable pixels, and the handles that keep them alive.

use crate::convert::{convert_row, opaque};
use crate::copy::Rows;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::Bands;
use crate::layout::{Layout, Shape};
use crate::memory::{Address, Buffer, Canvas, PixelsMut, Target};
use crate::simd::vectorised;
use crate::slab::Handle;
use std::ops::Deref;
use std::sync::Arc;

/// All of a tile but its memory: what many tiles have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// Where the pixels lie, relative to the first.
    pub layout: Layout,
    /// Columns and rows inside the image.
    pub valid: (usize, usize),
    /// Whether the source does not have the block.
    pub absent: bool,
    /// Which bands of its image a cache has the pixels for; [`Bands::ALL`] outside of caches.
    pub bands: Bands,
}

/// Pixels somewhere in a buffer, without a claim on them: what a cache keeps of a tile.
#[derive(Clone)]
pub struct Pixels {
    buffer: Arc<Buffer>,
    /// That of the first sample, lest each look at it go by way of the buffer.
    start: Address,
    form: Arc<Form>,
}

impl Pixels {
    /// The pixels of a whole buffer.
    pub fn new(buffer: Arc<Buffer>, layout: Layout) -> Self {
        Self::part_of(buffer, 0, layout)
    }

    /// Pixels of `layout` from byte `offset` of a buffer on.
    ///
    /// # Panics
    /// If they leave the buffer.
    pub fn part_of(buffer: Arc<Buffer>, offset: usize, layout: Layout) -> Self {
        let form = Form {
            layout,
            valid: (layout.shape.width, layout.shape.height),
            absent: false,
            bands: Bands::ALL,
        };
        Self::of_form(buffer, offset, Arc::new(form))
    }

    /// Pixels of a form that others have too.
    ///
    /// # Panics
    /// If they leave the buffer.
    pub fn of_form(buffer: Arc<Buffer>, offset: usize, form: Arc<Form>) -> Self {
        let room = buffer.bytes().len().checked_sub(offset);
        assert!(
            room.is_some_and(|room| form.layout.span() <= room),
            "the layout exceeds the buffer"
        );
        Self {
            start: buffer.address(offset),
            buffer,
            form,
        }
    }

    /// All but the memory.
    pub fn form(&self) -> &Arc<Form> {
        &self.form
    }

    /// Where the pixels begin in the buffer.
    pub fn offset(&self) -> usize {
        self.buffer.offset(self.start)
    }

    /// The same pixels with only the first columns and rows inside the image.
    pub fn with_valid(mut self, width: usize, height: usize) -> Self {
        Arc::make_mut(&mut self.form).valid = (width, height);
        self
    }

    /// The same pixels, marked as standing for a block that the source does not have.
    pub fn as_absent(mut self) -> Self {
        Arc::make_mut(&mut self.form).absent = true;
        self
    }

    /// The buffer that holds the pixels.
    pub fn buffer(&self) -> &Arc<Buffer> {
        &self.buffer
    }

    /// The buffer, without the pixels.
    pub fn into_buffer(self) -> Arc<Buffer> {
        self.buffer
    }

    /// Where the pixels lie, relative to [`Pixels::bytes`].
    pub fn layout(&self) -> Layout {
        self.form.layout
    }

    /// Columns, rows and bands.
    pub fn shape(&self) -> Shape {
        self.form.layout.shape
    }

    /// The sample type.
    pub fn dtype(&self) -> DType {
        self.form.layout.dtype
    }

    /// Columns and rows inside the image; less than the shape in a padded edge tile.
    pub fn valid(&self) -> (usize, usize) {
        self.form.valid
    }

    /// Whether nothing was stored here and all pixels are pad.
    pub fn is_absent(&self) -> bool {
        self.form.absent
    }

    /// All bytes from the first sample to the last.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[self.offset()..][..self.form.layout.span()]
    }

    /// Where the first sample is.
    pub fn start(&self) -> *const u8 {
        self.start.pointer()
    }

    /// One row of one band.
    ///
    /// # Panics
    /// If the band or the row does not exist.
    pub fn row(&self, band: usize, y: usize) -> &[u8] {
        let at = self.offset() + self.form.layout.offset(band, y);
        &self.buffer.bytes()[at..at + self.form.layout.row_bytes()]
    }

    /// The pixels as a three-dimensional array of (band, row, column); `None` if `T` is not the
    /// sample type or a caller's memory is not aligned for it.
    pub fn array<T: bytemuck::Pod>(&self) -> Option<ndarray::ArrayView3<'_, T>> {
        use ndarray::ShapeBuilder;
        let size = self.dtype().size();
        if size_of::<T>() != size {
            return None;
        }
        let samples: &[T] = bytemuck::try_cast_slice(self.bytes()).ok()?;
        let Shape {
            width,
            height,
            bands,
        } = self.shape();
        let strides = (
            self.form.layout.band_stride / size,
            self.form.layout.row_stride / size,
            1,
        );
        ndarray::ArrayView3::from_shape((bands, height, width).strides(strides), samples).ok()
    }

    /// A rectangle of the same pixels, without a copy.
    ///
    /// # Panics
    /// If the rectangle is not inside.
    pub fn window(&self, x: usize, y: usize, width: usize, height: usize) -> Pixels {
        let shape = self.shape();
        assert!(
            x <= shape.width && width <= shape.width - x,
            "columns outside the tile"
        );
        assert!(
            y <= shape.height && height <= shape.height - y,
            "rows outside the tile"
        );
        let shape = Shape {
            width,
            height,
            bands: shape.bands,
        };
        let at = if shape.is_empty() {
            0
        } else {
            self.form.layout.offset(0, y) + x * self.dtype().size()
        };
        let form = Form {
            layout: Layout {
                shape,
                ..self.form.layout
            },
            valid: (
                self.form.valid.0.saturating_sub(x).min(width),
                self.form.valid.1.saturating_sub(y).min(height),
            ),
            absent: self.form.absent,
            bands: Bands::ALL,
        };
        Self::of_form(self.buffer.clone(), self.offset() + at, Arc::new(form))
    }

    /// Some of the bands without a copy: one band, or several a constant step apart; `None` for any
    /// other order, which has no positive stride.
    ///
    /// # Panics
    /// If a band does not exist.
    pub fn bands(&self, bands: &[u32]) -> Option<Pixels> {
        let first = *bands.first()? as usize;
        let step = match bands {
            [_] => 1,
            [a, b, ..] => b.checked_sub(*a)?,
            [] => return None,
        };
        if step == 0
            || bands
                .windows(2)
                .any(|w| w[1].checked_sub(w[0]) != Some(step))
        {
            return None;
        }
        assert!(
            (bands[bands.len() - 1] as usize) < self.shape().bands,
            "no such band"
        );
        let mut layout = self.form.layout;
        layout.shape.bands = bands.len();
        layout.band_stride *= step as usize;
        let at = if layout.shape.is_empty() {
            0
        } else {
            self.form.layout.offset(first, 0)
        };
        let form = Form {
            layout,
            bands: Bands::ALL,
            ..*self.form
        };
        let (buffer, offset) = (self.buffer.clone(), self.offset() + at);
        Some(Self::of_form(buffer, offset, Arc::new(form)))
    }

    /// Copies all pixels, which must be as many as `into` has, of the same type.
    pub fn copy_to(&self, into: &mut PixelsMut<'_>) {
        self.copy_part_to(0, 0, into);
    }

    /// Copies the pixels from column `x` and row `y` on, as many as `into` has, of the same type and with as many bands.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn copy_part_to(&self, x: usize, y: usize, into: &mut PixelsMut<'_>) {
        let Layout { shape, dtype, .. } = into.layout();
        let own = self.form.layout;
        debug_assert_eq!(own.dtype, dtype);
        if shape.is_empty() {
            return;
        }
        for band in 0..shape.bands {
            into.store_band(band, &self.rows(band, x, y, shape.width));
        }
    }

    /// The rows of a band from row `y` on, with the pixels from column `x` on.
    ///
    /// # Panics
    /// If the tile has no `width` pixels there.
    fn rows(&self, band: usize, x: usize, y: usize, width: usize) -> Rows<'_> {
        let own = self.form.layout;
        assert!(
            x <= own.shape.width && width <= own.shape.width - x,
            "columns outside the tile"
        );
        let first = own.offset(band, y) + x * own.dtype.size();
        let end = own.offset(band, own.shape.height - 1) + own.row_bytes();
        Rows::new(&self.bytes()[first..end], own.row_stride)
    }

    /// Copies the pixels from column `x` and row `y` on into a caller's memory, one target band for
    /// each of `bands` in their order, converted to the target's type. `None` writes opaque alpha.
    pub fn copy_to_target(&self, x: usize, y: usize, bands: &[Option<u32>], mut into: Target) {
        let Shape { width, height, .. } = into.shape;
        if into.shape.is_empty() {
            return;
        }
        if self.dtype() == into.dtype
            && into.is_interleaved()
            && self.interleave(x, y, bands, &mut into)
        {
            return;
        }
        let size = self.dtype().size();
        let mut row = vec![0; width * into.dtype.size()];
        for (to, band) in bands.iter().enumerate() {
            match band {
                None => {
                    let sample = opaque(into.dtype);
                    let sample = sample.bytes(into.dtype);
                    row.chunks_exact_mut(sample.len())
                        .for_each(|out| out.copy_from_slice(sample));
                    (0..height).for_each(|line| into.store_row(to, 0, line, &row));
                }
                Some(band) if into.is_packed() && into.dtype == self.dtype() => {
                    into.store_band(to, &self.rows(*band as usize, x, y, width));
                }
                Some(band) => {
                    for line in 0..height {
                        let from = &self.row(*band as usize, y + line)[x * size..][..width * size];
                        if into.dtype == self.dtype() {
                            into.store_row(to, 0, line, from);
                        } else {
                            convert_row(self.dtype(), from, into.dtype, &mut row);
                            into.store_row(to, 0, line, &row);
                        }
                    }
                }
            }
        }
    }
}

impl Pixels {
    /// Copies three or four bands of bytes into pixels of as many, all bands of a row at once; says whether it did.
    fn interleave(&self, x: usize, y: usize, bands: &[Option<u32>], into: &mut Target) -> bool {
        let Shape { width, height, .. } = into.shape;
        if self.dtype() != DType::U8 || !matches!(bands.len(), 3 | 4) {
            return false;
        }
        let opaque = vec![255; width];
        let mut pixels = vec![0; width * bands.len()];
        for line in 0..height {
            let row = |band: &Option<u32>| match band {
                Some(band) => &self.row(*band as usize, y + line)[x..x + width],
                None => &opaque[..],
            };
            match bands {
                [a, b, c, d] => interleave_four([a, b, c, d].map(row), &mut pixels),
                [a, b, c] => interleave_three([a, b, c].map(row), &mut pixels),
                _ => return false,
            }
            into.store_pixels(line, &pixels);
        }
        true
    }
}

fn interleave_four([a, b, c, d]: [&[u8]; 4], pixels: &mut [u8]) {
    vectorised(|| {
        let of = a.iter().zip(b).zip(c).zip(d);
        for (pixel, (((a, b), c), d)) in pixels.as_chunks_mut().0.iter_mut().zip(of) {
            *pixel = [*a, *b, *c, *d];
        }
    });
}

fn interleave_three([a, b, c]: [&[u8]; 3], pixels: &mut [u8]) {
    vectorised(|| {
        let of = a.iter().zip(b).zip(c);
        for (pixel, ((a, b), c)) in pixels.as_chunks_mut().0.iter_mut().zip(of) {
            *pixel = [*a, *b, *c];
        }
    });
}

/// A handle to immutable pixels. They stay valid and unchanged until the last handle is dropped,
/// whatever becomes of caches and providers.
#[derive(Clone)]
pub struct Tile(Handle);

impl Tile {
    /// A handle to these pixels.
    pub fn hold(pixels: Pixels) -> Self {
        Tile(Handle::apart(pixels))
    }

    /// A handle that a cache gave.
    #[inline(always)]
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Tile(handle)
    }

    /// Drops the handle, unless that may run other code: then it is given back.
    #[inline(always)]
    pub(crate) fn release_quickly(self) -> Option<Self> {
        self.0.release_quickly().map(Tile)
    }

    /// A number that whoever gets the tile out of a cache later finds at it; 0 at first.
    #[inline(always)]
    pub(crate) fn mark(&self) -> u16 {
        self.0.mark()
    }

    /// Sets [`Tile::mark`].
    pub(crate) fn set_mark(&self, mark: u16) {
        self.0.set_mark(mark);
    }

    /// What keeps the pixels.
    #[inline(always)]
    pub(crate) fn into_handle(self) -> Handle {
        self.0
    }

    /// A tile of freshly written pixels.
    pub fn from_canvas(canvas: Canvas) -> Self {
        let (buffer, layout) = canvas.freeze();
        Self::hold(Pixels::new(Arc::new(buffer), layout))
    }

    /// The pixels, without a handle.
    #[inline]
    pub fn pixels(&self) -> &Pixels {
        self.0.pixels()
    }

    /// The same handle to other pixels, made from its own by `change`.
    pub fn map(&self, change: impl FnOnce(&Pixels) -> Pixels) -> Tile {
        Tile::hold(change(self))
    }

    /// Some bands of the tile in any order: a view where that is possible, else a copy in memory
    /// from `allocate`.
    pub fn select(
        &self,
        bands: &[u32],
        allocate: impl FnOnce(Layout) -> Result<Canvas>,
    ) -> Result<Tile> {
        if let Some(view) = self.bands(bands) {
            return Ok(Tile::hold(view));
        }
        let shape = Shape {
            bands: bands.len(),
            ..self.shape()
        };
        let mut canvas = allocate(Layout::packed(shape, self.dtype())?)?;
        let mut out = canvas.pixels_mut();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..shape.height {
                out.row_mut(to, y)
                    .copy_from_slice(self.row(*band as usize, y));
            }
        }
        let (buffer, layout) = canvas.freeze();
        let form = Form {
            layout,
            bands: Bands::ALL,
            ..*self.form
        };
        Ok(Tile::hold(Pixels::of_form(
            Arc::new(buffer),
            0,
            Arc::new(form),
        )))
    }
}

impl Pixels {
    /// Checks a rectangle and a band list, then copies; see [`Pixels::copy_to_target`].
    pub fn copy(&self, x: u64, y: u64, bands: &[Option<u32>], into: Target) -> Result<()> {
        let shape = self.shape();
        let outside = |at: u64, size: usize, limit: usize| {
            at.checked_add(size as u64)
                .is_none_or(|end| end > limit as u64)
        };
        if outside(x, into.shape.width, shape.width) || outside(y, into.shape.height, shape.height)
        {
            return Err(Error::range(format!(
                "{} x {} pixels at column {x}, row {y} leave the tile of {} x {}",
                into.shape.width, into.shape.height, shape.width, shape.height
            )));
        }
        if let Some(band) = bands
            .iter()
            .flatten()
            .find(|band| **band as usize >= shape.bands)
        {
            return Err(Error::range(format!(
                "band {band} of a tile with {} bands",
                shape.bands
            )));
        }
        if bands.len() != into.shape.bands {
            return Err(Error::argument(format!(
                "{} bands chosen for a target of {}",
                bands.len(),
                into.shape.bands
            )));
        }
        self.copy_to_target(x as usize, y as usize, bands, into);
        Ok(())
    }
}

impl Deref for Tile {
    type Target = Pixels;

    fn deref(&self) -> &Pixels {
        self.pixels()
    }
}
