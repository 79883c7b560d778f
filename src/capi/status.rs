//! Status numbers, and the struct through which an error is told.

use crate::error::{Error, Kind};
use std::borrow::Cow;
use std::ffi::{CStr, c_char};

/// What a call returns: TC_OK (0) or one of the failures of tc_status_code. Numbers are never reused;
/// a number that you do not know is a failure.
pub type tc_status = i32;

/// The values of tc_status.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum tc_status_code {
    /// Success.
    TC_OK = 0,
    /// An argument is missing, contradicts another one, or is not one of the accepted values.
    TC_E_ARGUMENT = 1,
    /// A row, column, level, band or size is negative or lies outside what the image has.
    TC_E_RANGE = 2,
    /// There is no such file or image.
    TC_E_NOT_FOUND = 3,
    /// The tile is not in the cache, and the call does not load it.
    TC_E_NOT_RESIDENT = 4,
    /// The request was cancelled, by provider_cancel.
    TC_E_CANCELLED = 5,
    /// The request would have to wait for itself, such as a callback that asks its own provider for
    /// the block it is reading.
    TC_E_REENTRANT = 6,
    /// Memory for pixels could not be had.
    TC_E_NO_MEMORY = 7,
    /// A size exceeds what the library accepts.
    TC_E_LIMIT = 8,
    /// The system failed to read.
    TC_E_IO = 9,
    /// The file contradicts its own format.
    TC_E_CORRUPT = 10,
    /// The file is valid but uses a feature that the library does not read.
    TC_E_UNSUPPORTED = 11,
    /// The file changed while it was read.
    TC_E_CHANGED = 12,
    /// A callback failed; tc_error.source_code is its own code.
    TC_E_SOURCE = 13,
    /// A defect of the library. The objects stay usable.
    TC_E_INTERNAL = 14,
    /// A store that other machines share cannot be reached.
    TC_E_UNREACHABLE = 15,
}

use tc_status_code::*;

/// Details of a failure, in memory of the caller. Frozen; needs no initialisation and no freeing.
///
/// Every call that can fail takes one as its last argument, or NULL. After a failure all members are
/// set; after a success only `code` (TC_OK) and the first byte of `message` (0).
#[repr(C)]
pub struct tc_error {
    /// What the call returned.
    pub code: tc_status,
    /// With TC_E_SOURCE: the code that the failed callback gave; else 0.
    pub source_code: i32,
    /// What was wrong, with the value, for a person: UTF-8, always NUL-ended. Of one that is too long the
    /// middle is left out: it begins with the place and ends with the cause.
    pub message: [c_char; 504],
}

const _: () = assert!(size_of::<tc_error>() == 512 && align_of::<tc_error>() == 4);

impl tc_error {
    /// One that says nothing.
    pub fn empty() -> Self {
        Self {
            code: TC_OK as tc_status,
            source_code: 0,
            message: [0; 504],
        }
    }

    /// One that tells of `error`.
    pub fn of(error: &Error) -> Self {
        let mut told = Self::empty();
        told.code = status(error.kind());
        told.source_code = error.source_code();
        let text = shortened(error.message(), told.message.len() - 1);
        for (to, byte) in told.message.iter_mut().zip(text.bytes()) {
            *to = byte as c_char;
        }
        told
    }

