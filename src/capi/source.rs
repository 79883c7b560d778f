//! Sources: files, a caller's bytes, a caller's memory, a caller's callbacks.

use super::args::{self, SizeLed, natural};
use super::array::{Array, ArrayDecoder, Owner};
use super::beside::CallbackBeside;
use super::callback::{CallbackBytes, CallbackDecoder, LevelDecoder};
use super::georef::tc_georef;
use super::guard::guard;
use super::handle;
use super::image::{memory_image, source_image, source_levels, source_mask};
use super::inputs::Inputs;
use super::log::{GivenLog, given_log, tc_log};
use super::provider::{deliver, tc_provider};
use super::status::{tc_error, tc_status};
use super::types::{tc_band_info, tc_image_info, tc_release_fn, tc_target};
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::source::beside::Beside;
use crate::source::file::{Choice, Fleet};
use crate::source::{self, Source};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// The bits of tc_open_options.flags.
#[repr(C)]
pub enum tc_open_flags {
    /// The file alone: nothing that lies beside it is looked for.
    TC_OPEN_ALONE = 1,
    /// What a text TC:WARNING:1 would tell (provider_metadata) is an error instead, TC_E_CORRUPT: files that are damaged
    /// such that their pixels can be read all the same, and damaged files beside them. Damage that no pixel or text of
    /// the image depends on, such as in directories behind it, is not looked for.
    TC_OPEN_STRICT = 2,
    /// The identity of the file on all machines is computed, where fleet_id is NULL: of its size and of its first and last
    /// 64 KiB, by SHA-256. So it has one wherever its copies lie. A file of which only pixels between those were rewritten has
    /// the same: then call provider_invalidate_fleet, or give a fleet_id that changes. A file with others beside it that
    /// change what is read has none.
    TC_OPEN_FLEET_DIGEST = 4,
    /// You know that nobody changes the file as long as the provider or a tile of it is there. provider_open then looks at
    /// uncompressed pixels of TIFF and NITF where they lie in the system's own copy of the file (mmap): tiles of one band,
    /// and of bands that are stored apart, are views of it, without a copy and without memory of the budget but
    /// their bookkeeping, where their samples are aligned and in native byte order and their rows lie at one distance, as
    /// those of a block do and those of strips that follow each other; other uncompressed pixels go from
    /// there to tiles and windows in one step.
    ///
    /// **If the file becomes shorter all the same, the process gets SIGBUS** at the next look at pixels that are gone, and
    /// where it is written into, tiles change. So this is for files that are known to stay, and never
    /// for what others may upload or replace in place; a file renamed over stays. A change that shows in size or times
    /// before a tile is asked for still gives TC_E_CHANGED.
    ///
    /// The rows of a view, or of a window, come into memory together, with what lies between them: in files that were not read
    /// before, windows that are narrow and high beside an image of much wider rows read more of the disk than without it.
    ///
    /// All pixels are as without it. What is mapped stays so until the last of provider and tiles has gone. Where tiles may be
    /// views the key says so, lest openings without this flag get them. Files that cannot be mapped, and everything
    /// compressed, are read as without it. With provider_open_io and for files beside the one that is opened it
    /// means nothing.
    TC_OPEN_MAPPED = 8,
    /// Colours as GDAL shows them: samples of 8 bits in a TIFF that are CMYK (photometric interpretation 5 of TIFF 6.0, with
    /// ink set 1) or CIE L*a*b* (8, three bands) come as red, green and blue, three bands of TC_U8, bit by bit as from libtiff
    /// 4.5 and GDAL 3.6: (255 - ink) * (255 - black) / 255, cut to a whole number, and L*a*b* as on a screen with the primaries
    /// of sRGB, seen in the white point of the file, or in D50. GDAL's fourth band, which is 255 everywhere, is left out, and so
    /// are bands behind the inks; the text SOURCE_COLOR_SPACE (provider_metadata) says "CMYK" or "CIELAB". The colour profile of
    /// the file (ICC) is not used. Pixels stay where they are, whatever the file says of its orientation (tag 274), by which GDAL
    /// turns each strip or tile of such a file alone.
    ///
    /// What GDAL shows as it is stored stays so: 16 bits, other sets of inks, ICC L*a*b* (9) and ITU L*a*b* (10), L*a*b* with
    /// more bands. YCbCr, and inks in JPEG files, come as red, green and blue with this flag and without it. Overviews beside
    /// the file (`.ovr`) may be in its colours, or in red, green and blue as those that GDAL makes, which are left out without
    /// the flag. Overviews within the file that are in other colours are images of their own (tc_open_options.image), and with
    /// the flag levels too, where the file has none of that level in its own. Those that GDAL makes within such a file have no block:
    /// they are left out with a warning (the text TC:WARNING:1). The key says so where anything is converted. A decode takes
    /// the bytes of the stored samples beside its pixels.
    TC_OPEN_RGB = 16,
}

