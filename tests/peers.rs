//! The measurements beside other programs run, on small images: `benches/peers/`.

#![cfg(target_os = "linux")]

#[path = "support/programs.rs"]
mod programs;

use programs::{release, run, scratch};
use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn a_small_run_gives_a_page_with_charts_and_the_same_pixels() {
    let folder = scratch("peers", "small");
    let library = release();
    let measure = |workloads: &[&str], options: &[&str]| {
        run(Command::new(Path::new(ROOT).join("benches/peers/run"))
            .args(workloads)
            .args(options)
            .args([
                "--shrink",
                "16",
                "--rounds",
                "2",
                "--patience",
                "0",
                "--folder",
            ])
            .arg(&folder)
            .arg("--library")
            .arg(library));
    };
    // Windows, levels and single bands of this library.
    measure(&["viewer", "late", "bands"], &["--peers", "ours"]);
    let variant = "256_lzw to 1024";
    let both = ["--add", "--peers", "ours,floor", "--variant", variant];
    measure(&["tiles", "growth", "stitch"], &both);
    let page = fs::read_to_string(folder.join("page/peers.md")).expect("a page");
    for expected in [
        "All delivered the same pixels.",
        "| 256_lzw to 1024 | 2 |",
        "| four viewers | 4 |",
        "| 224 bands, one | 1 |",
        "| floor libtiff,bands |",
        "| entries | 10,000 |",
        "| 256 to 1000, bands: 3, bits: 16 | 2 |",
        "| processor |",
    ] {
        assert!(page.contains(expected), "no {expected:?} in\n{page}");
    }
    assert!(!page.contains("## Failed"), "{page}");
    for chart in ["peers-tiles.svg", "peers-growth.svg"] {
        let chart = fs::read_to_string(folder.join("page").join(chart)).expect("a chart");
        assert!(chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>"));
    }
}
