//! The structs and constants that cross the boundary.

use std::ffi::c_void;

/// The type of one sample: one of tc_dtype_code.
pub type tc_dtype = i32;

/// The values of tc_dtype. Samples are in native byte order; complex ones as real part, imaginary part.
#[repr(C)]
pub enum tc_dtype_code {
    /// uint8_t
    TC_U8 = 1,
    /// int8_t
    TC_I8 = 2,
    /// uint16_t
    TC_U16 = 3,
    /// int16_t
    TC_I16 = 4,
    /// uint32_t
    TC_U32 = 5,
    /// int32_t
    TC_I32 = 6,
    /// uint64_t
    TC_U64 = 7,
    /// int64_t
    TC_I64 = 8,
    /// float (9 is kept for 16-bit floats)
    TC_F32 = 10,
    /// double
    TC_F64 = 11,
    /// int16_t[2], complex
    TC_CI16 = 20,
    /// int32_t[2], complex
    TC_CI32 = 21,
    /// float[2], complex
    TC_CF32 = 22,
    /// double[2], complex
    TC_CF64 = 23,
}

/// What a band shows: one of tc_colour_code.
pub type tc_colour = i32;

/// The values of tc_colour.
#[repr(C)]
pub enum tc_colour_code {
    /// Unknown.
    TC_COLOUR_UNDEFINED = 0,
    /// Brightness.
    TC_COLOUR_GRAY = 1,
    /// Indices into a palette.
    TC_COLOUR_PALETTE = 2,
    /// Red.
    TC_COLOUR_RED = 3,
    /// Green.
    TC_COLOUR_GREEN = 4,
    /// Blue.
    TC_COLOUR_BLUE = 5,
    /// Opacity.
    TC_COLOUR_ALPHA = 6,
    /// Cyan.
    TC_COLOUR_CYAN = 7,
    /// Magenta.
    TC_COLOUR_MAGENTA = 8,
    /// Yellow.
    TC_COLOUR_YELLOW = 9,
    /// Black.
    TC_COLOUR_BLACK = 10,
    /// Luma of YCbCr.
    TC_COLOUR_LUMA = 11,
    /// Blue difference of YCbCr.
    TC_COLOUR_CB = 12,
    /// Red difference of YCbCr.
    TC_COLOUR_CR = 13,
}

/// The bits of tc_image_info.flags.
#[repr(C)]
pub enum tc_image_flags {
    /// All bands have the same nodata value, and `nodata` is it.
    TC_IMAGE_HAS_NODATA = 1,
    /// A subset of the bands is read no faster than all of them, which are kept together. Of TIFFs of 32 bands or more up
    /// to an eighth of the bands are loaded and kept alone all the same, until others of the same block are asked
    /// for while those are in the cache and all bands of what is there would fit.
    TC_IMAGE_BANDS_TOGETHER = 2,
    /// Blocks may be absent; see provider_has_block. Of a TIFF whose tables of blocks take more than 64 KiB
    /// this is not looked for, so that opening it costs little.
    TC_IMAGE_SPARSE = 4,
    /// Part of a block is cheaper than the block.
    TC_IMAGE_WINDOWED = 8,
    /// The source brings a mask of its own; see provider_mask.
    TC_IMAGE_HAS_MASK = 16,
    /// Blocks at the right and bottom edge are filled up with pad to full size.
    TC_IMAGE_PADDED = 32,
    /// For provider_from_memory: the release function is not called when the last tile goes, but by
    /// tc_run_releases. Never reported.
    TC_IMAGE_DEFER_RELEASE = 64,
}

/// What an image is. Size-led.
///
/// As output of provider_info every member is set. As input to provider_from_source and
/// provider_from_memory, 0 is the default that each member names.
///
/// Level L of the image has ceil(width / 2^L) x ceil(height / 2^L) pixels (files: either way of
/// rounding) and the same grid: block (row, col) shows the same area at every level. Its columns
/// begin at ceil(col * block_width / 2^L), and rows likewise, so that blocks neither overlap nor leave
/// gaps. A block that is left without pixels at a high level does not exist.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_image_info {
    /// sizeof(tc_image_info), set by you.
    pub struct_size: u32,
    /// The sample type of all bands. Input: must be set.
    pub dtype: tc_dtype,
    /// Columns of the true image at level 0, also where edge blocks are padded. Input: must be set.
    pub width: i64,
    /// Rows. Input: must be set.
    pub height: i64,
    /// Columns of a block at level 0. Input: 0 is `width`.
    pub block_width: i64,
    /// Rows of a block. Input: 0 is `height`.
    pub block_height: i64,
    /// Columns of the grid of blocks. Input: 0, or the number that follows from the sizes.
    pub grid_cols: i64,
    /// Rows of the grid. Input: as grid_cols.
    pub grid_rows: i64,
    /// Bands, at most 65536. Input: 0 is 1.
    pub bands: i32,
    /// Resolution levels, at most 32. Input: 0 is 1.
    pub levels: i32,
    /// Significant bits of a sample (of one part of a complex one), such as 11. They are the low ones,
    /// but where the text NITF_PJUST of the metadata is L: there they are the high ones, as stored.
    /// Input: 0 is all.
    pub bits: i32,
    /// Bits of tc_image_flags. Input: TC_IMAGE_HAS_NODATA counts, and TC_IMAGE_DEFER_RELEASE for
    /// provider_from_memory; the others follow from the source and are ignored, so that what
    /// provider_info gave can be given back.
    pub flags: u32,
    /// One sample of `dtype`: what fills absent blocks and everything outside the image.
    pub pad: [u8; 16],
    /// One sample of `dtype`, with TC_IMAGE_HAS_NODATA: pixels equal to it are not data. Integers are
    /// compared bit by bit, floats by value: -0 is equal to 0, and where nodata is NaN, every NaN is
    /// nodata. Of complex pixels both parts must be equal; where a part of nodata is NaN, every pixel with a
    /// NaN in any part is nodata.
    /// A value of a file that `dtype` does not have, such as 256 or NaN in u8 or 1e39 in f32, is no nodata;
    /// its text is in the metadata.
    pub nodata: [u8; 16],
}

