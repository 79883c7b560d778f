//! TIFF files written by GDAL and libtiff, compared pixel by pixel with what GDAL reads from them,
//! and damaged in many ways.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use tilecache::bytes::{Bytes, FileBytes, MemoryBytes};
use tilecache::convert::convert_row;
use tilecache::dtype::DType;
use tilecache::error::{Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Block, Colour};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::source::Decoder;
use tilecache::source::tiff::{TiffDecoder, TiffFile, TiffImage};

/// The files, made once by the script beside this test; removed by the next run.
fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiff");
        let _absent = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory for the test's files");
        run_script(&dir, "make.py");
        dir
    })
}

fn run_script(dir: &Path, name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tiff")
        .join(name);
    let output = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(dir)
        .output();
    let needed = "this test needs the Debian packages gdal-bin, libtiff-tools, python3-gdal and \
                  python3-numpy";
    match output {
        Ok(output) if output.status.success() => (),
        Ok(output) => panic!("{needed}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{needed}: {error}"),
    }
}

fn manifest() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(made().join("manifest")).expect("the manifest");
    let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(fields).collect()
}

fn open(path: &Path) -> Result<TiffFile> {
    TiffFile::open(Arc::new(FileBytes::open(path)?))
}

/// Pixels of a shape, written by `draw`, band by band without gaps.
fn pixels(
    shape: Shape,
    dtype: DType,
    draw: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
) -> Result<Vec<u8>> {
    let layout = Layout::packed(shape, dtype)?;
    let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout, None);
    draw(&mut canvas.pixels_mut())?;
    let (buffer, layout) = canvas.freeze();
    Ok(buffer.bytes()[..layout.span()].to_vec())
}

fn blocks(decoder: &TiffDecoder) -> impl Iterator<Item = (Block, Rect)> + use<> {
    let grid = decoder.image().grid(0);
    let cells = (0..grid.rows()).flat_map(move |row| (0..grid.cols()).map(move |col| (row, col)));
    cells.map(move |(row, col)| (Block::new(0, row, col), grid.rect(row, col)))
}

fn shape(rect: &Rect, bands: usize) -> Shape {
    Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands,
    }
}

