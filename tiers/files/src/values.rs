//! Values: read by everybody, written by who has the lock, and evicted by that one when there is no room.

use crate::directory::{Directory, SHARDS, is_ours, open, replace, shard};
use crate::failures::{is_full, reading, writing};
use crate::lock::Lock;
use crate::sizes::Sizes;
use crate::store::Counts;
use rustix::io::Errno;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tilecache_fleet::Digest;
use tilecache_fleet::failure::Result;

const KIND: &str = "v";

/// A value that is read says so by the time of its file, but not more often than this.
const USED: Duration = Duration::from_secs(60);

/// What a file takes beside its bytes is not known: it is counted in whole pieces of so many.
const PIECE: u64 = 4096;

/// Of so many values or more the longest unused quarter goes when there is no room.
const SAMPLE: usize = 64;

/// A value; nothing where there is none. Of what is longer than `longest` no more than one byte beyond, and no bytes of
/// what is there and is no file that can be read.
pub(crate) fn read(directory: &Directory, key: &Digest, longest: usize) -> Result<Option<Vec<u8>>> {
    let path = directory.file(KIND, key);
    let file = match open(&path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) => {
            return match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::NOTDIR) => Ok(None),
                Some(Errno::LOOP | Errno::ACCESS | Errno::PERM | Errno::NXIO) => {
                    Ok(Some(Vec::new()))
                }
                _ => Err(reading(&path, &error)),
            };
        }
    };
    let known = file.metadata().map_err(|error| reading(&path, &error))?;
    if !known.is_file() {
        return Ok(Some(Vec::new()));
    }
    let bytes = usize::try_from(known.len()).unwrap_or(usize::MAX);
    let limit = longest.saturating_add(1);
    let mut value = Vec::with_capacity(bytes.min(limit));
    let mut limited = (&file).take(limit as u64);
    limited
        .read_to_end(&mut value)
        .map_err(|error| reading(&path, &error))?;
    let now = SystemTime::now();
    let last = known.modified().unwrap_or(now);
    if now.duration_since(last).is_ok_and(|unused| unused >= USED) {
        let _ = file.set_modified(now); // Where that is not allowed it looks unused.
    }
    Ok(Some(value))
}

/// Who may write values.
pub(crate) struct Writer<'a> {
    directory: &'a Directory,
    counts: &'a Counts,
    /// What all values may take.
    bound: u64,
    sizes: Sizes,
    of_sizes: std::fs::File,
    _lock: Lock,
}

impl<'a> Writer<'a> {
    /// Waits for the lock at most so long.
    pub(crate) fn open(
        directory: &'a Directory,
        bound: u64,
        counts: &'a Counts,
        limit: Duration,
    ) -> Result<Self> {
        let lock = Lock::take(&directory.path("lock"), limit)?;
        let path = directory.path("sizes");
        let mut options = OpenOptions::new();
        let of_sizes = open(
            &path,
            options.read(true).write(true).create(true).truncate(false),
        );
        let of_sizes = of_sizes.map_err(|error| writing(&path, &error))?;
        let known = Sizes::read(&of_sizes);
        let is_known = known.is_some();
        let mut writer = Self {
            directory,
            counts,
            bound,
            sizes: known.unwrap_or(Sizes::none()),
            of_sizes,
            _lock: lock,
        };
        if !is_known {
            counts.recounts.add(1);
            for shard in 0..SHARDS {
                writer.look_through(shard, &mut Vec::new())?;
            }
            writer.write_sizes()?;
        }
        Ok(writer)
    }

    /// Keeps values, each or not.
    pub(crate) fn put(&mut self, values: &[(Digest, Vec<u8>)]) -> Result<Vec<Result<()>>> {
        let all: Vec<_> = values.iter().collect();
        let room = room_of(&all);
        let bound = self.bound;
        self.evict_until(|sizes, _| sizes.total() + room <= bound)?;
        let mut put = self.write(&all)?;
        // The disk may have less room than the bound. What was unused for longest goes then, and they are tried once more.
        let without: Vec<_> = (0..put.len())
            .filter(|&at| put[at].as_ref().is_err_and(is_full))
            .collect();
        let left: Vec<_> = without.iter().map(|&at| all[at]).collect();
        let room = room_of(&left);
        let may_help = room <= self.sizes.total();
        if may_help && self.evict_until(|_, evicted| evicted >= room)? > 0 {
            let again = self.write(&left)?;
            let again = without.into_iter().zip(again);
            again.for_each(|(at, again)| put[at] = again);
        }
        let told = values.iter().zip(put).map(|((key, _), put)| {
            put.map_err(|error| writing(&self.directory.file(KIND, key), &error))
        });
        Ok(told.collect())
    }

