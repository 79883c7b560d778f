//! Fewer repetitions where each is slow, as under a sanitizer or in Miri: `TILECACHE_TEST_SCALE` says by
//! how much.

/// So many repetitions, or fewer; at least one.
pub fn scaled(repetitions: u32) -> u32 {
    let scale = std::env::var("TILECACHE_TEST_SCALE");
    let by = scale.map_or(1, |by| {
        by.parse().expect("TILECACHE_TEST_SCALE is a number")
    });
    (repetitions / by.max(1)).max(1)
}