/// The bits of tc_band_info.flags.
#[repr(C)]
pub enum tc_band_flags {
    /// `nodata` is set.
    TC_BAND_HAS_NODATA = 1,
}

/// What a band is. Size-led.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_band_info {
    /// sizeof(tc_band_info), set by you.
    pub struct_size: u32,
    /// What the band shows.
    pub colour: tc_colour,
    /// Bits of tc_band_flags.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// One sample of the image's type, with TC_BAND_HAS_NODATA: pixels equal to it are not data.
    pub nodata: [u8; 16],
}

/// The bits of tc_pixels.flags.
#[repr(C)]
pub enum tc_pixels_flags {
    /// Nothing was stored here; all pixels are pad.
    TC_PIXELS_ABSENT = 1,
    /// For tc_put: the release function is not called when the last tile goes, but by tc_run_releases.
    TC_PIXELS_DEFER_RELEASE = 2,
    /// For tc_put: memory that you lend takes room in the budget like that of the library, so that the
    /// tile goes, and the release function is called, when its turn comes. Without it what you lend takes
    /// no room, whatever its size.
    TC_PIXELS_COUNTED = 4,
}

/// Pixels to be read. Frozen.
///
/// Sample (x, y, band) lies at data + band * band_stride + y * row_stride + x * (size of a sample).
/// In tiles of the library row_stride is a positive multiple of the sample size and at least one row,
/// band_stride a multiple of row_stride, and all bytes from the first sample to the last are readable;
/// the content of gaps is unspecified. Buffers of the library begin at a multiple of 64 bytes; a tile
/// may begin inside one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_pixels {
    /// Sample (0, 0) of the first band.
    pub data: *const c_void,
    /// Columns.
    pub width: i64,
    /// Rows.
    pub height: i64,
    /// Bytes from a row to the next.
    pub row_stride: i64,
    /// Bytes from a band to the next.
    pub band_stride: i64,
    /// Columns inside the image; less than `width` in a padded edge tile.
    pub valid_width: i64,
    /// Rows inside the image.
    pub valid_height: i64,
    /// Bands.
    pub bands: i32,
    /// The sample type.
    pub dtype: tc_dtype,
    /// Bits of tc_pixels_flags.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// Memory of the caller as an array of pixels. Frozen.
///
/// Sample (x, y, band) lies at data + band * band_stride + y * row_stride + x * pixel_stride. Strides
/// are in bytes and may be negative: band-sequential, interleaved by row or pixel, bottom-up,
/// transposed. All three 0 is packed band-sequential; otherwise a stride may be 0 only where there is
/// a single column, row or band. Samples need not be aligned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_target {
    /// Sample (0, 0) of the first band.
    pub data: *mut c_void,
    /// Bytes from a column to the next.
    pub pixel_stride: i64,
    /// Bytes from a row to the next.
    pub row_stride: i64,
    /// Bytes from a band to the next.
    pub band_stride: i64,
    /// Columns, at least 1.
    pub width: i64,
    /// Rows, at least 1.
    pub height: i64,
    /// Bands, at least 1.
    pub bands: i32,
    /// The sample type; 0 is that of the image.
    pub dtype: tc_dtype,
}

/// Special values in the band list of tc_tile_copy and provider_read_window.
#[repr(C)]
pub enum tc_band_code {
    /// No band of the image, but opaque alpha: the type's maximum, 1.0 for floats.
    TC_BAND_OPAQUE = -1,
}

/// Takes back what the caller lent with `user`. Called exactly once, on whatever thread gives up the
/// last reference, possibly inside a release function of the library. It may call release functions
/// of the library and nothing else of it.
pub type tc_release_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_image_info>() == 104);
    assert!(offset_of!(tc_image_info, width) == 8 && offset_of!(tc_image_info, bands) == 56);
    assert!(offset_of!(tc_image_info, flags) == 68 && offset_of!(tc_image_info, pad) == 72);
    assert!(size_of::<tc_band_info>() == 32 && offset_of!(tc_band_info, nodata) == 16);
    assert!(size_of::<tc_pixels>() == 72 && offset_of!(tc_pixels, bands) == 56);
    assert!(size_of::<tc_target>() == 56 && offset_of!(tc_target, bands) == 48);
};

/// The numbers of the header are those of the core.
const _: () = {
    use crate::dtype::DType;
    use crate::image::Colour;
    assert!(tc_dtype_code::TC_I64 as i32 == DType::I64 as i32);
    assert!(tc_dtype_code::TC_F32 as i32 == DType::F32 as i32);
    assert!(tc_dtype_code::TC_CI16 as i32 == DType::CI16 as i32);
    assert!(tc_dtype_code::TC_CF64 as i32 == DType::CF64 as i32);
    assert!(tc_colour_code::TC_COLOUR_ALPHA as i32 == Colour::Alpha as i32);
    assert!(tc_colour_code::TC_COLOUR_CR as i32 == Colour::Cr as i32);
};
