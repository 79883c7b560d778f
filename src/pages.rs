//! A list of pages that grows at its end and is read without a lock while it does: pages never move, and stay as
//! long as the list.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, Ordering};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// Where the pages are.
type Directory<P> = Box<[AtomicPtr<P>]>;

/// The length of the first directory; each that follows is twice as long.
const FIRST: usize = 16;

/// A list of pages, which grows at its end.
pub struct Pages<P> {
    /// The last of `all`.
    directory: AtomicPtr<Directory<P>>,
    /// All directories that there were, for somebody may still read one.
    all: Mutex<Vec<NonNull<Directory<P>>>>,
}

// SAFETY: pages are shared, as by `Arc`s, and directories are atomics that go with the list.
unsafe impl<P: Send + Sync> Send for Pages<P> {}
// SAFETY: as above.
unsafe impl<P: Send + Sync> Sync for Pages<P> {}

impl<P> Default for Pages<P> {
    fn default() -> Self {
        let first = Self::empty(FIRST);
        Self {
            directory: AtomicPtr::new(first.as_ptr()),
            all: Mutex::new(vec![first]),
        }
    }
}

impl<P> Pages<P> {
    fn empty(len: usize) -> NonNull<Directory<P>> {
        let pages: Directory<P> = (0..len).map(|_| AtomicPtr::new(null_mut())).collect();
        NonNull::from(Box::leak(Box::new(pages)))
    }

    #[inline(always)]
    fn directory(&self) -> &Directory<P> {
        // SAFETY: directories are freed with the list.
        unsafe { &*self.directory.load(Ordering::Acquire) }
    }

    /// A page as the `Arc` behind it has it, alive as long as the list.
    #[inline(always)]
    pub fn pointer(&self, number: usize) -> Option<NonNull<P>> {
        NonNull::new(self.directory().get(number)?.load(Ordering::Acquire))
    }

    /// A page, if there is one with this number.
    #[inline(always)]
    pub fn get(&self, number: usize) -> Option<&P> {
        // SAFETY: the page is alive as long as the list.
        self.pointer(number).map(|page| unsafe { page.as_ref() })
    }

    /// Adds a page where there is none yet.
    pub fn make(&self, number: usize, new: impl FnOnce() -> P) {
        let mut all = self.all.lock();
        let mut directory = self.directory();
        while directory.len() <= number {
            let longer = Self::empty(2 * directory.len());
            // SAFETY: just made, and freed with the list.
            let pages = unsafe { longer.as_ref() };
            for (to, from) in pages.iter().zip(directory) {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            all.push(longer);
            self.directory.store(longer.as_ptr(), Ordering::Release);
            directory = pages;
        }
        if directory[number].load(Ordering::Relaxed).is_null() {
            let page = Arc::into_raw(Arc::new(new())).cast_mut();
            directory[number].store(page, Ordering::Release);
        }
    }
}

impl<P> Drop for Pages<P> {
    fn drop(&mut self) {
        for page in self.directory().iter() {
            let page = page.load(Ordering::Relaxed);
            if !page.is_null() {
                // SAFETY: made of an `Arc` in `make`, whose reference the list has given up only here.
                drop(unsafe { Arc::from_raw(page) });
            }
        }
        for directory in self.all.get_mut() {
            // SAFETY: made of a box in `empty`, and read by nothing any more.
            drop(unsafe { Box::from_raw(directory.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stay_where_they_are_while_others_come() {
        let pages = Pages::<usize>::default();
        assert!(pages.get(0).is_none());
        pages.make(0, || 0);
        let first = pages.get(0).unwrap();
        for number in 1..100 {
            pages.make(number, || number);
            pages.make(number / 2, || 1000);
        }
        assert!(std::ptr::eq(first, pages.get(0).unwrap()));
        assert!((0..100).all(|number| pages.get(number) == Some(&number)));
        assert!(pages.get(100).is_none() && pages.get(usize::MAX).is_none());
    }
}
