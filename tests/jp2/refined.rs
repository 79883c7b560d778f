//! Code-blocks of Part 15 whose passes come in several packets or behind passes without bytes, which no encoder at hand
//! writes: packets made of what ojph_compress writes of one code-block, and of passes that are encoded here.

use super::support::*;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::geometry::Rect;
use tilecache::source::Decoder;
use tilecache::source::jp2::{Jp2Decoder, Jp2File};

/// Columns and rows of the code-block, which neither quads nor stripes nor groups of columns divide.
const WIDTH: usize = 37;
const HEIGHT: usize = 27;

/// A code-block of one cleanup pass.
struct Encoded {
    /// The codestream up to its packet.
    headers: Vec<u8>,
    /// Bit planes that are zero.
    zero_planes: usize,
    cleanup: Vec<u8>,
}

/// Samples about zero: a few large, many small, most of them beside others.
fn samples() -> Vec<i32> {
    let sample = |i: usize| {
        let (x, y) = (i % WIDTH, i / WIDTH);
        let noise = (i as u32).wrapping_mul(2_654_435_761) >> 24;
        let size = match (x * y / 40 % 3, noise % 7) {
            (0, 0) => 1,
            (0, _) => 0,
            (1, _) => noise % 4,
            _ => noise % 60,
        };
        size as i32 * if noise & 64 == 0 { 1 } else { -1 }
    };
    (0..WIDTH * HEIGHT).map(sample).collect()
}

/// Bits from the highest of a byte on; behind a byte of ones comes one bit less.
struct Bits<'a>(&'a [u8], usize, u8);

impl Bits<'_> {
    fn next(&mut self) -> bool {
        if self.1 == 0 {
            self.1 = if self.2 == 0xff { 7 } else { 8 };
            self.2 = self.0[0];
            self.0 = &self.0[1..];
        }
        self.1 -= 1;
        self.2 >> self.1 & 1 == 1
    }

    /// How many bits are so before the first that is not, which is passed over.
    fn run_of(&mut self, bit: bool) -> usize {
        std::iter::from_fn(|| (self.next() == bit).then_some(())).count()
    }
}

/// Samples as ojph_compress encodes them without a wavelet.
fn encoded(name: &str, samples: &[i32]) -> Encoded {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("refined-{name}"));
    let (raw, made) = (path.with_extension("yuv"), path.with_extension("j2c"));
    std::fs::write(&raw, stored(samples)).expect("samples");
    let size = format!("{{{WIDTH},{HEIGHT}}}");
    let done = Command::new("ojph_compress")
        .arg("-i")
        .arg(&raw)
        .arg("-o")
        .arg(&made)
        .args(["-dims", &size, "-num_comps", "1", "-signed", "false"])
        .args([
            "-bit_depth",
            "8",
            "-downsamp",
            "{1,1}",
            "-reversible",
            "true",
        ])
        .args(["-num_decomps", "0"])
        .output();
    let done = done.expect("this test needs the Debian package openjph-tools");
    assert!(done.status.success(), "{done:?}");
    let bytes = std::fs::read(made).expect("the file");
    let part = tile_parts(&bytes)[0].clone();
    let data = bytes[part.clone()]
        .windows(2)
        .position(|two| two == [0xff, 0x93]);
    let data = part.start + data.expect("SOD") + 2;
    // There is a packet, the code-block is in it, and has one pass.
    let mut bits = Bits(&bytes[data..], 0, 0);
    assert!(bits.next() && bits.next());
    let zero_planes = bits.run_of(false);
    assert!(!bits.next());
    let length_bits = 3 + bits.run_of(true);
    let len = (0..length_bits).fold(0, |len, _| len << 1 | usize::from(bits.next()));
    if bits.2 == 0xff {
        bits.0 = &bits.0[1..];
    }
    Encoded {
        headers: bytes[..data].to_vec(),
        zero_planes,
        cleanup: bits.0[..len].to_vec(),
    }
}

/// Puts bits into bytes, the lowest of a byte first. `is_short` says whether a byte has one bit less, by the byte before and
/// its lower seven bits.
fn packed(bits: &[bool], first: u8, is_short: fn(u8, u8) -> bool) -> Vec<u8> {
    let (mut bytes, mut before, mut left) = (Vec::new(), first, bits);
    while !left.is_empty() {
        let byte = |count: usize| {
            let bits = left.iter().take(count).enumerate();
            bits.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at)
        };
        let seven = byte(7);
        let count = if is_short(before, seven) { 7 } else { 8 };
        before = byte(count);
        bytes.push(before);
        left = &left[count.min(left.len())..];
    }
    bytes
}

