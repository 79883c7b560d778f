//! The forms of a key's entries: each is kept once, and goes with its last entry.

use crate::image::Bands;
use crate::tile::{Form, Pixels};
use hashbrown::HashSet;
use std::sync::Arc;

/// So many forms are never looked through for those without entries.
const FEW: usize = 16;

/// The forms that entries have, and some that they had.
#[derive(Default)]
pub struct Forms {
    known: HashSet<Arc<Form>>,
    /// From this number on, forms without entries are forgotten before another one is added.
    limit: usize,
}

impl Forms {
    /// The form of an entry for these bands.
    pub fn of(&mut self, pixels: &Pixels, bands: &Bands) -> Arc<Form> {
        let form = Form {
            bands: bands.clone(),
            ..*pixels.form().as_ref()
        };
        if let Some(known) = self.known.get(&form) {
            return known.clone();
        }
        if self.known.len() >= self.limit.max(FEW) {
            self.known.retain(|form| Arc::strong_count(form) > 1);
            self.known.shrink_to_fit();
            self.limit = 2 * self.known.len();
        }
        let form = Arc::new(form);
        self.known.insert(form.clone());
        form
    }

    /// The last entry is gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::layout::{Layout, Shape};
    use crate::memory::{Canvas, Memory};

    #[test]
    fn a_form_is_shared_and_goes_with_its_entries() {
        let shape = Shape {
            width: 8,
            height: 8,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        let canvas = Canvas::new(Memory::zeroed(64).unwrap(), layout);
        let pixels = Pixels::new(Arc::new(canvas.freeze().0), layout);
        let mut forms = Forms::default();
        let mut of = |band: u32| forms.of(&pixels, &Bands::of(&[band], 1 << 20));
        let kept: Vec<_> = (0..100).map(&mut of).collect();
        assert!(Arc::ptr_eq(&kept[7], &of(7)));
        (100..10_000).for_each(|band| drop(of(band)));
        assert!(Arc::ptr_eq(&kept[7], &of(7)));
        let count = forms.known.len();
        assert!((100..=2 * 100 + FEW).contains(&count), "{count} forms");
        forms.clear();
        assert_eq!(forms.known.len(), 0);
    }
}
