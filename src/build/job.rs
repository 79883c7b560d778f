//! The job: which levels are read, which are made of them, and where their tiles go.

use super::aside::{self, Aside};
use super::cells::{Cells, Form};
use super::encode::Coding;
use super::file::{Frame, Part, Tiles};
use super::memory::{Memory, mask_memory};
use super::options::{Compression, Layout, Options, Predictor};
use super::pass::{self, Level, Pass, Progress};
use super::schedule::{Schedule, Stage, least_rows};
use super::stream::Stream;
use super::tags;
use crate::bytes::is_of_file;
use crate::cache::Cache;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::load::Cancel;
use crate::operator::{LevelOptions, full_pyramid, native_levels, plane};
use crate::provider::Provider;
use crate::resample::{Axis, Filter, Format, Step};
use crate::source::jpeg;
use crate::stats::reading::Reading;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The share of the work that is done when all tiles are encoded.
const ENCODED: f64 = 0.95;

/// A file that is being built.
pub struct Job<'a> {
    source: Arc<dyn Provider>,
    pyramid: Arc<dyn Provider>,
    path: &'a Path,
    options: &'a Options,
    cache: Option<&'a Cache>,
    filter: Filter,
    /// How many levels are the source's.
    natives: usize,
    /// The first level that is written.
    first: usize,
    coding: Coding,
    /// How masks are coded.
    of_mask: Coding,
}

impl<'a> Job<'a> {
    /// What is to be written, as far as it can be known before anything is read.
    pub fn new(
        source: Arc<dyn Provider>,
        path: &'a Path,
        options: &'a Options,
        cache: Option<&'a Cache>,
    ) -> Result<Self> {
        if std::fs::metadata(path).is_ok_and(|file| is_of_file(source.key(), &file)) {
            return Err(Error::argument(format!(
                "{} is the file that the pixels come from",
                path.display()
            )));
        }
        let image = source.image();
        let filter = options.filter.unwrap_or(Filter::default_for(image));
        let bands = image.bands.len();
        let tile = options.tile();
        let coding = Coding {
            tile: (tile.0 as usize, tile.1 as usize),
            bands,
            dtype: image.dtype,
            is_planar: options.is_planar(bands),
            compression: options.compression,
            effort: options.effort(),
            predictor: options.predictor_for(image),
            jpeg: (options.compression == Compression::Jpeg).then(|| jpeg::Picture {
                size: (tile.0 as u32, tile.1 as u32),
                components: if options.is_planar(bands) {
                    1
                } else {
                    bands as u32
                },
                quality: options.quality(),
                is_rgb: bands == 3 && tags::Photometric::of(image) == tags::Photometric::Rgb,
            }),
        };
        let of_mask = Coding {
            bands: 1,
            dtype: DType::U8,
            is_planar: false,
            predictor: Predictor::None,
            jpeg: None,
            // Which is for grey, and not for black and white.
            compression: match options.compression {
                Compression::Jpeg => Compression::Deflate,
                other => other,
            },
            effort: match options.compression {
                Compression::Jpeg => 6,
                _ => options.effort(),
            },
            ..coding.clone()
        };
        let levels = LevelOptions {
            filter: options.filter,
            tile,
            levels: options.levels,
            recomputes: options.recomputes,
        };
        let pyramid = full_pyramid(source.clone(), &levels, None)?;
        let first = usize::from(options.layout == Layout::Overviews);
        let image = pyramid.image();
        if image.levels.len() <= first {
            return Err(Error::range(format!(
                "an image of {} x {} pixels has no overviews, for it is one tile",
                image.width(),
                image.height()
            )));
        }
        Ok(Self {
            source,
            natives: native_levels(image),
            pyramid,
            path,
            options,
            cache,
            filter,
            first,
            coding,
            of_mask,
        })
    }

    fn image(&self) -> &Image {
        self.pyramid.image()
    }

    fn has_mask(&self) -> bool {
        self.pyramid.mask().is_some()
    }

    /// The levels that are read, each with those that are made of it.
    fn chains(&self) -> Vec<Range<usize>> {
        let count = self.image().levels.len();
        let natives = self.natives.min(count);
        let chain = |of: usize| match of + 1 == natives {
            true => of..count,
            false => of..of + 1,
        };
        let all = (0..natives).map(chain);
        all.filter(|chain| chain.end > self.first).collect()
    }

    fn part(&self, level: usize) -> Result<Part> {
        let size = self.image().levels[level];
        let image = tags::of_image(self.image(), size, &self.coding, level > 0)?;
        let mask = match self.has_mask() {
            // The mask of overviews by themselves is that of their first image, of which GDAL looks for one that is not reduced.
            true => Some(tags::of_mask(size, &self.of_mask, level > self.first)?),
            false => None,
        };
        Ok(Part::new((image, mask), size, &self.coding))
    }

