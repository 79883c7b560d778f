//! Blocks that are JPEG streams: where each stream is, and what it contains.

use super::data::Data;
use super::mask::Mask;
use super::plan::{Mode, Plan};
use crate::error::{Error, Result};
use crate::source::jpeg::{self, Colours, Sof};
use crate::source::scratch::sized;
use std::ops::Range;
use std::sync::OnceLock;

/// Bytes that are searched at once.
const CHUNK: u64 = 256 << 10;

/// Where the streams of an image are.
#[derive(Default)]
pub struct Streams {
    /// Where blocks begin, from the mask table, in the order of the file.
    starts: Option<Vec<u64>>,
    /// The streams one after the other, found when first asked for.
    found: OnceLock<Vec<Range<u64>>>,
}

impl Streams {
    /// The streams of the blocks that a mask table lists, else of all.
    pub fn new(mask: &Mask) -> Self {
        Self {
            starts: mask.starts(),
            found: OnceLock::new(),
        }
    }

    /// Where all streams of an entry are.
    pub fn of_entry(
        &self,
        data: &Data,
        plan: &Plan,
        mask: &Mask,
        entry: u64,
    ) -> Result<Range<u64>> {
        if let Some(starts) = &self.starts {
            let Some(start) = mask.start(entry, 0) else {
                return Err(Error::internal("a stream of an absent block"));
            };
            let next = starts.partition_point(|other| *other <= start);
            let end = starts.get(next).copied().unwrap_or(data.size());
            return Ok(start..end.max(start));
        }
        let per_entry = streams_of_entry(plan);
        let first = (entry * per_entry) as usize;
        let found = self.all(data, plan, mask)?;
        match found.get(first..first + per_entry as usize) {
            Some([first, .., last]) => Ok(first.start..last.end),
            Some([only]) => Ok(only.clone()),
            _ => Err(Error::corrupt("streams are missing")),
        }
    }

    /// All streams, which are looked for at the first need.
    fn all(&self, data: &Data, plan: &Plan, mask: &Mask) -> Result<&[Range<u64>]> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let all = match plan.mask_count() * streams_of_entry(plan) {
            // A single stream is where the data are.
            1 => std::iter::once(mask.data_at..data.size()).collect(),
            most => scan(data, mask.data_at, most)?,
        };
        Ok(self.found.get_or_init(|| all))
    }

    /// The stream of band `band` of a block whose entry is `entry`: where it is in the data.
    pub fn get(
        &self,
        data: &Data,
        plan: &Plan,
        mask: &Mask,
        entry: u64,
        band: u64,
    ) -> Result<Range<u64>> {
        let per_entry = streams_of_entry(plan);
        let nth = if per_entry == 1 { 0 } else { band };
        if self.starts.is_some() {
            let range = self.of_entry(data, plan, mask, entry)?;
            if per_entry == 1 {
                return Ok(range);
            }
            // The bands of a block have no offsets of their own.
            let mut scanner = Scanner::new(data, range);
            for _ in 0..nth {
                scanner.next_stream()?;
            }
            return scanner
                .next_stream()?
                .ok_or_else(|| Error::corrupt("the JPEG stream is missing"));
        }
        let found = self.all(data, plan, mask)?;
        let stream = found.get((entry * per_entry + nth) as usize);
        stream.cloned().ok_or_else(|| {
            Error::corrupt(format!(
                "the JPEG stream is missing; only {} are stored",
                found.len()
            ))
        })
    }
}

/// Streams of a block, or of one band of it where bands have their own blocks.
fn streams_of_entry(plan: &Plan) -> u64 {
    match plan.mode {
        Mode::Block => plan.bands,
        _ => 1,
    }
}

