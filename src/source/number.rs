//! Numbers in texts.

/// A finite number; spaces around it do not matter.
pub fn finite(text: &str) -> Option<f64> {
    let number = text.trim().parse().ok();
    number.filter(|number: &f64| number.is_finite())
}
