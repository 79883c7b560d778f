//! Advice: which budget would end that blocks are decoded again and again, or would do as well.

use super::simulate::{Decoded, Trace};
use crate::cache::{Cache, Observed};
use hashbrown::HashMap;

/// So often a block may be decoded more than once and count as decoded once.
const ENDED: f64 = 1.02;

/// A budget is told to one part in so many.
const PRECISION: u64 = 64;

/// So much more is advised than the model needs, for what it does not know: the records of keys, and the order in which
/// threads come.
const MARGIN: f64 = 1.02;

/// A smaller budget is advised from so many requests on: fewer are no sign of what will be asked for.
pub const FEWEST: u64 = 500;

/// What is advised of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceAdvice {
    /// The key of the source, or of what another cache keeps.
    pub key: String,
    /// Whether it is asked of another cache, and not decoded for this one.
    pub is_elsewhere: bool,
    /// How often a block is decoded within the budget of now, as the model has it.
    pub each: f64,
    /// The least budget with which that ends, and how often a block is decoded then.
    pub budget: Option<(u64, f64)>,
    /// The least budget with which that ends where the cache keeps the blocks too (provider_cached), and how often a
    /// block is decoded then: where no budget does without.
    pub with_blocks: Option<(u64, f64)>,
    /// How often a block would be decoded within other budgets, from small to large.
    pub curve: Vec<(u64, f64)>,
}

impl SourceAdvice {
    /// Whether blocks are decoded again and again.
    pub fn is_repeated(&self) -> bool {
        self.each > ENDED
    }
}

/// What is advised of a cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// Its budget.
    pub budget: u64,
    /// By source, those that decode most again first.
    pub sources: Vec<SourceAdvice>,
    /// A smaller budget within which as little is decoded, if there are requests enough to say so.
    pub would_do: Option<u64>,
    /// The requests that this is made from, and those that are not among them.
    pub requests: u64,
    /// Requests that were forgotten, or could not be looked at.
    pub left_out: u64,
    /// Of how many blocks one is sampled.
    pub one_of: u64,
}

/// So many sources are told of at most.
const MOST_SOURCES: usize = 16;

/// The advice on a cache that is observed; nothing of others.
pub fn advice(cache: &Cache) -> Option<Advice> {
    let (observed, unread_percent) = cache.observed()?;
    Some(of_observed(
        &observed,
        cache.statistics().budget,
        unread_percent,
    ))
}

fn of_observed(observed: &Observed, budget: u64, unread_percent: u32) -> Advice {
    let trace = Trace::new(observed, unread_percent);
    let now = trace.decoded(budget);
    let most = trace.all_bytes().max(budget);
    let mut of_sources: Vec<(u32, Decoded)> = now.iter().map(|(key, it)| (*key, *it)).collect();
    let again = |it: &Decoded| it.blocks - it.distinct;
    of_sources.sort_by(|(one, a), (other, b)| again(b).total_cmp(&again(a)).then(one.cmp(other)));
    of_sources.truncate(MOST_SOURCES);
    let mut asked = Asked::new(&trace);
    asked.known.insert(budget, now.clone());
    let ladder = ladder(budget, most);
    let sources = of_sources.into_iter().map(|(source, decoded)| {
        let ends = |it: &Decoded| it.each() <= ENDED;
        let (mut ending, mut with_blocks) = (None, None);
        if !ends(&decoded) {
            ending = asked.least(budget, most, |all| all.get(&source).is_none_or(ends));
            if ending.is_none() {
                with_blocks = least_with_blocks(observed, unread_percent, source);
            }
        }
        let each = |budget: u64, asked: &mut Asked<'_>| {
            asked.of(budget).get(&source).map_or(0.0, Decoded::each)
        };
        let told = ending.map(|budget| (with_margin(budget), each(budget, &mut asked)));
        SourceAdvice {
            key: observed.keys[source as usize].to_string(),
            is_elsewhere: is_elsewhere(observed, source),
            each: decoded.each(),
            budget: told,
            with_blocks,
            curve: ladder
                .iter()
                .map(|at| (*at, each(*at, &mut asked)))
                .collect(),
        }
    });
    let sources: Vec<_> = sources.collect();
    let blocks = |all: &HashMap<u32, Decoded>| all.values().map(|it| it.blocks).sum::<f64>();
    let enough = blocks(&now) * ENDED;
    // A cache that keeps no tile would do for who asks for each once.
    let a_tile = observed.nodes.iter().map(|node| node.bytes).max();
    let least = asked.least(0, budget, |all| blocks(all) <= enough);
    let least = least.map(|least| with_margin(least.max(a_tile.unwrap_or(0))));
    let requests = observed.demands.len() as u64;
    let is_much_less = |least: &u64| *least as f64 <= 0.9 * budget as f64;
    Advice {
        budget,
        sources,
        would_do: least.filter(|least| requests >= FEWEST && is_much_less(least)),
        requests,
        left_out: observed.forgotten + observed.left_out,
        one_of: 1 << observed.shift,
    }
}

/// Whether what has a key is asked of another cache.
fn is_elsewhere(observed: &Observed, key: u32) -> bool {
    let mut leaves = observed.leaves.iter();
    leaves.any(|leaf| leaf.name.0 == key && leaf.is_elsewhere)
}

fn with_margin(budget: u64) -> u64 {
    (budget as f64 * MARGIN).ceil() as u64
}

/// The least budget with which a source decodes nothing twice if its blocks are kept beneath.
fn least_with_blocks(observed: &Observed, unread_percent: u32, source: u32) -> Option<(u64, f64)> {
    let trace = Trace::new(observed, unread_percent).keeping_blocks(source);
    let most = trace.all_bytes();
    let mut asked = Asked::new(&trace);
    let ends = |it: &Decoded| it.each() <= ENDED;
    let budget = asked.least(0, most, |all| all.get(&source).is_none_or(ends))?;
    let each = asked.of(budget).get(&source).map_or(0.0, Decoded::each);
    Some((with_margin(budget), each))
}

/// Budgets around one of now, up to one within which nothing goes, each half as large again as the one before.
fn ladder(now: u64, most: u64) -> Vec<u64> {
    let mut budgets = Vec::new();
    let mut budget = (now.min(most) / 4).max(1);
    while budget < most && budgets.len() < 24 {
        budgets.push(budget);
        budget += budget.div_ceil(2);
    }
    budgets.push(most);
    budgets
}

/// What was found for budgets so far.
struct Asked<'a> {
    trace: &'a Trace<'a>,
    known: HashMap<u64, HashMap<u32, Decoded>>,
}

impl<'a> Asked<'a> {
    fn new(trace: &'a Trace<'a>) -> Self {
        Self {
            trace,
            known: HashMap::new(),
        }
    }

    fn of(&mut self, budget: u64) -> &HashMap<u32, Decoded> {
        let trace = self.trace;
        self.known
            .entry(budget)
            .or_insert_with(|| trace.decoded(budget))
    }

    /// The least budget above `from`, up to `to`, that is good: as if all above a good one were good too.
    fn least(
        &mut self,
        from: u64,
        to: u64,
        is_good: impl Fn(&HashMap<u32, Decoded>) -> bool,
    ) -> Option<u64> {
        if !is_good(self.of(to)) {
            return None;
        }
        let (mut bad, mut good) = (from, to);
        while good - bad > (good / PRECISION).max(1) {
            let middle = bad + (good - bad) / 2;
            match is_good(self.of(middle)) {
                true => good = middle,
                false => bad = middle,
            }
        }
        Some(good)
    }
}
