//! The rules of levels, written down pixel by pixel over a whole image in memory: what every level must be.

use crate::picture::{Picture, Value};
use tilecache::resample::Filter;

/// Pixels along a side with their weights.
type Taps = Vec<(i64, f64)>;

/// What becomes of a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Kept,
    Half,
    /// So many pixels, evenly.
    Even(i64),
}

impl Side {
    fn length(self, from: i64) -> i64 {
        match self {
            Side::Kept => from,
            Side::Half => (from + 1) / 2,
            Side::Even(to) => to,
        }
    }

    /// The pixels that one stands for.
    fn cell(self, at: i64, from: i64) -> std::ops::Range<i64> {
        match self {
            Side::Kept => at..at + 1,
            Side::Half => 2 * at..(2 * at + 2).min(from),
            Side::Even(to) => at * from / to..((at + 1) * from + to - 1) / to,
        }
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| match x == 0.0 {
        true => 1.0,
        false => libm::sin(std::f64::consts::PI * x) / (std::f64::consts::PI * x),
    };
    sinc(x) * sinc(x / 3.0)
}

/// A kernel at a distance in pixels of the output, and how far it reaches.
fn kernel(filter: Filter, x: f64) -> (f64, f64) {
    let x = x.abs();
    match filter {
        Filter::Bilinear => (1.0 - x, 1.0),
        Filter::Cubic if x < 1.0 => ((1.5 * x - 2.5) * x * x + 1.0, 2.0),
        Filter::Cubic => (((-0.5 * x + 2.5) * x - 4.0) * x + 2.0, 2.0),
        Filter::Gauss => (libm::exp(-1.6 * x * x), 1.5),
        Filter::Lanczos => (lanczos(x), 3.0),
        _ => panic!("{filter:?} has no kernel"),
    }
}

/// The taps along a side, those beyond it left out.
fn taps(filter: Filter, at: i64, from: i64, side: Side) -> Taps {
    let is_box = matches!(filter, Filter::Average | Filter::Rms);
    match side {
        Side::Kept => return vec![(at, 1.0)],
        Side::Even(to) if is_box => {
            let share = |pixel: i64| {
                let end = ((pixel + 1) * to).min((at + 1) * from);
                (pixel, (end - (pixel * to).max(at * from)) as f64)
            };
            return side.cell(at, from).map(share).collect();
        }
        Side::Even(to) => {
            let distance = |pixel: i64| {
                ((2 * pixel + 1) * to - (2 * at + 1) * from) as f64 / (2 * from) as f64
            };
            let tap = |pixel: i64| {
                let (weight, reach) = kernel(filter, distance(pixel));
                (distance(pixel).abs() < reach).then_some((pixel, weight))
            };
            return (0..from).filter_map(tap).collect();
        }
        Side::Half => (),
    }
    let (first, weights): (i64, Vec<f64>) = match filter {
        Filter::Average | Filter::Rms => (0, vec![1., 1.]),
        Filter::Bilinear => (-1, vec![1., 3., 3., 1.]),
        Filter::Cubic => (-3, vec![-3., -9., 29., 111., 111., 29., -9., -3.]),
        Filter::Gauss => (-2, vec![1., 5., 10., 10., 5., 1.]),
        Filter::Lanczos => {
            let of = |tap: i64| lanczos((tap as f64 - 0.5) / 2.0);
            (-5, (-5..7).map(of).collect())
        }
        _ => panic!("{filter:?} has no taps"),
    };
    let places = (2 * at + first..).zip(weights);
    places.filter(|(at, _)| (0..from).contains(at)).collect()
}

fn mirrored(at: i64, length: i64) -> i64 {
    if length == 1 {
        return 0;
    }
    let turn = at.rem_euclid(2 * (length - 1));
    turn.min(2 * (length - 1) - turn)
}

/// The picture halved by a filter.
pub fn halved(of: &Picture, filter: Filter) -> Picture {
    reduced(of, filter, (Side::Half, Side::Half))
}

/// The picture with other sides.
pub fn reduced(of: &Picture, filter: Filter, sides: (Side, Side)) -> Picture {
    let mut made = of.like(sides.0.length(of.width), sides.1.length(of.height));
    let smooth = (filter == Filter::Sips).then(|| first_stage(of));
    let step = Step {
        of,
        filter,
        sides,
        smooth,
    };
    for y in 0..made.height {
        for x in 0..made.width {
            let cell = step.cell(x, y);
            if let Some(mask) = &of.mask {
                let at = |(x, y): &(i64, i64)| mask[(y * of.width + x) as usize];
                let is_data = cell.iter().any(at);
                made.mask.as_mut().unwrap()[(y * made.width + x) as usize] = is_data;
            }
            for band in 0..of.bands.len() {
                let value = match cell.iter().any(|(x, y)| of.is_data(band, *x, *y)) {
                    true => step.pixel(band, (x, y)),
                    false => None,
                };
                let value = value.map_or(of.none(band), |value| moved(of, band, value));
                made.set(band, x, y, value);
            }
        }
    }
    made
}

/// One picture on its way to a smaller one.
struct Step<'a> {
    of: &'a Picture,
    filter: Filter,
    sides: (Side, Side),
    smooth: Option<Picture>,
}

