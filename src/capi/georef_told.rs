//! Georeferences as C reads them.

use super::georef::{tc_gcp, tc_georef, tc_georef_flags, tc_rpc};
use super::provider::c_text;
use crate::georef::{Georef, Rpc, register};
use crate::image::Image;
use std::ffi::CString;
use std::ptr::null;
use std::sync::OnceLock;

/// The georeferences of the levels of a provider as C reads them, each made when it is asked for.
#[derive(Default)]
pub struct Georefs(OnceLock<Box<[OnceLock<Told>]>>);

impl Georefs {
    /// That of a level of `image`, which must be the same at every call.
    pub fn of_level(&self, image: &Image, level: u32) -> tc_georef {
        let levels = self.0.get_or_init(|| {
            let levels = image.levels.iter();
            levels.map(|_| OnceLock::new()).collect()
        });
        let told = || {
            let georef = image.georef.as_ref();
            Told::new(georef.and_then(|located| located.level(level)))
        };
        levels[level as usize].get_or_init(told).georef
    }
}

/// A georeference as C reads it, and what it points to: in vectors, for a box may not move while its content is
/// pointed to.
struct Told {
    georef: tc_georef,
    _texts: Vec<CString>,
    _gcps: Vec<tc_gcp>,
    _rpc: Vec<tc_rpc>,
}

// SAFETY: its pointers lead to what it owns, which never changes.
unsafe impl Send for Told {}
// SAFETY: as above.
unsafe impl Sync for Told {}

impl Told {
    fn new(georef: Option<Georef>) -> Self {
        use tc_georef_flags::*;
        let georef = georef.unwrap_or_default();
        let mut texts = Vec::new();
        let mut text = |text: &str| {
            // What the texts point to stays where it is when the list grows.
            texts.push(c_text(text));
            texts.last().map_or(null(), |text| text.as_ptr())
        };
        let gcps: Vec<tc_gcp> = georef
            .gcps
            .iter()
            .map(|gcp| tc_gcp {
                pixel: gcp.pixel.0,
                line: gcp.pixel.1,
                x: gcp.place[0],
                y: gcp.place[1],
                z: gcp.place[2],
                id: text(&gcp.id),
                info: text(&gcp.info),
            })
            .collect();
        let rpc: Vec<tc_rpc> = georef.rpc.iter().map(told_rpc).collect();
        let registered = match georef.wkt {
            Some(_) => None,
            None => register::wkt(georef.epsg, georef.vertical_epsg),
        };
        let flags = [
            (georef.transform.is_some(), TC_GEOREF_HAS_TRANSFORM as u32),
            (georef.pixel_is_point, TC_GEOREF_PIXEL_IS_POINT as u32),
            (registered.is_some(), TC_GEOREF_WKT_OF_CODES as u32),
        ];
        let code = |code: Option<u32>| code.map_or(0, |code| code as i32);
        let told = tc_georef {
            struct_size: 0,
            flags: flags
                .iter()
                .filter(|(set, _)| *set)
                .map(|(_, bit)| bit)
                .sum(),
            transform: georef.transform.map_or([0.0; 6], |affine| affine.0),
            wkt: georef
                .wkt
                .or(registered)
                .as_deref()
                .map_or(null(), &mut text),
            epsg: code(georef.epsg),
            vertical_epsg: code(georef.vertical_epsg),
            vertical_unit: georef.vertical_unit.as_deref().map_or(null(), &mut text),
            gcps: match gcps.is_empty() {
                true => null(),
                false => gcps.as_ptr(),
            },
            n_gcps: gcps.len(),
            rpc: match rpc.is_empty() {
                true => null(),
                false => rpc.as_ptr(),
            },
        };
        Self {
            georef: told,
            _texts: texts,
            _gcps: gcps,
            _rpc: rpc,
        }
    }
}

fn told_rpc(rpc: &Rpc) -> tc_rpc {
    tc_rpc {
        err_bias: rpc.err_bias,
        err_rand: rpc.err_rand,
        line_off: rpc.line.offset,
        samp_off: rpc.samp.offset,
        lat_off: rpc.lat.offset,
        long_off: rpc.long.offset,
        height_off: rpc.height.offset,
        line_scale: rpc.line.scale,
        samp_scale: rpc.samp.scale,
        lat_scale: rpc.lat.scale,
        long_scale: rpc.long.scale,
        height_scale: rpc.height.scale,
        line_num: rpc.line_num,
        line_den: rpc.line_den,
        samp_num: rpc.samp_num,
        samp_den: rpc.samp_den,
    }
}
