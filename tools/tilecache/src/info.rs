//! `tilecache info`: what those look for who know gdalinfo.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::api::{Provider, WHOLE, text};
use crate::arguments::Info;
use crate::failure::Outcome;
use crate::raw::*;
use crate::{output, words};

pub fn run(asked: &Info) -> Outcome {
    let source = Provider::open(&asked.source.file, asked.source.image)?;
    let images = Provider::image_count(&asked.source.file)?;
    let told = Told::of(&source)?;
    match asked.json {
        true => output::json(&told.json(asked, images, &source)?),
        false => output::text(&told.text(asked, images, &source)?),
    }
}

struct Band {
    colour: &'static str,
    nodata: Option<String>,
    description: Option<String>,
    palette: usize,
    /// What samples stand for: samples x scale + offset, in a unit.
    scale: Option<String>,
    offset: Option<String>,
    unit: Option<String>,
}

/// Where the image lies, copied from what the provider lends.
struct Place {
    transform: Option<[f64; 6]>,
    wkt: String,
    epsg: i32,
    vertical_epsg: i32,
    gcps: Vec<[f64; 5]>,
    rpc: bool,
    is_point: bool,
}

struct Told {
    format: String,
    info: tc_image_info,
    levels: Vec<(i64, i64)>,
    bands: Vec<Band>,
    place: Place,
    warnings: Vec<String>,
}

impl Told {
    fn of(source: &Provider) -> Outcome<Told> {
        let info = source.info()?;
        let mut levels = Vec::new();
        for level in 1..info.levels {
            let info = source.level(level)?.info()?;
            levels.push((info.width, info.height));
        }
        let mut bands = Vec::new();
        for band in 0..info.bands {
            let about = source.band_info(band)?;
            bands.push(Band {
                colour: words::colour(about.colour),
                nodata: (about.flags & TC_BAND_HAS_NODATA != 0)
                    .then(|| words::sample(&about.nodata, info.dtype)),
                description: source.text(band, c"DESCRIPTION"),
                palette: source.colours_of_palette(band),
                scale: source.text(band, c"SCALE"),
                offset: source.text(band, c"OFFSET"),
                unit: source.text(band, c"UNITTYPE"),
            });
        }
        let is_warning =
            |(name, text): (String, String)| name.starts_with("TC:WARNING:").then_some(text);
        let warnings = source
            .texts(WHOLE)
            .into_iter()
            .filter_map(is_warning)
            .collect();
        Ok(Told {
            format: source.format().unwrap_or_default(),
            info,
            levels,
            bands,
            place: Place::of(source)?,
            warnings,
        })
    }

    /// How a TIFF has its pixels.
    fn stored(&self, source: &Provider) -> Option<String> {
        let mut told = compression(&source.text(WHOLE, c"TIFFTAG_COMPRESSION")?);
        match source.text(WHOLE, c"TIFFTAG_PREDICTOR").as_deref() {
            Some("2") => told.push_str(", as differences between neighbours"),
            Some("3") => told.push_str(", as differences between neighbours of floats"),
            _ => {}
        }
        if self.info.bands > 1 {
            told.push_str(
                match source.text(WHOLE, c"TIFFTAG_PLANARCONFIG").as_deref() {
                    Some("2") => ", band by band",
                    _ => ", pixel by pixel",
                },
            );
        }
        Some(told)
    }

