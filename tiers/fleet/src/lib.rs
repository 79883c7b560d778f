//! What every store that a fleet of processes shares its tiles through needs, whatever the store is: what tiles are
//! stored under ([`key`]), what a stored tile looks like ([`value`]), who decodes while the others wait ([`lease`]), how
//! long the memory of a process may be believed ([`validity`]), when the store is asked at all ([`breaker`], [`costs`])
//! and when that is told ([`complaint`]), and the [`Fleet`] that puts these together, between the [`Link`] to a cache and
//! a [`Store`].
//!
//! A value never changes under its key. What changes is the generation of a source, which is part of every key. So a
//! lost lease, a late put or two decoders at once cost work, and never pixels.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asking;
pub mod breaker;
pub mod clock;
pub mod complaint;
pub mod costs;
pub mod failure;
mod fleet;
pub mod generation;
mod keeping;
pub mod key;
pub mod lease;
mod link;
mod options;
mod purging;
mod sample;
mod shuffle;
mod statistics;
mod store;
pub mod validity;
pub mod value;

pub use failure::Failure;
pub use fleet::Fleet;
pub use generation::Generation;
pub use key::{Digest, Secret};
pub use link::{Answer, Ask, Link, Parcel};
pub use options::Options;
pub use sample::Sample;
pub use statistics::Statistics;
pub use store::{Lease, Store};