/// Options of provider_open and provider_open_io. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_open_options {
    /// sizeof(tc_open_options), set by you.
    pub struct_size: u32,
    /// Which image of the file, from 0: a page, a segment; see provider_image_count.
    pub image: i32,
    /// What the key of the image begins with, UTF-8; copied; provider_key says the whole key. NULL:
    /// provider_open takes the identity of the file (device, inode, size, times), so that opening it twice
    /// shares tiles, unless open_beside opens a file that changes what is read; provider_open_io takes a number that is never used again.
    pub key: *const c_char,
    /// The name of the only reader that may open the file, as tc_format_info says it, such as "TIFF";
    /// copied. A file that it does not recognise is TC_E_UNSUPPORTED, and a name that no reader has is
    /// TC_E_ARGUMENT. NULL: any reader.
    pub format: *const c_char,
    /// Bits of tc_open_flags.
    pub flags: u32,
    /// How many threads the library may start to decode large parts of this image, beside those that call: all that
    /// are at work for it at one time, and one more for each block that they help to decode as a whole, which works in
    /// place of the thread that called while that waits. They end with the decode. So a JPEG 2000 image that is one huge
    /// block, which one thread decodes while others wait for it, is decoded by several: code-blocks and wavelets in parallel.
    /// Windows of it are read as without threads, by code-blocks that are kept, see provider_read_window: those that are
    /// missing, and that no other call decodes already, are shared out among them and the thread that called, each decoded
    /// once. They take no part in anything else of a window, nor where fewer than some 16 code-blocks are missing. Other
    /// formats start none: their blocks are decoded by as many threads as call. 0: none. At most 1024, of
    /// which at most 63 help to decode a whole block.
    pub threads: u32,
    /// Opens a file that lies beside the one that is opened, such as its external overviews; see provider_open for
    /// which are looked for. Called a few times inside provider_open or provider_open_io, on the same thread, and never
    /// later.
    ///
    /// `suffix` says which file: one that begins with a dot stands behind the whole name, ".ovr" is `scene.tif.ovr` for
    /// `scene.tif`; one that begins with an asterisk stands in place of the extension, "*.r1" is `scene.r1`. Valid during
    /// the call. `io`: all 0 but for struct_size, which is as much room as it has; fill it in as for provider_open_io.
    /// Return TC_OK, from when on its bytes belong to the library, which calls io->release once, after their last
    /// read_at, also where the file turns out to be of no use or the call fails. Return TC_E_NOT_FOUND if there is no
    /// such file. Another number fails the call, as one that read_at returns does; `err`, which is never NULL, may tell
    /// more. It may call the library, and must not throw, unwind or longjmp.
    ///
    /// NULL: provider_open looks in the folder of the path, and provider_open_io knows of no other files.
    pub open_beside: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            suffix: *const c_char,
            io: *mut tc_io,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// Passed to open_beside.
    pub user: *mut c_void,
    /// Where the opening tells what is wrong with the file, and later of its slow and failed reads; copied. NULL:
    /// nowhere.
    pub log: *const tc_log,
    /// What the file is called on all machines that share another tier (tc_set_tier), UTF-8, of at most 4,096 bytes; copied.
    /// Two files may have the same only if all their images have the same pixels: a name with a version, or a strong entity
    /// tag of a server (a weak one is none). NULL: the file has none, its blocks are asked for and put nowhere, and
    /// tc_tier_stats.unnamed counts them; but see TC_OPEN_FLEET_DIGEST.
    pub fleet_id: *const c_char,
    /// How many quality layers of a JPEG 2000 image are decoded (ISO/IEC 15444-1, B.10), the first ones, also of one in a
    /// NITF or a TIFF: fewer take less time and have coarser samples. 0, or as many as there are or more: all. The key says
    /// the number where it is not 0, so that openings with others share nothing. Other formats and compressions are read as
    /// they are, under their usual key.
    pub layers: u32,
    /// 0.
    pub reserved: u32,
}

