//! Operators of the caller's: blocks computed from windows of any number of images.

use super::args::{self, SizeLed, natural};
use super::array::Owner;
use super::cache::tc_cache;
use super::callback::target_of;
use super::guard::guard;
use super::handle;
use super::image::described;
use super::inputs::MAX_INPUTS;
use super::provider::{deliver, source_of, tc_provider};
use super::source::tc_text;
use super::status::{callback, tc_error, tc_status};
use super::tile::view;
use super::types::{tc_band_info, tc_image_info, tc_pixels, tc_release_fn, tc_target};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image};
use crate::memory::PixelsMut;
use crate::operator::{
    self, Border, Function, Placement, Rule, Scale, bands_of, image_of, located_of, texts_of,
};
use crate::provider::Provider;
use crate::tile::Tile;
use smallvec::SmallVec;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// What lies beyond the edge of an input.
#[repr(C)]
pub enum tc_border {
    /// The pad value of the input.
    TC_BORDER_PAD = 0,
    /// The nearest pixel of the input.
    TC_BORDER_NEAREST = 1,
    /// The input mirrored at its edge: the pixel at the edge comes twice.
    TC_BORDER_MIRRORED = 2,
}

/// The bits of tc_input.flags. They say which pixels are given; these arrive as they lie in the input, and it is
/// for the function to turn them. An output that is flipped along a side must be as long there as all of the input
/// makes it, at each level. What is flipped is the scaled input: of n columns for one, the first column of the
/// output has what is left over at the last ones.
#[repr(C)]
pub enum tc_input_flags {
    /// Columns of the output are rows of the input.
    TC_INPUT_TRANSPOSED = 1,
    /// The first column of the output comes from the last column of the input (row, if it is transposed).
    TC_INPUT_FLIPPED_X = 2,
    /// The first row of the output comes from the last row of the input (column, if it is transposed).
    TC_INPUT_FLIPPED_Y = 4,
}

/// Which pixels of an image a block of an operator's output is computed from: the rectangle of the block,
/// turned, scaled, and widened by margins. What of it lies beyond the image is filled as `border` says. Frozen;
/// zeros are the same rectangle of the same level.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_input {
    /// The image. Required; kept alive by the result.
    pub source: *mut tc_provider,
    /// The bands that are given, in any order; with n_bands. NULL and 0: all.
    pub bands: *const i32,
    /// The length of `bands`.
    pub n_bands: usize,
    /// The level of the source that goes with level 0 of the output; level l of the output is computed from
    /// level + l.
    pub level: i32,
    /// A tc_border.
    pub border: u32,
    /// Columns of the input for one of the output: n is n columns for one, -n one column for n, at most 1,048,576
    /// (so of all margins). 0 is 1.
    pub scale_x: i32,
    /// Rows, likewise.
    pub scale_y: i32,
    /// Pixels of the input beyond the rectangle to its left, from 0.
    pub left: i64,
    /// Above it.
    pub top: i64,
    /// To its right.
    pub right: i64,
    /// Below it.
    pub bottom: i64,
    /// Bits of tc_input_flags.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// The place of a block of output in its level. Each level is made in blocks of the size of those of level 0, as
/// provider_level shows it. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_place {
    /// The row among the blocks of the level.
    pub row: i64,
    /// The column, likewise.
    pub col: i64,
    /// Its first column of pixels.
    pub x: i64,
    /// Its first row of pixels.
    pub y: i64,
    /// Columns of pixels.
    pub width: i64,
    /// Rows of pixels.
    pub height: i64,
    /// The level.
    pub level: i32,
    /// 0.
    pub reserved: u32,
}

