//! A second tier in Redis or Valkey. [`Redis`] is the store of a fleet: what `tilecache-fleet` asks for, said in
//! commands of Redis. No command needs two keys, so that it works in a cluster, too. [`capi`] makes of both the table
//! that `tc_set_tier` takes; `include/tilecache_redis.h` is its manual.

#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod address;
pub mod capi;
mod connection;
mod connections;
mod failures;
mod scripts;
mod store;
mod stream;

pub use address::Address;
pub use store::{Redis, Settings};
pub use tilecache_table::raw;
