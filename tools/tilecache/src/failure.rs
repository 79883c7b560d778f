//! Why a command failed, and the number with which the program ends.

use std::fmt;
use std::process::ExitCode;

use crate::raw::TC_E_CANCELLED;

#[derive(Debug)]
pub enum Failure {
    /// A call of the library failed, with its status.
    Library(i32, String),
    /// Something else went wrong: a file that cannot be written, an argument that does not fit the image.
    Other(String),
    /// Control-C, or the signal to terminate.
    Interrupted,
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Library(TC_E_CANCELLED, _) | Failure::Interrupted => ExitCode::from(130),
            Failure::Library(..) | Failure::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Library(TC_E_CANCELLED, _) | Failure::Interrupted => {
                to.write_str("interrupted; nothing was left behind")
            }
            Failure::Library(_, text) | Failure::Other(text) => to.write_str(text),
        }
    }
}

/// A failure of the system with what it was about.
pub fn of_system(what: &std::path::Path, error: std::io::Error) -> Failure {
    Failure::Other(format!("{}: {error}", what.display()))
}
