//! Hidden images: what a decoder makes on the way to pixels and would make again for the pixels beside them.
//!
//! Their blocks are kept in the cache of the request, like any others: counted, evicted, made by one thread at a time.

use crate::cache::{Cache, Namespace, WeakNamespace};
use crate::error::Result;
use crate::image::{Bands, Block, Image};
use crate::layout::Layout;
use crate::memory::PixelsMut;
use crate::provider::Request;
use crate::sync::Mutex;
use crate::tile::Tile;
use std::sync::Arc;

/// The hidden image of a source, in whichever caches it is kept.
pub struct HiddenImage {
    key: String,
    image: Image,
    kept: Mutex<Vec<Arc<WeakNamespace>>>,
}

/// The hidden image as a request sees it.
pub struct Hidden<'a> {
    namespace: Namespace,
    image: &'a Image,
    request: &'a Request<'a>,
}

impl HiddenImage {
    /// The hidden image of the source with this key; all of its blocks are of full size, and of one level and band.
    pub fn new(source: &str, image: Image) -> Self {
        Self {
            key: format!("{source}:hidden"),
            image,
            kept: Mutex::default(),
        }
    }

    /// It in the cache of a request; `None` where there is none, or it cannot be kept there.
    pub fn of<'a>(&'a self, request: &'a Request<'a>) -> Option<Hidden<'a>> {
        let cache = request.cache()?;
        self.keep_in(cache).ok()?;
        let namespace = Namespace::new(Some(cache), &self.key, &self.image).ok()?;
        Some(Hidden {
            namespace: namespace.hidden(),
            image: &self.image,
            request,
        })
    }

    /// Lets the key be in use in a cache, so that blocks stay there between requests.
    fn keep_in(&self, cache: &Cache) -> Result<()> {
        let mut kept = self.kept.lock();
        if kept.iter().any(|it| it.is_in(cache)) {
            return Ok(());
        }
        let (ended, others) = kept.drain(..).partition(|it| it.has_ended());
        *kept = others;
        // The cache has locks of its own, and what has ended may be the last handle of one.
        drop(kept);
        drop::<Vec<_>>(ended);
        let new = Arc::new(WeakNamespace::new(cache, &self.key, &self.image)?);
        self.kept.lock().push(new);
        Ok(())
    }
}

impl Hidden<'_> {
    /// What it is.
    pub fn image(&self) -> &Image {
        self.image
    }

    /// Whether a block is resident.
    pub fn contains(&self, at: Block) -> bool {
        self.namespace.contains(at, &Bands::ALL)
    }

    /// A block: resident, or written by `make`, on this thread or on another one that does so already.
    pub fn block(
        &self,
        at: Block,
        make: &dyn Fn(&mut PixelsMut<'_>) -> Result<()>,
    ) -> Result<Tile> {
        if let Some(tile) = self.namespace.find(at, &Bands::ALL, self.request) {
            return Ok(tile);
        }
        let load = |_: &Bands, request: &Request<'_>| {
            let shape = self.image.block_shape(at, 1)?;
            let mut canvas = request.canvas(Layout::packed(shape, self.image.dtype)?)?;
            make(&mut canvas.pixels_mut())?;
            Ok(Tile::from_canvas(canvas))
        };
        self.namespace
            .load_shared(at, &Bands::ALL, self.request, |_| (), load)
    }
}
