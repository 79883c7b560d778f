//! Numbers as texts for people and for keys.

use std::fmt::{self, Display, Formatter};

/// The shortest decimals that give the number back, with an exponent where it is far from 1.
pub struct Decimal(pub f64);

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        match size == 0.0 || (1e-5..1e16).contains(&size) {
            true => write!(f, "{}", self.0),
            false => write!(f, "{:e}", self.0),
        }
    }
}
