//! Tiles that nobody keeps, of blocks that are all there: copied on the calling thread. There is nothing in them that
//! another thread could take over, and waiting for one to end would take longer than the copy.

use super::Retiled;
use super::plane::Plane;
use crate::cache::Class;
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::in_flight::Maker;
use crate::layout::Layout;
use crate::provider::{Request, Retention};
use crate::tile::Tile;

impl Retiled {
    /// The tile put together from resident blocks; `None` where the cache is to keep it, or some block is not there.
    pub fn copy_resident(
        &self,
        at: Block,
        plane: &Plane,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let bypasses = request.retention() == Retention::Bypassed;
        let is_kept = !bypasses && self.namespace.cache().is_some();
        // Some bands of a resident block may have to be copied to be looked at.
        if is_kept || self.image.sparse || plane.is_sliced() || bands.list().is_some() {
            return Ok(None);
        }
        let rect = at.rect(&self.image);
        let blocks = plane.blocks(&rect);
        let is_there = |block: &Block| plane.provider.peek_block(*block, bands).is_some();
        if !blocks.iter().all(is_there) {
            return Ok(None);
        }
        let stitch = self.stitching(at, plane, bands, request)?;
        let _permits = stitch.admit(request)?;
        self.namespace.timed(&at, || {
            let loading = self.namespace.loading(at, request);
            let shape = self.image.block_shape(at, self.image.bands.len())?;
            let layout = Layout::packed(shape, self.image.dtype)?;
            // Without a cache, it gets memory of the one that has the blocks.
            let lender = plane.provider.cache().filter(|_| request.cache().is_none());
            let mut canvas = match (&loading, lender) {
                (Some(loading), _) => request.with_memory(loading).canvas(layout)?,
                (None, Some(lender)) => lender.lend_canvas(layout)?,
                (None, None) => request.canvas(layout)?,
            };
            let mut pixels = canvas.pixels_mut();
            if self.is_filled_up(at, &rect) {
                pixels.fill(&self.image.pad);
            }
            // A block that has gone meanwhile is loaded as a part of this.
            request.run(|| {
                let request = request.inner();
                blocks.iter().try_for_each(|block| {
                    request.check_cancelled()?;
                    let tile = stitch.make(plane.kept(*block), bands, &request)?;
                    let all = plane.rect(*block);
                    let part = all.intersection(&rect);
                    let [width, height] = [part.width, part.height].map(|size| size as usize);
                    let (left, top) = ((part.x - rect.x) as usize, (part.y - rect.y) as usize);
                    let (x, y) = ((part.x - all.x) as usize, (part.y - all.y) as usize);
                    let mut into = pixels.window_mut(left, top, width, height);
                    tile.copy_part_to(x, y, &mut into);
                    Ok(())
                })
            })?;
            let valid = (rect.width as usize, rect.height as usize);
            let made = Tile::from_canvas(canvas);
            let tile = made.map(|pixels| pixels.clone().with_valid(valid.0, valid.1));
            drop(made);
            match (loading, lender) {
                (Some(loading), _) => loading.enter(at, bands, &tile, Class::Asked),
                (None, Some(lender)) => lender.take_back(&tile),
                (None, None) => {}
            }
            Ok(Some(tile))
        })
    }
}
