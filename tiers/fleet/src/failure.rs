//! What a store may answer instead of what was asked of it.

/// Why a store did not do what it was asked. The texts are the store's or the system's, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no connection to it, or it was cut.
    Unreachable(String),
    /// It did not answer in time.
    Late,
    /// What it answered cannot be read.
    Garbage(String),
    /// It has no room for what is written.
    Full(String),
    /// It does not know the user or the password, or does not let them do this.
    Denied(String),
    /// It answered with another error.
    Refused(String),
}

/// The kinds of failures, in the order in which they are counted.
pub const KINDS: [&str; 6] = [
    "unreachable",
    "late",
    "garbage",
    "full",
    "denied",
    "refused",
];

impl Failure {
    /// Its place in [`KINDS`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Unreachable(_) => 0,
            Self::Late => 1,
            Self::Garbage(_) => 2,
            Self::Full(_) => 3,
            Self::Denied(_) => 4,
            Self::Refused(_) => 5,
        }
    }

    /// What happened, in words.
    pub fn text(&self) -> &str {
        match self {
            Self::Late => "no answer in time",
            Self::Unreachable(text)
            | Self::Garbage(text)
            | Self::Full(text)
            | Self::Denied(text)
            | Self::Refused(text) => text,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", KINDS[self.kind()], self.text())
    }
}

/// What came, or why it did not.
pub type Result<T> = std::result::Result<T, Failure>;
