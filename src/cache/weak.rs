//! Namespaces that do not keep their cache.

use super::key::KeyId;
use super::{Cache, Shared};
use crate::error::Result;
use crate::image::Image;
use std::sync::{Arc, Weak};

/// A key that stays in use in a cache for as long as both are there.
pub struct WeakNamespace {
    shared: Weak<Shared>,
    key: KeyId,
}

impl WeakNamespace {
    /// Keeps the key of an image in use.
    pub fn new(cache: &Cache, key: &str, image: &Image) -> Result<Self> {
        let registration = cache.register(key, image)?;
        // One more, for the registration goes with its handle of the cache.
        registration.with(|store, key| store.key_record_mut(key).register(image))?;
        Ok(Self {
            shared: Arc::downgrade(&cache.0),
            key: registration.key(),
        })
    }

    /// Whether it is one in this cache.
    pub fn is_in(&self, cache: &Cache) -> bool {
        self.shared.as_ptr() == Arc::as_ptr(&cache.0)
    }

    /// Whether the cache has gone.
    pub fn has_ended(&self) -> bool {
        self.shared.strong_count() == 0
    }
}

impl Drop for WeakNamespace {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.with(|store| store.provider_released(self.key));
        }
    }
}
