//! What a stored tile looks like: a header, and its rows without gaps, compressed where that pays.
//!
//! All numbers are little endian.
//!
//! | at | bytes | |
//! |---:|---:|---|
//! |  0 |  4 | `TCFV` |
//! |  4 |  2 | the format, 1 |
//! |  6 |  1 | byte order of samples: 1 little, 2 big |
//! |  7 |  1 | sample type, as `tc_dtype` |
//! |  8 |  1 | codec: 0 none, 1 LZ4 block, 2 zstd |
//! |  9 |  1 | shuffle: bytes of one number; 1 where they lie as they are |
//! | 10 |  2 | 0 |
//! | 12 | 12 | columns, rows, bands |
//! | 24 |  8 | bytes of all rows |
//! | 32 |  8 | bytes that follow the header |
//! | 40 |  8 | the first bytes of the digest that the value is stored under |
//! | 48 | 16 | tag over the header before it, the whole digest, and what follows |
//!
//! Shuffled, the first bytes of all numbers come first, then all second bytes, and so on. The tag is a BLAKE3 digest, or
//! keyed where the fleet has a secret. Blocks that an image does not have are never stored: who has its index knows them.
//! Whatever does not fit is [doubted](Doubt), and then is as if it were not there.

use crate::key::{Digest, Secret};
use crate::sample::Sample;
use crate::shuffle::{Gathered, scatter, shuffle, unshuffle};

/// Bytes of a header.
pub const HEADER: usize = 64;

const MAGIC: [u8; 4] = *b"TCFV";
const FORMAT: u16 = 1;
const TAG: usize = 16;
const PURPOSE: &[u8] = b"tilecache 2026 tier: value\0";
const BYTE_ORDER: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };

/// What a tile looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The type of its samples.
    pub sample: Sample,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bands.
    pub bands: u32,
}

impl Form {
    /// Bytes of a row without its gap.
    pub fn row_bytes(&self) -> usize {
        self.width as usize * self.sample.bytes()
    }

    /// Rows of all bands.
    pub fn rows(&self) -> usize {
        self.height as usize * self.bands as usize
    }

    /// Bytes of all rows, unless there are more than a machine can have.
    pub fn bytes(&self) -> Option<usize> {
        let pixels = u64::from(self.width).checked_mul(self.height.into())?;
        let samples = pixels.checked_mul(self.bands.into())?;
        let bytes = samples.checked_mul(self.sample.bytes() as u64)?;
        usize::try_from(bytes)
            .ok()
            .filter(|&bytes| bytes <= isize::MAX as usize)
    }
}

/// Pixels to be written, band after band, with whatever gaps.
#[derive(Clone, Copy)]
pub struct Pixels<'a> {
    /// From the first sample to the last.
    pub data: &'a [u8],
    /// Bytes from a row to the next.
    pub row_stride: usize,
    /// Bytes from a band to the next.
    pub band_stride: usize,
}

/// Where pixels are read to. What is in the gaps stays as it is.
pub struct PixelsMut<'a> {
    /// From the first sample to the last.
    pub data: &'a mut [u8],
    /// Bytes from a row to the next.
    pub row_stride: usize,
    /// Bytes from a band to the next.
    pub band_stride: usize,
}

/// Where the rows of an image lie, if it has so many bytes; nothing where they would overlap or end beyond.
pub(crate) fn row_offsets(
    form: &Form,
    (row_stride, band_stride): (usize, usize),
    length: usize,
) -> Option<impl Iterator<Item = usize> + Clone + use<>> {
    let (height, bands) = match form.bytes()? {
        0 => (0, 0),
        _ => (form.height as usize, form.bands as usize),
    };
    if bands > 0 {
        let last = (bands - 1).checked_mul(band_stride)?;
        let last = last.checked_add((height - 1).checked_mul(row_stride)?)?;
        let fits = last.checked_add(form.row_bytes())? <= length;
        let rows_apart = row_stride >= form.row_bytes() || height == 1;
        let bands_apart = band_stride >= (height - 1) * row_stride + form.row_bytes() || bands == 1;
        (fits && rows_apart && bands_apart).then_some(())?;
    }
    let row = move |band| (0..height).map(move |row| band * band_stride + row * row_stride);
    Some((0..bands).flat_map(row))
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As LZ4 blocks: fastest.
    Lz4,
    /// By zstd at level 1: smaller, and slower.
    Zstd,
}

