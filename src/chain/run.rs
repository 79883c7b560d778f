//! Running: rows of a source through a program, by tables where samples have 16 bits or fewer.

use super::evaluate::{Planes, store};
use super::program::{Node, Op, Program};
use super::table::{Table, all_samples};
use crate::convert::opaque;
use crate::dtype::{DType, Sample};
use hashbrown::HashMap;
use std::sync::Arc;

/// So many bytes of tables are kept for one program; what needs more is computed.
const MAX_TABLES: usize = 16 << 20;

/// A program and the quickest way to each band of its output.
pub struct Runner {
    program: Program,
    ways: Vec<Way>,
    /// The nodes that are computed for each pixel.
    computed: Vec<usize>,
    /// The sample where all bands but opacity are no data; `None` where samples are passed on.
    empty: Option<Sample>,
}

/// How a band of the output comes about.
enum Way {
    /// As the samples of a band that is read.
    Copy(usize),
    /// By a table from a band that is read.
    Table(usize, Arc<Table>),
    /// Opaque everywhere.
    Opaque,
    /// Opaque where one of the tables says so for a band that is read.
    AnyOf(Vec<(usize, Table)>),
    /// From the values of a node.
    Computed(usize),
}

/// What a thread needs to run a program.
#[derive(Default)]
pub struct Scratch {
    planes: Planes,
    any: Vec<u8>,
}

impl Runner {
    /// Prepares a program.
    pub fn new(program: Program) -> Self {
        let mut ways: Vec<Way> = Vec::with_capacity(program.roots.len());
        let mut room = MAX_TABLES;
        let mut known = HashMap::new();
        for (at, root) in program.roots.iter().enumerate() {
            let before: usize = *known.entry(*root).or_insert(at);
            let way = ways.get(before).and_then(Way::again);
            ways.push(way.unwrap_or_else(|| program.way(*root, &mut room)));
        }
        let roots = ways.iter().filter_map(|way| match way {
            Way::Computed(node) => Some(*node),
            _ => None,
        });
        Runner {
            computed: program.beneath(roots),
            empty: (!program.is_selection).then(|| empty(program.output)),
            ways,
            program,
        }
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The bands of the output.
    pub fn bands(&self) -> usize {
        self.program.roots.len()
    }

    /// The sample type of the output.
    pub fn dtype(&self) -> DType {
        self.program.output
    }

    /// Writes a row of the output; `inputs` has the row of each band that the program reads, and `mask` is 0 where
    /// they are no data.
    pub fn run(
        &self,
        inputs: &[&[u8]],
        mask: Option<&[u8]>,
        outputs: &mut [&mut [u8]],
        scratch: &mut Scratch,
    ) {
        for (way, out) in self.ways.iter().zip(&mut *outputs) {
            match way {
                Way::Copy(read) => out.copy_from_slice(inputs[*read]),
                Way::Table(read, table) => table.run(inputs[*read], out),
                Way::Opaque => fill(out, &opaque(self.program.output), self.program.output),
                Way::AnyOf(tables) => any_of(tables, inputs, out, &mut scratch.any),
                Way::Computed(_) => (),
            }
        }
        if !self.computed.is_empty() {
            self.compute(inputs, outputs, &mut scratch.planes);
        }
        if let (Some(mask), Some(empty)) = (mask, &self.empty) {
            self.leave_out(mask, empty, outputs);
        }
        if let (true, Some(last)) = (self.program.has_opacity, outputs.last_mut()) {
            show_nothing(last, self.program.output);
        }
    }

    fn compute(&self, inputs: &[&[u8]], outputs: &mut [&mut [u8]], planes: &mut Planes) {
        let (input, output) = (self.program.input.size(), self.program.output.size());
        let width = inputs.first().map_or(0, |row| row.len() / input);
        let run = self.program.run_length();
        for start in (0..width).step_by(run) {
            let pixels = start..width.min(start + run);
            self.program
                .evaluate(&self.computed, inputs, pixels.clone(), planes);
            for (way, out) in self.ways.iter().zip(&mut *outputs) {
                if let Way::Computed(node) = way {
                    let out = &mut out[pixels.start * output..pixels.end * output];
                    store(planes.of(*node), self.program.output, out);
                }
            }
        }
    }

    /// Makes no data of the pixels that a mask says are none.
    fn leave_out(&self, mask: &[u8], empty: &Sample, outputs: &mut [&mut [u8]]) {
        if mask.iter().all(|data| *data != 0) {
            return;
        }
        let dtype = self.program.output;
        let colours = outputs.len() - usize::from(self.program.has_opacity);
        let transparent = Sample::default();
        for (at, out) in outputs.iter_mut().enumerate() {
            let sample = if at < colours { empty } else { &transparent };
            let sample = sample.bytes(dtype);
            let samples = out.chunks_exact_mut(sample.len());
            for (out, data) in samples.zip(mask) {
                if *data == 0 {
                    out.copy_from_slice(sample);
                }
            }
        }
    }
}

/// Lets opacity be 0 where it is no data.
pub fn show_nothing(opacity: &mut [u8], dtype: DType) {
    match dtype {
        DType::F32 => {
            for sample in opacity.as_chunks_mut::<4>().0 {
                if f32::from_ne_bytes(*sample).is_nan() {
                    *sample = 0f32.to_ne_bytes();
                }
            }
        }
        DType::F64 => {
            for sample in opacity.as_chunks_mut::<8>().0 {
                if f64::from_ne_bytes(*sample).is_nan() {
                    *sample = 0f64.to_ne_bytes();
                }
            }
        }
        // No data is 0 in them.
        _ => (),
    }
}

/// The sample that stands for no data.
fn empty(dtype: DType) -> Sample {
    match dtype {
        DType::F32 | DType::F64 => Sample::from_f64(dtype, f64::NAN),
        _ => Sample::default(),
    }
}

fn fill(out: &mut [u8], sample: &Sample, dtype: DType) {
    match sample.bytes(dtype) {
        [byte, rest @ ..] if rest.iter().all(|other| other == byte) => out.fill(*byte),
        sample => {
            let samples = out.chunks_exact_mut(sample.len());
            samples.for_each(|out| out.copy_from_slice(sample));
        }
    }
}

/// Opaque where any of the tables is.
fn any_of(tables: &[(usize, Table)], inputs: &[&[u8]], out: &mut [u8], any: &mut Vec<u8>) {
    out.fill(0);
    any.resize(out.len(), 0);
    for (read, table) in tables {
        table.run(inputs[*read], any);
        // Samples of opacity are 0 or all the same.
        for (out, any) in out.iter_mut().zip(&*any) {
            *out |= any;
        }
    }
}

impl Way {
    /// The same way for another band.
    fn again(&self) -> Option<Way> {
        match self {
            Way::Table(read, table) => Some(Way::Table(*read, table.clone())),
            _ => None,
        }
    }
}

impl Program {
    fn way(&self, root: usize, room: &mut usize) -> Way {
        if self.is_selection {
            return Way::Copy(self.leaf(root).unwrap_or(0));
        }
        match self.opacity(root) {
            Some(parents) => self.way_of_opacity(root, parents, room),
            None => match self.leaf(root) {
                Some(read) => match self.table(root, room) {
                    Some(table) => Way::Table(read, Arc::new(table)),
                    None => Way::Computed(root),
                },
                None => Way::Computed(root),
            },
        }
    }

