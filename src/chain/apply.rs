//! Applying a chain to pixels, whole or in parts: what comes out of a pixel depends on that pixel alone.

use super::Chain;
use super::program::Samples;
use super::run::{Runner, Scratch};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Shape;
use crate::memory::{PixelsMut, Target};
use crate::sync::Mutex;
use crate::tile::Pixels;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a chain was prepared for last.
#[derive(Default)]
pub struct Prepared(Mutex<Option<(Samples, Arc<Runner>)>>);

impl Prepared {
    /// What it was prepared for these samples, or is now.
    pub fn get(
        &self,
        samples: &Samples,
        make: impl FnOnce() -> Result<Arc<Runner>>,
    ) -> Result<Arc<Runner>> {
        let last = self.0.lock().clone();
        if let Some((of, runner)) = last
            && of == *samples
        {
            return Ok(runner);
        }
        let made = make()?;
        *self.0.lock() = Some((samples.clone(), made.clone()));
        Ok(made)
    }
}

impl Chain {
    /// Applies the chain to pixels without a provider. `mask` has one band of u8, 0 where nothing is data.
    pub fn apply(&self, input: &Pixels, mask: Option<&Pixels>, into: Target) -> Result<()> {
        let shape = input.shape();
        let samples = Samples {
            dtype: input.dtype(),
            nodata: vec![None; shape.bands],
        };
        let runner = self.prepare(&samples)?;
        let right = Shape {
            bands: runner.program().roots.len(),
            ..shape
        };
        let dtype = runner.program().output;
        if into.shape != right || into.dtype != dtype {
            let of = into.shape;
            return Err(Error::argument(format!(
                "the target has {} x {} pixels of {} bands of {}; the chain gives {} x {} of {} bands of {}",
                of.width,
                of.height,
                of.bands,
                into.dtype.name(),
                right.width,
                right.height,
                right.bands,
                dtype.name()
            )));
        }
        if let Some(mask) = mask
            && (mask.dtype() != DType::U8 || (mask.shape() != Shape { bands: 1, ..shape }))
        {
            let of = mask.shape();
            return Err(Error::argument(format!(
                "the mask has {} x {} pixels of {} bands of {}; it must have {} x {} of one band of u8",
                of.width,
                of.height,
                of.bands,
                mask.dtype().name(),
                shape.width,
                shape.height
            )));
        }
        runner.apply_to_target(input, mask, into);
        Ok(())
    }
}

/// Pixels on their way through a chain.
pub struct View<'a, 'b> {
    runner: &'a Runner,
    input: &'a Pixels,
    output: &'a mut PixelsMut<'b>,
    scratch: Scratch,
}

impl View<'_, '_> {
    /// Writes a row, as far as the input is inside the image; `mask` is 0 where nothing is data.
    pub fn run(&mut self, y: usize, mask: Option<&[u8]>) {
        let (width, _) = self.input.valid();
        let from = width * self.input.dtype().size();
        let to = width * self.output.layout().dtype.size();
        let reads = 0..self.runner.program().reads.len();
        let rows: SmallVec<[&[u8]; 8]> =
            reads.map(|band| &self.input.row(band, y)[..from]).collect();
        let out = self.output.rows_mut(y).into_iter();
        let mut out: SmallVec<[&mut [u8]; 8]> = out.map(|row| &mut row[..to]).collect();
        self.runner.run(&rows, mask, &mut out, &mut self.scratch);
    }
}

impl Runner {
    /// A view of pixels whose first bands are those that the program reads.
    pub fn view<'a, 'b>(
        &'a self,
        input: &'a Pixels,
        output: &'a mut PixelsMut<'b>,
    ) -> View<'a, 'b> {
        View {
            runner: self,
            input,
            output,
            scratch: Scratch::default(),
        }
    }

    fn apply_to_target(&self, input: &Pixels, mask: Option<&Pixels>, mut into: Target) {
        let shape = input.shape();
        let row = shape.width * self.program().output.size();
        let mut bytes = vec![0; row * into.shape.bands];
        let mut scratch = Scratch::default();
        for y in 0..shape.height {
            let reads = self.program().reads.iter();
            let rows: Vec<&[u8]> = reads.map(|band| input.row(*band as usize, y)).collect();
            let mask = mask.map(|mask| mask.row(0, y));
            let mut out: Vec<&mut [u8]> = bytes.chunks_exact_mut(row).collect();
            self.run(&rows, mask, &mut out, &mut scratch);
            for (band, out) in out.into_iter().enumerate() {
                into.store_row(band, 0, y, out);
            }
        }
    }
}
