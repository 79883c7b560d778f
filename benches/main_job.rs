//! What the main job costs: an image in strips over its full width, read as tiles through one cache.
//!
//!     cargo bench --bench main_job -- [WIDTH]
//!
//! WIDTH is 16384 if it is not given, else another multiple of 1024; tiles, strips and budgets shrink
//! with it. Writes two images below the target directory once, one packed and one not (together 1.2 GB
//! at full size), and reads them row by row and column by column, each run in a process of its own.
//! Decodes are what the library counts. Ends with an error if a promise is not kept: how often a strip
//! is decoded, and, at full size, how much memory is resident at most. In a small size the state of
//! decoders and allocator, which does not shrink, weighs too much for that.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

const FULL_WIDTH: u64 = 16384;
const BANDS: u64 = 3;
/// Tiles in each direction.
const TILES: u64 = 16;
/// Strips in a tile.
const STRIPS: u64 = 64;
const MIB: u64 = 1 << 20;
/// How often the runs are repeated that are compared by time.
const REPEATS: usize = 5;

/// What the names of the tables hold: whether the samples are packed.
const IMAGES: [(&str, bool); 2] = [("deflate, predictor 2", true), ("uncompressed", false)];

/// Runs, and how often each may decode a strip in its passes.
const RUNS: [(&str, Order, u64, &[f64]); 3] = [
    ("rows", Order::Rows, 64, &[1.0, 1.0]),
    ("columns", Order::Columns, 1024, &[1.0]),
    ("columns", Order::Columns, 512, &[4.0]),
];

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Rows,
    Columns,
}

/// One run in a process of its own.
struct Run {
    order: Order,
    budget: u64,
    with_blocks: bool,
    threads: u64,
    passes: usize,
}

