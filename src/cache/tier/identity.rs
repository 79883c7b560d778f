//! What stands for a source on all machines, and what tells its blocks apart there.

use super::source::TierSource;
use crate::cache::lineage::Lineage;
use crate::cache::moment::note_change;
use crate::error::{Error, Result};
use crate::image::{Block, Image};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Rises when a decoder, a codec library or a rounding changes pixels: what other tiers keep of the version before is
/// not found any more.
pub const PIXEL_VERSION: u32 = 2;

/// The longest identity, in bytes.
const MAX_IDENTITY: usize = 4096;

/// Says whether a source reads what its name stands for now, and not a file that was replaced.
pub type IsCurrent = Box<dyn Fn() -> bool + Send + Sync>;

/// The identity that an image has on all machines.
pub struct Identity {
    text: Arc<str>,
    is_current: Option<IsCurrent>,
    /// Whether its pixels changed here, and other tiers were not told.
    pub(super) has_left: AtomicBool,
    /// What the tiers of caches know of it.
    pub(super) sources: Mutex<Vec<Weak<TierSource>>>,
}

impl Identity {
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether what is decoded is what the identity stands for: of a file that was replaced nothing may reach others.
    pub(super) fn is_current(&self) -> bool {
        self.is_current
            .as_ref()
            .is_none_or(|is_current| is_current())
    }

    /// The pixels have changed, and other tiers do not know: nothing is asked of them until they do.
    pub fn leave(&self) {
        self.has_left.store(true, Ordering::SeqCst);
        self.sources().iter().for_each(|source| source.leave());
    }

    pub(super) fn sources(&self) -> Vec<Arc<TierSource>> {
        self.sources
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// Says that the image behind a key is, on all machines, the one of that name: `kind` says whose text it is. An image
/// has one identity as long as it is known here.
pub fn identify(key: &str, kind: &str, text: &str) -> Result<()> {
    identify_while(key, kind, text, None)
}

/// [`identify`], for as long as `is_current` says so.
pub fn identify_while(
    key: &str,
    kind: &str,
    text: &str,
    is_current: Option<IsCurrent>,
) -> Result<()> {
    if text.is_empty() || text.len() > MAX_IDENTITY {
        let bytes = text.len();
        return Err(Error::argument(format!(
            "a fleet identity of {bytes} bytes; it must have 1 to {MAX_IDENTITY}"
        )));
    }
    if text.contains('\0') {
        return Err(Error::argument("a fleet identity with a NUL in it"));
    }
    let lineage = Lineage::of(key);
    let text = format!("{kind}:{text}");
    let is_new = lineage.identity.get().is_none();
    let known = lineage.identity.get_or_make(|| Identity {
        text: text.as_str().into(),
        is_current,
        has_left: AtomicBool::new(false),
        sources: Mutex::default(),
    });
    if is_new {
        // What is built on it already is built on a source with a name from now on.
        note_change();
    }
    if *known.text != *text {
        let known = &known.text;
        return Err(Error::argument(format!(
            "{key} has the fleet identity {known:?} already, and cannot be {text:?} too"
        )));
    }
    Ok(())
}

/// What tells a block of a source with all its bands from all others, on all machines, but for the generation: the
/// identity, the part of the source's key that is no name of this machine, the image's shape, the block, and the version
/// of pixels. Numbers are little endian, and texts have their length before them.
pub fn material(identity: &str, lineage: &Lineage, key: &str, image: &Image, at: Block) -> Vec<u8> {
    let (width, height) = image.levels[at.level as usize];
    let numbers = [
        u64::from(image.band_count()),
        width,
        height,
        image.block.0,
        image.block.1,
        u64::from(image.padded),
        u64::from(at.level),
        at.row,
        at.col,
        u64::from(PIXEL_VERSION),
    ];
    let texts = [
        identity,
        parameters(lineage.image(), key),
        image.dtype.name(),
    ];
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
    bytes
}

/// What stands in a source's key beside the name of the file: which image, level and mask.
fn parameters<'a>(image: &str, key: &'a str) -> &'a str {
    const IMAGE: &str = ":image:";
    let number = image.rfind(IMAGE).filter(|at| {
        let digits = &image[at + IMAGE.len()..];
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    key.get(number.unwrap_or(image.len())..).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn names_of_this_machine_do_not_reach_other_tiers() {
        let at = Block::new(0, 1, 2);
        let image = Image::new(300, 200, 3, DType::U16);
        let of =
            |key: &str, image: &Image, at| material("id:scene", &Lineage::of(key), key, image, at);
        let here = of("/data/a.tif-1-2-3:image:0", &image, at);
        assert_eq!(here, of("17-99-5:image:0", &image, at));
        let others = [
            of("17-99-5:image:1", &image, at),
            of("17-99-5:image:0:overview:1", &image, at),
            of("17-99-5:image:0:mask", &image, at),
            of("17-99-5:image:0", &image, Block::new(0, 2, 1)),
            of("17-99-5:image:0", &Image::new(300, 200, 3, DType::I16), at),
            of("17-99-5:image:0", &Image::new(300, 200, 2, DType::U16), at),
            of("17-99-5:image:0", &Image::new(301, 200, 3, DType::U16), at),
        ];
        assert!(others.iter().all(|other| *other != here));
        let computed = "compute:of(a:image:0)";
        assert_eq!(
            parameters(computed, "compute:of(a:image:0):overview:1"),
            ":overview:1"
        );
    }

    #[test]
    fn an_image_has_one_identity() {
        let key = "identified:image:0";
        let _known = Lineage::of(key);
        identify(key, "id", "one").expect("an identity");
        identify(key, "id", "one").expect("the same");
        assert!(identify(key, "id", "two").is_err());
        assert!(identify(key, "id", "").is_err());
        assert!(identify(key, "id", &"x".repeat(MAX_IDENTITY + 1)).is_err());
    }
}