    fn mask(&self) -> &'static str {
        if self.info.flags & TC_IMAGE_HAS_MASK != 0 {
            "a mask of its own"
        } else if self.bands.iter().any(|band| band.colour == "alpha") {
            "alpha"
        } else if self.bands.iter().any(|band| band.nodata.is_some()) {
            "nodata"
        } else {
            "nothing: all pixels are data"
        }
    }

    fn text(&self, asked: &Info, images: i32, source: &Provider) -> Outcome<String> {
        let (info, mut to) = (&self.info, String::new());
        let (name, bytes) = words::dtype(info.dtype);
        let parts = if name.starts_with("complex") { 2 } else { 1 };
        let _ = writeln!(to, "{}: {}", asked.source.file.display(), self.format);
        let mut line = |name: &str, text: String| {
            let _ = writeln!(to, "  {name:<11} {text}");
        };
        if images > 1 {
            line(
                "image",
                format!(
                    "number {} of 0 to {}; --image shows another one",
                    asked.source.image,
                    images - 1
                ),
            );
        }
        let bands = words::counted(info.bands.into(), "band", "bands");
        line(
            "size",
            format!(
                "{} x {}, {bands} of {name}{}",
                info.width,
                info.height,
                match i64::from(info.bits) {
                    bits if bits as u64 * parts == 8 * bytes => String::new(),
                    bits => format!(
                        ", of which {} used",
                        words::counted(bits, "bit is", "bits are")
                    ),
                }
            ),
        );
        let blocks = words::counted(info.grid_cols * info.grid_rows, "block", "blocks");
        let grid = format!("{} x {}", info.grid_cols, info.grid_rows);
        line(
            "blocks",
            format!(
                "{blocks} of {} x {}, in a grid of {grid}",
                info.block_width, info.block_height
            ),
        );
        if let Some(stored) = self.stored(source) {
            line("stored", stored);
        }
        let sizes = self
            .levels
            .iter()
            .map(|(width, height)| format!("{width} x {height}"))
            .collect::<Vec<_>>();
        line(
            "levels",
            match sizes.is_empty() {
                true => "none but the image; `tilecache pyramid` makes them".into(),
                false => sizes.join(", "),
            },
        );
        for (number, band) in self.bands.iter().enumerate().take(16) {
            let mut about = band.colour.to_string();
            for (what, text) in [
                ("nodata", &band.nodata),
                ("described as", &band.description),
                ("scale", &band.scale.as_deref().map(words::shortest)),
                ("offset", &band.offset.as_deref().map(words::shortest)),
                ("unit", &band.unit),
            ] {
                if let Some(text) = text {
                    let _ = write!(about, ", {what} {text}");
                }
            }
            if band.palette > 0 {
                let _ = write!(about, ", a palette of {} colours", band.palette);
            }
            line(&format!("band {number}"), about);
        }
        if self.bands.len() > 16 {
            line(
                "",
                format!("and {} more; --json tells of all", self.bands.len() - 16),
            );
        }
        line("no data by", self.mask().into());
        self.place.lines(info, &mut line);
        for warning in &self.warnings {
            line("warning", warning.clone());
        }
        if asked.wkt {
            let _ = writeln!(to, "{}", self.place.wkt);
        }
        if asked.texts {
            for (name, text) in source.texts(WHOLE) {
                let _ = writeln!(to, "  {name}={text}");
            }
            for band in 0..info.bands {
                for (name, text) in source.texts(band) {
                    let _ = writeln!(to, "  band {band}: {name}={text}");
                }
            }
        }
        Ok(to)
    }

    fn json(&self, asked: &Info, images: i32, source: &Provider) -> Outcome<Value> {
        let info = &self.info;
        let texts = |band| {
            source
                .texts(band)
                .into_iter()
                .map(|(name, text)| (name, text.into()))
                .collect::<Map<_, _>>()
        };
        let bands = self.bands.iter().enumerate().map(|(number, band)| {
            json!({
                "colour": band.colour,
                "nodata": band.nodata,
                "description": band.description,
                "palette": band.palette,
                "scale": words::parsed(&band.scale),
                "offset": words::parsed(&band.offset),
                "unit": band.unit,
                "texts": texts(number as i32),
            })
        });
        Ok(json!({
            "file": asked.source.file.to_string_lossy(),
            "format": self.format,
            "image": asked.source.image,
            "images": images,
            "width": info.width,
            "height": info.height,
            "type": words::dtype(info.dtype).0,
            "stored": self.stored(source),
            "bits": info.bits,
            "block": words::pair(info.block_width, info.block_height),
            "grid": {"columns": info.grid_cols, "rows": info.grid_rows},
            "levels": self.levels.iter().map(|(width, height)| words::pair(*width, *height)).collect::<Vec<_>>(),
            "bands": bands.collect::<Vec<_>>(),
            "no_data_by": self.mask(),
            "place": self.place.json(info),
            "texts": texts(WHOLE),
            "warnings": self.warnings,
        }))
    }
}

/// The names of the numbers of TIFF 6.0 and of those that were registered later.
fn compression(number: &str) -> String {
    match number {
        "1" => "not compressed",
        "2" | "3" | "4" => "CCITT, as fax machines do",
        "5" => "LZW",
        "6" | "7" => "JPEG",
        "8" | "32946" => "deflate",
        "32773" => "PackBits",
        "33003" | "33004" | "33005" | "34712" => "JPEG 2000",
        "34887" => "LERC",
        "34925" => "LZMA",
        "50000" => "zstd",
        "50001" => "WebP",
        "50002" => "JPEG XL",
        _ => return format!("compression {number}"),
    }
    .into()
}

impl Place {
    fn of(source: &Provider) -> Outcome<Place> {
        let georef = source.georef()?;
        let gcps = match georef.n_gcps {
            0 => &[],
            // SAFETY: lent by the provider, and copied here.
            many => unsafe { std::slice::from_raw_parts(georef.gcps, many) },
        };
        Ok(Place {
            transform: (georef.flags & TC_GEOREF_HAS_TRANSFORM != 0).then_some(georef.transform),
            // SAFETY: likewise.
            wkt: unsafe { text(georef.wkt) },
            epsg: georef.epsg,
            vertical_epsg: georef.vertical_epsg,
            gcps: gcps
                .iter()
                .map(|p| [p.pixel, p.line, p.x, p.y, p.z])
                .collect(),
            rpc: !georef.rpc.is_null(),
            is_point: georef.flags & TC_GEOREF_PIXEL_IS_POINT != 0,
        })
    }

