//! Many machines over one store, simulated: what is decoded, what the store has to do, and what a purge sets off.
//!
//! ```sh
//! cargo run --release --example simulate            # the tables of docs/fleet.md
//! cargo run --release --example simulate 1000 8     # machines and nodes of the store
//! ```
//!
//! Events in the order of a clock, from one seed. Each machine gets requests for blocks at random moments, each block with
//! a probability by Zipf's law, and keeps as many as its memory has room for. What it misses it asks the store for, by the
//! steps of [`asking`](tilecache_fleet) and by the times of [`tilecache_fleet::lease`], which are the real ones: the value,
//! else the lease, once more the value, a decode, a put, the end of the lease; or looks after the lease of another machine.
//! A node of the store answers one question after the other, each of which takes some microseconds and the time of its
//! bytes. A machine that has waited for as long as a decode takes decodes, and its breaker is the real one, too. What is
//! left out: machines that are out of processors, lost messages, nodes that fail, and polls that are late.

use fastrand::Rng;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::time::Duration;
use tilecache_fleet::Failure;
use tilecache_fleet::breaker::Breaker;
use tilecache_fleet::clock::Moment;
use tilecache_fleet::lease::{Wait, term};

const SEED: u64 = 20_260_101;
/// What a question and its answer travel.
const JOURNEY: u64 = 200_000;
/// What a node needs for a question, and for a byte of a value: ten gigabits a second.
const QUESTION: u64 = 5_000;
const BYTE: f64 = 0.8;
const VALIDITY: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// How machines share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// Not at all.
    Nothing,
    /// By a store that has no leases.
    Values,
    /// As Redis and Valkey do.
    Leases,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    machines: usize,
    nodes: usize,
    sharing: Sharing,
    /// Of the source, each of so many bytes as a value.
    blocks: usize,
    bytes: u64,
    decode: Duration,
    /// How many blocks the memory of a machine holds.
    memory: usize,
    /// Requests in a second, of each machine.
    requests: f64,
    seconds: u64,
    /// When the source changes, if it does.
    purge: Option<u64>,
}

impl Settings {
    fn of(machines: usize, nodes: usize, sharing: Sharing) -> Self {
        Self {
            machines,
            nodes,
            sharing,
            blocks: 50_000,
            bytes: 64 << 10,
            decode: Duration::from_millis(50),
            memory: 2_000,
            requests: 50.0,
            seconds: 40,
            purge: Some(20),
        }
    }
}

/// What happens, to which machine.
enum Event {
    Request(usize),
    Poll(usize),
    Purge,
    /// A question was answered; what the store said is in it.
    Answer(usize, Key, Step),
}

/// A block, of a generation.
type Key = (u32, u32);

enum Step {
    Value(bool),
    Lease(bool),
    /// Once more, with the lease.
    Again(bool),
    Look(Wait),
    Holder(Wait, Option<u64>),
    Taken(Wait, bool),
    Decoded {
        leased: bool,
    },
    Renew,
    /// The answer did not come in time; whether this machine has the lease.
    Late {
        leased: bool,
    },
    Generation(u32),
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    requests: u64,
    hits: u64,
    decodes: u64,
    /// Different blocks that were asked for, of each generation.
    asked: u64,
    /// By second: questions to the store, decodes, and the longest wait of a request that began then.
    questions: Vec<u64>,
    decodes_by_second: Vec<u64>,
    /// By node: questions and nanoseconds of work in the worst second.
    worst_questions: u64,
    worst_work: u64,
    /// What requests that missed memory took.
    times: Vec<u64>,
    times_after_purge: Vec<u64>,
    looks: u64,
    polls: u64,
    late: u64,
    /// Blocks that the store was not asked for, for a breaker was open.
    not_asked: u64,
}

/// One node: when it is free, and what it does in this second.
#[derive(Clone, Default)]
struct Node {
    free: u64,
    second: u64,
    questions: u64,
    work: u64,
}

/// The blocks that a machine holds; of those that were not used since the hand came by last one goes.
#[derive(Default)]
struct Memory {
    used: HashMap<u32, bool>,
    order: VecDeque<u32>,
}

