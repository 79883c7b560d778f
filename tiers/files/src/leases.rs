//! Leases: who decodes what now, in a file of constant size, so that nothing is left of those who were killed.
//!
//! It has places for so many leases; each key has a few where it may be. Where all of these are taken the lease is not
//! written: another process may decode the block, too, which costs work and nothing else. The same goes for a clock that
//! is set while a lease lasts.
//!
//! A lease is free when its process has ended, at once. While that lives it may be late to renew it, on a machine with too
//! much to do: the lease lasts for longer than its term says then, by the patience of whoever looks.

use crate::directory::Directory;
use crate::failures::{reading, writing};
use crate::lock::Lock;
use crate::process::Process;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tilecache_fleet::failure::Result;
use tilecache_fleet::{Digest, Lease};

const GROUPS: u64 = 512;
const PLACES: usize = 8;
const PLACE: usize = 128;
const GROUP: usize = PLACES * PLACE;

/// In a place: the key, the end in microseconds of the clock, the process, the length of the token and the token.
const END: usize = 32;
const PROCESS: usize = 40;
const LENGTH: usize = PROCESS + Process::BYTES;
const TOKEN: usize = LENGTH + 1;

/// No lease is for as long: what says so is damaged, or the clock was set.
const LONGEST: u64 = 60_000_000;

/// The file, locked.
pub(crate) struct Leases {
    lock: Lock,
    path: PathBuf,
    now: u64,
    patience: u64,
}

/// The places of a key.
struct Group {
    at: u64,
    bytes: [u8; GROUP],
    now: u64,
    patience: u64,
}

impl Leases {
    pub(crate) fn open(directory: &Directory, patience: Duration, limit: Duration) -> Result<Self> {
        let path = directory.path("leases");
        let lock = Lock::take(&path, limit)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            lock,
            path,
            now: now.as_micros() as u64,
            patience: patience.as_micros() as u64,
        })
    }

    fn file(&self) -> &File {
        &self.lock.file
    }

    fn group(&self, key: &Digest) -> Result<Group> {
        let at = u64::from(u16::from_le_bytes([key.0[1], key.0[2]])) % GROUPS * GROUP as u64;
        let mut bytes = [0; GROUP];
        let mut filled = 0;
        while filled < GROUP {
            let read = self
                .file()
                .read_at(&mut bytes[filled..], at + filled as u64);
            match read.map_err(|error| reading(&self.path, &error))? {
                0 => break, // What was not written yet is free.
                read => filled += read,
            }
        }
        Ok(Group {
            at,
            bytes,
            now: self.now,
            patience: self.patience,
        })
    }

    fn write(&self, group: &Group, place: usize, content: &[u8; PLACE]) -> Result<()> {
        let at = group.at + (place * PLACE) as u64;
        let written = self.file().write_all_at(content, at);
        written.map_err(|error| writing(&self.path, &error))
    }

    /// Takes a lease that nobody has.
    pub(crate) fn take(&self, lease: &Lease) -> Result<bool> {
        let group = self.group(&lease.key)?;
        if group.place_of(&lease.key).is_some() {
            return Ok(false);
        }
        let free = (0..PLACES).find(|&place| group.token(place).is_none());
        if let (Some(place), Some(content)) = (free, self.content(lease)) {
            self.write(&group, place, &content)?;
        }
        Ok(true)
    }

    /// The token of whoever has the lease of a key.
    pub(crate) fn holder(&self, key: &Digest) -> Result<Option<String>> {
        let group = self.group(key)?;
        let place = group.place_of(key);
        let token = place.and_then(|place| group.token(place));
        Ok(token.map(|token| String::from_utf8_lossy(token).into_owned()))
    }

    /// Prolongs a lease that has this token still.
    pub(crate) fn renew(&self, lease: &Lease) -> Result<bool> {
        let group = self.group(&lease.key)?;
        let (Some(place), Some(content)) = (self.held(&group, lease), self.content(lease)) else {
            return Ok(false);
        };
        self.write(&group, place, &content)?;
        Ok(true)
    }

    /// Ends a lease that has this token still.
    pub(crate) fn end(&self, lease: &Lease) -> Result<()> {
        let group = self.group(&lease.key)?;
        match self.held(&group, lease) {
            Some(place) => self.write(&group, place, &[0; PLACE]),
            None => Ok(()),
        }
    }

    fn held(&self, group: &Group, lease: &Lease) -> Option<usize> {
        let place = group.place_of(&lease.key)?;
        let token = group.token(place)?;
        (token == lease.token.as_bytes()).then_some(place)
    }

    /// What is written of a lease; nothing where its token is too long.
    fn content(&self, lease: &Lease) -> Option<[u8; PLACE]> {
        let mut content = [0; PLACE];
        content[..END].copy_from_slice(&lease.key.0);
        let end = self.now + u64::try_from(lease.term.as_micros()).ok()?.min(LONGEST - 1);
        content[END..PROCESS].copy_from_slice(&end.to_le_bytes());
        Process::this().write(&mut content[PROCESS..LENGTH]);
        let token = lease.token.as_bytes();
        content[LENGTH] = u8::try_from(token.len()).ok()?;
        content
            .get_mut(TOKEN..TOKEN + token.len())?
            .copy_from_slice(token);
        Some(content)
    }
}

impl Group {
    fn place_of(&self, key: &Digest) -> Option<usize> {
        (0..PLACES).find(|&place| {
            self.bytes[place * PLACE..].starts_with(&key.0) && self.token(place).is_some()
        })
    }

    /// The token of a lease that lasts.
    fn token(&self, place: usize) -> Option<&[u8]> {
        let place = &self.bytes[place * PLACE..][..PLACE];
        let mut end = [0; 8];
        end.copy_from_slice(&place[END..PROCESS]);
        let end = u64::from_le_bytes(end);
        let token = place.get(TOKEN..TOKEN + usize::from(place[LENGTH]))?;
        if token.is_empty() || end >= self.now + LONGEST || end + self.patience <= self.now {
            return None;
        }
        let holder = Process::read(&place[PROCESS..LENGTH]);
        let lasts = match holder.and_then(Process::lives) {
            Some(lives) => lives,
            None => end > self.now,
        };
        lasts.then_some(token)
    }
}