/// All pixels of some bands, block by block into one canvas, so that rows have gaps between them.
fn read_all(decoder: &TiffDecoder, bands: &[u32]) -> Result<Vec<u8>> {
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
fn read_packed(decoder: &TiffDecoder, bands: &[u32]) -> Result<Vec<u8>> {
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
fn cut(all: &[u8], decoder: &TiffDecoder, rect: &Rect, bands: &[u32]) -> Vec<u8> {
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

fn worst_difference(dtype: DType, a: &[u8], b: &[u8]) -> f64 {
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

fn levels<'a>(image: &'a TiffImage, kind: &str) -> &'a [TiffDecoder] {
    if kind == "mask" {
        &image.masks
    } else {
        &image.levels
    }
}

#[test]
fn every_file_reads_as_gdal_reads_it() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::new();
    for line in manifest() {
        let [
            file,
            image,
            kind,
            level,
            width,
            height,
            bands,
            dtype,
            tolerance,
            raw,
        ] = &line[..]
        else {
            continue;
        };
        let result = (|| -> Result<String> {
            let image = open(&made().join(file))?.image(image.parse().expect("an index"))?;
            let of_kind = levels(&image, kind);
            let key = (file.clone(), kind.clone());
            *counts.entry(key).or_insert(0) = of_kind.len();
            let Some(decoder) = of_kind.get(level.parse::<usize>().expect("a level")) else {
                return Ok(format!("has only {} levels", of_kind.len()));
            };
            let said = decoder.image();
            let is = format!(
                "{} {} {} {}",
                said.width(),
                said.height(),
                said.band_count(),
                said.dtype.name()
            );
            if is != format!("{width} {height} {bands} {dtype}") {
                return Ok(format!("is {is}"));
            }
            let expected = std::fs::read(made().join(raw)).expect("the expected samples");
            let all: Vec<u32> = (0..said.band_count()).collect();
            let got = read_all(decoder, &all)?;
            let difference = worst_difference(said.dtype, &got, &expected);
            if difference > tolerance.parse().expect("a number") {
                std::fs::write(made().join(format!("{raw}.got")), &got).unwrap();
                return Ok(format!("differs by {difference}"));
            }
            if read_packed(decoder, &all)? != got {
                return Ok("differs when read block by block".into());
            }
            let some: Vec<u32> = all.iter().rev().step_by(2).copied().collect();
            let whole = Rect::new(0, 0, said.width(), said.height());
            if read_packed(decoder, &some)? != cut(&got, decoder, &whole, &some) {
                return Ok(format!("differs in bands {some:?}"));
            }
            let inner = Rect::new(
                said.width() / 4,
                said.height() / 3,
                said.width().div_ceil(2),
                said.height().div_ceil(2),
            );
            for bands in [&all, &some] {
                let window = pixels(shape(&inner, bands.len()), said.dtype, |into| {
                    decoder.read_window(0, inner, bands, into)
                })?;
                if window != cut(&got, decoder, &inner, bands) {
                    return Ok(format!("differs in a window of bands {bands:?}"));
                }
            }
            Ok(String::new())
        })();
        compared += 1;
        let complaint = result.unwrap_or_else(|error| error.message().to_owned());
        if !complaint.is_empty() {
            wrong.push(format!(
                "{file} image {image} {kind} level {level} {complaint}"
            ));
        }
    }
    assert!(compared > 800, "only {compared} sets of pixels");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for ((file, kind), count) in counts {
        let named = manifest()
            .iter()
            .filter(|line| line[0] == file && line[2] == kind)
            .count();
        let several = manifest()
            .iter()
            .any(|line| line[0] == file && line[2] != kind && line.len() == 3);
        assert!(
            several || count <= named,
            "{file} has {count} levels of {kind}, GDAL {named}"
        );
    }
}

#[test]
fn counts_metadata_and_what_is_not_read() {
    for line in manifest() {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        match fields[..] {
            [file, "count", count] => {
                let file_count = open(&made().join(file)).expect(file).image_count();
                assert_eq!(file_count.to_string(), count, "{file}");
            }
            [file, "meta", band, name, value] => {
                let image = open(&made().join(file))
                    .and_then(|f| f.image(0))
                    .expect(file);
                let metadata = &image.levels[0].image().metadata;
                let found = metadata.get(&(band.parse().ok(), name.to_owned()));
                assert_eq!(found.map(String::as_str), Some(value), "{file} {name}");
            }
            [file, "error", _] => {
                let opened = open(&made().join(file)).expect(file);
                let error = opened.image(0).err().expect("an error");
                assert_eq!(error.kind(), Kind::Unsupported, "{file}");
                assert!(
                    error.message().contains("directory 0: compression"),
                    "{error}"
                );
            }
            _ => (),
        }
    }
    let mixed = open(&made().join("mixed.tif")).expect("the file opens");
    let error = mixed.image(1).err().expect("an error");
    assert!(
        error.message().starts_with("directory 1: compression 4"),
        "{error}"
    );
    let error = mixed.image(3).err().expect("an error");
    assert_eq!(error.kind(), Kind::Range);
}

#[test]
fn bands_nodata_and_absent_blocks_are_described() {
    let first = |name: &str| {
        let mut image = open(&made().join(name))
            .and_then(|f| f.image(0))
            .expect(name);
        image.levels.remove(0)
    };
    let colours = |name: &str| -> Vec<Colour> {
        first(name)
            .image()
            .bands
            .iter()
            .map(|band| band.colour)
            .collect()
    };
    assert_eq!(colours("palette.tif"), [Colour::Palette]);
    assert_eq!(colours("page0.tif"), [Colour::Gray]);
    let rgb = [Colour::Red, Colour::Green, Colour::Blue];
    assert_eq!(colours("565.tif"), rgb);
    assert_eq!(colours("jpeg-YCBCR-3-BLOCKYSIZE16-1.tif"), rgb);
    let palette = first("palette.tif");
    let text = &palette.image().metadata[&(None, "TIFFTAG_COLORMAP".into())];
    assert_eq!(text.lines().nth(1), Some("65535,0,32896"));

    let described = first("described.tif");
    let nodata = described.image().bands[1].nodata.expect("nodata");
    assert_eq!(nodata.to_f64(DType::I16), -9999.0);
    assert!(!described.image().sparse && described.image().windowed);
    for (name, pad) in [
        ("sparse.tif", 0.0),
        ("sparse-nodata.tif", 77.0),
        ("sparse-band.tif", 77.0),
    ] {
        let decoder = first(name);
        let image = decoder.image();
        assert!(image.sparse && !image.windowed, "{name}");
        assert_eq!(image.pad.to_f64(image.dtype), pad, "{name}");
        assert!(!decoder.has_block(Block::new(0, 0, 0)).expect(name));
        assert!(decoder.has_block(Block::new(0, 1, 3)).expect(name));
    }
    assert_eq!(first("nbits5-BIG-PIXEL.tif").image().bits, 5);
    assert!(first("nbits5-BIG-PIXEL.tif").image().bands_together);
    assert!(!first("sparse-band.tif").image().bands_together);
}

/// Files that others wrote, where they lie beside the checkout.
#[test]
fn real_files_read_as_gdal_reads_them() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.is_dir() {
        println!("skipped: there is no {}", data.display());
        return;
    }
    for entry in std::fs::read_dir(&data).expect("the directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "tif") {
            continue;
        }
        let raw = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real.raw");
        let status = Command::new("gdal_translate")
            .args(["-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ"])
            .args([&path, &raw])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "this test needs the Debian package gdal-bin"
        );
        let image = open(&path)
            .and_then(|file| file.image(0))
            .expect("the file opens");
        let decoder = &image.levels[0];
        let all: Vec<u32> = (0..decoder.image().band_count()).collect();
        let got = read_all(decoder, &all).expect("the pixels");
        let expected = std::fs::read(&raw).expect("the expected samples");
        let difference = worst_difference(decoder.image().dtype, &got, &expected);
        let is_jpeg = decoder.image().metadata[&(None, "TIFFTAG_COMPRESSION".into())] == "7";
        let tolerance = if is_jpeg { 4.0 } else { 0.0 };
        assert!(
            difference <= tolerance,
            "{} differs by {difference}",
            path.display()
        );
    }
}

