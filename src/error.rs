//! What can go wrong, told apart the way a caller needs it, with a message that names the value.

use std::fmt;
use std::sync::Arc;

/// The kinds of failure; each has one status number at the C boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An argument is missing, contradicts another one, or is not one of the accepted values.
    Argument,
    /// A row, column, level, band or size lies outside what the image has.
    Range,
    /// There is no such file, image or key.
    NotFound,
    /// The tile is not in the cache, and the call was told not to load it.
    NotResident,
    /// The caller cancelled the request.
    Cancelled,
    /// The request would have to wait for itself.
    Reentrant,
    /// Memory for pixels could not be had.
    NoMemory,
    /// A size exceeds what the library accepts.
    Limit,
    /// The system failed to read.
    Io,
    /// The file contradicts its own format.
    Corrupt,
    /// The file is valid but uses a feature that this library does not read.
    Unsupported,
    /// The source changed while it was read.
    Changed,
    /// A store that other machines share cannot be reached.
    Unreachable,
    /// A caller's callback failed; [`Error::source_code`] is its own code.
    Source,
    /// A defect of the library or a panic in a callback.
    Internal,
}

/// A failure: its kind, a callback's own code if it came from one, and a message for a person.
///
/// Cheap to clone, because every waiter of a failed load receives it.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    source_code: i32,
    message: Arc<str>,
}

/// The result of every fallible call of the core.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            source_code: 0,
            message: message.to_string().into(),
        }
    }

    /// A failure reported by a caller's callback with a code of its own.
    pub fn from_source(source_code: i32, message: impl fmt::Display) -> Self {
        Self {
            source_code,
            ..Self::new(Kind::Source, message)
        }
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The callback's own code, or 0.
    pub fn source_code(&self) -> i32 {
        self.source_code
    }

    /// The message, naming what was wrong and with which value.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same failure with the place where it happened put before the message.
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self {
            message: format!("{place}: {}", self.message).into(),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

macro_rules! shorthand {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {
        impl Error {
            $($(#[$doc])* pub fn $name(message: impl fmt::Display) -> Self {
                Self::new(Kind::$kind, message)
            })*
        }
    };
}

shorthand! {
    /// [`Kind::Argument`].
    argument => Argument,
    /// [`Kind::Range`].
    range => Range,
    /// [`Kind::Corrupt`].
    corrupt => Corrupt,
    /// [`Kind::Unsupported`].
    unsupported => Unsupported,
    /// [`Kind::Limit`].
    limit => Limit,
    /// [`Kind::Internal`].
    internal => Internal,
}
