//! What GDAL keeps of an image beside it (`.aux.xml`): nodata values, colours, where it lies, and texts such
//! as statistics.

use super::Rules;
use super::place::Place;
use crate::bytes::Bytes;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::image::{Colour, Image, Metadata};
use crate::source::nodata_text::nodata;
use crate::source::scratch::zeroed;
use crate::source::xml::{Element, walk};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Longer files are data and no description.
const MAX_BYTES: u64 = 16 << 20;

/// So are more texts.
const MAX_TEXTS: usize = 65_536;

/// And longer ones, each with its name, before which that of a domain is said again.
const MAX_TEXT_BYTES: usize = 2 * MAX_BYTES as usize;

/// What a file says of an image.
#[derive(Default)]
pub struct Pam {
    /// Names and texts, those of domains with the domain and a colon before them.
    pub texts: Metadata,
    /// Bytes of these and of their names, as they were told.
    text_bytes: usize,
    /// Where the image lies.
    pub place: Place,
    nodata: BTreeMap<u32, (Option<Sample>, Sample)>,
    colours: BTreeMap<u32, Colour>,
    palettes: BTreeSet<u32>,
}

impl Pam {
    /// Reads what a file says of an image.
    pub fn read(bytes: &dyn Bytes, image: &Image) -> Result<Self> {
        let len = bytes.len();
        if len > MAX_BYTES {
            return Err(Error::limit(format!(
                "{len} bytes; at most {MAX_BYTES} are read"
            )));
        }
        let mut xml = zeroed(len)?;
        bytes.read_at(0, &mut xml)?;
        bytes.check_unchanged()?;
        Self::parse(&String::from_utf8_lossy(&xml), image)
    }

    fn parse(xml: &str, image: &Image) -> Result<Self> {
        let mut pam = Self::default();
        let mut is_pam = false;
        walk(xml, &mut |path| {
            let names: Vec<&str> = path.iter().map(|element| element.name).collect();
            let (Some(last), ["PAMDataset", names @ ..]) = (path.last(), &names[..]) else {
                return;
            };
            is_pam = true;
            if pam.is_too_long() {
                return;
            }
            match names {
                ["PAMRasterBand", names @ ..] => {
                    let number = path[1].attribute("band");
                    let number = number.and_then(|number| number.trim().parse::<u32>().ok());
                    let band = number.and_then(|number| number.checked_sub(1));
                    if let Some(band) = band.filter(|band| *band < image.band_count()) {
                        pam.of_band(band, image.dtype, names, &path[2..]);
                    }
                }
                names => {
                    pam.place.take(names, &path[1..], last);
                    pam.of_domain(None, names, &path[1..], last);
                }
            }
        })?;
        if !is_pam {
            return Err(Error::corrupt("XML without an element PAMDataset"));
        }
        if pam.is_too_long() {
            return Err(Error::limit(format!(
                "more than {MAX_TEXTS} texts, or {MAX_TEXT_BYTES} bytes of them"
            )));
        }
        Ok(pam)
    }

    fn is_too_long(&self) -> bool {
        self.texts.len() > MAX_TEXTS || self.text_bytes > MAX_TEXT_BYTES
    }

    /// Keeps a text under its name.
    fn note(&mut self, band: Option<u32>, name: String, text: String) {
        self.text_bytes += name.len() + text.len();
        self.texts.insert((band, name), text);
    }

    /// An element within the one of a band, with its path there.
    fn of_band(&mut self, band: u32, dtype: DType, names: &[&str], path: &[Element<'_>]) {
        let Some(last) = path.last() else {
            return;
        };
        let text = &last.text[..];
        let mut note = |name: &str, text: &str| self.note(Some(band), name.into(), text.into());
        match names {
            ["Description"] => note("DESCRIPTION", text),
            ["UnitType"] => note("UNITTYPE", text),
            ["Offset"] => note("OFFSET", text.trim()),
            ["Scale"] => note("SCALE", text.trim()),
            ["NoDataValue"] => {
                self.nodata.insert(band, nodata(dtype, text));
            }
            ["ColorInterp"] => {
                note("COLORINTERP", text.trim());
                self.colours
                    .extend(Colour::named(text.trim()).map(|colour| (band, colour)));
            }
            ["CategoryNames", "Category"] => self.add_line(band, "CATEGORYNAMES", text),
            ["ColorTable", "Entry"] => {
                self.palettes.insert(band);
                let part = |name| last.attribute(name).unwrap_or("0");
                let mut line = part("c1").to_owned();
                for name in ["c2", "c3"] {
                    // Writing into a string cannot fail.
                    let _written = write!(line, ",{}", part(name));
                }
                let opacity = last.attribute("c4").unwrap_or("255");
                let _written = write!(line, ",{opacity}");
                self.add_line(band, "COLORTABLE", &line);
            }
            ["Histograms", "HistItem", what] => {
                let name = match *what {
                    "HistMin" => "HISTOGRAM_MIN",
                    "HistMax" => "HISTOGRAM_MAX",
                    "HistCounts" => "HISTOGRAM_COUNTS",
                    "IncludeOutOfRange" => "HISTOGRAM_OUT_OF_RANGE",
                    "Approximate" => "HISTOGRAM_APPROXIMATE",
                    _ => return,
                };
                // The first is the one that GDAL gives.
                let text = text.trim().replace('|', ",");
                self.text_bytes += text.len();
                let texts = &mut self.texts;
                texts.entry((Some(band), name.into())).or_insert(text);
            }
            _ => self.of_domain(Some(band), names, path, last),
        }
    }

    /// An item of a domain of texts, or a domain that is one text.
    fn of_domain(
        &mut self,
        band: Option<u32>,
        names: &[&str],
        path: &[Element<'_>],
        last: &Element<'_>,
    ) {
        let domain = || path[0].attribute("domain").unwrap_or_default();
        let (name, text) = match names {
            ["Metadata", "MDI"] => {
                let Some(key) = last.attribute("key").filter(|key| !key.is_empty()) else {
                    return;
                };
                let name = match domain() {
                    "" => key.to_owned(),
                    domain => format!("{domain}:{key}"),
                };
                (name, last.text.clone())
            }
            ["Metadata"] => match last.attribute("format") {
                Some("xml") => (domain().to_owned(), last.inner.trim().to_owned()),
                Some("json") => (domain().to_owned(), last.text.clone()),
                _ => return,
            },
            _ => return,
        };
        self.note(band, name, text);
    }

    /// Adds a line to a text of lines.
    fn add_line(&mut self, band: u32, name: &str, line: &str) {
        let lines = self.texts.entry((Some(band), name.into())).or_default();
        lines.push_str(line);
        lines.push('\n');
        self.text_bytes += line.len() + 1;
    }

    /// Sets nodata values and colours of an image; says whether any are others now.
    pub fn describe(&self, image: &mut Image, rules: &Rules) -> bool {
        let before = (image.bands.clone(), image.pad);
        for (number, (nodata, pad)) in self.nodata.iter().rev() {
            let band = &mut image.bands[*number as usize];
            if rules.own_values && band.nodata.is_some() {
                continue;
            }
            band.nodata = *nodata;
            if !rules.own_values {
                // The first band's fills what is absent of all.
                image.pad = *pad;
            }
        }
        if !rules.own_values {
            for (number, colour) in &self.colours {
                image.bands[*number as usize].colour = *colour;
            }
            for number in &self.palettes {
                image.bands[*number as usize].colour = Colour::Palette;
            }
        }
        before != (image.bands.clone(), image.pad)
    }
}
