//! What caches of so many blocks decode, by whole traces.

/// What is used, one after the other.
pub type Uses = [u64];

/// Decodes where what goes is what is used again last (Belady, 1966), or never.
pub fn decodes_at_best(uses: &Uses, held: usize) -> u64 {
    decodes(uses, held, |there, now| {
        let next = |at: u64| {
            let later = uses[now + 1..].iter().position(|other| *other == at);
            later.unwrap_or(usize::MAX)
        };
        let places = (0..there.len()).max_by_key(|place| next(there[*place]));
        places.unwrap_or(0)
    })
}

/// Decodes where what goes is what was used least recently.
pub fn decodes_of_lru(uses: &Uses, held: usize) -> u64 {
    decodes(uses, held, |_, _| 0)
}

/// `victim` is told what is there, the latest use last, and where in the trace it is.
fn decodes(uses: &Uses, held: usize, victim: impl Fn(&[u64], usize) -> usize) -> u64 {
    let mut there: Vec<u64> = Vec::new();
    let mut count = 0;
    for (now, at) in uses.iter().enumerate() {
        match there.iter().position(|other| other == at) {
            Some(place) => drop(there.remove(place)),
            None => {
                count += 1;
                if there.len() == held {
                    there.remove(victim(&there, now));
                }
            }
        }
        there.push(*at);
    }
    count
}
