//! Arguments from C: checked once, here, and turned into types that cannot be wrong.

use super::types::tc_band_code;
use crate::error::{Error, Result};
use crate::image::{Bands, Block, MAX_BANDS};
use smallvec::SmallVec;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::path::Path;

/// No struct of any version is larger; a larger size is a member that nobody set.
const MAX_STRUCT_SIZE: usize = 4096;

/// A struct that begins with a `u32` holding the size that its sender knows.
///
/// # Safety
/// The type must be `repr(C)`, begin with the size, and be valid when all bytes are zero.
pub unsafe trait SizeLed: Copy {
    /// The name of the type.
    const NAME: &'static str;

    /// The sizes that it had in earlier releases, from 0.1.0 on. Every other size below today's is none
    /// that a header ever said, and would cut a member in half or leave out one that must be set.
    const FORMER_SIZES: &'static [usize] = &[];
}

/// Reads a size-led struct: what an older sender does not know is zero, and a newer one must have left
/// zero what we do not know.
///
/// # Safety
/// `from` must be NULL, or readable for the size that it says.
pub unsafe fn read_sized<T: SizeLed>(from: *const T, name: &str) -> Result<T> {
    // SAFETY: promised by the caller.
    let size = unsafe { struct_size(from, name)? };
    let known = size.min(size_of::<T>());
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both sides have `known` bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(from.cast::<u8>(), value.as_mut_ptr().cast(), known);
    }
    // SAFETY: the caller promises `size` readable bytes, of which `known` come first.
    let tail = unsafe { std::slice::from_raw_parts(from.cast::<u8>().add(known), size - known) };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(Error::argument(format!(
            "{name} sets members of {} that this version does not have",
            T::NAME
        )));
    }
    // SAFETY: `SizeLed` promises that zero bytes are valid; the rest came from a sender of the type.
    Ok(unsafe { value.assume_init() })
}

/// [`read_sized`], where NULL is a struct of defaults.
///
/// # Safety
/// As for [`read_sized`].
pub unsafe fn read_options<T: SizeLed>(from: *const T) -> Result<T> {
    if from.is_null() {
        // SAFETY: `SizeLed` promises that zero bytes are valid.
        return Ok(unsafe { MaybeUninit::zeroed().assume_init() });
    }
    // SAFETY: promised by the caller.
    unsafe { read_sized(from, "options") }
}

/// The room that the caller gives for a size-led struct, emptied.
///
/// # Safety
/// `to` must be NULL, or writable for the size that it says.
pub unsafe fn output_sized<T: SizeLed>(to: *mut T, name: &str) -> Result<OutputSized<T>> {
    // SAFETY: promised by the caller.
    unsafe {
        let size = struct_size(to, name)?;
        to.cast::<u8>().add(4).write_bytes(0, size - 4);
        Ok(OutputSized { to, size })
    }
}

/// Room for a size-led struct in the caller's memory.
pub struct OutputSized<T> {
    to: *mut T,
    size: usize,
}

impl<T: SizeLed> OutputSized<T> {
    /// Writes as much of `value` as the caller knows, but leaves the caller's size.
    pub fn set(self, value: T) {
        let known = self.size.min(size_of::<T>());
        // SAFETY: `output_sized` was promised that `size` bytes are writable.
        unsafe {
            let from = (&raw const value).cast::<u8>();
            std::ptr::copy_nonoverlapping(from.add(4), self.to.cast::<u8>().add(4), known - 4);
        }
    }
}

/// The size that a size-led struct says it has.
///
/// # Safety
/// `of` must be NULL, or begin with a readable size.
unsafe fn struct_size<T: SizeLed>(of: *const T, name: &str) -> Result<usize> {
    if of.is_null() {
        return Err(Error::argument(format!("{name} is NULL")));
    }
    // SAFETY: promised by the caller.
    let size = unsafe { of.cast::<u32>().read() } as usize;
    let (own, multiple) = (size_of::<T>(), align_of::<T>());
    let is_newer = (own..=MAX_STRUCT_SIZE).contains(&size) && size.is_multiple_of(multiple);
    if is_newer || T::FORMER_SIZES.contains(&size) {
        return Ok(size);
    }
    Err(Error::argument(format!(
        "struct_size of {name} is {size}, but sizeof({}) is {own}: it is not set, or the program was built with the header of \
         another version",
        T::NAME
    )))
}

/// A place for one result, holding nothing until the call succeeds.
pub struct Output<T>(*mut T);

impl<T> Output<T> {
    /// The result.
    pub fn set(self, value: T) {
        // SAFETY: `output` was promised a writable place.
        unsafe { self.0.write(value) };
    }
}

/// The place where the result `name` goes, set to `empty`.
///
/// # Safety
/// `to` must be NULL or writable.
pub unsafe fn output<T>(to: *mut T, empty: T, name: &str) -> Result<Output<T>> {
    if to.is_null() {
        return Err(Error::argument(format!("{name} is NULL")));
    }
    // SAFETY: promised by the caller.
    unsafe { to.write(empty) };
    Ok(Output(to))
}

