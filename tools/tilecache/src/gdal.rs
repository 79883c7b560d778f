//! What GDAL knows of reference systems, through `gdal.c`.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use crate::api::{Transform, call, text};
use crate::failure::{Failure, Outcome};
use crate::raw::*;

/// A rectangle of a map in some reference system, and the way from its pixels to those of an image.
pub struct Map {
    pub transform: [f64; 6],
    pub width: i64,
    pub height: i64,
    pub epsg: i32,
    pub wkt: String,
    pub from_map: Transform,
}

pub struct Asked<'a> {
    pub georef: &'a tc_georef,
    pub width: i64,
    pub height: i64,
    pub system: &'a str,
    /// Of a polynomial through control points.
    pub order: Option<i32>,
    pub rpc_height: f64,
    pub resolution: Option<f64>,
}

/// The struct of `gdal.c`.
#[repr(C)]
struct tool_map {
    georef: *const tc_georef,
    width: i64,
    height: i64,
    system: *const c_char,
    order: i32,
    rpc_height: f64,
    resolution: f64,
    transform: [f64; 6],
    map_width: i64,
    map_height: i64,
    epsg: i32,
    wkt: *mut c_char,
    from_map: *mut tc_transform,
}

unsafe extern "C" {
    fn tool_map_find(map: *mut tool_map, error: *mut tc_error) -> tc_status;
    fn tool_map_free(map: *mut tool_map);
    fn tool_to_degrees(georef: *const tc_georef, x: *mut f64, y: *mut f64, n: c_int) -> c_int;
}

impl Map {
    pub fn find(asked: &Asked) -> Outcome<Map> {
        let system = CString::new(asked.system)
            .map_err(|_| Failure::Other("the reference system has a NUL character".into()))?;
        let mut map = tool_map {
            georef: asked.georef,
            width: asked.width,
            height: asked.height,
            system: system.as_ptr(),
            order: asked.order.unwrap_or(0),
            rpc_height: asked.rpc_height,
            resolution: asked.resolution.unwrap_or(0.0),
            transform: [0.0; 6],
            map_width: 0,
            map_height: 0,
            epsg: 0,
            wkt: ptr::null_mut(),
            from_map: ptr::null_mut(),
        };
        // SAFETY: all that the struct points to lives as long as the call.
        let found = call(|error| unsafe { tool_map_find(&mut map, error) });
        // SAFETY: a text that ends with NUL, or NULL; copied before it is freed.
        let wkt = unsafe {
            let wkt = text(map.wkt);
            tool_map_free(&mut map);
            wkt
        };
        found?;
        Ok(Map {
            transform: map.transform,
            width: map.map_width,
            height: map.map_height,
            epsg: map.epsg,
            wkt,
            from_map: Transform::made(|made, _| {
                // SAFETY: an out-parameter, which gets the reference that is ours.
                unsafe { *made = map.from_map };
                TC_OK
            })?,
        })
    }
}

/// Longitudes and latitudes of places of a map, where GDAL knows them.
pub fn degrees(georef: &tc_georef, places: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = places.iter().copied().unzip();
    // SAFETY: both have as many numbers.
    let good = unsafe { tool_to_degrees(georef, x.as_mut_ptr(), y.as_mut_ptr(), x.len() as c_int) };
    (good != 0).then(|| x.into_iter().zip(y).collect())
}
