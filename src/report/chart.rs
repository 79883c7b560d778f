//! Charts: what the budget is taken by, and what other budgets would do.

use super::advice::SourceAdvice;
use super::words::{escaped, size, times};
use std::fmt::Write;

/// A bar of parts, each with what it is called and its class; what is left of the whole is free.
pub fn bar(parts: &[(&str, &str, u64)], whole: u64) -> String {
    const WIDTH: f64 = 720.0;
    let label: Vec<String> = parts
        .iter()
        .map(|(name, _, bytes)| format!("{name} {}", size(*bytes)))
        .collect();
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 22\" role=\"img\" aria-label=\"{}\"><rect class=\"free\" width=\"{WIDTH}\" \
         height=\"22\"/>",
        escaped(&label.join(", "))
    );
    let mut x = 0.0;
    for (name, class, bytes) in parts {
        let width = WIDTH * *bytes as f64 / whole.max(1) as f64;
        // Writing to a text cannot fail.
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"22\"><title>{name}: {}</title></rect>",
            size(*bytes)
        );
        x += width;
    }
    svg + "</svg>"
}

const LEFT: f64 = 46.0;
const WIDTH: f64 = 620.0;
const TOP: f64 = 14.0;
const HEIGHT: f64 = 150.0;

/// How often a block of a source would be decoded within other budgets, with the one of now and the one advised.
pub fn curve(of: &SourceAdvice, title: &str, now: u64) -> String {
    let (Some((least, _)), Some((most, _))) = (of.curve.first(), of.curve.last()) else {
        return String::new();
    };
    let highest = of
        .curve
        .iter()
        .map(|(_, each)| *each)
        .fold(of.each, f64::max);
    let highest = highest.max(1.5) * 1.05;
    let (low, high) = ((*least as f64).ln(), (*most.max(&(least + 1)) as f64).ln());
    let x = |budget: u64| {
        let at = ((budget.max(1) as f64).ln() - low) / (high - low);
        LEFT + WIDTH * at.clamp(0.0, 1.0)
    };
    let y = |each: f64| TOP + HEIGHT * (1.0 - each / highest);
    let mut svg = format!(
        "<figure class=\"curve\"><figcaption>Decodes of a block of {} by budget</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-label=\"A curve that falls from {} to {} decodes of a block\">",
        escaped(title),
        LEFT + WIDTH + 60.0,
        TOP + HEIGHT + 40.0,
        times(of.curve[0].1),
        times(of.curve[of.curve.len() - 1].1)
    );
    let mut line = |class: &str, from: (f64, f64), to: (f64, f64)| {
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    };
    let bottom = TOP + HEIGHT;
    line("axis", (LEFT, bottom), (LEFT + WIDTH, bottom));
    line("axis", (LEFT, TOP), (LEFT, bottom));
    line("once", (LEFT, y(1.0)), (LEFT + WIDTH, y(1.0)));
    line("now", (x(now), TOP), (x(now), bottom));
    if let Some((advised, _)) = of.budget {
        line("advised", (x(advised), TOP), (x(advised), bottom));
    }
    let mut word = |class: &str, anchor: &str, (x, y): (f64, f64), text: &str| {
        let _ = write!(
            svg,
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        );
    };
    word("small", "end", (LEFT - 6.0, y(1.0) + 4.0), "once");
    word(
        "small",
        "end",
        (LEFT - 6.0, TOP + 8.0),
        &times(highest / 1.05),
    );
    let is_close = of
        .budget
        .is_some_and(|(advised, _)| (x(advised) - x(now)).abs() < 110.0);
    let below = bottom + 16.0;
    word(
        "small now",
        "middle",
        (x(now), below),
        &format!("now, {}", size(now)),
    );
    if let Some((advised, _)) = of.budget {
        let below = if is_close { below + 15.0 } else { below };
        let text = format!("{} ends it", size(advised));
        word("small advised", "middle", (x(advised), below), &text);
    }
    let points: Vec<String> = of
        .curve
        .iter()
        .map(|(budget, each)| format!("{:.1},{:.1}", x(*budget), y(*each)))
        .collect();
    let _ = write!(svg, "<polyline points=\"{}\"/>", points.join(" "));
    svg + "</svg></figure>"
}