/// The passes that refine a code-block by its lowest bit plane, as one segment, the second of them if asked for; and what a
/// decoder then knows of the samples.
fn refined(samples: &[i32], passes: usize) -> (Vec<u8>, Vec<i32>) {
    let at = |x: usize, y: usize| y * WIDTH + x;
    let mut known: Vec<i32> = samples.iter().map(|sample| sample / 2 * 2).collect();
    // What a decoder takes for the middle of what it does not know is cut off but where the lowest bit is known.
    let first = known.clone();
    let (mut found, mut larger) = (Vec::new(), Vec::new());
    let places = |group: usize, stripe: usize| {
        let columns = group..(group + 4).min(WIDTH);
        let rows = stripe..(stripe + 4).min(HEIGHT);
        columns.flat_map(move |x| rows.clone().map(move |y| (x, y)))
    };
    for stripe in (0..HEIGHT).step_by(4) {
        for group in (0..WIDTH).step_by(4) {
            let mut signs = Vec::new();
            for (x, y) in places(group, stripe) {
                let around = (y.max(1) - 1..(y + 2).min(HEIGHT))
                    .flat_map(|y| (x.max(1) - 1..(x + 2).min(WIDTH)).map(move |x| at(x, y)));
                let has_neighbour = around.into_iter().any(|at| known[at] != 0);
                if first[at(x, y)] == 0 && has_neighbour {
                    let sample = samples[at(x, y)];
                    found.push(sample != 0);
                    known[at(x, y)] = sample;
                    if sample != 0 {
                        signs.push(sample < 0);
                    }
                }
            }
            found.extend(signs);
        }
        for (x, y) in (0..WIDTH).flat_map(|x| places(x, stripe).filter(move |at| at.0 == x)) {
            if first[at(x, y)] != 0 {
                larger.push(samples[at(x, y)] % 2 != 0);
            }
        }
    }
    for (known, (first, sample)) in known.iter_mut().zip(first.iter().zip(samples)) {
        if *first != 0 {
            // Without the last pass, the middle.
            *known = if passes == 2 {
                *sample
            } else {
                first + sample.signum()
            };
        }
    }
    let mut bytes = packed(&found, 0, |before, _| before == 0xff);
    if passes == 2 {
        let mut back = packed(&larger, 0xff, |before, seven| {
            before > 0x8f && seven == 0x7f
        });
        back.reverse();
        bytes.extend(back);
    }
    (bytes, known)
}

/// A packet of the code-block: what its header says behind the first bit, and its body.
fn packet(header: &[bool], body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut before, mut left) = (Vec::new(), 0u8, header);
    while !left.is_empty() || before == 0xff {
        let count = if before == 0xff { 7 } else { 8 };
        let bits = (0..count).map(|at| left.get(at).copied().unwrap_or(false));
        before = bits.fold(0, |byte, bit| byte << 1 | u8::from(bit));
        bytes.push(before);
        left = &left[count.min(left.len())..];
    }
    [&bytes, body].concat()
}

fn number(bits: usize, number: usize) -> impl Iterator<Item = bool> {
    (0..bits).rev().map(move |at| number >> at & 1 == 1)
}

/// What a packet adds of the code-block: passes, and the lengths of its segments with the passes of which each is.
fn header(first: Option<usize>, passes: usize, segments: &[(usize, usize)]) -> Vec<bool> {
    let mut bits = vec![true, true];
    if let Some(zero_planes) = first {
        bits.extend(vec![false; zero_planes]);
        bits.push(true);
    }
    match passes {
        1 => bits.push(false),
        2 => bits.extend([true, false]),
        3..=5 => bits.extend([true; 2].into_iter().chain(number(2, passes - 3))),
        _ => bits.extend([true; 4].into_iter().chain(number(5, passes - 6))),
    }
    // Lengths of sixteen bits more or less, once and for all.
    if first.is_some() {
        bits.extend([true; 13]);
    }
    bits.push(false);
    for (len, passes) in segments {
        bits.extend(number(16 + passes.ilog2() as usize, *len));
    }
    bits
}

