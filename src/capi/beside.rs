//! Files beside one that a caller opens.

use super::array::Owner;
use super::callback::CallbackBytes;
use super::source::{tc_io, tc_open_options};
use super::status::{callback, tc_error, tc_status, tc_status_code};
use crate::bytes::Bytes;
use crate::error::Result;
use crate::source::beside::Beside;
use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// A caller's function that opens files beside one.
pub struct CallbackBeside {
    open: unsafe extern "C" fn(*mut c_void, *const c_char, *mut tc_io, *mut tc_error) -> tc_status,
    user: *mut c_void,
}

impl CallbackBeside {
    /// The one of the options.
    pub fn of(options: &tc_open_options) -> Option<Self> {
        let user = options.user;
        options.open_beside.map(|open| Self { open, user })
    }
}

impl Beside for CallbackBeside {
    fn open(&self, suffix: &str) -> Result<Option<Arc<dyn Bytes>>> {
        // Suffixes are ours, and have no NUL.
        let suffix = CString::new(suffix).unwrap_or_default();
        let mut io = tc_io {
            struct_size: size_of::<tc_io>() as u32,
            flags: 0,
            user: null_mut(),
            size: 0,
            read_at: None,
            release: None,
        };
        let mut is_there = true;
        callback("open_beside", |err| {
            // SAFETY: the header says what the callback does with these arguments.
            let status = unsafe { (self.open)(self.user, suffix.as_ptr(), &mut io, err) };
            is_there = status != tc_status_code::TC_E_NOT_FOUND as tc_status;
            match is_there {
                true => status,
                false => tc_status_code::TC_OK as tc_status,
            }
        })?;
        if !is_there {
            return Ok(None);
        }
        match CallbackBytes::new(&io) {
            Ok(bytes) => {
                bytes.owner.take();
                Ok(Some(Arc::new(bytes)))
            }
            Err(error) => {
                Owner::new(io.release, io.user).take();
                Err(error.at("open_beside"))
            }
        }
    }
}