    fn way_of_opacity(&self, root: usize, parents: &[usize], room: &mut usize) -> Way {
        let mut tables = Vec::new();
        for parent in parents {
            let made = self.leaf(*parent).zip(self.opacity_table(*parent, room));
            let Some((read, table)) = made else {
                return Way::Computed(root);
            };
            if table.is_all(opaque(self.output).bytes(self.output)) {
                return Way::Opaque;
            }
            tables.push((read, table));
        }
        Way::AnyOf(tables)
    }

    /// What opacity is made of.
    fn opacity(&self, node: usize) -> Option<&[usize]> {
        match &self.nodes[node] {
            Node::Any(parents) => Some(parents),
            Node::Of(parent, _) => self.opacity(*parent),
            _ => None,
        }
    }

    /// Whether there is room for one more table.
    fn has_room(&self, room: &mut usize) -> bool {
        let samples = match (self.input.is_complex(), self.input.size()) {
            (false, 1) => 1 << 8,
            (false, 2) => 1 << 16,
            _ => return false,
        };
        match room.checked_sub(samples * self.output.size()) {
            Some(left) => {
                *room = left;
                true
            }
            None => false,
        }
    }

    fn table(&self, node: usize, room: &mut usize) -> Option<Table> {
        if !self.has_room(room) {
            return None;
        }
        let mut entries = Vec::new();
        self.for_all_samples(node, |values| {
            let start = entries.len();
            entries.resize(start + values.len() * self.output.size(), 0);
            store(values, self.output, &mut entries[start..]);
        });
        Some(Table::new(
            self.input,
            self.output,
            entries,
            self.limits(node),
        ))
    }

    fn opacity_table(&self, node: usize, room: &mut usize) -> Option<Table> {
        if !self.has_room(room) {
            return None;
        }
        let (opaque, transparent) = (opaque(self.output), Sample::default());
        let mut entries = Vec::new();
        self.for_all_samples(node, |values| {
            for value in values {
                let sample = if value.is_nan() {
                    &transparent
                } else {
                    &opaque
                };
                entries.extend_from_slice(sample.bytes(self.output));
            }
        });
        Some(Table::new(self.input, self.output, entries, None))
    }

    /// The values of a node, which is made from one band, for all samples that this can have.
    fn for_all_samples(&self, node: usize, mut take: impl FnMut(&[f64])) {
        let nodes = self.beneath([node]);
        let row = all_samples(self.input);
        let inputs = vec![&row[..]; self.reads.len()];
        let (count, run) = (row.len() / self.input.size(), self.run_length());
        let mut planes = Planes::default();
        for start in (0..count).step_by(run) {
            let pixels = start..count.min(start + run);
            self.evaluate(&nodes, &inputs, pixels, &mut planes);
            take(planes.of(node));
        }
    }

    /// The limits of a stretch of samples to 8 bits, if the node is just that.
    fn limits(&self, node: usize) -> Option<(f64, f64)> {
        let Node::Of(stretch, Op::Quantise(_)) = &self.nodes[node] else {
            return None;
        };
        match &self.nodes[*stretch] {
            Node::Of(source, Op::Stretch(low, high)) => match &self.nodes[*source] {
                Node::Source(_) => Some((*low, *high)),
                _ => None,
            },
            _ => None,
        }
    }
}
