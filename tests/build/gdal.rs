//! What GDAL makes of the files.

use crate::files::open;
use crate::files::{Folder, levels_of};
use crate::picture::Picture;
use crate::random::{self, Random, Validity};
use crate::ways::{Way, options};
use crate::{pyramid, support, support_gdal};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use tilecache::build::{Compression, Layout, Options, build_pyramid};
use tilecache::dtype::DType;
use tilecache::georef::{Affine, Georef, Located};
use tilecache::image::Colour;
use tilecache::operator::{Size, downsampled, georeferenced, mask};
use tilecache::provider::Provider;
use tilecache::resample::Filter;

/// Has GDAL read files.
fn read(paths: &[PathBuf]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/build/check.py");
    let mut command = Command::new("/usr/bin/python3");
    support_gdal::run(command.arg(script).args(paths));
}

#[test]
fn gdal_reads_the_same_levels_and_finds_clouds_optimised() {
    let folder = Folder::new("gdal");
    let mut random = Random::new(6);
    let (mut paths, mut right) = (Vec::new(), Vec::new());
    for (at, dtype) in DType::ALL.iter().enumerate() {
        for (nth, compression) in Way::COMPRESSIONS.into_iter().enumerate() {
            let validity = [
                Validity::All,
                Validity::Mask,
                Validity::Nodata,
                Validity::Alpha,
            ][(at + nth) % 4];
            let bands = random.one_of(&[1, 2, 3, 4, 6]);
            let mut picture = random::picture(*dtype, (75, 50), bands, validity, &mut random);
            let nodata = picture.nodata[0];
            picture.nodata.fill(nodata);
            if dtype.is_complex() {
                picture.nodata.fill(None);
            }
            let (source, _) = picture.provider((32, 32));
            let is_cog = (at + nth) % 2 == 0;
            let options = Options {
                layout: if is_cog { Layout::Cog } else { Layout::Tiled },
                threads: 2,
                ..options(compression, *dtype, &mut random)
            };
            let kind = if is_cog { ".cog" } else { "" };
            let path = folder.file(&format!("{at}-{nth}{kind}.tif"));
            build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
            right.push((pyramid(&source, &options), format!("{dtype:?} {options:?}")));
            paths.push(path);
        }
    }
    check(&paths, &right);
}

/// Has GDAL read files, and compares every level and its mask with what is right.
fn check(paths: &[PathBuf], right: &[(Arc<dyn Provider>, String)]) {
    read(paths);
    for (path, (right, what)) in paths.iter().zip(right) {
        let read = |level: usize, what: &str| {
            let name = format!("{}.{level}.{what}", path.display());
            std::fs::read(name).unwrap()
        };
        for (level, pixels) in levels_of(right).iter().enumerate() {
            assert!(read(level, "raw") == *pixels, "level {level}: {what}");
        }
        if let Some(mask) = right.mask() {
            for (level, pixels) in levels_of(&mask).iter().enumerate() {
                assert!(read(level, "mask") == *pixels, "mask {level}: {what}");
            }
        }
    }
}

#[test]
fn gdal_finds_the_masks_of_overviews_beside_a_file() {
    let folder = Folder::new("masks-beside");
    let mut random = Random::new(9);
    let (mut paths, mut right) = (Vec::new(), Vec::new());
    for (at, bands) in [1, 3, 6].into_iter().enumerate() {
        let picture = random::picture(DType::U8, (150, 97), bands, Validity::Mask, &mut random);
        let (source, _) = picture.provider((64, 64));
        let plain = Options {
            levels: Some(1),
            tile: (16, 16),
            ..Options::default()
        };
        let path = folder.file(&format!("{at}.tif"));
        build_pyramid(source, &path, &plain, None, &mut |_| true).unwrap();
        let options = Options {
            layout: Layout::Overviews,
            levels: None,
            ..plain
        };
        let (alone, beside) = (open(&path), folder.file(&format!("{at}.tif.ovr")));
        build_pyramid(alone.clone(), &beside, &options, None, &mut |_| true).unwrap();
        right.push((pyramid(&alone, &options), format!("{bands} bands")));
        paths.push(path);
    }
    check(&paths, &right);
}

/// The greatest difference of bytes, and the mean of all.
fn differences(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let all = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let most = all.clone().max().unwrap_or(0);
    (most, all.map(f64::from).sum::<f64>() / a.len() as f64)
}

