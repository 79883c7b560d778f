//! The image subheader: what one image segment says of its pixels.

use super::fields::{Fields, security};
use super::header::{Area, area};
use super::version::Version;
use crate::error::{Error, Result};

/// One band.
#[derive(Debug)]
pub struct BandHeader {
    /// What it shows.
    pub irepband: String,
    /// What it means.
    pub isubcat: String,
    /// Lookup tables, all of one length.
    pub luts: Vec<Vec<u8>>,
}

/// The fields that decide how pixels are read, and the texts of all.
#[derive(Debug)]
pub struct ImageHeader {
    /// Rows.
    pub nrows: u64,
    /// Columns.
    pub ncols: u64,
    /// What the bits of a sample mean.
    pub pvtype: String,
    /// How the bands are to be seen.
    pub irep: String,
    /// Significant bits.
    pub abpp: u64,
    /// Where the significant bits are.
    pub pjust: String,
    /// How the places of the corners are told, and these.
    pub corners: Option<(String, String)>,
    /// The compression.
    pub ic: String,
    /// How far, or of which kind.
    pub comrat: String,
    /// The bands.
    pub bands: Vec<BandHeader>,
    /// How bands and blocks follow each other.
    pub imode: String,
    /// Blocks in a row.
    pub nbpr: u64,
    /// Rows of blocks.
    pub nbpc: u64,
    /// Columns of a block, or 0 for all.
    pub nppbh: u64,
    /// Rows of a block, or 0 for all.
    pub nppbv: u64,
    /// Bits of a sample.
    pub nbpp: u64,
    /// Names and texts of the fields.
    pub texts: Vec<(String, String)>,
    /// Where the tagged extensions are.
    pub areas: [Area; 2],
}

impl ImageHeader {
    /// Reads the subheader.
    pub fn parse(subheader: &[u8], version: Version) -> Result<Self> {
        let mut fields = Fields::new(subheader);
        let mark = fields.bytes("IM", 2)?;
        if mark != b"IM" {
            return Err(Error::corrupt(format!(
                "field IM is {:?}",
                super::fields::text(mark)
            )));
        }
        for (name, len) in [("IID1", 10), ("IDATIM", 14), ("TGTID", 17), ("IID2", 80)] {
            fields.text(name, len)?;
        }
        security(&mut fields, "IS", version)?;
        if fields.text("ENCRYP", 1)? == "1" {
            return Err(Error::unsupported("the image is encrypted (field ENCRYP)"));
        }
        fields.text("ISORCE", 42)?;
        let nrows = fields.number("NROWS", 8)?;
        let ncols = fields.number("NCOLS", 8)?;
        let pvtype = fields.text("PVTYPE", 3)?;
        let irep = fields.text("IREP", 8)?;
        fields.text("ICAT", 8)?;
        let abpp = fields.number("ABPP", 2)?;
        let pjust = fields.text("PJUST", 1)?;
        let kind = fields.text("ICORDS", 1)?;
        let has_corners = match version {
            // There N stands for none, and not for a zone in the north.
            Version::Nitf20 => !matches!(&kind[..], "" | "N"),
            _ => !kind.is_empty(),
        };
        let corners = match has_corners {
            false => None,
            true => Some((kind, fields.text("IGEOLO", 60)?)),
        };
        comments(&mut fields)?;
        let ic = fields.text("IC", 2)?;
        let comrat = match &ic[..] {
            "NC" | "NM" => String::new(),
            _ => fields.text("COMRAT", 4)?,
        };
        let bands = bands(&mut fields)?;
        fields.text("ISYNC", 1)?;
        let imode = fields.text("IMODE", 1)?;
        let nbpr = fields.number("NBPR", 4)?;
        let nbpc = fields.number("NBPC", 4)?;
        let nppbh = fields.number("NPPBH", 4)?;
        let nppbv = fields.number("NPPBV", 4)?;
        let nbpp = fields.number("NBPP", 2)?;
        for name in ["IDLVL", "IALVL"] {
            let level = fields.count(name, 3)?;
            fields.note(name, &level.to_string());
        }
        for name in ["ILOC_ROW", "ILOC_COLUMN"] {
            let place = super::fields::text(fields.bytes(name, 5)?);
            let plain = place.trim().parse::<i64>().map(|place| place.to_string());
            fields.note(name, &plain.unwrap_or(place));
        }
        fields.text("IMAG", 4)?;
        let user = area(&mut fields, ["UDIDL", "UDOFL", "UDID"])?;
        let other = area(&mut fields, ["IXSHDL", "IXSOFL", "IXSHD"])?;
        Ok(Self {
            nrows,
            ncols,
            pvtype,
            irep,
            abpp,
            pjust,
            corners,
            ic,
            comrat,
            bands,
            imode,
            nbpr,
            nbpc,
            nppbh,
            nppbv,
            nbpp,
            texts: fields.into_texts(),
            areas: [user, other],
        })
    }
}

/// The comments, which are one text in lines of 80 characters.
fn comments(fields: &mut Fields<'_>) -> Result<()> {
    let count = fields.count("NICOM", 1)?;
    let mut all = String::new();
    for number in 1..=count {
        let line = fields.bytes(&format!("ICOM{number}"), 80)?;
        all.extend(line.iter().map(|byte| char::from(*byte)));
    }
    if count > 0 {
        fields.note("IMAGE_COMMENTS", all.trim_end());
    }
    Ok(())
}

fn bands(fields: &mut Fields<'_>) -> Result<Vec<BandHeader>> {
    let count = match fields.count("NBANDS", 1)? {
        0 => fields.count("XBANDS", 5)?,
        count => count,
    };
    let mut bands = Vec::new();
    for number in 1..=count {
        let name = |name: &str| format!("{name}{number:05}");
        let irepband = fields.bytes(&name("IREPBAND"), 2)?;
        let isubcat = fields.bytes(&name("ISUBCAT"), 6)?;
        fields.bytes(&name("IFC"), 1)?;
        fields.bytes(&name("IMFLT"), 3)?;
        let tables = fields.count(&name("NLUTS"), 1)?;
        let mut luts = Vec::new();
        if tables > 0 {
            let len = fields.count(&name("NELUT"), 5)? as usize;
            for _ in 0..tables {
                luts.push(fields.bytes(&name("LUTD"), len)?.to_vec());
            }
        }
        bands.push(BandHeader {
            irepband: super::fields::text(irepband),
            isubcat: super::fields::text(isubcat),
            luts,
        });
    }
    fields.note("NBANDS", &count.to_string());
    Ok(bands)
}