impl Compression {
    fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|known| known.code() == code)
    }

    fn compress(self, raw: &[u8], into: &mut Vec<u8>) -> Option<()> {
        let from = into.len();
        match self {
            Self::None => into.extend_from_slice(raw),
            Self::Lz4 => {
                into.resize(
                    from + lz4_flex::block::get_maximum_output_size(raw.len()),
                    0,
                );
                let written = lz4_flex::block::compress_into(raw, &mut into[from..]).ok()?;
                into.truncate(from + written);
            }
            Self::Zstd => {
                into.resize(from + zstd::zstd_safe::compress_bound(raw.len()), 0);
                let written = zstd::bulk::compress_to_buffer(raw, &mut into[from..], 1).ok()?;
                into.truncate(from + written);
            }
        }
        Some(())
    }

    /// Fills all of `into`, or fails.
    fn decompress(self, body: &[u8], into: &mut [u8]) -> Result<(), Doubt> {
        let written = match self {
            Self::None => {
                (body.len() == into.len())
                    .then_some(())
                    .ok_or(Doubt::Body)?;
                into.copy_from_slice(body);
                into.len()
            }
            Self::Lz4 => lz4_flex::block::decompress_into(body, into).map_err(|_| Doubt::Body)?,
            Self::Zstd => zstd::bulk::decompress_to_buffer(body, into).map_err(|_| Doubt::Body)?,
        };
        (written == into.len()).then_some(()).ok_or(Doubt::Body)
    }
}

/// Why a value is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doubt {
    /// Shorter than a header, or not as long as that says.
    Length,
    /// It does not begin as values do.
    Magic,
    /// Of another version of the format, or with something in it that this one does not know.
    Format,
    /// Samples in the byte order of other machines.
    ByteOrder,
    /// Another sample type, or another shape.
    Form,
    /// A codec that is not known.
    Codec,
    /// Stored under another key.
    Key,
    /// The tag is another one: torn, flipped, or forged.
    Tag,
    /// What is compressed does not give the rows.
    Body,
}

impl Doubt {
    /// The kinds of doubts, in the order in which they are counted.
    pub const KINDS: [&'static str; 9] = [
        "length",
        "magic",
        "format",
        "byte_order",
        "form",
        "codec",
        "key",
        "tag",
        "body",
    ];
}

/// Why there is no value of some pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It would be longer than values may be.
    TooLong,
    /// The rows are not in the memory that was given.
    Outside,
}

/// What makes values.
#[derive(Clone, Debug)]
pub struct Packer {
    /// How.
    pub compression: Compression,
    /// Whose.
    pub secret: Option<Secret>,
    /// How long a value may be.
    pub max_bytes: usize,
}

impl Packer {
    /// The value of a tile.
    pub fn pack(&self, key: &Digest, form: &Form, pixels: Pixels<'_>) -> Result<Vec<u8>, Refused> {
        let strides = (pixels.row_stride, pixels.band_stride);
        let rows = row_offsets(form, strides, pixels.data.len()).ok_or(Refused::Outside)?;
        let rows = rows.map(|at| &pixels.data[at..at + form.row_bytes()]);
        let raw = form.bytes().ok_or(Refused::TooLong)?;
        // Where it can only come out too long, nothing is compressed to see that.
        if raw / 256 > self.max_bytes {
            return Err(Refused::TooLong);
        }
        let number = form.sample.number_bytes();
        let mut shuffled = 1;
        let mut codec = self.compression;
        let mut value = vec![0; HEADER];
        if codec != Compression::None {
            let gathered;
            let packed = if number > 1 {
                shuffled = number;
                gathered = shuffle(rows.clone(), raw, number);
                &gathered[..]
            } else if pixels.data.len() == raw {
                pixels.data
            } else {
                gathered = rows.clone().collect::<Gathered>().0;
                &gathered[..]
            };
            let compressed = codec.compress(packed, &mut value).is_some();
            // Less than a sixteenth saved is not worth the time of every reader.
            if !compressed || value.len() - HEADER > raw - raw / 16 {
                value.truncate(HEADER);
                (codec, shuffled) = (Compression::None, 1);
            }
        }
        if codec == Compression::None {
            if HEADER + raw > self.max_bytes {
                return Err(Refused::TooLong);
            }
            value.reserve_exact(raw);
            rows.for_each(|row| value.extend_from_slice(row));
        }
        if value.len() > self.max_bytes {
            return Err(Refused::TooLong);
        }
        let header = Header {
            form: *form,
            codec,
            shuffle: shuffled,
            raw,
            body: value.len() - HEADER,
        };
        Ok(self.finish(&header, key, value))
    }

    fn finish(&self, header: &Header, key: &Digest, mut value: Vec<u8>) -> Vec<u8> {
        let (head, body) = value.split_at_mut(HEADER);
        header.write(key, head);
        let tag = tag(&head[..HEADER - TAG], key, body, self.secret.as_ref());
        head[HEADER - TAG..].copy_from_slice(&tag);
        value
    }
}

/// A value that is believed.
#[derive(Debug)]
pub struct Checked<'a> {
    header: Header,
    body: &'a [u8],
}

