//! The rules of warps, written down pixel by pixel over whole images in memory: what every tile must be.

use crate::picture::{Picture, Value};
use std::f64::consts::PI;
use tilecache::resample::Filter;

/// From an output to its source, `None` where there is no way.
pub type Map<'a> = &'a dyn Fn(f64, f64) -> Option<(f64, f64)>;

/// An image seen through a map.
pub struct View<'a> {
    /// The levels of the source.
    pub levels: &'a [Picture],
    pub map: Map<'a>,
    pub filter: Filter,
    pub size: (i64, i64),
    pub exact: bool,
    pub max_error: f64,
    pub source_level: Option<usize>,
    pub scale: (f64, f64),
    pub period: Option<i64>,
}

/// What is known of a pixel before the source is looked at.
#[derive(Clone, Copy)]
struct Seen {
    centre: Option<(f64, f64)>,
    corners: [Option<(f64, f64)>; 4],
    level: usize,
    scale: (f64, f64),
}

type Spots = Vec<Option<Seen>>;

/// A cell of a level of the output.
#[derive(Clone, Copy)]
struct Cell {
    x: i64,
    y: i64,
    side: i64,
    stretch: (f64, f64),
}

impl View<'_> {
    /// A level of the output, and which of its pixels are data as far as a mask tells.
    pub fn level(&self, level: u32) -> (Picture, Vec<bool>) {
        let step = 2f64.powi(level as i32);
        let half = |n: i64| (n + (1 << level) - 1) >> level;
        let (width, height) = (half(self.size.0), half(self.size.1));
        let mut spots: Spots = vec![None; (width * height) as usize];
        for y in (0..height).step_by(64) {
            for x in (0..width).step_by(64) {
                let stretch = (step, step);
                let cell = Cell {
                    x,
                    y,
                    side: 64,
                    stretch,
                };
                self.cell(cell, (width, height), step, &mut spots);
            }
        }
        let source = &self.levels[0];
        let mut made = source.like(width, height);
        let mut mask = vec![false; (width * height) as usize];
        for y in 0..height {
            for x in 0..width {
                let at = (y * width + x) as usize;
                let seen = spots[at].expect("every pixel lies in a cell");
                for band in 0..source.bands.len() {
                    let value = match self.pixel(&seen, band) {
                        Some(value) => moved(source, band, value),
                        None if source.alpha == Some(band) => [source.zero(); 2],
                        None => source.none(band),
                    };
                    made.set(band, x, y, value);
                }
                mask[at] = self.is_shown(&seen);
            }
        }
        (made, mask)
    }

    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        (self.map)(x, y).filter(|(u, v)| u.abs() <= 2f64.powi(50) && v.abs() <= 2f64.powi(50))
    }

    fn near(&self, middle: Option<(f64, f64)>, at: Option<(f64, f64)>) -> Option<(f64, f64)> {
        let (Some(period), Some((middle, _)), Some((u, v))) = (self.period, middle, at) else {
            return at;
        };
        let period = period as f64;
        Some((u + period * ((middle - u) / period).round(), v))
    }

    fn cell(&self, cell: Cell, (width, height): (i64, i64), step: f64, spots: &mut Spots) {
        let Cell { x, y, side, .. } = cell;
        if x >= width || y >= height {
            return;
        }
        let (w, h) = (side.min(width - x), side.min(height - y));
        let point = |i: i64, j: i64| {
            let (i, j) = (i as f64 / 2.0, j as f64 / 2.0);
            self.at(
                (x as f64 + w as f64 * i) * step,
                (y as f64 + h as f64 * j) * step,
            )
        };
        let middle = point(1, 1);
        let point = |i, j| self.near(middle, point(i, j));
        // Differences along the middles, as part of one pixel.
        let all = [
            point(0, 1),
            middle,
            point(2, 1),
            point(1, 0),
            middle,
            point(1, 2),
        ];
        let both = |of: fn((f64, f64)) -> f64, is_lesser: bool| {
            let along = |three: &[Option<(f64, f64)>], steps: i64| {
                let three: Vec<f64> = three.iter().map(|at| at.map_or(f64::NAN, of)).collect();
                let steps = steps as f64;
                if !is_lesser {
                    return (three[2] - three[0]) / steps;
                }
                let sides = [three[1] - three[0], three[2] - three[1]].map(|it| it * 2.0 / steps);
                match (sides[0].is_finite(), sides[1].is_finite()) {
                    (true, true) if sides[0].abs() <= sides[1].abs() => sides[0],
                    (_, true) => sides[1],
                    _ => sides[0],
                }
            };
            let (a, b) = (along(&all[..3], w), along(&all[3..], h));
            (a * a + b * b).sqrt()
        };
        // Half a pixel to the right of the middle, and below it.
        let beside = [(0.5, 0.0), (0.0, 0.5)].map(|(right, below)| {
            let (x, y) = (x as f64 + w as f64 * 0.5, y as f64 + h as f64 * 0.5);
            self.near(middle, self.at((x + right) * step, (y + below) * step))
        });
        let of_pixel = |of: fn((f64, f64)) -> f64| {
            let [from, right, below] =
                [middle, beside[0], beside[1]].map(|at| at.map_or(f64::NAN, of));
            let (a, b) = ((right - from) * 2.0, (below - from) * 2.0);
            (a * a + b * b).sqrt()
        };
        let stretch = |is_lesser: bool| {
            let or = |value: f64, other: f64| if value.is_finite() { value } else { other };
            let of = |of: fn((f64, f64)) -> f64| match is_lesser && self.period.is_some() {
                true => of_pixel(of),
                false => both(of, is_lesser),
            };
            let (of_x, of_y) = (of(|at| at.0), of(|at| at.1));
            (or(of_x, cell.stretch.0), or(of_y, cell.stretch.1))
        };
        let (level, scale) = self.level_for(stretch(false));
        let corners = [point(0, 0), point(2, 0), point(0, 2), point(2, 2)];
        let between = |i: f64, j: f64| -> Option<(f64, f64)> {
            let [a, b, c, d] = [corners[0]?, corners[1]?, corners[2]?, corners[3]?];
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                (1.0 - j) * ((1.0 - i) * a + i * b) + j * ((1.0 - i) * c + i * d)
            };
            Some((mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1)))
        };
        let (fx, fy) = self.factor(level);
        let is_near = |(i, j): (i64, i64)| {
            let (is, should) = (between(i as f64 / 2.0, j as f64 / 2.0), point(i, j));
            is.zip(should).is_some_and(|(is, should)| {
                let (x, y) = ((is.0 - should.0) / fx, (is.1 - should.1) / fy);
                (x * x + y * y).sqrt() <= self.max_error / 2.0
            })
        };
        let is_good = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)]
            .into_iter()
            .all(is_near);
        // A corner may be turns away from where it is taken to be, and then all between goes another way.
        let goes_as_far = |period: i64| {
            let is_near = |i: f64, j: f64, seen: Option<(f64, f64)>, steps: i64| {
                let pair = between(i, j).zip(seen);
                pair.is_none_or(|(is, should)| {
                    (is.0 - should.0).abs() <= period as f64 / steps as f64 / 4.0
                })
            };
            is_near(0.5 + 0.5 / w as f64, 0.5, beside[0], w)
                && is_near(0.5, 0.5 + 0.5 / h as f64, beside[1], h)
        };
        let is_good = is_good && self.period.is_none_or(goes_as_far);
        if !is_good && side > 4 {
            let stretch = stretch(true);
            let side = side / 2;
            for (x, y) in [(x, y), (x + side, y), (x, y + side), (x + side, y + side)] {
                self.cell(
                    Cell {
                        x,
                        y,
                        side,
                        stretch,
                    },
                    (width, height),
                    step,
                    spots,
                );
            }
            return;
        }
        let (level, scale) = match is_good {
            true => (level, scale),
            false => self.level_for(stretch(true)),
        };
        for j in 0..h {
            for i in 0..w {
                let position = |right: f64, down: f64| match is_good && !self.exact {
                    true => between((i as f64 + right) / w as f64, (j as f64 + down) / h as f64),
                    false => {
                        let (x, y) = ((x + i) as f64 + right, (y + j) as f64 + down);
                        self.at(x * step, y * step)
                    }
                };
                let seen = Seen {
                    centre: position(0.5, 0.5),
                    corners: [(0., 0.), (1., 0.), (0., 1.), (1., 1.)].map(|(i, j)| position(i, j)),
                    level,
                    scale,
                };
                spots[((y + j) * width + x + i) as usize] = Some(seen);
            }
        }
    }

    /// Pixels of the full source for one of a level.
    fn factor(&self, level: usize) -> (f64, f64) {
        let factor = |full: i64, size: i64| {
            let n = 1i64 << level;
            match size == (full / n).max(1) || size == (full + n - 1) / n {
                true => n as f64,
                false => full as f64 / size as f64,
            }
        };
        let (full, of) = (&self.levels[0], &self.levels[level]);
        (factor(full.width, of.width), factor(full.height, of.height))
    }

    fn level_for(&self, stretch: (f64, f64)) -> (usize, (f64, f64)) {
        let is_full = self.filter == Filter::Nearest || self.chooses();
        let least = stretch.0.min(stretch.1);
        let fits = (0..self.levels.len()).filter(|level| 2f64.powi(*level as i32) <= least);
        let level = match (self.source_level, is_full) {
            (Some(level), _) => level,
            (None, true) => 0,
            (None, false) => fits.max().unwrap_or(0),
        };
        let (fx, fy) = self.factor(level);
        let wide = |fixed: f64, own: f64| if fixed > 0.0 { fixed } else { own.max(1.0) };
        (
            level,
            (
                wide(self.scale.0, stretch.0 / fx),
                wide(self.scale.1, stretch.1 / fy),
            ),
        )
    }

    /// The column of a level that stands at a column.
    fn column(&self, level: usize, x: i64) -> Option<i64> {
        let of = &self.levels[level];
        if (0..of.width).contains(&x) {
            return Some(x);
        }
        let period = self.period? as f64;
        let factor = self.factor(level).0;
        let centre = (x as f64 + 0.5) * factor;
        let turned = centre - period * (centre / period).floor();
        let is_here = turned < self.levels[0].width as f64;
        is_here.then(|| ((turned / factor).floor() as i64).min(of.width - 1))
    }

    /// A pixel of a level.
    fn place(&self, level: usize, x: i64, y: i64) -> Option<(i64, i64)> {
        let is_row = (0..self.levels[level].height).contains(&y);
        self.column(level, x).filter(|_| is_row).map(|x| (x, y))
    }

    /// Whether a value is chosen from those of several pixels.
    fn chooses(&self) -> bool {
        use Filter::*;
        matches!(self.filter, Mode | Min | Max | Median)
    }

    /// Whether a pixel stands for all that lies between its corners.
    fn covers(&self) -> bool {
        self.filter == Filter::Average || self.chooses()
    }

    /// The value that is chosen of those that are data, row by row.
    fn choose(&self, data: &[[Value; 2]]) -> Option<[Value; 2]> {
        let mut sorted: Vec<Value> = data.iter().map(|value| value[0]).collect();
        sorted.sort_by(Value::order);
        let at = |place: usize| Some([*sorted.get(place)?; 2]);
        match self.filter {
            Filter::Min => at(0),
            Filter::Max => at(sorted.len().checked_sub(1)?),
            Filter::Median => at(sorted.len().checked_sub(1)? / 2),
            _ => {
                let count = |until: usize| {
                    let same = |other: &&[Value; 2]| other[0].same(&data[until][0]);
                    data[..=until].iter().filter(same).count()
                };
                let most = (0..data.len()).map(count).max()?;
                let place = (0..data.len()).find(|until| count(*until) == most)?;
                let first = data.iter().find(|other| other[0].same(&data[place][0]));
                first.copied()
            }
        }
    }

    /// What an average covers, in pixels of the level: columns and rows.
    fn covered(&self, seen: &Seen) -> Option<[(f64, f64); 2]> {
        let (fx, fy) = self.factor(seen.level);
        if self.covers() && seen.corners.iter().all(Option::is_some) {
            let middle = seen.centre.or(seen.corners[0]);
            let corners = seen.corners.map(|at| self.near(middle, at).unwrap());
            let side = |of: fn(&(f64, f64)) -> f64, by: f64| {
                let all: Vec<f64> = corners.iter().map(of).collect();
                let least = all.iter().copied().fold(f64::INFINITY, f64::min);
                (
                    least / by,
                    all.into_iter().fold(f64::NEG_INFINITY, f64::max) / by,
                )
            };
            return Some([side(|at| at.0, fx), side(|at| at.1, fy)]);
        }
        let (u, v) = seen.centre?;
        let (x, y) = (u / fx, v / fy);
        self.place(seen.level, x.floor() as i64, y.floor() as i64)?;
        Some([(x, x), (y, y)])
    }

    /// The pixels that say whether there is data.
    fn cover(&self, seen: &Seen) -> Vec<(i64, i64)> {
        let Some([xs, ys]) = self.covered(seen) else {
            return Vec::new();
        };
        let range = |(from, until): (f64, f64)| {
            let first = from.floor() as i64;
            first..(until.ceil() as i64).max(first + 1)
        };
        let (xs, ys) = match self.covers() {
            true => (range(xs), range(ys)),
            false => (range((xs.0, xs.0)), range((ys.0, ys.0))),
        };
        let xs: Vec<i64> = match self.covers() {
            true => xs.collect(),
            false => vec![xs.start],
        };
        let ys: Vec<i64> = match self.covers() {
            true => ys.collect(),
            false => vec![ys.start],
        };
        let all = ys.iter().flat_map(|y| xs.iter().map(move |x| (*x, *y)));
        all.filter_map(|(x, y)| self.place(seen.level, x, y))
            .collect()
    }

    fn is_shown(&self, seen: &Seen) -> bool {
        let of = &self.levels[seen.level];
        let is_data = |(x, y): &(i64, i64)| match &of.mask {
            Some(mask) => mask[(y * of.width + x) as usize],
            None => true,
        };
        self.cover(seen).iter().any(is_data)
    }

    fn pixel(&self, seen: &Seen, band: usize) -> Option<[Value; 2]> {
        let of = &self.levels[seen.level];
        let cover = self.cover(seen);
        if !cover.iter().any(|(x, y)| of.is_data(band, *x, *y)) {
            return None;
        }
        let [xs, ys] = self.covered(seen)?;
        if self.filter == Filter::Nearest {
            let (x, y) = cover[0];
            return Some(of.get(band, x, y));
        }
        if self.chooses() {
            let data = cover.iter().filter(|(x, y)| of.is_data(band, *x, *y));
            let data: Vec<_> = data.map(|(x, y)| of.get(band, *x, *y)).collect();
            return self.choose(&data);
        }
        if self.filter == Filter::Average {
            let share = |(from, until): (f64, f64)| {
                let first = from.floor() as i64;
                let end = (until.ceil() as i64).max(first + 1);
                let weight = |at: i64| match until > from {
                    true => until.min((at + 1) as f64) - from.max(at as f64),
                    false => 1.0,
                };
                (first..end).map(|at| (at, weight(at))).collect::<Vec<_>>()
            };
            return self.mean(seen.level, band, &share(xs), &share(ys));
        }
        let taps = |filter: Filter| {
            let x = self.taps(seen.level, filter, xs.0, seen.scale.0, true);
            let y = self.taps(seen.level, filter, ys.0, seen.scale.1, false);
            (x, y)
        };
        let (x, y) = taps(self.filter);
        if self.filter != Filter::Bilinear {
            let mut places = y
                .iter()
                .flat_map(|(y, _)| x.iter().map(move |(x, _)| (*x, *y)));
            let is_sound = places.all(|(x, y)| {
                let (x, y) = self.place(seen.level, x, y).expect("a pixel");
                of.is_finite(band, x, y)
            });
            let own = is_sound
                .then(|| self.mean(seen.level, band, &x, &y))
                .flatten();
            let (x, y) = taps(Filter::Bilinear);
            return own.or_else(|| self.mean(seen.level, band, &x, &y));
        }
        self.mean(seen.level, band, &x, &y)
    }

    /// The pixels of a kernel that lie in the image, without a gap to the place itself.
    fn taps(
        &self,
        level: usize,
        filter: Filter,
        at: f64,
        scale: f64,
        is_column: bool,
    ) -> Vec<(i64, f64)> {
        let wide = scale
            * match filter {
                Filter::Bilinear => 1.0,
                Filter::Cubic => 2.0,
                _ => 3.0,
            };
        let is_here = |pixel: i64| match is_column {
            true => self.column(level, pixel).is_some(),
            false => (0..self.levels[level].height).contains(&pixel),
        };
        let counts = |pixel: &i64| (*pixel as f64 + 0.5 - at).abs() < wide && is_here(*pixel);
        let own = at.floor() as i64;
        let mut pixels: Vec<i64> = (0..).map(|n| own - 1 - n).take_while(counts).collect();
        pixels.reverse();
        pixels.extend((own..).take_while(counts));
        let weight = |pixel: i64| {
            let x = ((pixel as f64 + 0.5 - at) / scale).abs();
            match filter {
                Filter::Bilinear => 1.0 - x,
                Filter::Cubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
                Filter::Cubic => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
                _ if x == 0.0 => 1.0,
                _ => {
                    let sinc = |x: f64| libm::sin(PI * x) / (PI * x);
                    sinc(x) * sinc(x / 3.0)
                }
            }
        };
        pixels
            .into_iter()
            .map(|pixel| (pixel, weight(pixel)))
            .collect()
    }

    /// The weighted mean of what is finite data, rows first.
    fn mean(
        &self,
        level: usize,
        band: usize,
        xs: &[(i64, f64)],
        ys: &[(i64, f64)],
    ) -> Option<[Value; 2]> {
        let of = &self.levels[level];
        let (mut sums, mut all) = ([0.0; 2], 0.0);
        for (y, of_row) in ys {
            let (mut along, mut weights) = ([0.0; 2], 0.0);
            for (x, of_column) in xs {
                let Some((x, y)) = self.place(level, *x, *y) else {
                    continue;
                };
                if !of.is_finite(band, x, y) {
                    continue;
                }
                let alpha = of.weight(band, x, y).float();
                let value = of.get(band, x, y).map(|part| alpha * part.float());
                along = [0, 1].map(|part| along[part] + of_column * value[part]);
                weights += of_column * alpha;
            }
            sums = [0, 1].map(|part| sums[part] + of_row * along[part]);
            all += of_row * weights;
        }
        (all > 0.0).then(|| sums.map(|sum| of.rounded(sum / all)))
    }
}

/// A valid result that is the nodata value moves up, or at the end of the type down.
fn moved(of: &Picture, band: usize, mut value: [Value; 2]) -> [Value; 2] {
    if of.nodata[band].is_some_and(|nodata| of.equals(nodata, value)) {
        value[0] = of.next(value[0]);
    }
    value
}
