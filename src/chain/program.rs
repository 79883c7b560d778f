//! Programs: what a chain computes of one kind of source, as a graph of values in which each band of the output is
//! followed back to the samples that it needs.

use super::formula;
use super::step::Detect;
use crate::dtype::{DType, Sample};
use crate::image::Image;
use crate::simd::vectorised;
use std::sync::Arc;

/// What a chain is put on.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The type of the samples.
    pub dtype: DType,
    /// The nodata value of each band.
    pub nodata: Vec<Option<Sample>>,
}

impl Samples {
    /// Those of an image.
    pub fn of(image: &Image) -> Self {
        Self {
            dtype: image.dtype,
            nodata: image.bands.iter().map(|band| band.nodata).collect(),
        }
    }
}

/// Values of one band somewhere in a chain; NaN where they are no data.
#[derive(Clone, Debug)]
pub enum Node {
    /// Samples of a band that is read.
    Source(usize),
    /// Complex samples of a band that is read, as real values.
    Complex(usize, Detect),
    /// Those of another node, each by itself.
    Of(usize, Op),
    /// A part of the colour of three nodes.
    YCbCr([usize; 3], usize),
    /// 1 where any of these is data, else 0.
    Any(Vec<usize>),
}

/// What becomes of a value by itself.
#[derive(Clone, Debug)]
pub enum Op {
    /// Times a scale plus an offset.
    Linear(f64, f64),
    /// Of a real sample.
    Detect(Detect),
    /// Between limits.
    Stretch(f64, f64),
    /// Raised to one over it.
    Gamma(f64),
    /// 1 less the value.
    Invert,
    /// The nearest whole number for 0 to 1, so many for 1.
    Quantise(f64),
    /// In single precision.
    Single,
    /// Looked up at an index; what is beyond the table is its end.
    Entry(Arc<[f64]>),
    /// Looked up at an index; what is beyond the table is no data.
    Colour(Arc<[f64]>),
}

impl Op {
    /// Adds the values made of others to `to`; those of arithmetic alone many at a time.
    pub fn run(&self, from: &[f64], to: &mut Vec<f64>) {
        match *self {
            Op::Linear(scale, offset) => {
                vectorised(|| to.extend(from.iter().map(|value| value * scale + offset)));
            }
            Op::Stretch(low, high) if low < high => vectorised(|| {
                to.extend(from.iter().map(|value| formula::stretch(*value, low, high)));
            }),
            Op::Quantise(most) => vectorised(|| {
                to.extend(from.iter().map(|value| formula::quantise(*value, most)));
            }),
            _ => to.extend(from.iter().map(|value| self.apply(*value))),
        }
    }

    /// The value made of one.
    #[inline]
    pub fn apply(&self, value: f64) -> f64 {
        match self {
            Op::Linear(scale, offset) => value * scale + offset,
            Op::Detect(detect) => formula::detect_real(value, *detect),
            Op::Stretch(low, high) => formula::stretch(value, *low, *high),
            Op::Gamma(gamma) => formula::gamma(value, *gamma),
            Op::Invert => 1.0 - value,
            Op::Quantise(most) => formula::quantise(value, *most),
            Op::Single => f64::from(value as f32),
            Op::Entry(table) => formula::entry(table, value),
            Op::Colour(table) => formula::colour(table, value),
        }
    }
}

/// A chain for one kind of source.
#[derive(Debug)]
pub struct Program {
    /// The bands of the source that are read.
    pub reads: Vec<u32>,
    /// The nodata value of each of them.
    pub nodata: Vec<Option<Sample>>,
    /// The type of their samples.
    pub input: DType,
    /// The type of the output.
    pub output: DType,
    /// All values; each node is made of those before it.
    pub nodes: Vec<Node>,
    /// The node of each band of the output.
    pub roots: Vec<usize>,
    /// Whether samples are passed on as they are, what is no data too.
    pub is_selection: bool,
    /// Whether the last band of the output is opacity.
    pub has_opacity: bool,
    /// Whether the bands show a picture: grey or red, green and blue.
    pub is_picture: bool,
}

impl Program {
    /// The band of the source that a node is made of, if it is one only.
    pub fn band_of(&self, node: usize) -> Option<u32> {
        self.leaf(node).map(|read| self.reads[read])
    }

    /// The place of that band among those that are read, where it has real samples.
    pub fn leaf(&self, node: usize) -> Option<usize> {
        match &self.nodes[node] {
            Node::Source(read) => Some(*read),
            Node::Of(parent, _) => self.leaf(*parent),
            Node::Complex(..) | Node::YCbCr(..) | Node::Any(_) => None,
        }
    }
}

/// Which nodes some are made of, these included.
pub fn needed(nodes: &[Node], roots: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut needed = vec![false; nodes.len()];
    roots.into_iter().for_each(|root| needed[root] = true);
    for at in (0..nodes.len()).rev() {
        if !needed[at] {
            continue;
        }
        match &nodes[at] {
            Node::Source(_) => (),
            Node::Complex(of, _) | Node::Of(of, _) => needed[*of] = true,
            Node::YCbCr(of, _) => of.iter().for_each(|of| needed[*of] = true),
            Node::Any(of) => of.iter().for_each(|of| needed[*of] = true),
        }
    }
    needed
}
