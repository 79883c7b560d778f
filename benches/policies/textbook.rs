//! Policies as their papers have them, over numbers of tiles of one size.

use std::collections::{HashMap, HashSet, VecDeque};

/// What decides which tile goes.
pub trait Policy {
    /// A tile is asked for, and made if it is not there; says whether it was.
    fn get(&mut self, tile: u32) -> bool;
}

/// The tile whose last use is oldest goes.
pub struct Lru {
    tiles: usize,
    last_use: HashMap<u32, u64>,
    /// Every use; of those of a tile only the last one counts.
    uses: VecDeque<(u32, u64)>,
    now: u64,
}

impl Lru {
    pub fn new(tiles: usize) -> Self {
        Self {
            tiles,
            last_use: HashMap::new(),
            uses: VecDeque::new(),
            now: 0,
        }
    }
}

impl Policy for Lru {
    fn get(&mut self, tile: u32) -> bool {
        self.now += 1;
        self.uses.push_back((tile, self.now));
        let hit = self.last_use.insert(tile, self.now).is_some();
        while self.last_use.len() > self.tiles {
            let (oldest, at) = self.uses.pop_front().expect("a use of each tile");
            if self.last_use[&oldest] == at {
                self.last_use.remove(&oldest);
            }
        }
        // What is stale at the front goes now, lest the uses grow.
        while let Some((oldest, at)) = self.uses.front()
            && self.last_use.get(oldest) != Some(at)
        {
            self.uses.pop_front();
        }
        hit
    }
}

/// SIEVE (Zhang and others, NSDI 2024): a hand goes from the oldest tile to the newest, spares those that were
/// used since it came by last, and evicts the first that was not.
pub struct Sieve {
    tiles: usize,
    /// Places of tiles, which stand in a list from the oldest to the newest.
    places: HashMap<u32, usize>,
    nodes: Vec<Node>,
    oldest: usize,
    newest: usize,
    hand: usize,
}

struct Node {
    tile: u32,
    used: bool,
    older: usize,
    newer: usize,
}

const NONE: usize = usize::MAX;

impl Sieve {
    pub fn new(tiles: usize) -> Self {
        Self {
            tiles,
            places: HashMap::new(),
            nodes: Vec::new(),
            oldest: NONE,
            newest: NONE,
            hand: NONE,
        }
    }

    /// Takes the tile out that goes, and returns its place.
    fn evict(&mut self) -> usize {
        let start = |hand, oldest| if hand == NONE { oldest } else { hand };
        let mut at = start(self.hand, self.oldest);
        while std::mem::take(&mut self.nodes[at].used) {
            at = start(self.nodes[at].newer, self.oldest);
        }
        let (older, newer) = (self.nodes[at].older, self.nodes[at].newer);
        match older {
            NONE => self.oldest = newer,
            older => self.nodes[older].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.nodes[newer].older = older,
        }
        self.hand = newer;
        self.places.remove(&self.nodes[at].tile);
        at
    }
}

impl Policy for Sieve {
    fn get(&mut self, tile: u32) -> bool {
        if let Some(at) = self.places.get(&tile) {
            self.nodes[*at].used = true;
            return true;
        }
        let full = self.places.len() == self.tiles;
        let free = if full { self.evict() } else { self.nodes.len() };
        let node = Node {
            tile,
            used: false,
            older: self.newest,
            newer: NONE,
        };
        match full {
            true => self.nodes[free] = node,
            false => self.nodes.push(node),
        }
        match self.newest {
            NONE => self.oldest = free,
            newest => self.nodes[newest].newer = free,
        }
        self.newest = free;
        self.places.insert(tile, free);
        false
    }
}

/// S3-FIFO (Yang and others, SOSP 2023): new tiles pass a small queue of a tenth, which only those leave for the
/// main one that were used more than once in it; what is evicted from it and comes again soon goes to the main one
/// at once. There, a tile goes round once for each use, of which three count.
pub struct S3Fifo {
    tiles: usize,
    /// How often each tile that is there was used since it came.
    uses: HashMap<u32, u8>,
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghosts: VecDeque<u32>,
    is_ghost: HashSet<u32>,
}

impl S3Fifo {
    pub fn new(tiles: usize) -> Self {
        Self {
            tiles,
            uses: HashMap::new(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            is_ghost: HashSet::new(),
        }
    }

    fn evict(&mut self) {
        while self.uses.len() >= self.tiles {
            if self.small.len() >= (self.tiles / 10).max(1) || self.main.is_empty() {
                self.evict_from_small();
            } else {
                self.evict_from_main();
            }
        }
    }

    fn evict_from_small(&mut self) {
        let Some(tile) = self.small.pop_front() else {
            return;
        };
        if self.uses[&tile] > 1 {
            self.main.push_back(tile);
            self.uses.insert(tile, 0);
            return;
        }
        self.uses.remove(&tile);
        self.ghosts.push_back(tile);
        self.is_ghost.insert(tile);
        while self.ghosts.len() > self.tiles - self.tiles / 10 {
            let oldest = self.ghosts.pop_front().expect("a ghost");
            self.is_ghost.remove(&oldest);
        }
    }

    fn evict_from_main(&mut self) {
        while let Some(tile) = self.main.pop_front() {
            let uses = self.uses.get_mut(&tile).expect("a tile that is there");
            if *uses == 0 {
                self.uses.remove(&tile);
                return;
            }
            *uses -= 1;
            self.main.push_back(tile);
        }
    }
}

impl Policy for S3Fifo {
    fn get(&mut self, tile: u32) -> bool {
        if let Some(uses) = self.uses.get_mut(&tile) {
            *uses = (*uses + 1).min(3);
            return true;
        }
        self.evict();
        self.uses.insert(tile, 0);
        match self.is_ghost.contains(&tile) {
            true => self.main.push_back(tile),
            false => self.small.push_back(tile),
        }
        false
    }
}
