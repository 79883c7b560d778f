//! A second tier in Redis or Valkey. [`Redis`] is the store of a fleet: what `tilecache-fleet` asks for, said in
//! commands of Redis. No command needs two keys, so that it works in a cluster, too.

#![warn(missing_docs)]

mod address;
mod connection;
mod connections;
mod failures;
mod scripts;
mod store;
mod stream;

pub use address::Address;
pub use store::{Redis, Settings};
