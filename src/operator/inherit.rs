//! Inheritance: what the output of an operator has of its source.

use super::placed::Rule;
use crate::error::{Error, Result};
use crate::georef::Located;
use crate::image::{Band, Bands, Image, Metadata};
use crate::provider::Provider;
use std::sync::Arc;

/// What is known of some bands of a source.
pub fn bands_of(source: &Image, bands: &Bands) -> Vec<Band> {
    let list = bands.to_vec(source.band_count());
    let known = list
        .iter()
        .filter_map(|band| source.bands.get(*band as usize));
    known.cloned().collect()
}

/// What the names of GDAL's statistics begin with, which speak of the pixels of the source.
const OF_PIXELS: &str = "STATISTICS_";

/// Leaves texts that are true of other pixels too.
pub fn drop_statistics(texts: &mut Metadata) {
    texts.retain(|(_, name), _| !name.starts_with(OF_PIXELS));
}

/// The texts of a source that are true of other pixels too: those of the whole image, and of the bands that are read if
/// the output has as many.
pub fn texts_of(source: &Image, bands: &Bands, output_bands: u32) -> Metadata {
    let list = bands.to_vec(source.band_count());
    let is_each = list.len() == output_bands as usize;
    let mut texts = Metadata::new();
    for ((of, name), text) in &source.metadata {
        let Some(of) = of else {
            texts.insert((None, name.clone()), text.clone());
            continue;
        };
        let places = (0..).zip(&list).filter(|(_, band)| is_each && *band == of);
        for (place, _) in places {
            texts.insert((Some(place), name.clone()), text.clone());
        }
    }
    drop_statistics(&mut texts);
    texts
}

/// The place of an output whose levels have these sizes: that of the pixels which the rule names; `None` where nothing
/// is said of them.
pub fn located_of(source: &Image, rule: &Rule, sizes: &[(u64, u64)]) -> Option<Located> {
    let there = |(level, size): (u32, &(u64, u64))| {
        let level = rule.level.saturating_add(level);
        (level, rule.to_source(*size))
    };
    source.georef.as_ref()?.over((0..).zip(sizes).map(there))
}

/// The image that the first rule makes of its source: turned and scaled, with as many levels as all sources have.
pub fn image_of(sources: &[Arc<dyn Provider>], rules: &[Rule]) -> Result<Image> {
    let rule = &rules[0];
    let source = sources[rule.source].image();
    let levels = |rule: &Rule| {
        let there = sources[rule.source].image().levels.len() as u32;
        there.saturating_sub(rule.level)
    };
    let count = rules.iter().map(levels).min().unwrap_or(0).max(1);
    let sizes: Option<Vec<_>> = (0..count)
        .map(|level| rule.output_size(source, level))
        .collect();
    let sizes = sizes.ok_or_else(|| {
        let (level, levels) = (rule.level, source.levels.len());
        Error::range(format!(
            "inputs[0]: level {level} of an image with {levels} levels"
        ))
    })?;
    let bands = rule.bands.count(source.band_count()) as u32;
    let mut image = Image::new(sizes[0].0, sizes[0].1, bands, source.dtype);
    // Levels that are not those of level 0, halved, are left out.
    image.levels = sizes;
    image.levels = image.levels_from(0);
    image.block = match rule.transposed {
        true => (source.block.1, source.block.0),
        false => source.block,
    };
    (image.pad, image.bits) = (source.pad, source.bits);
    Ok(image)
}
