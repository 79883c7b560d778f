//! GMLJP2 (OGC 05-047r3 and 08-085r5): the grid that a text of GML in the file says its pixels are.

use crate::georef::{Affine, Georef, register};
use crate::source::xml::{Element, walk};

/// The grid of the first coverage in a text.
#[derive(Default)]
struct Grid {
    is_closed: bool,
    origin: Option<[f64; 2]>,
    offsets: Vec<[f64; 2]>,
    system: Option<String>,
    axes: Vec<String>,
}

/// What a text of GML says; `None` where it says nothing that can be understood.
pub fn georef(xml: &str) -> Option<Georef> {
    let mut grid = Grid::default();
    walk(xml, &mut |open| grid.take(open)).ok()?;
    let (Some(origin), [column, row]) = (grid.origin, &grid.offsets[..]) else {
        return None;
    };
    let system = grid.system.as_deref().and_then(System::of);
    // Some files name the axes where they are not those of the system.
    let is_said = grid.axes.first().is_some_and(|axis| axis == "Easting");
    let flip = |[first, second]: [f64; 2]| match &system {
        Some(system) if system.is_northing_first && !is_said => [second, first],
        _ => [first, second],
    };
    let ([x, y], [a, c], [b, d]) = (flip(origin), flip(*column), flip(*row));
    // The origin is the centre of the first pixel.
    let centres = Affine([x, a, b, y, c, d]);
    let transform = centres.after(&Affine([-0.5, 1.0, 0.0, -0.5, 0.0, 1.0]));
    let is_finite = transform.0.iter().all(|number| number.is_finite());
    Some(Georef {
        transform: is_finite.then_some(transform),
        epsg: system.map(|system| system.epsg),
        ..Georef::default()
    })
}

impl Grid {
    /// Takes an element that ends.
    fn take(&mut self, open: &[Element<'_>]) {
        let Some(last) = open.last() else { return };
        let name = local(last);
        let is_inside = open.iter().any(|element| local(element) == "RectifiedGrid");
        if self.is_closed || !is_inside {
            return;
        }
        let mut system = |element: &Element<'_>| {
            if self.system.is_none() {
                self.system = element.attribute("srsName").map(str::to_owned);
            }
        };
        match name {
            "RectifiedGrid" => {
                system(last);
                self.is_closed = true;
            }
            "pos" => {
                system(last);
                self.origin = self.origin.or_else(|| pair(&last.text));
            }
            "Point" => system(last),
            "offsetVector" => self.offsets.extend(pair(&last.text)),
            "axisName" => self.axes.push(last.text.trim().to_owned()),
            _ => (),
        }
    }
}

fn local<'a>(element: &Element<'a>) -> &'a str {
    element.name.rsplit(':').next().unwrap_or_default()
}

fn pair(text: &str) -> Option<[f64; 2]> {
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}

/// A reference system as GML names it.
struct System {
    epsg: u32,
    /// Coordinates are in the order of the register, and there a northing or latitude comes first.
    is_northing_first: bool,
}

impl System {
    fn of(name: &str) -> Option<Self> {
        let code = |text: &str| text.parse().ok();
        if let Some(("EPSG" | "epsg", text)) = name.split_once(':') {
            return Some(Self {
                epsg: code(text)?,
                is_northing_first: false,
            });
        }
        let urn = name
            .strip_prefix("urn:")
            .filter(|urn| urn.contains(":def:crs:EPSG:"));
        let url = name.strip_prefix("http://www.opengis.net/def/crs/EPSG/");
        let epsg = code(match (urn, url) {
            (Some(urn), _) => urn.rsplit(':').next()?,
            (_, Some(url)) => url.rsplit('/').next()?,
            _ => return None,
        })?;
        Some(Self {
            epsg,
            is_northing_first: register::is_northing_first(epsg),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(system: &str, more: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><g:A xmlns:g=\"http://www.opengis.net/gml\"><g:RectifiedGrid dimension=\"2\">{more}\
             <g:origin><g:Point g:id=\"P\" srsName=\"{system}\"><g:pos>49.5 6.25</g:pos></g:Point></g:origin>\
             <g:offsetVector>0.125 0.25</g:offsetVector><g:offsetVector>-0.5 0.75</g:offsetVector></g:RectifiedGrid>\
             <g:RectifiedGrid><g:origin><g:Point><g:pos>1 2</g:pos></g:Point></g:origin></g:RectifiedGrid></g:A>"
        )
    }

    #[test]
    fn coordinates_come_in_the_order_of_the_system() {
        let as_said = Affine([49.6875, 0.125, -0.5, 5.75, 0.25, 0.75]);
        let flipped = Affine([5.75, 0.25, 0.75, 49.6875, 0.125, -0.5]);
        let easting = "<g:axisName>Easting</g:axisName><g:axisName>Northing</g:axisName>";
        for (system, more, transform, epsg) in [
            ("urn:ogc:def:crs:EPSG::4326", "", flipped, Some(4326)),
            (
                "urn:ogc:def:crs:EPSG:8.9:4326",
                "<g:axisName>x</g:axisName>",
                flipped,
                Some(4326),
            ),
            (
                "http://www.opengis.net/def/crs/EPSG/0/3035",
                "",
                flipped,
                Some(3035),
            ),
            ("urn:ogc:def:crs:EPSG::3035", easting, as_said, Some(3035)),
            ("urn:ogc:def:crs:EPSG::32632", "", as_said, Some(32632)),
            ("EPSG:4326", "", as_said, Some(4326)),
            ("gmljp2://xml/CRSDictionary.xml#own", "", as_said, None),
        ] {
            let georef = georef(&text(system, more)).expect("a grid");
            assert_eq!(
                (georef.transform, georef.epsg),
                (Some(transform), epsg),
                "{system}"
            );
        }
    }

    #[test]
    fn what_is_no_grid_says_nothing() {
        let whole = text("EPSG:4326", "");
        for broken in [
            "".to_owned(),
            whole.replace("RectifiedGrid", "Grid"),
            whole.replacen("<g:offsetVector>-0.5 0.75</g:offsetVector>", "", 1),
            whole.replace("49.5", "north"),
            whole.replace("</g:A>", ""),
        ] {
            assert_eq!(georef(&broken), None, "{broken}");
        }
        let far = georef(&whole.replace("49.5", "1e999")).expect("a system");
        assert_eq!((far.transform, far.epsg), (None, Some(4326)));
    }
}
