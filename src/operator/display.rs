//! Display: an image seen through a chain.

use super::data_key::data_key;
use super::inherit::{bands_of, texts_of};
use super::input::{Input, Inputs};
use super::kernel::{Computed, Kernel, Work};
use super::mask::{known_mask_of, mask_beside};
use super::pad_pixel::pad_through;
use crate::cache::{Cache, chain_key};
use crate::chain::{Chain, Runner, Samples, show_nothing};
use crate::dtype::Sample;
use crate::error::Result;
use crate::image::{Band, Bands, Block, Colour, Image, Metadata};
use crate::memory::PixelsMut;
use crate::nodata::mark_data;
use crate::provider::Provider;
use crate::tile::Tile;
use smallvec::smallvec;
use std::collections::VecDeque;
use std::sync::Arc;

/// The text under which the output tells its chain.
const CHAIN: &str = "TC:CHAIN";

/// `source` seen through a chain, which must be resolved; the output is kept in `cache`, if there is one.
///
/// Only the bands that the chain needs are read. The output has the source's grid, levels and place.
pub fn display(
    source: Arc<dyn Provider>,
    chain: &Chain,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let view = View::new(source.image(), chain)?;
    // From the top down, so that the image of a level has those of the levels above it.
    let mut above = VecDeque::new();
    for level in (1..source.image().levels.len() as u32).rev() {
        let own = source.level_image(level).map(|of_level| {
            let above = above.iter().cloned().collect();
            view.over(of_level, above)?.build(cache)
        });
        above.push_front(own.transpose()?);
    }
    view.over(source, above.into())?.build(cache)
}

/// A chain for images of one kind.
struct View {
    runner: Arc<Runner>,
    /// What is read of the source.
    reads: Bands,
    /// Where opacity stands among these, if the source has a band of it.
    opacity: Option<usize>,
    /// Describes the output, but for what it has of the source at each level.
    image: Image,
    key: String,
}

impl View {
    fn new(source: &Image, chain: &Chain) -> Result<Self> {
        let runner = chain.prepare(&Samples::of(source))?;
        let program = runner.program();
        let mut reads = program.reads.clone();
        let is_alpha = |band: &Band| band.colour == Colour::Alpha;
        let alpha = source.bands.iter().position(is_alpha);
        let opacity = alpha.filter(|_| !program.is_selection).map(|alpha| {
            let known = reads.iter().position(|band| *band as usize == alpha);
            known.unwrap_or_else(|| {
                reads.push(alpha as u32);
                reads.len() - 1
            })
        });
        let mut image = source.clone();
        image.dtype = program.output;
        image.bands = bands(&runner, source);
        if !program.is_selection {
            image.bits = (image.dtype.size() * 8) as u32;
        }
        image.metadata = texts(&runner, source);
        image
            .metadata
            .insert((None, CHAIN.into()), chain.text().into());
        let view = Self {
            reads: Bands::of(&reads, source.band_count()),
            opacity,
            image,
            key: chain_key(chain.text()),
            runner,
        };
        let pad = view.pad(source)?;
        let sparse = source.sparse && pad.is_some();
        Ok(Self {
            image: Image {
                pad: pad.unwrap_or_default(),
                sparse,
                ..view.image
            },
            ..view
        })
    }

    /// What becomes of a pixel of pad, if it is the same in all bands.
    fn pad(&self, source: &Image) -> Result<Option<Sample>> {
        let bands = self.reads.count(source.band_count());
        pad_through(source, bands, &self.image, |pad, made| {
            self.kernel(None).compute_rows(&pad, None, made);
            true
        })
    }

    fn passed_opacity(&self) -> Vec<usize> {
        let program = self.runner.program();
        if program.is_selection {
            return Vec::new();
        }
        // That of the chain itself is never NaN.
        let values = self.image.bands.len() - usize::from(program.has_opacity);
        let bands = self.image.bands[..values].iter().enumerate();
        let is_alpha = bands.filter(|(_, band)| band.colour == Colour::Alpha);
        is_alpha.map(|(at, _)| at).collect()
    }

    fn kernel(&self, mask_levels: Option<u32>) -> Show {
        Show {
            runner: self.runner.clone(),
            reads: self.reads.clone(),
            opacity: self.opacity,
            passed_opacity: self.passed_opacity(),
            pad: self.image.pad,
            mask_levels,
        }
    }