/// Decodes a stream into interleaved rows of a whole block.
pub fn decode(
    data: &Data,
    plan: &Plan,
    stream: Range<u64>,
    input: &mut Vec<u8>,
    output: &mut Vec<u8>,
) -> Result<()> {
    let (width, rows) = (plan.block.0 as usize, plan.block.1 as usize);
    let bands = plan.channels() as usize;
    let sample_bytes = plan.dtype.size();
    let expected = (width * rows * bands * sample_bytes) as u64;
    // No stream is much longer than its pixels; what lies behind belongs to nothing.
    let len = (stream.end - stream.start).min(expected.saturating_mul(2) + (1 << 20));
    // JPEG has 64 samples for a bit at most, and up to sixteen times as many where it is subsampled.
    if expected / 4096 > len {
        return Err(Error::corrupt(format!(
            "{len} compressed bytes cannot hold a block of {expected}"
        )));
    }
    data.check(stream.start, len)?;
    let input = sized(input, len)?;
    data.read(stream.start, input)?;
    // Writers may leave space before a stream.
    let start = input.windows(2).position(|pair| pair == [0xff, 0xd8]);
    let input = &input[start.unwrap_or_default()..];
    let Some(sof) = Sof::find(input) else {
        return Err(Error::corrupt("the block is no JPEG stream"));
    };
    if plan.reduced && (sof.width, sof.rows) != (width, rows) {
        return Err(Error::unsupported(format!(
            "an image of {width} x {rows} pixels stored as {} x {} (field IC is I1)",
            sof.width, sof.rows
        )));
    }
    let wanted = jpeg::Frame {
        width,
        rows,
        most_rows: rows,
        bands,
        sample_bytes,
        colours: match bands {
            3 => Colours::AsMarked,
            _ => Colours::AsStored,
        },
    };
    jpeg::decode(&[], input, &wanted, output)
}

/// All streams from `at` on, but no more than `most`.
fn scan(data: &Data, at: u64, most: u64) -> Result<Vec<Range<u64>>> {
    let mut scanner = Scanner::new(data, at..data.size());
    let mut found = Vec::new();
    while (found.len() as u64) < most
        && let Some(stream) = scanner.next_stream()?
    {
        found.push(stream);
    }
    Ok(found)
}

/// Finds where streams begin and end.
struct Scanner<'a> {
    data: &'a Data,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scanner<'a> {
    fn new(data: &'a Data, range: Range<u64>) -> Self {
        Self {
            data,
            at: range.start,
            end: range.end.min(data.size()),
            window: Vec::new(),
            window_at: range.start,
        }
    }

    /// The bytes from the present place on, at least two unless the end is there.
    fn rest(&mut self) -> Result<&[u8]> {
        let used = self.at - self.window_at;
        if used + 2 > self.window.len() as u64 && self.at < self.end {
            let len = CHUNK.min(self.end - self.at);
            self.window_at = self.at;
            self.data.read(self.at, sized(&mut self.window, len)?)?;
            self.window.truncate(len as usize);
        }
        let used = (self.at - self.window_at) as usize;
        Ok(self.window.get(used..).unwrap_or_default())
    }

    /// Goes on to the next 0xff that has a byte behind it, and returns that byte.
    fn marker(&mut self) -> Result<Option<u8>> {
        loop {
            let rest = self.rest()?;
            if rest.len() < 2 {
                return Ok(None);
            }
            match rest.iter().position(|byte| *byte == 0xff) {
                Some(0) => {
                    let marker = rest[1];
                    self.at += 1;
                    return Ok(Some(marker));
                }
                Some(skipped) => self.at += skipped as u64,
                None => self.at += rest.len() as u64,
            }
        }
    }

    /// The next stream; one that is cut off reaches to the end.
    fn next_stream(&mut self) -> Result<Option<Range<u64>>> {
        // Writers may fill up the space between streams.
        let start = loop {
            match self.marker()? {
                None => return Ok(None),
                Some(0xd8) => break self.at - 1,
                Some(_) => (),
            }
        };
        self.at += 1;
        loop {
            match self.marker()? {
                None => {
                    self.at = self.end;
                    return Ok(Some(start..self.end));
                }
                Some(0xd9) => {
                    self.at += 1;
                    return Ok(Some(start..self.at));
                }
                // Stuffed bytes, restarts, and fill bytes before a marker.
                Some(0x00 | 0x01 | 0xd0..=0xd8 | 0xff) => (),
                // A segment, in which the pattern of an end means nothing.
                Some(_) => {
                    self.at += 1;
                    if let [high, low, ..] = self.rest()? {
                        self.at += u64::from(u16::from_be_bytes([*high, *low]).max(2));
                    }
                    self.at = self.at.min(self.end);
                }
            }
        }
    }
}
