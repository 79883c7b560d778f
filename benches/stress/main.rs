//! The workloads of other systems' failures at full size, each with what must hold:
//!
//!     cargo bench --bench stress -- ROW... [--scale S] [--seed N]
//!
//! ROW is a number or `all`; `list` tells them. The scale is 1 unless given; a smaller one keeps the
//! ratios, and times are then told but not judged. Prints what was counted beside what must hold, and
//! fails if something does not.

mod suite;

use std::process::ExitCode;
use std::time::Instant;
use suite::report::Report;
use suite::rows::ROWS;
use suite::{Row, Run};

fn main() -> ExitCode {
    if suite::child::be_child() {
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match parse(&words) {
        Some((rows, run)) => run_all(&rows, &run),
        None => usage(),
    }
}

fn usage() -> ExitCode {
    println!("usage: cargo bench --bench stress -- ROW... [--scale S] [--seed N]\n");
    println!("ROW is `all` or one of");
    for row in ROWS {
        println!("  {:2}  {}", row.number, row.name);
    }
    ExitCode::FAILURE
}

/// The rows asked for, and how to run them.
fn parse(words: &[String]) -> Option<(Vec<&'static Row>, Run)> {
    let mut run = Run {
        scale: 1.0,
        seed: 1,
        timed: true,
        child: &[],
    };
    let mut rows = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--scale" => {
                run.scale = words
                    .next()?
                    .parse()
                    .ok()
                    .filter(|s| *s > 0.0 && *s <= 1.0)?
            }
            "--seed" => run.seed = words.next()?.parse().ok()?,
            "all" => rows.extend(ROWS),
            number => {
                let number = number.parse().ok();
                rows.push(ROWS.iter().find(|row| Some(row.number) == number)?);
            }
        }
    }
    run.timed = run.scale >= 1.0;
    (!rows.is_empty()).then_some((rows, run))
}

fn run_all(rows: &[&Row], run: &Run) -> ExitCode {
    let mut broken = Vec::new();
    for row in rows {
        let Run { scale, seed, .. } = run;
        println!(
            "Row {}: {} (scale {scale}, seed {seed})",
            row.number, row.name
        );
        let begin = Instant::now();
        let mut report = Report::default();
        (row.run)(run, &mut report);
        println!("{report}  {:.1} s\n", begin.elapsed().as_secs_f64());
        if !report.holds() {
            broken.push(row.number.to_string());
        }
    }
    if broken.is_empty() {
        println!("Everything holds.");
        return ExitCode::SUCCESS;
    }
    println!("Broken: row {}.", broken.join(", "));
    ExitCode::FAILURE
}
