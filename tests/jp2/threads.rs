//! Decodes that may start threads: the same samples, no more threads than were allowed, and none without leave.

use super::by_parts;
use super::support::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tilecache::geometry::Rect;
use tilecache::source::Decoder;
use tilecache::source::jp2::Jp2Decoder;

/// A file of one tile that is large enough to be worth it, and one of many small tiles.
const FILES: [&str; 2] = ["layout-plt-lrcp.j2k", "tiles-128x128-333.j2k"];

/// Tells the process that looks at its threads where the files are.
const FOLDER: &str = "TILECACHE_TEST_JP2_FILES";

/// The threads of the process.
fn thread_count() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task");
    tasks.expect("the threads").count()
}

/// What `work` gives, and the most threads that there were meanwhile beside its own and those before.
fn watched<R: Send>(work: impl FnOnce() -> R + Send) -> (R, usize) {
    let before = thread_count();
    let ended = AtomicBool::new(false);
    let mut most = 0;
    let result = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let result = work();
            ended.store(true, Ordering::Release);
            result
        });
        while !ended.load(Ordering::Acquire) {
            most = most.max(thread_count());
        }
        worker.join().expect("no panic")
    });
    (result, most.saturating_sub(before + 1))
}

/// All bands of the whole image, which so many threads may help to decode.
fn pixels(path: &Path, threads: u32) -> Vec<u8> {
    let mut decoder = open(path).expect("an image");
    decoder.allow_threads(threads);
    let bands: Vec<u32> = (0..decoder.image().band_count()).collect();
    read_level(&decoder, 0, &bands).expect("pixels")
}

#[test]
#[ignore = "run by the next test, alone in a process"]
fn alone_in_a_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the folder of the files"));
    let [large, small] = FILES.map(|name| folder.join(name));
    let (expected, without) = watched(|| pixels(&large, 0));
    assert_eq!(without, 0, "threads that nobody allowed");
    let (helped, with) = watched(|| pixels(&large, 3));
    assert!(helped == expected, "other samples by threads");
    // Three beside the one that calls, which waits while another works in its place.
    assert_eq!(with, 4, "threads");
    let (_, with) = watched(|| pixels(&small, 3));
    assert_eq!(with, 0, "threads for small tiles");
    // In a window of a large tile the thread that calls is at work itself.
    let huge = by_parts::make("parts-threads", 1, &["-PLT"]);
    let rect = Rect::new(1, 1, 2000, 2000);
    let mut decoder = open(Path::new(&huge)).expect("an image");
    let read = |decoder: &Jp2Decoder| window(decoder, 0, rect, &[0]).expect("pixels");
    let (expected, without) = watched(|| read(&decoder));
    assert_eq!(without, 0, "threads that nobody allowed");
    decoder.allow_threads(3);
    let (helped, with) = watched(|| read(&decoder));
    assert!(helped == expected, "other samples by threads");
    assert_eq!(with, 3, "threads for a window");
}

#[test]
fn threads_are_those_that_were_allowed() {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program)
        .args(["--exact", "threads::alone_in_a_process", "--ignored"])
        .args(["--test-threads", "1"])
        .env(FOLDER, made())
        .output();
    let output = output.expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}");
}

#[test]
fn callers_at_one_time_share_the_threads_and_get_the_same() {
    let path = made().join(FILES[0]);
    let expected = pixels(&path, 0);
    let mut decoder = open(&path).expect("an image");
    decoder.allow_threads(2);
    let image = decoder.image();
    let all: Vec<u32> = (0..image.band_count()).collect();
    let (width, height) = image.levels[0];
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (decoder, expected, all) = (&decoder, &expected, &all);
            scope.spawn(move || {
                let rect = Rect::new(0, part * height / 5, width, height / 3);
                let got = window(decoder, 0, rect, all).expect("pixels");
                let expected = cut(expected, decoder.image(), 0, &rect, all);
                assert!(got == expected, "part {part}");
            });
        }
    });
}
