//! NITF 2.0, NITF 2.1 and NSIF 1.0.
//!
//! A file is a header and segments; each image segment is an image with one level. Here they are
//! found; everything about pixels is the matter of [`NitfDecoder`]. A segment whose two bands are the
//! parts of complex numbers is an image of one band, and as it is stored another image behind all
//! segments.

mod bandsb;
mod bilevel;
mod codestream;
mod complex;
mod data;
mod decoder;
mod describe;
mod fields;
mod georef;
mod header;
mod jpeg;
mod mask;
mod plan;
mod raw;
pub mod rsets;
mod subheader;
mod version;

pub use complex::ComplexDecoder;
pub use decoder::NitfDecoder;
pub use version::Version;

use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::georef::Located;
use codestream::Codestream;
use complex::Form;
use data::Data;
use header::{FileHeader, Segment};
use mask::Mask;
use plan::{Compression, Plan};
use std::sync::{Arc, OnceLock};
use subheader::ImageHeader;

/// An open file: where its image segments are.
pub struct NitfFile {
    bytes: Arc<dyn Bytes>,
    header: FileHeader,
    sicd: OnceLock<Option<String>>,
}

impl NitfFile {
    /// Whether a file that begins with these bytes is NITF or NSIF of any version.
    pub fn is_nitf(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(b"NITF0") || first_bytes.starts_with(b"NSIF0")
    }

    /// Reads the file header, but no subheader yet.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let header = FileHeader::read(&bytes).map_err(|error| error.at("file header"));
        bytes.check_unchanged()?;
        Ok(Self {
            header: header?,
            bytes,
            sicd: OnceLock::new(),
        })
    }

    /// What the file says to be.
    pub fn version(&self) -> Version {
        self.header.version
    }

    /// How many image segments there are.
    pub fn image_count(&self) -> usize {
        self.header.images.len()
    }

    /// The image of a segment by its place in the file; fails if this one is damaged or cannot be
    /// read.
    pub fn image(&self, index: usize) -> Result<NitfDecoder> {
        let Some(segment) = self.header.images.get(index) else {
            return Err(Error::new(
                Kind::NotFound,
                format!("image {index} of a file with {}", self.image_count()),
            ));
        };
        let decoder = self
            .segment(index, segment)
            .map_err(|error| error.at(format!("image segment {index}")));
        self.bytes.check_unchanged()?;
        decoder
    }

    /// The segments whose two bands are the parts of complex numbers.
    pub fn complex_segments(&self) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        for index in 0..self.image_count() {
            if self.form(index)?.is_some() {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// The image of a segment with its two bands as one, if they are the parts of complex numbers.
    pub fn complex(&self, index: usize) -> Result<Option<ComplexDecoder>> {
        let Some(form) = self.form(index)? else {
            return Ok(None);
        };
        let parts = self.image(index)?;
        let place = |error: Error| error.at(format!("image segment {index}"));
        Ok(Some(match form {
            Form::Cartesian => ComplexDecoder::cartesian(parts),
            Form::Polar => {
                let sicd = self.sicd()?.unwrap_or_default();
                let amplitudes = complex::amplitudes(sicd).map_err(place)?;
                ComplexDecoder::polar(parts, amplitudes)
            }
        }))
    }

    /// What the two bands of a segment are. A segment that is damaged or cannot be decoded says so when
    /// its image is opened.
    fn form(&self, index: usize) -> Result<Option<Form>> {
        let Some(segment) = self.header.images.get(index) else {
            return Ok(None);
        };
        let read = || -> Result<Option<Form>> {
            let header = self.subheader(segment)?;
            let Some(form) = Form::of(&header, &Plan::new(&header)?) else {
                return Ok(None);
            };
            // Amplitude and phase have a known scale in SICD alone.
            let is_known = form == Form::Cartesian || self.sicd()?.is_some();
            Ok(is_known.then_some(form))
        };
        match read() {
            Err(error)
                if matches!(
                    error.kind(),
                    Kind::Corrupt | Kind::Unsupported | Kind::Limit
                ) =>
            {
                Ok(None)
            }
            // What fails for another reason may succeed the next time, and be another image then.
            form => form,
        }
    }

    /// The SICD text of the file, read once.
    fn sicd(&self) -> Result<Option<&str>> {
        if self.sicd.get().is_none() {
            let text = self.header.sicd(&self.bytes)?;
            let _already_read = self.sicd.set(text);
        }
        Ok(self.sicd.get().and_then(Option::as_deref))
    }

    fn subheader(&self, segment: &Segment) -> Result<ImageHeader> {
        let subheader = header::piece(&self.bytes, segment.subheader, segment.subheader_len)?;
        ImageHeader::parse(&subheader, self.header.version)
    }

    fn segment(&self, index: usize, segment: &Segment) -> Result<NitfDecoder> {
        let header = self.subheader(segment)?;
        let mut plan = Plan::new(&header)?;
        let data = Data::new(self.bytes.clone(), segment.data(), segment.data_len);
        let mask = match plan.masked {
            true => Mask::read(&data, &plan, header.pjust == "L")?,
            false => Mask::default(),
        };
        let codestream = match plan.compression {
            Compression::Codestream => Some(Codestream::open(&data, mask.data_at, &plan)?),
            _ => None,
        };
        if let Some(codestream) = &codestream {
            // The subheader rounds the bits of a sample up as it likes.
            plan.dtype = codestream.image().dtype;
        }
        let mut image = describe::image(&self.header, &header, &plan, &mask, &self.bytes);
        if let Some(codestream) = &codestream {
            describe::with_codestream(&mut image, codestream.image(), &header);
        }
        let tagged = |area| self.header.tagged(&self.bytes, area);
        let tagged: Vec<_> = header.areas.iter().flat_map(tagged).collect();
        let said = georef::read(&header, &tagged);
        image.georef = said.map(|said| Located::new(said, &image.levels));
        image.check()?;
        Ok(NitfDecoder::new(index, data, plan, mask, codestream, image))
    }
}
