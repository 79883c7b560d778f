//! The description of a directory's image: bands, colours, nodata and pad.

use super::directory::Directory;
use super::metadata;
use super::plan::{Compression, Plan};
use super::tags;
use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::{Band, Colour, Image, Metadata};

/// Describes the image, as a mask if it is used as one.
pub fn image(directory: &Directory, plan: &Plan, mask: bool) -> Result<Image> {
    let metadata = metadata::read(directory)?;
    let mut image = Image::new(plan.size.0, plan.size.1, plan.bands as u32, plan.dtype);
    image.block = plan.block;
    image.bits = plan.most_bits() / plan.dtype.parts() as u32;
    image.bands_together = plan.bands > 1 && !plan.planar;
    image.windowed = plan.compression == Compression::None;
    if mask {
        image.bits = 8;
    } else {
        image.bands = bands(directory, plan, &metadata)?;
        if let Some(text) = metadata.get(&(None, "TIFFTAG_GDAL_NODATA".into())) {
            let (nodata, pad) = nodata(plan.dtype, text);
            image.bands.iter_mut().for_each(|band| band.nodata = nodata);
            image.pad = pad;
        }
    }
    image.metadata = metadata;
    Ok(image)
}

/// The nodata value if the type has it, and the nearest value that the type has as pad.
fn nodata(dtype: DType, text: &str) -> (Option<Sample>, Sample) {
    let text = text.trim();
    if let Some(exact) = whole(dtype, text) {
        return (Some(exact), exact);
    }
    let Ok(value) = text.parse::<f64>() else {
        return (None, Sample::default());
    };
    let sample = Sample::from_f64(dtype, value);
    let float = matches!(dtype.part(), DType::F32 | DType::F64);
    let fits = float || sample.to_f64(dtype) == value;
    (fits.then_some(sample), sample)
}

/// A whole number of 64 bits, which does not survive a way through floating point.
fn whole(dtype: DType, text: &str) -> Option<Sample> {
    let bytes = match dtype {
        DType::U64 => text.parse::<u64>().ok()?.to_ne_bytes(),
        DType::I64 => text.parse::<i64>().ok()?.to_ne_bytes(),
        _ => return None,
    };
    let mut sample = Sample::default();
    sample.0[..8].copy_from_slice(&bytes);
    Some(sample)
}

fn bands(directory: &Directory, plan: &Plan, metadata: &Metadata) -> Result<Vec<Band>> {
    let photometric: &[Colour] = match plan.photometric {
        0 | 1 => &[Colour::Gray],
        2 => &[Colour::Red, Colour::Green, Colour::Blue],
        3 => &[Colour::Palette],
        5 => &[Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black],
        6 if plan.compression == Compression::Jpeg && !plan.planar && plan.bands == 3 => {
            &[Colour::Red, Colour::Green, Colour::Blue]
        }
        6 => &[Colour::Luma, Colour::Cb, Colour::Cr],
        _ => &[],
    };
    let extra = directory.unsigneds(tags::EXTRA_SAMPLES, plan.bands as u64)?;
    let extra = extra.unwrap_or_default();
    let first_extra = plan.bands - extra.len().min(plan.bands);
    let band = |band: usize| {
        let colour = match extra.get(band.wrapping_sub(first_extra)) {
            Some(1 | 2) => Colour::Alpha,
            Some(_) => Colour::Undefined,
            None => photometric.get(band).copied().unwrap_or_default(),
        };
        let said = metadata.get(&(Some(band as u32), "COLORINTERP".into()));
        Band {
            nodata: None,
            colour: said.and_then(|name| named(name)).unwrap_or(colour),
        }
    };
    Ok((0..plan.bands).map(band).collect())
}

/// A colour by the name under which GDAL stores it.
fn named(name: &str) -> Option<Colour> {
    Some(match name {
        "Undefined" => Colour::Undefined,
        "Gray" => Colour::Gray,
        "Palette" => Colour::Palette,
        "Red" => Colour::Red,
        "Green" => Colour::Green,
        "Blue" => Colour::Blue,
        "Alpha" => Colour::Alpha,
        "Cyan" => Colour::Cyan,
        "Magenta" => Colour::Magenta,
        "Yellow" => Colour::Yellow,
        "Black" => Colour::Black,
        "YCbCr_Y" => Colour::Luma,
        "YCbCr_Cb" => Colour::Cb,
        "YCbCr_Cr" => Colour::Cr,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodata_is_of_the_type_or_none() {
        let value = |dtype, text| {
            let (nodata, pad) = nodata(dtype, text);
            (nodata.map(|sample| sample.to_f64(dtype)), pad.to_f64(dtype))
        };
        assert_eq!(value(DType::U8, "255"), (Some(255.0), 255.0));
        assert_eq!(value(DType::U8, "-9999"), (None, 0.0));
        assert_eq!(value(DType::I16, "-9999 "), (Some(-9999.0), -9999.0));
        assert_eq!(value(DType::U8, "1.5").0, None);
        assert_eq!(value(DType::U8, "nonsense"), (None, 0.0));
        assert!(value(DType::F32, "nan").0.is_some_and(f64::is_nan));
        let lowest = value(DType::F32, "-3.4028234663852886e+38");
        assert_eq!(lowest.0, Some(f64::from(f32::MIN)));
        let (nodata, _) = nodata(DType::U64, "18446744073709551615");
        assert_eq!(nodata.expect("fits").0[..8], [255; 8]);
        assert_eq!(nodata.expect("fits").0[8..], [0; 8]);
    }
}
