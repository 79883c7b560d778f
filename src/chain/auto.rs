//! The automatic chain: what is known of an image and found in its pixels, made a resolved chain.

use super::auto_bands::{Shown, band_of, choose};
use super::step::{Detect, Rule, Step, Stretch, Type};
use super::why::{Why, listed};
use super::{Chain, Inner};
use crate::dtype::DType;
use crate::error::Result;
use crate::image::{Band, Colour, Image};
use crate::provider::Provider;
use crate::stats::{BandStats, Options, PixelStats, Progress};
use std::ffi::CStr;
use std::sync::Arc;

/// How pixels are looked at if nothing else is said: windows at fixed places, and no more.
pub fn sample() -> Options {
    Options {
        is_sampled: true,
        ..Options::default()
    }
}

impl Chain {
    /// The chain that shows an image, resolved, made from what is known of it and from its statistics, which are taken
    /// as `options` say, if they are needed at all. [`Chain::why`] has a line for each decision.
    pub fn automatic(
        provider: &Arc<dyn Provider>,
        options: &Options,
        progress: &mut Progress<'_>,
    ) -> Result<Chain> {
        let mut automatic = Automatic {
            image: provider.image(),
            why: Why::default(),
        };
        automatic.image.check_level(options.level)?;
        let shown = choose(automatic.image, &mut automatic.why);
        let stretched = automatic.stretched(&shown);
        let stats = match stretched.iter().any(Step::needs_statistics) {
            true => Some(PixelStats::with_progress(
                provider.clone(),
                options,
                progress,
            )?),
            false => None,
        };
        let open = automatic.open(&shown, stretched, stats.as_ref(), provider.mask().is_some());
        let known = stats.as_ref().map(|stats| stats as &dyn super::Statistics);
        let chain = Chain::of_steps(open)?.resolve(automatic.image, known)?;
        let chain = match provider.mask() {
            Some(_) => chain,
            None => automatic.with_opacity_as_it_is(&shown, chain)?,
        };
        Ok(chain.with_why(automatic.why))
    }

    /// Why an automatic chain is as it is, one line for each decision; empty for other chains.
    pub fn why(&self) -> &CStr {
        self.0.why.as_deref().unwrap_or_default()
    }

    fn with_why(&self, why: Why) -> Chain {
        Chain(Arc::new(Inner {
            steps: self.0.steps.clone(),
            text: self.0.text.clone(),
            flow: self.0.flow.clone(),
            prepared: Default::default(),
            why: Some(why.text()),
        }))
    }
}

struct Automatic<'a> {
    image: &'a Image,
    why: Why,
}