/// Computes a block: `inputs` holds the pixels that each tc_input names, in their order, n_inputs of them, and
/// all samples of `out`, of all bands, must be written. All are valid during the call and not to be kept. What is
/// computed may depend on these and on `place`, and on nothing else. Inputs of which nothing is stored are their
/// pad value. Returns TC_OK, or another number and may then tell more in `err`, which is never NULL; see tc_source.
/// Called from several threads at once, only inside calls of the library.
pub type tc_compute_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        place: *const tc_place,
        inputs: *const tc_pixels,
        n_inputs: usize,
        out: *const tc_target,
        err: *mut tc_error,
    ) -> tc_status,
>;

/// The bits of tc_compute_options.flags: what the output has of its first input.
#[repr(C)]
pub enum tc_compute_flags {
    /// Colours and nodata values of the bands that are given, of which there must be as many as the output
    /// has, of the same type.
    TC_COMPUTE_KEEP_BANDS = 1,
    /// Names and texts: those of the image, and those of the bands that are given if the output has as many; but no
    /// STATISTICS_..., which speak of other pixels.
    TC_COMPUTE_KEEP_TEXTS = 2,
    /// What provider_mask says of it, by a mask, alpha or nodata. The input must be neither turned nor scaled, and
    /// the output of its size.
    TC_COMPUTE_KEEP_MASK = 4,
    /// A block is absent, and reads as the pad value of the output, where of all that its inputs name nothing is
    /// stored. `compute` is not called for it. Without this flag no block is absent.
    TC_COMPUTE_SPARSE = 8,
    /// Where it lies on the ground, see provider_georef: where the pixels lie that the input names, turned and scaled
    /// as it says. Nothing is kept if nothing is known of the input.
    TC_COMPUTE_KEEP_GEOREF = 16,
}

/// Options of provider_compute. Size-led; copied by the call with all it points to, except `user`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_compute_options {
    /// sizeof(tc_compute_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_compute_flags.
    pub flags: u32,
    /// The output, as in tc_source. NULL: that of the first input at its level, turned and scaled, with as many
    /// levels as all inputs have, in its blocks, with the bands that are given, their type, and the pad value; levels
    /// from the first on that is not the one before it halved, as of inputs that are scaled up, are left out. Each
    /// input must have a level for each of the output.
    pub image: *const tc_image_info,
    /// The name of the function in the key of the output, UTF-8. Operators of the same name over inputs that are
    /// named alike must give the same pixels, so all else that they depend on is part of it, such as parameters of
    /// the function. NULL: one that is never used again.
    pub name: *const c_char,
    /// The function. Required.
    pub compute: tc_compute_fn,
    /// Passed to `compute`.
    pub user: *mut c_void,
    /// Called once with `user` after the last `compute` has returned. NULL: nothing to release.
    pub release: tc_release_fn,
    /// What the bands of the output are, as in tc_source. NULL: what `image` and `flags` say.
    pub band_infos: *const tc_band_info,
    /// Texts of the output, beside those that it keeps; with n_texts. NULL and 0: none.
    pub texts: *const tc_text,
    /// The length of `texts`.
    pub n_texts: usize,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_input>() == 80 && offset_of!(tc_input, left) == 40);
    assert!(size_of::<tc_place>() == 56);
    assert!(size_of::<tc_compute_options>() == 72 && offset_of!(tc_compute_options, name) == 16);
};

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_compute_options {
    const NAME: &'static str = "tc_compute_options";
}

