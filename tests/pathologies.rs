//! Workloads that make other systems fail, scaled down until what can be counted is counted in seconds.
//! `cargo bench --bench stress -- all` runs them at full size.

#[path = "../benches/stress/suite/mod.rs"]
mod suite;

use std::path::Path;
use std::time::Duration;
use suite::rows::ROWS;
use suite::soak::Soak;
use suite::{Run, child};

/// Runs a row, and fails where something does not hold.
fn check(number: u32, scale: f64) {
    let row = ROWS.iter().find(|row| row.number == number).expect("a row");
    let run = Run {
        scale,
        seed: 1,
        timed: false,
        child: &["child", "--exact", "--nocapture"],
    };
    let report = row.report(&run);
    println!("{}\n{report}", row.name);
    assert!(report.holds(), "{}\n{report}", row.name);
}

/// Not a test of its own: what other tests start as a process of its own.
#[test]
fn child() {
    child::be_child();
}

#[test]
fn everything_at_once_for_a_few_seconds() {
    let soak = Soak {
        time: Duration::from_secs(6),
        budget: 16 << 20,
        seed: 1,
        picture: &Path::new(env!("CARGO_TARGET_TMPDIR")).join("pathologies/soak.svg"),
    };
    let report = soak.run();
    println!("{report}");
    assert!(report.holds(), "{report}");
    let picture = std::fs::read_to_string(soak.picture).expect("the picture");
    for needed in ["<svg", "Inside the budget", "Hit rate", "</svg>"] {
        assert!(picture.contains(needed), "{needed} is missing");
    }
}

macro_rules! rows {
    ($($name:ident: $number:literal at $scale:expr;)*) => {
        $(#[test]
        fn $name() {
            check($number, $scale);
        })*
    };
}

rows! {
    row_1_strips_are_decoded_once_in_row_order: 1 at 1.0 / 64.0;
    row_2_threads_on_one_row_of_tiles_share_its_strips: 2 at 1.0 / 64.0;
    row_3_one_huge_block_is_decoded_as_rarely_as_fits: 3 at 1.0 / 256.0;
    row_4_a_held_tile_is_found_again: 4 at 1.0;
    row_5_a_cache_full_of_held_tiles_goes_on: 5 at 0.005;
    row_6_hits_are_counted_and_right: 6 at 0.005;
    row_7_decodes_run_at_once: 7 at 0.1;
    row_8_a_finished_tile_wakes_its_own_waiters: 8 at 0.25;
    row_9_small_tiles_then_large_ones: 9 at 0.25;
    row_10_bytes_in_flight_have_a_cap: 10 at 1.0 / 256.0;
    row_11_put_and_invalidate_leave_exact_books: 11 at 0.01;
    row_12_big_tiles_have_the_whole_budget: 12 at 1.0 / 64.0;
    row_13_a_tile_larger_than_the_budget: 13 at 1.0 / 64.0;
    row_14_a_row_of_blocks_is_decoded_once_where_it_fits: 14 at 1.0 / 64.0;
    row_15_a_scan_spares_the_hot_set: 15 at 1.0 / 16.0;
    row_16_one_pass_decodes_once_within_the_budget: 16 at 1.0 / 64.0;
    row_17_memory_goes_back_to_the_system: 17 at 1.0 / 16.0;
    row_18_no_get_sees_old_pixels: 18 at 0.01;
    row_19_failures_are_not_kept: 19 at 0.125;
    row_20_sources_that_read_sources: 20 at 0.1;
    row_21_threads_with_tiles_in_hand_get_on: 21 at 1.0 / 64.0;
    row_22_tiles_outlive_source_and_cache: 22 at 1.0 / 64.0;
    row_23_an_image_opened_often_is_decoded_once: 23 at 1.0 / 64.0;
    row_24_gdal_keeps_no_second_copy: 24 at 1.0 / 64.0;
    row_25_handles_are_released_on_other_threads: 25 at 0.1;
}
