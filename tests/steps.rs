//! What calls cost, counted in instructions by valgrind: how the number grows with the work, whatever the
//! machine is busy with.

#[path = "support/programs.rs"]
mod programs;

use std::process::Command;
use std::ptr::{null, null_mut};
use tilecache::cache::{Cache, Options};
use tilecache::capi::*;
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block, Image};
use tilecache::operator::cached;
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};

/// What the measured process reads from its environment: how much work there is.
const SIZE: &str = "TILECACHE_STEPS_SIZE";

/// The instructions that calls of `function` take while this program runs its test `work`.
fn steps(work: &str, function: &str, size: usize) -> u64 {
    let log = programs::scratch("steps", &format!("{work}-{size}")).join("log");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect={function}"));
    command.arg(format!("--log-file={}", log.display()));
    command.arg(std::env::current_exe().unwrap());
    command.args([work, "--exact", "--ignored", "--test-threads=1"]);
    programs::run(command.env(SIZE, size.to_string()));
    let log = std::fs::read_to_string(log).unwrap();
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count in {log}"));
    count.trim().parse().unwrap()
}

/// How much work there is in this process.
fn size() -> usize {
    let size = std::env::var(SIZE).expect("run by the test that measures it");
    size.parse().unwrap()
}

/// The steps for more work, divided by those for less.
fn growth(work: &str, function: &str, [few, many]: [usize; 2]) -> f64 {
    let [few, many] = [few, many].map(|size| steps(work, function, size));
    println!("{work}: {few} and {many} instructions");
    assert!(few > 100, "{function} was not seen");
    many as f64 / few as f64
}

struct Black;

impl Decoder for Black {
    fn read_block(
        &self,
        _at: Block,
        _bands: &[u32],
        _into: &mut tilecache::memory::PixelsMut<'_>,
    ) -> tilecache::error::Result<()> {
        Ok(())
    }
}

/// As many images as there is work, with a tile each in one cache, which nobody holds.
fn images() -> (Cache, Vec<std::sync::Arc<dyn Provider>>) {
    let cache = Cache::new(1 << 30, Options::default()).unwrap();
    let images = (0..size()).map(|_| {
        let image = Image::new(1, 1, 1, DType::U8);
        let source = Source::provider(None, image, Box::new(Black)).unwrap();
        let image = cached(source, &cache).unwrap();
        drop(get_block(&*image, Block::new(0, 0, 0), &Bands::ALL).unwrap());
        image
    });
    let images = images.collect();
    // What was handed out is looked at once.
    cache.statistics();
    (cache, images)
}

#[inline(never)]
#[unsafe(no_mangle)]
fn measured_statistics(cache: &Cache, image: &dyn Provider) -> u64 {
    cache.statistics().entries + image.counters().misses + image.usage().entries
}

#[test]
#[ignore = "measured by the test below"]
fn statistics_of_images() {
    let (cache, images) = images();
    let entries = images.len() as u64;
    assert_eq!(
        measured_statistics(&cache, &*images[images.len() / 2]),
        entries + 2
    );
}

#[test]
fn statistics_cost_the_same_however_many_images_there_are() {
    let growth = growth("statistics_of_images", "measured_statistics", [100, 4000]);
    assert!(growth < 1.5, "{growth} times as many instructions");
}

/// A window of one pixel of an array, all bands or in reverse, and its block in reverse.
fn read_bands(reversed: bool) {
    let count = size();
    let mut array = vec![7u8; count];
    let mut out = vec![0u8; count];
    let list: Vec<i32> = (0..count as i32).rev().collect();
    let target = |data: &mut Vec<u8>| tc_target {
        data: data.as_mut_ptr().cast(),
        pixel_stride: 1,
        row_stride: 1,
        band_stride: 1,
        width: 1,
        height: 1,
        bands: count as i32,
        dtype: DType::U8 as i32,
    };
    let (from, into) = (target(&mut array), target(&mut out));
    let (list, n) = match reversed {
        true => (list.as_ptr(), count),
        false => (null(), 0),
    };
    let mut provider = null_mut();
    let mut tile = null_mut();
    // SAFETY: the arrays have a sample for each band and outlive the provider.
    unsafe {
        let made = provider_from_memory(
            &from,
            null(),
            null(),
            None,
            null_mut(),
            &mut provider,
            null_mut(),
        );
        assert_eq!(made, 0);
        assert_eq!(
            provider_read_window(provider, 0, 0, 0, list, n, &into, null_mut()),
            0
        );
        assert_eq!(
            provider_get_block(provider, 0, 0, 0, list, n, &mut tile, null_mut()),
            0
        );
        tc_tile_release(tile);
        provider_release(provider);
    }
    assert!(out.iter().all(|sample| *sample == 7));
}

#[test]
#[ignore = "measured by the test below"]
fn bands_in_order() {
    read_bands(false);
}

#[test]
#[ignore = "measured by the test below"]
fn bands_in_reverse() {
    read_bands(true);
}

#[inline(never)]
#[unsafe(no_mangle)]
fn measured_positions(wanted: &Bands, superset: &Bands, all: u32) -> usize {
    wanted
        .positions_in(superset, all)
        .map_or(0, |list| list.len())
}

#[test]
#[ignore = "measured by the test below"]
fn bands_in_a_list() {
    let all = size() as u32 + 1;
    let reversed: Vec<u32> = (1..all).rev().collect();
    let (superset, wanted) = (Bands::of(&reversed, all), Bands::of(&reversed[1..], all));
    assert_eq!(measured_positions(&wanted, &superset, all), size() - 1);
}

#[test]
fn windows_and_blocks_cost_in_proportion_to_their_bands() {
    for (work, function) in [
        ("bands_in_order", "provider_read_window"),
        ("bands_in_reverse", "provider_read_window"),
        ("bands_in_reverse", "provider_get_block"),
        ("bands_in_a_list", "measured_positions"),
    ] {
        let growth = growth(work, function, [1000, 8000]);
        assert!(
            growth < 10.0,
            "{function}: {growth} times as many instructions"
        );
    }
}
