//! Loops compiled for wider vectors than every processor has.

/// Runs a loop compiled for the widest vectors that the processor is known to have.
///
/// The baseline of x86-64 has no shuffles, without which separating interleaved bytes takes ten
/// times as long. `work` must be inlined entirely to gain anything.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked.
            return unsafe { wide(work) };
        }
    }
    work()
}

/// Hints that so many bytes are about to be written, lest each line of them be waited for. The address is only looked at by
/// the processor, which may take it for no memory at all.
#[inline(always)]
pub fn prefetch(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads and writes nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _unused = (start, bytes);
}

/// Turns differences into running sums in place: words of `word` bytes in native order, each added to
/// the one `stride` bytes before it. Says whether this processor has the instructions for it.
pub fn running_sums(row: &mut [u8], word: usize, stride: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") && (1..=x86::LANES).contains(&stride) {
        // SAFETY: the processor has just been asked.
        unsafe {
            match word {
                1 => x86::running_sums::<1>(row, stride),
                2 => x86::running_sums::<2>(row, stride),
                4 => x86::running_sums::<4>(row, stride),
                8 => x86::running_sums::<8>(row, stride),
                _ => return false,
            }
        }
        return true;
    }
    let _unused = (row, word, stride);
    false
}

/// A line over samples of 16 bits, in single precision: round((min(sample, most) - base) slope + start), clamped to 8 bits.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Is flipped in each sample before all else: the bit of the sign makes signed samples unsigned ones.
    pub flip: u16,
    /// Greater samples count as this one.
    pub most: u16,
    /// The sample that becomes `start`.
    pub base: u16,
    /// The rise of one sample.
    pub slope: f32,
    /// Above 0 where the line does not go through `base`.
    pub start: f32,
}

