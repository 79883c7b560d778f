//! Affine: where the pixels of one image lie in another, or on the ground.

/// `x' = a[0] + a[1] x + a[2] y` and `y' = a[3] + a[4] x + a[5] y`, in GDAL's order.
///
/// Pixels are areas: (0, 0) is the corner of the first one at the top left, and its centre (0.5, 0.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// Every point in its place.
    pub const IDENTITY: Affine = Affine([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// Points so many times as far from the corner.
    pub const fn scale(x: f64, y: f64) -> Self {
        Affine([0.0, x, 0.0, 0.0, 0.0, y])
    }

    /// Where a point comes to lie.
    pub fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let a = &self.0;
        (a[0] + x * a[1] + y * a[2], a[3] + x * a[4] + y * a[5])
    }

    /// What `inner` does, and then this.
    pub fn after(&self, inner: &Affine) -> Affine {
        let (a, b) = (&self.0, &inner.0);
        let (x, y) = self.apply(b[0], b[3]);
        Affine([
            x,
            a[1] * b[1] + a[2] * b[4],
            a[1] * b[2] + a[2] * b[5],
            y,
            a[4] * b[1] + a[5] * b[4],
            a[4] * b[2] + a[5] * b[5],
        ])
    }

    /// The way back; `None` where points lie upon each other, or too far out for numbers to tell.
    pub fn inverse(&self) -> Option<Affine> {
        let [x, a, b, y, c, d] = self.0;
        // Without rotation, each side by itself: nothing is lost where pixels are much longer than wide.
        let inverse = if b == 0.0 && c == 0.0 {
            [-x / a, 1.0 / a, 0.0, -y / d, 0.0, 1.0 / d]
        } else {
            let area = a * d - b * c;
            [
                (b * y - d * x) / area,
                d / area,
                -b / area,
                (c * x - a * y) / area,
                -c / area,
                a / area,
            ]
        };
        let is_finite = inverse.iter().all(|number| number.is_finite());
        is_finite.then_some(Affine(inverse))
    }

    /// How it stretches and moves each side if it keeps sides parallel: the factor and the offset of x and of y,
    /// and whether they are swapped before.
    pub fn sides(&self) -> Option<Sides> {
        let [x, a, b, y, c, d] = self.0;
        match (a, b, c, d) {
            (_, 0.0, 0.0, _) => Some(Sides {
                swapped: false,
                x: (a, x),
                y: (d, y),
            }),
            (0.0, _, _, 0.0) => Some(Sides {
                swapped: true,
                x: (b, x),
                y: (c, y),
            }),
            _ => None,
        }
    }
}

/// An affine that maps rows and columns to rows and columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sides {
    /// x' comes from y, and y' from x.
    pub swapped: bool,
    /// The factor and the offset of x'.
    pub x: (f64, f64),
    /// Those of y'.
    pub y: (f64, f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_back() {
        for numbers in [
            [440_720.0, 60.0, 0.0, 3_751_320.0, 0.0, -60.0],
            [7.5, 0.25, -0.125, -3.0, 0.5, 2.0],
            [0.0, 0.0, 2.0, 1.0, -4.0, 0.0],
            [1e9, 1e-9, 0.0, -1e9, 0.0, 1e9],
        ] {
            let there = Affine(numbers);
            let back = there.inverse().expect("an inverse");
            for (x, y) in [(0.0, 0.0), (0.5, 0.5), (-3.0, 17.25), (100_000.0, 7.0)] {
                let (u, v) = there.apply(x, y);
                let (x2, y2) = back.apply(u, v);
                // As exactly as the numbers in between can say it.
                let near = |a: f64, b: f64, unit: f64| {
                    (a - b).abs() <= 1e-9 + 4.0 * f64::EPSILON * (u.abs() + v.abs()) * unit
                };
                let [_, a, b, _, c, d] = back.0.map(f64::abs);
                assert!(
                    near(x, x2, a + b) && near(y, y2, c + d),
                    "{numbers:?} {x} {y}"
                );
            }
            let both = there.after(&back);
            let (u, v) = both.apply(3.0, 4.0);
            assert!((u - 3.0).abs() < 1e-6 && (v - 4.0).abs() < 1e-6, "{both:?}");
        }
    }

    #[test]
    fn what_lies_upon_itself_has_no_way_back() {
        for numbers in [
            [0.0; 6],
            [1.0, 1.0, 2.0, 3.0, 2.0, 4.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            [0.0, f64::INFINITY, 0.0, 0.0, 0.0, f64::NAN],
        ] {
            assert_eq!(Affine(numbers).inverse(), None, "{numbers:?}");
        }
    }

    #[test]
    fn one_after_the_other_is_as_both() {
        let outer = Affine([5.0, 2.0, -1.0, 7.0, 0.5, 4.0]);
        let inner = Affine([1.0, 0.0, 3.0, -2.0, 8.0, 0.0]);
        let (x, y) = inner.apply(3.0, 11.0);
        assert_eq!(outer.after(&inner).apply(3.0, 11.0), outer.apply(x, y));
        assert_eq!(outer.after(&Affine::IDENTITY), outer);
        assert_eq!(Affine::IDENTITY.after(&outer), outer);
    }
}
