//! Pixels and descriptions as they are known, and as GDAL gives them.

use super::support::*;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::Block;
use tilecache::source::Decoder;

#[test]
fn every_file_has_the_pixels_that_were_written() {
    let mut wrong = Vec::new();
    let lines = manifest("pixels");
    assert!(lines.len() > 300, "only {} sets of pixels", lines.len());
    for (file, words) in &lines {
        let [index, width, height, bands, dtype, tolerance, raw] = &words[..] else {
            panic!("{words:?}");
        };
        let result = (|| -> Result<String> {
            let decoder = image(file, index)?;
            let said = decoder.image();
            let is = [
                said.width().to_string(),
                said.height().to_string(),
                said.band_count().to_string(),
                said.dtype.name().to_owned(),
            ];
            if is != [width, height, bands, dtype].map(String::clone) {
                return Ok(format!("is {is:?}"));
            }
            let expected = std::fs::read(made().join(raw)).expect("the expected samples");
            let all: Vec<u32> = (0..said.band_count()).collect();
            let got = read_all(&decoder, &all)?;
            let difference = worst_difference(said.dtype, &got, &expected);
            if difference > tolerance.parse().expect("a number") {
                return Ok(format!("differs by {difference}"));
            }
            if read_packed(&decoder, &all)? != got {
                return Ok("differs when read block by block".into());
            }
            let some: Vec<u32> = all.iter().rev().step_by(2).copied().collect();
            let few: Vec<u32> = all.iter().skip(all.len() / 2).take(1).copied().collect();
            let whole = Rect::new(0, 0, said.width(), said.height());
            for bands in [&some, &few] {
                if read_packed(&decoder, bands)? != cut(&got, &decoder, &whole, bands) {
                    return Ok(format!("differs in bands {bands:?}"));
                }
            }
            let inner = Rect::new(
                said.width() / 4,
                said.height() / 3,
                said.width().div_ceil(2),
                said.height().div_ceil(2),
            );
            let corner = Rect::new(said.width() - 1, said.height() - 1, 1, 1);
            for (rect, bands) in [(inner, &all), (inner, &some), (corner, &all), (whole, &few)] {
                let window = pixels(shape(&rect, bands.len()), said.dtype, |into| {
                    decoder.read_window(0, rect, bands, into)
                })?;
                if window != cut(&got, &decoder, &rect, bands) {
                    return Ok(format!("differs in {rect:?} of bands {bands:?}"));
                }
            }
            Ok(String::new())
        })();
        let complaint = result.unwrap_or_else(|error| error.message().to_owned());
        if !complaint.is_empty() {
            wrong.push(format!("{file} image {index} {complaint}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        lines.len(),
        wrong.join("\n")
    );
}

#[test]
fn images_are_described() {
    for (file, words) in manifest("describe") {
        let [index, bits, pad, nodata, colours, width, height] = &words[..] else {
            panic!("{words:?}");
        };
        let decoder = image(&file, index).expect(&file);
        let said = decoder.image();
        let value = |sample: tilecache::dtype::Sample| sample.to_f64(said.dtype).to_string();
        assert_eq!(said.bits.to_string(), *bits, "{file} bits");
        assert_eq!(value(said.pad), *pad, "{file} pad");
        for band in &said.bands {
            let has = band.nodata.map_or("none".into(), value);
            assert_eq!(has, *nodata, "{file} nodata");
        }
        let shown: Vec<String> = (said.bands.iter())
            .map(|band| format!("{:?}", band.colour))
            .collect();
        assert_eq!(shown.join(","), *colours, "{file} {index} colours");
        assert_eq!(
            said.block,
            (width.parse().expect("n"), height.parse().expect("n"))
        );
    }
}

#[test]
fn metadata_counts_absent_blocks_and_what_is_not_read() {
    for (file, words) in manifest("meta") {
        let [index, band, name, value] = &words[..] else {
            panic!("{words:?}");
        };
        let decoder = image(&file, index).expect(&file);
        let found = decoder
            .image()
            .metadata
            .get(&(band.parse().ok(), name.clone()));
        assert_eq!(found, Some(value), "{file} {name}");
    }
    for (file, words) in manifest("count") {
        let count = open(&file).expect(&file).image_count();
        assert_eq!(count.to_string(), words[0], "{file}");
    }
    for (file, words) in manifest("absent") {
        let decoder = image(&file, &words[0]).expect(&file);
        let place = |word: &String| word.parse().expect("a number");
        let at = Block::new(0, place(&words[1]), place(&words[2]));
        assert!(!decoder.has_block(at).expect("an answer"), "{file}");
        assert!(decoder.image().sparse, "{file}");
    }
    for (file, words) in manifest("error") {
        let error = image(&file, &words[0]).map(drop).expect_err(&file);
        assert_eq!(format!("{:?}", error.kind()), words[1], "{file}: {error}");
        assert!(error.message().contains(&words[2]), "{file}: {error}");
    }
    let described = image("described.ntf", "1").expect("an image");
    let metadata = &described.image().metadata;
    assert!(!metadata.contains_key(&(None, "NITF_TRE_BINARY".into())));
    let palette = image("described.ntf", "0").expect("an image");
    let lut = &palette.image().metadata[&(Some(0), "NITF_LUT".into())];
    assert!(lut.starts_with("0,16,32\n1,17,33\n") && lut.lines().count() == 16);
}