    /// Writes values beside those that are there, each or not.
    fn write(&mut self, values: &[&(Digest, Vec<u8>)]) -> Result<Vec<std::io::Result<()>>> {
        for (key, value) in values {
            self.sizes.shards[shard(key)] += taken(value.len() as u64);
        }
        self.write_sizes()?;
        let new = self.directory.path("new");
        let mut put = |(key, value): &&(Digest, Vec<u8>)| {
            let path = self.directory.file(KIND, key);
            // What has this name goes; or, where this fails, what was to come in its place.
            let before = std::fs::symlink_metadata(&path).map_or(0, |known| taken(known.len()));
            let replaced = replace(&new, &path, value, false);
            let gone = match replaced {
                Ok(()) => before,
                Err(_) => taken(value.len() as u64),
            };
            let bytes = &mut self.sizes.shards[shard(key)];
            *bytes = bytes.saturating_sub(gone);
            replaced
        };
        let put = values.iter().map(&mut put).collect();
        self.write_sizes()?;
        Ok(put)
    }

    fn write_sizes(&self) -> Result<()> {
        let written = self.sizes.write(&self.of_sizes);
        self.counts.bytes.set(self.sizes.total());
        written.map_err(|error| writing(&self.directory.path("sizes"), &error))
    }

    /// Evicts until that is enough, by what there is then and by how much went, or until nothing is left; returns how much
    /// went.
    fn evict_until(&mut self, is_enough: impl Fn(&Sizes, u64) -> bool) -> Result<u64> {
        let mut evicted = 0;
        while !is_enough(&self.sizes, evicted) {
            let mut sample = Vec::new();
            for _ in 0..SHARDS {
                self.look_through(self.sizes.hand, &mut sample)?;
                self.sizes.hand = (self.sizes.hand + 1) % SHARDS;
                if sample.len() >= SAMPLE {
                    break;
                }
            }
            if sample.is_empty() {
                break;
            }
            sample.sort_unstable_by_key(|value| value.used);
            let quarter = sample.len().div_ceil(4);
            for value in &sample[..quarter] {
                match std::fs::remove_file(&value.path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(writing(&value.path, &error));
                    }
                    _ => (),
                }
                let bytes = &mut self.sizes.shards[value.shard];
                *bytes = bytes.saturating_sub(value.bytes);
                evicted += value.bytes;
                self.counts.evicted.add(1);
                self.counts.evicted_bytes.add(value.bytes);
            }
        }
        Ok(evicted)
    }

    /// Adds the values of a shard, and notes what they take. What is not ours stays.
    fn look_through(&mut self, shard: usize, values: &mut Vec<Evictable>) -> Result<()> {
        let folder = self.directory.shard(KIND, shard);
        self.sizes.shards[shard] = 0;
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(());
            }
            Err(error) => return Err(reading(&folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| reading(&folder, &error))?;
            if !is_ours(entry.file_name().as_bytes()) {
                continue;
            }
            let Ok(known) = entry.metadata() else {
                continue; // It is gone.
            };
            if !known.is_file() {
                continue;
            }
            let bytes = taken(known.len());
            self.sizes.shards[shard] += bytes;
            values.push(Evictable {
                path: entry.path(),
                shard,
                bytes,
                used: known.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            });
        }
        Ok(())
    }
}

struct Evictable {
    path: PathBuf,
    shard: usize,
    bytes: u64,
    used: SystemTime,
}

fn room_of(values: &[&(Digest, Vec<u8>)]) -> u64 {
    let all = values.iter();
    all.map(|(_, value)| taken(value.len() as u64)).sum()
}

fn taken(bytes: u64) -> u64 {
    bytes.max(1).next_multiple_of(PIECE)
}
