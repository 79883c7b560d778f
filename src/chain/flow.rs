//! Flow: which steps may follow which, told from the text alone.

use super::step::{Detect, Step, Stretch, Type};

/// What the values between two steps are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Samples of the source as they are.
    Source,
    /// Any real values.
    Real,
    /// 0 to 1.
    Unit,
    /// Samples of a type.
    Typed(Type),
}

/// The bands of a source that a chain can be put on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepts {
    /// So many or more.
    AtLeast(u32),
    /// Just so many.
    Exactly(u32),
}

impl Accepts {
    /// Whether a source with so many bands will do.
    pub fn has(self, bands: u32) -> bool {
        match self {
            Accepts::AtLeast(least) => bands >= least,
            Accepts::Exactly(count) => bands == count,
        }
    }
}

/// Where a chain stands after some of its steps.
#[derive(Clone, Debug)]
pub struct Flow {
    /// What the source must have.
    pub accepts: Accepts,
    /// The bands at this point; `None` where that depends on the source.
    pub bands: Option<u32>,
    /// What the values are.
    pub domain: Domain,
    /// Whether the last band is opacity.
    pub alpha: Alpha,
    /// Whether the bands are no longer those of the source.
    pub is_coloured: bool,
}

/// Whether the last band is opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alpha {
    /// It is not, as far as the chain knows.
    No,
    /// It is, if the palette of the source has any.
    Perhaps,
    /// It is that of a palette.
    OfPalette,
    /// It is made by the chain.
    Made,
}

impl Alpha {
    /// Whether the last band is known to be opacity.
    pub fn is_there(self) -> bool {
        matches!(self, Alpha::OfPalette | Alpha::Made)
    }
}

impl Flow {
    /// Before the first step.
    pub fn new() -> Self {
        Self {
            accepts: Accepts::AtLeast(1),
            bands: None,
            domain: Domain::Source,
            alpha: Alpha::No,
            is_coloured: false,
        }
    }

    /// Goes on by a step; or the reason why it cannot stand here.
    pub fn pass(&mut self, step: &Step) -> Result<(), String> {
        if self.alpha != Alpha::No && !matches!(step, Step::Type(_) | Step::Alpha) {
            return Err("only the sample type and alpha may follow opacity".into());
        }
        match step {
            Step::Bands(list) => self.select(list),
            Step::Unscale(scales) => {
                if self.domain == Domain::Unit {
                    return Err("it belongs before the stretch".into());
                }
                self.one_or_each(scales.as_ref().map_or(1, Vec::len), "scale")?;
                self.domain = Domain::Real;
                Ok(())
            }
            Step::Detect(Detect::Phase) => {
                if self.domain != Domain::Source {
                    return Err("it must be made of samples of the source".into());
                }
                self.domain = Domain::Unit;
                Ok(())
            }
            Step::Detect(_) => {
                if self.domain == Domain::Unit {
                    return Err("it belongs before the stretch".into());
                }
                self.domain = Domain::Real;
                Ok(())
            }
            Step::Stretch(stretch) => {
                match stretch {
                    Stretch::Limits(limits) => self.one_or_each(limits.len(), "pair of limits")?,
                    Stretch::Full if self.domain != Domain::Source => {
                        return Err("the full range is that of samples of the source".into());
                    }
                    _ => (),
                }
                self.domain = Domain::Unit;
                Ok(())
            }
            Step::Gamma(gammas) => {
                self.unit()?;
                self.one_or_each(gammas.len(), "gamma")
            }
            Step::Invert => self.unit(),
            Step::Table(tables) => {
                self.index()?;
                self.one_or_each(tables.bytes.len(), "table")?;
                self.domain = match tables.is_unit() {
                    true => Domain::Unit,
                    false => Domain::Real,
                };
                Ok(())
            }
            Step::Palette(palette) => {
                self.index()?;
                self.exactly(1)?;
                (self.bands, self.alpha) = match palette {
                    None => (None, Alpha::Perhaps),
                    Some(palette) if palette.has_opacity() => (Some(4), Alpha::OfPalette),
                    Some(_) => (Some(3), Alpha::No),
                };
                self.colour();
                Ok(())
            }
            Step::Ramp(_) => {
                self.unit()?;
                self.exactly(1)?;
                self.bands = Some(3);
                self.colour();
                Ok(())
            }
            Step::YCbCr => {
                if matches!(self.domain, Domain::Real)
                    || matches!(self.domain, Domain::Typed(of) if of != Type::U8)
                {
                    return Err("it needs samples of 8 bits or a stretch before it".into());
                }
                self.exactly(3)?;
                self.colour();
                Ok(())
            }
            Step::Rgb => {
                self.exactly(1)?;
                self.bands = Some(3);
                self.is_coloured = true;
                Ok(())
            }
            Step::Alpha => self.add_alpha(),
            Step::Type(of) => self.set_type(*of),
        }
    }

