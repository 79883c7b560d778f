//! Words: numbers, names and advice for people, and texts as HTML has them.

use super::advice::{Advice, FEWEST, SourceAdvice};
use crate::cache::{COMPUTE, Census, SourceCensus};

/// A text in HTML, between tags or within quotation marks. What HTML has no character for is shown as such.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A size with the unit that leaves one to four digits before the point.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut number = bytes as f64;
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    match (unit, number < 10.0) {
        (0, _) => format!("{bytes} bytes"),
        (_, true) => format!("{number:.1} {}", UNITS[unit]),
        (_, false) => format!("{number:.0} {}", UNITS[unit]),
    }
}

/// A number with its digits in groups of three.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time with the unit that suits it.
pub fn time(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// A share in percent.
pub fn percent(part: u64, all: u64) -> String {
    match all {
        0 => "–".into(),
        all => format!("{:.1} %", 100.0 * part as f64 / all as f64),
    }
}

/// How often: one decimal, or two near one.
pub fn times(each: f64) -> String {
    match each {
        each if (1.0..2.0).contains(&each) && (each - 1.0).abs() > 0.004 => format!("{each:.2}"),
        each => format!("{each:.1}"),
    }
}

/// The longest name that is shown in full.
const LONGEST: usize = 72;

/// What people call the image with a key: the titles of its sources instead of their keys, which tell devices and times,
/// and of operators the names alone.
pub fn name(key: &str, sources: &[SourceCensus]) -> String {
    let mut name = without_parameters(key);
    let mut by_length: Vec<&SourceCensus> = sources.iter().collect();
    by_length.sort_by_key(|source| std::cmp::Reverse(source.key.len()));
    for source in by_length {
        name = name.replace(&source.key, &short_title(&source.title));
    }
    let name = name
        .replace(":retiled:", " in tiles of ")
        .replace(":mapped:", " through ")
        .replace(":chain", "");
    let letters = name.chars().count();
    if letters <= LONGEST {
        return name;
    }
    // The ends tell more than the middle.
    let half = LONGEST / 2 - 2;
    let start: String = name.chars().take(half).collect();
    let end: String = name.chars().skip(letters - half).collect();
    format!("{start} … {end}")
}

/// A key in which operators are called by their names, without the parameters between that and what they are over.
fn without_parameters(key: &str) -> String {
    let mut parts = key.split(COMPUTE);
    let mut name = parts.next().unwrap_or_default().to_owned();
    for operator in parts {
        match operator.split_once('(') {
            Some((called, over)) => {
                let called = called.split(':').next().filter(|called| !called.is_empty());
                name += &format!("{}({over}", called.unwrap_or("an operator"));
            }
            None => name += operator,
        }
    }
    name
}

/// Of a path the name of the file.
fn short_title(title: &str) -> String {
    title.rsplit('/').next().unwrap_or(title).to_owned()
}

/// What the model of a source says may differ so much from what was counted before it is said.
const TENTH: f64 = 0.1;

/// The advice on a cache, sentence by sentence; the first is the one that matters most.
pub fn sentences(advice: &Advice, census: &Census) -> Vec<String> {
    let mut said = Vec::new();
    let now = size(advice.budget);
    for source in &advice.sources {
        let title = name(&source.key, &census.sources);
        said.extend(of_source(source, &title, &now));
        said.extend(doubt(source, &title, census));
    }
    if said.is_empty() && advice.requests > 0 {
        said.push("No block is decoded again and again.".into());
    }
    if let Some(would_do) = advice.would_do {
        said.push(format!(
            "{} would do as well as the {now} of now.",
            size(would_do)
        ));
    }
    said.push(basis(advice));
    said
}

fn of_source(source: &SourceAdvice, title: &str, now: &str) -> Option<String> {
    let done = match source.is_elsewhere {
        true => "asked of another cache",
        false => "decoded",
    };
    let (budget, with) = (source.budget, source.with_blocks);
    let each = times(source.each);
    let ending = match (budget, with) {
        _ if !source.is_repeated() => return None,
        (Some((budget, then)), _) => format!(
            "A budget of {} instead of {now} would end that: {} times each.",
            size(budget),
            times(then)
        ),
        (None, Some((budget, then))) => format!(
            "No budget ends that, for nothing keeps the blocks beneath what is made of them. With provider_cached \
             over them, in this cache, {} would: {} times each.",
            size(budget),
            times(then)
        ),
        (None, None) => "No budget ends that.".into(),
    };
    Some(format!(
        "Blocks of {title} are {done} {each} times each. {ending}"
    ))
}

/// Where what was counted is not what the model says.
fn doubt(source: &SourceAdvice, title: &str, census: &Census) -> Option<String> {
    let counted = census
        .sources
        .iter()
        .find(|other| other.key == source.key)?;
    let counted = counted.counters.amplification();
    let is_off = counted > 0.0 && (source.each - counted).abs() > TENTH * counted;
    (is_off && !source.is_elsewhere).then(|| {
        format!(
            "Of {title}, {} times each were counted: other caches, passes and programs read it too, or it was read \
             before what is noted here. Take what is said of it with care.",
            times(counted)
        )
    })
}

/// What the advice is made from.
fn basis(advice: &Advice) -> String {
    let mut basis = format!("This is said from {} requests", count(advice.requests));
    if advice.one_of > 1 {
        basis += &format!(" for one block in {}", count(advice.one_of));
    }
    if advice.left_out > 0 {
        basis += &format!("; {} are not among them", count(advice.left_out));
    }
    if advice.requests < FEWEST {
        basis += &format!("; whether a smaller budget would do is said from {FEWEST} on");
    }
    basis + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Counters;

    #[test]
    fn images_are_called_by_files_and_operators() {
        let source = |key: &str, title: &str| SourceCensus {
            key: key.into(),
            title: title.into(),
            counters: Counters::default(),
            blocks: 1,
            is_closed: true,
        };
        let sources = [
            source("file-1:image:0", "/images/scene.tif"),
            source("file-1:image:0:overview:1", "/images/scene.tif: overview 1"),
        ];
        for (key, called) in [
            ("file-1:image:0:overview:1", "scene.tif: overview 1"),
            (
                "compute:warp:affine:1(compute:pyramid:average:levels:5(file-1:image:0):mapped:u8|alpha:chain)",
                "warp(pyramid(scene.tif) through u8|alpha)",
            ),
            (
                "compute::7(file-1:image:0):retiled:256x256",
                "an operator(scene.tif) in tiles of 256x256",
            ),
            ("of a caller", "of a caller"),
        ] {
            assert_eq!(name(key, &sources), called);
        }
    }
}