impl Memory {
    fn has(&mut self, block: u32) -> bool {
        self.used.get_mut(&block).map(|used| *used = true).is_some()
    }

    fn keep(&mut self, block: u32, room: usize) {
        if self.used.insert(block, false).is_some() {
            return;
        }
        self.order.push_back(block);
        while self.order.len() > room {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if self.used.insert(oldest, false) == Some(true) {
                self.order.push_back(oldest);
            } else {
                self.used.remove(&oldest);
            }
        }
    }
}

#[derive(Default)]
struct Machine {
    memory: Memory,
    generation: u32,
    /// Blocks that are being got, and since when each request waits.
    waiting: HashMap<Key, Vec<u64>>,
    breaker: Breaker,
}

struct World {
    settings: Settings,
    random: Rng,
    /// Sums of probabilities, by block.
    popularity: Vec<f64>,
    now: u64,
    order: u64,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    what: HashMap<u64, Event>,
    machines: Vec<Machine>,
    nodes: Vec<Node>,
    generation: u32,
    values: HashSet<Key>,
    leases: HashMap<Key, (u64, u64)>,
    asked: HashSet<Key>,
    outcome: Outcome,
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut sum = 0.0;
        let popularity = (1..=settings.blocks).map(|rank| {
            sum += (rank as f64).powf(-0.9);
            sum
        });
        let popularity = popularity.collect();
        let seconds = settings.seconds as usize + 1;
        let mut world = Self {
            settings,
            random: Rng::with_seed(SEED),
            popularity,
            now: 0,
            order: 0,
            events: BinaryHeap::new(),
            what: HashMap::new(),
            machines: (0..settings.machines).map(|_| Machine::default()).collect(),
            nodes: vec![Node::default(); settings.nodes],
            generation: 0,
            values: HashSet::new(),
            leases: HashMap::new(),
            asked: HashSet::new(),
            outcome: Outcome {
                questions: vec![0; seconds],
                decodes_by_second: vec![0; seconds],
                ..Outcome::default()
            },
        };
        for machine in 0..settings.machines {
            let request = world.pause();
            world.at(request, Event::Request(machine));
            let poll = world.random.u64(..VALIDITY / 3);
            world.at(poll, Event::Poll(machine));
        }
        if let Some(second) = settings.purge {
            world.at(second * SECOND, Event::Purge);
        }
        world
    }

    fn run(mut self) -> Outcome {
        let end = self.settings.seconds * SECOND;
        while let Some(Reverse((time, number))) = self.events.pop() {
            if time >= end {
                break;
            }
            self.now = time;
            if let Some(event) = self.what.remove(&number) {
                self.happens(event);
            }
        }
        (0..self.nodes.len()).for_each(|node| self.close(node));
        self.outcome.asked = self.asked.len() as u64;
        self.outcome
    }

    fn at(&mut self, time: u64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((time, self.order)));
        self.what.insert(self.order, event);
    }

    /// Until the next request of a machine.
    fn pause(&mut self) -> u64 {
        let mean = SECOND as f64 / self.settings.requests;
        (-(1.0 - self.random.f64()).ln() * mean) as u64
    }

    fn block(&mut self) -> u32 {
        let all = self.popularity.last().copied().unwrap_or_default();
        let drawn = self.random.f64() * all;
        self.popularity.partition_point(|&sum| sum < drawn) as u32
    }

    fn second(&self) -> usize {
        (self.now / SECOND) as usize
    }

    /// Asks the node of a key; says when the answer is there.
    fn ask(&mut self, place: u64, bytes: u64) -> u64 {
        let node = (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % self.nodes.len();
        let second = self.now / SECOND;
        if self.nodes[node].second != second {
            self.close(node);
            self.nodes[node].second = second;
        }
        let time = QUESTION + (bytes as f64 * BYTE) as u64;
        let state = &mut self.nodes[node];
        let begins = state.free.max(self.now + JOURNEY / 2);
        state.free = begins + time;
        state.questions += 1;
        state.work += time;
        let answered = state.free + JOURNEY / 2;
        self.outcome.questions[second as usize] += 1;
        answered
    }

    fn close(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        let worst = &mut self.outcome.worst_questions;
        *worst = (*worst).max(std::mem::take(&mut node.questions));
        let worst = &mut self.outcome.worst_work;
        *worst = (*worst).max(std::mem::take(&mut node.work));
    }

    fn place(key: Key, kind: u64) -> u64 {
        (u64::from(key.0) << 20 | u64::from(key.1)) << 2 | kind
    }

    fn ask_value(&mut self, machine: usize, key: Key, step: impl FnOnce(bool) -> Step) {
        let found = self.values.contains(&key);
        let bytes = if found { self.settings.bytes } else { 0 };
        let answered = self.ask(Self::place(key, 0), bytes);
        let step = step(found);
        let leased = matches!(step, Step::Again(_));
        self.answered(answered, machine, key, step, leased);
    }

    fn ask_lease(&mut self, machine: usize, key: Key, step: impl FnOnce(bool) -> Step) {
        let answered = self.ask(Self::place(key, 1), 0);
        let now = self.now;
        let is_free = self.leases.get(&key).is_none_or(|&(_, end)| end <= now);
        if is_free {
            let time = term(Some(self.settings.decode)).as_nanos() as u64;
            self.leases.insert(key, (machine as u64, answered + time));
        }
        self.answered(answered, machine, key, step(is_free), false);
    }

    /// Nobody waits for an answer for longer than a decode takes.
    fn answered(&mut self, answered: u64, machine: usize, key: Key, step: Step, leased: bool) {
        let last = self.now + self.settings.decode.as_nanos() as u64;
        let (time, step) = match answered > last {
            true => (last, Step::Late { leased }),
            false => (answered, step),
        };
        self.at(time, Event::Answer(machine, key, step));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Request(machine) => {
                let next = self.now + self.pause();
                self.at(next, Event::Request(machine));
                let block = self.block();
                self.request(machine, block);
            }
            Event::Poll(machine) => {
                self.at(self.now + VALIDITY / 3, Event::Poll(machine));
                if self.settings.sharing == Sharing::Nothing {
                    return self.learns(machine, self.generation);
                }
                self.outcome.polls += 1;
                // All ask for the one source: its generation is in one place.
                let answered = self.ask(3, 0);
                let generation = Step::Generation(self.generation);
                self.at(answered, Event::Answer(machine, (0, 0), generation));
            }
            Event::Purge => self.generation += 1,
            Event::Answer(machine, key, step) => self.step(machine, key, step),
        }
    }

    fn learns(&mut self, machine: usize, generation: u32) {
        let machine = &mut self.machines[machine];
        if machine.generation < generation {
            machine.generation = generation;
            machine.memory = Memory::default();
        }
    }

    fn request(&mut self, machine: usize, block: u32) {
        self.outcome.requests += 1;
        let now = self.now;
        let state = &mut self.machines[machine];
        let key = (block, state.generation);
        self.asked.insert(key);
        if state.memory.has(block) {
            self.outcome.hits += 1;
            return;
        }
        let waiting = state.waiting.entry(key).or_default();
        waiting.push(now);
        if waiting.len() > 1 {
            return; // It is being got.
        }
        match self.settings.sharing {
            Sharing::Nothing => self.decode(machine, key, false),
            _ if self.machines[machine].breaker.may_ask(Moment(now)) => {
                self.ask_value(machine, key, Step::Value);
            }
            _ => {
                self.outcome.not_asked += 1;
                self.decode(machine, key, false);
            }
        }
    }

    fn decode(&mut self, machine: usize, key: Key, leased: bool) {
        self.outcome.decodes += 1;
        let second = self.second();
        self.outcome.decodes_by_second[second] += 1;
        let time = self.settings.decode;
        let done = self.now + time.as_nanos() as u64;
        self.at(done, Event::Answer(machine, key, Step::Decoded { leased }));
        let renewal = term(Some(time)).as_nanos() as u64 / 3;
        if leased {
            let renewals = (1..).map(|number| self.now + number * renewal);
            let due: Vec<_> = renewals.take_while(|&time| time < done).collect();
            due.into_iter()
                .for_each(|time| self.at(time, Event::Answer(machine, key, Step::Renew)));
        }
    }

    fn done(&mut self, machine: usize, key: Key) {
        let (now, room) = (self.now, self.settings.memory);
        let state = &mut self.machines[machine];
        let waited = state.waiting.remove(&key).unwrap_or_default();
        if state.generation == key.1 {
            state.memory.keep(key.0, room);
        }
        let times = waited.into_iter().map(|since| now - since);
        let after = self
            .settings
            .purge
            .is_some_and(|second| now >= second * SECOND);
        match after {
            true => self.outcome.times_after_purge.extend(times),
            false => self.outcome.times.extend(times),
        }
    }

    fn end_lease(&mut self, machine: usize, key: Key) {
        self.ask(Self::place(key, 1), 0);
        if self
            .leases
            .get(&key)
            .is_some_and(|&(holder, _)| holder == machine as u64)
        {
            self.leases.remove(&key);
        }
    }

    fn step(&mut self, machine: usize, key: Key, step: Step) {
        let decode = Some(self.settings.decode);
        let breaker = &mut self.machines[machine].breaker;
        match step {
            Step::Look(_) | Step::Renew | Step::Decoded { .. } => (),
            Step::Late { .. } => {
                self.outcome.late += 1;
                breaker.failed(&Failure::Late, Moment(self.now), self.random.u64(..));
            }
            _ => breaker.went_well(),
        }
        match step {
            Step::Late { leased } => self.decode(machine, key, leased),
            Step::Generation(generation) => self.learns(machine, generation),
            Step::Value(true) => self.done(machine, key),
            Step::Value(false) if self.settings.sharing == Sharing::Values => {
                self.decode(machine, key, false)
            }
            Step::Value(false) => self.ask_lease(machine, key, Step::Lease),
            Step::Lease(true) => self.ask_value(machine, key, Step::Again),
            Step::Lease(false) => {
                let wait = Wait::new(Moment(self.now), decode, None, self.random.u64(..));
                self.at(wait.look().0, Event::Answer(machine, key, Step::Look(wait)));
            }
            Step::Again(true) => {
                self.end_lease(machine, key);
                self.done(machine, key);
            }
            Step::Again(false) => self.decode(machine, key, true),
            Step::Look(wait) => {
                self.outcome.looks += 1;
                let now = self.now;
                let holder = self.leases.get(&key).filter(|&&(_, end)| end > now);
                let holder = holder.map(|&(holder, _)| holder);
                let answered = self.ask(Self::place(key, 1), 0);
                self.answered(answered, machine, key, Step::Holder(wait, holder), false);
            }
            Step::Holder(wait, None) => self.ask_lease(machine, key, |won| Step::Taken(wait, won)),
            Step::Holder(wait, Some(holder)) => {
                self.look_again(machine, key, wait, &holder.to_string())
            }
            Step::Taken(_, true) => self.ask_value(machine, key, Step::Again),
            Step::Taken(wait, false) => self.look_again(machine, key, wait, ""),
            Step::Renew => {
                let answered = self.ask(Self::place(key, 1), 0);
                let time = term(decode).as_nanos() as u64;
                if let Some((_, end)) = self.leases.get_mut(&key) {
                    *end = answered + time;
                }
            }
            Step::Decoded { leased } => {
                self.done(machine, key);
                let is_open = !self.machines[machine].breaker.may_put();
                if self.settings.sharing != Sharing::Nothing && !is_open {
                    self.ask(Self::place(key, 0), self.settings.bytes);
                    self.values.insert(key);
                }
                if leased {
                    self.end_lease(machine, key);
                }
            }
        }
    }

    fn look_again(&mut self, machine: usize, key: Key, mut wait: Wait, holder: &str) {
        wait.looked(Moment(self.now), holder, self.random.u64(..));
        if wait.is_over(Moment(self.now)) {
            return self.decode(machine, key, false);
        }
        self.at(wait.look().0, Event::Answer(machine, key, Step::Look(wait)));
    }
}

