//! The forms of a cache's entries: each is kept once, and goes some time after its last entry.

use crate::image::Bands;
use crate::tile::{Form, Pixels};
use hashbrown::HashSet;
use std::sync::Arc;

/// So many forms are never looked through for those without entries.
const FEW: u64 = 16;

/// What a form takes, with its place among the others.
pub const FORM_BYTES: usize = size_of::<Form>() + 5 * size_of::<usize>();

/// The forms that entries have, and some that they had.
#[derive(Default)]
pub struct Forms {
    known: HashSet<Arc<Form>>,
    /// So many at least had handles and no entries when they were looked through.
    held: u64,
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
        let form = Arc::new(form);
        self.known.insert(form.clone());
        form
    }

    /// So many entries are there: if most forms have none, those are forgotten.
    pub fn forget_unused(&mut self, entries: u64) {
        if self.known.len() as u64 > 2 * (entries + self.held) + FEW {
            self.known.retain(|form| Arc::strong_count(form) > 1);
            self.known.shrink_to_fit();
            self.held = (self.known.len() as u64).saturating_sub(entries);
        }
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
        let mut of = |band: u32| {
            let form = forms.of(&pixels, &Bands::of(&[band], 1 << 20));
            forms.forget_unused(100);
            form
        };
        let kept: Vec<_> = (0..100).map(&mut of).collect();
        assert!(Arc::ptr_eq(&kept[7], &of(7)));
        (100..10_000).for_each(|band| drop(of(band)));
        assert!(Arc::ptr_eq(&kept[7], &of(7)));
        let count = forms.known.len() as u64;
        assert!((100..=2 * 100 + FEW).contains(&count), "{count} forms");
        forms.forget_unused(0);
        assert_eq!((forms.known.len(), forms.held), (100, 100));
        drop(kept);
        (0..130).for_each(|band| drop(forms.of(&pixels, &Bands::of(&[band], 1 << 20))));
        forms.forget_unused(0);
        assert_eq!(forms.known.len(), 130, "few more than were held");
        (0..230).for_each(|band| drop(forms.of(&pixels, &Bands::of(&[band], 1 << 20))));
        forms.forget_unused(0);
        assert_eq!(forms.known.len(), 0);
    }
}
