//! A source of one's own: 8-bit PGM and PPM images (netpbm P5 and P6). CONTRIBUTING.md explains it.

use std::sync::Arc;
use tilecache::bytes::{Bytes, FileBytes};
use tilecache::dtype::DType;
use tilecache::error::{Error, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};

struct Netpbm {
    bytes: Arc<dyn Bytes>,
    image: Image,
    /// Where the pixels begin in the file.
    start: u64,
}

/// The image as a provider, which is what everything else in the library takes.
pub fn open(bytes: Arc<dyn Bytes>) -> Result<Arc<dyn Provider>> {
    let name = bytes.identity();
    let decoder = Netpbm::new(bytes)?;
    Source::provider(name.as_deref(), decoder.image.clone(), Box::new(decoder))
}

impl Netpbm {
    fn new(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let mut head = vec![0; bytes.len().min(512) as usize];
        bytes.read_at(0, &mut head)?;
        let mut rest = &head[..];
        let bands = match word(&mut rest) {
            b"P5" => 1,
            b"P6" => 3,
            _ => return Err(Error::unsupported("not a binary PGM or PPM image")),
        };
        let (width, height) = (number(&mut rest)?, number(&mut rest)?);
        if number(&mut rest)? > 255 {
            return Err(Error::unsupported("samples of more than 8 bits"));
        }
        let mut image = Image::new(width, height, bands, DType::U8);
        image.block = (width, 64); // The format has no blocks; these are good to read.
        image.bands_together = true; // They are interleaved.
        image.check()?;
        let start = (head.len() - rest.len() + 1) as u64;
        let size = u128::from(width) * u128::from(height) * u128::from(bands);
        if u128::from(bytes.len()) < u128::from(start) + size {
            return Err(Error::corrupt("the file is too short for its pixels"));
        }
        Ok(Self {
            bytes,
            image,
            start,
        })
    }
}

/// Takes the next word of a header, over space and comments.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    *rest = rest.trim_ascii_start();
    while rest.starts_with(b"#") {
        let end = rest.iter().position(|c| *c == b'\n');
        *rest = rest[end.unwrap_or(rest.len())..].trim_ascii_start();
    }
    let end = rest.iter().position(u8::is_ascii_whitespace);
    let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = behind;
    word
}

fn number(rest: &mut &[u8]) -> Result<u64> {
    let text = String::from_utf8_lossy(word(rest));
    let number = text.parse::<u32>().map(u64::from);
    number.map_err(|_| Error::corrupt(format!("{text:?} is not a number")))
}

impl Decoder for Netpbm {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.image);
        let all = self.image.bands.len();
        let mut row = vec![0; rect.width as usize * all];
        for y in 0..rect.height {
            let offset = self.start + (rect.y + y) * row.len() as u64;
            self.bytes.read_at(offset, &mut row)?;
            for (to, band) in bands.iter().enumerate() {
                let samples = row.iter().skip(*band as usize).step_by(all);
                let pixels = into.row_mut(to, y as usize).iter_mut();
                pixels.zip(samples).for_each(|(to, from)| *to = *from);
            }
        }
        self.bytes.check_unchanged()
    }
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let image = open(Arc::new(FileBytes::open(path)?))?;
    let block = get_block(&*image, Block::new(0, 0, 0), &Bands::ALL)?;
    println!("{}: {:?}", image.key(), block.shape());
    Ok(())
}