/// Bytes from anywhere, such as an object store, an archive or a buffer. Size-led; copied by the call.
///
/// Reads are few, because each may be a journey: headers come in pieces of 64 KiB, a block in one read,
/// and blocks of one tile that lie together in one read of about 1 MiB, of which up to 8 MiB are kept for
/// each provider until they are decoded. A read of more than is needed at once that fails is repeated
/// for what is needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_io {
    /// sizeof(tc_io), set by you.
    pub struct_size: u32,
    /// 0.
    pub flags: u32,
    /// Passed to the callbacks.
    pub user: *mut c_void,
    /// How many bytes there are.
    pub size: i64,
    /// Writes `bytes` bytes from `offset` on to `into`, all of them, and returns TC_OK; or returns
    /// another number and may tell more in `err`, which is never NULL. Called from several threads at
    /// once, only inside calls of the library. Required.
    pub read_at: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            offset: i64,
            into: *mut c_void,
            bytes: usize,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// Called once with `user` after the last read_at has returned. NULL: nothing to release.
    pub release: tc_release_fn,
}

/// How the callbacks of a source may be called; the values of tc_source.threading.
#[repr(C)]
pub enum tc_threading {
    /// Several at once, from any threads.
    TC_CONCURRENT = 1,
    /// One at a time, from any threads.
    TC_ONE_AT_A_TIME = 2,
    /// Several at once, each with a session of its own that no other call uses meanwhile.
    TC_SESSIONS = 3,
}

/// The bits of tc_source.flags.
#[repr(C)]
pub enum tc_source_flags {
    /// The callbacks can read some of the bands, in any order. Without it they are always asked for all
    /// bands in order, and `bands` is NULL.
    TC_SOURCE_BANDS = 1,
}

