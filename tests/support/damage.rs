//! Damaged copies of files, and the memory that reading them takes.

#![allow(dead_code)]

use std::ops::Range;

/// Reads `cuts` truncated copies of a file and `hits` corrupted ones, and sums up what `read` counts:
/// blocks that were read, and failures. A corrupted copy has one to three wrong bytes, in each of
/// `places` by turns, so that headers, where damage does the most harm, get more than their share.
pub fn damage(
    whole: &[u8],
    cuts: usize,
    hits: usize,
    places: &[Range<usize>],
    read: impl Fn(Vec<u8>) -> (usize, usize),
) -> (usize, usize) {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let (mut good, mut bad) = (0, 0);
    let mut count = |copy: Vec<u8>| {
        let (read, failed) = read(copy);
        (good, bad) = (good + read, bad + failed);
    };
    for i in 0..cuts {
        count(whole[..whole.len() * i / cuts].to_vec());
    }
    for i in 0..hits {
        let mut copy = whole.to_vec();
        let place = &places[i % places.len()];
        for _ in 0..1 + random(3) {
            let at = place.start + random(place.end.min(whole.len()) - place.start);
            copy[at] = match random(4) {
                0 => copy[at] ^ 1 << random(8),
                1 => 0xff,
                2 => b'0' + random(10) as u8,
                _ => random(256) as u8,
            };
        }
        count(copy);
    }
    (good, bad)
}

/// The most memory that this process has had resident, in bytes.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.map(|line| line.trim().trim_end_matches("kB").trim());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        << 10
}
