//! GeoKeys as they are written, from the texts of a file or one by one.

use super::geokeys::{self, GeoKeys, Value};
use super::{georef, tags};
use crate::georef::Georef;
use crate::image::Metadata;

/// Keys that are texts.
const TEXTS: [u64; 4] = [
    geokeys::CITATION,
    geokeys::GEOGRAPHIC_CITATION,
    geokeys::PROJECTED_CITATION,
    4097,
];

/// Keys that are numbers of 16 bits among those that are not.
const SHORTS: [u64; 2] = [2060, geokeys::LINEAR_UNITS];

/// Keys that are floats.
const DOUBLES: [std::ops::RangeInclusive<u64>; 5] = [
    2053..=2053,
    2055..=2055,
    2057..=2062,
    geokeys::LINEAR_UNIT_SIZE..=3096,
    5120..=5120,
];

/// Keys that are to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keys(Vec<(u64, Value)>);

/// The values of the three tags.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The directory.
    pub directory: Vec<u16>,
    /// The floats.
    pub doubles: Vec<f64>,
    /// The texts.
    pub ascii: String,
}

impl Keys {
    /// The keys that a file had, from the texts that were made of them; `None` if there are none, or not all of them
    /// can be told.
    pub fn of_texts(metadata: &Metadata) -> Option<Self> {
        let mut keys = Self::default();
        for ((band, name), text) in metadata {
            if band.is_some() || !name.contains("GeoKey") {
                continue;
            }
            let id = geokeys::number(name)?;
            let is_short = SHORTS.contains(&id);
            let value = match id {
                _ if TEXTS.contains(&id) => Value::Text(text.clone()),
                _ if !is_short && DOUBLES.iter().any(|ids| ids.contains(&id)) => {
                    let numbers = text.split(',').map(|number| number.parse().ok());
                    Value::Doubles(numbers.collect::<Option<_>>()?)
                }
                _ => Value::Short(text.parse::<u16>().ok()?.into()),
            };
            keys.set(id, value);
        }
        (!keys.0.is_empty()).then_some(keys)
    }

    /// Whether they name the system of a georeference.
    pub fn say(&self, georef: &Georef) -> bool {
        let said = georef::system(&GeoKeys::of(self.0.clone()));
        (&said.epsg, &said.wkt, &said.vertical_epsg)
            == (&georef.epsg, &georef.wkt, &georef.vertical_epsg)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a key that is a number.
    pub fn set_short(&mut self, id: u64, value: u16) {
        self.set(id, Value::Short(value.into()));
    }

    /// Sets a key that is a text.
    pub fn set_text(&mut self, id: u64, text: String) {
        self.set(id, Value::Text(text));
    }

    fn set(&mut self, id: u64, value: Value) {
        match self.0.binary_search_by_key(&id, |(key, _)| *key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (id, value)),
        }
    }

    /// The values of the tags.
    pub fn write(&self) -> Written {
        // Without the second edition GDAL does not tell of heights.
        let is_second = self.0.iter().any(|(id, _)| (4096..5120).contains(id));
        let mut written = Written {
            directory: vec![1, 1, is_second.into(), self.0.len() as u16],
            ..Written::default()
        };
        for (id, value) in &self.0 {
            let (place, count, at) = match value {
                Value::Short(value) => (0, 1, *value as usize),
                Value::Shorts(values) => (0, 1, values.first().copied().unwrap_or(0) as usize),
                Value::Doubles(values) => {
                    let at = written.doubles.len();
                    written.doubles.extend_from_slice(values);
                    (tags::GEO_DOUBLE_PARAMS, values.len(), at)
                }
                Value::Text(text) => {
                    let at = written.ascii.len();
                    // A bar stands for the end of a text.
                    written.ascii.push_str(text);
                    written.ascii.push('|');
                    (tags::GEO_ASCII_PARAMS, text.len() + 1, at)
                }
            };
            let numbers = [*id as u16, place, count as u16, at as u16];
            written.directory.extend_from_slice(&numbers);
        }
        written
    }
}
