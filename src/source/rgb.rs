//! Samples of 8 bits that are inks or CIE L*a*b*, as red, green and blue.
//!
//! The colours are those of libtiff, and so of GDAL, bit by bit: of inks without a profile, of L*a*b* for a screen with
//! the primaries of sRGB.

use super::Decoder;
use super::formats::Part;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Band, Block, Colour, Image, shape};
use crate::layout::{Layout, Shape};
use crate::memory::{Canvas, Memory, PixelsMut};

/// What samples of 8 bits are that can be shown as red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored {
    /// Cyan, magenta, yellow and black, 255 of which is all ink, and perhaps more.
    Cmyk,
    /// CIE L*a*b* 1976: L* from 0 to 255, a* and b* with a sign, and x and y of the white that they are seen in.
    Lab([f32; 2]),
    /// Red, green and blue, and perhaps more.
    Rgb,
}

impl Stored {
    /// The part of a file whose samples are this as one of red, green and blue.
    pub fn as_rgb(self, part: Part) -> Result<Part> {
        let (conversion, bands, name) = match self {
            Self::Cmyk => (Conversion::Inks, 4, Some("CMYK")),
            Self::Lab(white) => (
                Conversion::Lab(Box::new(Lab::new(white)?)),
                3,
                Some("CIELAB"),
            ),
            Self::Rgb => (Conversion::None, 3, None),
        };
        let Part {
            mut image,
            decoder,
            beside,
        } = part;
        describe(&mut image, name);
        let decoder = RgbDecoder {
            stored: decoder,
            bands: (0..bands).collect(),
            conversion,
        };
        Ok(Part {
            image,
            decoder: Box::new(decoder),
            beside,
        })
    }
}

/// Describes the image of such samples as one of red, green and blue.
fn describe(image: &mut Image, name: Option<&str>) {
    const COLOURS: [Colour; 3] = [Colour::Red, Colour::Green, Colour::Blue];
    let bands = COLOURS.into_iter().zip(&image.bands);
    image.bands = bands
        .map(|(colour, band)| Band { colour, ..*band })
        .collect();
    // What the file calls its bands, and what it says of those that are gone.
    image.metadata.retain(|(band, text), _| match band {
        Some(band) => *band < 3 && text != "COLORINTERP",
        None => true,
    });
    if let Some(name) = name {
        let key = (None, "SOURCE_COLOR_SPACE".to_owned());
        image.metadata.insert(key, name.to_owned());
    }
    image.bands_together = true;
    image.in_place = false;
    image.plain = false;
}

/// From rows of the stored bands to rows of red, green and blue.
enum Conversion {
    Inks,
    Lab(Box<Lab>),
    None,
}

impl Conversion {
    /// Writes colour `colours[i]` of a row to row `y` of band `i`.
    fn write(&self, stored: &[&mut [u8]], colours: &[u32], y: usize, into: &mut PixelsMut<'_>) {
        let mut rows = into.rows_mut(y);
        match self {
            Self::Inks => {
                for (colour, row) in colours.iter().zip(&mut rows) {
                    let inks = stored[*colour as usize].iter().zip(&*stored[3]);
                    for (to, (ink, black)) in row.iter_mut().zip(inks) {
                        *to = (u16::from(255 - ink) * u16::from(255 - black) / 255) as u8;
                    }
                }
            }
            Self::Lab(lab) => {
                let [l, a, b] = [0, 1, 2].map(|band| &*stored[band]);
                for (x, ((l, a), b)) in l.iter().zip(a).zip(b).enumerate() {
                    let rgb = lab.rgb(*l, *a as i8, *b as i8);
                    for (colour, row) in colours.iter().zip(&mut rows) {
                        row[x] = rgb[*colour as usize];
                    }
                }
            }
            Self::None => {
                for (colour, row) in colours.iter().zip(&mut rows) {
                    row.copy_from_slice(stored[*colour as usize]);
                }
            }
        }
    }
}

/// Steps of the light of a screen.
const STEPS: usize = 1500;

