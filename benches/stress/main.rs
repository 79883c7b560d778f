//! The workloads of other systems' failures at full size, each with what must hold:
//!
//!     cargo bench --bench stress -- ROW... [--scale S] [--seed N]
//!     cargo bench --bench stress -- soak [--seconds S] [--seed N]
//!
//! ROW is a number or `all`; `list` tells them. The scale is 1 unless given; a smaller one keeps the
//! ratios, and times are then told but not judged. Prints what was counted beside what must hold, and
//! fails if something does not. The soak does everything at once, for ten minutes unless told
//! otherwise, and draws a picture, whose place it tells.

mod suite;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use suite::rows::ROWS;
use suite::soak::Soak;
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
        Some(Task::Rows(rows, run)) => run_all(&rows, &run),
        Some(Task::Soak(seconds, seed)) => soak(seconds, seed),
        None => usage(),
    }
}

fn usage() -> ExitCode {
    println!("usage: cargo bench --bench stress -- ROW... [--scale S] [--seed N]");
    println!("       cargo bench --bench stress -- soak [--seconds S] [--seed N]\n");
    println!("ROW is `all` or one of");
    for row in ROWS {
        println!("  {:2}  {}", row.number, row.name);
    }
    ExitCode::FAILURE
}

/// What is asked for.
enum Task {
    Rows(Vec<&'static Row>, Run),
    Soak(u64, u64),
}

fn parse(words: &[String]) -> Option<Task> {
    let (mut scale, mut seed, mut seconds) = (1.0, 1, 600);
    let mut rows = Vec::new();
    let mut is_soak = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--scale" => {
                scale = words
                    .next()?
                    .parse()
                    .ok()
                    .filter(|s| *s > 0.0 && *s <= 1.0)?
            }
            "--seed" => seed = words.next()?.parse().ok()?,
            "--seconds" => seconds = words.next()?.parse().ok().filter(|s| *s > 0)?,
            "soak" => is_soak = true,
            "all" => rows.extend(ROWS),
            number => {
                let number = number.parse().ok();
                rows.push(ROWS.iter().find(|row| Some(row.number) == number)?);
            }
        }
    }
    let run = Run {
        scale,
        seed,
        timed: scale >= 1.0,
        child: &[],
    };
    match (is_soak, rows.is_empty()) {
        (true, true) => Some(Task::Soak(seconds, seed)),
        (false, false) => Some(Task::Rows(rows, run)),
        _ => None,
    }
}

fn soak(seconds: u64, seed: u64) -> ExitCode {
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stress/soak.svg");
    println!("Everything at once, for {seconds} s (seed {seed})");
    let soak = Soak {
        time: Duration::from_secs(seconds),
        budget: 64 << 20,
        seed,
        picture: &picture,
    };
    let report = soak.run();
    println!("{report}  picture: {}\n", picture.display());
    verdict(report.holds(), "Something does not hold.")
}

fn verdict(holds: bool, otherwise: &str) -> ExitCode {
    match holds {
        true => println!("Everything holds."),
        false => println!("{otherwise}"),
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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
        let report = row.report(run);
        println!("{report}  {:.1} s\n", begin.elapsed().as_secs_f64());
        if !report.holds() {
            broken.push(row.number.to_string());
        }
    }
    verdict(
        broken.is_empty(),
        &format!("Broken: row {}.", broken.join(", ")),
    )
}