/// A source of blocks made of callbacks. Size-led; copied by the call.
///
/// Callbacks run only on threads that are inside a call of the library, which holds no lock meanwhile.
/// They return TC_OK, or another number, and may then tell more in `err`, which is never NULL: its
/// source_code (or, if that is 0, the number returned) and its message come through to whoever asked
/// for the block, with TC_E_SOURCE. They may call the library; see CALLBACKS at the top for what they
/// cannot ask for, and tc_load_is_cancelled for whether what they do is still wanted. A callback hands on
/// a failed call of the library by giving it its own `err` and returning what it returned: then the status comes
/// through too, as TC_E_CANCELLED, TC_E_REENTRANT, TC_E_NO_MEMORY, TC_E_LIMIT, TC_E_IO, TC_E_CORRUPT,
/// TC_E_UNSUPPORTED, TC_E_CHANGED and TC_E_INTERNAL, with the message; another one is a source_code. They
/// must not throw, unwind or longjmp.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_source {
    /// sizeof(tc_source), set by you.
    pub struct_size: u32,
    /// One of tc_threading. Required.
    pub threading: u32,
    /// Passed to all callbacks.
    pub user: *mut c_void,
    /// What the image is; copied. Required.
    pub image: *const tc_image_info,
    /// What the key of the image begins with, UTF-8; copied: caches know the image by what provider_key says,
    /// which is this and which image, level and mask it is. Two sources may share it only if they give the
    /// same pixels. NULL: a number that is never used again.
    pub key: *const c_char,
    /// With TC_SESSIONS: the most sessions open at once; 0 is one for each processor. Else 0.
    pub max_sessions: i32,
    /// Bits of tc_source_flags.
    pub flags: u32,
    /// Sets *has to 1 if the block is stored, else to 0. Called without a session. NULL: all are.
    pub has_block: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            row: i64,
            col: i64,
            level: i32,
            has: *mut i32,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// Writes a block to `into`, which has the size of the block at that level, cut at the image's edge,
    /// the type of the image and packed or wider rows. bands: into->bands numbers, band bands[i] of the
    /// image goes into band i; NULL is all in order. `into` and `bands` are valid during the call.
    /// session: from open_session, or NULL. All samples must be written: memory is reused. Required.
    pub read_block: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            session: *mut c_void,
            row: i64,
            col: i64,
            level: i32,
            bands: *const i32,
            into: *const tc_target,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// Writes the rectangle of a level that begins at column x, row y, inside the image, to `into`;
    /// otherwise like read_block. Only asked for where all blocks over it are stored. Set it if part of a block is
    /// cheaper than the block. NULL: cannot.
    pub read_window: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            session: *mut c_void,
            x: i64,
            y: i64,
            level: i32,
            bands: *const i32,
            into: *const tc_target,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// With TC_SESSIONS, required: opens a session, such as a file handle, to *session. Sessions are
    /// opened when they are needed, by several threads at once, and used again. Else NULL.
    pub open_session: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            session: *mut *mut c_void,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// With TC_SESSIONS: closes a session, when the source goes. NULL: nothing to close. Else NULL.
    pub close_session: Option<unsafe extern "C" fn(user: *mut c_void, session: *mut c_void)>,
    /// Called once with `user` after the last callback has returned. NULL: nothing to release.
    pub release: tc_release_fn,
    /// What the bands are: as many as the image has, one behind the other, all of the struct_size of the
    /// first; copied. Their nodata takes the place of that of `image`. NULL: what `image` says.
    pub band_infos: *const tc_band_info,
    /// Texts that came with the image, for provider_metadata; with n_texts; copied. NULL and 0: none.
    pub texts: *const tc_text,
    /// The length of `texts`.
    pub n_texts: usize,
    /// The sizes and blocks of the levels, as many as image->levels; copied. Each level then has a grid
    /// of its own, in which has_block and read_block count, so that an overview is read by the blocks
    /// that it is stored in. NULL: the sizes and the common grid that tc_image_info tells of.
    pub levels: *const tc_level,
    /// Where pixels are data: an image of the same size, one band, TC_U8, 0 or 255; kept alive. See
    /// provider_mask. With several levels, `levels` must be given too. NULL: nodata tells.
    pub mask: *mut tc_provider,
    /// The images that the callbacks read, if any; with n_inputs; copied, and kept alive until `release` has
    /// returned. What is invalidated of them, or put into them, is forgotten of this image too, and the key reads
    /// `compute:<key>(<their keys>)`: two sources may share it if they give the same pixels of the same inputs. NULL
    /// and 0: none.
    pub inputs: *const *mut tc_provider,
    /// The length of `inputs`, at most 1,024.
    pub n_inputs: usize,
    /// Where level 0 lies on the ground, and with it all levels and the mask; copied with all it points to. NULL: not
    /// known.
    pub georef: *const tc_georef,
    /// What the image is called on all machines that share another tier; see tc_open_options.fleet_id. NULL: nothing.
    pub fleet_id: *const c_char,
}