/// A number that may not be negative.
pub fn natural(value: impl Into<i64>, name: &str) -> Result<u64> {
    let value = value.into();
    u64::try_from(value).map_err(|_| Error::range(format!("{name} is {value}")))
}

/// A cell of a grid.
pub fn block(row: i64, col: i64, level: i32) -> Result<Block> {
    Ok(Block::new(
        natural(level, "level")? as u32,
        natural(row, "row")?,
        natural(col, "col")?,
    ))
}

/// A flag that is 0 or 1.
pub fn boolean(value: u32, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::argument(format!(
            "{name} is {value}; it must be 0 or 1"
        ))),
    }
}

/// Text, or `None` for NULL.
///
/// # Safety
/// `text` must be NULL or NUL-ended, and stay as it is while the reference is used.
pub unsafe fn optional_text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let text = unsafe { any_text(text, name)? };
    if text.is_empty() {
        return Err(Error::argument(format!("{name} is empty")));
    }
    Ok(Some(text))
}

/// Text that must be there, but may be empty.
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn any_text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(Error::argument(format!("{name} is NULL")));
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_str()
        .map_err(|error| Error::argument(format!("{name} is not UTF-8: {error}")))
}

/// Text that must be there.
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    unsafe { optional_text(text, name)? }.ok_or_else(|| Error::argument(format!("{name} is NULL")))
}

/// A path in the system's own bytes.
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn path<'a>(path: *const c_char) -> Result<&'a Path> {
    if path.is_null() {
        return Err(Error::argument("path is NULL"));
    }
    // SAFETY: promised by the caller.
    let bytes = unsafe { CStr::from_ptr(path) };
    if bytes.is_empty() {
        return Err(Error::argument("path is empty"));
    }
    path_of(bytes)
}

#[cfg(unix)]
fn path_of(bytes: &CStr) -> Result<&Path> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(bytes.to_bytes())))
}

#[cfg(not(unix))]
fn path_of(bytes: &CStr) -> Result<&Path> {
    let text = bytes.to_str();
    text.map(Path::new)
        .map_err(|error| Error::argument(format!("path is not UTF-8: {error}")))
}

/// The numbers of a band list, or `None` for all bands.
///
/// # Safety
/// `bands` must be NULL or readable for `n_bands` numbers, unchanged while the slice is used.
unsafe fn band_numbers<'a>(bands: *const i32, n_bands: usize) -> Result<Option<&'a [i32]>> {
    match (bands.is_null(), n_bands) {
        (true, 0) => Ok(None),
        (true, n) => Err(Error::argument(format!("bands is NULL but n_bands is {n}"))),
        (false, 0) => Err(Error::argument(
            "n_bands is 0 but bands is not NULL; NULL and 0 are all bands",
        )),
        (false, n) if n > MAX_BANDS as usize => Err(Error::range(format!(
            "n_bands is {n}; there may be at most {MAX_BANDS}"
        ))),
        // SAFETY: promised by the caller.
        (false, n) => Ok(Some(unsafe { std::slice::from_raw_parts(bands, n) })),
    }
}

fn band(number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::range(format!("band {number}")))
}

/// A band list as it was given, or `None` for all bands.
///
/// # Safety
/// As for [`band_numbers`].
pub unsafe fn band_list(bands: *const i32, n_bands: usize) -> Result<Option<SmallVec<[u32; 4]>>> {
    // SAFETY: promised by the caller.
    let list = unsafe { band_numbers(bands, n_bands)? };
    list.map(|list| list.iter().map(|number| band(*number)).collect())
        .transpose()
}

/// Which of an image's `all` bands.
///
/// # Safety
/// As for [`band_numbers`].
pub unsafe fn bands(bands: *const i32, n_bands: usize, all: u32) -> Result<Bands> {
    // SAFETY: promised by the caller.
    let list = unsafe { band_list(bands, n_bands)? };
    Ok(list.map_or(Bands::ALL, |list| Bands::of(&list, all)))
}

