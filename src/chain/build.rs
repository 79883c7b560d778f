//! Building: the steps of a chain put together to a program.

use super::flow::{Accepts, Alpha, Domain, Flow};
use super::palette::Palette;
use super::program::{Node, Op, Program, Samples, needed};
use super::step::{Detect, Step, Stretch, Tables, Type};
use super::write::Brief;
use crate::dtype::DType;
use crate::error::{Error, Result};
use hashbrown::HashMap;
use std::sync::Arc;

/// Puts the steps of a chain, none of them open, together for a source.
pub fn compile(steps: &[Step], source: &Samples) -> Result<Program> {
    let mut build = Build::new(source);
    let mut flow = Flow::new();
    for (at, step) in steps.iter().enumerate() {
        build
            .go_on(step, &mut flow)
            .map_err(|reason| wrong(at, step, reason))?;
    }
    Ok(build.end(&flow))
}

/// A mistake in a step.
pub fn wrong(at: usize, step: &Step, reason: impl std::fmt::Display) -> Error {
    Error::argument(format!(
        "step {} of the chain, {}: {reason}",
        at + 1,
        Brief(step)
    ))
}

type Passed<T> = std::result::Result<T, String>;

/// A program in the making.
pub struct Build<'a> {
    source: &'a Samples,
    nodes: Vec<Node>,
    /// The nodes of the bands at this point.
    bands: Vec<usize>,
    /// What the values were before the step.
    domain: Domain,
}

impl<'a> Build<'a> {
    /// Before the first step.
    pub fn new(source: &'a Samples) -> Self {
        let count = source.nodata.len();
        Self {
            source,
            nodes: (0..count).map(Node::Source).collect(),
            bands: (0..count).collect(),
            domain: Domain::Source,
        }
    }

    /// The nodes of the bands at this point.
    pub fn bands(&self) -> &[usize] {
        &self.bands
    }

    /// A node by its number.
    pub fn node(&self, at: usize) -> &Node {
        &self.nodes[at]
    }

    /// Refuses a step that is open where it could not stand if it were not.
    pub fn pass_open(&self, step: &Step, flow: &Flow) -> Passed<()> {
        self.check(step, flow)?;
        self.count(step, &mut flow.clone())
    }

    /// Goes on by a step.
    pub fn go_on(&mut self, step: &Step, flow: &mut Flow) -> Passed<()> {
        self.check(step, flow)?;
        self.count(step, flow)?;
        self.pass(step, flow)
    }

    /// Refuses a number of bands that the step cannot have.
    fn count(&self, step: &Step, flow: &mut Flow) -> Passed<()> {
        flow.pass(step)?;
        let bands = self.source.nodata.len() as u32;
        let needed = match flow.accepts {
            accepts if accepts.has(bands) => return Ok(()),
            Accepts::Exactly(count) => format!("just {count}"),
            Accepts::AtLeast(count) => format!("at least {count}"),
        };
        Err(format!(
            "the source must have {needed} bands, and has {bands}"
        ))
    }

