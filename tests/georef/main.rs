//! Where files lie on the ground, compared with what GDAL says of them.

#[path = "../support/gdal.rs"]
mod gdal;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::georef::{Affine, Georef, Rpc, register};
use tilecache::operator::{RetileOptions, level, mask, retiled};
use tilecache::provider::Provider;
use tilecache::source::file::{self, Choice};

/// The files, made once by the script beside this test.
fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/georef/make.py"))
}

fn open(file: &str) -> Arc<dyn Provider> {
    file::open(&made().join(file), 0, None).unwrap_or_else(|error| panic!("{error}"))
}

fn georef(provider: &dyn Provider, level: u32) -> Georef {
    let located = provider.image().georef.as_ref();
    located
        .and_then(|located| located.level(level))
        .unwrap_or_default()
}

fn numbers(fields: &[String]) -> Vec<f64> {
    let number = |field: &String| field.parse().expect("a number");
    fields.iter().map(number).collect()
}

fn code(code: Option<u32>) -> String {
    code.unwrap_or(0).to_string()
}

/// As far from each other as rounding in another order brings them.
fn assert_near(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        let is_near = (a - b).abs() <= 4.0 * f64::EPSILON * (a.abs() + b.abs());
        assert!(is_near, "{what}: {ours:?}, GDAL says {theirs:?}");
    }
}

/// As far as sums of many numbers of that size bring them.
fn assert_fitted(ours: &[f64], theirs: &[f64], what: &str) {
    let most = theirs
        .iter()
        .fold(0.0f64, |most, number| most.max(number.abs()));
    for (a, b) in ours.iter().zip(theirs) {
        let is_near = (a - b).abs() <= 1e-13 * most;
        assert!(is_near, "{what}: {ours:?}, GDAL says {theirs:?}");
    }
}

fn rpc_numbers(rpc: &Rpc) -> Vec<f64> {
    let normals = [rpc.line, rpc.samp, rpc.lat, rpc.long, rpc.height];
    let mut all = vec![rpc.err_bias, rpc.err_rand];
    all.extend(normals.map(|normal| normal.offset));
    all.extend(normals.map(|normal| normal.scale));
    for polynomial in [rpc.line_num, rpc.line_den, rpc.samp_num, rpc.samp_den] {
        all.extend(polynomial);
    }
    all
}

/// All lines of the manifest that are about a file, one file after the other.
fn said() -> Vec<(String, Vec<Vec<String>>)> {
    let lines = gdal::manifest(made());
    let files = lines.split_inclusive(|line| line[1] == "end");
    files
        .map(|lines| (lines[0][0].clone(), lines.to_vec()))
        .collect()
}

#[test]
fn files_lie_where_gdal_has_them() {
    let (mut seen, mut registered, mut texts) = (0, 0, String::new());
    for (file, lines) in said() {
        let ours = georef(&*open(&file), 0);
        let of = |what: &str| -> Vec<&[String]> {
            let lines = lines.iter().filter(|line| line[1] == what);
            lines.map(|line| &line[2..]).collect()
        };
        let transform = ours.transform.map(|Affine(numbers)| numbers.to_vec());
        let theirs = of("transform");
        assert_eq!(transform.is_some(), !theirs.is_empty(), "{file}: {ours:?}");
        for (ours, theirs) in transform.iter().zip(&theirs) {
            match file.ends_with(".ntf") {
                true => assert_fitted(ours, &numbers(theirs), &file),
                false => assert_near(ours, &numbers(theirs), &file),
            }
        }
        let point = if ours.pixel_is_point { "yes" } else { "no" };
        assert_eq!(of("point"), [[point]], "{file}");
        for epsg in of("epsg") {
            assert_eq!(epsg, [code(ours.epsg)], "{file}");
        }
        for vertical in of("vertical") {
            assert_eq!(vertical, [code(ours.vertical_epsg)], "{file}");
        }
        assert_eq!(
            of("unit"),
            [[ours.vertical_unit.as_deref().unwrap_or("")]],
            "{file}"
        );
        let theirs = of("gcp");
        assert_eq!(ours.gcps.len(), theirs.len(), "{file}");
        for (gcp, theirs) in ours.gcps.iter().zip(theirs) {
            assert_eq!((&gcp.id, &gcp.info[..]), (&theirs[0], ""), "{file}");
            let [x, y, z] = gcp.place;
            let ours = [gcp.pixel.0, gcp.pixel.1, x, y, z];
            assert_near(&ours, &numbers(&theirs[1..]), &file);
        }
        let theirs: Vec<f64> = of("rpc").into_iter().flat_map(numbers).collect();
        let rpc = ours.rpc.as_ref().map(rpc_numbers).unwrap_or_default();
        assert_near(&rpc, &theirs, &file);
        if let Some(wkt) = &ours.wkt {
            assert!(!file.starts_with("untold-"), "{file}: {wkt}");
            texts += &format!("{file}\t{wkt}\n");
        } else if let Some(wkt) = register::wkt(ours.epsg, ours.vertical_epsg)
            && file != "keys-both.tif"
            && (ours.vertical_epsg.is_none() || wkt.starts_with("COMPOUNDCRS["))
        {
            texts += &format!("{file}\t{wkt}\n");
            registered += 1;
        }
        seen += 1;
    }
    assert!(seen > 400, "{seen} files");
    assert!(registered > 300, "{registered} texts of the register");
    assert!(texts.contains("own-0.tif\tPROJCS["), "{texts}");
    for at in 1..34 {
        let said = format!("own-{at}.tif\t");
        assert!(texts.contains(&said), "nothing is said of {said}");
    }
    std::fs::write(made().join("ours"), texts).expect("a list");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/georef/same.py");
    let same = Command::new("/usr/bin/python3")
        .args([script.as_path(), made()])
        .output()
        .expect("python3");
    let told = String::from_utf8_lossy(&same.stdout);
    assert!(same.status.success() && told.is_empty(), "{told}");
}

