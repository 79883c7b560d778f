//! Why an automatic chain is as it is: one line for each decision.

use std::ffi::{CStr, CString};
use std::fmt::Display;

/// The decisions so far.
#[derive(Default)]
pub struct Why(String);

impl Why {
    /// Notes a decision: what it is about, and the reason.
    pub fn note(&mut self, what: &str, reason: impl Display) {
        let reason = reason.to_string();
        // Texts of files are shown in reasons, and a line stays one.
        let reason = reason.replace(|c: char| c.is_control(), " ");
        self.0.push_str(what);
        self.0.push_str(": ");
        self.0.push_str(&reason);
        self.0.push('\n');
    }

    /// All lines as one text.
    pub fn text(self) -> Box<CStr> {
        // No control character is in it, and so no end of a text.
        CString::new(self.0).unwrap_or_default().into_boxed_c_str()
    }
}

/// Numbers with commas between.
pub fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(",")
}