    /// Refuses what the samples of the source are not.
    fn check(&self, step: &Step, flow: &Flow) -> Passed<()> {
        let dtype = self.source.dtype;
        if flow.domain != Domain::Source {
            return Ok(());
        }
        let name = dtype.name();
        match step {
            Step::Bands(_) | Step::Rgb | Step::Alpha => Ok(()),
            Step::Detect(Detect::Phase) if !dtype.is_complex() => {
                Err(format!("samples of {name} have no phase"))
            }
            Step::Detect(_) => Ok(()),
            _ if dtype.is_complex() => Err(format!(
                "samples of {name} are complex: put magnitude, power, quarter, log or phase before it"
            )),
            Step::Table(_) | Step::Palette(_) if matches!(dtype, DType::F32 | DType::F64) => Err(
                format!("samples of {name} are no indices: put a stretch before it"),
            ),
            Step::YCbCr if dtype != DType::U8 => Err(format!(
                "samples of {name} are not of 8 bits: put a stretch before it"
            )),
            Step::Type(of) if of.is_whole() && of.dtype() != dtype => Err(format!(
                "samples of {name} are not from 0 to 1: put a stretch before it"
            )),
            _ => Ok(()),
        }
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Each band through what it has for it; bands that are the same stay so.
    fn each(&mut self, count: usize, op: impl Fn(usize) -> Op) {
        let mut made = HashMap::new();
        for at in 0..self.bands.len() {
            let of = if count == 1 { 0 } else { at };
            let parent = self.bands[at];
            self.bands[at] = *made.entry((parent, of)).or_insert_with(|| {
                self.nodes.push(Node::Of(parent, op(of)));
                self.nodes.len() - 1
            });
        }
    }

    fn pass(&mut self, step: &Step, after: &Flow) -> Passed<()> {
        match step {
            Step::Bands(list) => {
                let band = |band: &u32| self.bands[*band as usize];
                self.bands = list.iter().map(band).collect();
            }
            Step::Unscale(Some(scales)) => {
                self.each(scales.len(), |at| Op::Linear(scales[at].0, scales[at].1));
            }
            Step::Detect(detect) => self.detect(*detect),
            Step::Stretch(Stretch::Limits(limits)) => {
                self.each(limits.len(), |at| Op::Stretch(limits[at].0, limits[at].1));
            }
            Step::Gamma(gammas) => self.each(gammas.len(), |at| Op::Gamma(gammas[at])),
            Step::Invert => self.each(1, |_| Op::Invert),
            Step::Table(tables) => self.table(tables),
            Step::Palette(Some(palette)) => self.palette(palette),
            Step::Ramp(ramp) => {
                let colours: Vec<_> = ramp.colours().map(|[r, g, b]| [r, g, b, 255]).collect();
                self.colours(&colours, 3);
            }
            Step::YCbCr => self.ycbcr(),
            Step::Rgb => self.bands = vec![self.bands[0]; 3],
            // That of a palette is there already.
            Step::Alpha if after.alpha == Alpha::Made => self.alpha(),
            Step::Alpha => (),
            Step::Type(of) => self.set_type(*of),
            Step::Unscale(None) | Step::Palette(None) => {
                return Err("the source must be asked for it: resolve the chain".into());
            }
            Step::Stretch(_) => return Err("it is not resolved".into()),
        }
        self.domain = after.domain;
        Ok(())
    }

    fn detect(&mut self, detect: Detect) {
        match self.source.dtype.is_complex() && self.domain == Domain::Source {
            // What is left of complex bands are their samples alone.
            true => {
                for at in 0..self.bands.len() {
                    self.bands[at] = self.push(Node::Complex(self.bands[at], detect));
                }
            }
            false => self.each(1, |_| Op::Detect(detect)),
        }
    }

    /// Values of 0 to 1 as indices of a table.
    fn index(&mut self, entries: usize) {
        if self.domain == Domain::Unit {
            self.each(1, |_| Op::Quantise((entries - 1) as f64));
        }
    }

    fn table(&mut self, tables: &Tables) {
        let values: Vec<Arc<[f64]>> = (0..tables.bytes.len())
            .map(|at| tables.values(at).into())
            .collect();
        if self.domain == Domain::Unit {
            let last = |at: usize| (values[at].len() - 1) as f64;
            self.each(values.len(), |at| Op::Quantise(last(at)));
        }
        self.each(values.len(), |at| Op::Entry(values[at].clone()));
    }

    fn palette(&mut self, palette: &Palette) {
        self.colours(palette.colours(), if palette.has_opacity() { 4 } else { 3 });
    }

    fn colours(&mut self, colours: &[[u8; 4]], parts: usize) {
        self.index(colours.len());
        let index = self.bands[0];
        self.bands.clear();
        for part in 0..parts {
            let values = colours.iter().map(|colour| f64::from(colour[part]) / 255.0);
            let made = self.push(Node::Of(index, Op::Colour(values.collect())));
            self.bands.push(made);
        }
    }

    fn ycbcr(&mut self) {
        if self.domain == Domain::Unit {
            self.each(1, |_| Op::Linear(255.0, 0.0));
        }
        let of = [self.bands[0], self.bands[1], self.bands[2]];
        self.bands = (0..3)
            .map(|part| self.push(Node::YCbCr(of, part)))
            .collect();
    }

    fn alpha(&mut self) {
        let mut parents = self.bands.clone();
        parents.sort_unstable();
        parents.dedup();
        let mut made = self.push(Node::Any(parents));
        if let Domain::Typed(of) = self.domain
            && of.is_whole()
        {
            made = self.push(Node::Of(made, Op::Quantise(of.most())));
        }
        self.bands.push(made);
    }

    fn set_type(&mut self, of: Type) {
        match of {
            Type::U8 | Type::U16 => {
                if self.domain == Domain::Unit {
                    self.each(1, |_| Op::Quantise(of.most()));
                }
            }
            Type::F32 => self.each(1, |_| Op::Single),
            Type::F64 => (),
        }
    }

    /// Leaves out what no band of the output needs.
    fn end(self, flow: &Flow) -> Program {
        let count = self.source.nodata.len();
        let is_selection = flow.domain == Domain::Source;
        let needed = needed(&self.nodes, self.bands.iter().copied());
        let reads: Vec<usize> = (0..count).filter(|band| needed[*band]).collect();
        let mut place = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (at, node) in self.nodes.into_iter().enumerate() {
            if !needed[at] {
                continue;
            }
            place[at] = nodes.len();
            nodes.push(match node {
                Node::Source(_) => Node::Source(nodes.len()),
                Node::Complex(of, detect) => Node::Complex(place[of], detect),
                Node::Of(of, op) => Node::Of(place[of], op),
                Node::YCbCr(of, part) => Node::YCbCr(of.map(|of| place[of]), part),
                Node::Any(of) => Node::Any(of.into_iter().map(|of| place[of]).collect()),
            });
        }
        let output = match flow.domain {
            Domain::Source => self.source.dtype,
            Domain::Typed(of) => of.dtype(),
            Domain::Real | Domain::Unit => DType::F32,
        };
        let colours = self.bands.len() - usize::from(flow.alpha.is_there());
        Program {
            nodata: reads.iter().map(|band| self.source.nodata[*band]).collect(),
            reads: reads.into_iter().map(|band| band as u32).collect(),
            input: self.source.dtype,
            output,
            nodes,
            roots: self.bands.iter().map(|root| place[*root]).collect(),
            is_selection,
            has_opacity: flow.alpha.is_there(),
            is_picture: flow.is_coloured || !is_selection && matches!(colours, 1 | 3),
        }
    }
}
