//! Files beside one that are damaged, belong to another image or attack: the image is read, and says so.

use super::support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::provider::Provider;
use tilecache::source::file;

/// A copy of a file alone, in a folder of its own.
fn alone(dir: &str, name: &str) -> PathBuf {
    let path = folder(dir).join(name);
    std::fs::copy(made().join(name), &path).expect("a copy");
    path
}

fn put(path: &Path, ending: &str, bytes: impl AsRef<[u8]>) {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    std::fs::write(name, bytes).expect("a file beside");
}

fn opened(path: &Path) -> Arc<dyn Provider> {
    file::open(path, 0, None).unwrap_or_else(|error| panic!("{error}"))
}

/// The image is what it is alone, but for one warning with these words.
fn check_warned(path: &Path, says: &str) {
    let begun = Instant::now();
    let (provider, alone) = (opened(path), open_path_alone(path));
    assert!(begun.elapsed() < Duration::from_secs(20), "{says}");
    let warnings = warnings(&*provider);
    assert!(
        matches!(&warnings[..], [warning] if warning.contains(says)),
        "{says}: {warnings:?}"
    );
    let (image, mut of_alone) = (provider.image(), alone.image().clone());
    let warning = (None, "TC:WARNING:1".to_owned());
    of_alone.metadata.insert(warning, warnings[0].clone());
    assert_eq!(*image, of_alone);
    assert!(provider.mask().is_none());
    assert!(read(&*provider, 0) == read(&*alone, 0));
}

#[test]
fn overviews_of_others_cost_a_warning() {
    let path = alone("ovr", "overviews.png");
    put(&path, ".ovr", "");
    check_warned(&path, ".ovr beside the file: is not TIFF");
    put(&path, ".ovr", expected("overviews.png"));
    check_warned(&path, "is not TIFF");
    put(&path, ".ovr", expected("overviews.jpg.ovr"));
    check_warned(
        &path,
        "no directory is an overview of 154 x 116 pixels of 1 bands of u8",
    );
    put(&path, ".ovr", expected("uint16.tif"));
    check_warned(&path, "no directory is an overview");
    let whole = expected("overviews.png.ovr");
    put(&path, ".ovr", &whole[..8]);
    check_warned(&path, ".ovr");
}

#[test]
fn masks_of_others_cost_a_warning() {
    let path = alone("msk", "mask.png");
    put(&path, ".msk", "II");
    check_warned(&path, ".msk beside the file: is not TIFF");
    put(&path, ".msk", expected("mask.jpg.msk"));
    check_warned(&path, "a mask of 171 x 129 pixels of an image of 154 x 116");
    put(&path, ".msk", expected("values.tif"));
    check_warned(&path, "INTERNAL_MASK_FLAGS_1");
    // What is wrong with its overviews does not cost the mask.
    put(&path, ".msk", expected("mask.png.msk"));
    put(&path, ".msk.ovr", "no TIFF");
    let provider = opened(&path);
    let mask = provider.mask().expect("a mask");
    assert_eq!(mask.image().levels.len(), 1);
    assert!(read(&*mask, 0) == expected("mask.png.mask.0.raw"));
    assert!(warnings(&*provider)[0].contains(".msk.ovr beside the file"));
}

