//! Handles of pixels: to a node of a slab, or apart from any.

use super::chunk::{Head, Node};
use super::flag::APART;
use super::node::NodeRef;
use crate::sync::atomic::Ordering;
use crate::thread::{STRIPES, Stripe};
use crate::tile::Pixels;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::Arc;

/// A handle to pixels that stay as they are: to a node of a slab, or apart from any. Beside the address
/// stands in which stripe the node is pinned.
pub struct Handle(NonNull<Head>);

/// The bits of an address in which that stands.
const STRIPE: usize = STRIPES - 1;

// SAFETY: what it points to is shared among threads by atomics; pixels are only read.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// Pixels with handles apart from any cache; all of them are one pin of the buffer.
#[repr(C)]
struct Apart(Head);

impl Drop for Apart {
    fn drop(&mut self) {
        // SAFETY: written when it was made, and dropped here alone.
        let pixels = unsafe { self.0.pixels.get_mut().assume_init_read() };
        pixels.buffer().unpin();
    }
}

impl Handle {
    /// A handle apart from any cache.
    pub fn apart(pixels: Pixels) -> Self {
        pixels.buffer().pin();
        let apart = Arc::new(Apart(Head::new(MaybeUninit::new(pixels), APART)));
        let apart = Arc::into_raw(apart).cast_mut();
        // SAFETY: what an `Arc` gives is never NULL.
        Self(unsafe { NonNull::new_unchecked(apart) }.cast())
    }

    /// A handle to a node that was pinned in a stripe.
    #[inline(always)]
    pub(super) fn of_node(node: NonNull<Node>, stripe: Stripe) -> Self {
        let marked = node
            .cast::<Head>()
            .as_ptr()
            .map_addr(|at| at | stripe.number());
        // SAFETY: no address becomes NULL by bits that are set.
        Self(unsafe { NonNull::new_unchecked(marked) })
    }

    /// What it points to.
    #[inline(always)]
    fn head(&self) -> NonNull<Head> {
        let mark = self.0.addr().get() & STRIPE;
        let head = self.0.as_ptr().wrapping_byte_sub(mark);
        // SAFETY: the address of something, as it was before it was marked.
        unsafe { NonNull::new_unchecked(head) }
    }

    #[inline(always)]
    fn stripe(&self) -> Stripe {
        Stripe::of(self.0.addr().get() & STRIPE)
    }

    /// The pixels.
    #[inline(always)]
    pub fn pixels(&self) -> &Pixels {
        // SAFETY: a handle keeps what it points to alive, with its pixels written.
        unsafe { (*self.head().as_ref().pixels.get()).assume_init_ref() }
    }

    /// What [`Handle::set_mark`] has set; 0 at first.
    #[inline(always)]
    pub fn mark(&self) -> u16 {
        // SAFETY: a handle keeps what it points to alive.
        let head = unsafe { self.head().as_ref() };
        head.mark.load(Ordering::Relaxed)
    }

    /// Leaves a mark for those who get the same entry later.
    pub fn set_mark(&self, mark: u16) {
        // SAFETY: as above.
        let head = unsafe { self.head().as_ref() };
        head.mark.store(mark, Ordering::Relaxed);
    }

    /// The handle as an address, to be given back to [`Handle::from_raw`].
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// The handle that was given away.
    ///
    /// # Safety
    /// `raw` must come from [`Handle::into_raw`], and is given back once only.
    pub unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self(raw.cast())
    }

    /// Drops the handle, unless that may be the last and so may run any code: then it is given back.
    #[inline(always)]
    pub fn release_quickly(self) -> Option<Self> {
        let handle = ManuallyDrop::new(self);
        let node = handle.node();
        let done = node.is_some_and(|node| node.unpin_in_column(handle.stripe()));
        (!done).then(|| ManuallyDrop::into_inner(handle))
    }

    /// The handle, after it was noted that its node is handed out.
    #[cold]
    #[inline(never)]
    pub(super) fn handed_out(self) -> Self {
        if let Some(node) = self.node() {
            node.hand_out();
        }
        self
    }

    /// The node, unless the handle is apart.
    #[inline(always)]
    pub(super) fn node(&self) -> Option<NodeRef<'_>> {
        let head = self.head();
        // SAFETY: a handle keeps what it points to alive.
        let flags = unsafe { head.as_ref() }.flags.load(Ordering::Relaxed);
        // SAFETY: such a handle was made of a node, and keeps its chunk alive.
        (flags & APART == 0).then(|| unsafe { NodeRef::at(head.cast(), flags) })
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        match self.node() {
            Some(node) => {
                let handle = node.pin(self.stripe());
                handle.expect("a node that is held")
            }
            None => {
                // SAFETY: made of such an `Arc`, which is alive.
                unsafe { Arc::increment_strong_count(self.0.cast::<Apart>().as_ptr()) };
                Self(self.0)
            }
        }
    }
}

impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {
        match self.node() {
            Some(node) => {
                let stripe = self.stripe();
                if !node.unpin_in_column(stripe) {
                    node.unpin_in_count(stripe);
                }
            }
            None => drop_apart(self.0.cast()),
        }
    }
}

#[inline(never)]
fn drop_apart(apart: NonNull<Apart>) {
    // SAFETY: the handle that goes has one reference.
    let apart = unsafe { Arc::from_raw(apart.as_ptr()) };
    // A race detector does not see the fence by which the last owner of an `Arc` comes after all others.
    #[cfg(race_detector)]
    {
        // SAFETY: the pixels are there as long as the reference.
        let pixels = unsafe { (*apart.0.pixels.get()).assume_init_ref() };
        pixels.buffer().pin();
        pixels.buffer().unpin();
    }
    drop(apart);
}
