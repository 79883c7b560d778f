//! The files that the tests read, and the ways to read them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tilecache::bytes::FileBytes;
use tilecache::convert::convert_row;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::Block;
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::source::Decoder;
use tilecache::source::nitf::{NitfDecoder, NitfFile};

/// The files, made once by the script beside this test; removed by the next run.
pub fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nitf");
        let _absent = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the test's files");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nitf/make.py");
        let output = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(&dir)
            .output();
        let needed = "this test needs the Debian packages python3-gdal and python3-numpy";
        match output {
            Ok(output) if output.status.success() => (),
            Ok(output) => panic!("{needed}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("{needed}: {error}"),
        }
        dir
    })
}

/// The lines of the manifest that are about `what`: the file and the words behind.
pub fn manifest(what: &str) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(made().join("manifest")).expect("the manifest");
    let fields = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let (file, kind) = (words.next()?, words.next()?);
        (kind == what).then(|| (file, words.collect()))
    };
    let lines: Vec<_> = text.lines().filter_map(fields).collect();
    assert!(!lines.is_empty(), "nothing of {what} in the manifest");
    lines
}

pub fn open(file: &str) -> Result<NitfFile> {
    NitfFile::open(Arc::new(FileBytes::open(made().join(file))?))
}

pub fn image(file: &str, index: &str) -> Result<NitfDecoder> {
    open(file)?.image(index.parse().expect("an index"))
}

/// Pixels of a shape, written by `draw`, band by band without gaps.
pub fn pixels(
    shape: Shape,
    dtype: DType,
    draw: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
) -> Result<Vec<u8>> {
    let layout = Layout::packed(shape, dtype)?;
    let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
    draw(&mut canvas.pixels_mut())?;
    let (buffer, layout) = canvas.freeze();
    Ok(buffer.bytes()[..layout.span()].to_vec())
}

pub fn blocks(decoder: &NitfDecoder) -> impl Iterator<Item = (Block, Rect)> + use<> {
    let grid = decoder.image().grid(0);
    let cells = (0..grid.rows()).flat_map(move |row| (0..grid.cols()).map(move |col| (row, col)));
    cells.map(move |(row, col)| (Block::new(0, row, col), grid.rect(row, col)))
}

pub fn shape(rect: &Rect, bands: usize) -> Shape {
    Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands,
    }
}

/// All pixels of some bands, block by block into one canvas, so that rows have gaps between them.
/// Blocks that are said to be absent are read too: they are pad.
pub fn read_all(decoder: &NitfDecoder, bands: &[u32]) -> Result<Vec<u8>> {
    let image = decoder.image();
    let whole = Rect::new(0, 0, image.width(), image.height());
    pixels(shape(&whole, bands.len()), image.dtype, |all| {
        for (at, rect) in blocks(decoder) {
            let (x, y) = (rect.x as usize, rect.y as usize);
            let mut part = all.window_mut(x, y, rect.width as usize, rect.height as usize);
            decoder.read_block(at, bands, &mut part)?;
        }
        Ok(())
    })
}

/// The same through blocks of their own.
pub fn read_packed(decoder: &NitfDecoder, bands: &[u32]) -> Result<Vec<u8>> {
    let image = decoder.image();
    let size = image.dtype.size();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut all = vec![0; width * height * bands.len() * size];
    for (at, rect) in blocks(decoder) {
        let block = pixels(shape(&rect, bands.len()), image.dtype, |into| {
            decoder.read_block(at, bands, into)
        })?;
        for (i, row) in block.chunks_exact(rect.width as usize * size).enumerate() {
            let (band, y) = (i / rect.height as usize, i % rect.height as usize);
            let start = ((band * height + rect.y as usize + y) * width + rect.x as usize) * size;
            all[start..start + row.len()].copy_from_slice(row);
        }
    }
    Ok(all)
}

/// Some bands of a window cut out of all pixels.
pub fn cut(all: &[u8], decoder: &NitfDecoder, rect: &Rect, bands: &[u32]) -> Vec<u8> {
    let image = decoder.image();
    let size = image.dtype.size();
    let mut out = Vec::new();
    for band in bands {
        for y in rect.y..rect.bottom() {
            let row = u64::from(*band) * image.height() + y;
            let start = (row * image.width() + rect.x) as usize * size;
            out.extend_from_slice(&all[start..start + rect.width as usize * size]);
        }
    }
    out
}

pub fn worst_difference(dtype: DType, a: &[u8], b: &[u8]) -> f64 {
    if a == b {
        return 0.0;
    }
    assert_eq!(a.len(), b.len());
    let to_f64 = |samples: &[u8]| {
        let mut out = vec![0; samples.len() / dtype.size() * 8];
        convert_row(dtype, samples, DType::F64, &mut out);
        let values = out.as_chunks::<8>().0;
        values
            .iter()
            .map(|v| f64::from_ne_bytes(*v))
            .collect::<Vec<_>>()
    };
    let pairs = to_f64(a).into_iter().zip(to_f64(b));
    // Equal real parts with unequal bytes are a difference all the same.
    pairs
        .map(|(a, b)| (a - b).abs())
        .fold(f64::MIN_POSITIVE, f64::max)
}