/// What goes into each band of a copy: a band of `all`, or opaque alpha.
///
/// # Safety
/// As for [`band_numbers`].
pub unsafe fn copied_bands(
    bands: *const i32,
    n_bands: usize,
    all: u32,
) -> Result<SmallVec<[Option<u32>; 4]>> {
    const OPAQUE: i32 = tc_band_code::TC_BAND_OPAQUE as i32;
    // SAFETY: promised by the caller.
    match unsafe { band_numbers(bands, n_bands)? } {
        None => Ok((0..all).map(Some).collect()),
        Some(list) => list
            .iter()
            .map(|number| match *number {
                OPAQUE => Ok(None),
                number => band(number).map(Some),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::ptr::null;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Known {
        struct_size: u32,
        a: u32,
        b: u64,
    }

    // SAFETY: plain numbers behind a size.
    unsafe impl SizeLed for Known {
        const NAME: &'static str = "known";
        const FORMER_SIZES: &'static [usize] = &[8];
    }

    #[repr(C)]
    struct Newer {
        known: Known,
        c: u64,
    }

    fn read(from: &Known) -> Result<Known> {
        // SAFETY: the tests never say more than is there.
        unsafe { read_sized(from, "options") }
    }

    #[test]
    fn a_struct_says_its_size() {
        let full = Known {
            struct_size: 16,
            a: 1,
            b: 2,
        };
        assert_eq!(read(&full).unwrap(), full);
        for struct_size in [0, 3, 4, 7, 9, 12, 15, 17, 20, 4104, 5000] {
            let error = read(&Known {
                struct_size,
                ..full
            })
            .unwrap_err();
            assert_eq!(error.kind(), Kind::Argument);
            assert!(
                error.message().contains("but sizeof(known) is 16: "),
                "{error}"
            );
        }
        // SAFETY: NULL is allowed.
        assert_eq!(
            unsafe { read_sized::<Known>(null(), "source") }
                .unwrap_err()
                .message(),
            "source is NULL"
        );
    }

    #[test]
    fn an_older_sender_gets_defaults() {
        let old = Known {
            struct_size: 8,
            a: 1,
            b: 2,
        };
        assert_eq!(read(&old).unwrap(), Known { b: 0, ..old });
    }

    #[test]
    fn a_newer_sender_must_not_ask_for_what_is_unknown() {
        let mut newer = Newer {
            known: Known {
                struct_size: 24,
                a: 1,
                b: 2,
            },
            c: 0,
        };
        let pointer = (&raw const newer).cast::<Known>();
        // SAFETY: 24 bytes are there.
        assert_eq!(unsafe { read_sized(pointer, "options") }.unwrap().b, 2);
        newer.c = 1;
        let pointer = (&raw const newer).cast::<Known>();
        // SAFETY: as above.
        let error = unsafe { read_sized(pointer, "options") }.unwrap_err();
        assert_eq!(error.kind(), Kind::Argument);
    }

    #[test]
    fn outputs_fill_what_the_caller_knows() {
        let value = Known {
            struct_size: 16,
            a: 1,
            b: 2,
        };
        let mut old = Known {
            struct_size: 8,
            a: 9,
            b: 9,
        };
        // SAFETY: 8 of its 16 bytes are offered.
        unsafe { output_sized(&mut old, "info") }
            .unwrap()
            .set(value);
        assert_eq!((old.struct_size, old.a, old.b), (8, 1, 9));
        let mut newer = Newer {
            known: Known {
                struct_size: 24,
                a: 9,
                b: 9,
            },
            c: 9,
        };
        let pointer = (&raw mut newer).cast::<Known>();
        // SAFETY: 24 bytes are there.
        unsafe { output_sized(pointer, "info") }.unwrap().set(value);
        assert_eq!((newer.known.a, newer.known.b, newer.c), (1, 2, 0));
    }

    #[test]
    fn band_lists() {
        let list = [2, 0, 2];
        // SAFETY: the slices are as long as is said.
        unsafe {
            assert_eq!(bands(null(), 0, 3).unwrap(), Bands::ALL);
            assert_eq!(bands(null(), 1, 3).unwrap_err().kind(), Kind::Argument);
            assert_eq!(
                bands(list.as_ptr(), 0, 3).unwrap_err().kind(),
                Kind::Argument
            );
            let chosen = bands(list.as_ptr(), 3, 3).unwrap();
            assert_eq!(chosen.list(), Some(&[2, 0, 2][..]));
            assert_eq!(bands([0, 1].as_ptr(), 2, 2).unwrap(), Bands::ALL);
            let error = bands([0, -4].as_ptr(), 2, 2).unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::Range, "band -4"));
            let error = bands(list.as_ptr(), usize::MAX, 3).unwrap_err();
            assert_eq!(error.kind(), Kind::Range);
        }
    }

    #[test]
    fn copies_may_ask_for_alpha() {
        // SAFETY: the slices are as long as is said.
        unsafe {
            let chosen = copied_bands([1, -1].as_ptr(), 2, 3).unwrap();
            assert_eq!(chosen.as_slice(), [Some(1), None]);
            assert!(copied_bands([-2].as_ptr(), 1, 3).is_err());
            assert_eq!(
                copied_bands(null(), 0, 2).unwrap().as_slice(),
                [Some(0), Some(1)]
            );
        }
    }

    #[test]
    fn negative_numbers_are_named() {
        let error = block(0, -7, 0).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Range, "col is -7"));
        assert_eq!(block(1, 2, 3).unwrap(), Block::new(3, 1, 2));
    }

    #[test]
    fn text_is_utf8() {
        // SAFETY: the literals are NUL-ended.
        unsafe {
            assert_eq!(text(c"image".as_ptr(), "key").unwrap(), "image");
            assert_eq!(optional_text(null(), "key").unwrap(), None);
            assert_eq!(text(null(), "key").unwrap_err().message(), "key is NULL");
            assert!(text(c"\xff".as_ptr(), "key").is_err());
            assert!(text(c"".as_ptr(), "key").is_err());
        }
    }
}
