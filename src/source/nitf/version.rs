//! Versions of the format.

/// What a file says to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// NITF 2.0 (MIL-STD-2500A).
    Nitf20,
    /// NITF 2.1 (MIL-STD-2500C).
    Nitf21,
    /// NSIF 1.0 (STANAG 4545), which is NITF 2.1 by another name.
    Nsif,
}

/// What NITF 2.0 has in a field of security that another one follows.
pub const DOWNGRADED_BY_EVENT: &str = "999998";

impl Version {
    /// The version that a file begins with; `None` if it is not read.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "NITF02.00" => Some(Self::Nitf20),
            "NITF02.10" => Some(Self::Nitf21),
            "NSIF01.00" => Some(Self::Nsif),
            _ => None,
        }
    }
}
