//! What values cost and save, by kind of pixels: bytes of the value of 100 that were raw, and MiB of pixels a second
//! of a processor. The pixels are made: a terrain with noise as sensors have it. Times are the medians of turns that take each in its turn.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tilecache_fleet::value::{Checked, Compression, Form, Packer, Pixels, PixelsMut};
use tilecache_fleet::{Digest, Sample};

const SIDE: usize = 1024;
const TURNS: usize = 9;

/// A hilly land, from 0 to 1.
fn height(x: usize, y: usize) -> f64 {
    let wave = |x: f64, length: f64| (x / length).sin();
    let (x, y) = (x as f64, y as f64);
    0.5 + 0.3 * wave(x + 0.4 * y, 170.0) * wave(y, 230.0)
        + 0.15 * wave(x, 41.0) * wave(y - 0.7 * x, 57.0)
}

fn scene(mut sample: impl FnMut(f64, &mut fastrand::Rng) -> Vec<u8>) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut pixels = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            pixels.extend(sample(height(x, y), &mut random));
        }
    }
    pixels
}

/// How long this thread has had a processor.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() {
    let noise = |random: &mut fastrand::Rng| random.f64() + random.f64() + random.f64() - 1.5;
    let kinds = [
        (
            "u8, an aerial picture",
            1,
            scene(|h, r| vec![(40.0 + 150.0 * h + 6.0 * noise(r)) as u8]),
        ),
        (
            "u16, a satellite's 12 bits",
            3,
            scene(|h, r| {
                ((300.0 + 2500.0 * h + 25.0 * noise(r)) as u16)
                    .to_le_bytes()
                    .to_vec()
            }),
        ),
        (
            "f32, heights in cm",
            10,
            scene(|h, r| {
                (((h * 80_000.0 + 10.0 * noise(r)).round() / 100.0) as f32)
                    .to_le_bytes()
                    .to_vec()
            }),
        ),
        ("u8, classes", 1, scene(|h, _| vec![(h * 12.0) as u8])),
    ];
    println!("| Pixels | | none | LZ4 | zstd |");
    println!("|--------|-|-----:|----:|-----:|");
    for (name, code, pixels) in kinds {
        let form = Form {
            sample: Sample::from_code(code).expect("a known type"),
            width: SIDE as u32,
            height: SIDE as u32,
            bands: 1,
        };
        let columns = [Compression::None, Compression::Lz4, Compression::Zstd]
            .map(|c| column(&form, &pixels, c));
        for (row, title) in ["% of the bytes", "MiB/s packed", "MiB/s unpacked"]
            .iter()
            .enumerate()
        {
            let cells: Vec<_> = columns
                .iter()
                .map(|column| format!("{:.0}", column[row]))
                .collect();
            println!(
                "| {} | {title} | {} |",
                if row == 0 { name } else { "" },
                cells.join(" | ")
            );
        }
    }
}

fn column(form: &Form, pixels: &[u8], compression: Compression) -> [f64; 3] {
    let key = Digest([7; 32]);
    let packer = Packer {
        compression,
        secret: None,
        max_bytes: usize::MAX,
    };
    let stride = form.row_bytes();
    let mut read = vec![0; pixels.len()];
    let (mut packing, mut unpacking, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        let begun = busy();
        let from = Pixels {
            data: pixels,
            row_stride: stride,
            band_stride: 0,
        };
        let value = packer.pack(&key, form, from).expect("it fits");
        packing.push(busy() - begun);
        bytes = value.len();
        let begun = busy();
        let checked = Checked::new(&value, &key, form, None).expect("it is true");
        let mut into = PixelsMut {
            data: &mut read,
            row_stride: stride,
            band_stride: 0,
        };
        checked.unpack(&mut into).expect("it is whole");
        unpacking.push(busy() - begun);
    }
    assert!(read == pixels, "other pixels came back");
    let speed = |mut times: Vec<Duration>| {
        times.sort_unstable();
        pixels.len() as f64 / (1 << 20) as f64 / times[TURNS / 2].as_secs_f64()
    };
    [
        100.0 * bytes as f64 / pixels.len() as f64,
        speed(packing),
        speed(unpacking),
    ]
}