/// A valid result that is the nodata value moves up, or at the end of the type down.
fn moved(of: &Picture, band: usize, mut value: [Value; 2]) -> [Value; 2] {
    if of.nodata[band].is_some_and(|nodata| of.equals(nodata, value)) {
        value[0] = of.next(value[0]);
    }
    value
}

impl Step<'_> {
    /// The pixels that one of the output stands for.
    fn cell(&self, x: i64, y: i64) -> Vec<(i64, i64)> {
        let xs = self.sides.0.cell(x, self.of.width);
        let ys = self.sides.1.cell(y, self.of.height);
        match self.filter {
            Filter::Nearest => vec![(xs.start, ys.start)],
            _ => ys.flat_map(|y| xs.clone().map(move |x| (x, y))).collect(),
        }
    }

    fn taps(&self, filter: Filter, at: (i64, i64)) -> (Taps, Taps) {
        let (of, sides) = (self.of, self.sides);
        let x = taps(filter, at.0, of.width, sides.0);
        (x, taps(filter, at.1, of.height, sides.1))
    }

    /// Whether sums of whole numbers are exact.
    fn is_exact(&self) -> bool {
        let is_even = |side| matches!(side, Side::Even(_));
        !is_even(self.sides.0) && !is_even(self.sides.1)
    }

    fn pixel(&self, band: usize, at: (i64, i64)) -> Option<[Value; 2]> {
        let (of, filter) = (self.of, self.filter);
        let data: Vec<[Value; 2]> = self
            .cell(at.0, at.1)
            .into_iter()
            .filter(|(x, y)| of.is_data(band, *x, *y))
            .map(|(x, y)| of.get(band, x, y))
            .collect();
        let mut sorted: Vec<Value> = data.iter().map(|value| value[0]).collect();
        sorted.sort_by(|a, b| a.order(b));
        let both = |value: Value| Some([value; 2]);
        match filter {
            Filter::Nearest => data.first().copied(),
            Filter::Min => both(sorted[0]),
            Filter::Max => both(sorted[sorted.len() - 1]),
            Filter::Median => both(sorted[(sorted.len() - 1) / 2]),
            Filter::Mode => {
                let same = |a: &[Value; 2], b: &[Value; 2]| a[0].same(&b[0]);
                let until = |end: usize| {
                    let count = data[..=end]
                        .iter()
                        .filter(|it| same(it, &data[end]))
                        .count();
                    (count, end)
                };
                let counts: Vec<_> = (0..data.len()).map(until).collect();
                let most = counts.iter().map(|(count, _)| *count).max()?;
                let (_, end) = counts.iter().find(|(count, _)| *count == most)?;
                data.iter().find(|it| same(it, &data[*end])).copied()
            }
            Filter::Rms => {
                // Squares of 64 bits are not exact.
                let lift = |value: Value| match of.dtype.size() < 8 && self.is_exact() {
                    true => value,
                    false => Value::F(value.float()),
                };
                let (mut squares, mut all) = (lift(of.zero()), lift(of.zero()));
                let (xs, ys) = self.taps(filter, at);
                for (y, of_row) in ys {
                    for (x, of_column) in &xs {
                        let x = *x;
                        if of.is_finite(band, x, y) {
                            let weight = match lift(of.zero()) {
                                Value::I(_) => Value::I((of_row * of_column) as i128),
                                Value::F(_) => Value::F(of_row * of_column),
                            };
                            let weight = weight.times(lift(of.weight(band, x, y)));
                            let value = lift(of.get(band, x, y)[0]);
                            squares = squares.plus(weight.times(value.times(value)));
                            all = all.plus(weight);
                        }
                    }
                }
                let mean = || (squares.float() / all.float()).sqrt();
                (all.float() > 0.0).then(|| [of.rounded(mean()); 2])
            }
            Filter::Sips => {
                let sides = |at: i64, length: i64| {
                    let of_second = (2 * at - 1..2 * at + 3).map(move |at| mirrored(at, length));
                    let all = of_second
                        .flat_map(move |at| (at - 3..at + 4).map(move |at| mirrored(at, length)));
                    let mut all: Vec<i64> = all.collect();
                    all.sort();
                    all.dedup();
                    all
                };
                let (xs, ys) = (sides(at.0, of.width), sides(at.1, of.height));
                let places = || ys.iter().flat_map(|y| xs.iter().map(move |x| (*x, *y)));
                let is_sound = places().all(|(x, y)| of.is_finite(band, x, y));
                let mut weights = places().map(|(x, y)| of.weight(band, x, y));
                let first = weights.next()?;
                let is_even = weights.all(|weight| weight.same(&first));
                match is_sound && is_even {
                    true => Some(second_stage(self.smooth.as_ref()?, band, at)),
                    false => self.mean(band, at, Filter::Bilinear),
                }
            }
            Filter::Cubic | Filter::Lanczos => {
                let (xs, ys) = self.taps(filter, at);
                let mut places = ys
                    .iter()
                    .flat_map(|(y, _)| xs.iter().map(move |(x, _)| (*x, *y)));
                let is_sound = places.all(|(x, y)| of.is_finite(band, x, y));
                let own = is_sound.then(|| self.mean(band, at, filter)).flatten();
                own.or_else(|| self.mean(band, at, Filter::Bilinear))
            }
            _ => self.mean(band, at, filter),
        }
    }

    /// The weighted mean over finite data, rows first.
    fn mean(&self, band: usize, at: (i64, i64), filter: Filter) -> Option<[Value; 2]> {
        let of = self.of;
        // Lanczos has weights that are no whole numbers.
        let lift = |value: Value| match filter != Filter::Lanczos
            && self.filter != Filter::Lanczos
            && self.is_exact()
        {
            true => value,
            false => Value::F(value.float()),
        };
        let weight = |weight: f64| match lift(of.zero()) {
            Value::I(_) => Value::I(weight as i128),
            Value::F(_) => Value::F(weight),
        };
        let zero = lift(of.zero());
        let (mut sums, mut all) = ([zero; 2], zero);
        let (xs, ys) = self.taps(filter, at);
        for (y, of_row) in ys {
            let (mut along, mut weights) = ([zero; 2], zero);
            for (x, of_column) in &xs {
                let (x, of_column) = (*x, *of_column);
                if !of.is_finite(band, x, y) {
                    continue;
                }
                let alpha = lift(of.weight(band, x, y));
                let value = of.get(band, x, y).map(|part| alpha.times(lift(part)));
                along = [0, 1].map(|part| along[part].plus(weight(of_column).times(value[part])));
                weights = weights.plus(weight(of_column).times(alpha));
            }
            sums = [0, 1].map(|part| sums[part].plus(weight(of_row).times(along[part])));
            all = all.plus(weight(of_row).times(weights));
        }
        (all.float() > 0.0).then(|| sums.map(|sum| of.quotient(sum, all)))
    }
}