    /// The message up to its end, which a callback may have forgotten.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self
            .message
            .iter()
            .map(|byte| *byte as u8)
            .take_while(|byte| *byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A text of at most so many bytes: a longer one without its middle.
fn shortened(text: &str, room: usize) -> Cow<'_, str> {
    const GAP: &str = " ... ";
    if text.len() <= room {
        return text.into();
    }
    let half = (room - GAP.len()) / 2;
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let begin = (0..=half).rev().find(is_boundary).unwrap_or(0);
    let end = (text.len() - half..text.len()).find(is_boundary);
    let end = end.unwrap_or(text.len());
    format!("{}{GAP}{}", &text[..begin], &text[end..]).into()
}

/// What a callback hands on of a call of the library that it made: its status in both places, and no number of its
/// own. Of failures that are due to the arguments of that call, those who asked for the block learn as of its own.
fn handed_on(status: tc_status, err: &tc_error) -> Option<Kind> {
    const KINDS: [Kind; 10] = [
        Kind::Cancelled,
        Kind::Reentrant,
        Kind::NoMemory,
        Kind::Limit,
        Kind::Io,
        Kind::Corrupt,
        Kind::Unsupported,
        Kind::Changed,
        Kind::Internal,
        Kind::Unreachable,
    ];
    let is_said_twice = err.code == status && err.source_code == 0;
    let kind = KINDS.into_iter().find(|kind| self::status(*kind) == status);
    kind.filter(|_| is_said_twice)
}

/// Runs the caller's callback `name`, whose failure comes through with its own code and message, or as what it is
/// where it is one of the library.
pub fn callback(name: &str, call: impl FnOnce(*mut tc_error) -> tc_status) -> Result<(), Error> {
    let mut err = tc_error::empty();
    let status = call(&mut err);
    if status == TC_OK as tc_status {
        return Ok(());
    }
    let code = if err.source_code != 0 {
        err.source_code
    } else {
        status
    };
    let text = match err.text() {
        text if text.is_empty() => format!("{name} returned {status}"),
        text => text,
    };
    Err(match handed_on(status, &err) {
        Some(kind) => Error::new(kind, text),
        None => Error::from_source(code, text),
    })
}

/// The number of a kind of failure.
pub fn status(kind: Kind) -> tc_status {
    let code = match kind {
        Kind::Argument => TC_E_ARGUMENT,
        Kind::Range => TC_E_RANGE,
        Kind::NotFound => TC_E_NOT_FOUND,
        Kind::NotResident => TC_E_NOT_RESIDENT,
        Kind::Cancelled => TC_E_CANCELLED,
        Kind::Reentrant => TC_E_REENTRANT,
        Kind::NoMemory => TC_E_NO_MEMORY,
        Kind::Limit => TC_E_LIMIT,
        Kind::Io => TC_E_IO,
        Kind::Corrupt => TC_E_CORRUPT,
        Kind::Unsupported => TC_E_UNSUPPORTED,
        Kind::Changed => TC_E_CHANGED,
        Kind::Source => TC_E_SOURCE,
        Kind::Internal => TC_E_INTERNAL,
        Kind::Unreachable => TC_E_UNREACHABLE,
    };
    code as tc_status
}

/// The name of a status as the header writes it.
pub fn name(status: tc_status) -> &'static CStr {
    const NAMES: [&CStr; 16] = [
        c"TC_OK",
        c"TC_E_ARGUMENT",
        c"TC_E_RANGE",
        c"TC_E_NOT_FOUND",
        c"TC_E_NOT_RESIDENT",
        c"TC_E_CANCELLED",
        c"TC_E_REENTRANT",
        c"TC_E_NO_MEMORY",
        c"TC_E_LIMIT",
        c"TC_E_IO",
        c"TC_E_CORRUPT",
        c"TC_E_UNSUPPORTED",
        c"TC_E_CHANGED",
        c"TC_E_SOURCE",
        c"TC_E_INTERNAL",
        c"TC_E_UNREACHABLE",
    ];
    usize::try_from(status)
        .ok()
        .and_then(|at| NAMES.get(at).copied())
        .unwrap_or(c"unknown status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_lose_their_middle_at_characters() {
        let told = tc_error::of(&Error::range("é".repeat(400)));
        let half = "é".repeat(124);
        assert_eq!(told.text(), format!("{half} ... {half}"));
        assert_eq!(told.message[503], 0);
        let just = "e".repeat(503);
        assert_eq!(tc_error::of(&Error::range(&just)).text(), just);
    }

    #[test]
    fn a_callback_speaks_for_itself() {
        let silent = callback("read_block", |_| 7).unwrap_err();
        assert_eq!((silent.kind(), silent.source_code()), (Kind::Source, 7));
        assert_eq!(silent.message(), "read_block returned 7");
        let telling = callback("read_block", |err| {
            // SAFETY: `callback` passes a struct of its own.
            unsafe { *err = tc_error::of(&Error::from_source(-5, "no such scene")) };
            13
        });
        let telling = telling.unwrap_err();
        assert_eq!(
            (telling.source_code(), telling.message()),
            (-5, "no such scene")
        );
    }

    #[test]
    fn a_failure_of_the_library_goes_through_a_callback_as_what_it_is() {
        let through = |status: i32, handed: Error| {
            // SAFETY: `callback` passes a struct of its own.
            let call = |err: *mut tc_error| unsafe {
                *err = tc_error::of(&handed);
                status
            };
            callback("read_block", call).unwrap_err()
        };
        let changed = || Error::new(Kind::Changed, "a.tif has changed");
        let same = through(12, changed());
        assert_eq!((same.kind(), same.source_code()), (Kind::Changed, 0));
        assert_eq!(same.message(), "a.tif has changed");
        // One that the callback got over before it failed in its own way.
        let other = through(5, changed());
        assert_eq!((other.kind(), other.source_code()), (Kind::Source, 5));
        // Nobody who asked for the block has given a bad argument.
        let range = through(2, Error::range("band 7"));
        assert_eq!((range.kind(), range.source_code()), (Kind::Source, 2));
        let deeper = through(13, Error::from_source(-5, "no such scene"));
        assert_eq!((deeper.kind(), deeper.source_code()), (Kind::Source, -5));
    }

    #[test]
    fn names_follow_the_numbers() {
        assert_eq!(name(TC_E_INTERNAL as i32), c"TC_E_INTERNAL");
        assert_eq!(name(TC_E_CORRUPT as i32), c"TC_E_CORRUPT");
        assert_eq!(name(-1), c"unknown status");
        assert_eq!(name(TC_E_UNREACHABLE as i32), c"TC_E_UNREACHABLE");
        assert_eq!(name(16), c"unknown status");
    }
}