/// A level of a source, with a grid of its own. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_level {
    /// Columns: those of level 0, halved as often as the level says and rounded either way, or another
    /// number that is nearer to that than to any other whole part of level 0. 0, with a height of 0, is a
    /// level that the source leaves out below one that it has: it has no block, and reading it gives
    /// TC_E_NOT_FOUND.
    pub width: i64,
    /// Rows, likewise.
    pub height: i64,
    /// Columns of a block. 0 is `width`.
    pub block_width: i64,
    /// Rows of a block. 0 is `height`.
    pub block_height: i64,
}

/// A text that came with an image. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_text {
    /// The band that it concerns, from 0, or -1 for the whole image.
    pub band: i32,
    /// 0.
    pub reserved: u32,
    /// Its name, UTF-8. Of texts with the same name and band, the last counts.
    pub name: *const c_char,
    /// The text, UTF-8, possibly empty.
    pub text: *const c_char,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_open_options>() == 72 && offset_of!(tc_open_options, key) == 8);
    assert!(offset_of!(tc_open_options, open_beside) == 32);
    assert!(size_of::<tc_io>() == 40 && offset_of!(tc_io, size) == 16);
    assert!(size_of::<tc_source>() == 160 && offset_of!(tc_source, max_sessions) == 32);
    assert!(offset_of!(tc_source, has_block) == 40 && offset_of!(tc_source, release) == 80);
    assert!(size_of::<tc_level>() == 32 && size_of::<tc_text>() == 24);
};

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_open_options {
    const NAME: &'static str = "tc_open_options";
}

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_io {
    const NAME: &'static str = "tc_io";
}

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_source {
    const NAME: &'static str = "tc_source";
}

/// An opening may have no more threads than this.
const MOST_THREADS: u32 = 1024;

/// What the options choose, with files beside it as they say.
///
/// # Safety
/// Texts must be NULL or NUL-ended, and stay as they are while the choice is used.
unsafe fn choice<'a>(
    options: &'a tc_open_options,
    beside: &'a Option<CallbackBeside>,
    log: &'a GivenLog,
) -> Result<Choice<'a>> {
    const ALONE: u32 = tc_open_flags::TC_OPEN_ALONE as u32;
    const STRICT: u32 = tc_open_flags::TC_OPEN_STRICT as u32;
    const DIGEST: u32 = tc_open_flags::TC_OPEN_FLEET_DIGEST as u32;
    const MAPPED: u32 = tc_open_flags::TC_OPEN_MAPPED as u32;
    const RGB: u32 = tc_open_flags::TC_OPEN_RGB as u32;
    let flags = options.flags;
    if flags & !(ALONE | STRICT | DIGEST | MAPPED | RGB) != 0 || options.reserved != 0 {
        let reserved = options.reserved;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x} and reserved {reserved}; no such flag of an opening"
        )));
    }
    if options.threads > MOST_THREADS {
        return Err(Error::range(format!(
            "threads is {}; it must be at most {MOST_THREADS}",
            options.threads
        )));
    }
    // SAFETY: promised by the caller.
    unsafe {
        Ok(Choice {
            image: natural(options.image, "image")? as u32,
            name: args::optional_text(options.key, "key")?,
            format: args::optional_text(options.format, "format")?,
            beside: beside.as_ref().map(|beside| beside as &dyn Beside),
            alone: flags & ALONE != 0,
            strict: flags & STRICT != 0,
            mapped: flags & MAPPED != 0,
            rgb: flags & RGB != 0,
            threads: options.threads,
            layers: options.layers,
            fleet: match args::optional_text(options.fleet_id, "fleet_id")? {
                Some(text) => Fleet::Named(text),
                None if flags & DIGEST != 0 => Fleet::Digest,
                None => Fleet::Unknown,
            },
            log: Some(&log.log),
        })
    }
}