/// The picture smoothed by 7 x 7 taps.
fn first_stage(of: &Picture) -> Picture {
    const TAPS: [i64; 7] = [-1, 0, 4, 6, 4, 0, -1];
    let mut smooth = of.like(of.width, of.height);
    for band in 0..of.bands.len() {
        for y in 0..of.height {
            for x in 0..of.width {
                let tap = |at: i64, tap: usize, length| mirrored(at + tap as i64 - 3, length);
                let along = |y: i64, part: usize| {
                    (0..7).fold(of.zero(), |sum, i| {
                        let value = of.get(band, tap(x, i, of.width), y)[part];
                        sum.plus(of.whole(TAPS[i]).times(value))
                    })
                };
                let both = [0, 1].map(|part| {
                    let sum = (0..7).fold(of.zero(), |sum, i| {
                        let along = along(tap(y, i, of.height), part);
                        sum.plus(of.whole(TAPS[i]).times(along))
                    });
                    of.even_quotient(sum, 144)
                });
                smooth.set(band, x, y, both);
            }
        }
    }
    smooth
}

/// A pixel between four of the smoothed picture, by 4 x 4 taps.
fn second_stage(smooth: &Picture, band: usize, at: (i64, i64)) -> [Value; 2] {
    const TAPS: [i64; 4] = [-1, 9, 9, -1];
    let place = |at: i64, tap: usize, length: i64| mirrored(2 * at + tap as i64 - 1, length);
    [0, 1].map(|part| {
        let sum = (0..4).fold(smooth.zero(), |sum, j| {
            let y = place(at.1, j, smooth.height);
            let along = (0..4).fold(smooth.zero(), |sum, i| {
                let x = place(at.0, i, smooth.width);
                let value = smooth.get(band, x, y)[part];
                sum.plus(smooth.whole(TAPS[i]).times(value))
            });
            sum.plus(smooth.whole(TAPS[j]).times(along))
        });
        smooth.even_quotient(sum, 256)
    })
}
