//! `tilecache stats`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::api::{Provider, sized};
use crate::arguments::{self, Work};
use crate::failure::Outcome;
use crate::progress::Progress;
use crate::raw::*;
use crate::{output, words};

/// So many threads as were asked for, or as there are processors.
pub fn threads(work: &Work) -> u32 {
    let there_are = || std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    work.threads.unwrap_or_else(there_are)
}

pub fn run(asked: &arguments::Stats, quiet: bool) -> Outcome {
    let source = Provider::open(&asked.source.file, asked.source.image)?;
    let info = source.info()?;
    let flag = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
    let options = tc_sample_options {
        flags: flag(asked.windows, TC_SAMPLE_WINDOWS) | flag(asked.exact, TC_SAMPLE_EXACT),
        threads: threads(&asked.work),
        level: asked.level,
        percents: asked.percentiles.as_ptr(),
        n_percents: if asked.exact {
            asked.percentiles.len()
        } else {
            0
        },
        ..sized()
    };
    let options = if asked.exact {
        options
    } else {
        tc_sample_options {
            percents: std::ptr::null(),
            ..options
        }
    };
    let taken = source.stats(options, &Progress::new("statistics", quiet || asked.json))?;

    let mut text = format!(
        "{:<5}{:>12}{:>14}{:>14}{:>14}{:>14}",
        "band", "valid", "minimum", "maximum", "mean", "deviation"
    );
    for percent in &asked.percentiles {
        let _ = write!(text, "{:>14}", format!("{percent} %"));
    }
    text.push('\n');
    if words::dtype(info.dtype).0.starts_with("complex") {
        text.insert_str(0, "Of complex samples, the amplitude:\n");
    }
    let mut bands = Vec::new();
    for band in 0..info.bands {
        let numbers = taken.band(band)?;
        let _ = write!(text, "{band:<5}{:>12}", numbers.valid);
        for value in [
            numbers.minimum,
            numbers.maximum,
            numbers.mean,
            numbers.deviation,
        ] {
            let _ = write!(text, "{:>14}", words::short(value));
        }
        let mut percentiles = Map::new();
        for percent in &asked.percentiles {
            let value = taken.percentile(band, *percent)?;
            let _ = write!(text, "{:>14}", words::short(value));
            percentiles.insert(percent.to_string(), words::number(value));
        }
        text.push('\n');
        bands.push(json!({
            "count": numbers.count,
            "valid": numbers.valid,
            "nan": numbers.nan,
            "infinite": numbers.infinite,
            "minimum": words::number(numbers.minimum),
            "maximum": words::number(numbers.maximum),
            "mean": words::number(numbers.mean),
            "deviation": words::number(numbers.deviation),
            "percentiles": Value::Object(percentiles),
        }));
    }
    match asked.json {
        true => {
            output::json(&json!({"level": asked.level, "windows": asked.windows, "bands": bands}))
        }
        false => output::text(&text),
    }
}