/// ======== SOURCES ========
///
/// Opens an image file by its content, whatever its name: TIFF, BigTIFF and COG; JPEG 2000, as JP2 or raw
/// codestream; NITF 2.0, NITF 2.1 and NSIF 1.0, whose R-sets beside the file are its levels; PNG; JPEG. It is read
/// as blocks are asked for, from all threads at once. provider_format says what it is, and tc_format_info
/// what is read of each format.
///
/// Overviews in a TIFF that are smaller by a power of two are levels, whatever their exact size. Levels that
/// the file leaves out below them are there, but have no block, and give TC_E_NOT_FOUND when they are read.
/// Overviews of other factors are images of their own, see provider_image_count.
///
/// What lies beside the file belongs to its first image, as in GDAL: TIFF files with overviews (`.ovr`), with a mask of all
/// bands (`.msk`, of GDAL, and `.msk.ovr`), and what GDAL knows of the image (`.aux.xml`): nodata values, colours, where it lies, and texts
/// for provider_metadata (statistics, histograms, descriptions, colour tables, items); of NITF the R-sets too (`.r1`, `.r2`
/// ..., `.hr1` ..., behind the name or in place of its extension), of every image. World files are looked for as
/// provider_georef says. Overviews and masks in a TIFF go
/// before those beside it, nodata values beside it before its own; with other formats it is the other way round. One
/// that is damaged or does not fit is left out, and a text TC:WARNING:1, TC:WARNING:2 ... says so, unless
/// TC_OPEN_STRICT is set. The key
/// names those that change pixels, levels or nodata, unless tc_open_options.key is its beginning.
///
/// - path: required; the system's own bytes (on Windows UTF-8), copied.
/// - options: NULL is all defaults.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// The file stays open until the provider goes, unless others need its descriptor; see tc_set_open_files.
/// While it is open, a file renamed over keeps being read from its old content; once its descriptor was
/// given back, blocks fail with TC_E_CHANGED. So they do for a file changed in place, which is noticed by
/// its size and times. Not noticed is a change of equal size within the clock step of the file system.
///
/// Errors: TC_E_NOT_FOUND if there is no such file or image, TC_E_IO, TC_E_CORRUPT, TC_E_UNSUPPORTED,
/// TC_E_LIMIT, TC_E_RANGE, TC_E_ARGUMENT. Messages name the format, the place in the file and the value.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_open(
    path: *const c_char,
    options: *const tc_open_options,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let path = args::path(path)?;
                let options = args::read_options(options)?;
                let beside = CallbackBeside::of(&options);
                let log = given_log(options.log)?;
                let choice = choice(&options, &beside, &log)?;
                log.take();
                source::file::open_choice(path, &choice)
            })
        })
    }
}

/// How many images a file holds, for tc_open_options.image. Where the file is damaged behind its first
/// images, the damage counts as one more, which cannot be opened. A NITF segment whose two bands are
/// the parts of complex numbers (I and Q, or amplitude and phase of SICD) is an image of one complex
/// band; behind all segments follow such segments once more, in their order, each as its two bands.
///
/// - path: required.
/// - count: receives the number; 0 on failure.
/// - err: may be NULL.
///
/// Errors: as provider_open. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_image_count(
    path: *const c_char,
    count: *mut i32,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let count = args::output(count, 0, "count")?;
            count.set(source::file::image_count(args::path(path)?)? as i32);
            Ok(())
        })
    }
}

/// provider_open over bytes of yours. Files beside it are those that tc_open_options.open_beside opens.
///
/// - io: required.
/// - options: NULL is all defaults.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// After a success the library calls io->release once, after the last read_at; after a failure it does
/// not call it.
///
/// Errors: as provider_open, and TC_E_SOURCE if read_at or open_beside fails. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_open_io(
    io: *const tc_io,
    options: *const tc_open_options,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let io = CallbackBytes::new(&args::read_sized(io, "io")?)?;
                let owner = io.owner.clone();
                let options = args::read_options(options)?;
                let beside = CallbackBeside::of(&options);
                let log = given_log(options.log)?;
                let choice = choice(&options, &beside, &log)?;
                log.take();
                let opened = source::file::open_bytes(Arc::new(io), &choice)?;
                owner.take();
                Ok(opened)
            })
        })
    }
}

