//! What was counted beside what must hold, as a table for people.

use super::Run;
use super::source::Synthetic;
use super::watch::Samples;
use std::fmt::{self, Display};
use std::time::Duration;

/// The findings of one run.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
    /// Tiles looked at, and those of them with a wrong byte.
    pixels: (u64, u64),
}

struct Line {
    what: String,
    counted: String,
    bound: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Holds,
    Broken,
    /// Only told.
    Told,
}

impl Report {
    /// Something that must be just so.
    pub fn exactly<T: PartialEq + Display>(&mut self, what: impl Display, counted: T, bound: T) {
        let holds = counted == bound;
        self.judge(what, counted, format!("= {bound}"), holds);
    }

    /// Something that must not be more.
    pub fn at_most<T: PartialOrd + Display>(&mut self, what: impl Display, counted: T, bound: T) {
        let holds = counted <= bound;
        self.judge(what, counted, format!("<= {bound}"), holds);
    }

    /// Something that must not be less.
    pub fn at_least<T: PartialOrd + Display>(&mut self, what: impl Display, counted: T, bound: T) {
        let holds = counted >= bound;
        self.judge(what, counted, format!(">= {bound}"), holds);
    }

    /// Something that is only told.
    pub fn note(&mut self, what: impl Display, counted: impl Display) {
        self.line(what, counted, String::new(), Verdict::Told);
    }

    /// Says that the budget was kept whenever it was looked at.
    pub fn budget_kept(&mut self, samples: &Samples) {
        let what = format!("samples over the budget, of {}", samples.count);
        self.exactly(what, samples.violations, 0);
    }

    /// Adds what was found of the pixels of a source, of which none may be wrong.
    pub fn pixels(&mut self, source: &Synthetic) {
        let (checked, wrong) = source.verdicts();
        self.pixels.0 += checked;
        self.pixels.1 += wrong;
    }

    /// Ends the report: says what was found of all pixels.
    pub fn end(&mut self) {
        let (checked, wrong) = std::mem::take(&mut self.pixels);
        if checked > 0 {
            self.exactly(format!("tiles with a wrong byte, of {checked}"), wrong, 0);
        }
    }

    /// A time, or a quotient of times, that must not be more, where times are judged.
    pub fn timed<T: PartialOrd + Display>(
        &mut self,
        run: &Run,
        what: impl Display,
        counted: T,
        bound: T,
    ) {
        match run.timed {
            true => self.at_most(what, counted, bound),
            false => self.note(what, counted),
        }
    }

    /// The same of one that must not be less.
    pub fn timed_at_least<T: PartialOrd + Display>(
        &mut self,
        run: &Run,
        what: impl Display,
        counted: T,
        bound: T,
    ) {
        match run.timed {
            true => self.at_least(what, counted, bound),
            false => self.note(what, counted),
        }
    }

    fn judge(&mut self, what: impl Display, counted: impl Display, bound: String, holds: bool) {
        let verdict = if holds {
            Verdict::Holds
        } else {
            Verdict::Broken
        };
        self.line(what, counted, bound, verdict);
    }

    fn line(&mut self, what: impl Display, counted: impl Display, bound: String, verdict: Verdict) {
        self.lines.push(Line {
            what: what.to_string(),
            counted: counted.to_string(),
            bound,
            verdict,
        });
    }

    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.lines
            .iter()
            .all(|line| line.verdict != Verdict::Broken)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Line) -> &str| {
            let lengths = self.lines.iter().map(|line| of(line).chars().count());
            lengths.max().unwrap_or(0)
        };
        let (what, counted) = (width(|line| &line.what), width(|line| &line.counted));
        let bound = width(|line| &line.bound);
        for line in &self.lines {
            let verdict = match line.verdict {
                Verdict::Holds => "holds",
                Verdict::Broken => "BROKEN",
                Verdict::Told => "",
            };
            let text = format!(
                "  {:what$}  {:>counted$}  {:bound$}  {verdict}",
                line.what, line.counted, line.bound
            );
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Bytes, written for people.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1024 => write!(f, "{} B", self.0),
            1024..0x10_0000 => write!(f, "{:.1} KiB", self.0 as f64 / 1024.0),
            _ => write!(f, "{:.1} MiB", self.0 as f64 / 1_048_576.0),
        }
    }
}

/// A quotient, written with a few digits.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

impl Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// A time, in milliseconds.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Time(pub Duration);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0.as_secs_f64() * 1e3)
    }
}
