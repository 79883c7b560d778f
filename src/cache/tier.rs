//! Other tiers: where tiles may be that memory does not have, asked before a source is.

use super::observe::{Needs, ObservedTile};
use super::pass::Listing;
use super::{Cache, Class, Loading, Namespace};
use crate::error::{Error, Result};
use crate::image::{Bands, Block, Image};
use crate::in_flight::{Answer, Cell, Question, ask};
use crate::layout::Layout;
use crate::load::{Cancel, Load};
use crate::memory::PixelsMut;
use crate::provider::{Allocate, Provider, Request, Retention, tile_bytes};
use crate::tile::Tile;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether any cache has another tier: without one nothing is asked, and nothing is paid.
static ANY: AtomicBool = AtomicBool::new(false);

/// Whether the calling thread may ask any: inside a load it would keep a permit waiting.
fn may_ask() -> bool {
    ANY.load(Ordering::Acquire) && !Load::is_nested()
}

/// A store of tiles that may answer late, from any thread.
pub trait Tier: Send + Sync {
    /// Asks for a block, with these bands, of the image with this key. The ticket takes the answer, now or
    /// later; one that is dropped is a miss. No permit is held and no session meanwhile, and no thread but
    /// those of the callers that wait for the block.
    fn get(&self, key: &str, at: Block, bands: &Bands, ticket: Ticket);
}

/// A question to a tier, and where its answer goes.
pub struct Ticket {
    question: Question,
    namespace: Namespace,
    at: Block,
    bands: Bands,
    loading: Loading,
    layout: Layout,
    /// Columns and rows inside the image.
    valid: (usize, usize),
}

impl Ticket {
    /// Whether any request still waits for the answer.
    pub fn is_wanted(&self) -> bool {
        self.question.is_wanted()
    }

    /// Answers with the pixels that `write` writes, which the cache keeps like those of any load. Where it
    /// fails the answer is a miss.
    pub fn answer(self, write: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>) -> Result<()> {
        let mut canvas = self.loading.canvas(self.layout)?;
        write(&mut canvas.pixels_mut())?;
        let (width, height) = self.valid;
        let tile = Tile::from_canvas(canvas);
        let tile = tile.map(|pixels| pixels.clone().with_valid(width, height));
        let tile = self.namespace.with_puts_since(
            self.at,
            &self.bands,
            tile,
            self.loading.begun(),
            |layout| self.loading.canvas(layout),
        )?;
        self.loading
            .enter(self.at, &self.bands, &tile, Class::Asked);
        self.question.answer(tile);
        Ok(())
    }
}

/// A look at what a request needs, to ask other tiers for it or to list it.
pub struct Asking<'a> {
    request: &'a Request<'a>,
    purpose: Purpose<'a>,
}

