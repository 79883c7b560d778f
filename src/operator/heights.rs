//! Heights: a raster of them, as transformations ask how high the ground is.
//!
//! Between the centres of pixels they are interpolated as GDAL's transformer of rational polynomials does (RPC_DEM of
//! GDALCreateRPCTransformerV2), and where there is none a value may stand in its place (RPC_DEM_MISSING_VALUE).

use super::data_key::data_key;
use super::parts::{in_parts, kept};
use crate::cache::{AskedOfTiers, Cache};
use crate::dtype::Sample;
use crate::error::{Error, Kind, Result};
use crate::geometry::Grid;
use crate::georef::{Affine, Georef, register, wkt};
use crate::image::{Bands, Block};
use crate::nodata::is_nodata;
use crate::provider::{Provider, Request};
use crate::tile::Tile;
use crate::transform::{Heights, numbers_key};
use smallvec::SmallVec;
use std::sync::Arc;

/// So many blocks are held while heights are found: as many as one lies between.
pub const HELD: usize = 4;

/// How a raster tells heights.
#[derive(Clone, Copy, Debug)]
pub struct HeightOptions {
    /// The band.
    pub band: u32,
    /// From its pixels to degrees of longitude and latitude; if not given, as the raster says itself.
    pub place: Option<Affine>,
    /// Metres of a unit of it.
    pub scale: f64,
    /// Metres that are added.
    pub offset: f64,
    /// What is taken for the raster's where it has none.
    pub missing: Option<f64>,
}

impl Default for HeightOptions {
    fn default() -> Self {
        Self {
            band: 0,
            place: None,
            scale: 1.0,
            offset: 0.0,
            missing: None,
        }
    }
}

impl HeightOptions {
    /// Refuses numbers that are none.
    fn check(&self) -> Result<()> {
        let place = self.place.unwrap_or(Affine::IDENTITY).0;
        let numbers = place.iter().map(|number| ("transform", number));
        let missing = self.missing.iter().map(|number| ("missing value", number));
        let others = [("scale", &self.scale), ("offset", &self.offset)];
        let mut all = numbers.chain(others).chain(missing);
        match all.find(|(_, number)| !number.is_finite()) {
            Some((name, number)) => Err(Error::range(format!(
                "the {name} of heights is {number}; it must be finite"
            ))),
            None => Ok(()),
        }
    }
}

/// A raster of heights in degrees.
struct Raster {
    /// Pixels, and where they are data if more tells that than their values.
    planes: Vec<Arc<dyn Provider>>,
    band: u32,
    bands: Bands,
    nodata: Option<Sample>,
    place: Affine,
    /// From degrees to pixels.
    back: Affine,
    options: HeightOptions,
    data_key: String,
}

/// Heights of a raster, whose blocks are kept in `cache`, if there is one.
pub fn heights(
    raster: Arc<dyn Provider>,
    options: &HeightOptions,
    cache: Option<&Cache>,
) -> Result<impl Heights + use<>> {
    options.check()?;
    let image = raster.image();
    let bands = Bands::of(&[options.band], image.band_count());
    image.check_bands(&bands)?;
    if image.dtype.is_complex() {
        let dtype = image.dtype.name();
        let what = format!("heights of complex samples ({dtype})");
        return Err(Error::new(Kind::Unsupported, what));
    }
    let place = match options.place {
        Some(place) => place,
        None => place_of(&*raster)?,
    };
    let back = place.inverse().ok_or_else(|| {
        Error::argument(format!(
            "the transform {:?} of heights puts many pixels in one place",
            place.0
        ))
    })?;
    let read = |image: Arc<dyn Provider>| in_parts(kept(image, cache)?, cache);
    let mut planes = vec![read(raster.clone())?];
    if let Some(mask) = raster.mask() {
        planes.push(read(mask)?);
    }
    Ok(Raster {
        planes,
        band: options.band,
        nodata: image.bands[options.band as usize].nodata,
        bands,
        place,
        back,
        options: *options,
        data_key: data_key(&*raster),
    })
}

/// Where a raster says that it lies, in degrees.
fn place_of(raster: &dyn Provider) -> Result<Affine> {
    let georef = raster.image().georef.as_ref();
    let place = georef.and_then(|georef| georef.transform(0));
    let (Some(georef), Some(place)) = (georef.and_then(|georef| georef.level(0)), place) else {
        return Err(Error::argument(
            "the raster of heights does not say where it lies, and no transform is given",
        ));
    };
    let Georef {
        wkt: text, epsg, ..
    } = georef;
    let text = text.or_else(|| register::wkt(epsg, None));
    if text.is_some_and(|text| wkt::is_projected(&text)) {
        let code = epsg.map_or(String::new(), |code| format!(", EPSG:{code}"));
        let what = format!(
            "the raster of heights lies in a projected system{code}; it must lie in degrees of longitude and latitude"
        );
        return Err(Error::new(Kind::Unsupported, what));
    }
    Ok(place)
}

/// A place between the centres of four pixels, of which some may be one at the edge of the raster.
struct Spot {
    columns: [u64; 2],
    rows: [u64; 2],
    /// How far it is from the first of them to the next.
    along: f64,
    down: f64,
}

/// A block of a plane, by row and column.
type Place = (u64, u64);

