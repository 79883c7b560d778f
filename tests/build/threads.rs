//! Threads of a pass: that all of them take part, and that none waits while there is something to do.

use crate::files::Folder;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::ThreadId;
use std::time::Duration;
use tilecache::build::{Layout, Options, build_pyramid};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::source::{Decoder, Source};

const THREADS: u32 = 4;
const COLUMNS: u64 = 8;
const ROWS: u64 = 6;
const BLOCK: u64 = 32;

/// How long a decode waits for those of the other threads, who may have levels to make first.
const PATIENCE: Duration = Duration::from_secs(20);

/// Decodes that end only when all threads are in one.
#[derive(Default)]
struct Meeting {
    state: Mutex<State>,
    all_are_here: Condvar,
}

#[derive(Default)]
struct State {
    here: u32,
    meetings: u64,
    /// Decodes that no meeting came about for.
    alone: u64,
    decodes: HashMap<ThreadId, u64>,
}

impl Meeting {
    fn attend(&self) {
        let mut state = self.state.lock().unwrap();
        let own = state.decodes.entry(std::thread::current().id());
        *own.or_default() += 1;
        state.here += 1;
        if state.here == THREADS {
            (state.here, state.meetings) = (0, state.meetings + 1);
            return self.all_are_here.notify_all();
        }
        let meeting = state.meetings;
        let waiting = |state: &mut State| state.meetings == meeting && state.alone == 0;
        let waited = self
            .all_are_here
            .wait_timeout_while(state, PATIENCE, waiting);
        let (mut state, ended) = waited.unwrap();
        if ended.timed_out() {
            // The others need not be waited for again.
            state.alone += 1;
            self.all_are_here.notify_all();
        }
    }
}

struct Meets(Arc<Meeting>);

impl Decoder for Meets {
    fn read_block(&self, at: Block, _: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.0.attend();
        into.fill(&Sample::from_f64(
            DType::U8,
            (at.row * COLUMNS + at.col) as f64,
        ));
        Ok(())
    }
}

/// gdal#2593: building levels gains by every thread. All of them decode at once, from the first block to the last.
#[test]
fn all_threads_decode_as_long_as_there_are_blocks() {
    let folder = Folder::new("threads");
    for layout in [Layout::Tiled, Layout::Cog, Layout::Overviews] {
        let meeting = Arc::new(Meeting::default());
        let mut image = Image::new(COLUMNS * BLOCK, ROWS * BLOCK, 1, DType::U8);
        image.block = (BLOCK, BLOCK);
        let source = Source::provider(None, image, Box::new(Meets(meeting.clone()))).unwrap();
        let options = Options {
            layout,
            tile: (64, 64),
            threads: THREADS,
            ..Options::default()
        };
        build_pyramid(
            source,
            &folder.file("made.tif"),
            &options,
            None,
            &mut |_| true,
        )
        .unwrap();
        let state = meeting.state.lock().unwrap();
        assert_eq!(state.alone, 0, "{layout:?}: a thread had nothing to do");
        assert_eq!(state.meetings, COLUMNS * ROWS / u64::from(THREADS));
        let each: Vec<u64> = state.decodes.values().copied().collect();
        assert_eq!(each, [COLUMNS * ROWS / u64::from(THREADS); 4], "{layout:?}");
    }
}
