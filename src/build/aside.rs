//! Files that are written aside: without a name where the system has that, and named when they are complete.

use crate::error::{Error, Kind, Result};
use crate::memory::PixelsMut;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What the name of a file ends with that is not complete.
const SUFFIX: &str = ".building";

/// How often a name is tried that others take and leave at the same time.
const TRIES: u32 = 100;

/// The failure of a system call on a file.
pub fn failed(path: &Path, what: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::NotFound => Kind::NotFound,
        _ => Kind::Io,
    };
    Error::new(kind, format!("{}: {what}: {error}", path.display()))
}

/// The folder in which a file lies.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file without a name in the folder of another one. `None` where the file system has no such files.
fn nameless(beside: &Path) -> std::io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder(beside), flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok(Some(file.into())),
        // What systems say that know no such files, and file systems that have none.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The name that stands for a path until the file is complete.
fn meanwhile(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(SUFFIX);
    PathBuf::from(name)
}

/// A file that appears under its path when it is complete, and never before.
pub struct Aside {
    path: PathBuf,
    file: File,
    /// The name that it has until then, where it needs one.
    name: Option<PathBuf>,
}

impl Aside {
    /// A file that is to appear under a path, in place of the file that is there; of a link, where that leads.
    pub fn new(path: &Path) -> Result<Self> {
        let failed = |error: &std::io::Error| failed(path, "cannot be written", error);
        // A device or a pipe must not become a file.
        let is_other = std::fs::metadata(path).is_ok_and(|there| !there.is_file());
        if path.file_name().is_none() || is_other {
            return Err(Error::argument(format!(
                "{} is no name for a file",
                path.display()
            )));
        }
        let real = std::fs::canonicalize(path);
        let path = real.as_deref().unwrap_or(path);
        // Before all the work, not after it.
        if let Err(error) = std::fs::symlink_metadata(meanwhile(path))
            && error.kind() == ErrorKind::InvalidFilename
        {
            return Err(Error::argument(format!(
                "{} is too long a name, for {SUFFIX} stands behind it until the file is complete",
                path.display()
            )));
        }
        let aside = match nameless(path).map_err(|error| failed(&error))? {
            Some(file) => Self {
                path: path.to_owned(),
                file,
                name: None,
            },
            None => Self::named(path)?,
        };
        // Who may read what was there may read what takes its place, and nobody else.
        if let Ok(there) = std::fs::metadata(path) {
            let kept = aside.file.set_permissions(there.permissions());
            kept.map_err(|error| failed(&error))?;
        }
        Ok(aside)
    }

    /// A file that has a name of its own until it is complete.
    fn named(path: &Path) -> Result<Self> {
        let failed = |error: &std::io::Error| failed(path, "cannot be written", error);
        let name = meanwhile(path);
        for _ in 0..TRIES {
            let options = File::options().read(true).write(true).create(true).clone();
            let file = options.open(&name).map_err(|error| failed(&error))?;
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(Error::new(
                    Kind::Io,
                    format!("{} is being written by somebody else", name.display()),
                ));
            }
            // Whoever had the lock before may have given the file its name since.
            let inode = |of: std::fs::Metadata| (of.dev(), of.ino());
            let own = file.metadata().map(inode).ok();
            if own.is_some() && std::fs::metadata(&name).map(inode).ok() == own {
                file.set_len(0).map_err(|error| failed(&error))?;
                return Ok(Self {
                    path: path.to_owned(),
                    file,
                    name: Some(name),
                });
            }
        }
        Err(Error::new(
            Kind::Io,
            format!("{} changes all the time", name.display()),
        ))
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until all of the file is on the disk.
    pub fn sync(&self) -> Result<()> {
        let done = self.file.sync_all();
        done.map_err(|error| failed(&self.path, "cannot be written to the disk", &error))
    }

