//! Rational polynomials: where a point of the ground appears in an image, as those say who sell images.

use super::affine::Affine;

/// The coefficients of RPC00B, with errors in metres. Pixels are points here: line 0 and sample 0 are the centre of
/// the first pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Rpc {
    /// The error of all points together; -1 if it is not known.
    pub err_bias: f64,
    /// The error of single points; -1 if it is not known.
    pub err_rand: f64,
    /// The offset and the scale of lines.
    pub line: Normal,
    /// Those of samples.
    pub samp: Normal,
    /// Those of the latitude, in degrees.
    pub lat: Normal,
    /// Those of the longitude, in degrees.
    pub long: Normal,
    /// Those of the height above the ellipsoid, in metres.
    pub height: Normal,
    /// The numerator of the line.
    pub line_num: [f64; 20],
    /// The denominator of the line.
    pub line_den: [f64; 20],
    /// The numerator of the sample.
    pub samp_num: [f64; 20],
    /// The denominator of the sample.
    pub samp_den: [f64; 20],
}

/// How a quantity becomes a number from -1 to 1: less the offset, divided by the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// What is taken away.
    pub offset: f64,
    /// What it is divided by.
    pub scale: f64,
}

impl Rpc {
    /// How many numbers there are.
    pub const NUMBERS: usize = 92;

    /// The coefficients from numbers in the order of the TIFF tag; `None` if one of them cannot be used.
    pub fn from_numbers(numbers: &[f64; Self::NUMBERS]) -> Option<Self> {
        let normal = |at: usize| Normal {
            offset: numbers[2 + at],
            scale: numbers[7 + at],
        };
        let (polynomials, _) = numbers[12..].as_chunks::<20>();
        let is_usable = numbers.iter().all(|number| number.is_finite())
            && numbers[7..12].iter().all(|scale| *scale != 0.0);
        is_usable.then(|| Self {
            err_bias: numbers[0],
            err_rand: numbers[1],
            line: normal(0),
            samp: normal(1),
            lat: normal(2),
            long: normal(3),
            height: normal(4),
            line_num: polynomials[0],
            line_den: polynomials[1],
            samp_num: polynomials[2],
            samp_den: polynomials[3],
        })
    }

    /// The same of an image whose pixels stand in this one's as `there` says; `None` where rows and columns of one
    /// are not those of the other.
    pub fn through(&self, there: &Affine) -> Option<Self> {
        let sides = there.sides()?;
        let mut seen = self.clone();
        // x' is a column here and comes from a column of the other, or from a row.
        let (samp, samp_num) = moved(self.samp, &self.samp_num, sides.x);
        let (line, line_num) = moved(self.line, &self.line_num, sides.y);
        (seen.samp, seen.samp_num) = (samp, samp_num);
        (seen.line, seen.line_num) = (line, line_num);
        if sides.swapped {
            std::mem::swap(&mut seen.line, &mut seen.samp);
            std::mem::swap(&mut seen.line_num, &mut seen.samp_num);
            std::mem::swap(&mut seen.line_den, &mut seen.samp_den);
        }
        Some(seen)
    }

    /// Where a point of the ground appears: longitude and latitude in degrees, the height in metres. Edges of pixels
    /// are at whole numbers, so the centre of the first pixel is (0.5, 0.5).
    pub fn appears(&self, long: f64, lat: f64, height: f64) -> (f64, f64) {
        // The same place may be told once more around the world.
        let turns = ((long - self.long.offset) / 360.0).round();
        let long = long - 360.0 * turns;
        let normal = |of: &Normal, value: f64| (value - of.offset) / of.scale;
        self.of_normals(
            normal(&self.lat, lat),
            normal(&self.long, long),
            normal(&self.height, height),
        )
    }

    /// [`Rpc::appears`] of latitude, longitude and height as numbers from -1 to 1.
    fn of_normals(&self, p: f64, l: f64, h: f64) -> (f64, f64) {
        let terms = [
            1.0,
            l,
            p,
            h,
            l * p,
            l * h,
            p * h,
            l * l,
            p * p,
            h * h,
            p * l * h,
            l * l * l,
            l * p * p,
            l * h * h,
            l * l * p,
            p * p * p,
            p * h * h,
            l * l * h,
            p * p * h,
            h * h * h,
        ];
        let sum =
            |factors: &[f64; 20]| -> f64 { factors.iter().zip(&terms).map(|(a, b)| a * b).sum() };
        let line = sum(&self.line_num) / sum(&self.line_den);
        let samp = sum(&self.samp_num) / sum(&self.samp_den);
        (
            samp * self.samp.scale + self.samp.offset + 0.5,
            line * self.line.scale + self.line.offset + 0.5,
        )
    }
}

/// A side of which positions there are `factor` times those here and `offset`.
fn moved(
    normal: Normal,
    numerator: &[f64; 20],
    (factor, offset): (f64, f64),
) -> (Normal, [f64; 20]) {
    // Pixels are points in the polynomials and areas in the affine.
    let corner = (normal.offset + 0.5 - offset) / factor;
    let moved = Normal {
        offset: corner - 0.5,
        scale: normal.scale / factor.abs(),
    };
    // A scale has no sign.
    let sign = factor.signum();
    (moved, numerator.map(|number| sign * number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_appears_in_its_place_however_the_image_is_scaled_and_turned() {
        let mut numbers: [f64; Rpc::NUMBERS] =
            std::array::from_fn(|at| 1.0 + (at * 37 % 11) as f64 / 16.0);
        numbers[2..7].copy_from_slice(&[2_000.0, 3_000.5, 47.0, 11.0, 500.0]);
        numbers[7..12].copy_from_slice(&[2_001.0, 3_001.0, 0.2, 0.3, 400.0]);
        let rpc = Rpc::from_numbers(&numbers).expect("numbers that can be used");
        for there in [
            Affine::scale(4.0, 2.0),
            Affine([10.0, 1.0, 0.0, -20.0, 0.0, 1.0]),
            Affine([4_000.0, -1.0, 0.0, 0.0, 0.0, 0.5]),
            Affine([0.0, 0.0, 2.0, 5_000.0, -1.0, 0.0]),
        ] {
            let seen = rpc.through(&there).expect("parallel sides");
            assert!(seen.samp.scale > 0.0 && seen.line.scale > 0.0);
            let (x, y) = seen.of_normals(0.25, -0.5, 0.125);
            let (x, y) = there.apply(x, y);
            let (samp, line) = rpc.of_normals(0.25, -0.5, 0.125);
            assert!(
                (x - samp).abs() < 1e-6 && (y - line).abs() < 1e-6,
                "{there:?}"
            );
        }
        assert_eq!(rpc.through(&Affine([0.0, 1.0, 1.0, 0.0, -1.0, 1.0])), None);
    }

    #[test]
    fn numbers_that_cannot_be_divided_by_are_none() {
        let mut numbers = [1.0; Rpc::NUMBERS];
        assert!(Rpc::from_numbers(&numbers).is_some());
        numbers[8] = 0.0;
        assert_eq!(Rpc::from_numbers(&numbers), None);
        numbers[8] = f64::NAN;
        assert_eq!(Rpc::from_numbers(&numbers), None);
    }
}