#[test]
fn descriptions_that_attack_cost_a_warning() {
    let path = alone("pam", "values.png");
    let pam = |inside: &str| format!("<PAMDataset>{inside}</PAMDataset>");
    let item = r#"<Metadata><MDI key="A">x</MDI></Metadata>"#;
    let many: String = (0..70_000)
        .map(|i| format!("<Metadata><MDI key=\"{i}\"/></Metadata>"))
        .collect();
    let items: String = (0..60_000).map(|i| format!("<MDI key='{i}'/>")).collect();
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><PAMDataset>&b;</PAMDataset>";
    for (text, says) in [
        (String::new(), "without an element"),
        ("no XML at all".into(), "without an element"),
        ("<VRTDataset/>".into(), "PAMDataset"),
        (format!("<PAMDataset>{item}"), "does not end \"PAMDataset\""),
        (pam(&format!("{item}<b>")), "ends \"PAMDataset\""),
        (bomb.into(), "document type"),
        (pam(&"<a>".repeat(1 << 20)), "elements in one another"),
        (pam(&many), "more than 65536 texts"),
        ("<".repeat(8 << 20), "end of the tag"),
        // A domain whose name is said again with each of its texts.
        (
            pam(&format!(
                "<Metadata domain='{}'>{items}</Metadata>",
                "a".repeat(1 << 20)
            )),
            "bytes of them",
        ),
        (pam(&"\"".repeat(17 << 20)), "at most 16777216 are read"),
    ] {
        put(&path, ".aux.xml", text);
        check_warned(&path, says);
    }
    // Senseless, but sound.
    let attributes: String = (0..300_000).map(|i| format!("a{i}='1' ")).collect();
    for inside in [
        "<PAMRasterBand><NoDataValue>1</NoDataValue></PAMRasterBand>",
        "<PAMRasterBand band='0'><NoDataValue>1</NoDataValue></PAMRasterBand>",
        "<PAMRasterBand band='2'><NoDataValue>1</NoDataValue></PAMRasterBand>",
        "<PAMRasterBand band='4294967296'><NoDataValue>1</NoDataValue></PAMRasterBand>",
        "<PAMRasterBand band='1'><Metadata><MDI>no key</MDI></Metadata></PAMRasterBand>",
        "<Metadata><MDI key='TC:WARNING:1'>not ours</MDI></Metadata>",
        "<Subdataset name='x'><PAMDataset><PAMRasterBand band='1'><NoDataValue>1</NoDataValue></PAMRasterBand></PAMDataset></Subdataset>",
        &"&".repeat(8 << 20),
        &format!("<PAMRasterBand {attributes}/>"),
    ] {
        put(&path, ".aux.xml", pam(inside));
        let begun = Instant::now();
        let provider = opened(&path);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(*provider.image(), *open_path_alone(&path).image());
    }
}

#[test]
fn a_level_that_is_damaged_costs_itself_and_a_warning() {
    let path = alone("part", "masks.ntf");
    let mut whole = expected("masks.ntf.ovr");
    put(&path, ".ovr", &whole);
    let sound = opened(&path);
    assert_eq!(sound.image().levels.len(), 3);
    let levels = [0, 1].map(|level| read(&*sound, level));
    // The second directory becomes one of no samples.
    let first = u32::from_le_bytes(whole[4..8].try_into().expect("a link")) as usize;
    let tags = u16::from_le_bytes(whole[first..first + 2].try_into().expect("a count")) as usize;
    let link = first + 2 + 12 * tags;
    let second = u32::from_le_bytes(whole[link..link + 4].try_into().expect("a link")) as usize;
    let tags = u16::from_le_bytes(whole[second..second + 2].try_into().expect("a count")) as usize;
    let samples = (0..tags)
        .map(|tag| second + 2 + 12 * tag)
        .find(|at| whole[*at..*at + 2] == 277u16.to_le_bytes())
        .expect("samples per pixel");
    whole[samples + 8..samples + 10].copy_from_slice(&0u16.to_le_bytes());
    put(&path, ".ovr", &whole);
    let damaged = opened(&path);
    assert_eq!(warnings(&*damaged).len(), 1);
    assert_eq!(damaged.image().levels.len(), 2);
    assert!([0, 1].map(|level| read(&*damaged, level)) == levels);
}