impl Line {
    /// Writes the code for each sample of a row; says whether this processor has the instructions for it.
    pub fn run(&self, row: &[u8], out: &mut [u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked.
            unsafe {
                match (self.flip != 0, self.start != 0.0) {
                    (false, false) => x86::line::<false, false>(self, row, out),
                    (false, true) => x86::line::<false, true>(self, row, out),
                    (true, false) => x86::line::<true, false>(self, row, out),
                    (true, true) => x86::line::<true, true>(self, row, out),
                }
            }
            return true;
        }
        let _unused = (row, out);
        false
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Line;
    use std::arch::x86_64::*;
    use std::array;

    /// Bytes of a vector twice as wide.
    const WIDE: usize = 32;

    /// A sample of 16 bits behind these is 2^23 and it, as a float.
    const MAGIC: i16 = 0x4b00;

    /// [`Line::run`], 32 samples at a time. What is left over goes the same way, in memory of its own.
    #[target_feature(enable = "avx2")]
    pub fn line<const FLIPS: bool, const STARTS: bool>(line: &Line, row: &[u8], out: &mut [u8]) {
        let (rows, rest) = row.as_chunks::<{ 2 * WIDE }>();
        let (outs, out_rest) = out.as_chunks_mut::<WIDE>();
        for (samples, out) in rows.iter().zip(outs) {
            *out = codes::<FLIPS, STARTS>(line, samples);
        }
        let mut samples = [0; 2 * WIDE];
        samples[..rest.len()].copy_from_slice(rest);
        let codes = codes::<FLIPS, STARTS>(line, &samples);
        out_rest.copy_from_slice(&codes[..out_rest.len()]);
    }

    #[target_feature(enable = "avx2")]
    fn codes<const FLIPS: bool, const STARTS: bool>(
        line: &Line,
        samples: &[u8; 2 * WIDE],
    ) -> [u8; WIDE] {
        let of = |bits: u16| _mm256_set1_epi16(bits as i16);
        let (flip, most, magic) = (of(line.flip), of(line.most), _mm256_set1_epi16(MAGIC));
        let base = _mm256_set1_ps(8_388_608.0 + f32::from(line.base));
        let slope = _mm256_set1_ps(line.slope);
        let start = _mm256_set1_ps(line.start);
        let rounded = |magic: __m256i| {
            let above = _mm256_sub_ps(_mm256_castsi256_ps(magic), base);
            let code = _mm256_mul_ps(above, slope);
            let code = if STARTS {
                _mm256_add_ps(code, start)
            } else {
                code
            };
            _mm256_cvtps_epi32(code)
        };
        let half = |bytes: [u8; WIDE]| {
            let samples: __m256i = bytemuck::cast(bytes);
            let samples = if FLIPS {
                _mm256_xor_si256(samples, flip)
            } else {
                samples
            };
            let samples = _mm256_min_epu16(samples, most);
            let low = rounded(_mm256_unpacklo_epi16(samples, magic));
            let high = rounded(_mm256_unpackhi_epi16(samples, magic));
            _mm256_packus_epi32(low, high)
        };
        let [first, second]: [[u8; WIDE]; 2] = bytemuck::cast(*samples);
        let codes = _mm256_packus_epi16(half(first), half(second));
        // Packing goes by halves of vectors.
        bytemuck::cast(_mm256_permute4x64_epi64::<0b11_01_10_00>(codes))
    }

    /// Bytes of a vector.
    pub const LANES: usize = 16;

    /// Adds to each vector itself moved up by one, two, four, ... strides, and then the last sums of
    /// the vector before it. Only the last addition waits for that vector.
    #[target_feature(enable = "ssse3")]
    pub fn running_sums<const WORD: usize>(row: &mut [u8], stride: usize) {
        match stride {
            1 => sums::<WORD, 4>(row, stride),
            2..=3 => sums::<WORD, 3>(row, stride),
            4..=7 => sums::<WORD, 2>(row, stride),
            8..LANES => sums::<WORD, 1>(row, stride),
            _ => sums::<WORD, 0>(row, stride),
        }
    }

    #[target_feature(enable = "ssse3")]
    fn sums<const WORD: usize, const MOVES: usize>(row: &mut [u8], stride: usize) {
        /// The index of a byte that becomes zero.
        const NOTHING: u8 = 0x80;
        let moves: [__m128i; MOVES] = array::from_fn(|step| {
            let by = stride << step;
            bytemuck::cast(array::from_fn::<u8, LANES, _>(|to| {
                to.checked_sub(by).map_or(NOTHING, |from| from as u8)
            }))
        });
        let last: __m128i = bytemuck::cast(array::from_fn::<u8, LANES, _>(|to| {
            (LANES - stride + to % stride) as u8
        }));
        let mut before = _mm_setzero_si128();
        let mut sum = |vector: &mut [u8; LANES]| {
            let mut sums: __m128i = bytemuck::cast(*vector);
            for to in moves {
                sums = add::<WORD>(sums, _mm_shuffle_epi8(sums, to));
            }
            sums = add::<WORD>(sums, before);
            before = _mm_shuffle_epi8(sums, last);
            *vector = bytemuck::cast(sums);
        };
        let (vectors, rest) = row.as_chunks_mut();
        vectors.iter_mut().for_each(&mut sum);
        let mut vector = [0; LANES];
        vector[..rest.len()].copy_from_slice(rest);
        sum(&mut vector);
        rest.copy_from_slice(&vector[..rest.len()]);
    }

    #[target_feature(enable = "ssse3")]
    fn add<const WORD: usize>(a: __m128i, b: __m128i) -> __m128i {
        match WORD {
            1 => _mm_add_epi8(a, b),
            2 => _mm_add_epi16(a, b),
            4 => _mm_add_epi32(a, b),
            _ => _mm_add_epi64(a, b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_run_over_rows_of_any_length() {
        for word in [1, 2, 4, 8] {
            for stride in (word..=16).step_by(word) {
                for words in 0..20 {
                    let mut row: Vec<u8> =
                        (0..words * word).map(|i| (i * 151 + 77) as u8).collect();
                    let mut expected = row.clone();
                    for at in (stride..row.len()).step_by(word) {
                        let mut carry = 0;
                        for byte in at..at + word {
                            let sum = u16::from(expected[byte])
                                + u16::from(expected[byte - stride])
                                + carry;
                            expected[byte] = sum as u8;
                            carry = sum >> 8;
                        }
                    }
                    if cfg!(target_endian = "little") && running_sums(&mut row, word, stride) {
                        assert_eq!(row, expected, "words of {word}, stride {stride}");
                    }
                }
            }
        }
    }
}