/// Reads everything that a file claims to have; what fails must fail as an error.
fn exhaust(bytes: Vec<u8>) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let Ok(file) = TiffFile::open(Arc::new(MemoryBytes::new(bytes))) else {
        return (0, 1);
    };
    for index in 0..file.image_count().min(8) {
        let Ok(image) = file.image(index) else {
            bad += 1;
            continue;
        };
        for decoder in image.levels.iter().chain(&image.masks) {
            let said = decoder.image();
            let bands: Vec<u32> = (0..said.band_count().min(4)).collect();
            // A caller bounds what it asks for; the decoder must bound everything else.
            for (at, rect) in blocks(decoder).take(64) {
                if rect.width.saturating_mul(rect.height) > 1 << 22 {
                    continue;
                }
                let read = pixels(shape(&rect, bands.len()), said.dtype, |into| {
                    decoder.has_block(at)?;
                    decoder.read_block(at, &bands, into)
                });
                match read {
                    Ok(_) => good += 1,
                    Err(error) => {
                        assert_ne!(error.kind(), Kind::Internal, "{error}");
                        assert!(error.message().starts_with("directory "), "{error}");
                        bad += 1;
                    }
                }
            }
        }
    }
    (good, bad)
}

#[test]
fn damaged_files_give_errors_and_nothing_worse() {
    let names = [
        "u8-NONE-1-LITTLE-PIXEL.tif",
        "u16-NONE-1-BIG-BAND.tif",
        "u16-LZW-2-BIG-PIXEL.tif",
        "f32-DEFLATE-3-LITTLE-PIXEL.tif",
        "i16-PACKBITS-1-LITTLE-BAND.tif",
        "u8-ZSTD-2-LITTLE-PIXEL.tif",
        "cf64-ZSTD-1-BIG-BAND.tif",
        "nbits11-BIG-PIXEL.tif",
        "jpeg-YCBCR-3-BLOCKYSIZE16-1.tif",
        "jpeg-MINISBLACK-4-BLOCKYSIZE48-0.tif",
        "half-BIG-3.tif",
        "pages.tif",
        "mask-strips.tif",
        "sparse-band.tif",
        "described.tif",
    ];
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let (mut good, mut bad) = (0, 0);
    for name in names {
        let whole = std::fs::read(made().join(name)).expect(name);
        let (all, none) = exhaust(whole.clone());
        assert!(all > 0 && none == 0, "{name} before the damage");
        for i in 0..60 {
            let (read, failed) = exhaust(whole[..whole.len() * i / 60].to_vec());
            (good, bad) = (good + read, bad + failed);
        }
        for i in 0..300 {
            let mut damaged = whole.clone();
            for _ in 0..1 + random(3) {
                // Half of the damage hits the tags, where it does the most harm.
                let reach = if i % 2 == 0 {
                    whole.len().min(600)
                } else {
                    whole.len()
                };
                let at = random(reach);
                damaged[at] = match random(3) {
                    0 => damaged[at] ^ 1 << random(8),
                    1 => 0xff,
                    _ => random(256) as u8,
                };
            }
            let (read, failed) = exhaust(damaged);
            (good, bad) = (good + read, bad + failed);
        }
    }
    assert!(
        good > 1000 && bad > 1000,
        "{good} blocks read, {bad} refused"
    );
    let peak = peak_memory();
    assert!(peak < 2 << 30, "{peak} bytes of memory at the peak");
}