#[test]
fn levels_and_masks_of_a_file_lie_where_it_does() {
    for (file, levels) in [("levels-1.tif", 4), ("levels-2.tif", 3)] {
        let all = open(file);
        assert_eq!(all.image().levels.len(), levels, "{file}");
        let Affine([x, a, _, y, _, d]) = georef(&*all, 0).transform.expect("a transform");
        let tiles = RetileOptions {
            tile: (50, 70),
            pad_edges: true,
        };
        let tiles = retiled(all.clone(), &tiles, None).expect("tiles");
        for at in 0..levels as u32 {
            let factor = f64::from(1 << at);
            let expected = Some(Affine([x, a * factor, 0.0, y, 0.0, d * factor]));
            assert_eq!(georef(&*all, at).transform, expected, "{file} {at}");
            assert_eq!(georef(&*tiles, at).transform, expected, "{file} {at}");
            let of_level = level(all.clone(), at).expect("a level");
            assert_eq!(georef(&*of_level, 0).transform, expected, "{file} {at}");
            assert_eq!(georef(&*of_level, 0).epsg, Some(32632), "{file} {at}");
            let of_tiles = level(tiles.clone(), at).expect("a level");
            assert_eq!(georef(&*of_tiles, 0).transform, expected, "{file} {at}");
            let mask = mask(of_level).expect("a mask");
            assert_eq!(georef(&*mask, 0).transform, expected, "{file} {at}");
        }
    }
}

#[test]
fn polynomials_of_a_whole_image_are_not_those_of_its_parts() {
    let (whole, part) = (
        georef(&*open("rpc-raw.ntf"), 0),
        georef(&*open("part.ntf"), 0),
    );
    assert!(whole.rpc.is_some() && part.rpc.is_none());
    assert_eq!(whole.transform, part.transform);
}

/// Bytes have no files beside them.
#[test]
fn world_files_are_looked_for_beside_paths_alone() {
    let bytes = std::fs::read(made().join("world-1.tif")).expect("a file");
    let bytes: Arc<dyn Bytes> = Arc::new(MemoryBytes::new(bytes));
    let provider = file::open_bytes(bytes, &Choice::default()).expect("an image");
    assert_eq!(provider.image().georef, None);
    assert!(open("world-1.tif").image().georef.is_some());
}

#[test]
fn a_system_beside_a_world_file_is_told() {
    let wkt = "PROJCS[\"here\",GEOGCS[\"GCS_WGS_1984\"]]";
    let copy = |from: &str, to: &str| {
        std::fs::copy(made().join(from), made().join(to)).expect("a copy");
    };
    for (name, text, expected) in [
        ("prj-1", format!("{wkt}\r\n"), Some(wkt)),
        ("prj-2", "Projection UTM\nZone 32".into(), None),
    ] {
        copy("world-5.png", &format!("{name}.png"));
        copy("world-5.pgw", &format!("{name}.pgw"));
        std::fs::write(made().join(format!("{name}.prj")), text).expect("a text");
        let ours = georef(&*open(&format!("{name}.png")), 0);
        assert_eq!(ours.wkt.as_deref(), expected, "{name}");
        assert!(ours.transform.is_some());
    }
    // Without a world file it may be of anything.
    copy("nowhere.tif", "prj-3.tif");
    copy("prj-1.prj", "prj-3.prj");
    assert_eq!(open("prj-3.tif").image().georef, None);
    // What the file says itself goes before.
    copy("world-and-system.tif", "prj-4.tif");
    copy("world-and-system.tfw", "prj-4.tfw");
    copy("prj-1.prj", "prj-4.prj");
    let ours = georef(&*open("prj-4.tif"), 0);
    assert_eq!((ours.epsg, ours.wkt), (Some(32632), None));
}

/// Every byte of the tags and keys spoilt: what is told can be used, and the pixels are there.
#[test]
fn damaged_tags_cost_what_they_say_and_nothing_else() {
    let mut told = 0;
    for file in [
        "tied-inside.tif",
        "matrix.tif",
        "points-3-Area.tif",
        "rpc-and-transform.tif",
        "box-32632-Point-NO.jp2",
        "rpc-raw.ntf",
        "corners-bent.ntf",
    ] {
        let whole = std::fs::read(made().join(file)).expect("a file");
        for at in 8..whole.len().min(1500) {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                let bytes: Arc<dyn Bytes> = Arc::new(MemoryBytes::new(bytes));
                let Ok(provider) = file::open_bytes(bytes, &Choice::default()) else {
                    continue;
                };
                let ours = georef(&*provider, 0);
                let numbers = ours.transform.map_or(Vec::new(), |Affine(t)| t.to_vec());
                let points = ours.gcps.iter().flat_map(|gcp| gcp.place);
                let rpc = ours.rpc.iter().flat_map(rpc_numbers);
                let all = || {
                    numbers
                        .iter()
                        .copied()
                        .chain(points.clone())
                        .chain(rpc.clone())
                };
                assert!(all().all(f64::is_finite), "{file} {at} {change:#x}");
                told += usize::from(!ours.is_empty());
            }
        }
    }
    assert!(told > 1000, "{told}");
}
