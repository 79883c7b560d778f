//! Fewer and larger reads, of bytes where every read costs a journey: what lies together and is wanted
//! soon is read at once.
//!
//! Nobody waits for another's read: who wants bytes that another thread is reading just now reads
//! them too. No lock is held during a read.

use super::Bytes;
use crate::error::Result;
use crate::sync::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// While headers are read, so many bytes are read where fewer are asked for.
const PAGE: u64 = 64 << 10;

/// Pages that are kept while headers are read, and afterwards.
const MAX_PAGES: usize = 64;
const KEPT_PAGES: usize = 2;

/// What a read costs. Of a store behind a network it is several times as much.
const COST: u64 = 64 << 10;

/// Ranges are put together up to so many bytes. Longer reads gain little, and several threads can
/// share these.
const TOGETHER: u64 = 1 << 20;

/// A longer range is left to whoever reads it. So many bytes of runs are kept at most.
const KEPT: u64 = 8 << 20;

/// Runs that are known at most.
const MAX_RUNS: usize = 4096;

/// Bytes, read in pages until [`Gathered::settle`] is called, and in runs where they are expected.
pub struct Gathered {
    bytes: Arc<dyn Bytes>,
    state: Mutex<State>,
}

struct State {
    settled: bool,
    /// Pages by their place; the last used one at the back.
    pages: VecDeque<(u64, Arc<[u8]>)>,
    /// Runs, the oldest first.
    runs: VecDeque<Run>,
    /// Numbers the runs.
    next: u64,
}

/// Bytes that are read at once.
struct Run {
    number: u64,
    range: Range<u64>,
    /// Bytes that were expected and nobody has asked for yet.
    left: u64,
    data: Data,
}

enum Data {
    Expected,
    Reading,
    Ready(Arc<[u8]>),
}

/// How a read is served.
enum Way {
    Memory(Arc<[u8]>, usize),
    Run(u64, Range<u64>),
    Directly,
}

impl Gathered {
    /// `bytes`, of which headers are about to be read.
    pub fn new(bytes: Arc<dyn Bytes>) -> Self {
        Self {
            bytes,
            state: Mutex::new(State {
                settled: false,
                pages: VecDeque::new(),
                runs: VecDeque::new(),
                next: 0,
            }),
        }
    }

    /// The headers are read: from now on nothing is read that was not asked for or expected.
    pub fn settle(&self) {
        let mut state = self.state.lock();
        state.settled = true;
        let surplus = state.pages.len().saturating_sub(KEPT_PAGES);
        let _unlocked = state.pages.drain(..surplus).collect::<Vec<_>>();
    }

    /// The bytes in `range` read at once. What the surplus over the needed ones spoils must not spoil
    /// them: the caller reads these alone then.
    fn surplus(&self, range: &Range<u64>) -> Option<Arc<[u8]>> {
        let mut buffer = Vec::new();
        let len = usize::try_from(range.end - range.start).ok()?;
        buffer.try_reserve_exact(len).ok()?;
        buffer.resize(len, 0);
        self.bytes.read_at(range.start, &mut buffer).ok()?;
        Some(buffer.into())
    }

    /// Serves a read of at most a page out of one or two pages.
    fn read_pages(&self, range: &Range<u64>, into: &mut [u8]) -> bool {
        let (first, last) = (range.start / PAGE, (range.end - 1) / PAGE);
        for page in first..=last {
            let known = {
                let state = self.state.lock();
                let mut pages = state.pages.iter();
                pages
                    .find(|(at, _)| *at == page)
                    .map(|(_, data)| data.clone())
            };
            let data = match known {
                Some(data) => data,
                None => {
                    let all = page * PAGE..((page + 1) * PAGE).min(self.len());
                    let Some(data) = self.surplus(&all) else {
                        return false;
                    };
                    data
                }
            };
            let part = range.start.max(page * PAGE)..range.end.min((page + 1) * PAGE);
            let from = (part.start - page * PAGE) as usize;
            let to = (part.start - range.start) as usize;
            let len = (part.end - part.start) as usize;
            into[to..to + len].copy_from_slice(&data[from..from + len]);
            self.keep_page(page, data);
        }
        true
    }

    fn keep_page(&self, page: u64, data: Arc<[u8]>) {
        let mut state = self.state.lock();
        let most = if state.settled { KEPT_PAGES } else { MAX_PAGES };
        state.pages.retain(|(at, _)| *at != page);
        state.pages.push_back((page, data));
        let dropped = (state.pages.len() > most).then(|| state.pages.pop_front());
        drop(state);
        drop(dropped);
    }

    /// Reads a run for the first of its ranges; `None` where that failed.
    fn read_run(&self, number: u64, range: &Range<u64>) -> Option<Arc<[u8]>> {
        let data = self.surplus(range);
        self.state.lock().end_reading(number, data.clone());
        data
    }
}

