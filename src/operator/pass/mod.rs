//! Declared passes: a reader that is given its whole order at once.
//!
//! The caches of its tiles, and of what is beneath, know the order ahead, as many tiles of it as a window holds, and
//! keep what is used next.

mod ahead;
mod order;

pub use order::Order;

use ahead::Ahead;

use super::reader::{ReaderOptions, reader, scheduled};
use crate::cache::{Pass, Step};
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::load::{Cancel, nesting};
use crate::provider::{Provider, Retention};
use crate::sync::Mutex;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// As many uses as this are known ahead, or those of one step; fewer where it costs much to know them.
const WINDOW: usize = 1 << 15;

/// A step that is so far behind the latest one is not waited for: its tile was left out.
const LATENESS: Step = 64;

/// What a pass reads beside its order.
#[derive(Clone, Debug, Default)]
pub struct PassOptions {
    /// The level, where the order is one of a whole level.
    pub level: u32,
    /// The bands of the tiles.
    pub bands: Bands,
    /// The most threads of the cache that make tiles ahead; 0 for none.
    pub threads: usize,
    /// What it brings takes no room of what others use.
    pub streams: bool,
}

/// `source` read in an order that is known ahead, until `cancel` ends it. It has the source's key, and shares its
/// tiles.
pub fn pass(
    source: Arc<dyn Provider>,
    order: Order,
    options: &PassOptions,
    cancel: Arc<Cancel>,
) -> Result<Arc<dyn Provider>> {
    let image = source.image();
    image.check_level(options.level)?;
    image.check_bands(&options.bands)?;
    if let Order::Tiles(tiles) = &order {
        for (nth, at) in tiles.iter().enumerate() {
            let checked = image.check_block(*at, &options.bands);
            checked.map_err(|error| error.at(format!("tile {nth} of the list")))?;
        }
    }
    nesting::above(source.height())?;
    let tiles = order.tiles(image, options.level);
    let pass = Pass::new(options.streams);
    let retention = Retention::Planned(pass.id());
    let reading = ReaderOptions {
        retention,
        load: None,
    };
    let ahead = match options.threads {
        0 => None,
        threads => {
            let provider = reader(source.clone(), reading, cancel.clone());
            Some(Ahead::new(provider, threads)?)
        }
    };
    let schedule = Arc::new(Schedule {
        pass,
        source: source.clone(),
        bands: options.bands.clone(),
        ahead,
        state: Mutex::new(State {
            tiles: Some(tiles),
            window: Window::default(),
        }),
    });
    schedule.look_ahead();
    Ok(scheduled(source, retention, cancel, schedule))
}

/// Where a pass is in its order.
pub struct Schedule {
    /// Ends before the source goes, which keeps the keys of what is planned.
    pass: Pass,
    source: Arc<dyn Provider>,
    bands: Bands,
    ahead: Option<Ahead>,
    state: Mutex<State>,
}

struct State {
    /// What follows; taken out by the thread that plans it.
    tiles: Option<Box<dyn Iterator<Item = Block> + Send>>,
    window: Window,
}

/// The steps that are planned and not over.
#[derive(Default)]
struct Window {
    /// The tiles of steps that have not begun.
    steps_of: HashMap<Block, VecDeque<Step>>,
    /// The tile of each step, and what it cost to plan; the first one is that of `first`.
    steps: VecDeque<(Block, usize)>,
    first: Step,
    /// What they cost together.
    cost: usize,
    /// The step after the latest one that has begun.
    begun: Step,
}

impl Window {
    fn next(&self) -> Step {
        self.first + self.steps.len() as Step
    }

    fn add(&mut self, at: Block, cost: usize) {
        let next = self.next();
        self.steps_of.entry(at).or_default().push_back(next);
        self.steps.push_back((at, cost));
        self.cost += cost;
    }

    /// The step that a tile is asked for in.
    fn begin(&mut self, at: Block) -> Option<Step> {
        let steps = self.steps_of.get_mut(&at)?;
        let step = steps.pop_front();
        if steps.is_empty() {
            self.steps_of.remove(&at);
        }
        self.begun = self.begun.max(step? + 1);
        let (_, cost) = self.steps.get_mut((step? - self.first) as usize)?;
        self.cost -= std::mem::take(cost);
        step
    }

    /// Forgets the steps before one.
    fn pass(&mut self, before: Step) {
        while self.first < before
            && let Some((at, cost)) = self.steps.pop_front()
        {
            if let Some(steps) = self.steps_of.get_mut(&at) {
                if steps.front() == Some(&self.first) {
                    steps.pop_front();
                }
                if steps.is_empty() {
                    self.steps_of.remove(&at);
                }
            }
            self.first += 1;
            self.cost -= cost;
        }
    }
}

impl Schedule {
    /// Plans steps until the window is full. One thread does at a time; no lock is held meanwhile.
    fn look_ahead(&self) {
        let Some(mut tiles) = self.state.lock().tiles.take() else {
            return;
        };
        loop {
            let next = {
                let state = self.state.lock();
                (state.window.cost < WINDOW).then(|| state.window.next())
            };
            let Some(step) = next else {
                self.state.lock().tiles = Some(tiles);
                return;
            };
            let Some(at) = tiles.next() else {
                return self.pass.complete();
            };
            let (uses, cost) = self.pass.plan(step, &*self.source, at, &self.bands);
            if (step, uses) == (0, 0) {
                // Nothing is kept that could be planned.
                return;
            }
            self.state.lock().window.add(at, 1 + cost);
        }
    }

    /// The step after the latest one that has begun.
    fn begun(&self) -> Step {
        self.state.lock().window.begun
    }

    /// The tile of a step, as far as it is planned.
    fn tile_of(&self, step: Step) -> Option<Block> {
        let window = &self.state.lock().window;
        let nth = step.checked_sub(window.first)?;
        window.steps.get(nth as usize).map(|(at, _)| *at)
    }

    /// The step in which a tile is asked for, until it is dropped; `None` if the pass has strayed from its order.
    pub fn begin(self: &Arc<Self>, at: Block) -> Option<Going> {
        let step = self.state.lock().window.begin(at)?;
        self.pass.begin(step);
        if let Some(ahead) = &self.ahead {
            ahead.go_on(self);
        }
        Some(Going {
            schedule: self.clone(),
            step,
        })
    }
}

/// A step that is going on.
pub struct Going {
    schedule: Arc<Schedule>,
    step: Step,
}

impl Drop for Going {
    fn drop(&mut self) {
        let Schedule { pass, state, .. } = &*self.schedule;
        let before = self.step.saturating_sub(LATENESS);
        pass.end(self.step, before);
        state.lock().window.pass(before);
        self.schedule.look_ahead();
    }
}