/// provider_image_count over bytes of yours.
///
/// - io: required; used during the call only, io->release is not called.
/// - count: receives the number; 0 on failure.
/// - err: may be NULL.
///
/// Errors: as provider_open_io. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_image_count_io(
    io: *const tc_io,
    count: *mut i32,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let count = args::output(count, 0, "count")?;
            let io = CallbackBytes::new(&args::read_sized(io, "io")?)?;
            let bytes: Arc<dyn Bytes> = Arc::new(io);
            count.set(source::file::image_count_of_bytes(bytes)? as i32);
            Ok(())
        })
    }
}

/// An image made of callbacks.
///
/// - source: required; copied with all it points to, except `user`.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// After a success the library calls source->release once, after the last callback; after a failure it
/// does not call it.
///
/// Errors: TC_E_ARGUMENT, TC_E_RANGE, TC_E_LIMIT if the image cannot be, if its key had more than 65,536 bytes, or if
/// more than 128 images were made one from another. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_from_source(
    source: *const tc_source,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let source: tc_source = args::read_sized(source, "source")?;
                let image = source_image(&source)?;
                let grids = source_levels(&source, &image)?;
                let mask = source_mask(&source, &image)?;
                let inputs = Inputs::new(source.inputs, source.n_inputs)?;
                let key = inputs.key(source.key)?;
                let fleet_id = args::optional_text(source.fleet_id, "fleet_id")?;
                let decoder = CallbackDecoder::new(&source, image.band_count(), inputs)?;
                let owner = decoder.owner.clone();
                let made = match grids {
                    None if mask.is_none() => Source::with_key(key, image, Box::new(decoder))?,
                    grids => {
                        let grids = grids.unwrap_or_else(|| vec![Some(image)]);
                        LevelDecoder::provider(key, grids, mask, decoder)?
                    }
                };
                if let Some(text) = fleet_id {
                    crate::cache::identify(made.key(), "id", text)?;
                }
                owner.take();
                Ok(made)
            })
        })
    }
}

/// An image in memory of yours.
///
/// - array: required; its pixels must stay readable and unchanged until release(user).
/// - image: what else is known of it, of the same size, type and number of bands, with one level; NULL:
///   one block and nothing else.
/// - key: what the key of the image begins with, see provider_key; NULL: a number that is never used again.
/// - release: NULL if the memory outlives all providers and tiles; else called once, when the last of
///   them is gone, or later with TC_IMAGE_DEFER_RELEASE; after a failure it is not called.
/// - user: passed to `release`.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Where the strides of the array are as tc_pixels asks and `data` is aligned to its type, tiles are
/// views of your memory, without a copy. Otherwise each block is copied when it is asked for.
///
/// Errors: TC_E_ARGUMENT, TC_E_RANGE, TC_E_LIMIT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_from_memory(
    array: *const tc_target,
    image: *const tc_image_info,
    key: *const c_char,
    release: tc_release_fn,
    user: *mut c_void,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let target = handle::given(array, "array")?;
                let (image, deferred) = memory_image(target, image)?;
                let array = Array::of_target(target, "array", image.dtype)?;
                let key = args::optional_text(key, "key")?;
                let owner = Owner::of_memory(release, user, deferred);
                let made = match array.lend(&owner, false)? {
                    Some(pixels) => source::memory::MemorySource::provider(key, image, pixels)?,
                    None => {
                        let windowed = Image {
                            windowed: true,
                            ..image
                        };
                        let decoder = ArrayDecoder::new(array, &windowed, owner.clone());
                        Source::provider(key, windowed, Box::new(decoder))?
                    }
                };
                owner.take();
                Ok(made)
            })
        })
    }
}