fn decoder(of: &Encoded, packets: &[Vec<u8>]) -> Jp2Decoder {
    let mut bytes = of.headers.clone();
    let find = |bytes: &[u8], marker: [u8; 2]| {
        let at = bytes.windows(2).position(|two| two == marker);
        at.expect("the marker")
    };
    let style = find(&bytes, [0xff, 0x52]);
    bytes[style + 6..style + 8].copy_from_slice(&(packets.len() as u16).to_be_bytes());
    let part = find(&bytes, [0xff, 0x90]);
    packets.iter().for_each(|packet| bytes.extend(packet));
    let len = (bytes.len() - part) as u32;
    bytes[part + 6..part + 10].copy_from_slice(&len.to_be_bytes());
    bytes.extend([0xff, 0xd9]);
    let opened = Jp2File::open(Arc::new(MemoryBytes::new(bytes)));
    opened.expect("an image").into_decoder()
}

fn stored(samples: &[i32]) -> Vec<u8> {
    samples.iter().map(|sample| (sample + 128) as u8).collect()
}

fn check(of: &Encoded, packets: &[Vec<u8>], right: &[i32], what: &str) {
    let mut decoder = decoder(of, packets);
    let right = stored(right);
    let got = read_blocks(&decoder, 0, &[0]).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(got == right, "{what}");
    decoder.read_all_by_parts();
    let rect = Rect::new(1, 2, WIDTH as u64 - 3, HEIGHT as u64 - 2);
    let got = window(&decoder, 0, rect, &[0]).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        got == cut(&right, decoder.image(), 0, &rect, &[0]),
        "{what}, a window"
    );
}

#[test]
fn passes_are_read_wherever_they_come() {
    let samples = samples();
    let halves: Vec<i32> = samples.iter().map(|sample| sample / 2).collect();
    let of = encoded("halves", &halves);
    // Coded one bit plane higher, these are the samples but for their lowest bit.
    let zero_planes = of.zero_planes.checked_sub(1).expect("a bit plane");
    let doubled: Vec<i32> = halves.iter().map(|half| 2 * half + half.signum()).collect();
    let len = of.cleanup.len();
    let one = |packet: Vec<u8>| vec![packet];
    let first = packet(&header(Some(zero_planes), 1, &[(len, 1)]), &of.cleanup);
    check(&of, &one(first.clone()), &doubled, "a cleanup pass");
    for passes in [1, 2] {
        let (refining, right) = refined(&samples, passes);
        let both = [&of.cleanup[..], &refining].concat();
        let all = header(
            Some(zero_planes),
            1 + passes,
            &[(len, 1), (refining.len(), passes)],
        );
        let what = format!("{passes} passes in");
        check(
            &of,
            &one(packet(&all, &both)),
            &right,
            &format!("{what} one packet"),
        );
        let second = packet(
            &header(None, passes, &[(refining.len(), passes)]),
            &refining,
        );
        let layered = [first.clone(), second];
        let mut decoder = decoder(&of, &layered);
        assert!(decoder.take_layers(1));
        let got = read_blocks(&decoder, 0, &[0]).expect("pixels of a layer");
        assert!(
            got == stored(&doubled),
            "{what} a second packet, without it"
        );
        check(&of, &layered, &right, &format!("{what} a second packet"));
        if passes == 2 {
            let (front, back) = refining.split_at(refining.len() / 3);
            let parts =
                [front, back].map(|part| packet(&header(None, 1, &[(part.len(), 1)]), part));
            let [second, third] = parts;
            check(
                &of,
                &[first.clone(), second, third],
                &right,
                &format!("{what} two packets"),
            );
        }
    }
}

#[test]
fn passes_without_bytes_are_bit_planes_of_zeros() {
    let samples = samples();
    let of = encoded("whole", &samples);
    let len = of.cleanup.len();
    assert!(of.zero_planes >= 2, "{} bit planes", of.zero_planes);
    for sets in 1..=2 {
        let zero_planes = of.zero_planes - sets;
        let what = format!("{sets} sets without bytes");
        let passes = 3 * sets + 1;
        let one = packet(
            &header(Some(zero_planes), passes, &[(len, passes)]),
            &of.cleanup,
        );
        check(&of, &[one], &samples, &what);
        // A packet of nothing else, and one with the rest.
        let nothing = packet(&header(Some(zero_planes), 3, &[(0, 3)]), &[]);
        let passes = passes - 3;
        let rest = packet(&header(None, passes, &[(len, passes)]), &of.cleanup);
        check(&of, &[nothing, rest], &samples, &format!("{what} before"));
    }
}
