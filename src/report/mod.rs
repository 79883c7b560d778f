//! Reports: what a cache has and has done, as JSON for programs and as a page for people.
//!
//! `advice` says what another budget would do, after `simulate` served what was asked of the cache once more.

pub mod advice;
mod chart;
mod json;
mod map;
mod page;
mod simulate;
mod statistics;
mod words;

pub use advice::{Advice, SourceAdvice, advice};
pub use page::page;
pub use statistics::{of_cache, of_provider};
