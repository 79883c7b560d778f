//! A second tier in an object store that speaks S3. [`ObjectStore`] is the store of a fleet: what `tilecache-fleet` asks
//! for, said in objects. [`capi`] makes of it the table that `tc_set_tier` takes; `include/tilecache_s3.h` is its manual.
//!
//! Under the prefix of the bucket:
//!
//! | Object | |
//! |---|---|
//! | `v/` and the key | a value |
//! | `l/` and the key | who decodes it now: a token, and for how many milliseconds |
//! | `g/` and the key | the generation of a source |
//! | `probe` | with which it is found out whether the store keeps conditions |
//!
//! Leases need a store that keeps conditions (`If-None-Match: *`, `If-Match`). One that does not has none, and machines
//! that miss the same block at once all decode it.

#![forbid(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

mod address;
mod bucket;
pub mod capi;
mod failures;
mod leases;
mod store;

pub use address::{Address, Keys};
pub use store::{ObjectStore, Settings};