/// In milliseconds, what so many of a hundred stay below.
fn percentile(times: &[u64], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default() as f64 / 1e6
}

fn print(settings: Settings) {
    let outcome = World::new(settings).run();
    let Settings {
        machines,
        nodes,
        sharing,
        purge,
        ..
    } = settings;
    let purge = purge.unwrap_or_default() as usize;
    let before =
        outcome.questions[purge / 2..purge].iter().sum::<u64>() / (purge - purge / 2) as u64;
    let after = outcome.questions[purge..]
        .iter()
        .max()
        .copied()
        .unwrap_or_default();
    let decodes_after = outcome.decodes_by_second[purge..]
        .iter()
        .max()
        .copied()
        .unwrap_or_default();
    println!(
        "| {machines} | {sharing:?} | {nodes} | {} | {:.2} | {before} | {after} | {decodes_after} | {} | {} % | {} % | {:.1} | {:.1} |",
        outcome.decodes,
        outcome.decodes as f64 / outcome.asked as f64,
        outcome.worst_questions,
        outcome.worst_work * 100 / SECOND,
        (outcome.late + outcome.not_asked) * 100 / (outcome.requests - outcome.hits).max(1),
        percentile(&outcome.times, 99),
        percentile(&outcome.times_after_purge, 99),
    );
}

