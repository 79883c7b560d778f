//! What readers that pass by leave behind, and what is made ahead of its first use: the ends of the order
//! of eviction, against a model and step by step.

#[path = "support/scale.rs"]
mod scale;

use proptest::prelude::*;
use scale::scaled;
use std::sync::Arc;
use tilecache::cache::{Cache, Class, Namespace, Options};
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::load::Cancel;
use tilecache::provider::{Request, Retention};
use tilecache::tile::Tile;

const SIDE: u64 = 64;
const BYTES: u64 = SIDE * SIDE;
const CHARGE: u64 = BYTES + 256;
/// Tiles that the budget holds, and those of them that may be unread.
const ROOM: usize = 8;
const UNREAD: usize = 4;
const CELLS: u64 = 24;

#[derive(Clone, Debug)]
enum Op {
    Load { cell: u64, class: u8, hold: bool },
    Get { cell: u64, pass: bool },
    Release { which: usize },
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..CELLS, 0..4u8, prop::bool::weighted(0.2))
            .prop_map(|(cell, class, hold)| Op::Load { cell, class, hold }),
        5 => (0..CELLS, any::<bool>()).prop_map(|(cell, pass)| Op::Get { cell, pass }),
        3 => any::<usize>().prop_map(|which| Op::Release { which }),
    ]
}

/// In the order in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Cold,
    PassingUnread,
    Used,
    Unread,
}

#[derive(Clone, Debug)]
struct Entry {
    cell: u64,
    rank: Rank,
    /// When it was used, or else made.
    moment: u64,
    held: bool,
}

#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    clock: u64,
}

impl Model {
    fn at(&mut self, cell: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.cell == cell)
    }

    /// Makes room for one more; says whether there is.
    fn admit(&mut self, class: Class) -> bool {
        let is_unread = matches!(class, Class::Unread | Class::PassingUnread);
        let unread = |entry: &&Entry| matches!(entry.rank, Rank::PassingUnread | Rank::Unread);
        // Held when its turn to go came, a tile is unread no longer; here none is held that is.
        if is_unread && self.entries.iter().filter(unread).count() >= UNREAD {
            return false;
        }
        if self.entries.len() < ROOM {
            return true;
        }
        let may_go = |rank: Rank| match class {
            Class::Asked | Class::Passing => true,
            Class::Unread | Class::Ahead(_) => matches!(rank, Rank::Cold | Rank::Used),
            Class::PassingUnread => rank == Rank::Cold,
            Class::Scheduled(_) | Class::Planned(..) => unreachable!("no pass is declared"),
        };
        let victim = (0..self.entries.len())
            .filter(|at| !self.entries[*at].held && may_go(self.entries[*at].rank))
            .min_by_key(|at| (self.entries[*at].rank, self.entries[*at].moment));
        victim.map(|at| self.entries.remove(at)).is_some()
    }
}

