//! Whether a process that left its name still lives.

use std::io::ErrorKind;

/// A process: its number, and when it was started, so that a later one of the same number is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    number: u32,
    /// In the units of the system; 0 where it does not tell.
    started: u64,
}

impl Process {
    pub(crate) const BYTES: usize = 12;

    pub(crate) fn this() -> Self {
        let number = std::process::id();
        let started = Self::looked_up(number).ok().flatten();
        Self {
            number,
            started: started.unwrap_or_default(),
        }
    }

    pub(crate) fn write(self, into: &mut [u8]) {
        into[..4].copy_from_slice(&self.number.to_le_bytes());
        into[4..].copy_from_slice(&self.started.to_le_bytes());
    }

    pub(crate) fn read(from: &[u8]) -> Option<Self> {
        let (number, started) = from.split_at_checked(4)?;
        Some(Self {
            number: u32::from_le_bytes(number.try_into().ok()?),
            started: u64::from_le_bytes(started.try_into().ok()?),
        })
    }

    /// Nothing where that cannot be told. A process that this one cannot see, for it is in another container, does not.
    pub(crate) fn lives(self) -> Option<bool> {
        if self.started == 0 {
            return None;
        }
        let found = Self::looked_up(self.number).ok()?;
        Some(found == Some(self.started))
    }

    /// When the process of this number was started, if there is one that has not ended.
    fn looked_up(number: u32) -> std::io::Result<Option<u64>> {
        let told = match std::fs::read_to_string(format!("/proc/{number}/stat")) {
            Ok(told) => told,
            // No such process; or no such system.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return std::fs::metadata("/proc/self/stat").map(|_| None);
            }
            Err(error) => return Err(error),
        };
        // Behind the name in brackets, which may hold anything: the state, and as the twentieth the start.
        let mut fields = told.rsplit(") ").next().unwrap_or_default().split(' ');
        let ended = matches!(fields.next(), Some("Z" | "X" | "x"));
        let started = fields.nth(18).and_then(|field| field.parse().ok());
        Ok(started.filter(|_| !ended))
    }
}
