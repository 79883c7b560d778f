//! Processes of a fleet as a program has them: caches of the library with this library as their tier.

use super::versions::Versions;
use std::ffi::CString;
use tilecache_redis::capi::{
    TC_TIER_REDIS_ALWAYS, tc_tier_redis, tc_tier_redis_options, tc_tier_redis_report,
};
use tilecache_redis::raw::tc_tier;
use tilecache_tier_testing::{Member, called, sized};

/// Tiles of this side over the blocks of the scene: the same, or others that straddle them.
pub fn member_at(
    url: &str,
    side: i64,
    milliseconds: u64,
    change: impl FnOnce(&mut tc_tier_redis_options),
) -> Member {
    Member::new(tier(url, change), tc_tier_redis_report, side, milliseconds)
}

/// One of several processes that have one scene.
pub fn member_seeing(
    url: &str,
    versions: Versions,
    change: impl FnOnce(&mut tc_tier_redis_options),
) -> Member {
    let version = Box::new(move || versions.now());
    Member::seeing(tier(url, change), tc_tier_redis_report, version)
}

fn tier(url: &str, change: impl FnOnce(&mut tc_tier_redis_options)) -> tc_tier {
    let url = CString::new(url).unwrap();
    // SAFETY: as the header says; a table of nothing, which is filled in.
    unsafe {
        let mut options: tc_tier_redis_options = sized();
        // Whatever else the machine does, nothing is late by that.
        options.flags = TC_TIER_REDIS_ALWAYS;
        options.get_ms = 5000;
        options.put_ms = 5000;
        options.validity_ms = 15_000;
        options.wait_ms = 30_000;
        change(&mut options);
        let mut tier: tc_tier = std::mem::zeroed();
        called(|err| tc_tier_redis(url.as_ptr(), &options, &mut tier, err)).unwrap();
        tier
    }
}