    /// Gives the file its name, in the place of what has it.
    pub fn finish(mut self) -> Result<()> {
        let path = self.path.clone();
        let failed = |what: &str, error: std::io::Error| failed(&path, what, &error);
        match self.name.take() {
            Some(name) => std::fs::rename(&name, &path).map_err(|error| {
                let _ = std::fs::remove_file(&name);
                failed("cannot be named", error)
            })?,
            None => self
                .name_it()
                .map_err(|error| failed("cannot be named", error))?,
        }
        // The name itself; not every file system has that.
        if let Ok(folder) = File::open(folder(&path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// Names a file that has no name. What has the path can only be replaced by what has a name.
    fn name_it(&self) -> std::io::Result<()> {
        let name = meanwhile(&self.path);
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        // One at a time, for a file whose first name is taken away by somebody else can never have another.
        let folder = File::open(folder(&self.path))?;
        rustix::fs::flock(&folder, FlockOperation::LockExclusive)?;
        // What a process left that was killed between the two steps.
        let _ = std::fs::remove_file(&name);
        rustix::fs::linkat(CWD, &own, CWD, &name, AtFlags::SYMLINK_FOLLOW)?;
        std::fs::rename(&name, &self.path).inspect_err(|_| {
            let _ = std::fs::remove_file(&name);
        })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = std::fs::remove_file(name);
        }
    }
}

/// A file that never has a name for longer than a moment, in the folder of another one.
pub fn scratch(beside: &Path) -> Result<File> {
    let failed = |error: std::io::Error| failed(beside, "a file beside it", &error);
    match nameless(beside).map_err(failed)? {
        Some(file) => Ok(file),
        None => unnamed(beside),
    }
}

/// A file whose name is taken away at once.
fn unnamed(beside: &Path) -> Result<File> {
    let failed = |error: std::io::Error| failed(beside, "a file beside it", &error);
    for nth in 0..TRIES {
        let mut name = meanwhile(beside).into_os_string();
        name.push(format!(".{}.{nth}", std::process::id()));
        let mut options = File::options();
        match options.read(true).write(true).create_new(true).open(&name) {
            Ok(file) => {
                std::fs::remove_file(&name).map_err(failed)?;
                return Ok(file);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(ErrorKind::AlreadyExists.into()))
}

/// Slots of one size in a file without a name.
pub struct Spool {
    path: PathBuf,
    file: File,
    bytes: u64,
    slots: u64,
}

impl Spool {
    /// So many slots of so many bytes, in the folder of a file; numbers beyond them begin anew.
    pub fn new(beside: &Path, bytes: u64, slots: u64) -> Result<Self> {
        Ok(Self {
            path: beside.to_owned(),
            file: scratch(beside)?,
            bytes,
            slots,
        })
    }

    fn at(&self, slot: u64, offset: u64) -> u64 {
        slot % self.slots * self.bytes + offset
    }

    /// Writes bytes into a slot.
    pub fn write(&self, slot: u64, offset: u64, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all_at(bytes, self.at(slot, offset));
        written.map_err(|error| failed(&self.path, "levels that are written aside", &error))
    }

    /// Reads pixels that lie in a slot without gaps.
    pub fn read(&self, slot: u64, offset: usize, mut pixels: PixelsMut<'_>) -> Result<()> {
        let bytes = pixels.bytes_mut();
        let bytes = bytes.ok_or_else(|| Error::internal("pixels with gaps"))?;
        let read = self.file.read_exact_at(bytes, self.at(slot, offset as u64));
        read.map_err(|error| failed(&self.path, "levels that are written aside", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("tilecache-aside-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_that_needs_a_name_has_another_one_until_it_is_complete() {
        let folder = folder("named");
        let path = folder.join("made");
        // What somebody left who was killed.
        std::fs::write(folder.join("made.building"), "left behind").unwrap();
        let first = Aside::named(&path).unwrap();
        assert!(Aside::named(&path).is_err_and(|error| error.message().contains("somebody else")));
        assert_eq!(names(&folder), ["made.building"]);
        drop(first);
        assert!(names(&folder).is_empty());
        std::fs::write(&path, "before").unwrap();
        let second = Aside::named(&path).unwrap();
        second.file().write_all_at(b"now", 0).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        second.sync().unwrap();
        second.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"now");
        assert_eq!(names(&folder), ["made"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_aside_have_no_name() {
        let folder = folder("unnamed");
        let files = [scratch, unnamed].map(|make| make(&folder.join("made")).unwrap());
        assert!(names(&folder).is_empty());
        for file in files {
            file.write_all_at(b"there", 3).unwrap();
            assert_eq!(file.metadata().unwrap().len(), 8);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn many_who_name_the_same_file_at_once_leave_one() {
        let folder = folder("many");
        let path = folder.join("made");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let aside = Aside::new(&path).unwrap();
                        aside.file().write_all_at(b"whole", 0).unwrap();
                        aside.finish().unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(&folder), ["made"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
