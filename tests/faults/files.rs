//! Files of each format, and what happens to them while they are open.

use crate::SIDE;
use crate::face::{Pixels, Provider};
use crate::fault::Control;
use crate::gdal;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};
use tilecache::bytes::{Bytes, FileBytes};
use tilecache::error::Result;
use tilecache::source::file::{Choice, open_bytes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Tiff,
    Jp2,
    Nitf,
    Png,
    Jpeg,
}

pub const FORMATS: [Format; 5] = [
    Format::Tiff,
    Format::Jp2,
    Format::Nitf,
    Format::Png,
    Format::Jpeg,
];

/// A file that an encoder made, and what it shows.
pub struct Sample {
    pub bytes: Arc<Vec<u8>>,
    pub picture: Arc<Pixels>,
}

impl Format {
    /// The end of its files' names, and what errors call it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Format::Tiff => ("tif", "TIFF"),
            Format::Jp2 => ("jp2", "JPEG 2000"),
            Format::Nitf => ("ntf", "NITF"),
            Format::Png => ("png", "PNG"),
            Format::Jpeg => ("jpg", "JPEG"),
        }
    }

    /// What errors call it.
    pub fn name(self) -> &'static str {
        self.names().1
    }

    /// One of the two files of the format.
    pub fn sample(self, which: usize) -> &'static Sample {
        static SAMPLES: OnceLock<Vec<[Sample; 2]>> = OnceLock::new();
        let all = SAMPLES.get_or_init(|| {
            let made = gdal::make("tests/faults/make.py");
            let manifest = gdal::manifest(&made);
            FORMATS
                .map(|format| {
                    ["one", "other"].map(|which| {
                        let name = format!("{which}.{}", format.names().0);
                        let row = manifest.iter().find(|row| row[0] == name).expect("its row");
                        let expected = fs::read(made.join(&row[9])).expect("the pixels");
                        sample(format, &made.join(name), expected)
                    })
                })
                .into()
        });
        &all[FORMATS
            .iter()
            .position(|other| *other == self)
            .expect("a format")][which]
    }
}

/// What undisturbed reading gives, which is what GDAL reads.
fn sample(format: Format, path: &Path, expected: Vec<u8>) -> Sample {
    let whole = [0, 0, SIDE, SIDE];
    let picture = Provider::open(path).and_then(|image| image.window(whole));
    let picture = picture.expect("pixels");
    assert!(picture.samples == expected, "{format:?}");
    Sample {
        bytes: fs::read(path).expect("the file").into(),
        picture: picture.into(),
    }
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is cut after a quarter.
    Truncated,
    /// It is cut to nothing.
    Emptied,
    /// Something is written behind its end.
    Grown,
    /// Every byte of its second half is another.
    Spoilt,
    /// Another image is written over it, of any size.
    Rewritten,
    /// Another image's file is renamed over it.
    RenamedOver,
    /// Its name is removed.
    Deleted,
    /// Its name is removed and given to another image.
    Recreated,
}

pub const CHANGES: [Change; 8] = [
    Change::Truncated,
    Change::Emptied,
    Change::Grown,
    Change::Spoilt,
    Change::Rewritten,
    Change::RenamedOver,
    Change::Deleted,
    Change::Recreated,
];

/// What the path shows after a change.
pub enum Shows {
    /// What it showed before.
    Same,
    /// Another image.
    Other,
    /// An error, or pixels that are not those from before.
    NotTheSame,
    /// There is no such file.
    Nothing,
}

impl Change {
    /// Whether it leaves the bytes of the open file as they were.
    pub fn spares_the_file(self) -> bool {
        matches!(
            self,
            Change::RenamedOver | Change::Deleted | Change::Recreated
        )
    }

    pub fn shows(self) -> Shows {
        match self {
            Change::Grown => Shows::Same,
            Change::Truncated | Change::Emptied | Change::Spoilt => Shows::NotTheSame,
            Change::Rewritten | Change::RenamedOver | Change::Recreated => Shows::Other,
            Change::Deleted => Shows::Nothing,
        }
    }
}

/// A file of a test's own, removed with it.
pub struct OnDisk {
    pub path: PathBuf,
    format: Format,
}

impl OnDisk {
    /// The first file of a format, under a name of its own.
    pub fn new(format: Format) -> Self {
        static NEXT: Mutex<u32> = Mutex::new(0);
        let number = {
            let mut next = NEXT.lock().unwrap();
            *next += 1;
            *next
        };
        let name = format!("fault-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, &**format.sample(0).bytes).expect("a file");
        Self { path, format }
    }

    /// Lets something happen to it.
    pub fn change(&self, change: Change) {
        let other = &self.format.sample(1).bytes;
        let beside = self.path.with_extension("new");
        let len = self.format.sample(0).bytes.len();
        match change {
            Change::Truncated => self.in_place(|file| file.set_len(len as u64 / 4)),
            Change::Emptied => self.in_place(|file| file.set_len(0)),
            Change::Grown => self.in_place(|file| {
                file.seek(SeekFrom::End(0))?;
                file.write_all(b"more")
            }),
            Change::Spoilt => self.in_place(|file| {
                let half = &self.format.sample(0).bytes[len / 2..];
                let spoilt: Vec<u8> = half.iter().map(|byte| !byte).collect();
                file.seek(SeekFrom::Start(len as u64 / 2))?;
                file.write_all(&spoilt)
            }),
            Change::Rewritten => self.in_place(|file| {
                file.set_len(0)?;
                file.write_all(other)
            }),
            Change::RenamedOver => {
                fs::write(&beside, &**other).expect("another file");
                fs::rename(&beside, &self.path).expect("renamed");
            }
            Change::Deleted => fs::remove_file(&self.path).expect("removed"),
            Change::Recreated => {
                fs::remove_file(&self.path).expect("removed");
                fs::write(&self.path, &**other).expect("another file");
            }
        }
    }

    /// Writes to the file, whose clock is moved on: what happens within one of its steps is not seen.
    fn in_place(&self, work: impl FnOnce(&mut File) -> std::io::Result<()>) {
        let file = OpenOptions::new().write(true).open(&self.path);
        let mut file = file.expect("the file");
        work(&mut file).expect("written");
        let later = SystemTime::now() + Duration::from_secs(60);
        file.set_modified(later).expect("a time");
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _deleted = fs::remove_file(&self.path);
    }
}

/// When a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After it was opened.
    BeforeTheLoad,
    /// At the first read of the load.
    InTheLoad,
}

/// A file that changes when it is read.
struct Meddled {
    file: FileBytes,
    on_disk: Arc<OnDisk>,
    change: Change,
    control: Arc<Control>,
    /// Held while it changes: no other thread reads before that was done.
    changing: Mutex<()>,
}

/// The image of a file that suffers a change at the first read after `control` is told to wait for it.
pub fn open_meddled(on_disk: Arc<OnDisk>, change: Change, control: Arc<Control>) -> Provider {
    let meddled = Meddled {
        file: FileBytes::open(&on_disk.path).expect("the file"),
        on_disk,
        change,
        control,
        changing: Mutex::default(),
    };
    let core = open_bytes(Arc::new(meddled), &Choice::default());
    Provider::of(core.expect("an image"))
}

impl Bytes for Meddled {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let changing = self.changing.lock().unwrap();
        if self.control.takes_turn() {
            self.on_disk.change(self.change);
        }
        drop(changing);
        self.file.read_at(offset, into)
    }

    fn identity(&self) -> Option<String> {
        self.file.identity()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()
    }
}