    /// The view of an image.
    fn over(
        &self,
        source: Arc<dyn Provider>,
        above: Vec<Option<Arc<dyn Provider>>>,
    ) -> Result<Computed> {
        let mut image = self.image.clone();
        image.levels.clone_from(&source.image().levels);
        image.block = source.image().block;
        image.georef.clone_from(&source.image().georef);
        let beside = match self.runner.program().is_selection {
            true => None,
            false => mask_beside(&source)?,
        };
        let mask_levels = beside.as_ref().map(|mask| mask.image().levels.len() as u32);
        // An opacity of its own says where the output is data.
        let mask = match image.bands.iter().any(|band| band.colour == Colour::Alpha) {
            true => None,
            false => {
                let reads = Bands::of(&self.runner.program().reads, source.image().band_count());
                known_mask_of(&source, &reads)?
            }
        };
        Ok(Computed {
            mask,
            key: format!("{}:{}{}", source.key(), self.key, data_key(&*source)),
            sources: [source].into_iter().chain(beside).collect(),
            work: Work::Kernel(Arc::new(self.kernel(mask_levels))),
            level: 0,
            image,
            above,
        })
    }
}

/// What the bands of the output are.
fn bands(runner: &Runner, source: &Image) -> Vec<Band> {
    let program = runner.program();
    let colours = program.roots.len() - usize::from(program.has_opacity);
    let band = |root: &usize| {
        let of = program.band_of(*root);
        let known = of.and_then(|band| bands_of(source, &Bands::of(&[band], 0)).pop());
        let known = known.unwrap_or_default();
        Band {
            nodata: known.nodata.filter(|_| program.is_selection),
            // What is looked up in a palette is no index any more.
            colour: match known.colour {
                Colour::Palette if !program.is_selection => Colour::Undefined,
                colour => colour,
            },
        }
    };
    let mut bands: Vec<Band> = program.roots.iter().map(band).collect();
    let picture: &[Colour] = match (program.is_picture, colours) {
        (true, 1) => &[Colour::Gray],
        (true, 3) => &[Colour::Red, Colour::Green, Colour::Blue],
        _ => &[],
    };
    for (band, colour) in bands.iter_mut().zip(picture) {
        band.colour = *colour;
    }
    if let (true, Some(last)) = (program.has_opacity, bands.last_mut()) {
        last.colour = Colour::Alpha;
    }
    bands
}

/// What is told of the output beside the chain: of its bands only where they are those of the source.
fn texts(runner: &Runner, source: &Image) -> Metadata {
    let program = runner.program();
    if !program.is_selection {
        return texts_of(source, &Bands::ALL, 0);
    }
    let roots = program.roots.iter();
    let read: Vec<u32> = roots.flat_map(|root| program.band_of(*root)).collect();
    let bands = Bands::of(&read, source.band_count());
    texts_of(source, &bands, read.len() as u32)
}

/// The kernel of a view.
struct Show {
    runner: Arc<Runner>,
    reads: Bands,
    opacity: Option<usize>,
    /// Bands of the output that are opacity of the source, as values.
    passed_opacity: Vec<usize>,
    pad: Sample,
    /// How many levels the mask beside the source has, if there is one.
    mask_levels: Option<u32>,
}

impl Show {
    fn compute_rows(&self, input: &Tile, mask: Option<&Tile>, output: &mut PixelsMut<'_>) {
        let (width, height) = input.valid();
        let layout = output.layout();
        if (width, height) != (layout.shape.width, layout.shape.height) {
            output.fill(&self.pad);
        }
        let dtype = input.dtype();
        let transparent = Sample::default();
        let mut view = self.runner.view(input, output);
        let mut data = vec![0; width];
        for y in 0..height {
            let mask = mask.map(|mask| &mask.row(0, y)[..width]);
            let row = match (mask, self.opacity) {
                (mask, None) => mask,
                (mask, Some(opacity)) => {
                    data.fill(0);
                    let samples = &input.row(opacity, y)[..width * dtype.size()];
                    mark_data(&mut data, dtype, samples, &transparent);
                    for (data, mask) in data.iter_mut().zip(mask.into_iter().flatten()) {
                        *data &= mask;
                    }
                    Some(&data[..])
                }
            };
            view.run(y, row);
        }
        drop(view);
        for band in &self.passed_opacity {
            for y in 0..height {
                let row = &mut output.row_mut(*band, y)[..width * self.runner.dtype().size()];
                show_nothing(row, self.runner.dtype());
            }
        }
    }
}

impl Kernel for Show {
    fn inputs(&self, at: Block) -> Inputs {
        let pixels = Input::same_block(0, self.reads.clone());
        match self.mask_levels {
            Some(levels) if at.level < levels => {
                smallvec![pixels, Input::same_block(1, Bands::ALL)]
            }
            _ => smallvec![pixels],
        }
    }

    fn compute(&self, _at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        if let [pixels, mask @ ..] = inputs {
            self.compute_rows(pixels, mask.first(), output);
        }
        Ok(())
    }
}
