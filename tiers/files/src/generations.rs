//! Generations: a file for each source. One that nobody asked for in a month goes; its source is cold then, never stale.

use crate::directory::{Directory, is_ours, open, replace, shard};
use crate::failures::{reading, writing};
use crate::lock::Lock;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tilecache_fleet::failure::Result;
use tilecache_fleet::{Digest, Failure, Generation};

const KIND: &str = "g";
const LONGEST: u64 = 64;

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Of so many that are made one looks for those that nobody asks for.
const SWEEPS: u64 = 16;

/// What is stored of a source.
enum Stored {
    Nothing,
    /// Something that is no generation.
    Garbage,
    Generation(Generation),
}

fn stored(path: &Path) -> Result<Stored> {
    let file = match open(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) => {
            return match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::NOTDIR) => Ok(Stored::Nothing),
                Some(Errno::LOOP | Errno::NXIO) => Ok(Stored::Garbage),
                _ => Err(reading(path, &error)),
            };
        }
    };
    let known = file.metadata().map_err(|error| reading(path, &error))?;
    if !known.is_file() {
        return Ok(Stored::Garbage);
    }
    let mut text = Vec::new();
    let read = (&file).take(LONGEST).read_to_end(&mut text);
    read.map_err(|error| reading(path, &error))?;
    if known.modified().is_ok_and(|time| is_older(time, DAY)) {
        let _ = file.set_modified(SystemTime::now()); // Where that is not allowed it goes in its time.
    }
    Ok(Generation::parse(&text).map_or(Stored::Garbage, Stored::Generation))
}

fn is_older(time: SystemTime, age: Duration) -> bool {
    SystemTime::now()
        .duration_since(time)
        .is_ok_and(|passed| passed > age)
}

/// The generation of a source, made with these random bits where it has none; nothing where it cannot be read. Where none
/// can be written it is `alone`, which is this process's own: another one's change would be seen, for it has to be written.
pub(crate) fn find(
    directory: &Directory,
    source: &Digest,
    random: u64,
    alone: Generation,
    limit: Duration,
) -> Result<Option<Generation>> {
    let where_nothing_can_be_written = |failure| match failure {
        Failure::Full(_) => Ok(Some(alone)),
        other => Err(other),
    };
    let path = directory.file(KIND, source);
    match stored(&path)? {
        Stored::Generation(generation) => return Ok(Some(generation)),
        Stored::Garbage => return Ok(None),
        Stored::Nothing => (),
    }
    let _lock = match lock(directory, limit) {
        Ok(lock) => lock,
        Err(failure) => return where_nothing_can_be_written(failure),
    };
    match stored(&path)? {
        Stored::Generation(generation) => return Ok(Some(generation)),
        Stored::Garbage => return Ok(None),
        Stored::Nothing => (),
    }
    let made = Generation {
        counter: now(),
        random,
    };
    // It need not outlast the machine: one that is lost is made anew, with other random bits.
    if let Err(error) = write(directory, &path, made, false) {
        return where_nothing_can_be_written(writing(&path, &error));
    }
    if random.is_multiple_of(SWEEPS) {
        sweep(directory, shard(source));
    }
    Ok(Some(made))
}

/// Makes a new generation above the present one and this number. Nothing where there is no room for it: then there is
/// none any more. An error where there was none before either, for that change nobody would see.
pub(crate) fn raise(
    directory: &Directory,
    source: &Digest,
    above: u64,
    random: u64,
    limit: Duration,
) -> Result<Option<Generation>> {
    let path = directory.file(KIND, source);
    let refused = |failure| match failure {
        Failure::Full(text) => Failure::Refused(text),
        other => other,
    };
    let _lock = lock(directory, limit).map_err(refused)?;
    let old = match stored(&path)? {
        Stored::Generation(old) => old.counter,
        Stored::Nothing | Stored::Garbage => 0,
    };
    let made = Generation {
        counter: now().max(old + 1).max(above.saturating_add(1)),
        random,
    };
    let Err(error) = write(directory, &path, made, true) else {
        return Ok(Some(made));
    };
    match writing(&path, &error) {
        Failure::Full(_) => match std::fs::remove_file(&path) {
            Err(error) => Err(refused(writing(&path, &error))),
            Ok(()) => {
                let folder = path.parent().unwrap_or(&path);
                let lasting = File::open(folder).and_then(|folder| folder.sync_all());
                lasting.map_err(|error| reading(&path, &error))?;
                Ok(None)
            }
        },
        failure => Err(failure),
    }
}

fn lock(directory: &Directory, limit: Duration) -> Result<Lock> {
    let folder = directory.path(KIND);
    std::fs::create_dir_all(&folder).map_err(|error| writing(&folder, &error))?;
    Lock::take(&folder.join("lock"), limit)
}

fn write(
    directory: &Directory,
    path: &Path,
    generation: Generation,
    lasts: bool,
) -> std::io::Result<()> {
    let new = directory.path(KIND).join("new");
    replace(&new, path, generation.to_text().as_bytes(), lasts)
}

/// Microseconds of the machine's clock.
fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_micros() as u64
}

/// Removes the generations of a shard that nobody asked for. The lock is held.
fn sweep(directory: &Directory, shard: usize) {
    let Ok(entries) = std::fs::read_dir(directory.shard(KIND, shard)) else {
        return;
    };
    for entry in entries.flatten() {
        let time = entry.metadata().and_then(|known| known.modified());
        if is_ours(entry.file_name().as_bytes()) && time.is_ok_and(|time| is_older(time, KEPT)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