impl State {
    /// How to serve a read; what it takes of a run is noted.
    fn way(&mut self, range: &Range<u64>) -> Way {
        let len = range.end - range.start;
        let holds = |run: &Run| run.range.start <= range.start && range.end <= run.range.end;
        let Some(at) = self.runs.iter().position(holds) else {
            return self.page(range);
        };
        let run = &mut self.runs[at];
        let all = len >= run.left;
        run.left = run.left.saturating_sub(len);
        match &run.data {
            Data::Ready(data) => {
                let way = Way::Memory(data.clone(), (range.start - run.range.start) as usize);
                if all {
                    self.runs.remove(at);
                }
                way
            }
            Data::Reading => Way::Directly,
            Data::Expected if all => {
                self.runs.remove(at);
                Way::Directly
            }
            Data::Expected => {
                run.data = Data::Reading;
                Way::Run(run.number, run.range.clone())
            }
        }
    }

    /// A page that was kept.
    fn page(&self, range: &Range<u64>) -> Way {
        let found = self.pages.iter().find(|(at, data)| {
            let start = at * PAGE;
            start <= range.start && range.end <= start + data.len() as u64
        });
        match found {
            Some((at, data)) => Way::Memory(data.clone(), (range.start - at * PAGE) as usize),
            None => Way::Directly,
        }
    }

    /// Keeps the bytes of a run for those of its ranges that are still to come.
    fn end_reading(&mut self, number: u64, data: Option<Arc<[u8]>>) {
        let Some(at) = self.runs.iter().position(|run| run.number == number) else {
            return;
        };
        match data {
            Some(data) if self.runs[at].left > 0 => self.runs[at].data = Data::Ready(data),
            _ => {
                self.runs.remove(at);
            }
        }
        let held = |run: &Run| match &run.data {
            Data::Ready(data) => data.len() as u64,
            _ => 0,
        };
        let mut all: u64 = self.runs.iter().map(held).sum();
        self.runs.retain(|run| {
            let surplus = all > KEPT && held(run) > 0;
            all -= if surplus { held(run) } else { 0 };
            !surplus
        });
    }

    fn add_run(&mut self, range: Range<u64>, left: u64) {
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.next += 1;
        self.runs.push_back(Run {
            number: self.next,
            range,
            left,
            data: Data::Expected,
        });
    }
}