#[test]
fn levels_in_jpeg_are_those_of_the_source_and_not_of_what_jpeg_leaves_of_it() {
    let folder = Folder::new("jpeg");
    let (mut paths, mut right) = (Vec::new(), Vec::new());
    let cases = [
        (1, false),
        (2, false),
        (3, true),
        (3, false),
        (4, true),
        (6, true),
    ];
    for (bands, colours) in cases {
        // More bands than four are pictures by themselves, which a COG does not have.
        let layouts = [Layout::Tiled, Layout::Cog].into_iter();
        for layout in layouts.take(if bands > 4 { 1 } else { 2 }) {
            let mut image = support::image((200, 130), (64, 64), bands);
            if colours {
                let all = [Colour::Red, Colour::Green, Colour::Blue, Colour::Alpha];
                for (band, colour) in image.bands.iter_mut().zip(all) {
                    band.colour = colour;
                }
            }
            let source = support::source(image, Default::default());
            let options = Options {
                layout,
                compression: Compression::Jpeg,
                quality: 95,
                tile: (64, 64),
                threads: 2,
                ..Options::default()
            };
            let kind = if layout == Layout::Cog { ".cog" } else { "" };
            let path = folder.file(&format!("{bands}{colours}{kind}.tif"));
            build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
            // The next level as the full image of a file is the same, for it is encoded once.
            let half = downsampled(source.clone(), Size::Halved(1), &Default::default(), None);
            let alone = folder.file("alone.tif");
            build_pyramid(half.unwrap(), &alone, &options, None, &mut |_| true).unwrap();
            let (all, halves) = (levels_of(&open(&path)), levels_of(&open(&alone)));
            assert!(all[1..] == halves[..all.len() - 1], "{}", path.display());
            right.push(pyramid(&source, &options));
            paths.push(path);
        }
    }
    read(&paths);
    for (path, right) in paths.iter().zip(right) {
        let made = levels_of(&open(path));
        for (level, (made, right)) in made.iter().zip(levels_of(&right)).enumerate() {
            let name = format!("{}.{level}.raw", path.display());
            // GDAL and this library have libjpegs of different years.
            let (most, _) = differences(&std::fs::read(name).unwrap(), made);
            assert!(
                most <= 1,
                "{} level {level}: {most} from GDAL",
                path.display()
            );
            let (_, mean) = differences(made, &right);
            assert!(mean < 20.0, "{} level {level}: {mean}", path.display());
        }
    }
}