/// What it took.
struct Outcome {
    /// Resident memory when the image was open and nothing read.
    baseline: u64,
    peak: u64,
    /// Decodes of all strips and seconds, for each pass.
    passes: Vec<(u64, f64)>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match &arguments[..] {
        [run, path, rest @ ..] if run == "run" => {
            Run::parse(rest).measure(Path::new(path));
            ExitCode::SUCCESS
        }
        [] => report(FULL_WIDTH),
        [width] => match width.parse() {
            Ok(width) if width > 0 && width % (TILES * STRIPS) == 0 && width <= 2 * FULL_WIDTH => {
                report(width)
            }
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: main_job [WIDTH], a multiple of {}, at most {}",
        TILES * STRIPS,
        2 * FULL_WIDTH
    );
    ExitCode::FAILURE
}

/// So many bytes of the image at full size, at this one.
fn scaled(bytes: u64, width: u64) -> u64 {
    (u128::from(bytes) * u128::from(width * width) / u128::from(FULL_WIDTH * FULL_WIDTH)) as u64
}

fn report(width: u64) -> ExitCode {
    let (tile, strip) = (width / TILES, width / TILES / STRIPS);
    println!(
        "{width} x {width} pixels of {BANDS} bands of u8 in {} strips of {strip} rows; tiles of {tile} x {tile}.",
        TILES * STRIPS
    );
    println!(
        "Peak: resident memory. Allowed: the budget, a tile and a strip for each thread, and what"
    );
    println!("was resident before the first tile.");
    let mut kept = true;
    for (name, packed) in IMAGES {
        let path = image(width, packed);
        println!("\n{name}");
        println!(
            "  order    strips cached     budget  decodes of a strip      seconds        peak   allowed"
        );
        for with_blocks in [false, true] {
            for (order_name, order, mib, bounds) in RUNS {
                let row_of_blocks = width * strip * BANDS * u64::from(with_blocks);
                let run = Run {
                    order,
                    budget: scaled(mib * MIB, width) + row_of_blocks,
                    with_blocks,
                    threads: 1,
                    passes: bounds.len(),
                };
                let outcome = run.start(&path);
                let decodes: Vec<f64> = outcome
                    .passes
                    .iter()
                    .map(|(decodes, _)| *decodes as f64 / (TILES * STRIPS) as f64)
                    .collect();
                let allowed =
                    run.budget + width * strip * BANDS + tile * tile * BANDS + outcome.baseline;
                let within = decodes.iter().zip(bounds).all(|(a, b)| a <= b)
                    && (width < FULL_WIDTH || outcome.peak <= allowed);
                kept &= within;
                let list = |items: Vec<String>| items.join(", ");
                println!(
                    "  {order_name:8} {:13} {:8.2}  {:>18}  {:>11}  {:7.1}   {:7.1}{}",
                    if with_blocks { "yes" } else { "no" },
                    run.budget as f64 / MIB as f64,
                    list(decodes.iter().map(|n| format!("{n:.2}")).collect()),
                    list(
                        outcome
                            .passes
                            .iter()
                            .map(|(_, s)| format!("{s:.2}"))
                            .collect()
                    ),
                    outcome.peak as f64 / MIB as f64,
                    allowed as f64 / MIB as f64,
                    if within { "" } else { "  NOT KEPT" },
                );
            }
        }
        let mut seconds = [Vec::new(), Vec::new()];
        let mut decodes = 0;
        for _ in 0..REPEATS {
            for threads in [1, 2] {
                let run = Run {
                    order: Order::Rows,
                    budget: scaled(64 * MIB, width),
                    with_blocks: false,
                    threads,
                    passes: 1,
                };
                let (decoded, time) = run.start(&path).passes[0];
                seconds[threads as usize - 1].push(time);
                decodes = decodes.max(decoded);
            }
        }
        let [one, two] = seconds.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[REPEATS / 2]
        });
        println!(
            "  neighbouring tiles of a row on two threads: {two:.2} s, on one {one:.2} s: {:.2} times as fast; at \
             most {:.2} decodes of a strip",
            one / two,
            decodes as f64 / (TILES * STRIPS) as f64
        );
        // Not judged: the unread share of 64 MiB holds just one row of tiles. Where a thread begins the
        // next row before the other has fetched the last tile of this one, a tile finds no room.
    }
    match kept {
        true => ExitCode::SUCCESS,
        false => {
            println!("\nA promise is not kept.");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    fn arguments(&self) -> [String; 5] {
        let flag = |set| u64::from(set).to_string();
        [
            flag(self.order == Order::Columns),
            self.budget.to_string(),
            flag(self.with_blocks),
            self.threads.to_string(),
            self.passes.to_string(),
        ]
    }

    fn parse(arguments: &[String]) -> Run {
        let numbers: Vec<u64> = arguments
            .iter()
            .map(|n| n.parse().expect("a number"))
            .collect();
        Run {
            order: if numbers[0] == 1 {
                Order::Columns
            } else {
                Order::Rows
            },
            budget: numbers[1],
            with_blocks: numbers[2] == 1,
            threads: numbers[3],
            passes: numbers[4] as usize,
        }
    }

    /// Measures in another process.
    fn start(&self, path: &Path) -> Outcome {
        let this = std::env::current_exe().expect("this program");
        let output = Command::new(this)
            .arg("run")
            .arg(path)
            .args(self.arguments())
            .output();
        let output = output.expect("another process");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("text");
        let mut lines = text
            .lines()
            .map(|line| line.split_once(' ').expect("two numbers"));
        let (baseline, peak) = lines.next().expect("a line");
        Outcome {
            baseline: baseline.parse().expect("a number"),
            peak: peak.parse().expect("a number"),
            passes: lines
                .map(|(decodes, s)| {
                    (
                        decodes.parse().expect("a number"),
                        s.parse().expect("a number"),
                    )
                })
                .collect(),
        }
    }

    /// Measures in this process, and prints what [`Run::start`] reads.
    fn measure(&self, path: &Path) {
        let cache = Cache::new(self.budget, Options::default()).expect("a cache");
        let mut source = file::open(path, 0, None).expect("the image");
        if self.with_blocks {
            source = cached(source, &cache).expect("a cached layer");
        }
        let tile = source.image().width() / TILES;
        let options = RetileOptions {
            tile: (tile, tile),
            pad_edges: false,
        };
        let view = retiled(source, &options, Some(&cache)).expect("the tiles");
        let baseline = resident("VmRSS:");
        let mut before = 0;
        let mut lines = String::new();
        for _ in 0..self.passes {
            let start = Instant::now();
            self.pass(&*view);
            let seconds = start.elapsed().as_secs_f64();
            let decodes = view.counters().decodes;
            lines += &format!("{} {seconds}\n", decodes - before);
            before = decodes;
        }
        print!("{baseline} {}\n{lines}", resident("VmHWM:"));
    }

    /// Reads every pixel of every tile. Threads take the next tile, so that they work on neighbours.
    fn pass(&self, view: &dyn Provider) {
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= TILES * TILES {
                            break;
                        }
                        let (outer, inner) = (number / TILES, number % TILES);
                        read(
                            view,
                            match self.order {
                                Order::Rows => Block::new(0, outer, inner),
                                Order::Columns => Block::new(0, inner, outer),
                            },
                        );
                    }
                });
            }
        });
    }
}

/// Reads every pixel of a tile, and checks a few.
fn read(view: &dyn Provider, at: Block) {
    let tile = get_block(view, at, &Bands::ALL).expect("a tile");
    let rect = at.rect(view.image());
    let mut sum = 0u64;
    for band in 0..BANDS {
        for y in 0..rect.height {
            let row = tile.row(band as usize, y as usize);
            sum += row.iter().map(|sample| u64::from(*sample)).sum::<u64>();
            let x = (y * 31 + band) % rect.width;
            assert_eq!(row[x as usize], sample(rect.x + x, rect.y + y, band));
        }
    }
    std::hint::black_box(sum);
}

