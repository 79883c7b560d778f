//! Counting: the first pass, in tallies of each thread's own or common to all.

use super::data::Data;
use super::key::Kind;
use super::samples::Reals;
use super::table::Room;
use super::tally::Tally;
use super::walk::Look;
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::Image;
use crate::sync::Mutex;
use crate::tile::Pixels;
use std::sync::Arc;

/// Up to so many bands each thread has tallies of its own.
const MAX_OWN: u32 = 64;

/// What rows of real numbers come from.
pub struct Source {
    data: Data,
    dtype: DType,
    bands: u32,
    is_power: bool,
}

impl Source {
    /// An image, of complex samples by power, else by magnitude.
    pub fn new(image: &Image, is_power: bool) -> Self {
        Self {
            data: Data::of(image),
            dtype: image.dtype,
            bands: image.band_count(),
            is_power,
        }
    }

    /// How its values are counted.
    pub fn kind(&self) -> Kind {
        Kind::of(self.dtype)
    }

    /// Calls `each` with the band, the type and the samples of each row, and where they are data if not everywhere.
    pub fn for_rows(
        &self,
        pixels: &Pixels,
        mask: Option<&Pixels>,
        mut each: impl FnMut(usize, DType, &[u8], Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let mut reals = Reals::new(self.dtype, self.is_power);
        let dtype = reals.dtype();
        let shared = self.data.shared(pixels, mask);
        let mut own = Vec::new();
        for band in 0..pixels.shape().bands {
            for y in 0..pixels.shape().height {
                let shared = shared.as_deref();
                let data = self.data.of_row(pixels, (band, y), shared, mask, &mut own);
                each(band, dtype, reals.row(pixels.row(band, y)), data)?;
            }
        }
        Ok(())
    }

    fn tallies(&self, room: &Arc<Room>) -> Vec<Mutex<Tally>> {
        let tally = |_| Mutex::new(Tally::new(self.kind(), room.clone()));
        (0..self.bands).map(tally).collect()
    }

    /// What threads count with; what they counted is gathered by [`gather`].
    pub fn counters(&self, threads: usize) -> Vec<Counting<'_>> {
        let room = Arc::new(Room::default());
        let common = Arc::new(self.tallies(&room));
        let is_apart = self.bands <= MAX_OWN;
        let counting = |nth| Counting {
            source: self,
            tallies: match nth > 0 && is_apart {
                true => Arc::new(self.tallies(&room)),
                false => common.clone(),
            },
        };
        (0..threads).map(counting).collect()
    }
}

/// All that threads counted, by band.
pub fn gather(counting: Vec<Counting<'_>>) -> Result<Vec<Tally>> {
    // Those that are common to several threads come from the last one that has them.
    let sets = counting
        .into_iter()
        .filter_map(|counting| Arc::into_inner(counting.tallies));
    let mut all: Option<Vec<Tally>> = None;
    for set in sets {
        let set = set.into_iter().map(Mutex::into_inner);
        match &mut all {
            None => all = Some(set.collect()),
            Some(all) => {
                for (tally, more) in all.iter_mut().zip(set) {
                    tally.merge(more)?;
                }
            }
        }
    }
    Ok(all.unwrap_or_default())
}

/// Counts for one thread.
pub struct Counting<'a> {
    source: &'a Source,
    tallies: Arc<Vec<Mutex<Tally>>>,
}

impl Look for Counting<'_> {
    fn look(&mut self, _rect: &Rect, pixels: &Pixels, mask: Option<&Pixels>) -> Result<()> {
        self.source
            .for_rows(pixels, mask, |band, dtype, row, data| {
                self.tallies[band].lock().add_row(dtype, row, data)
            })
    }
}
