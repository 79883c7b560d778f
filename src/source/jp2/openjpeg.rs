//! A safe face of OpenJPEG: one codestream in, planes of 32-bit samples out.
//!
//! Each call has a codec of its own, which is used on the calling thread alone and starts only the threads that the
//! job allows it; they end with it.
//! Nothing is printed; what the codec has to say becomes the message of the error.

use crate::error::{Error, Kind, Result};
use crate::sync::Mutex;
use openjpeg_sys as opj;
use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{NonNull, null_mut};

/// The codec reads so many bytes at once where it wants fewer.
const CHUNK: usize = 64 << 10;

/// A text of the codec is kept up to this length.
const MAX_TEXT: usize = 400;

/// No codec has more threads than this.
const MOST_THREADS: u32 = 64;

/// What the codec takes for the end or a failure of the input.
const ENDS: usize = usize::MAX;

/// Where a codestream comes from, from front to back.
pub trait Input {
    /// All bytes of it.
    fn len(&self) -> u64;

    /// Fills the beginning of `into` with what comes next; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;

    /// Passes over so many bytes.
    fn skip(&mut self, count: u64);
}

/// What is wanted of a codestream.
pub struct Job<'a> {
    /// The area on the reference grid: left, top, right, bottom.
    pub area: [u32; 4],
    /// How often it is halved.
    pub level: u32,
    /// The first so many quality layers; all of them if not given.
    pub layers: Option<NonZeroU32>,
    /// The components, ascending, unmixed; all of them if not given.
    pub components: Option<&'a [u32]>,
    /// How many threads decode while the calling one waits; 0 if it decodes itself.
    pub threads: u32,
}

/// The samples of one component in the area.
pub struct Plane<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The samples, row by row.
    pub samples: &'a [i32],
}

/// What the callbacks work with.
struct State<'a> {
    input: &'a mut dyn Input,
    failure: Option<Error>,
    panic: Option<Box<dyn Any + Send>>,
}

/// What the codec had to say, on whatever thread of its.
type Notes = Mutex<String>;

/// What is to be destroyed in the end, in the order of the fields.
struct Codec {
    image: *mut opj::opj_image_t,
    stream: *mut opj::opj_stream_t,
    codec: *mut opj::opj_codec_t,
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: each is NULL, which is ignored, or what the matching function created and nobody
        // else has.
        unsafe {
            opj::opj_image_destroy(self.image);
            opj::opj_stream_destroy(self.stream);
            opj::opj_destroy_codec(self.codec);
        }
    }
}

