//! the list of formats.

use super::args::{self, SizeLed};
use super::guard::guard;
use super::status::{tc_error, tc_status};
use crate::error::Error;
use crate::source::formats::{FORMATS, can};
use std::ffi::c_char;

/// The bits of tc_format.flags: what is read of a format, where the file allows it.
#[repr(C)]
pub enum tc_format_flags {
    /// Files may hold several images; see provider_image_count.
    TC_FORMAT_IMAGES = 1,
    /// Resolution levels.
    TC_FORMAT_LEVELS = 2,
    /// Parts of a block for less than the block; see TC_IMAGE_WINDOWED.
    TC_FORMAT_WINDOWS = 4,
    /// Several threads decode at once.
    TC_FORMAT_CONCURRENT = 8,
    /// Some of the bands for less than all; see TC_IMAGE_BANDS_TOGETHER.
    TC_FORMAT_BANDS = 16,
    /// Absent blocks; see provider_has_block.
    TC_FORMAT_SPARSE = 32,
    /// Masks beside the pixels; see provider_mask.
    TC_FORMAT_MASKS = 64,
    /// What places the image on the ground; see provider_georef.
    TC_FORMAT_GEOREFERENCE = 128,
    /// Bytes of yours; see provider_open_io.
    TC_FORMAT_IO = 256,
}

const _: () = {
    use tc_format_flags::*;
    assert!(TC_FORMAT_IMAGES as u32 == can::IMAGES && TC_FORMAT_LEVELS as u32 == can::LEVELS);
    assert!(TC_FORMAT_WINDOWS as u32 == can::WINDOWS && TC_FORMAT_BANDS as u32 == can::BANDS);
    assert!(TC_FORMAT_CONCURRENT as u32 == can::CONCURRENT && TC_FORMAT_IO as u32 == can::BYTES);
    assert!(TC_FORMAT_SPARSE as u32 == can::SPARSE && TC_FORMAT_MASKS as u32 == can::MASKS);
    assert!(TC_FORMAT_GEOREFERENCE as u32 == can::GEOREFERENCE);
};

/// A file format that provider_open reads. Size-led; all texts are static.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_format {
    /// sizeof(tc_format), set by you.
    pub struct_size: u32,
    /// Bits of tc_format_flags.
    pub flags: u32,
    /// Its name, such as "TIFF", for tc_open_options.format.
    pub name: *const c_char,
    /// Its name for a menu.
    pub long_name: *const c_char,
    /// Usual endings of file names, without dot, separated by spaces. Files are known by their
    /// content, not by these.
    pub extensions: *const c_char,
    /// Media types, separated by spaces.
    pub media_types: *const c_char,
    /// What is read, in a few sentences.
    pub reads: *const c_char,
    /// What is refused, or left out.
    pub lacks: *const c_char,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<tc_format>() == 56);

// SAFETY: numbers and pointers behind a size; zero is NULL.
unsafe impl SizeLed for tc_format {
    const NAME: &'static str = "tc_format";
}

/// ======== FORMATS ========
///
/// How many file formats provider_open reads.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_format_count() -> usize {
    FORMATS.len()
}

/// A file format that provider_open reads. Later versions of the library may have more, at any place.
///
/// - index: from 0 to below tc_format_count().
/// - format: required, with struct_size set; the other members are 0 on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such format, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_format_info(
    index: usize,
    format: *mut tc_format,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output_sized(format, "format")?;
            let count = FORMATS.len();
            let format = (FORMATS.get(index)).ok_or_else(|| {
                Error::range(format!("index is {index}; there are {count} formats"))
            })?;
            to.set(tc_format {
                struct_size: 0,
                flags: format.can,
                name: format.name.as_ptr(),
                long_name: format.long_name.as_ptr(),
                extensions: format.extensions.as_ptr(),
                media_types: format.media_types.as_ptr(),
                reads: format.reads.as_ptr(),
                lacks: format.lacks.as_ptr(),
            });
            Ok(())
        })
    }
}