/// The most memory that this process has had resident.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.map(|line| line.trim().trim_end_matches("kB").trim());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        << 10
}

/// A small file with chosen tags, for what only an attacker writes.
fn crafted(tags: &[(u16, u16, u32, u32)], tail: &[u8]) -> Vec<u8> {
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(tail);
    file
}

#[test]
fn hostile_files_are_refused_by_kind_and_place() {
    let failure = |bytes: Vec<u8>| -> (Kind, String) {
        let result = TiffFile::open(Arc::new(MemoryBytes::new(bytes))).and_then(|file| {
            let image = file.image(file.image_count() - 1)?;
            let decoder = &image.levels[0];
            let (at, rect) = blocks(decoder).next().expect("a block");
            pixels(
                shape(&Rect::new(0, 0, rect.width.min(1 << 20), 1), 1),
                decoder.image().dtype,
                |into| decoder.read_block(at, &[0], into),
            )
        });
        let error = result.err().expect("an error");
        (error.kind(), error.message().to_owned())
    };
    let base = [
        (256, 4, 1, 100),
        (257, 4, 1, 100),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
    ];
    let with = |more: &[(u16, u16, u32, u32)], tail: &[u8]| {
        let mut tags: Vec<_> = base
            .into_iter()
            .filter(|tag| more.iter().all(|m| m.0 != tag.0))
            .collect();
        tags.extend(more);
        crafted(&tags, tail)
    };
    for (what, bytes, kind, says) in [
        ("nothing", vec![], Kind::Corrupt, "begin"),
        (
            "text",
            b"hello, world, this is text".to_vec(),
            Kind::Corrupt,
            "begin",
        ),
        (
            "a directory outside",
            b"II\x2a\0\xff\xff\0\0".to_vec(),
            Kind::Corrupt,
            "directory 0",
        ),
        (
            "no directory",
            b"II\x2a\0\0\0\0\0".to_vec(),
            Kind::Corrupt,
            "no directory",
        ),
        ("no offsets", with(&[], &[]), Kind::Corrupt, "offsets"),
        (
            "no width",
            with(&[(256, 3, 1, 0)], &[]),
            Kind::Corrupt,
            "0 x 100",
        ),
        (
            "a block outside",
            with(&[(273, 4, 1, 1 << 30), (279, 4, 1, 10_000)], &[]),
            Kind::Corrupt,
            "directory 0, block (0, 0)",
        ),
        (
            "a short block",
            with(&[(273, 4, 1, 8), (279, 4, 1, 50)], &[]),
            Kind::Corrupt,
            "50 bytes",
        ),
        (
            "an array of 16 GiB",
            with(&[(273, 4, u32::MAX, 8), (278, 3, 1, 1)], &[]),
            Kind::Corrupt,
            "beyond the end",
        ),
        (
            "huge sides",
            with(
                &[
                    (256, 4, 1, u32::MAX),
                    (257, 4, 1, u32::MAX),
                    (259, 3, 1, 5),
                    (273, 4, 1, 8),
                    (279, 4, 1, 50),
                ],
                &[],
            ),
            Kind::Limit,
            "bytes",
        ),
        (
            "a bomb",
            with(
                &[
                    (256, 4, 1, 60_000),
                    (257, 4, 1, 60_000),
                    (259, 3, 1, 8),
                    (273, 4, 1, 8),
                    (279, 4, 1, 50),
                ],
                &[],
            ),
            Kind::Corrupt,
            "cannot hold",
        ),
        (
            "no such compression",
            with(&[(259, 3, 1, 77)], &[]),
            Kind::Unsupported,
            "compression 77",
        ),
        (
            "0 bits",
            with(&[(258, 3, 1, 0)], &[]),
            Kind::Unsupported,
            "0 bits",
        ),
    ] {
        let (got, message) = failure(bytes);
        assert_eq!(got, kind, "{what}: {message}");
        assert!(message.contains(says), "{what}: {message}");
    }
    // A chain that returns to its beginning: one good image, and one that tells of the damage.
    let mut ring = with(&[(273, 4, 1, 8), (279, 4, 1, 50)], &[]);
    let link = ring.len() - 4;
    ring[link] = 8;
    let (kind, message) = failure(ring);
    assert_eq!(kind, Kind::Corrupt);
    assert!(
        message.contains("directory 1") && message.contains("returns"),
        "{message}"
    );
}

