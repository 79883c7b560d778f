//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Looks at raster images and makes others of them, through one cache of tiles.
///
/// Reads TIFF, COG, JPEG 2000, NITF, PNG and JPEG. It ends with 0 if all went well, with 1 if not, with 2 if it was
/// asked wrongly, and with 130 if it was interrupted, which leaves nothing behind.
#[derive(Parser)]
#[command(name = "tilecache", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Tell what an image is: size, blocks, levels, bands, where it lies
    Info(Info),
    /// Show an image as a grid of tiles, or write each of them to a file
    Tiles(Tiles),
    /// Tell minimum, maximum, mean, deviation and percentiles of each band
    Stats(Stats),
    /// Tell how an image is shown and why, and draw it
    Display(Display),
    /// Write an image with all its levels: a cloud-optimised GeoTIFF, a tiled one, or overviews alone
    Pyramid(Pyramid),
    /// Put north up in an image that is turned, or known by control points or rational polynomials, or lead it to
    /// another reference system
    Warp(Warp),
    /// Tell in words how a file behaves under a cache: which budget ends repeated decodes, which layout would help
    Bench(Bench),
    /// Print what a shell needs to complete commands: source <(tilecache completions bash)
    Completions { shell: Shell },
    /// Print the manual as a page of man: tilecache manual | man -l -
    Manual {
        /// A folder that gets a page for each command instead
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct Source {
    /// The image
    pub file: PathBuf,
    /// Which image of the file, from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub image: i32,
}

#[derive(Args)]
pub struct Work {
    /// The budget of the cache, such as 512M or 2G [default: half of the memory, at most 5G]
    #[arg(long, value_parser = bytes, value_name = "BYTES")]
    pub budget: Option<u64>,
    /// Threads that work at once [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}

#[derive(Args)]
pub struct Info {
    #[command(flatten)]
    pub source: Source,
    /// As JSON, with all texts
    #[arg(long)]
    pub json: bool,
    /// All texts that came with the image
    #[arg(long)]
    pub texts: bool,
    /// The reference system as WKT
    #[arg(long)]
    pub wkt: bool,
}

#[derive(Args)]
pub struct Tiles {
    #[command(flatten)]
    pub source: Source,
    /// A folder that gets each tile as a GeoTIFF, ROW_COL.tif; new or empty
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
    /// Columns and rows of a tile
    #[arg(long, default_value_t = 1024, value_name = "PIXELS", value_parser = clap::value_parser!(i64).range(1..))]
    pub size: i64,
    /// The resolution level
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub level: i32,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    pub source: Source,
    /// The resolution level
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub level: i32,
    /// Look at 64 windows at fixed places only
    #[arg(long)]
    pub windows: bool,
    /// Make percentiles of 32 and 64 bits exact, by a second pass
    #[arg(long)]
    pub exact: bool,
    /// Which percentiles
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "2,50,98",
        value_name = "PERCENTS"
    )]
    pub percentiles: Vec<f64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args)]
pub struct Display {
    #[command(flatten)]
    pub source: Source,
    /// The picture: .png, or a GeoTIFF in .tif
    pub picture: Option<PathBuf>,
    /// The steps, such as "bands=3,2,1|stretch=2..98%|u8" [default: those that are found]
    #[arg(long, value_name = "STEPS")]
    pub chain: Option<String>,
    /// The longer side of a PNG at most
    #[arg(long, default_value_t = 1024, value_name = "PIXELS", value_parser = clap::value_parser!(i64).range(1..=16384))]
    pub size: i64,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args)]
pub struct Written {
    /// How tiles are compressed
    #[arg(long, default_value = "deflate", value_name = "HOW")]
    pub compression: Compression,
    /// Columns and rows of a tile, a multiple of 16
    #[arg(long, default_value_t = 512, value_name = "PIXELS")]
    pub tile_size: i64,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args)]
pub struct Pyramid {
    #[command(flatten)]
    pub source: Source,
    /// The file to be written [default with --layout overviews: FILE.ovr]
    pub output: Option<PathBuf>,
    /// How levels lie in the file
    #[arg(long, default_value = "cog", value_name = "LAYOUT")]
    pub layout: Layout,
    /// How missing levels are made
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<Filter>,
    /// How many levels there are, with the full image
    #[arg(long, value_name = "N")]
    pub levels: Option<i32>,
    #[command(flatten)]
    pub written: Written,
}

#[derive(Args)]
pub struct Warp {
    #[command(flatten)]
    pub source: Source,
    /// The file to be written, a cloud-optimised GeoTIFF
    pub output: PathBuf,
    /// The reference system of the output, such as EPSG:32632, or its WKT; needs a build with GDAL [default: that of the
    /// image]
    #[arg(long, value_name = "SYSTEM")]
    pub to: Option<String>,
    /// Through control points: a polynomial of this order instead of the thin plate spline
    #[arg(long, value_name = "1-3", value_parser = clap::value_parser!(i32).range(1..=3))]
    pub order: Option<i32>,
    /// Metres above the ellipsoid, for rational polynomials [default: their own]
    #[arg(long, allow_negative_numbers = true, value_name = "METRES")]
    pub height: Option<f64>,
    /// Units of the map for one pixel [default: so that the output is about as fine]
    #[arg(long, allow_negative_numbers = true, value_name = "UNITS")]
    pub resolution: Option<f64>,
    /// How pixels are interpolated
    #[arg(long, default_value = "bilinear", value_name = "FILTER")]
    pub filter: Filter,
    #[command(flatten)]
    pub written: Written,
}

#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    pub source: Source,
    /// Columns and rows of the tiles that are asked for
    #[arg(long, default_value_t = 256, value_name = "PIXELS", value_parser = clap::value_parser!(i64).range(16..=8192))]
    pub size: i64,
    /// The budget that is looked at
    #[arg(long, value_parser = bytes, default_value = "256M", value_name = "BYTES")]
    pub budget: u64,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Layout {
    Cog,
    Tiled,
    Overviews,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Compression {
    Deflate,
    Zstd,
    Lzw,
    Jpeg,
    None,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Filter {
    Nearest,
    Average,
    Bilinear,
    Cubic,
    Lanczos,
    Gauss,
    Mode,
    Min,
    Max,
    Median,
    Rms,
    Sips,
}

/// A number of bytes with one of K, M, G and T behind it, or none.
fn bytes(text: &str) -> Result<u64, String> {
    let units = ["", "K", "M", "G", "T"];
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = text[digits.len()..]
        .trim()
        .trim_end_matches(['B', 'b'])
        .trim_end_matches(['i'])
        .to_uppercase();
    let power = units.iter().position(|known| **known == unit);
    let (Ok(number), Some(power)) = (digits.parse::<u64>(), power) else {
        return Err("a number is needed, with K, M, G or T behind it, such as 512M".into());
    };
    number
        .checked_mul(1 << (10 * power))
        .ok_or_else(|| "that is more than there can be".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, number) in [
            ("0", 0),
            ("17", 17),
            ("4K", 4096),
            ("512M", 512 << 20),
            ("2GiB", 2 << 30),
            ("1 tb", 1 << 40),
        ] {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for wrong in ["", "M", "-1", "1.5G", "3X", "99999999T"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_commands_hold_together() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
