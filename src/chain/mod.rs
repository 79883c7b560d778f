//! Display chains: from samples to a picture, in steps that a text says.
//!
//! A [`Chain`] is parsed, resolved with what a source and its statistics tell, and applied. Its text says all that it
//! computes, so that every tile, process and machine shows the same.

mod apply;
mod auto;
mod auto_bands;
mod auto_wavelengths;
mod base64;
mod build;
mod convert;
mod evaluate;
mod flow;
mod formula;
mod limits;
mod palette;
mod parse;
mod part;
mod path;
mod program;
mod ramp;
mod resolve;
mod run;
mod step;
mod table;
mod why;
mod write;

pub use auto::sample;
pub use convert::Conversion;
pub use flow::Accepts;
pub use limits::Statistics;
pub use palette::Palette;
pub use program::Samples;
pub use run::{Runner, Scratch, show_nothing};

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::Colour;
use build::{compile, wrong};
use flow::{Domain, Flow};
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;
use step::Step;

/// A chain of steps from the samples of a source to a picture; never changes.
#[derive(Clone)]
pub struct Chain(Arc<Inner>);

struct Inner {
    steps: Vec<Step>,
    text: String,
    flow: Flow,
    prepared: apply::Prepared,
    /// Why an automatic chain is as it is.
    why: Option<Box<CStr>>,
}

/// What a chain takes and gives, as far as its text alone says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// The bands of the source.
    pub accepts: Accepts,
    /// The bands of the output; `None` where that depends on the source.
    pub bands: Option<u32>,
    /// The sample type of the output; `None` for that of the source.
    pub dtype: Option<DType>,
    /// What the first bands of the output are, where the text says so.
    pub colours: [Colour; 4],
    /// Whether the last band of the output is opacity.
    pub has_opacity: bool,
    /// Whether nothing is left that the source or its statistics must tell.
    pub is_resolved: bool,
    /// Whether statistics are needed for that.
    pub needs_statistics: bool,
}

impl Chain {
    /// The chain that a text says; an error names the place and the reason of a mistake.
    pub fn parse(text: &str) -> Result<Self> {
        Self::of_steps(parse::parse(text)?)
    }

    fn of_steps(steps: Vec<Step>) -> Result<Self> {
        let mut flow = Flow::new();
        for (at, step) in steps.iter().enumerate() {
            flow.pass(step).map_err(|reason| wrong(at, step, reason))?;
        }
        let texts: Vec<String> = steps.iter().map(Step::to_string).collect();
        Ok(Chain(Arc::new(Inner {
            text: texts.join("|"),
            steps,
            flow,
            prepared: apply::Prepared::default(),
            why: None,
        })))
    }

    /// The text in its canonical form, which gives the same chain.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it takes and gives.
    pub fn info(&self) -> Info {
        let flow = &self.0.flow;
        Info {
            accepts: flow.accepts,
            bands: flow.bands,
            dtype: match flow.domain {
                Domain::Source => None,
                Domain::Typed(of) => Some(of.dtype()),
                Domain::Real | Domain::Unit => Some(DType::F32),
            },
            colours: colours(flow),
            has_opacity: flow.alpha.is_there(),
            is_resolved: !self.0.steps.iter().any(Step::is_open),
            needs_statistics: self.0.steps.iter().any(Step::needs_statistics),
        }
    }

    /// First this chain, then another one over its output.
    pub fn compose(&self, then: &Chain) -> Result<Chain> {
        let steps = self.0.steps.iter().chain(&then.0.steps);
        Self::of_steps(steps.cloned().collect())
    }

    /// Refuses a chain with a step that is open, naming it.
    fn check_resolved(&self) -> Result<()> {
        let mut steps = self.0.steps.iter().enumerate();
        match steps.find(|(_, step)| step.is_open()) {
            None => Ok(()),
            Some((at, step)) if step.needs_statistics() => Err(wrong(
                at,
                step,
                "it needs statistics: resolve the chain first",
            )),
            Some((at, step)) => Err(wrong(
                at,
                step,
                "it needs what the source tells: resolve the chain first",
            )),
        }
    }

    /// The chain ready to run over samples of a kind, or the step that does not fit them.
    pub fn prepare(&self, samples: &Samples) -> Result<Arc<Runner>> {
        self.check_resolved()?;
        let make = || Ok(Arc::new(Runner::new(compile(&self.0.steps, samples)?)));
        self.0.prepared.get(samples, make)
    }
}

/// What the bands of a picture are: grey, or red, green and blue, and opacity.
fn colours(flow: &Flow) -> [Colour; 4] {
    let mut colours = [Colour::Undefined; 4];
    let opacity = flow.alpha.is_there();
    let bands = flow
        .bands
        .map_or(0, |bands| bands as usize - usize::from(opacity));
    let picture: &[Colour] = match (bands, flow.domain) {
        (1, domain) if domain != Domain::Source => &[Colour::Gray],
        (3, domain) if domain != Domain::Source || flow.is_coloured => {
            &[Colour::Red, Colour::Green, Colour::Blue]
        }
        _ => &[],
    };
    colours[..picture.len()].copy_from_slice(picture);
    if let (true, Some(last)) = (opacity && bands > 0, colours.get_mut(bands)) {
        *last = Colour::Alpha;
    }
    colours
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::str::FromStr for Chain {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Chain::parse(text)
    }
}