    fn colour(&mut self) {
        self.domain = Domain::Unit;
        self.is_coloured = true;
    }

    fn select(&mut self, list: &[u32]) -> Result<(), String> {
        let highest = list.iter().copied().max().unwrap_or(0);
        match self.bands {
            Some(bands) if highest >= bands => {
                return Err(format!("band {highest} of {bands}"));
            }
            Some(_) => (),
            None => {
                if let Accepts::AtLeast(least) = &mut self.accepts {
                    *least = (*least).max(highest + 1);
                }
            }
        }
        self.bands = Some(list.len() as u32);
        Ok(())
    }

    /// Refuses a number of parameters that is neither one nor that of the bands.
    fn one_or_each(&mut self, count: usize, what: &str) -> Result<(), String> {
        match (count, self.bands) {
            (1, _) => Ok(()),
            (count, Some(bands)) if count == bands as usize => Ok(()),
            (count, Some(bands)) => Err(format!(
                "one {what} or one for each of {bands} bands, not {count}"
            )),
            (count, None) => self.exactly(count as u32),
        }
    }

    fn exactly(&mut self, count: u32) -> Result<(), String> {
        match self.bands {
            Some(bands) if bands == count => Ok(()),
            Some(bands) => Err(format!("it needs {count} bands, and there are {bands}")),
            None => {
                self.accepts = Accepts::Exactly(count);
                self.bands = Some(count);
                Ok(())
            }
        }
    }

    fn unit(&self) -> Result<(), String> {
        match self.domain {
            Domain::Unit => Ok(()),
            _ => Err("it needs values from 0 to 1: put a stretch before it".into()),
        }
    }

    /// Values that can be indices of a table.
    fn index(&self) -> Result<(), String> {
        match self.domain {
            Domain::Source | Domain::Unit => Ok(()),
            Domain::Typed(of) if of.is_whole() => Ok(()),
            _ => Err("it needs whole numbers, or a stretch before it".into()),
        }
    }

    fn add_alpha(&mut self) -> Result<(), String> {
        match (self.alpha, self.domain) {
            (Alpha::Made, _) => return Err("there is one already".into()),
            (Alpha::Perhaps | Alpha::OfPalette, _) => {
                self.bands = Some(4);
                self.alpha = Alpha::OfPalette;
                return Ok(());
            }
            (_, Domain::Unit | Domain::Typed(_)) => (),
            _ => return Err("put a stretch or a sample type before it".into()),
        }
        self.bands = self.bands.map(|bands| bands + 1);
        self.alpha = Alpha::Made;
        Ok(())
    }

    fn set_type(&mut self, of: Type) -> Result<(), String> {
        let becomes_whole = match self.domain {
            Domain::Unit => true,
            // The source may have just that type.
            Domain::Source => true,
            Domain::Typed(before) => before == of,
            Domain::Real => false,
        };
        if of.is_whole() && !becomes_whole {
            return Err("it needs values from 0 to 1: put a stretch before it".into());
        }
        self.domain = Domain::Typed(of);
        Ok(())
    }
}
