//! Where an image lies, as GDAL keeps it beside the image (`.aux.xml`).

use crate::georef::{Affine, Gcp, Georef, Rpc, wkt};
use crate::log::{self, Event};
use crate::source::number::finite as number;
use crate::source::xml::Element;
use std::collections::BTreeMap;

/// More points are data.
const MAX_GCPS: usize = 1 << 20;

/// The names of the numbers of polynomials, and of their factors, in the order of [`Rpc`].
const RPC_NUMBERS: [&str; 12] = [
    "ERR_BIAS",
    "ERR_RAND",
    "LINE_OFF",
    "SAMP_OFF",
    "LAT_OFF",
    "LONG_OFF",
    "HEIGHT_OFF",
    "LINE_SCALE",
    "SAMP_SCALE",
    "LAT_SCALE",
    "LONG_SCALE",
    "HEIGHT_SCALE",
];
const RPC_FACTORS: [&str; 4] = [
    "LINE_NUM_COEFF",
    "LINE_DEN_COEFF",
    "SAMP_NUM_COEFF",
    "SAMP_DEN_COEFF",
];

/// What a file says of the place of an image.
#[derive(Default)]
pub struct Place {
    transform: Option<Affine>,
    system: Option<String>,
    gcps: Vec<Gcp>,
    system_of_gcps: Option<String>,
    pixel_is_point: Option<bool>,
    rpc: BTreeMap<String, String>,
}

impl Place {
    /// Takes an element within the one of the image.
    pub fn take(&mut self, names: &[&str], path: &[Element<'_>], last: &Element<'_>) {
        let text = last.text.trim();
        match names {
            ["GeoTransform"] => self.transform = told("GeoTransform", transform(text)),
            ["SRS"] => self.system = (!text.is_empty()).then(|| text.to_owned()),
            ["GCPList"] => {
                let system = last.attribute("Projection");
                self.system_of_gcps = system.filter(|text| !text.is_empty()).map(str::to_owned);
            }
            ["GCPList", "GCP"] if self.gcps.len() < MAX_GCPS => {
                self.gcps.extend(told("a GCP", gcp(last)));
            }
            ["Metadata", "MDI"] => {
                let domain = path[0].attribute("domain").unwrap_or_default();
                match (domain, last.attribute("key")) {
                    ("RPC", Some(key)) => {
                        self.rpc.insert(key.to_owned(), text.to_owned());
                    }
                    ("", Some("AREA_OR_POINT")) => {
                        self.pixel_is_point = Some(text.eq_ignore_ascii_case("Point"));
                    }
                    _ => (),
                }
            }
            _ => (),
        }
    }

    /// Where the image lies of which its file says `own`; what that has goes before, if `own_first`.
    pub fn complete(&self, own: Option<Georef>, own_first: bool) -> Option<Georef> {
        let mut georef = own.unwrap_or_default();
        let is_located = georef.transform.is_some() || !georef.gcps.is_empty();
        if !(own_first && is_located) {
            if let Some(transform) = self.transform {
                georef.transform = Some(transform);
                georef.gcps.clear();
            } else if !self.gcps.is_empty() {
                georef.gcps.clone_from(&self.gcps);
                georef.transform = None;
            }
            let of_gcps = self
                .system_of_gcps
                .as_ref()
                .filter(|_| !georef.gcps.is_empty());
            if let Some(system) = self.system.as_ref().or(of_gcps) {
                georef.wkt = Some(system.clone());
                (georef.epsg, georef.vertical_epsg) = wkt::codes(system);
            }
        }
        georef.pixel_is_point = self.pixel_is_point.unwrap_or(georef.pixel_is_point);
        if georef.rpc.is_none() && !self.rpc.is_empty() {
            georef.rpc = told("RPC", rpc(&self.rpc));
        }
        (!georef.is_empty()).then_some(georef)
    }
}

/// What was understood; what was not is told of, and left out.
fn told<T>(what: &str, understood: Option<T>) -> Option<T> {
    if understood.is_none() {
        log::note(Event::Georeference, || {
            format!("{what} of .aux.xml beside the file is left out: its numbers cannot be read")
        });
    }
    understood
}

fn transform(text: &str) -> Option<Affine> {
    let numbers: Vec<f64> = text.split(',').map(number).collect::<Option<_>>()?;
    Some(Affine(numbers.try_into().ok()?))
}

fn gcp(element: &Element<'_>) -> Option<Gcp> {
    let text = |name| element.attribute(name).unwrap_or_default();
    let of = |name| number(text(name));
    Some(Gcp {
        id: text("Id").to_owned(),
        info: text("Info").to_owned(),
        pixel: (of("Pixel")?, of("Line")?),
        place: [of("X")?, of("Y")?, of("Z").unwrap_or(0.0)],
    })
}

fn rpc(items: &BTreeMap<String, String>) -> Option<Rpc> {
    let mut numbers = Vec::with_capacity(Rpc::NUMBERS);
    for name in RPC_NUMBERS {
        numbers.push(match items.get(name) {
            // Errors may be unknown.
            None if name.starts_with("ERR_") => -1.0,
            text => number(text?)?,
        });
    }
    for name in RPC_FACTORS {
        let factors = items.get(name)?.split_whitespace().map(number);
        numbers.extend(factors.collect::<Option<Vec<_>>>()?);
    }
    Rpc::from_numbers(numbers[..].try_into().ok()?)
}