#[test]
fn where_an_image_lies_and_what_is_said_of_it_goes_with_it() {
    let dir = support_gdal::make("tests/build/make.py");
    let folder = Folder::new("places");
    let mut pairs = Vec::new();
    for line in support_gdal::manifest(&dir) {
        let source = dir.join(&line[0]);
        for layout in [Layout::Tiled, Layout::Cog] {
            let kind = if layout == Layout::Cog { ".cog" } else { "" };
            let made = folder.file(&format!("{}{kind}.tif", line[0]));
            let options = Options {
                layout,
                tile: (16, 16),
                ..Options::default()
            };
            build_pyramid(open(&source), &made, &options, None, &mut |_| true).unwrap();
            let (from, to) = (open(&source), open(&made));
            let located = |of: &Arc<dyn Provider>| {
                of.image()
                    .georef
                    .as_ref()
                    .and_then(|located| located.level(0))
            };
            assert_eq!(located(&from), located(&to), "{}", line[0]);
            pairs.extend([source.clone(), made]);
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/build/same.py");
    support_gdal::run(Command::new("/usr/bin/python3").arg(script).args(pairs));
}

/// Systems that no code names, as WKT of both editions.
const SYSTEMS: [&str; 4] = [
    r#"PROJCS["own",GEOGCS["own",DATUM["own",SPHEROID["Bessel 1841",6377397.155,299.1528128]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["latitude_of_center",10],PARAMETER["longitude_of_center",20],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]"#,
    r#"PROJCRS["own",BASEGEOGCRS["own",DATUM["own",ELLIPSOID["own",6378000,300,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]]],CONVERSION["Mollweide",METHOD["Mollweide"],PARAMETER["Longitude of natural origin",5,ANGLEUNIT["degree",0.0174532925199433]],PARAMETER["False easting",0,LENGTHUNIT["metre",1]],PARAMETER["False northing",0,LENGTHUNIT["metre",1]]],CS[Cartesian,2],AXIS["(E)",east],AXIS["(N)",north],LENGTHUNIT["metre",1]]"#,
    r#"GEOGCS["own",DATUM["own",SPHEROID["own",6378000,300]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AXIS["Longitude",EAST],AXIS["Latitude",NORTH]]"#,
    r#"GEOGCRS["own",DATUM["own",ELLIPSOID["own",6378000,300,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],AXIS["latitude",north],AXIS["longitude",east],ANGLEUNIT["degree",0.0174532925199433]]"#,
];

/// A text that is longer with its lines than GDAL takes, and shorter without them.
fn on_many_lines() -> String {
    let line = format!("\n{}", " ".repeat(60));
    let text = SYSTEMS[1].replace(",PARAMETER", &format!(",{line}PARAMETER"));
    let lines = text
        .replace(",AXIS", &format!(",{line}AXIS"))
        .replace(",CS", &format!(",{}CS", line.repeat(30)));
    assert!(lines.len() > 2400 && SYSTEMS[1].len() < 1000);
    lines
}

/// A system and what is found of it in a file: its text and its code.
struct Known {
    wkt: String,
    epsg: Option<u32>,
    found: (String, Option<u32>),
}

fn systems() -> Vec<Known> {
    let plain = |text: &str| Known {
        wkt: text.into(),
        epsg: None,
        found: (text.into(), None),
    };
    let mut all: Vec<Known> = SYSTEMS.into_iter().map(plain).collect();
    all.push(Known {
        found: (SYSTEMS[1].into(), None),
        ..plain(&on_many_lines())
    });
    // Codes that the register does not have, or keys do not: the text says them.
    for (nth, code, named) in [
        (0, 20_999, ",AUTHORITY[\"EPSG\",\"20999\"]]"),
        (1, 104_105, ",ID[\"EPSG\",104105]]"),
    ] {
        let text = SYSTEMS[nth];
        let with = text[..text.len() - 1].to_owned() + named;
        all.push(Known {
            epsg: Some(code),
            found: (with.clone(), Some(code)),
            ..plain(text)
        });
        all.push(Known {
            found: (with.clone(), Some(code)),
            ..plain(&with)
        });
    }
    all
}

#[test]
fn gdal_finds_a_system_of_which_only_the_text_is_known() {
    let folder = Folder::new("systems");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/build/system.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script);
    for (at, known) in systems().into_iter().enumerate() {
        let source = support::source(support::image((40, 30), (16, 16), 1), Default::default());
        let georef = Georef {
            transform: Some(Affine([5.0, 0.5, 0.0, 9.0, 0.0, -0.5])),
            wkt: Some(known.wkt.clone()),
            epsg: known.epsg,
            ..Georef::default()
        };
        let located = Located::new(georef.clone(), &[(40, 30)]);
        let source = georeferenced(source, Some(located)).unwrap();
        let made = folder.file(&format!("{at}.tif"));
        build_pyramid(source, &made, &Options::default(), None, &mut |_| true).unwrap();
        // And once more, of what a file says.
        let again = folder.file(&format!("{at}-again.tif"));
        build_pyramid(open(&made), &again, &Options::default(), None, &mut |_| {
            true
        })
        .unwrap();
        let right = Georef {
            wkt: Some(known.found.0.clone()),
            epsg: known.found.1,
            ..georef
        };
        for path in [made, again] {
            let found = open(&path)
                .image()
                .georef
                .as_ref()
                .and_then(|it| it.level(0));
            assert_eq!(found.as_ref(), Some(&right));
            command.arg(path).arg(&known.found.0);
        }
    }
    support_gdal::run(&mut command);
}

/// GDAL looks for the overviews of a mask that lies in a file of its own (`.msk`) beside that file.
#[test]
fn gdal_finds_the_levels_of_a_mask_in_a_file_of_its_own() {
    let folder = Folder::new("own-mask");
    let mut random = Random::new(12);
    let picture = random::picture(DType::U8, (150, 97), 3, Validity::Mask, &mut random);
    let (source, _) = picture.provider((64, 64));
    let alone = Options {
        levels: Some(1),
        tile: (16, 16),
        ..Options::default()
    };
    let levels = Options {
        layout: Layout::Overviews,
        levels: None,
        filter: Some(Filter::Max),
        ..alone.clone()
    };
    let mask = mask(source.clone()).unwrap();
    let (path, overviews) = (folder.file("1.tif"), folder.file("1.tif.msk.ovr"));
    let plain = Picture {
        mask: None,
        ..picture.clone()
    };
    let (plain, _) = plain.provider((64, 64));
    build_pyramid(plain, &path, &alone, None, &mut |_| true).unwrap();
    std::fs::write(folder.file("1.tif.raw"), &levels_of(&mask)[0]).unwrap();
    build_pyramid(mask, &overviews, &levels, None, &mut |_| true).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/build/own_mask.py");
    let mut command = Command::new("/usr/bin/python3");
    support_gdal::run(command.arg(script).arg(&path));
    let right = pyramid(&source, &levels).mask().expect("a mask");
    for (level, pixels) in levels_of(&right).iter().enumerate() {
        let found = std::fs::read(format!("{}.{level}.mask", path.display())).unwrap();
        assert!(found == *pixels, "level {level}");
    }
}
