//! A value that is made late, and read without a lock: it never moves, and stays as long as what has it.

use crate::sync::atomic::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

/// A value that is made when it is first needed.
pub struct Late<T>(AtomicPtr<T>, PhantomData<Box<T>>);

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(AtomicPtr::new(null_mut()), PhantomData)
    }
}

impl<T: Send + Sync> Late<T> {
    /// The value, if it was made.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        let value = NonNull::new(self.0.load(Ordering::Acquire))?;
        // SAFETY: made of a box, which is freed in `drop` alone.
        Some(unsafe { value.as_ref() })
    }

    /// The value, made if there is none.
    pub fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let new = Box::into_raw(Box::new(make()));
        let none = null_mut();
        match self
            .0
            .compare_exchange(none, new, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: as in `get`.
            Ok(_) => unsafe { &*new },
            // SAFETY: the new one is only ours, and the first one is as in `get`.
            Err(first) => unsafe {
                drop(Box::from_raw(new));
                &*first
            },
        }
    }
}

impl<T> Drop for Late<T> {
    fn drop(&mut self) {
        let value = self.0.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: made of a box, and nothing refers to it any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_value_is_made_once() {
        let late = &Late::<String>::default();
        assert!(late.get().is_none());
        let made = std::thread::scope(|scope| {
            let make = move |n: usize| late.get_or_make(|| "made".repeat(n));
            let threads = [1, 2, 3].map(|n| scope.spawn(move || make(n)));
            threads.map(|thread| std::ptr::from_ref(thread.join().expect("a value")))
        });
        assert!(made.iter().all(|value| *value == made[0]));
        assert!(std::ptr::eq(late.get().unwrap(), made[0]));
    }
}
