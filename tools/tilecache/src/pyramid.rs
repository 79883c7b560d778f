//! `tilecache pyramid`, and how the other commands write files.

use std::path::{Path, PathBuf};

use crate::api::{Cache, Provider, sized};
use crate::arguments::{Compression, Filter, Layout, Pyramid, Work, Written};
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::raw::*;
use crate::{output, stats, words};

pub fn run(asked: &Pyramid, quiet: bool) -> Outcome {
    let overviews = matches!(asked.layout, Layout::Overviews);
    let file = match &asked.output {
        Some(file) => file.clone(),
        None if overviews => {
            let mut beside = asked.source.file.clone().into_os_string();
            beside.push(".ovr");
            PathBuf::from(beside)
        }
        None => {
            return Err(Failure::Other(
                "say which file is to be written, behind the image".into(),
            ));
        }
    };
    let source = Provider::open(&asked.source.file, asked.source.image)?;
    let options = tc_build_options {
        layout: layout(asked.layout),
        filter: asked.filter.map_or(0, filter),
        levels: asked.levels.unwrap_or(0),
        ..options(&asked.written)
    };
    write(
        &source,
        &file,
        options,
        &cache(&asked.written.work)?,
        "levels",
        quiet,
    )
}

/// A cache of the budget that was asked for.
pub fn cache(work: &Work) -> Outcome<Cache> {
    // SAFETY: it cannot fail.
    Cache::new(
        work.budget
            .unwrap_or_else(|| unsafe { tc_default_budget() }),
    )
}

pub fn options(written: &Written) -> tc_build_options {
    tc_build_options {
        compression: match written.compression {
            Compression::Deflate => TC_BUILD_DEFLATE,
            Compression::Zstd => TC_BUILD_ZSTD,
            Compression::Lzw => TC_BUILD_LZW,
            Compression::Jpeg => TC_BUILD_JPEG,
            Compression::None => TC_BUILD_PLAIN,
        },
        threads: stats::threads(&written.work),
        tile_width: written.tile_size,
        tile_height: written.tile_size,
        ..sized()
    }
}

/// Writes a file and tells of it.
pub fn write(
    source: &Provider,
    file: &Path,
    options: tc_build_options,
    cache: &Cache,
    what: &str,
    quiet: bool,
) -> Outcome {
    source.build(file, options, cache, &Progress::new(what, quiet))?;
    let length = std::fs::metadata(file)
        .map_err(|error| crate::failure::of_system(file, error))?
        .len();
    output::text(&format!("{}: {}\n", file.display(), words::bytes(length)))
}

fn layout(layout: Layout) -> u32 {
    match layout {
        Layout::Cog => TC_BUILD_COG,
        Layout::Tiled => TC_BUILD_TILED,
        Layout::Overviews => TC_BUILD_OVERVIEWS,
    }
}

pub fn filter(filter: Filter) -> u32 {
    match filter {
        Filter::Nearest => TC_FILTER_NEAREST,
        Filter::Average => TC_FILTER_AVERAGE,
        Filter::Bilinear => TC_FILTER_BILINEAR,
        Filter::Cubic => TC_FILTER_CUBIC,
        Filter::Lanczos => TC_FILTER_LANCZOS,
        Filter::Gauss => TC_FILTER_GAUSS,
        Filter::Mode => TC_FILTER_MODE,
        Filter::Min => TC_FILTER_MIN,
        Filter::Max => TC_FILTER_MAX,
        Filter::Median => TC_FILTER_MEDIAN,
        Filter::Rms => TC_FILTER_RMS,
        Filter::Sips => TC_FILTER_SIPS,
    }
}
