//! Servers that tests start on the loopback, a proxy that spoils what they say, and processes of a fleet.
#![allow(dead_code)]

pub mod process;
pub mod proxy;
pub mod server;
