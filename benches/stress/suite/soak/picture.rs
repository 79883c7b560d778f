//! The picture of a soak: bytes by state, hit rate and memory of the process over time, as SVG.

use super::Summary;
use super::record::{Point, Record};
use std::fmt::Write;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 1020.0;
const MIB: f64 = 1_048_576.0;

const INK: &str = "#1f2933";
const FAINT: &str = "#7b8794";
const RULE: &str = "#e4e7eb";
const IDLE: &str = "#9cc9e8";
const HELD: &str = "#2b6cb0";
const REUSABLE: &str = "#5fb49c";
const BUDGET: &str = "#c53030";
const OVER_BUDGET: &str = "#dd6b20";
const IN_FLIGHT: &str = "#805ad5";
const HITS: &str = "#2f855a";
const PROCESS: &str = "#4a5568";

/// A part of the picture with a scale of its own.
struct Panel {
    top: f64,
    height: f64,
    /// The value at the upper edge.
    most: f64,
    /// From one rule to the next.
    step: f64,
    seconds: f64,
}

impl Panel {
    /// A panel whose scale ends at a round number not below `most`.
    fn new(top: f64, height: f64, most: f64, rules: f64, seconds: f64) -> Self {
        let step = round_up(most.max(1.0) / rules);
        let most = (most.max(1.0) / step).ceil() * step;
        Self {
            top,
            height,
            most,
            step,
            seconds,
        }
    }

    fn x(&self, second: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (second / self.seconds).min(1.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }

    /// Title, rules and their numbers.
    fn frame(&self, svg: &mut String, title: &str, unit: &str) {
        text(
            svg,
            LEFT,
            self.top - 14.0,
            "start",
            15,
            INK,
            &format!(
                "<tspan font-weight=\"600\">{title}</tspan><tspan dx=\"10\" fill=\"{FAINT}\" font-size=\"13\">{unit}</tspan>"
            ),
        );
        let mut value = 0.0;
        while value <= self.most + self.step / 2.0 {
            let y = self.y(value);
            line(svg, (LEFT, y), (RIGHT, y), RULE, 1.0);
            text(
                svg,
                LEFT - 10.0,
                y + 4.0,
                "end",
                12,
                FAINT,
                &format!("{value}"),
            );
            value += self.step;
        }
    }

    /// Seconds or minutes below the panel.
    fn times(&self, svg: &mut String) {
        let (unit, length) = if self.seconds > 180.0 {
            ("min", 60.0)
        } else {
            ("s", 1.0)
        };
        let step = round_up(self.seconds / length / 10.0).max(1.0);
        let bottom = self.top + self.height;
        let mut at = 0.0;
        while at * length <= self.seconds * 1.001 {
            let x = self.x(at * length);
            line(svg, (x, bottom), (x, bottom + 5.0), FAINT, 1.0);
            text(
                svg,
                x,
                bottom + 20.0,
                "middle",
                12,
                FAINT,
                &format!("{at} {unit}"),
            );
            at += step;
        }
    }

    /// A line through the values at their times; `stepped` where a value holds until the next.
    fn curve(&self, points: &[Point], of: impl Fn(&Point) -> f64, stepped: bool) -> String {
        let mut path = String::new();
        let mut last = None;
        for point in points {
            let (x, y) = (self.x(point.second), self.y(of(point)));
            if let (true, Some(before)) = (stepped, last) {
                write!(path, "L{x:.1},{before:.1}").expect("a string");
            }
            let command = if last.is_none() { 'M' } else { 'L' };
            write!(path, "{command}{x:.1},{y:.1}").expect("a string");
            last = Some(y);
        }
        path
    }

    /// The area between two curves.
    fn band(
        &self,
        svg: &mut String,
        points: &[Point],
        low: impl Fn(&Point) -> f64,
        high: impl Fn(&Point) -> f64,
        colour: &str,
    ) {
        let upper = self.curve(points, high, false);
        let reversed: Vec<Point> = points.iter().rev().copied().collect();
        let lower = self.curve(&reversed, low, false).replacen('M', "L", 1);
        writeln!(svg, "<path d=\"{upper}{lower}Z\" fill=\"{colour}\"/>").expect("a string");
    }

    fn draw(&self, svg: &mut String, path: &str, colour: &str, width: f64) {
        writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>").expect("a string");
    }

    /// Names of what the panel shows, beside it.
    fn legend(&self, svg: &mut String, names: &[(&str, &str, Mark)]) {
        for (i, (name, colour, mark)) in names.iter().enumerate() {
            let y = self.top + 12.0 + 24.0 * i as f64;
            let x = RIGHT + 24.0;
            match mark {
                Mark::Area => writeln!(svg, "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>", y - 6.0).expect("a string"),
                Mark::Line => line(svg, (x, y), (x + 18.0, y), colour, 2.5),
            }
            text(svg, x + 26.0, y + 4.5, "start", 13, INK, name);
        }
    }
}

enum Mark {
    Area,
    Line,
}

/// 1, 2 or 5 times a power of ten, or a power of two above ten, not below a number.
fn round_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let digit = number / power;
    let round = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|round| digit <= *round * 1.0001);
    round.unwrap_or(10.0) * power
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
    writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
        from.0, from.1, to.0, to.1
    )
    .expect("a string");
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, colour: &str, words: &str) {
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\">{words}</text>"
    )
    .expect("a string");
}

/// A number with a space between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            words.push('\u{202f}');
        }
        words.push(digit);
    }
    words
}