/// Cut and spoilt at any place, a file beside costs a warning or pixels of its own, and never those of the image.
#[test]
fn any_damage_leaves_the_image_as_it_is() {
    let path = alone("any", "masks.png");
    let pixels = expected("masks.png.0.raw");
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let nodata = "<PAMDataset><PAMRasterBand band=\"1\"><NoDataValue>7</NoDataValue><Metadata domain=\"a\">\
                  <MDI key=\"b\">&lt;c</MDI></Metadata></PAMRasterBand></PAMDataset>";
    for (ending, whole) in [
        (".ovr", expected("masks.png.ovr")),
        (".msk", expected("masks.png.msk")),
        (".msk.ovr", expected("masks.png.msk.ovr")),
        (".aux.xml", nodata.as_bytes().to_vec()),
    ] {
        let head = whole.len().min(600);
        for round in 0..150 {
            let mut bytes = whole.clone();
            match round % 3 {
                0 => bytes.truncate(random(whole.len())),
                _ => (0..1 + random(3)).for_each(|_| bytes[random(head)] = random(256) as u8),
            }
            put(&path, ending, &bytes);
            let provider = opened(&path);
            assert!(read(&*provider, 0) == pixels, "{ending}, round {round}");
            for level in 1..provider.image().levels.len() as u32 {
                let _any = try_read(&*provider, level);
            }
            if let Some(mask) = provider.mask() {
                let _any = try_read(&*mask, 0);
            }
        }
        put(&path, ending, &whole);
    }
}

/// Pixels of a file beside are its own: what is wrong with them is told under its name, and the image has no part in it.
#[test]
fn damaged_pixels_of_a_file_beside_are_told_under_its_name() {
    // All blocks lie beyond the end.
    let spoilt = |name: &str| {
        let mut bytes = expected(name);
        let number = |bytes: &[u8], at: usize, len: usize| {
            let le = bytes[at..at + len].iter().rev();
            le.fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let mut directory = number(&bytes, 4, 4);
        while directory != 0 {
            let tags = number(&bytes, directory, 2);
            for tag in (0..tags).map(|tag| directory + 2 + 12 * tag) {
                if matches!(number(&bytes, tag, 2), 273 | 324) {
                    let count = number(&bytes, tag + 4, 4);
                    let size = match number(&bytes, tag + 2, 2) {
                        3 => 2 * count,
                        _ => 4 * count,
                    };
                    let at = if size > 4 {
                        number(&bytes, tag + 8, 4)
                    } else {
                        tag + 8
                    };
                    bytes[at..at + size].fill(0xfe);
                }
            }
            directory = number(&bytes, directory + 2 + 12 * tags, 4);
        }
        bytes
    };
    let path = alone("pixels", "masks.png");
    put(&path, ".ovr", spoilt("masks.png.ovr"));
    put(&path, ".msk", spoilt("masks.png.msk"));
    let provider = opened(&path);
    assert!(read(&*provider, 0) == expected("masks.png.0.raw"));
    let levels = 1..provider.image().levels.len() as u32;
    let failures = levels.filter_map(|level| try_read(&*provider, level).err());
    let overview = failures.map(|error| error.message().to_owned()).next();
    let mask = provider.mask().expect("a mask");
    let mask = try_read(&*mask, 0)
        .err()
        .map(|error| error.message().to_owned());
    for (ending, said) in [(".ovr", overview), (".msk", mask)] {
        let said = said.unwrap_or_else(|| panic!("{ending} was read"));
        let named = format!("{}{ending}: ", path.display());
        assert!(said.starts_with(&named), "{ending}: {said}");
    }
    // Of bytes that a caller opens no place is known.
    struct Beside(Vec<u8>);
    impl tilecache::source::beside::Beside for Beside {
        fn open(&self, suffix: &str) -> tilecache::error::Result<Option<Arc<dyn Bytes>>> {
            let bytes = (suffix == ".ovr").then(|| MemoryBytes::new(&self.0[..]));
            Ok(bytes.map(|bytes| Arc::new(bytes) as Arc<dyn Bytes>))
        }
    }
    let beside = Beside(spoilt("masks.png.ovr"));
    let choice = file::Choice {
        name: Some("scene"),
        beside: Some(&beside),
        ..file::Choice::default()
    };
    let bytes = Arc::new(MemoryBytes::new(expected("masks.png")));
    let provider = file::open_bytes(bytes, &choice).expect("an image");
    let mut levels = 1..provider.image().levels.len() as u32;
    let said = levels.find_map(|level| try_read(&*provider, level).err());
    let said = said.expect("an error").message().to_owned();
    assert!(said.contains(".ovr beside the file: overview"), "{said}");
}