/// A number of bytes that the system tells of this process.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the state of this process");
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .expect("the number");
    let number = line.split_whitespace().nth(1).expect("the number");
    number.parse::<u64>().expect("a number") << 10
}

/// A gradient with a little noise, such as a camera gives.
fn sample(x: u64, y: u64, band: u64) -> u8 {
    let mut noise = (x as u32).wrapping_mul(0x9e37_79b1)
        ^ (y as u32).wrapping_mul(0x85eb_ca77)
        ^ (band as u32).wrapping_mul(0xc2b2_ae3d);
    noise = (noise ^ noise >> 15).wrapping_mul(0x2c1b_3c6d);
    (x / 97 + y / 61 + band * 40) as u8 ^ (noise >> 29) as u8
}

/// The image, written if it is not there, and read once, so that the system has it in memory.
fn image(width: u64, packed: bool) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("main_job");
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = dir.join(format!(
        "{width}-{}.tif",
        if packed { "packed" } else { "plain" }
    ));
    if !path.exists() {
        let unfinished = path.with_extension("part");
        write(&unfinished, width, packed).expect("room for an image");
        std::fs::rename(&unfinished, &path).expect("the image");
    }
    let mut file = File::open(&path).expect("the image");
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer).expect("the image") > 0 {}
    path
}

fn write(path: &Path, width: u64, packed: bool) -> std::io::Result<()> {
    const HEADER: u64 = 8;
    let (count, rows) = (TILES * STRIPS, width / TILES / STRIPS);
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&[0; HEADER as usize])?;
    let mut ends = vec![HEADER];
    let row = (width * BANDS) as usize;
    let mut strip = vec![0; row * rows as usize];
    let mut compressor =
        libdeflater::Compressor::new(libdeflater::CompressionLvl::new(1).expect("a level"));
    let mut bytes = vec![0; compressor.zlib_compress_bound(strip.len())];
    for number in 0..count {
        for (y, row) in (number * rows..).zip(strip.chunks_exact_mut(row)) {
            for (x, pixel) in (0..).zip(row.chunks_exact_mut(BANDS as usize)) {
                for (band, out) in (0..).zip(pixel) {
                    *out = sample(x, y, band);
                }
            }
            if packed {
                for i in (BANDS as usize..row.len()).rev() {
                    row[i] = row[i].wrapping_sub(row[i - BANDS as usize]);
                }
            }
        }
        let stored = match packed {
            true => {
                let length = compressor.zlib_compress(&strip, &mut bytes);
                &bytes[..length.map_err(std::io::Error::other)?]
            }
            false => &strip,
        };
        out.write_all(stored)?;
        ends.push(ends[number as usize] + stored.len() as u64);
    }
    // Where the strips begin and how long they are, then the directory.
    let at = ends[count as usize].next_multiple_of(2);
    let mut tail = vec![0; (at - ends[count as usize]) as usize];
    let begin = |i: usize| ends[i] as u32;
    tail.extend((0..count as usize).flat_map(|i| begin(i).to_le_bytes()));
    tail.extend((0..count as usize).flat_map(|i| (begin(i + 1) - begin(i)).to_le_bytes()));
    tail.extend([8u16, 8, 8].into_iter().flat_map(u16::to_le_bytes));
    let directory = at + 8 * count + 6;
    let (short, long) = (3u16, 4u16);
    let compression = if packed { 8 } else { 1 };
    let predictor = if packed { 2 } else { 1 };
    let tags: [(u16, u16, u64, u64); 11] = [
        (256, long, 1, width),
        (257, long, 1, width),
        (258, short, BANDS, at + 8 * count),
        (259, short, 1, compression),
        (262, short, 1, 2),
        (273, long, count, at),
        (277, short, 1, BANDS),
        (278, long, 1, rows),
        (279, long, count, at + 4 * count),
        (284, short, 1, 1),
        (317, short, 1, predictor),
    ];
    tail.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, values, value) in tags {
        tail.extend(tag.to_le_bytes());
        tail.extend(kind.to_le_bytes());
        tail.extend((values as u32).to_le_bytes());
        tail.extend((value as u32).to_le_bytes());
    }
    tail.extend([0; 4]);
    out.write_all(&tail)?;
    out.seek(SeekFrom::Start(0))?;
    out.write_all(b"II*\0")?;
    out.write_all(&(directory as u32).to_le_bytes())?;
    out.into_inner().map_err(std::io::Error::from)?.sync_all()
}
