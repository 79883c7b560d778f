//! `tilecache display`.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::api::{Cache, Chain, Provider, sized};
use crate::arguments::Display;
use crate::failure::{Failure, Outcome, of_system};
use crate::progress::Progress;
use crate::raw::*;
use crate::{output, pyramid, stats, words};

pub fn run(asked: &Display, quiet: bool) -> Outcome {
    let quiet = quiet || asked.json;
    if let Some(file) = &asked.picture
        && !ends(file, &["png", "tif", "tiff", ""])
    {
        return Err(Failure::Other(format!(
            "{}: a picture is written as .png, or as a GeoTIFF in .tif",
            file.display()
        )));
    }
    let cache = pyramid::cache(&asked.work)?;
    let source = Provider::open(&asked.source.file, asked.source.image)?.cached(&cache)?;
    let chain = match &asked.chain {
        None => Chain::auto(&source, &Progress::new("statistics", quiet))?,
        Some(steps) => resolved(&Chain::parse(steps)?, &source, quiet)?,
    };
    if asked.json {
        let why = chain.why();
        output::json(
            &json!({"chain": chain.steps(), "why": why.lines().collect::<Vec<_>>(), "picture": asked.picture}),
        )?;
    } else {
        output::text(&format!("{}\n", chain.steps()))?;
        for line in chain.why().lines() {
            output::text(&format!("  {line}\n"))?;
        }
    }
    let Some(file) = &asked.picture else {
        return Ok(());
    };
    if ends(file, &["png"]) {
        return draw(&source, &chain, file, asked.size, &cache, asked.json);
    }
    let picture = source.display(&chain, &cache)?;
    let options = tc_build_options {
        threads: stats::threads(&asked.work),
        levels: 1,
        ..sized()
    };
    picture.build(file, options, &cache, &Progress::new("picture", quiet))?;
    if asked.json {
        Ok(())
    } else {
        output::text(&format!("written to {}\n", file.display()))
    }
}

/// Whether a file has one of these endings; "" is none.
fn ends(file: &Path, names: &[&str]) -> bool {
    let ending = file.extension().unwrap_or_default();
    names.iter().any(|name| ending.eq_ignore_ascii_case(name))
}

/// The chain with all constants, of windows at fixed places where it needs statistics.
fn resolved(chain: &Chain, source: &Provider, quiet: bool) -> Outcome<Chain> {
    let flags = chain.flags()?;
    if flags & TC_CHAIN_NEEDS_STATS == 0 {
        return chain.resolve(source, None);
    }
    let options = tc_sample_options {
        flags: TC_SAMPLE_WINDOWS,
        ..sized()
    };
    let taken = source.stats(options, &Progress::new("statistics", quiet))?;
    chain.resolve(source, Some(&taken))
}

/// All of the image in a PNG whose sides are at most so long.
fn draw(
    source: &Provider,
    chain: &Chain,
    file: &Path,
    side: i64,
    cache: &Cache,
    quiet: bool,
) -> Outcome {
    let info = source.info()?;
    let longer = info.width.max(info.height);
    let small = match longer <= side {
        true => None,
        false => {
            let scaled = |length: i64| (length * side + longer / 2).div_euclid(longer).max(1);
            let options = tc_level_options {
                width: scaled(info.width),
                height: scaled(info.height),
                ..sized()
            };
            Some(source.downsample(options, cache)?)
        }
    };
    let picture = small.as_ref().unwrap_or(source).display(chain, cache)?;
    let shown = picture.info()?;
    let kind = match (shown.dtype, shown.bands) {
        (TC_U8, 1) => png::ColorType::Grayscale,
        (TC_U8, 2) => png::ColorType::GrayscaleAlpha,
        (TC_U8, 3) => png::ColorType::Rgb,
        (TC_U8, 4) => png::ColorType::Rgba,
        (dtype, bands) => {
            let (name, _) = words::dtype(dtype);
            return Err(Failure::Other(format!(
                "a PNG has one to four bands of uint8, and the chain gives {bands} of {name}; end the name with .tif, or the chain with u8"
            )));
        }
    };
    let pixels = picture.interleaved()?;
    let mut data = Vec::new();
    let mut encoder = png::Encoder::new(&mut data, shown.width as u32, shown.height as u32);
    encoder.set_color(kind);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .map_err(|error| Failure::Other(error.to_string()))?;
    // Written aside, so that it is there as a whole or not at all.
    let mut aside = file.as_os_str().to_owned();
    aside.push(".building");
    fs::write(&aside, data)
        .and_then(|()| fs::rename(&aside, file))
        .map_err(|error| {
            let _ = fs::remove_file(&aside);
            of_system(file, error)
        })?;
    if quiet {
        Ok(())
    } else {
        output::text(&format!(
            "written to {}, {} x {} pixels\n",
            file.display(),
            shown.width,
            shown.height
        ))
    }
}