impl Bytes for Gathered {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let inside = offset.checked_add(into.len() as u64);
        let Some(end) = inside.filter(|end| *end <= self.len()) else {
            return self.bytes.read_at(offset, into);
        };
        if into.is_empty() {
            return Ok(());
        }
        let range = offset..end;
        let way = {
            let mut state = self.state.lock();
            if !state.settled && end - offset <= PAGE {
                drop(state);
                if self.read_pages(&range, into) {
                    return Ok(());
                }
                Way::Directly
            } else {
                state.way(&range)
            }
        };
        let (data, from) = match way {
            Way::Memory(data, from) => (data, from),
            Way::Run(number, run) => match self.read_run(number, &run) {
                Some(data) => (data, (offset - run.start) as usize),
                None => return self.bytes.read_at(offset, into),
            },
            Way::Directly => return self.bytes.read_at(offset, into),
        };
        into.copy_from_slice(&data[from..from + into.len()]);
        Ok(())
    }

    fn read_near(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let len = into.len() as u64;
        let inside = offset.checked_add(len).filter(|end| *end <= self.len());
        match inside {
            Some(end) if (1..=PAGE).contains(&len) && self.read_pages(&(offset..end), into) => {
                Ok(())
            }
            _ => self.read_at(offset, into),
        }
    }

    fn identity(&self) -> Option<String> {
        self.bytes.identity()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.bytes.check_unchanged()
    }

    fn read_cost(&self) -> u64 {
        COST
    }

    fn expect(&self, ranges: &mut dyn Iterator<Item = Range<u64>>) {
        let len = self.len();
        // Collected first: finding out where something lies may take reads of its own.
        let fits = |range: &Range<u64>| {
            !range.is_empty() && range.end <= len && range.end - range.start <= KEPT
        };
        let mut ranges: Vec<Range<u64>> = ranges.filter(fits).collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        ranges.dedup();
        let mut state = self.state.lock();
        let known = |state: &State, range: &Range<u64>| {
            let mut runs = state.runs.iter();
            runs.any(|run| run.range.start <= range.start && range.end <= run.range.end)
        };
        let mut open: Option<(Range<u64>, u64)> = None;
        for range in ranges {
            if known(&state, &range) {
                continue;
            }
            let bytes = range.end - range.start;
            match &mut open {
                Some((run, left))
                    if range.start <= run.end.saturating_add(COST)
                        && range.end.max(run.end) - run.start <= TOGETHER =>
                {
                    *left += range.end.saturating_sub(run.end.max(range.start));
                    run.end = run.end.max(range.end);
                }
                _ => {
                    if let Some((run, left)) = open.replace((range, bytes)) {
                        state.add_run(run, left);
                    }
                }
            }
        }
        if let Some((run, left)) = open {
            state.add_run(run, left);
        }
    }

    fn forget(&self) {
        let mut state = self.state.lock();
        let pages = std::mem::take(&mut state.pages);
        let runs = std::mem::take(&mut state.runs);
        drop(state);
        drop((pages, runs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Bytes of which a part cannot be read, and the reads of them.
    struct Bad {
        bytes: Mutex<Vec<u8>>,
        bad: Range<u64>,
        reads: Mutex<Vec<Range<u64>>>,
    }

    impl Bytes for Bad {
        fn len(&self) -> u64 {
            self.bytes.lock().len() as u64
        }

        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
            let range = offset..offset + into.len() as u64;
            self.reads.lock().push(range.clone());
            if range.start < self.bad.end && self.bad.start < range.end {
                return Err(Error::from_source(5, "out of reach"));
            }
            into.copy_from_slice(&self.bytes.lock()[range.start as usize..range.end as usize]);
            Ok(())
        }

        fn identity(&self) -> Option<String> {
            None
        }
    }

    fn gathered(len: usize, bad: Range<u64>) -> (Arc<Bad>, Gathered) {
        let bytes = (0..len).map(|i| (i / 7 % 251) as u8).collect();
        let reads = Mutex::default();
        let bad = Arc::new(Bad {
            bytes: Mutex::new(bytes),
            bad,
            reads,
        });
        (bad.clone(), Gathered::new(bad))
    }

    fn check(source: &Bad, gathered: &Gathered, range: Range<u64>) {
        let mut got = vec![0; (range.end - range.start) as usize];
        gathered.read_at(range.start, &mut got).expect("bytes");
        assert!(got == source.bytes.lock()[range.start as usize..range.end as usize]);
    }

    fn reads(source: &Bad) -> Vec<Range<u64>> {
        std::mem::take(&mut *source.reads.lock())
    }

    const NONE: Range<u64> = 0..0;

    #[test]
    fn headers_come_in_pages() {
        let (source, gathered) = gathered(200_000, NONE);
        for range in [
            0..8,
            100..300,
            65_530..65_540,
            199_990..200_000,
            5..65_541,
            7..7,
        ] {
            check(&source, &gathered, range);
        }
        assert_eq!(reads(&source), [0..PAGE, PAGE..2 * PAGE, 3 * PAGE..200_000]);
        gathered.settle();
        // The last ones stay, others are not read for a few bytes.
        check(&source, &gathered, 10..20);
        check(&source, &gathered, 140_000..140_010);
        check(&source, &gathered, 70_000..70_010);
        assert_eq!(reads(&source), vec![140_000..140_010]);
    }

    #[test]
    fn ranges_that_lie_together_are_one_read() {
        let (source, gathered) = gathered(3 << 20, NONE);
        gathered.settle();
        let far = 2 << 20;
        let ranges = [500..900, 100..300, far..far + 10, 900..1000, 100..300];
        gathered.expect(&mut ranges.clone().into_iter());
        gathered.expect(&mut ranges.clone().into_iter());
        for range in [500..900, 900..1000, far..far + 10, 100..300] {
            check(&source, &gathered, range);
        }
        assert_eq!(reads(&source), [100..1000, far..far + 10]);
        assert!(gathered.state.lock().runs.is_empty());
        // A range is read in pieces too.
        gathered.expect(&mut std::iter::once(100..300));
        check(&source, &gathered, 100..200);
        check(&source, &gathered, 200..300);
        assert_eq!(reads(&source), vec![100..300]);
        // Long ones are left alone, and what is together is not longer than can be shared.
        gathered.expect(&mut (0..3).map(|i| i * (700 << 10)..(i + 1) * (700 << 10)));
        check(&source, &gathered, 0..700 << 10);
        assert_eq!(reads(&source), vec![0..700 << 10]);
    }

    #[test]
    fn what_cannot_be_read_fails_alone() {
        let (source, gathered) = gathered(1000, 400..410);
        check(&source, &gathered, 0..10);
        gathered.settle();
        gathered.expect(&mut [0..100, 350..450, 500..600].into_iter());
        check(&source, &gathered, 0..100);
        let error = gathered.read_at(350, &mut [0; 100]).unwrap_err();
        assert_eq!(error.message(), "out of reach");
        check(&source, &gathered, 500..600);
        assert!(gathered.state.lock().runs.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_can_be_forgotten() {
        let (source, gathered) = gathered(20 << 20, NONE);
        gathered.settle();
        let half = 400 << 10;
        for i in 0..19 {
            let at = i << 20;
            gathered.expect(&mut [at..at + half, at + half..at + 2 * half].into_iter());
            check(&source, &gathered, at..at + half);
        }
        let kept: u64 = (gathered.state.lock().runs.iter())
            .map(|run| run.range.end - run.range.start)
            .sum();
        assert!(kept > 0 && kept <= KEPT, "{kept}");
        source.bytes.lock().fill(9);
        gathered.forget();
        check(&source, &gathered, (18 << 20) + half..(18 << 20) + 2 * half);
    }
}