/// An image computed block by block by a function of yours from windows of other images.
///
/// The library asks for the inputs, with what lies beyond their edges, shares what they have in common as far as
/// they are cached (what is not is made for each input anew, and so for each of a stack of operators), keeps what
/// is computed in the cache, makes each block once however many threads want it, and forgets it when one of the
/// inputs is invalidated or put. Levels of the output are computed from levels of the inputs, in blocks of their
/// own. The key reads `compute:<name>(<key>,<key>)`, with what a tc_input says beside its source in brackets behind
/// the key of that.
///
/// - inputs: required, n_inputs structs; copied. 1 to 1,024.
/// - options: required.
/// - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// After a success the library calls options->release once, after the last `compute`; after a failure it does not
/// call it.
///
/// Errors: TC_E_RANGE for bands, levels, scales, margins and sizes; TC_E_ARGUMENT, also if the cache knows the key
/// with another size, block size, type or number of bands; TC_E_LIMIT for a stack that is too high and for a key of more than
/// 65,536 bytes, which doubles where an image is computed from another one twice; TC_E_NO_MEMORY. The message names
/// the input. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_compute(
    inputs: *const tc_input,
    n_inputs: usize,
    options: *const tc_compute_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options = args::read_sized(options, "options")?;
                let mut sources = Vec::new();
                let rules = rules(inputs, n_inputs, &mut sources)?;
                let image = output_image(&options, &sources, &rules)?;
                let function = CallbackFunction::new(&options)?;
                let owner = function.owner.clone();
                let placement = Placement {
                    sources,
                    rules,
                    image,
                    name: args::optional_text(options.name, "name")?.map(Into::into),
                    keeps_mask: options.flags & tc_compute_flags::TC_COMPUTE_KEEP_MASK as u32 != 0,
                };
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                let made = operator::placed(placement, Arc::new(function), cache)?;
                owner.take();
                Ok(made)
            })
        })
    }
}

/// What is read of the inputs, whose images are `sources` afterwards.
///
/// # Safety
/// `inputs` must be NULL or point to so many structs, with pointers as the header says.
unsafe fn rules(
    inputs: *const tc_input,
    n_inputs: usize,
    sources: &mut Vec<Arc<dyn Provider>>,
) -> Result<Vec<Rule>> {
    if inputs.is_null() {
        return Err(Error::argument("inputs is NULL"));
    }
    if !(1..=MAX_INPUTS).contains(&n_inputs) {
        return Err(Error::range(format!(
            "n_inputs is {n_inputs}; it must be 1 to {MAX_INPUTS}"
        )));
    }
    // SAFETY: promised by the caller.
    let inputs = unsafe { std::slice::from_raw_parts(inputs, n_inputs) };
    let mut rules = Vec::new();
    for (place, input) in inputs.iter().enumerate() {
        // SAFETY: promised by the caller.
        let rule = unsafe { rule(input, sources) };
        rules.push(rule.map_err(|error| error.at(format!("inputs[{place}]")))?);
    }
    Ok(rules)
}

/// The rule of an input, whose image is one of `sources` afterwards.
///
/// # Safety
/// The pointers in `input` must be as the header says.
unsafe fn rule(input: &tc_input, sources: &mut Vec<Arc<dyn Provider>>) -> Result<Rule> {
    // SAFETY: promised by the caller.
    let provider = unsafe { source_of(input.source)? };
    // SAFETY: promised by the caller.
    let bands = unsafe { args::bands(input.bands, input.n_bands, provider.image().band_count())? };
    let border = [Border::Pad, Border::Nearest, Border::Mirrored];
    let border = border
        .get(input.border as usize)
        .ok_or_else(|| Error::argument(format!("border is {}; no such border", input.border)))?;
    use tc_input_flags::*;
    let has = |flag: tc_input_flags| input.flags & flag as u32 != 0;
    if input.flags & !7 != 0 || input.reserved != 0 {
        return Err(Error::argument(format!(
            "flags is {:#x} and reserved {}; no such flag of an input",
            input.flags, input.reserved
        )));
    }
    let margin = |value: i64, name: &str| natural(value, name);
    let known = sources
        .iter()
        .position(|source| Arc::ptr_eq(source, &provider));
    let source = known.unwrap_or(sources.len());
    let rule = Rule {
        source,
        bands,
        level: natural(input.level, "level")? as u32,
        transposed: has(TC_INPUT_TRANSPOSED),
        flipped: (has(TC_INPUT_FLIPPED_X), has(TC_INPUT_FLIPPED_Y)),
        scale: (scale(input.scale_x), scale(input.scale_y)),
        margin: [
            margin(input.left, "left")?,
            margin(input.top, "top")?,
            margin(input.right, "right")?,
            margin(input.bottom, "bottom")?,
        ],
        border: *border,
    };
    if known.is_none() {
        sources.push(provider);
    }
    Ok(rule)
}

