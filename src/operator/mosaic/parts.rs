//! The parts of a mosaic: where they lie, and which are open.

use super::opening::{InUse, Openings};
use super::part::OpenPart;
use super::places::{Place, Places};
use super::{Mosaic, Opening, Part, Source};
use crate::cache::{Counters, Dependent};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::Image;
use crate::provider::Provider;
use hashbrown::HashSet;
use std::sync::Arc;

/// The furthest column or row of a part, so that sums of coordinates never overflow.
const MAX_PLACE: i64 = 1 << 60;

/// All parts, for all levels of a mosaic.
pub struct Parts {
    parts: Vec<Known>,
    places: Places,
    /// Each provider that was given, once.
    given: Vec<Arc<dyn Provider>>,
    openings: Openings,
    opening: Option<Arc<dyn Opening>>,
    image: Image,
    /// What the pixels follow from.
    dependent: Dependent,
}

/// What is known of a part.
struct Known {
    left: i64,
    top: i64,
    size: (u64, u64),
    given: Option<Arc<OpenPart>>,
}

/// A part over a rectangle.
pub struct Over {
    pub number: u32,
    /// Where the level of the part lies; it may be one column or row less.
    pub place: Place,
    /// What of it lies in the rectangle.
    pub rect: Rect,
}

impl Parts {
    /// The parts of a mosaic with this key.
    pub fn new(mosaic: Mosaic, key: &str) -> Result<Self> {
        let image = mosaic.image;
        let keys = mosaic.parts.iter().map(|part| part.source.key());
        let dependent = Dependent::new(key, keys)?;
        let step = 1i64 << (image.levels.len() - 1);
        let at = |number: usize| move |error: Error| error.at(format!("parts[{number}]"));
        let has_opening = mosaic.opening.is_some();
        let mut given = Vec::new();
        let mut known_providers = HashSet::new();
        let known = |(number, part): (usize, Part)| {
            part.check(step, has_opening).map_err(at(number))?;
            let (left, top) = part.place;
            let open = match part.source {
                Source::Later { .. } => None,
                Source::Given(provider) => {
                    if known_providers.insert(Arc::as_ptr(&provider).cast::<()>()) {
                        given.push(provider.clone());
                    }
                    let open = OpenPart::new(provider, part.size, &image, false);
                    Some(Arc::new(open.map_err(at(number))?))
                }
            };
            Ok(Known {
                left,
                top,
                size: part.size,
                given: open,
            })
        };
        let parts = mosaic.parts.into_iter().enumerate().map(known);
        let parts: Vec<Known> = parts.collect::<Result<_>>()?;
        let (width, height) = image.levels[0];
        let whole = Rect::new(0, 0, width, height);
        let places = (0..)
            .zip(&parts)
            .map(|(number, part)| (number, part.place(0)));
        let places = places.filter(|(_, place)| place.within(&whole).is_some());
        Ok(Self {
            places: Places::new(places.collect()),
            parts,
            given,
            openings: Openings::new(mosaic.max_open),
            opening: mosaic.opening,
            image,
            dependent,
        })
    }

    /// What the mosaic is.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The parts over a rectangle of a level, the last one first.
    pub fn over(&self, level: u32, rect: &Rect) -> impl Iterator<Item = Over> + use<'_> {
        // A part is as long at a level as all that it has a share of.
        let round = (1i128 << level) - 1;
        let along = |from: u64, to: u64| {
            let at = |pixel: u64| i128::from(pixel) << level;
            let limit = |at: i128| at.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            (limit(at(from) - round), limit(at(to)))
        };
        let (left, right) = along(rect.x, rect.right());
        let (top, bottom) = along(rect.y, rect.bottom());
        let area = Place {
            left,
            top,
            right,
            bottom,
        };
        let rect = *rect;
        let numbers = self.places.over(&area).into_iter();
        numbers.filter_map(move |number| {
            let place = self.parts[number as usize].place(level);
            let rect = place.within(&rect)?;
            Some(Over {
                number,
                place,
                rect,
            })
        })
    }

    /// A part if it is open.
    pub fn find(&self, number: u32) -> Option<InUse<'_>> {
        match &self.parts[number as usize].given {
            Some(part) => Some(InUse::always(part)),
            None => self.openings.find(number),
        }
    }

    /// A part, which is opened if it is not.
    pub fn open(&self, number: u32) -> Result<InUse<'_>> {
        let known = &self.parts[number as usize];
        if let Some(part) = &known.given {
            return Ok(InUse::always(part));
        }
        let opened = self.openings.get(number, || {
            let opening = self.opening.as_ref();
            let opening = opening.ok_or_else(|| Error::internal("nothing opens the part"))?;
            let provider = opening.open(number as usize)?;
            // Before anything of it is read.
            self.dependent.add(provider.key())?;
            OpenPart::new(provider, known.size, &self.image, true)
        });
        opened.map_err(|error| error.at(place_of(number)))
    }

    /// A part could not be read: it is opened anew when it is touched again.
    pub fn failed(&self, number: u32, error: Error) -> Error {
        if self.parts[number as usize].given.is_none() {
            self.openings.forget(number);
        }
        error.at(place_of(number))
    }

    /// Whether a part was cancelled that is a reader, of those that were given.
    pub fn is_cancelled(&self) -> bool {
        self.given.iter().any(|provider| provider.is_cancelled())
    }

    /// How many providers stand one upon another beneath, as far as is known.
    pub fn height(&self) -> u32 {
        let heights = self.given.iter().map(|provider| provider.height());
        heights.max().unwrap_or(0)
    }

    /// What all parts have done.
    pub fn counters(&self) -> Counters {
        let given = self.given.iter().map(|provider| provider.counters());
        given.fold(self.openings.counters(), Counters::plus)
    }
}

fn place_of(number: u32) -> String {
    format!("part {number} of the mosaic")
}

impl Known {
    /// Where a level of the part lies.
    fn place(&self, level: u32) -> Place {
        let side = |length: u64| length.div_ceil(1 << level);
        let size = (side(self.size.0), side(self.size.1));
        Place::new(self.left >> level, self.top >> level, size)
    }
}

impl Part {
    /// Refuses a part that the mosaic cannot show in its place.
    fn check(&self, step: i64, has_opening: bool) -> Result<()> {
        for (at, name) in [(self.place.0, "x"), (self.place.1, "y")] {
            if !(-MAX_PLACE..=MAX_PLACE).contains(&at) {
                return Err(Error::range(format!(
                    "{name} is {at}; it must be within {MAX_PLACE} of 0"
                )));
            }
            if at % step != 0 {
                return Err(Error::argument(format!(
                    "{name} is {at}, which with so many levels must be a multiple of {step}"
                )));
            }
        }
        let as_image = Image::new(self.size.0, self.size.1, 1, crate::dtype::DType::U8);
        as_image.check()?;
        if let Source::Later { .. } = self.source
            && !has_opening
        {
            return Err(Error::argument(
                "no provider is given, and nothing that opens one",
            ));
        }
        Ok(())
    }
}
