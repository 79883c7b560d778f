//! Decoding the pixels.

use super::{LIMITS, PngDecoder, Storage, failed};
use crate::bytes::stream::ByteStream;
use crate::error::{Error, Result};
use crate::image::Block;
use crate::memory::PixelsMut;
use crate::source::Decoder;
use crate::source::samples::{bit_field, split, turn, widen};
use crate::source::scratch::{Scratch, sized, with_scratch};

/// Bytes that are read at once.
const AHEAD: usize = 1 << 20;

impl PngDecoder {
    fn decode(
        &self,
        stream: &mut ByteStream<'_>,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let mut decoder = png::Decoder::new_with_limits(stream, LIMITS);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let mut reader = decoder.read_info().map_err(failed)?;
        if Storage::new(reader.info()) != self.storage {
            return Err(Error::corrupt("chunk IHDR is not what it was before"));
        }
        let picks: Vec<usize> = bands.iter().map(|band| *band as usize).collect();
        let line = reader.output_line_size(self.storage.width);
        let all = reader.output_buffer_size();
        let (Some(line), Some(all)) = (line, all) else {
            return Err(Error::limit("a row exceeds the address space"));
        };
        with_scratch(|scratch| {
            let Scratch { output, .. } = scratch;
            if self.storage.interlaced {
                let stored = sized(output, all as u64)?;
                // Bits are put in where others are expected to be none.
                stored.fill(0);
                reader.next_frame(stored).map_err(failed)?;
                for (y, row) in stored.chunks_exact_mut(line).enumerate() {
                    self.deliver(row, y, &picks, into);
                }
                return Ok(());
            }
            let row = sized(output, line as u64)?;
            for y in 0..self.storage.height as usize {
                let there = reader
                    .read_row(row)
                    .map_err(|error| failed(error).at(format!("row {y}")))?;
                if there.is_none() {
                    return Err(Error::corrupt(format!("row {y} is missing")));
                }
                self.deliver(row, y, &picks, into);
            }
            // The last sum stands behind the last row.
            reader.read_row(row).map_err(failed)?;
            Ok(())
        })
    }

    /// Separates a row as it is stored into bands.
    fn deliver(&self, row: &mut [u8], y: usize, picks: &[usize], into: &mut PixelsMut<'_>) {
        let (width, bits) = (self.storage.width as usize, self.storage.bits());
        let mut rows = into.rows_mut(y);
        if bits < 8 {
            // There is one channel only.
            for out in &mut rows {
                let samples = (0..width).map(|x| bit_field(row, x * bits as usize, bits));
                widen(samples, 1, out);
            }
            return;
        }
        let size = bits as usize / 8;
        if cfg!(target_endian = "little") {
            turn(row, size);
        }
        split(row, size, self.storage.channels(), picks, &mut rows);
    }
}

impl Decoder for PngDecoder {
    fn read_block(&self, _at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let mut stream = ByteStream::new(&*self.bytes, AHEAD);
        let result = self.decode(&mut stream, bands, into);
        self.bytes.check_unchanged()?;
        result.map_err(|error| error.at(format!("pixels before byte {}", stream.position())))
    }
}