fn scale(given: i32) -> Scale {
    match given {
        -1..=0 => Scale::Shrinks(1),
        1.. => Scale::Shrinks(given as u64),
        _ => Scale::Grows(u64::from(given.unsigned_abs())),
    }
}

/// The image that is computed.
///
/// # Safety
/// The pointers in `options` must be as the header says.
unsafe fn output_image(
    options: &tc_compute_options,
    sources: &[Arc<dyn Provider>],
    rules: &[Rule],
) -> Result<Image> {
    use tc_compute_flags::*;
    if options.flags & !31 != 0 {
        let flags = options.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; no such flag"
        )));
    }
    let has = |flag: tc_compute_flags| options.flags & flag as u32 != 0;
    let (first, rule) = (sources[rules[0].source].image(), &rules[0]);
    let mut image = match options.image.is_null() {
        true => image_of(sources, rules)?,
        // SAFETY: promised by the caller.
        false => unsafe { described(options.image)? },
    };
    image.sparse = has(TC_COMPUTE_SPARSE);
    if has(TC_COMPUTE_KEEP_BANDS) {
        let kept = bands_of(first, &rule.bands);
        if kept.len() != image.bands.len() || first.dtype != image.dtype {
            return Err(Error::argument(format!(
                "TC_COMPUTE_KEEP_BANDS, but the output has {} bands of {} and inputs[0] {} of {}",
                image.bands.len(),
                image.dtype.name(),
                kept.len(),
                first.dtype.name()
            )));
        }
        image.bands = kept;
    }
    if has(TC_COMPUTE_KEEP_TEXTS) {
        image.metadata = texts_of(first, &rule.bands, image.band_count());
    }
    if has(TC_COMPUTE_KEEP_GEOREF) {
        image.georef = located_of(first, rule, &image.levels);
    }
    // SAFETY: promised by the caller.
    unsafe {
        super::image::describe_bands(options.band_infos, &mut image)?;
        super::image::add_texts(options.texts, options.n_texts, &mut image)?;
    }
    Ok(image)
}

/// A caller's function over windows.
struct CallbackFunction {
    compute: unsafe extern "C" fn(
        *mut c_void,
        *const tc_place,
        *const tc_pixels,
        usize,
        *const tc_target,
        *mut tc_error,
    ) -> tc_status,
    user: *mut c_void,
    /// Releases `user` after the last call.
    owner: Arc<Owner>,
}

// SAFETY: the header demands that `compute` may be called from several threads at once.
unsafe impl Send for CallbackFunction {}
// SAFETY: as above.
unsafe impl Sync for CallbackFunction {}

impl CallbackFunction {
    fn new(options: &tc_compute_options) -> Result<Self> {
        let compute = options.compute;
        Ok(Self {
            compute: compute.ok_or_else(|| Error::argument("compute of options is NULL"))?,
            user: options.user,
            owner: Owner::new(options.release, options.user),
        })
    }
}

impl Function for CallbackFunction {
    fn compute(
        &self,
        at: Block,
        rect: &Rect,
        inputs: &[Tile],
        output: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let place = tc_place {
            row: at.row as i64,
            col: at.col as i64,
            x: rect.x as i64,
            y: rect.y as i64,
            width: rect.width as i64,
            height: rect.height as i64,
            level: at.level as i32,
            reserved: 0,
        };
        let inputs: SmallVec<[tc_pixels; 4]> = inputs.iter().map(|tile| view(tile)).collect();
        let out = target_of(output);
        // SAFETY: the header says what the callback does with these arguments.
        callback("compute", |err| unsafe {
            (self.compute)(self.user, &place, inputs.as_ptr(), inputs.len(), &out, err)
        })
    }
}
