//! What lies beside files: overviews, masks and descriptions that GDAL made, compared with what it reads of them; and
//! files that are damaged, belong to others or attack.

mod damage;
#[path = "../support/gdal.rs"]
mod gdal;
mod keys;
mod levels;
mod rgb;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use support::*;
use tilecache::image::Colour;
use tilecache::provider::Provider;

#[test]
fn every_level_and_mask_is_the_one_that_gdal_reads() {
    let (mut pixels, mut masks) = (BTreeMap::new(), BTreeMap::new());
    for line in manifest() {
        let provider = open(&line[0]);
        let what = line[..3].join(" ");
        let image = provider.image();
        match &line.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
            ["level", number, width, height, dtype, raw] => {
                let number: u32 = number.parse().expect("a level");
                let size = (
                    width.parse().expect("columns"),
                    height.parse().expect("rows"),
                );
                assert_eq!(image.levels.get(number as usize), Some(&size), "{what}");
                assert_eq!(image.dtype.name(), *dtype, "{what}");
                check_level(&provider, number, &expected(raw), &what);
                *pixels.entry(line[0].clone()).or_insert(0) += 1;
            }
            ["mask", number, raw] => {
                let mask = provider.mask().unwrap_or_else(|| panic!("{what}"));
                let number: u32 = number.parse().expect("a level");
                check_level(&mask, number, &expected(raw), &what);
                *masks.entry(line[0].clone()).or_insert(0) += 1;
            }
            ["own", number] => {
                let number = number.parse().expect("a level");
                let alone = open_alone(&line[0]);
                let own = read(&*alone, number);
                check_level(&provider, number, &own, &what);
            }
            _ => (),
        }
    }
    assert!(
        pixels.len() > 30 && pixels.values().sum::<u32>() > 60,
        "{pixels:?}"
    );
    let mut computed = 0;
    for (file, count) in masks {
        let image = open(&file);
        let mask = image.mask().expect("a mask");
        let sizes = &mask.image().levels;
        assert_eq!(sizes, &image.image().levels, "masks of {file}");
        for level in count..sizes.len() {
            computed += 1;
            check_computed(&mask, level, &file);
        }
    }
    assert!(computed > 0, "no mask lacks a level");
}

/// A pixel of a level of a mask that no file has is data if any of the four is that it stands for.
fn check_computed(mask: &Arc<dyn Provider>, level: usize, file: &str) {
    let sizes = &mask.image().levels;
    let (finer, size) = (sizes[level - 1], sizes[level]);
    assert_eq!(size, (finer.0.div_ceil(2), finer.1.div_ceil(2)), "{file}");
    let below = read(&**mask, level as u32 - 1);
    let is_data = |x: u64, y: u64| {
        let (columns, rows) = (2 * x..finer.0.min(2 * x + 2), 2 * y..finer.1.min(2 * y + 2));
        let mut all = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
        all.any(|(x, y)| below[(y * finer.0 + x) as usize] != 0)
    };
    let all = (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y)));
    let expected: Vec<u8> = all
        .map(|(x, y)| if is_data(x, y) { 255 } else { 0 })
        .collect();
    assert!(
        read(&**mask, level as u32) == expected,
        "mask {level} of {file}"
    );
}

#[test]
fn levels_that_lie_nowhere_are_not_found() {
    for ending in ["tif", "png"] {
        let provider = open(&format!("overviews.{ending}"));
        assert_eq!(provider.image().levels.len(), 5);
        for (level, is_there) in [(0, true), (1, false), (2, true), (3, false), (4, true)] {
            assert_eq!(
                is_missing(&*provider, level),
                !is_there,
                "level {level} of {ending}"
            );
        }
    }
    // A codestream has those that nothing lies beside for.
    let provider = open("overviews.jp2");
    assert!(!is_missing(&*provider, 1) && !is_missing(&*provider, 4));
}

#[test]
fn bands_and_texts_are_those_that_gdal_reads() {
    let mut compared = 0;
    for line in manifest() {
        let provider = open(&line[0]);
        let image = provider.image();
        let what = line.join(" ");
        match &line.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
            ["band", number, nodata, colour] => {
                for (level, _) in image.levels.iter().enumerate() {
                    let level = tilecache::operator::level(provider.clone(), level as u32);
                    let image = level.expect("a level").image().clone();
                    let band = &image.bands[number.parse::<usize>().expect("a band")];
                    let said = band.nodata.map(|sample| sample.to_f64(image.dtype));
                    assert_eq!(said, nodata.parse().ok(), "{what}");
                    if !line[0].ends_with(".tif") {
                        continue;
                    }
                    let colour = Colour::from_code(colour.parse().expect("a colour"));
                    assert_eq!(Some(band.colour), colour, "{what}");
                }
            }
            ["text", band, name, text] => {
                let band = band.parse::<u32>().ok();
                let said = image.metadata.get(&(band, (*name).to_owned()));
                let text = text.replace("\\n", "\n");
                assert_eq!(said, Some(&text), "{what}");
            }
            _ => continue,
        }
        compared += 1;
    }
    assert!(compared > 150, "only {compared}");
    let other = open("described.png").image().metadata.clone();
    let other = other
        .get(&(None, "xml:OTHER".into()))
        .expect("a domain of XML");
    assert!(
        other.starts_with("<a>") && other.ends_with("</a>"),
        "{other}"
    );
}

#[test]
fn what_is_sound_gives_no_warning() {
    // Of inks as they are stored GDAL's overviews are none.
    let lines = manifest().into_iter();
    for line in lines.filter(|line| line[1] != "rgb") {
        assert_eq!(warnings(&*open(&line[0])), [""; 0], "{}", line[0]);
    }
}

#[test]
fn a_file_alone_is_what_it_is_without_the_others() {
    for name in ["masks.png", "described.tif", "overviews.ntf"] {
        let alone = open_alone(name);
        let image = alone.image();
        assert_eq!(image.levels.len(), 1, "{name}");
        assert!(alone.mask().is_none() && image.bands.iter().all(|band| band.nodata.is_none()));
        let pixels = expected(&format!("{name}.0.raw"));
        check_level(&alone, 0, &pixels, name);
    }
}

/// Open files are closed and opened again at need, those beside them too.
#[test]
fn readers_of_levels_and_masks_share_the_file_with_others() {
    let provider = open("masks.jpg");
    std::thread::scope(|scope| {
        for level in [0, 1, 2, 1, 0, 2] {
            let provider = &provider;
            scope.spawn(move || {
                let pixels = expected(&format!("masks.jpg.{level}.raw"));
                check_level(provider, level, &pixels, "masks.jpg");
                let mask = expected(&format!("masks.jpg.mask.{level}.raw"));
                let of_mask = provider.mask().expect("a mask");
                check_level(&of_mask, level, &mask, "masks.jpg");
            });
        }
    });
}