    /// What the text of a system begins with: its name.
    fn name(&self) -> Option<&str> {
        self.wkt.split('"').nth(1)
    }

    fn corners(&self, info: &tc_image_info) -> Option<Vec<(&'static str, f64, f64)>> {
        let t = self.transform?;
        let (width, height) = (info.width as f64, info.height as f64);
        let corner =
            |name, c: f64, r: f64| (name, t[0] + t[1] * c + t[2] * r, t[3] + t[4] * c + t[5] * r);
        Some(vec![
            corner("upper left", 0.0, 0.0),
            corner("upper right", width, 0.0),
            corner("lower left", 0.0, height),
            corner("lower right", width, height),
            corner("centre", width / 2.0, height / 2.0),
        ])
    }

    /// The corners as longitudes and latitudes, unless they are that anyway.
    #[cfg(feature = "gdal")]
    fn degrees(&self, info: &tc_image_info) -> Option<Vec<(f64, f64)>> {
        if self.epsg == 4326 {
            return None;
        }
        let wkt = std::ffi::CString::new(self.wkt.as_str()).ok()?;
        let georef = tc_georef {
            wkt: if self.wkt.is_empty() {
                std::ptr::null()
            } else {
                wkt.as_ptr()
            },
            epsg: self.epsg,
            ..crate::api::sized()
        };
        let corners = self.corners(info)?;
        let places = corners.iter().map(|(_, x, y)| (*x, *y)).collect::<Vec<_>>();
        crate::gdal::degrees(&georef, &places)
    }

    /// Only GDAL knows.
    #[cfg(not(feature = "gdal"))]
    fn degrees(&self, _: &tc_image_info) -> Option<Vec<(f64, f64)>> {
        None
    }

    fn lines(&self, info: &tc_image_info, line: &mut impl FnMut(&str, String)) {
        let mut system = Vec::new();
        if self.epsg != 0 {
            system.push(format!("EPSG:{}", self.epsg));
        }
        if self.vertical_epsg != 0 {
            system.push(format!("with heights of EPSG:{}", self.vertical_epsg));
        }
        system.extend(self.name().map(str::to_string));
        line(
            "system",
            if system.is_empty() {
                "unknown".into()
            } else {
                system.join(", ")
            },
        );
        if let Some(t) = self.transform {
            line(
                "origin",
                format!("{}, {}", words::exact(t[0]), words::exact(t[3])),
            );
            match t[2] == 0.0 && t[4] == 0.0 {
                true => line(
                    "pixel",
                    format!("{} x {}", words::exact(t[1]), words::exact(t[5])),
                ),
                false => line("turned", "`tilecache warp` puts north up".into()),
            }
            if self.is_point {
                line("", "pixels are points at their centres".into());
            }
        }
        let degrees = self.degrees(info).unwrap_or_default();
        for (at, (name, x, y)) in self
            .corners(info)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            let mut text = format!("{}, {}", words::exact(x), words::exact(y));
            if let Some((east, north)) = degrees.get(at) {
                let _ = write!(text, " (longitude {east:.6}, latitude {north:.6})");
            }
            line(name, text);
        }
        if !self.gcps.is_empty() {
            line(
                "points",
                format!(
                    "{}; `tilecache warp` straightens by them",
                    words::counted(self.gcps.len() as i64, "control point", "control points")
                ),
            );
        }
        if self.rpc {
            line(
                "polynomials",
                "rational ones; `tilecache warp` straightens by them".into(),
            );
        }
    }

    fn json(&self, info: &tc_image_info) -> Value {
        let corners = self.corners(info).map(|corners| {
            corners
                .into_iter()
                .map(|(name, x, y)| {
                    (
                        name.to_string(),
                        json!([words::number(x), words::number(y)]),
                    )
                })
                .collect::<Map<_, _>>()
        });
        let degrees = self.degrees(info).map(|places| {
            let names = self.corners(info).unwrap_or_default();
            names
                .iter()
                .zip(places)
                .map(|((name, ..), (x, y))| {
                    (
                        name.to_string(),
                        json!([words::number(x), words::number(y)]),
                    )
                })
                .collect::<Map<_, _>>()
        });
        json!({
            "transform": self.transform.map(|t| t.map(words::number)),
            "epsg": (self.epsg != 0).then_some(self.epsg),
            "vertical_epsg": (self.vertical_epsg != 0).then_some(self.vertical_epsg),
            "name": self.name(),
            "wkt": (!self.wkt.is_empty()).then_some(&self.wkt),
            "corners": corners,
            "corners_in_degrees": degrees,
            "control_points": self.gcps.iter().map(|p| p.map(words::number)).collect::<Vec<_>>(),
            "rational_polynomials": self.rpc,
            "pixel_is_point": self.is_point,
        })
    }
}
