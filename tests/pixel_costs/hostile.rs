//! The work that hostile codestreams make, in instructions counted by valgrind, whatever the machine is busy with, and the
//! memory that they take.

use super::peak::peak_of;
use super::programs;
use super::streams::{Stream, hostile};
use std::process::Command;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::{Kind, Result};
use tilecache::layout::Shape;
use tilecache::memory::Target;
use tilecache::provider::Provider;
use tilecache::source::file::{Choice, open_bytes};
use tilecache::window::read_window;

/// How much of it the streams ask for.
const SCALE: usize = 10;

/// Columns and rows that are read of each.
const SIDE: usize = 32;

/// Instructions that opening and reading may take, and those for each byte.
const INSTRUCTIONS: u64 = 256 << 20;
const PER_BYTE: u64 = 8000;

/// Bytes of memory that it may take, and those for each byte.
const MEMORY: usize = 64 << 20;
const MEMORY_PER_BYTE: usize = 1200;

/// Opens it, and reads a window of its first bands.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_read(bytes: &[u8], bands: usize) -> Result<()> {
    let bytes = Arc::new(MemoryBytes::new(bytes));
    let image: Arc<dyn Provider> = open_bytes(bytes, &Choice::default())?;
    let (width, height) = image.image().levels[0];
    let shape = Shape {
        width: SIDE.min(width as usize),
        height: SIDE.min(height as usize),
        bands,
    };
    let mut pixels = vec![0u8; shape.width * shape.height * bands];
    let row = shape.width as isize;
    let strides = [1, row, row * shape.height as isize];
    // SAFETY: the memory has just these pixels, and outlives the call.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, image.image().dtype) };
    let bands: Vec<Option<u32>> = (0..bands as u32).map(Some).collect();
    read_window(&image, 0, 0, 0, &bands, target)
}

/// Reads it, and says how that ended.
fn read(stream: &Stream) -> String {
    match measured_read(&stream.bytes(), stream.bands) {
        Ok(()) => "is read".to_owned(),
        Err(error) => {
            let is_refusal = [Kind::Limit, Kind::Corrupt].contains(&error.kind());
            assert!(is_refusal, "{error}");
            error.to_string()
        }
    }
}

#[test]
#[ignore = "measured by the test below"]
fn hostile_streams() {
    for (name, stream, _) in hostile(SCALE) {
        println!("{name}: {}", read(&stream));
    }
}

/// The instructions of each of the streams.
fn instructions() -> Vec<u64> {
    let directory = programs::scratch("pixel_costs", "hostile");
    let out = directory.join("out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--toggle-collect=measured_read"]);
    command.arg("--dump-after=measured_read");
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(std::env::current_exe().expect("this program"));
    let name = "hostile::hostile_streams";
    command.args([name, "--exact", "--ignored", "--test-threads=1"]);
    programs::run(&mut command);
    let numbers = (1..).map(|number| directory.join(format!("out.{number}")));
    let texts = numbers.map_while(|path| std::fs::read_to_string(path).ok());
    let counts = texts.map(|text| {
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        total.expect("a total").trim().parse().expect("a number")
    });
    counts.collect()
}

#[test]
fn no_header_makes_work_that_its_bytes_are_not_worth() {
    let streams = hostile(SCALE);
    let counts = instructions();
    assert_eq!(counts.len(), streams.len(), "a count for each stream");
    let mut wrong = Vec::new();
    for ((name, stream, _), count) in streams.iter().zip(counts) {
        let len = stream.bytes().len() as u64;
        println!("{name}: {len} bytes, {count} instructions");
        assert!(count > 50_000, "{name} was not seen");
        if count > INSTRUCTIONS + PER_BYTE * len {
            wrong.push(format!("{name}: {count} instructions for {len} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_header_takes_memory_that_its_bytes_are_not_worth() {
    let mut wrong = Vec::new();
    for (name, stream, says) in hostile(SCALE) {
        let len = stream.bytes().len();
        let (outcome, peak) = peak_of(|| read(&stream));
        println!("{name}: {len} bytes, {peak} bytes of memory: {outcome}");
        let says = if says.is_empty() { "is read" } else { says };
        if !outcome.contains(says) {
            wrong.push(format!("{name}: {outcome}"));
        }
        if peak > MEMORY + MEMORY_PER_BYTE * len {
            wrong.push(format!("{name}: {peak} bytes of memory for {len} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