    /// Writes the file.
    pub fn run(&self, progress: &mut Progress<'_>) -> Result<()> {
        let tell = |progress: &mut Progress<'_>, done: f64| match progress(done) {
            true => Ok(()),
            false => Err(pass::ended()),
        };
        let levels = self.first..self.image().levels.len();
        let parts: Result<Vec<Part>> = levels.clone().map(|level| self.part(level)).collect();
        let growth = self.coding.compression.worst_growth();
        let frame = Frame::new(self.options.layout, parts?, self.options.big, growth);
        let aside = Aside::new(self.path)?;
        // Tiles that do not come first in the file wait elsewhere until their place is known.
        let is_direct = |level: usize| frame.is_finest_first() && level == self.first;
        let waiting = levels.clone().filter(|level| !is_direct(*level));
        let waiting: Result<Vec<File>> = waiting.map(|_| aside::scratch(self.path)).collect();
        let waiting = waiting?;
        let before = usize::from(frame.is_finest_first());
        let file_of = |level: usize| match is_direct(level) {
            true => None,
            false => waiting.get(level - self.first - before),
        };
        tell(progress, 0.0)?;
        let chains = self.chains();
        let blocks: u64 = chains
            .iter()
            .map(|chain| self.block_count(chain.start))
            .sum();
        let mut done = 0;
        let mut all = Vec::new();
        for chain in chains {
            let of_chain = self.block_count(chain.start);
            let mut part = |share: f64| {
                let done = done as f64 + share * of_chain as f64;
                progress(done / blocks.max(1) as f64 * ENCODED)
            };
            let outputs = Outputs {
                aside: &aside,
                frame: &frame,
                file_of: &file_of,
            };
            all.extend(self.run_chain(chain, &outputs, &mut part)?);
            done += of_chain;
        }
        frame.write(&aside, self.path, all, |share| {
            tell(progress, ENCODED + (1.0 - ENCODED) * 0.9 * share)
        })?;
        if !self.options.is_unsynced {
            aside.sync()?;
        }
        tell(progress, 1.0)?;
        aside.finish()
    }

    /// How many blocks a level is read in, about.
    fn block_count(&self, level: usize) -> u64 {
        let (image, level) = plane(&self.pyramid, level as u32);
        let grid = image.image().grid(level);
        grid.rows() * grid.cols()
    }

    /// What a level is read from: the source, of which the blocks beneath tiles are known, unless its mask has no such
    /// level.
    fn read_from(&self, level: usize) -> &Arc<dyn Provider> {
        let size = self.image().levels.get(level);
        let has_it = match (self.source.mask(), self.has_mask()) {
            (Some(mask), true) => mask.image().levels.get(level) == size,
            (mask, has_mask) => mask.is_some() == has_mask,
        };
        match has_it && self.source.image().levels.get(level) == size {
            true => &self.source,
            false => &self.pyramid,
        }
    }

    fn step(&self, level: usize) -> Step {
        let (width, height) = self.image().levels[level];
        Step {
            x: Axis::half(width),
            y: Axis::half(height),
            filter: self.filter,
        }
    }

    fn form(&self, level: usize) -> Form {
        let (width, height) = self.options.tile();
        // What is not written need not be there in rows of tiles.
        let cell = match level < self.first {
            true => (2 * width, (height / 4).max(16)),
            false => (width, height),
        };
        Form {
            size: self.image().levels[level],
            cell,
            bands: self.coding.bands,
            dtype: self.coding.dtype,
            has_mask: self.has_mask(),
        }
    }

    /// Reads a level, and writes it and those that are made of it.
    fn run_chain<'b>(
        &'b self,
        chain: Range<usize>,
        outputs: &Outputs<'b>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Tiles<'b>>> {
        let cancel = Arc::<Cancel>::default();
        let first = chain.start as u32;
        let read = self.read_from(chain.start);
        let reading = Reading::new(read.clone(), first, &cancel, mask_memory(self.cache))?;
        let forms: Vec<Form> = chain.clone().map(|level| self.form(level)).collect();
        let stages: Vec<Stage> = chain
            .clone()
            .map(|level| {
                let next = forms.get(level + 1 - chain.start);
                let next = next.map(|next| (self.step(level), next));
                Stage::new(&forms[level - chain.start], level >= self.first, next)
            })
            .collect();
        let least = least_rows(&stages, &reading.grid());
        let memory = Memory::of(&forms, &least, self.cache, self.path);
        let levels = chain.clone().zip(&forms).map(|(level, form)| {
            let at = level - chain.start;
            let spool = (at < memory.spooled).then_some(self.path);
            let next = (level + 1 < chain.end).then(|| self.step(level));
            Ok(Level {
                cells: Cells::new(form.clone(), memory.rows[at], spool)?,
                output: self.output(level, form, outputs),
                step: next,
            })
        });
        let pass = Pass {
            reading: &reading,
            levels: levels.collect::<Result<_>>()?,
            format: Format::of(self.image()),
            cache: self.cache,
            cancel: &cancel,
            threads: self.options.threads.max(1),
        };
        let schedule = Schedule::new(stages, memory.rows.clone(), reading.grid());
        pass.run(schedule, progress)?;
        let streams = chain.zip(pass.levels).filter_map(|(level, of)| {
            let (_, _, stream) = of.output?;
            Some(stream.end().map(|(image, mask, len)| Tiles {
                image,
                mask,
                len,
                aside: (outputs.file_of)(level),
            }))
        });
        streams.collect()
    }

    /// Where the tiles of a level go.
    fn output<'b>(
        &'b self,
        level: usize,
        form: &Form,
        outputs: &Outputs<'b>,
    ) -> Option<(&'b Coding, &'b Coding, Stream<'b>)> {
        if level < self.first {
            return None;
        }
        let (file, start) = match (outputs.file_of)(level) {
            Some(file) => (file, 0),
            None => (outputs.aside.file(), outputs.frame.data_start()),
        };
        let grid = form.grid();
        let stream = Stream::new(
            (file, self.path),
            start,
            outputs.frame.is_framed(),
            (grid.rows() * grid.cols(), self.coding.planes()),
            form.has_mask,
        );
        Some((&self.coding, &self.of_mask, stream))
    }
}

/// Where tiles are written.
struct Outputs<'a> {
    aside: &'a Aside,
    frame: &'a Frame,
    /// Where those of a level wait, if they do not go into the file at once.
    file_of: &'a dyn Fn(usize) -> Option<&'a File>,
}