impl<'a> Checked<'a> {
    /// Looks whether a value is what is expected under a key.
    pub fn new(
        value: &'a [u8],
        key: &Digest,
        form: &Form,
        secret: Option<&Secret>,
    ) -> Result<Self, Doubt> {
        let (head, body) = value.split_at_checked(HEADER).ok_or(Doubt::Length)?;
        let header = Header::read(head, key)?;
        if header.form != *form {
            return Err(Doubt::Form);
        }
        if header.body != body.len() {
            return Err(Doubt::Length);
        }
        if Some(header.raw) != form.bytes() {
            return Err(Doubt::Length);
        }
        let tag = tag(&head[..HEADER - TAG], key, body, secret);
        let stored = &head[HEADER - TAG..];
        // In the same time wherever the first difference is.
        if tag.iter().zip(stored).fold(0, |all, (a, b)| all | (a ^ b)) != 0 {
            return Err(Doubt::Tag);
        }
        Ok(Self { header, body })
    }

    /// Writes the pixels, and says how many bytes it wrote for that, with those of any step between. Where that fails,
    /// what is there is neither old nor new.
    pub fn unpack(&self, into: &mut PixelsMut<'_>) -> Result<usize, Doubt> {
        let Header {
            form,
            codec,
            shuffle: number,
            raw,
            ..
        } = &self.header;
        let strides = (into.row_stride, into.band_stride);
        let rows = row_offsets(form, strides, into.data.len()).ok_or(Doubt::Form)?;
        let is_packed = into.data.len() == *raw;
        match (*number, *codec) {
            (1, codec) if is_packed => codec.decompress(self.body, into.data)?,
            (1, Compression::None) => scatter(self.body, rows, form.row_bytes(), into.data),
            (number, codec) => {
                let mut packed = vec![0; *raw];
                codec.decompress(self.body, &mut packed)?;
                unshuffle(&packed, number, rows, form.row_bytes(), into.data);
                return Ok(2 * raw);
            }
        }
        Ok(*raw)
    }
}

#[derive(Debug)]
struct Header {
    form: Form,
    codec: Compression,
    shuffle: usize,
    raw: usize,
    body: usize,
}

impl Header {
    fn write(&self, key: &Digest, head: &mut [u8]) {
        let form = &self.form;
        let mut fields = Vec::with_capacity(HEADER);
        fields.extend_from_slice(&MAGIC);
        fields.extend_from_slice(&FORMAT.to_le_bytes());
        let codes = [
            BYTE_ORDER,
            form.sample.code(),
            self.codec.code(),
            self.shuffle as u8,
            0,
            0,
        ];
        fields.extend_from_slice(&codes);
        for side in [form.width, form.height, form.bands] {
            fields.extend_from_slice(&side.to_le_bytes());
        }
        fields.extend_from_slice(&(self.raw as u64).to_le_bytes());
        fields.extend_from_slice(&(self.body as u64).to_le_bytes());
        fields.extend_from_slice(&key.0[..8]);
        head[..fields.len()].copy_from_slice(&fields);
    }

    /// What a head of [`HEADER`] bytes says, before the tag is looked at.
    fn read(head: &[u8], key: &Digest) -> Result<Self, Doubt> {
        let four =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let eight = |at: usize| u64::from(four(at)) | u64::from(four(at + 4)) << 32;
        let length = |at: usize| usize::try_from(eight(at)).map_err(|_| Doubt::Length);
        if head[..4] != MAGIC {
            return Err(Doubt::Magic);
        }
        if head[4..6] != FORMAT.to_le_bytes() || head[10..12] != [0, 0] {
            return Err(Doubt::Format);
        }
        if head[6] != BYTE_ORDER {
            return Err(Doubt::ByteOrder);
        }
        if head[40..48] != key.0[..8] {
            return Err(Doubt::Key);
        }
        let sample = Sample::from_code(head[7].into()).ok_or(Doubt::Form)?;
        let shuffle = usize::from(head[9]);
        if shuffle != 1 && shuffle != sample.number_bytes() {
            return Err(Doubt::Format);
        }
        Ok(Self {
            form: Form {
                sample,
                width: four(12),
                height: four(16),
                bands: four(20),
            },
            codec: Compression::from_code(head[8]).ok_or(Doubt::Codec)?,
            shuffle,
            raw: length(24)?,
            body: length(32)?,
        })
    }
}

fn tag(head: &[u8], key: &Digest, body: &[u8], secret: Option<&Secret>) -> [u8; TAG] {
    let mut hasher = match secret {
        Some(secret) => blake3::Hasher::new_keyed(secret.values()),
        None => blake3::Hasher::new(),
    };
    hasher
        .update(PURPOSE)
        .update(head)
        .update(&key.0)
        .update(body);
    let mut tag = [0; TAG];
    hasher.finalize_xof().fill(&mut tag);
    tag
}