fn main() {
    let told: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    println!(
        "seed {SEED}\n\n\
         | machines | sharing | nodes | decodes | for each block asked for | questions a second | in the worst second after \
         the purge | decodes in that | of one node in its worst second | its work | late or not asked | 99 % of misses, ms | after the purge |\n\
         |---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    if let [machines, nodes] = told[..] {
        return print(Settings::of(machines, nodes, Sharing::Leases));
    }
    for machines in [100, 1000] {
        print(Settings::of(machines, 1, Sharing::Nothing));
        let nodes = [
            (Sharing::Values, 8),
            (Sharing::Leases, 1),
            (Sharing::Leases, 4),
            (Sharing::Leases, 8),
        ];
        nodes
            .into_iter()
            .for_each(|(sharing, nodes)| print(Settings::of(machines, nodes, sharing)));
    }
    println!("\nAll machines want one block, after a purge:");
    for machines in [100, 1000] {
        let settings = Settings {
            blocks: 1,
            seconds: 4,
            purge: Some(2),
            ..Settings::of(machines, 8, Sharing::Leases)
        };
        let outcome = World::new(settings).run();
        println!(
            "{machines} machines: {} decodes, {} looks after the lease, {} questions for the generation a second, \
             {} questions to one node in its worst second, 99 % of misses within {:.1} ms",
            outcome.decodes,
            outcome.looks,
            outcome.polls / settings.seconds,
            outcome.worst_questions,
            percentile(&outcome.times_after_purge, 99),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(sharing: Sharing) -> Settings {
        Settings {
            blocks: 500,
            memory: 100,
            seconds: 6,
            purge: Some(3),
            ..Settings::of(20, 2, sharing)
        }
    }

    #[test]
    fn with_leases_each_block_is_decoded_once() {
        let outcome = World::new(small(Sharing::Leases)).run();
        assert_eq!(outcome.decodes, outcome.asked);
        assert!(outcome.asked > 500 && outcome.looks > 0, "{outcome:?}");
    }

    #[test]
    fn without_them_the_machines_do_it_at_once() {
        let [nothing, values] =
            [Sharing::Nothing, Sharing::Values].map(|sharing| World::new(small(sharing)).run());
        assert!(nothing.decodes > 3 * nothing.asked);
        assert!(values.decodes > values.asked && values.decodes < nothing.decodes);
    }

    #[test]
    fn one_seed_gives_one_outcome() {
        let run = || World::new(small(Sharing::Leases)).run();
        assert_eq!(run(), run());
    }
}
