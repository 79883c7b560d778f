//! Paths: what became of the samples of one band on the way to a value.

use super::build::Build;
use super::formula::detect_real;
use super::program::{Node, Op};
use super::step::Detect;

/// Why no limits are known.
pub type Known<T> = std::result::Result<T, String>;

/// How a value comes out of one sample.
pub struct Path {
    /// The band of the source.
    pub band: usize,
    /// Whether its samples are complex, of which statistics have the magnitude or power.
    pub is_complex: bool,
    /// From the sample on.
    steps: Vec<Made>,
}

enum Made {
    /// Of a real sample, or of a magnitude.
    Detected(Detect),
    By(Op),
}

impl Path {
    /// The path to a node; an error where its values do not follow from those of one band.
    pub fn to(build: &Build<'_>, node: usize) -> Known<Self> {
        let unknown = || Err("no statistics tell of what comes before it".to_owned());
        let mut steps = Vec::new();
        let mut at = node;
        loop {
            match build.node(at) {
                Node::Source(band) => {
                    steps.reverse();
                    return Ok(Self {
                        band: *band,
                        is_complex: false,
                        steps,
                    });
                }
                Node::Complex(_, Detect::Phase) => return unknown(),
                Node::Complex(source, detect) => {
                    steps.push(Made::Detected(*detect));
                    steps.reverse();
                    return Ok(Self {
                        band: *source,
                        is_complex: true,
                        steps,
                    });
                }
                Node::Of(_, Op::Entry(_) | Op::Colour(_)) => return unknown(),
                Node::Of(parent, Op::Detect(detect)) => {
                    steps.push(Made::Detected(*detect));
                    at = *parent;
                }
                Node::Of(parent, op) => {
                    steps.push(Made::By(op.clone()));
                    at = *parent;
                }
                Node::YCbCr(..) | Node::Any(_) => return unknown(),
            }
        }
    }

    /// What becomes of a sample.
    pub fn value(&self, sample: f64) -> f64 {
        self.steps.iter().fold(sample, |value, made| match made {
            Made::Detected(detect) => detect_real(value, *detect),
            Made::By(op) => op.apply(value),
        })
    }

    /// Whether greater samples have greater values, or lesser ones; an error where neither is so.
    pub fn rises(&self, least: f64) -> Known<bool> {
        let (mut rises, mut least) = (true, least);
        for made in &self.steps {
            match made {
                Made::Detected(detect) => {
                    if least < 0.0 || !rises {
                        let name = detect.name();
                        return Err(format!("no statistics tell of {name} of values below 0"));
                    }
                    least = 0.0;
                    if *detect == Detect::Log {
                        least = f64::NEG_INFINITY;
                    }
                }
                Made::By(op) => {
                    let falls = match op {
                        Op::Linear(scale, _) => *scale < 0.0,
                        Op::Invert => true,
                        _ => false,
                    };
                    rises ^= falls;
                    least = op.apply(least);
                }
            }
        }
        Ok(rises)
    }

    /// Scale and offset, if the value is a linear function of the sample.
    pub fn linear(&self, is_power: bool) -> Known<(f64, f64)> {
        let mut sum = (1.0, 0.0);
        for made in &self.steps {
            match made {
                // That is what the statistics are of.
                Made::Detected(Detect::Magnitude) if self.is_complex && !is_power => (),
                Made::Detected(Detect::Power) if self.is_complex && is_power => (),
                Made::By(Op::Linear(scale, offset)) => {
                    sum = (sum.0 * scale, sum.1 * scale + offset);
                }
                Made::By(Op::Single) => (),
                _ => return Err("no mean is known of what comes before it".to_owned()),
            }
        }
        Ok(sum)
    }
}