#[test]
fn a_truncated_file_still_gives_its_whole_blocks() {
    let path = made().join("u8-NONE-1-LITTLE-PIXEL.tif");
    let mut bytes = std::fs::read(path).expect("the file");
    bytes.truncate(bytes.len() - 100);
    let (good, bad) = exhaust(bytes);
    assert!(good > 0 && bad == 1, "{good} blocks read, {bad} refused");
}

#[test]
fn a_change_under_a_reader_is_seen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changing.tif");
    std::fs::copy(made().join("u8-NONE-1-LITTLE-PIXEL.tif"), &path).expect("a copy");
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(&path).expect("the file"));
    let file = TiffFile::open(bytes).expect("a TIFF file");
    let image = file.image(0).expect("an image");
    read_all(&image.levels[0], &[0]).expect("pixels");
    let other = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("a writer");
    other.set_len(500).expect("a truncation");
    let error = read_all(&image.levels[0], &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn many_threads_read_one_decoder() {
    let image = open(&made().join("overviews-planar.tif"))
        .and_then(|f| f.image(0))
        .expect("an image");
    let decoder = &image.levels[0];
    let expected = read_all(decoder, &[0, 1, 2]).expect("pixels");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(read_packed(decoder, &[0, 1, 2]).expect("pixels") == expected));
        }
    });
}