/// What is shown of L*a*b*.
struct Lab {
    /// X, Y and Z of white.
    white: [f32; 3],
    /// The value for each step of light, from [`DARKEST`] to [`BRIGHTEST`].
    values: [u8; STEPS + 1],
}

/// The light of a screen that shows black, and white.
const DARKEST: f32 = 1.0;
const BRIGHTEST: f32 = 100.0;

/// The light of red, green and blue of sRGB, by X, Y and Z.
const SRGB: [[f32; 3]; 3] = [
    [3.2410, -1.5374, -0.4986],
    [-0.9692, 1.8760, 0.0416],
    [0.0556, -0.2040, 1.0570],
];

impl Lab {
    fn new([x, y]: [f32; 2]) -> Result<Self> {
        let white = [x / y * 100.0, 100.0, (1.0 - x - y) / y * 100.0];
        if !white.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt(format!(
                "the white point is {x}, {y}, by which no L*a*b* can be shown as red, green and blue"
            )));
        }
        let exponent = 1.0 / f64::from(2.4f32);
        let value = |step: usize| {
            let light = (step as f64 / STEPS as f64).powf(exponent) as f32;
            (f64::from(255.0 * light) + 0.5) as u8
        };
        Ok(Self {
            white,
            values: std::array::from_fn(value),
        })
    }

    fn rgb(&self, l: u8, a: i8, b: i8) -> [u8; 3] {
        let [white_x, white_y, white_z] = self.white;
        let lightness = (u32::from(l) * 257) as f32 * 100.0 / 65535.0;
        let (y, root) = if lightness < 8.856 {
            let y = lightness * white_y / 903.292;
            (y, 7.787 * (y / white_y) + 16.0 / 116.0)
        } else {
            let root = (lightness + 16.0) / 116.0;
            (white_y * root * root * root, root)
        };
        let cube = |white: f32, root: f32| match root < 0.2069 {
            true => white * (root - 0.13793) / 7.787,
            false => white * root * root * root,
        };
        let x = cube(white_x, f32::from(a) / 500.0 + root);
        let z = cube(white_z, root - f32::from(b) / 200.0);
        SRGB.map(|[of_x, of_y, of_z]| {
            let light = of_x * x + of_y * y + of_z * z;
            let light = light.clamp(DARKEST, BRIGHTEST) - DARKEST;
            let step = (light / ((BRIGHTEST - DARKEST) / STEPS as f32)) as usize;
            self.values[step.min(STEPS)]
        })
    }
}

/// Decodes what is stored, and delivers it as red, green and blue.
///
/// A decode takes the stored bands of its pixels beside the pixels that it delivers.
struct RgbDecoder {
    stored: Box<dyn Decoder>,
    /// The bands that the colours are made of.
    bands: Vec<u32>,
    conversion: Conversion,
}

impl RgbDecoder {
    fn convert(
        &self,
        colours: &[u32],
        into: &mut PixelsMut<'_>,
        read: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
    ) -> Result<()> {
        let Shape { width, height, .. } = into.layout().shape;
        let stored = shape(width as u64, height as u64, self.bands.len())?;
        let layout = Layout::packed(stored, DType::U8)?;
        let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
        let mut stored = canvas.pixels_mut();
        read(&mut stored)?;
        for y in 0..height {
            self.conversion.write(&stored.rows_mut(y), colours, y, into);
        }
        Ok(())
    }
}

impl Decoder for RgbDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        self.stored.has_block(at)
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.convert(bands, into, |into| {
            self.stored.read_block(at, &self.bands, into)
        })
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.convert(bands, into, |into| {
            self.stored.read_window(level, rect, &self.bands, into)
        })
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &[u32]) {
        self.stored.announce(blocks, &self.bands);
    }

    fn forget(&self) {
        self.stored.forget();
    }

    fn allow_threads(&mut self, count: u32) {
        self.stored.allow_threads(count);
    }

    fn take_layers(&mut self, count: u32) -> bool {
        self.stored.take_layers(count)
    }

    fn set_pad(&mut self, pad: Sample) {
        self.stored.set_pad(pad);
    }
}
