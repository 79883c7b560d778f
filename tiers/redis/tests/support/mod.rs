//! Servers that tests start on the loopback, a proxy that spoils what they say, processes of a fleet, and caches in them.
#![allow(dead_code)]

pub mod member;
pub mod process;
pub mod proxy;
pub mod server;
pub mod versions;