enum Purpose<'a> {
    Ask(&'a mut AskedOfTiers),
    List(&'a mut Listing),
    Observe(&'a mut Needs),
}

/// What a request has asked other tiers for.
#[derive(Default)]
pub struct AskedOfTiers {
    /// Answers that are still to come.
    coming: Vec<(Cell, Bands, Answer)>,
    /// What was answered: it is asked for once, also where the answer was out of date when it came.
    answered: Vec<(Cell, Bands)>,
    /// What came stays until the request has got its tile.
    found: Vec<Tile>,
}

impl Asking<'_> {
    /// The same look as a reader takes it.
    pub fn for_reader(
        &mut self,
        retention: Retention,
        cancel: &Arc<Cancel>,
        look: impl FnOnce(&mut Asking<'_>),
    ) {
        let readers = self.request.readers(cancel);
        look(&mut Asking {
            request: &self.request.by_reader(retention, &readers),
            purpose: match &mut self.purpose {
                Purpose::Ask(asked) => Purpose::Ask(asked),
                Purpose::List(listing) => Purpose::List(listing),
                Purpose::Observe(needs) => Purpose::Observe(needs),
            },
        });
    }

    /// Notes how many positions were computed to say what a block is made from.
    pub fn note_positions(&mut self, positions: u64) {
        if let Purpose::List(listing) = &mut self.purpose {
            listing.note_positions(positions);
        }
    }

    /// Lists what a block of a provider is made from, whether it is resident or not.
    pub(super) fn list(provider: &dyn Provider, at: Block, bands: &Bands, listing: &mut Listing) {
        let request = Request::new();
        let purpose = Purpose::List(listing);
        let mut asking = Asking {
            request: &request,
            purpose,
        };
        provider.ask(at, bands, &mut asking);
    }

    /// Looks at what a block of a provider is made from, down to what sources decode.
    pub(super) fn observe(provider: &dyn Provider, at: Block, bands: &Bands, needs: &mut Needs) {
        let request = Request::new();
        let purpose = Purpose::Observe(needs);
        let mut asking = Asking {
            request: &request,
            purpose,
        };
        provider.ask(at, bands, &mut asking);
    }

    /// Whether all is looked at that a block is made from, whether it is there or not.
    pub fn looks_at_all(&self) -> bool {
        matches!(self.purpose, Purpose::Observe(_))
    }

    /// A source decodes a block of so many bytes, or such a part of it.
    pub fn decodes(&mut self, key: &str, at: Block, part: f64, bytes: impl FnOnce() -> u64) {
        if let Purpose::Observe(needs) = &mut self.purpose {
            needs.decode(key, at, part, bytes());
        }
    }

    /// How the cache makes the tile that is looked at, where that is not by itself.
    pub fn is_made(&mut self, tile: ObservedTile) {
        if let Purpose::Observe(needs) = &mut self.purpose {
            needs.is_made(tile);
        }
    }

    /// Looks at what is beneath a block where that has to be made from it.
    pub fn where_missing(
        &mut self,
        namespace: &Namespace,
        image: &Image,
        at: Block,
        bands: &Bands,
        beneath: impl FnOnce(&mut Self),
    ) {
        match self.purpose {
            Purpose::List(_) => self.listed(namespace, at, beneath),
            Purpose::Observe(_) => {
                let bytes = tile_bytes(image, at, bands);
                self.observed(namespace, (at, bands), bytes, beneath);
            }
            Purpose::Ask(_) => {
                if self.is_missing(namespace, image, at, bands) {
                    beneath(self);
                }
            }
        }
    }

    fn observed(
        &mut self,
        namespace: &Namespace,
        block: (Block, &Bands),
        bytes: u64,
        beneath: impl FnOnce(&mut Self),
    ) {
        let outer = match &mut self.purpose {
            Purpose::Observe(needs) => needs.enter(namespace, block, bytes),
            Purpose::Ask(_) | Purpose::List(_) => return,
        };
        if let Some(outer) = outer {
            beneath(self);
            if let Purpose::Observe(needs) = &mut self.purpose {
                needs.leave(outer);
            }
        }
    }

    /// [`Asking::where_missing`] for a block of so many bytes that is kept beside the tiles, and that no other tier
    /// has.
    pub fn where_not_kept(
        &mut self,
        namespace: &Namespace,
        (kept, bands): (Block, &Bands),
        bytes: u64,
        beneath: impl FnOnce(&mut Self),
    ) {
        match self.purpose {
            Purpose::List(_) => self.listed(namespace, kept, beneath),
            Purpose::Observe(_) => {
                self.observed(namespace, (kept, bands), bytes, |asking| {
                    asking.is_made(ObservedTile::Kept);
                    beneath(asking);
                });
            }
            Purpose::Ask(_) if !namespace.contains(kept, bands) => beneath(self),
            Purpose::Ask(_) => (),
        }
    }

    fn listed(&mut self, namespace: &Namespace, at: Block, beneath: impl FnOnce(&mut Self)) {
        let outer = match &mut self.purpose {
            Purpose::List(listing) => listing.enter(namespace, at),
            Purpose::Ask(_) | Purpose::Observe(_) => return,
        };
        if let Some(outer) = outer {
            beneath(self);
            if let Purpose::List(listing) = &mut self.purpose {
                listing.leave(outer);
            }
        }
    }

    /// Whether a block has to be made from what is beneath: it is not resident, is not being made, and does
    /// not come from another tier.
    fn is_missing(
        &mut self,
        namespace: &Namespace,
        image: &Image,
        at: Block,
        bands: &Bands,
    ) -> bool {
        let bands = namespace.bands_to_load(bands);
        if namespace.contains(at, &bands) || namespace.is_loading(at, &bands) {
            return false;
        }
        let (Some(tier), Purpose::Ask(asked)) =
            (namespace.cache().and_then(Cache::tier), &mut self.purpose)
        else {
            return true;
        };
        let key = (namespace.cell(at), bands);
        if self.request.retention() == Retention::Bypassed || asked.answered.contains(&key) {
            return true;
        }
        let (cell, bands) = key;
        let (answer, question) = ask(&namespace.want(at, bands.clone()), self.request);
        if let Some(question) = question {
            let ticket = namespace.ticket(question, image, at, &bands, self.request);
            // Without memory for it there is nothing to be got from a tier.
            if let Ok(ticket) = ticket {
                tier.get(namespace.key(), at, &bands, ticket);
            }
        }
        asked.coming.push((cell, bands, answer));
        false
    }
}

impl AskedOfTiers {
    /// Looks what blocks of a provider still need; true if there is nothing to wait for.
    pub fn look(
        &mut self,
        provider: &dyn Provider,
        blocks: &mut dyn Iterator<Item = Block>,
        bands: &Bands,
        request: &Request<'_>,
    ) -> bool {
        if !may_ask() {
            return true;
        }
        let mut asking = Asking {
            request,
            purpose: Purpose::Ask(self),
        };
        blocks.for_each(|at| provider.ask(at, bands, &mut asking));
        self.coming.is_empty()
    }

    /// The answers that are still to come.
    pub fn coming(&self) -> impl Iterator<Item = &Answer> {
        self.coming.iter().map(|(.., answer)| answer)
    }

    /// Waits until the answers are there.
    pub fn wait(&mut self, request: &Request<'_>) -> Result<()> {
        for (cell, bands, answer) in self.coming.drain(..) {
            self.found.extend(answer.wait(request)?);
            self.answered.push((cell, bands));
        }
        Ok(())
    }

    /// Waits until blocks of a provider need nothing more of other tiers. What came stays as long as the value.
    pub fn all(
        provider: &dyn Provider,
        blocks: impl Fn() -> Vec<Block>,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Self> {
        let mut asked = Self::default();
        if !may_ask() {
            return Ok(asked);
        }
        let blocks = blocks();
        while !asked.look(provider, &mut blocks.iter().copied(), bands, request) {
            asked.wait(request)?;
        }
        Ok(asked)
    }
}

impl Cache {
    /// Gives the cache another tier, once and before it is used.
    pub fn set_tier(&self, tier: Arc<dyn Tier>) -> Result<()> {
        let set = self.0.tier.set(tier);
        ANY.store(true, Ordering::Release);
        set.map_err(|_| Error::argument("the cache has another tier already"))
    }

    /// Whether tiles may come from elsewhere.
    pub fn has_tier(&self) -> bool {
        self.tier().is_some()
    }

    fn tier(&self) -> Option<&Arc<dyn Tier>> {
        self.0.tier.get()
    }
}

impl Namespace {
    fn ticket(
        &self,
        question: Question,
        image: &Image,
        at: Block,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Ticket> {
        let (Some(namespace), Some(loading)) = (self.in_cache(), self.loading(at, request)) else {
            return Err(Error::internal("a tier without a cache"));
        };
        let shape = image.block_shape(at, bands.count(image.band_count()))?;
        let rect = at.rect(image);
        Ok(Ticket {
            question,
            namespace,
            at,
            bands: bands.clone(),
            loading,
            layout: Layout::packed(shape, image.dtype)?,
            valid: (rect.width as usize, rect.height as usize),
        })
    }
}
