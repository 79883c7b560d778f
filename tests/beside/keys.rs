//! Which files beside one are part of its key: those that change pixels, levels or nodata.

use super::support::*;
use std::path::Path;
use tilecache::source::file;

fn key(path: &Path) -> String {
    file::open(path, 0, None).expect("a file").key().to_owned()
}

fn copy(from: &str, to: &Path) {
    std::fs::copy(made().join(from), to).expect("a copy");
}

#[test]
fn what_changes_pixels_levels_or_nodata_is_part_of_the_key_and_nothing_else() {
    let dir = folder("keys");
    let path = dir.join("scene.png");
    copy("masks.png", &path);
    let alone = key(&path);
    let mut keys = vec![alone.clone()];
    let beside = |ending: &str| dir.join(format!("scene.png{ending}"));
    // Texts change nothing.
    let text = r#"<PAMDataset><Metadata><MDI key="A">x</MDI></Metadata></PAMDataset>"#;
    std::fs::write(beside(".aux.xml"), text).expect("a description");
    assert_eq!(key(&path), alone);
    // What is damaged changes nothing.
    std::fs::write(beside(".ovr"), "no TIFF").expect("a file");
    assert_eq!(key(&path), alone);
    std::fs::remove_file(beside(".ovr")).expect("a file");
    let nodata = r#"<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>"#;
    std::fs::write(beside(".aux.xml"), nodata).expect("a description");
    keys.push(key(&path));
    for ending in [".ovr", ".msk", ".msk.ovr"] {
        copy(&format!("masks.png{ending}"), &beside(ending));
        keys.push(key(&path));
        assert_eq!(key(&path), keys[keys.len() - 1], "the same twice");
    }
    // Another file of the same name is another image.
    std::fs::remove_file(beside(".ovr")).expect("a file");
    copy("masks.png.ovr", &dir.join("new"));
    std::fs::rename(dir.join("new"), beside(".ovr")).expect("a new file");
    keys.push(key(&path));
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "{keys:#?}");
    // The caller's own key stays the caller's.
    let named = file::open(&path, 0, Some("mine")).expect("a file");
    assert_eq!(named.key(), "mine:image:0");
}

#[test]
fn capitals_and_other_images_of_a_file() {
    let dir = folder("names");
    copy("masks.tif", &dir.join("SCENE.TIF"));
    for (from, to) in [(".ovr", ".OVR"), (".msk", ".MSK"), (".msk.ovr", ".MSK.OVR")] {
        copy(
            &format!("masks.tif{from}"),
            &dir.join(format!("SCENE.TIF{to}")),
        );
    }
    let provider = file::open(&dir.join("SCENE.TIF"), 0, None).expect("a file");
    assert_eq!(provider.image().levels.len(), 3);
    assert_eq!(provider.mask().expect("a mask").image().levels.len(), 3);
    // What is a folder is no file.
    std::fs::remove_file(dir.join("SCENE.TIF.OVR")).expect("a file");
    std::fs::create_dir(dir.join("SCENE.TIF.ovr")).expect("a folder");
    let provider = file::open(&dir.join("SCENE.TIF"), 0, None).expect("a file");
    assert_eq!(
        (provider.image().levels.len(), warnings(&*provider).len()),
        (1, 0)
    );
    // A name that is too long with an ending is one without others.
    let long = dir.join("x".repeat(252));
    copy("mask.png", &long);
    let provider = file::open(&long, 0, None).expect("a file");
    assert_eq!(warnings(&*provider).len(), 0);
}
