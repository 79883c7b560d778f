//! Sources that are bytes of a file: a caller's `read_at`, and the same in Rust, under each format.

use crate::Rig;
use crate::face::{Pixels, Provider};
use crate::fault::{Control, Verdict};
use crate::files::{Format, Sample};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tilecache::bytes::Bytes;
use tilecache::capi::*;
use tilecache::error::Result;
use tilecache::source::file::{Choice, open_bytes};

/// The bytes of a file, which have the fault.
struct Faulty {
    bytes: Arc<Vec<u8>>,
    control: Arc<Control>,
}

/// A file of a format through `tc_io`.
pub fn open_io(format: Format) -> Rig {
    rig(format, |faulty| {
        let io = tc_io {
            struct_size: size_of::<tc_io>() as u32,
            flags: 0,
            size: faulty.bytes.len() as i64,
            user: Box::into_raw(Box::new(faulty)).cast(),
            read_at: Some(read_at),
            release: Some(release),
        };
        // SAFETY: the callbacks below do what the header says, but for their faults.
        unsafe { Provider::open_io(&io) }.expect("an image")
    })
}

/// A file of a format through bytes of Rust.
pub fn open_rust(format: Format) -> Rig {
    rig(format, |faulty| {
        let core = open_bytes(Arc::new(faulty), &Choice::default());
        Provider::of(core.expect("an image"))
    })
}

fn rig(format: Format, open: impl FnOnce(Faulty) -> Provider) -> Rig {
    let Sample { bytes, picture, .. } = format.sample(0);
    let control = Arc::<Control>::default();
    let faulty = Faulty {
        bytes: bytes.clone(),
        control: control.clone(),
    };
    let picture: Arc<Pixels> = picture.clone();
    Rig {
        source: open(faulty),
        picture,
        releases: 1,
        control,
    }
}

unsafe extern "C" fn read_at(
    user: *mut c_void,
    offset: i64,
    into: *mut c_void,
    bytes: usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: `open_io` passes a file.
    let faulty = unsafe { &*user.cast::<Faulty>() };
    let from = &faulty.bytes[offset as usize..][..bytes];
    let verdict = faulty.control.verdict(false);
    verdict.end(bytes, err, |count| {
        // SAFETY: the library gives memory for all of them.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), into.cast(), count) };
    })
}

unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: `open_io` made it, and the library releases it once.
    drop(unsafe { Box::from_raw(user.cast::<Faulty>()) });
}

impl Bytes for Faulty {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        match self.control.verdict(false) {
            Verdict::Works => into.copy_from_slice(&self.bytes[offset as usize..][..into.len()]),
            other => other.result()?,
        }
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.control.released.fetch_add(1, Ordering::SeqCst);
    }
}
