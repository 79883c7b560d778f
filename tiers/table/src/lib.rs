//! What every library of a tier has beside its store: [`made`](table::made) is its function of C that makes of a
//! [`Store`](tilecache_fleet::Store) the table that `tc_set_tier` takes, [`report`](table::report) the one that says what was
//! counted, [`options`] reads what a caller in C chose, and [`c`] is how a function of C answers.

#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

pub mod c;
mod link;
pub mod options;
#[expect(missing_docs)]
#[rustfmt::skip]
#[path = "../../../tools/tilecache/src/raw.rs"]
pub mod raw;
pub mod table;

pub use table::Making;
