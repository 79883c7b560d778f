//! NITF files written by GDAL and by an independent writer, compared with the pixels that were
//! written and with what GDAL reads, damaged in many ways, and read under difficulties.

mod compare;
mod support;
