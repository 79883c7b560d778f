//! Evaluation: the values of nodes for a run of pixels, as the formulas say, whatever the type of the source.

use super::formula;
use super::program::{Node, Program, needed};
use crate::convert::convert_row;
use crate::dtype::DType;
use crate::nodata::mark_data;
use crate::simd::vectorised;
use std::ops::Range;

/// Values of many nodes for one run of pixels.
#[derive(Default)]
pub struct Planes {
    values: Vec<Vec<f64>>,
    /// Both parts of complex samples.
    parts: Vec<f64>,
    data: Vec<u8>,
}

/// So many values of all nodes together are in work at once.
const VALUES: usize = 1 << 16;

impl Program {
    /// The nodes that some are made of, and these, in order.
    pub fn beneath(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let needed = needed(&self.nodes, nodes);
        (0..needed.len()).filter(|at| needed[*at]).collect()
    }

    /// How many pixels are in work at once.
    pub fn run_length(&self) -> usize {
        (VALUES / self.nodes.len().max(1)).clamp(16, 1024)
    }

    /// Computes the values of `nodes`, which are in order and have all that they are made of among them, for some
    /// pixels of a row; `inputs` holds the row of each band that is read.
    pub fn evaluate(
        &self,
        nodes: &[usize],
        inputs: &[&[u8]],
        pixels: Range<usize>,
        planes: &mut Planes,
    ) {
        planes.values.resize_with(self.nodes.len(), Vec::new);
        for node in nodes {
            let mut plane = std::mem::take(&mut planes.values[*node]);
            plane.clear();
            self.evaluate_node(*node, inputs, pixels.clone(), &mut plane, planes);
            planes.values[*node] = plane;
        }
    }

    fn evaluate_node(
        &self,
        node: usize,
        inputs: &[&[u8]],
        pixels: Range<usize>,
        plane: &mut Vec<f64>,
        planes: &mut Planes,
    ) {
        match &self.nodes[node] {
            // Complex samples are values only when something is made of them.
            Node::Source(_) if self.input.is_complex() => (),
            Node::Source(read) => {
                let samples = self.samples(inputs[*read], &pixels);
                match self.input {
                    DType::F32 => vectorised(|| {
                        let samples = samples.as_chunks().0.iter();
                        plane.extend(samples.map(|of| f64::from(f32::from_ne_bytes(*of))));
                    }),
                    of => {
                        plane.resize(pixels.len(), 0.0);
                        let bytes = bytemuck::cast_slice_mut(plane);
                        convert_row(of, samples, DType::F64, bytes);
                    }
                }
                self.leave_out(*read, samples, plane, &mut planes.data);
            }
            Node::Complex(read, detect) => {
                let samples = self.samples(inputs[*read], &pixels);
                planes.parts.resize(2 * pixels.len(), 0.0);
                let bytes = bytemuck::cast_slice_mut(&mut planes.parts);
                convert_row(self.input, samples, DType::CF64, bytes);
                let parts = planes.parts.as_chunks().0.iter();
                plane.extend(parts.map(|[re, im]| formula::detect(*re, *im, *detect)));
                self.leave_out(*read, samples, plane, &mut planes.data);
            }
            Node::Of(parent, op) => {
                op.run(&planes.values[*parent], plane);
            }
            Node::YCbCr(parents, part) => {
                let [y, cb, cr] = parents.map(|parent| &planes.values[parent]);
                let all = y.iter().zip(cb).zip(cr);
                plane.extend(all.map(|((y, cb), cr)| formula::ycbcr(*y, *cb, *cr, *part)));
            }
            Node::Any(parents) => {
                plane.resize(pixels.len(), 0.0);
                for parent in parents {
                    for (any, value) in plane.iter_mut().zip(&planes.values[*parent]) {
                        *any = if value.is_nan() { *any } else { 1.0 };
                    }
                }
            }
        }
    }

    fn samples<'a>(&self, row: &'a [u8], pixels: &Range<usize>) -> &'a [u8] {
        let size = self.input.size();
        &row[pixels.start * size..pixels.end * size]
    }

    /// Makes no data of the values whose samples are nodata.
    fn leave_out(&self, read: usize, samples: &[u8], plane: &mut [f64], data: &mut Vec<u8>) {
        let Some(nodata) = &self.nodata[read] else {
            return;
        };
        data.clear();
        data.resize(plane.len(), 0);
        mark_data(data, self.input, samples, nodata);
        for (value, data) in plane.iter_mut().zip(&*data) {
            *value = if *data == 0 { f64::NAN } else { *value };
        }
    }
}

impl Planes {
    /// The values of a node that was computed.
    pub fn of(&self, node: usize) -> &[f64] {
        &self.values[node]
    }
}

/// Writes values as samples; no data is 0 in integers, and NaN in floats.
pub fn store(values: &[f64], dtype: DType, out: &mut [u8]) {
    match dtype {
        DType::U8 => vectorised(|| {
            for (out, value) in out.iter_mut().zip(values) {
                *out = *value as u8;
            }
        }),
        DType::U16 => each(values, out, |value| (value as u16).to_ne_bytes()),
        DType::F32 => each(values, out, |value| (value as f32).to_ne_bytes()),
        _ => each(values, out, f64::to_ne_bytes),
    }
}

fn each<const N: usize>(values: &[f64], out: &mut [u8], bytes: impl Fn(f64) -> [u8; N]) {
    for (out, value) in out.as_chunks_mut().0.iter_mut().zip(values) {
        *out = bytes(*value);
    }
}
