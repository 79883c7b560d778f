//! What pixels cost: the memory of a decode is what docs/formats.md says, and no header of a codestream of JPEG 2000 makes
//! work or takes memory that its bytes are not worth.

#[path = "../support/gdal.rs"]
mod gdal;
mod hostile;
mod memory;
mod peak;
#[path = "../support/programs.rs"]
mod programs;
mod streams;