/// The whole picture.
pub fn draw(record: &Record, summary: &Summary) -> String {
    let points = &record.points;
    let seconds = points.last().map_or(1.0, |point| point.second);
    let most = |of: &dyn Fn(&Point) -> u64| points.iter().map(of).max().unwrap_or(0) as f64 / MIB;
    let mib = |bytes: u64| bytes as f64 / MIB;

    let budget = most(&|point| point.now.budget);
    let inside = Panel {
        step: budget / 4.0,
        most: budget,
        ..Panel::new(132.0, 300.0, budget, 4.0, seconds)
    };
    let outside_most = most(&|point| point.most_over_budget.max(point.most_in_flight));
    let outside = Panel::new(490.0, 120.0, outside_most, 3.0, seconds);
    let hits = Panel::new(668.0, 100.0, 100.0, 2.0, seconds);
    let process = Panel::new(826.0, 120.0, most(&|point| point.resident), 3.0, seconds);
    let height = 1000.0;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"'Source Sans 3','Open Sans','DejaVu Sans',Helvetica,Arial,sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    heading(&mut svg, summary);

    inside.frame(
        &mut svg,
        "Inside the budget",
        "MiB of tiles, and of memory kept for the next one",
    );
    let held = |point: &Point| mib(point.now.held);
    let idle = |point: &Point| held(point) + mib(point.now.idle);
    let reusable = |point: &Point| idle(point) + mib(point.now.reusable);
    inside.band(&mut svg, points, |_| 0.0, held, HELD);
    inside.band(&mut svg, points, held, idle, IDLE);
    inside.band(&mut svg, points, idle, reusable, REUSABLE);
    let budget = inside.curve(points, |point| mib(point.now.budget), true);
    inside.draw(&mut svg, &budget, BUDGET, 2.0);
    inside.legend(
        &mut svg,
        &[
            ("budget", BUDGET, Mark::Line),
            ("kept for reuse", REUSABLE, Mark::Area),
            ("idle", IDLE, Mark::Area),
            ("held by callers", HELD, Mark::Area),
        ],
    );

    outside.frame(
        &mut svg,
        "Outside it",
        "MiB; over budget is held by callers and has no room inside",
    );
    let over_budget = |point: &Point| mib(point.most_over_budget);
    outside.band(&mut svg, points, |_| 0.0, over_budget, "#fbd9bd");
    outside.draw(
        &mut svg,
        &outside.curve(points, over_budget, false),
        OVER_BUDGET,
        1.8,
    );
    let in_flight = outside.curve(points, |point| mib(point.most_in_flight), false);
    outside.draw(&mut svg, &in_flight, IN_FLIGHT, 1.4);
    outside.legend(
        &mut svg,
        &[
            ("over budget", OVER_BUDGET, Mark::Line),
            ("in flight", IN_FLIGHT, Mark::Line),
        ],
    );

    hits.frame(&mut svg, "Hit rate", "%");
    let smooth = smoothed(points);
    let rate = |point: &Point| 100.0 * point.hits as f64 / point.gets.max(1) as f64;
    hits.draw(&mut svg, &hits.curve(points, rate, false), "#b7dcc4", 1.0);
    hits.draw(&mut svg, &hits.curve(&smooth, rate, false), HITS, 2.0);
    hits.legend(&mut svg, &[("gets that hit", HITS, Mark::Line)]);

    process.frame(
        &mut svg,
        "Memory of the process",
        "MiB, as the system counts it",
    );
    let resident = |point: &Point| mib(point.resident);
    process.band(&mut svg, points, |_| 0.0, resident, "#e2e8f0");
    process.draw(
        &mut svg,
        &process.curve(points, resident, false),
        PROCESS,
        1.8,
    );
    let counted = process.curve(points, |point| mib(point.counted), false);
    process.draw(&mut svg, &counted, HELD, 1.4);
    process.legend(
        &mut svg,
        &[
            ("resident set", PROCESS, Mark::Line),
            ("counted by caches", HELD, Mark::Line),
        ],
    );
    process.times(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// The same points with the hits and gets of their neighbourhoods.
fn smoothed(points: &[Point]) -> Vec<Point> {
    const REACH: usize = 7;
    let around = |i: usize| &points[i.saturating_sub(REACH)..(i + REACH + 1).min(points.len())];
    let sum = |i: usize, of: fn(&Point) -> u64| around(i).iter().map(of).sum();
    let smooth = points.iter().enumerate().map(|(i, point)| Point {
        hits: sum(i, |point| point.hits),
        gets: sum(i, |point| point.gets),
        ..*point
    });
    smooth.collect()
}

/// What a reader should know before looking at any curve.
fn heading(svg: &mut String, summary: &Summary) {
    let title =
        "Viewers, scans, pyramids, failures, invalidations and changing budgets, all at once";
    text(
        svg,
        LEFT,
        44.0,
        "start",
        22,
        INK,
        &format!("<tspan font-weight=\"600\">{title}</tspan>"),
    );
    let figures = [
        format!("{} s", grouped(summary.seconds)),
        format!(
            "{} of {} samples over the budget",
            grouped(summary.violations),
            grouped(summary.samples)
        ),
        format!(
            "{} of {} tiles wrong",
            grouped(summary.wrong),
            grouped(summary.tiles)
        ),
        format!("{} decodes", grouped(summary.decodes)),
        format!("{:.1} % hits", summary.hit_rate * 100.0),
    ];
    text(svg, LEFT, 74.0, "start", 16, FAINT, &figures.join("  ·  "));
}
