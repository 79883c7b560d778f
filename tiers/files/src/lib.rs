//! A second tier in a directory: blocks that were decoded once are files, which a restart and other processes of the
//! machine find again. [`Files`] is the store of a fleet: what `tilecache-fleet` asks for, said in files that appear under
//! their names when they are complete. [`capi`] makes of both the table that `tc_set_tier` takes;
//! `include/tilecache_files.h` is its manual.
//!
//! | In the directory | |
//! |---|---|
//! | `tilecache-files` | says that it is one of ours, and its format |
//! | `v/ab/cdef...` | a value, under the 32 bytes of its key in hexadecimal |
//! | `g/ab/cdef...` | the generation of a source |
//! | `leases` | who decodes what now: a table of constant size |
//! | `sizes` | what the values of each `v/ab` take, and where the next eviction goes on |
//! | `new`, `g/new` | what is written now, under the lock beside it |
//! | `lock`, `g/lock` | who writes has them locked (`flock`); the system unlocks them when a process ends |
//!
//! Whoever reads takes no lock. Nothing has to be repaired: a process that is killed leaves a `new` that the next one
//! writes over, a lease that ended with it, and sizes that say too much until their values are looked through.

#![forbid(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod capi;
mod directory;
mod failures;
mod generations;
mod leases;
mod lock;
mod process;
mod sizes;
mod store;
mod values;

pub use directory::{Directory, Refused};
pub use store::{Counts, Files, LEAST_BYTES};
