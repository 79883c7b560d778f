//! Palettes: the colours that indices stand for.

use crate::image::{Colour, Image};

/// The colours of indices from 0 on: red, green, blue and opacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette(Vec<[u8; 4]>);

impl Palette {
    /// The most colours: one for each index of 16 bits.
    pub const MOST: usize = 1 << 16;

    /// So many colours, from 1 to [`Palette::MOST`].
    pub fn new(colours: Vec<[u8; 4]>) -> Option<Self> {
        (1..=Self::MOST)
            .contains(&colours.len())
            .then_some(Palette(colours))
    }

    /// The colours.
    pub fn colours(&self) -> &[[u8; 4]] {
        &self.0
    }

    /// Whether any colour is less than opaque.
    pub fn has_opacity(&self) -> bool {
        self.0.iter().any(|colour| colour[3] != 255)
    }

    /// The palette of a band of an image, from the texts that came with it.
    pub fn of(image: &Image, band: u32) -> Option<Self> {
        if image.bands.get(band as usize)?.colour != Colour::Palette {
            return None;
        }
        let text = |of: Option<u32>, name: &str| image.metadata.get(&(of, name.to_owned()));
        // What lies beside a file goes before what it has itself, as elsewhere.
        let bytes = [
            text(Some(band), "COLORTABLE"),
            text(None, "PNG_PLTE"),
            text(Some(band), "NITF_LUT"),
        ];
        match bytes.into_iter().flatten().next() {
            Some(text) => Self::new(
                lines(text)?
                    .into_iter()
                    .map(|line| line.map(byte))
                    .collect(),
            ),
            None => Self::new(of_16_bits(&lines(text(None, "TIFFTAG_COLORMAP")?)?)),
        }
    }
}

fn byte(number: u32) -> u8 {
    number.min(255) as u8
}

/// Lines of red, green, blue and possibly opacity, or of one number for grey; 255 is opaque.
fn lines(text: &str) -> Option<Vec<[u32; 4]>> {
    let line = |line: &str| {
        let numbers = line.split(',').map(|number| number.trim().parse().ok());
        let numbers: Vec<u32> = numbers.collect::<Option<_>>()?;
        Some(match numbers[..] {
            [grey] => [grey, grey, grey, 255],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, opacity] => [red, green, blue, opacity],
            _ => return None,
        })
    };
    text.lines().map(line).collect()
}

/// Colours of 16 bits in 8. Writers differ in how they made 16 bits of 8: by 257, which is right, by 256, or not at
/// all.
fn of_16_bits(lines: &[[u32; 4]]) -> Vec<[u8; 4]> {
    let all = || lines.iter().flat_map(|line| &line[..3]);
    let is_bytes = all().all(|part| *part < 256);
    let is_shifted = all().all(|part| part % 256 == 0);
    let part = |part: u32| match (is_bytes, is_shifted) {
        (true, _) => byte(part),
        (_, true) => byte(part >> 8),
        _ => byte((part + 128) / 257),
    };
    let colour = |line: &[u32; 4]| [part(line[0]), part(line[1]), part(line[2]), 255];
    lines.iter().map(colour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    fn of(name: &str, band: Option<u32>, text: &str) -> Option<Palette> {
        let mut image = Image::new(1, 1, 1, DType::U8);
        image.bands[0].colour = Colour::Palette;
        image.metadata.insert((band, name.into()), text.into());
        Palette::of(&image, 0)
    }

    #[test]
    fn colours_are_read_as_each_format_tells_them() {
        let two = |a, b| Palette::new(vec![a, b]);
        let png = of("PNG_PLTE", None, "1,2,3,4\n5,6,7,255\n");
        assert_eq!(png, two([1, 2, 3, 4], [5, 6, 7, 255]));
        assert!(png.unwrap().has_opacity());
        let nitf = of("NITF_LUT", Some(0), "9\n8\n");
        assert_eq!(nitf, two([9, 9, 9, 255], [8, 8, 8, 255]));
        let tiff = |text| of("TIFFTAG_COLORMAP", None, text);
        let right = two([0, 255, 1, 255], [128, 2, 3, 255]);
        assert_eq!(tiff("0,65535,257\n32896,514,771\n"), right);
        assert_eq!(tiff("0,65280,256\n32768,512,768\n"), right);
        assert_eq!(tiff("0,255,1\n128,2,3\n"), right);
        assert_eq!(tiff("0,65535,257\n32896,514\n"), None);
        assert_eq!(tiff(""), None);
        assert_eq!(of("COLORTABLE", Some(0), "300,-1,0"), None);
        assert_eq!(Palette::of(&Image::new(1, 1, 1, DType::U8), 0), None);
        assert_eq!(Palette::of(&Image::new(1, 1, 1, DType::U8), 7), None);
    }
}
