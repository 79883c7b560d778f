//! Transformations beside what NumPy and GDAL make of the same points.

use crate::support_gdal::{make, manifest};
use tilecache::georef::{Affine, Rpc};
use tilecache::operator::{HeightOptions, heights};
use tilecache::provider::Request;
use tilecache::source::file;
use tilecache::transform::{
    MAX_POINTS, Pair, Point, Transform, affine, polynomial, rpc, rpc_over, spline,
};

fn pairs(numbers: &[f64]) -> Vec<Pair> {
    let pair = |four: &[f64; 4]| Pair {
        output: Point::new(four[0], four[1]),
        source: Point::new(four[2], four[3]),
    };
    numbers.as_chunks().0.iter().map(pair).collect()
}

fn at(transform: &dyn Transform, x: f64, y: f64) -> (f64, f64) {
    let mut points = [Point::new(x, y)];
    transform.to_source(&mut points, &Request::new()).unwrap();
    (points[0].x, points[0].y)
}

#[test]
fn points_come_from_where_numpy_and_gdal_say() {
    let dir = make("tests/warp/figures.py");
    let mut kinds = std::collections::BTreeMap::new();
    for line in manifest(&dir) {
        let numbers = |field: &String| -> Vec<f64> {
            field
                .split(' ')
                .map(|number| number.parse().unwrap())
                .collect()
        };
        let [given, point, expected] = [1, 2, 3].map(|field| numbers(&line[field]));
        let transform = match line[0].split(' ').collect::<Vec<_>>()[..] {
            ["polynomial", order] => polynomial(&pairs(&given), order.parse().unwrap()),
            ["spline"] => spline(&pairs(&given)),
            ["heights", missing] => {
                let options = HeightOptions {
                    offset: 11.5,
                    scale: 0.75,
                    missing: missing.parse().ok(),
                    ..HeightOptions::default()
                };
                let raster = file::open(&dir.join("dem.tif"), 0, None).unwrap();
                let of_file = Rpc::from_numbers(given.as_slice().try_into().unwrap());
                let heights = heights(raster, &options, None).unwrap();
                rpc_over(of_file.unwrap(), Affine::IDENTITY, heights)
            }
            _ => {
                let of_file = Rpc::from_numbers(given.as_slice().try_into().unwrap());
                // The map is in degrees already.
                rpc(of_file.unwrap(), Affine::IDENTITY, 320.5)
            }
        };
        let (x, y) = at(&*transform.unwrap(), point[0], point[1]);
        if expected[0].is_nan() {
            assert!(
                x.is_nan() && y.is_nan(),
                "{} at {point:?}: {x} {y}",
                line[0]
            );
            *kinds.entry("nowhere".to_owned()).or_insert(0) += 1;
            continue;
        }
        let far = (x - expected[0]).abs().max((y - expected[1]).abs());
        let allowed = if line[0] == "spline" { 1e-5 } else { 1e-6 };
        assert!(
            far < allowed,
            "{} at {point:?}: {x} {y} instead of {expected:?}",
            line[0]
        );
        *kinds.entry(line[0].clone()).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    assert!(kinds["nowhere"] > 20, "{kinds:?}");
}

#[test]
fn an_affine_transformation_is_in_the_order_of_gdal() {
    let transform = affine(Affine([10.0, 2.0, -1.0, 20.0, 0.5, 4.0])).unwrap();
    assert_eq!(
        at(&*transform, 3.0, 5.0),
        (10.0 + 6.0 - 5.0, 20.0 + 1.5 + 20.0)
    );
}

#[test]
fn a_polynomial_that_goes_through_its_points_does() {
    let mut numbers = Vec::new();
    for x in 0..5 {
        for y in 0..5 {
            let (x, y) = (1e6 + f64::from(x) * 10.0, f64::from(y) * 7.0 - 3e6);
            let (s, t) = (x - 1e6, y + 3e6);
            numbers.extend([x, y, s * s * t / 50.0 - 3.0 * t, t * t * t / 90.0 + s + 5.0]);
        }
    }
    let transform = polynomial(&pairs(&numbers), 3).unwrap();
    for pair in pairs(&numbers) {
        let (x, y) = at(&*transform, pair.output.x, pair.output.y);
        assert!((x - pair.source.x).abs() < 1e-8, "{pair:?}: {x}");
        assert!((y - pair.source.y).abs() < 1e-8, "{pair:?}: {y}");
    }
}

#[test]
fn what_cannot_be_computed_is_refused_with_what_is_wrong() {
    let message = |made: tilecache::error::Result<_>| -> String {
        let made: Option<std::sync::Arc<dyn Transform>> = match made {
            Ok(made) => Some(made),
            Err(error) => return error.message().to_owned(),
        };
        panic!("made {:?}", made.map(|made| made.key().to_owned()))
    };
    let square = [
        0., 0., 5., 5., 9., 0., 6., 5., 0., 9., 5., 6., 9., 9., 6., 6.,
    ];
    let line: Vec<f64> = (0..12)
        .flat_map(|n| [f64::from(n), f64::from(2 * n), 1.0, 2.0])
        .collect();
    let refused = message(polynomial(&pairs(&square), 4));
    assert_eq!(refused, "order is 4; it must be 1 to 3");
    let refused = message(polynomial(&pairs(&square), 2));
    assert_eq!(
        refused,
        "4 points for a polynomial of order 2; it takes at least 6"
    );
    let refused = message(polynomial(&pairs(&line), 1));
    assert!(
        refused.contains("no polynomial of order 1 follows"),
        "{refused}"
    );
    let refused = message(spline(&pairs(&line)));
    assert!(refused.contains("on a line"), "{refused}");
    let refused = message(spline(&pairs(&square[..8])));
    assert_eq!(refused, "2 points for a spline; there must be 3 to 4096");
    let many = square.repeat(MAX_POINTS / 4 + 1);
    let refused = message(spline(&pairs(&many)));
    assert_eq!(refused, "4100 points for a spline; there must be 3 to 4096");
    let mut twice = square.to_vec();
    twice.extend([9., -0., 1., 1.]);
    let refused = message(spline(&pairs(&twice)));
    assert_eq!(refused, "points 1 and 4 of the output are one, (9, -0)");
    twice[6] = f64::NAN;
    let refused = message(spline(&pairs(&twice)));
    assert_eq!(
        refused,
        "point 1 of the source is (NaN, 5); it must be finite"
    );
    let refused = message(affine(Affine([0.0, f64::INFINITY, 0., 0., 0., 0.])));
    assert_eq!(
        refused,
        "a number of the affine transformation is inf; it must be finite"
    );
}

#[test]
fn what_comes_from_elsewhere_has_another_key() {
    let square = [
        0., 0., 5., 5., 9., 0., 6., 5., 0., 9., 5., 6., 9., 9., 6., 6.,
    ];
    let mut moved = square;
    moved[15] = 6.0000001;
    let keys: Vec<String> = [
        polynomial(&pairs(&square), 1),
        polynomial(&pairs(&moved), 1),
        spline(&pairs(&square)),
        spline(&pairs(&moved)),
        affine(Affine([0., 1., 0., 0., 0., 1.])),
        affine(Affine([0., 1., 0., 0., 0., 1.0000001])),
    ]
    .into_iter()
    .map(|made| made.unwrap().key().to_owned())
    .collect();
    let all: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(all.len(), keys.len(), "{keys:?}");
    assert!(
        keys.iter()
            .all(|key| !key.contains(['(', ')', ',', '@', '[', ']']))
    );
}
