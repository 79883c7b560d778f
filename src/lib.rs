//! Any raster as a uniform grid of read-only tiles, decoded once, under one byte budget.

pub mod bytes;
pub mod cache;
pub mod capi;
pub mod convert;
pub mod dtype;
pub mod error;
pub mod geometry;
pub mod image;
pub mod in_flight;
pub mod layout;
pub mod load;
pub mod memory;
pub mod nodata;
pub mod operator;
pub mod pad;
mod pages;
pub mod prefetch;
pub mod provider;
pub mod simd;
mod slab;
pub mod source;
mod sync;
pub mod system;
mod thread;
pub mod tile;
pub mod window;
pub mod workers;