/// Works with a request from outside, or one of a reader that passes by.
fn with_request<R>(passes: bool, work: impl FnOnce(&Request<'_>) -> R) -> R {
    let outside = Request::new();
    if !passes {
        return work(&outside);
    }
    let cancel = Arc::<Cancel>::default();
    let readers = outside.readers(&cancel);
    work(&outside.by_reader(Retention::Streamed, &readers))
}

/// Loads a tile as an operator does; `None` if it is one made ahead that has no room.
fn load(namespace: &Namespace, at: Block, class: Class) -> Option<Tile> {
    let passes = matches!(class, Class::Passing | Class::PassingUnread);
    with_request(passes, |request| load_for(request, namespace, at, class))
}

fn load_for(request: &Request<'_>, namespace: &Namespace, at: Block, class: Class) -> Option<Tile> {
    let loading = namespace.loading(at, request).unwrap();
    let ahead = matches!(class, Class::Unread | Class::PassingUnread);
    if ahead && !loading.reserve_unread(BYTES as usize) {
        return None;
    }
    let shape = Shape {
        width: SIDE as usize,
        height: SIDE as usize,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let canvas = request.with_memory(&loading).canvas(layout).unwrap();
    let tile = Tile::from_canvas(canvas);
    let class = if ahead { Class::Unread } else { Class::Asked };
    loading.enter(at, &Bands::ALL, &tile, class);
    Some(tile)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(1500), failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_cache_does_what_the_model_does(script in prop::collection::vec(ops(), 1..150)) {
        let options = Options { unread_percent: 55, ..Options::default() };
        let cache = Cache::new(ROOM as u64 * CHARGE + 2048, options).unwrap();
        // So large that no tile becomes ordinary for having been passed over.
        let mut image = Image::new(SIDE * 1000, SIDE * 1000, 1, DType::U8);
        image.block = (SIDE, SIDE);
        let namespace = Namespace::new(Some(&cache), "k", &image).unwrap();
        let mut model = Model::default();
        let mut held: Vec<(u64, Tile)> = Vec::new();
        let block = |cell| Block::new(0, cell, 0);
        for op in script {
            model.clock += 1;
            let moment = model.clock;
            match op {
                Op::Load { cell, class, hold } => {
                    if model.at(cell).is_some() || held.iter().any(|(other, _)| *other == cell) {
                        continue;
                    }
                    let (class, rank) = [
                        (Class::Asked, Rank::Used),
                        (Class::Unread, Rank::Unread),
                        (Class::Passing, Rank::Cold),
                        (Class::PassingUnread, Rank::PassingUnread),
                    ][class as usize];
                    let hold = hold && matches!(rank, Rank::Used | Rank::Cold);
                    let tile = load(&namespace, block(cell), class);
                    let admitted = model.admit(class);
                    if admitted {
                        model.entries.push(Entry { cell, rank, moment, held: hold });
                    }
                    let stays = cache.peek("k", block(cell), &Bands::ALL).unwrap();
                    prop_assert_eq!(stays.is_some() && cache.statistics().over_budget == 0, admitted);
                    match tile {
                        Some(tile) if hold && admitted => held.push((cell, tile)),
                        _ => (),
                    }
                }
                Op::Get { cell, pass } => {
                    let got = with_request(pass, |request| {
                        namespace.get(block(cell), &Bands::ALL, request)
                    });
                    let entry = model.at(cell);
                    prop_assert_eq!(got.unwrap().is_some(), entry.is_some());
                    if let Some(entry) = entry {
                        match (pass, entry.rank) {
                            (false, _) => (entry.rank, entry.moment) = (Rank::Used, moment),
                            (true, Rank::PassingUnread | Rank::Unread) => entry.rank = Rank::Cold,
                            (true, _) => (),
                        }
                    }
                }
                Op::Release { which } => {
                    if !held.is_empty() {
                        let (cell, tile) = held.swap_remove(which % held.len());
                        drop(tile);
                        model.at(cell).unwrap().held = false;
                    }
                }
            }
            for cell in 0..CELLS {
                let found = cache.peek("k", block(cell), &Bands::ALL).unwrap();
                prop_assert_eq!(found.is_some(), model.at(cell).is_some(), "cell {}", cell);
            }
        }
    }
}

#[test]
fn a_pass_over_a_large_image_leaves_the_tiles_in_use_alone() {
    let cache = Cache::new(ROOM as u64 * CHARGE + 4096, Options::default()).unwrap();
    let mut image = Image::new(SIDE * 1000, SIDE, 1, DType::U8);
    image.block = (SIDE, SIDE);
    let hot = Namespace::new(Some(&cache), "hot", &image).unwrap();
    let scan = Namespace::new(Some(&cache), "scan", &image).unwrap();
    (0..5).for_each(|col| drop(load(&hot, Block::new(0, 0, col), Class::Asked)));
    for col in 0..500 {
        drop(load(&scan, Block::new(0, 0, 2 * col), Class::Passing));
        drop(load(
            &scan,
            Block::new(0, 0, 2 * col + 1),
            Class::PassingUnread,
        ));
        let next = Block::new(0, 0, 2 * col + 1);
        let got = with_request(true, |request| scan.get(next, &Bands::ALL, request));
        assert!(
            got.unwrap().is_some(),
            "a sibling is there when its turn comes"
        );
    }
    for col in 0..5 {
        assert!(
            hot.contains(Block::new(0, 0, col), &Bands::ALL),
            "tile {col}"
        );
    }
}

const LAST: u64 = 2 * ROOM as u64;

fn wide() -> Image {
    let mut image = Image::new(SIDE * 1000, SIDE, 1, DType::U8);
    image.block = (SIDE, SIDE);
    image
}

/// Tiles of the first ones of a row that are in the cache under a key.
fn there(cache: &Cache, key: &str) -> Vec<u64> {
    let at = |col| Block::new(0, 0, col);
    let is_there = |col: &u64| cache.peek(key, at(*col), &Bands::ALL).unwrap().is_some();
    (0..=LAST).filter(is_there).collect()
}

/// Loads tiles of a row one after the other; says which of them there was room for.
fn load_row(namespace: &Namespace, cols: impl IntoIterator<Item = u64>, class: Class) -> Vec<bool> {
    let has_room = |col| load(namespace, Block::new(0, 0, col), class).is_some();
    cols.into_iter().map(has_room).collect()
}

fn setup() -> (Cache, Namespace, Namespace) {
    let cache = Cache::new(ROOM as u64 * CHARGE + 4096, Options::default()).unwrap();
    let [one, other] =
        ["one", "other"].map(|key| Namespace::new(Some(&cache), key, &wide()).unwrap());
    (cache, one, other)
}

#[test]
fn a_tile_made_ahead_does_not_take_the_room_of_another() {
    let (cache, one, other) = setup();
    load_row(&one, 0..2, Class::Unread);
    // Held, and nobody has noticed yet.
    let hold = |col| load(&other, Block::new(0, 0, col), Class::Asked);
    let held: Vec<_> = (0..6).map(hold).collect();
    assert_eq!(load_row(&one, [2], Class::Unread), [false]);
    assert_eq!(there(&cache, "one"), [0, 1]);
    drop(held);
    assert_eq!(load_row(&one, [2], Class::Unread), [true]);
    assert_eq!(there(&cache, "one"), [0, 1, 2]);
    assert_eq!(there(&cache, "other"), [1, 2, 3, 4, 5]);
}

#[test]
fn tiles_made_ahead_keep_to_the_maximum_of_their_key_and_to_the_guarantees_of_others() {
    let (cache, one, other) = setup();
    cache.set_share("one", 3 * CHARGE, 0).unwrap();
    cache.set_share("other", 0, 4 * CHARGE).unwrap();
    load_row(&one, 0..2, Class::Asked);
    load_row(&one, 2..6, Class::Unread);
    assert_eq!(there(&cache, "one").len(), 3);
    cache.set_share("one", 0, 0).unwrap();
    load_row(&other, 0..4, Class::Asked);
    load_row(&one, 6..9, Class::Asked);
    load_row(&one, 9..LAST, Class::Unread);
    assert_eq!(there(&cache, "other"), [0, 1, 2, 3]);
}

#[test]
fn room_for_tiles_on_their_way_counts_towards_the_maximum() {
    let (cache, one, _) = setup();
    cache.set_share("one", 2 * CHARGE, 0).unwrap();
    let request = Request::new();
    let layout = wide().block_shape(Block::new(0, 0, 0), 1).unwrap();
    let layout = Layout::packed(layout, DType::U8).unwrap();
    let loading = |col| one.loading(Block::new(0, 0, col), &request).unwrap();
    let loadings: Vec<_> = (0..4).map(loading).collect();
    let tiles: Vec<_> = loadings
        .iter()
        .map(|loading| request.with_memory(loading).canvas(layout).unwrap())
        .map(Tile::from_canvas)
        .collect();
    for (col, (loading, tile)) in (0..).zip(loadings.into_iter().zip(&tiles)) {
        loading.enter(Block::new(0, 0, col), &Bands::ALL, tile, Class::Asked);
    }
    assert_eq!(cache.statistics().counters.rejected, 2);
    assert_eq!(cache.statistics().held, 2 * CHARGE);
}

#[test]
fn what_is_used_goes_before_what_is_unread_in_whatever_share() {
    let (cache, one, other) = setup();
    cache.set_share("one", ROOM as u64 * CHARGE, 0).unwrap();
    load_row(&one, 0..2, Class::Unread);
    load_row(&other, 0..9, Class::Asked);
    assert_eq!(there(&cache, "one"), [0, 1]);
}

#[test]
fn tiles_made_ahead_are_ordinary_when_others_have_filled_the_budget_since() {
    let (cache, one, other) = setup();
    load_row(&one, 0..2, Class::Unread);
    load_row(&other, 0..7, Class::Asked);
    assert_eq!(there(&cache, "one"), [0, 1], "no whole budget yet");
    load_row(&other, 7..12, Class::Asked);
    assert_eq!(there(&cache, "one"), [0; 0]);
}

#[test]
fn tiles_made_ahead_are_ordinary_after_their_provider() {
    let (cache, one, other) = setup();
    load_row(&one, 0..2, Class::Unread);
    drop(one);
    load_row(&other, 0..7, Class::Asked);
    assert_eq!(there(&cache, "one"), [1]);
}
