//! A look at what a request needs: to ask another tier for it, to list it, or to note it.

use super::AskedOfTiers;
use crate::cache::Namespace;
use crate::cache::observe::{Needs, ObservedTile};
use crate::cache::pass::Listing;
use crate::image::{Bands, Block, Image};
use crate::load::Cancel;
use crate::provider::{Provider, Request, Retention, tile_bytes};
use std::sync::Arc;

/// A look at what a request needs, to ask other tiers for it or to list it.
pub struct Asking<'a> {
    request: &'a Request<'a>,
    purpose: Purpose<'a>,
    /// Where a block that comes next would be kept as it is, if it would.
    landing: Option<Landing<'a>>,
}

enum Purpose<'a> {
    Ask(&'a mut AskedOfTiers),
    List(&'a mut Listing),
    Observe(&'a mut Needs),
}

/// Where a block of a provider is kept just as it is.
#[derive(Clone, Copy)]
pub struct Landing<'a> {
    /// The namespace, and the cell there.
    pub namespace: &'a Namespace,
    /// The cell.
    pub at: Block,
    /// The provider.
    pub source: &'a Arc<dyn Provider>,
    /// Its block.
    pub of: Block,
}

impl Purpose<'_> {
    fn again(&mut self) -> Purpose<'_> {
        match self {
            Purpose::Ask(asked) => Purpose::Ask(asked),
            Purpose::List(listing) => Purpose::List(listing),
            Purpose::Observe(needs) => Purpose::Observe(needs),
        }
    }
}

impl<'a> Asking<'a> {
    fn new(request: &'a Request<'a>, purpose: Purpose<'a>) -> Self {
        Self {
            request,
            purpose,
            landing: None,
        }
    }

    /// A look that asks other tiers.
    pub(super) fn ask(request: &'a Request<'a>, asked: &'a mut AskedOfTiers) -> Self {
        Self::new(request, Purpose::Ask(asked))
    }
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
            purpose: self.purpose.again(),
            landing: self.landing,
        });
    }

    /// Looks at a block of a provider that is kept as it is, where it has to be made.
    pub fn landing(
        &mut self,
        landing: Landing<'_>,
        bands: &Bands,
        beneath: impl FnOnce(&mut Asking<'_>),
    ) {
        let Landing { namespace, at, .. } = landing;
        if let Purpose::Ask(_) = self.purpose {
            if !namespace.contains(at, &namespace.bands_to_load(at, bands)) {
                beneath(&mut Asking {
                    request: self.request,
                    purpose: self.purpose.again(),
                    landing: Some(landing),
                });
            }
            return;
        }
        let image = landing.source.image();
        self.where_missing(namespace, image, at, bands, |asking| beneath(asking));
    }

    /// Notes how many positions were computed to say what a block is made from.
    pub fn note_positions(&mut self, positions: u64) {
        if let Purpose::List(listing) = &mut self.purpose {
            listing.note_positions(positions);
        }
    }

    /// Lists what a block of a provider is made from, whether it is resident or not.
    pub(in crate::cache) fn list(
        provider: &dyn Provider,
        at: Block,
        bands: &Bands,
        listing: &mut Listing,
    ) {
        let request = Request::new();
        let mut asking = Asking::new(&request, Purpose::List(listing));
        provider.ask(at, bands, &mut asking);
    }

    /// Looks at what a block of a provider is made from, down to what sources decode.
    pub(in crate::cache) fn observe(
        provider: &dyn Provider,
        at: Block,
        bands: &Bands,
        needs: &mut Needs,
    ) {
        let request = Request::new();
        let mut asking = Asking::new(&request, Purpose::Observe(needs));
        provider.ask(at, bands, &mut asking);
    }

    /// Whether all is looked at that a block is made from, whether it is there or not.
    pub fn looks_at_all(&self) -> bool {
        matches!(self.purpose, Purpose::Observe(_))
    }

    /// Whether other tiers are asked.
    pub fn asks_tiers(&self) -> bool {
        matches!(self.purpose, Purpose::Ask(_))
    }

    /// A source decodes a block of so many bytes, or such a part of it.
    pub fn decodes(&mut self, key: &str, at: Block, part: f64, bytes: impl FnOnce() -> u64) {
        if let Purpose::Observe(needs) = &mut self.purpose {
            needs.decode(key, at, part, bytes());
        }
    }

    /// A source decodes a block, if it is stored: other tiers are asked for it where it would be kept as it is.
    pub fn decodes_block(
        &mut self,
        key: &str,
        image: &Image,
        at: Block,
        bands: &Bands,
        is_stored: impl FnOnce() -> bool,
    ) {
        self.decodes(key, at, 1.0, || tile_bytes(image, at, bands));
        let landing = self.landing.filter(|landing| {
            // The same key has the same pixels.
            landing.of == at && landing.source.key() == key
        });
        if let (Purpose::Ask(asked), Some(landing)) = (&mut self.purpose, landing) {
            asked.ask_block(&landing, image, bands, self.request, is_stored);
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
        // What is made of a block is not the block.
        let landing = self.landing.take();
        match self.purpose {
            Purpose::List(_) => self.listed(namespace, at, beneath),
            Purpose::Observe(_) => {
                let bytes = tile_bytes(image, at, bands);
                self.observed(namespace, (at, bands), bytes, beneath);
            }
            Purpose::Ask(_) => {
                let bands = namespace.bands_to_load(at, bands);
                if !namespace.contains(at, &bands) && !namespace.is_loading(at, &bands) {
                    beneath(self);
                }
            }
        }
        self.landing = landing;
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

    /// [`Asking::where_missing`] for a block of so many bytes that is kept beside the tiles.
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
}