impl Raster {
    /// The place of a longitude and a latitude, if that is one of the raster, which may be told once more around the
    /// world.
    fn spot(&self, (long, lat): (f64, f64)) -> Option<Spot> {
        let size = self.planes[0].image().levels[0];
        let inside = |long: f64| {
            let (x, y) = self.back.apply(long, lat);
            let is_inside =
                (0.0..=size.0 as f64).contains(&x) && (0.0..=size.1 as f64).contains(&y);
            is_inside.then_some((x, y))
        };
        let in_turn = || {
            let (middle, _) = self.place.apply(size.0 as f64 / 2.0, size.1 as f64 / 2.0);
            long - 360.0 * ((long - middle) / 360.0).round()
        };
        let (x, y) = inside(long).or_else(|| inside(in_turn()))?;
        let side = |at: f64, length: u64| {
            let first = (at - 0.5).floor();
            let near = |at: f64| (at.max(0.0) as u64).min(length - 1);
            ([near(first), near(first + 1.0)], at - 0.5 - first)
        };
        let (columns, along) = side(x, size.0);
        let (rows, down) = side(y, size.1);
        Some(Spot {
            columns,
            rows,
            along,
            down,
        })
    }

    /// The height of a place; NaN where one of the four pixels about it is none.
    fn between(&self, spot: &Spot, held: &mut [Held<'_>]) -> Result<f64> {
        let mut four = [0.0; 4];
        for (nth, height) in four.iter_mut().enumerate() {
            let at = (spot.columns[nth % 2], spot.rows[nth / 2]);
            *height = self.pixel(at, held)?;
        }
        let [a, b, c, d] = four;
        if four.iter().any(|height| !height.is_finite()) {
            return Ok(f64::NAN);
        }
        let above = a * (1.0 - spot.along) + b * spot.along;
        let below = c * (1.0 - spot.along) + d * spot.along;
        Ok(above * (1.0 - spot.down) + below * spot.down)
    }

    /// A pixel; NaN where it is no data.
    fn pixel(&self, at: (u64, u64), held: &mut [Held<'_>]) -> Result<f64> {
        let dtype = self.planes[0].image().dtype;
        let mut is_data = true;
        if let [_, mask] = held {
            is_data = mask.sample(at)?.0[0] != 0;
        }
        let sample = held[0].sample(at)?;
        is_data &= match &self.nodata {
            Some(nodata) => !is_nodata(dtype, &sample, nodata),
            None => true,
        };
        Ok(if is_data {
            sample.to_f64(dtype)
        } else {
            f64::NAN
        })
    }
}

impl Heights for Raster {
    fn key(&self) -> String {
        let HeightOptions {
            scale,
            offset,
            missing,
            ..
        } = self.options;
        let missing = missing.map_or(String::new(), |missing| format!(":missing:{missing}"));
        format!(
            "band:{}:place:{}:by:{scale}:and:{offset}{missing}{}",
            self.band,
            numbers_key(&self.place.0),
            self.data_key
        )
    }

    fn sources(&self) -> &[Arc<dyn Provider>] {
        &self.planes
    }

    fn of(&self, places: &[(f64, f64)], request: &Request<'_>) -> Result<Vec<f64>> {
        let image = self.planes[0].image();
        let block_of = |spot: &Spot| {
            (
                spot.rows[0] / image.block.1,
                spot.columns[0] / image.block.0,
            )
        };
        let spots = places.iter().enumerate();
        let spots = spots.filter_map(|(at, place)| Some((at, self.spot(*place)?)));
        let mut spots: Vec<(usize, Spot)> = spots.collect();
        // Block by block, so that few are held and none is asked for again and again.
        spots.sort_by_key(|(_, spot)| block_of(spot));
        let of_mask = Bands::ALL;
        let planes = self.planes.iter().zip([&self.bands, &of_mask]);
        let mut held: SmallVec<[Held<'_>; 2]> = planes
            .map(|(image, bands)| Held::new(image, bands, request))
            .collect();
        let mut heights = vec![f64::NAN; places.len()];
        for (at, spot) in &spots {
            heights[*at] = self.between(spot, &mut held)?;
        }
        let HeightOptions {
            scale,
            offset,
            missing,
            ..
        } = self.options;
        let metres = |height: f64| match missing {
            Some(missing) if height.is_nan() => offset + missing * scale,
            _ => offset + height * scale,
        };
        Ok(heights.into_iter().map(metres).collect())
    }
}

/// The blocks of a plane that were read last, the latest first.
struct Held<'a> {
    image: &'a Arc<dyn Provider>,
    bands: &'a Bands,
    request: &'a Request<'a>,
    grid: Grid,
    blocks: SmallVec<[(Place, Tile); HELD]>,
}

impl<'a> Held<'a> {
    fn new(image: &'a Arc<dyn Provider>, bands: &'a Bands, request: &'a Request<'a>) -> Self {
        Self {
            grid: image.image().grid(0),
            image,
            bands,
            request,
            blocks: SmallVec::new(),
        }
    }

    /// The sample of the first band at a column and a row.
    fn sample(&mut self, (x, y): (u64, u64)) -> Result<Sample> {
        let (width, height) = self.image.image().block;
        let place = (y / height, x / width);
        let rect = self.grid.rect(place.0, place.1);
        let size = self.image.image().dtype.size();
        let tile = self.block(place)?;
        let offset = (x - rect.x) as usize * size;
        let mut sample = Sample::default();
        sample.0[..size].copy_from_slice(&tile.row(0, (y - rect.y) as usize)[offset..][..size]);
        Ok(sample)
    }

    fn block(&mut self, place: Place) -> Result<&Tile> {
        match self.blocks.iter().position(|(other, _)| *other == place) {
            Some(0) => (),
            Some(at) => self.blocks[..=at].rotate_right(1),
            None => {
                self.blocks.truncate(HELD - 1);
                let at = Block::new(0, place.0, place.1);
                let _asked =
                    AskedOfTiers::all(&**self.image, || vec![at], self.bands, self.request)?;
                let tile = self.image.get_block(at, self.bands, self.request)?;
                self.blocks.insert(0, (place, tile));
            }
        }
        Ok(&self.blocks[0].1)
    }
}
