//! Parts of a text and numbers in it, with the places where they stand.

/// A mistake in a text.
pub struct Wrong {
    /// The byte where it begins, from 0.
    pub at: usize,
    /// Why it is one.
    pub reason: String,
}

/// What parsing gives.
pub type Parsed<T> = std::result::Result<T, Wrong>;

/// A part of the text, and where it begins.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The text.
    pub text: &'a str,
    /// Its first byte.
    pub at: usize,
}

impl<'a> Part<'a> {
    /// A mistake here.
    pub fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong {
            at: self.at,
            reason: reason.into(),
        }
    }

    /// The parts between separators; at least one.
    pub fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let start = self.text.as_ptr().addr();
        let parts = self.text.split(separator);
        parts.map(move |text| Part {
            text,
            at: self.at + (text.as_ptr().addr() - start),
        })
    }

    /// What stands before and behind the first separator.
    pub fn cut(self, separator: &str) -> Option<(Part<'a>, Part<'a>)> {
        let (before, behind) = self.text.split_once(separator)?;
        let behind_at = self.at + before.len() + separator.len();
        let part = |text, at| Part { text, at };
        Some((part(before, self.at), part(behind, behind_at)))
    }

    /// What is shown of it in a message.
    pub fn shown(&self) -> String {
        const MOST: usize = 24;
        let mut shown: String = self.text.chars().take(MOST).collect();
        if shown.len() < self.text.len() {
            shown.push_str("...");
        }
        shown
    }
}

/// A number in decimals, with a sign and an exponent where needed.
pub fn number(part: Part<'_>) -> Parsed<f64> {
    let wrong = || part.wrong(format!("{:?} is no number", part.shown()));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, exponent) = match part.text.split_once(['e', 'E']) {
        Some((rest, exponent)) => (rest, Some(exponent)),
        None => (part.text, None),
    };
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let is_number = digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|of| digits(of.strip_prefix(['-', '+']).unwrap_or(of)));
    let value: f64 = match is_number {
        true => part.text.parse().map_err(|_| wrong())?,
        false => return Err(wrong()),
    };
    match value.is_finite() {
        // There is one zero only.
        true => Ok(value + 0.0),
        false => Err(part.wrong(format!("{} is too large", part.shown()))),
    }
}

/// A number above 0, and one over it as well.
pub fn above_zero(part: Part<'_>) -> Parsed<f64> {
    match number(part)? {
        value if value > 0.0 && (1.0 / value).is_finite() => Ok(value),
        _ => Err(part.wrong(format!("{} is not above 0", part.shown()))),
    }
}