impl Automatic<'_> {
    /// What makes 0 to 1 of the bands that are shown, or nothing, where they are 8 bits as they are.
    fn stretched(&mut self, shown: &Shown) -> Vec<Step> {
        let image = self.image;
        let name = image.dtype.name();
        let bits = image.bits;
        let full = Step::Stretch(Stretch::Full);
        let is_unsigned = matches!(
            image.dtype,
            DType::U8 | DType::U16 | DType::U32 | DType::U64
        );
        match shown {
            Shown::Palette(_) => return Vec::new(),
            Shown::YCbCr(_) | Shown::Inks(_) if is_unsigned => {
                let is_as_it_is = image.dtype == DType::U8 && matches!(shown, Shown::YCbCr(_));
                return if is_as_it_is { Vec::new() } else { vec![full] };
            }
            Shown::Complex(_) => {
                let reason = "the fourth root of the power, which brings out faint returns";
                self.why.note("quarter", reason);
                return vec![Step::Detect(Detect::QuarterPower), self.dra()];
            }
            _ => (),
        }
        if image.dtype != DType::U8 {
            self.why
                .note("samples", format!("{name} with {bits} significant bits"));
            return vec![self.dra()];
        }
        if bits < 8 {
            self.why.note(
                "stretch",
                format!("the range of {bits} significant bits of {name}"),
            );
            return vec![full];
        }
        let reason = "samples of 8 bits are shown as they are, so that no pixel is looked at";
        self.why.note("samples", reason);
        match self.is_min_white(shown) {
            true => vec![full],
            false => Vec::new(),
        }
    }

    fn dra(&self) -> Step {
        Step::Stretch(Stretch::Of(Rule::Dra, false))
    }

    fn is_min_white(&self, shown: &Shown) -> bool {
        let said = self.image.metadata.get(&(None, "MINISWHITE".into()));
        matches!(shown, Shown::Grey(_)) && said.is_some_and(|text| text == "YES")
    }

    /// All steps, those that need statistics still open.
    fn open(
        &mut self,
        shown: &Shown,
        stretched: Vec<Step>,
        stats: Option<&PixelStats>,
        has_mask: bool,
    ) -> Vec<Step> {
        let bands = shown.bands();
        let mut steps = Vec::new();
        if !bands.iter().copied().eq(0..self.image.band_count()) {
            steps.push(Step::Bands(bands.to_vec()));
        }
        let is_stored = stats.is_some_and(PixelStats::is_stored);
        let is_known = |step: &Step| match step {
            // Those that stand in a file have no percentiles.
            Step::Stretch(Stretch::Of(..)) if is_stored && !matches!(shown, Shown::Complex(_)) => {
                Step::Stretch(Stretch::Of(Rule::Deviations(2.0), false))
            }
            step => step.clone(),
        };
        steps.extend(stretched.iter().map(is_known));
        if let Some(stats) = stats {
            self.tell_of(bands, stats);
        }
        match shown {
            Shown::Palette(_) => steps.push(Step::Palette(None)),
            Shown::YCbCr(_) => steps.push(Step::YCbCr),
            Shown::Inks(_) => steps.push(Step::Invert),
            Shown::Grey(_) if self.is_min_white(shown) => {
                self.why.note("invert", "the least value is white");
                steps.push(Step::Invert);
            }
            _ => (),
        }
        steps.push(Step::Type(Type::U8));
        if self.has_opacity(bands, stats, has_mask) {
            steps.push(Step::Alpha);
        }
        steps
    }

    /// Says where limits come from, and which of them are odd.
    fn tell_of(&mut self, bands: &[u32], stats: &PixelStats) {
        let numbers = |band: &u32| stats.band(*band).copied().unwrap_or_default();
        let first = numbers(&bands[0]);
        let level = stats.level();
        match (stats.is_stored(), stats.is_sampled()) {
            (true, _) => {
                let reason = "mean and deviation that stand in the file, 2 deviations either way";
                self.why.note("stretch", reason);
            }
            (false, is_sampled) => {
                let places = if is_sampled {
                    "windows at fixed places"
                } else {
                    "all"
                };
                let reason = format!(
                    "percentiles 2 and 98 of each band, widened, of {} pixels of level {level}: {places}",
                    first.count
                );
                self.why.note("stretch", reason);
            }
        }
        for band in bands {
            let BandStats {
                valid,
                minimum,
                maximum,
                ..
            } = numbers(band);
            if valid == 0 && !stats.is_stored() {
                self.why
                    .note("stretch", format!("band {band} has no valid pixel there"));
            } else if minimum == maximum {
                let reason = format!("band {band} has the value {minimum} alone, shown as 127");
                self.why.note("stretch", reason);
            }
        }
    }

    /// Whether the picture needs opacity, and why.
    fn has_opacity(&mut self, bands: &[u32], stats: Option<&PixelStats>, has_mask: bool) -> bool {
        let has_nodata = |band: &&u32| self.image.bands[**band as usize].nodata.is_some();
        let with_nodata: Vec<u32> = bands.iter().filter(has_nodata).copied().collect();
        let is_not_finite = |band: &u32| {
            let found = stats.and_then(|stats| stats.band(*band).ok());
            found.is_some_and(|numbers| numbers.nan > 0)
        };
        let alpha = band_of(self.image, Colour::Alpha);
        let reason = match alpha {
            Some(alpha) => format!("band {alpha} is opacity"),
            None if has_mask => "a mask says where the image has data".into(),
            None if !with_nodata.is_empty() => {
                format!("bands {} have nodata values", listed(&with_nodata))
            }
            None if bands.iter().any(is_not_finite) => "there are pixels that are NaN".into(),
            None => return false,
        };
        self.why.note("alpha", reason);
        true
    }

    /// The chain with the opacity of an image of 8 bits in all its degrees, where its bands are told to be a picture and
    /// nothing else says where they are data. In wider types nobody knows what is opaque: some files have 255 there.
    fn with_opacity_as_it_is(&mut self, shown: &Shown, chain: Chain) -> Result<Chain> {
        let bands = shown.bands();
        let is_told = |band: &u32| {
            let Band { colour, nodata } = &self.image.bands[*band as usize];
            let is_colour = matches!(
                colour,
                Colour::Red | Colour::Green | Colour::Blue | Colour::Gray
            );
            is_colour && nodata.is_none()
        };
        let Some(alpha) = band_of(self.image, Colour::Alpha) else {
            return Ok(chain);
        };
        let is_picture =
            self.image.dtype == DType::U8 && matches!(shown, Shown::Grey(_) | Shown::Colours(_));
        if !is_picture || !bands.iter().all(is_told) || self.is_min_white(shown) {
            return Ok(chain);
        }
        let all: Vec<u32> = bands.iter().copied().chain([alpha]).collect();
        let mut steps = Vec::new();
        if !all.iter().copied().eq(0..self.image.band_count()) {
            steps.push(Step::Bands(all));
        }
        for step in &chain.0.steps {
            match step {
                Step::Bands(_) | Step::Alpha => (),
                Step::Stretch(Stretch::Limits(limits)) => {
                    let of = |at: usize| limits[at.min(limits.len() - 1)];
                    let limits = (0..bands.len()).map(of).chain([(0.0, 255.0)]);
                    steps.push(Step::Stretch(Stretch::Limits(limits.collect())));
                }
                step => steps.push(step.clone()),
            }
        }
        Chain::of_steps(steps)
    }
}