/// Decodes what is wanted of a codestream and hands the planes to `with`, in the order of the
/// components.
pub fn decode<R>(
    input: &mut dyn Input,
    job: &Job<'_>,
    with: impl FnOnce(&[Plane<'_>]) -> Result<R>,
) -> Result<R> {
    let mut state = State {
        input,
        failure: None,
        panic: None,
    };
    let notes = Notes::default();
    // The callbacks reach the state through this pointer alone until the codec has gone.
    let pointer = NonNull::from(&mut state);
    let decoded = run(pointer.cast(), &notes, job, with);
    if let Some(panic) = state.panic {
        resume_unwind(panic);
    }
    match (decoded, state.failure) {
        (Some(result), _) => result,
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(gave_up(notes.lock().trim_end_matches("; "))),
    }
}

/// The error of a codec that said this. It says where memory was missing, but not by a code.
fn gave_up(text: &str) -> Error {
    let lower = text.to_ascii_lowercase();
    match text {
        "" => Error::corrupt("the codec gave up"),
        _ if ["memory", "alloc", "system limits"]
            .iter()
            .any(|word| lower.contains(word)) =>
        {
            Error::new(Kind::NoMemory, text)
        }
        _ => Error::corrupt(text),
    }
}

/// `None` where the codec failed.
fn run<R>(
    state: NonNull<c_void>,
    notes: &Notes,
    job: &Job<'_>,
    with: impl FnOnce(&[Plane<'_>]) -> Result<R>,
) -> Option<Result<R>> {
    // SAFETY: `state` points to a `State` that outlives this call and that nobody else uses during
    // it.
    let len = unsafe { state.cast::<State<'_>>().as_ref() }.input.len();
    // SAFETY: these two only allocate.
    let mut codec = unsafe {
        Codec {
            image: null_mut(),
            stream: opj::opj_stream_create(CHUNK, 1),
            codec: opj::opj_create_decompress(opj::CODEC_FORMAT::OPJ_CODEC_J2K),
        }
    };
    if codec.stream.is_null() || codec.codec.is_null() {
        return Some(Err(Error::new(Kind::NoMemory, "no memory for a codec")));
    }
    let client = state.as_ptr();
    // SAFETY: stream and codec are alive, and the callbacks fit the state that they are given.
    unsafe {
        opj::opj_stream_set_read_function(codec.stream, Some(read));
        opj::opj_stream_set_skip_function(codec.stream, Some(skip));
        opj::opj_stream_set_user_data(codec.stream, client, None);
        opj::opj_stream_set_user_data_length(codec.stream, len);
        let notes = std::ptr::from_ref(notes).cast_mut();
        opj::opj_set_error_handler(codec.codec, Some(note), notes.cast());
    }
    // SAFETY: plain numbers, for which all zeros are valid; the next call fills them in.
    let mut parameters: opj::opj_dparameters_t = unsafe { std::mem::zeroed() };
    // SAFETY: the parameters live during both calls, and the codec is alive.
    let ready = unsafe {
        opj::opj_set_default_decoder_parameters(&mut parameters);
        parameters.cp_reduce = job.level;
        parameters.cp_layer = job.layers.map_or(0, NonZeroU32::get);
        opj::opj_setup_decoder(codec.codec, &mut parameters) != 0
    };
    let threads = job.threads.min(MOST_THREADS) as i32;
    // Without this a variable of the environment would say how many. Where the system has none, the codec decodes alone.
    // SAFETY: the codec is alive, and has read nothing yet.
    let _started = ready && unsafe { opj::opj_codec_set_threads(codec.codec, threads) != 0 };
    // SAFETY: stream and codec are alive, and the image is stored where it will be destroyed.
    if !ready || unsafe { opj::opj_read_header(codec.stream, codec.codec, &mut codec.image) } == 0 {
        return None;
    }
    if let Some(components) = job.components {
        let (count, list) = (components.len() as u32, components.as_ptr());
        // SAFETY: the codec is alive, and copies the list.
        if unsafe { opj::opj_set_decoded_components(codec.codec, count, list, 0) } == 0 {
            return None;
        }
    }
    let [left, top, right, bottom] = job.area.map(|place| place as i32);
    // SAFETY: codec, stream and image are alive and belong together.
    let decoded = unsafe {
        opj::opj_set_decode_area(codec.codec, codec.image, left, top, right, bottom) != 0
            && opj::opj_decode(codec.codec, codec.stream, codec.image) != 0
    };
    if !decoded {
        return None;
    }
    // SAFETY: a decoded image has `numcomps` components.
    let components = unsafe {
        std::slice::from_raw_parts((*codec.image).comps, (*codec.image).numcomps as usize)
    };
    let planes = components.iter().map(|component| {
        let (width, height) = (component.w as usize, component.h as usize);
        let samples = match component.data.is_null() {
            true => &[][..],
            // SAFETY: a component that has data has `w * h` samples, which live as long as the
            // image.
            false => unsafe { std::slice::from_raw_parts(component.data, width * height) },
        };
        Plane {
            width,
            height,
            samples,
        }
    });
    Some(with(&planes.collect::<Vec<_>>()))
}

/// Calls `with` the state behind `client`; a panic is kept for the caller of the codec, because it
/// must not unwind through C.
///
/// # Safety
/// `client` must point to a `State` that nobody uses meanwhile.
unsafe fn guarded<R>(client: *mut c_void, failed: R, with: impl FnOnce(&mut State<'_>) -> R) -> R {
    // SAFETY: promised by the caller.
    let state = unsafe { &mut *client.cast::<State<'_>>() };
    match catch_unwind(AssertUnwindSafe(|| with(state))) {
        Ok(result) => result,
        Err(panic) => {
            state.panic = Some(panic);
            failed
        }
    }
}

unsafe extern "C" fn read(into: *mut c_void, len: usize, client: *mut c_void) -> usize {
    // SAFETY: the codec passes the client that it was given, and calls on this thread alone.
    unsafe {
        guarded(client, ENDS, |state| {
            if state.failure.is_some() || state.panic.is_some() {
                return ENDS;
            }
            // Cleared memory is what a slice may be made of; the codec's may be fresh.
            std::ptr::write_bytes(into.cast::<u8>(), 0, len);
            let into = std::slice::from_raw_parts_mut(into.cast::<u8>(), len);
            match state.input.read(into) {
                Ok(0) => ENDS,
                Ok(count) => count,
                Err(error) => {
                    state.failure = Some(error);
                    ENDS
                }
            }
        })
    }
}

unsafe extern "C" fn skip(count: i64, client: *mut c_void) -> i64 {
    let Ok(bytes) = u64::try_from(count) else {
        return -1;
    };
    // SAFETY: the codec passes the client that it was given, and calls on this thread alone.
    unsafe {
        guarded(client, -1, |state| {
            state.input.skip(bytes);
            count
        })
    }
}

unsafe extern "C" fn note(message: *const c_char, client: *mut c_void) {
    // SAFETY: the codec passes a text that ends in NUL and the notes that it was given, which outlive it.
    let (message, notes) = unsafe { (CStr::from_ptr(message), &*client.cast::<Notes>()) };
    let mut text = notes.lock();
    if text.len() < MAX_TEXT {
        text.push_str(message.to_string_lossy().trim());
        text.push_str("; ");
    }
}
