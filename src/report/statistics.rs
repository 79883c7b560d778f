//! Statistics as JSON.

use super::advice::{Advice, advice};
use super::json::Json;
use crate::cache::{Cache, Counters, KeyCensus, Link, SourceCensus, Statistics, Usage};
use crate::provider::Provider;

/// The version of the form: it rises where a member changes its meaning or goes, not where one is added.
const FORM: u64 = 1;

/// What a cache has and has done, of each key and each source beneath, and the advice where it is observed.
pub fn of_cache(cache: &Cache) -> String {
    let census = cache.census(false);
    let advice = advice(cache);
    Json::object(|json| {
        json.number("form", FORM);
        json.object_of("cache", |json| {
            sizes_of_cache(json, &census.statistics);
            counters(json, &census.statistics.counters);
        });
        if let Some(link) = cache.tier() {
            json.object_of("tier", |json| of_tier(json, link));
        }
        json.objects("providers", &census.keys, of_key);
        json.objects("sources", &census.sources, of_source);
        if let Some(advice) = &advice {
            json.object_of("advice", |json| of_advice(json, advice));
        }
    })
}

/// What a provider has done, and what it has in the cache that keeps its tiles.
pub fn of_provider(provider: &dyn Provider) -> String {
    let of_provider = provider.counters();
    Json::object(|json| {
        json.number("form", FORM);
        json.text("key", provider.key());
        sizes(json, &provider.usage());
        counters(json, &of_provider);
        decodes(json, &of_provider);
    })
}

/// What happened between the cache and its other tier, and what that says of itself.
fn of_tier(json: &mut Json, link: &Link) {
    let (counted, health) = (link.counters(), link.health());
    json.number("gets", counted.gets);
    json.number("hits", counted.hits);
    json.number("hit_bytes", counted.hit_bytes);
    json.number("hit_nanoseconds", counted.hit_nanoseconds);
    json.number("misses", counted.misses);
    json.number("late", counted.late);
    json.number("refused", counted.refused);
    json.number("leases_won", counted.leases_won);
    json.number("leases_waited", counted.leases_waited);
    json.number("leases_given_up", counted.leases_given_up);
    json.number("puts", counted.puts);
    json.number("put_bytes", counted.put_bytes);
    json.number("puts_dropped", counted.puts_dropped);
    json.number("queued", link.queued());
    json.number("owed", link.owed());
    json.number("unnamed", counted.unnamed);
    json.number("left", counted.left);
    json.number("suspect", counted.suspect);
    json.number("changes", counted.changes);
    json.number("suspicions", counted.suspicions);
    json.number("purges", counted.purges);
    json.number("purges_failed", counted.purges_failed);
    json.number("state", health.state.into());
    json.number("unreachable", health.unreachable);
    json.number("store_late", health.late);
    json.number("garbage", health.garbage);
    json.number("forged", health.forged);
    json.number("full", health.full);
    json.number("denied", health.refused);
    json.number("round_trips", health.round_trips);
    json.number("bytes_sent", health.bytes_sent);
    json.number("bytes_received", health.bytes_received);
    json.number("skipped", health.skipped);
}

fn sizes_of_cache(json: &mut Json, now: &Statistics) {
    json.number("budget", now.budget);
    json.number("resident", now.idle + now.held + now.reusable);
    json.number("idle", now.idle);
    json.number("held", now.held);
    json.number("reusable", now.reusable);
    json.number("over_budget", now.over_budget);
    json.number("orphaned", now.orphaned);
    json.number("in_flight", now.in_flight);
    json.number("peak", now.peak);
    json.number("lent", now.lent);
    json.number("lent_counted", now.lent_counted);
    json.number("entries", now.entries);
    json.number("max_in_flight", now.in_flight_cap);
    json.number("queued", now.queued);
    json.number("overdue", now.overdue);
    json.number("index", crate::source::index::kept_bytes());
    json.number("observation", now.observation);
}

fn sizes(json: &mut Json, usage: &Usage) {
    json.number("resident", usage.idle + usage.held);
    json.number("idle", usage.idle);
    json.number("held", usage.held);
    json.number("over_budget", usage.over_budget);
    json.number("orphaned", usage.orphaned);
    json.number("in_flight", usage.in_flight);
    json.number("peak", usage.peak);
    json.number("lent", usage.lent);
    json.number("lent_counted", usage.lent_counted);
    json.number("entries", usage.entries);
}

fn counters(json: &mut Json, counters: &Counters) {
    json.number("hits", counters.hits);
    json.number("misses", counters.misses);
    json.number("waits", counters.waits);
    json.number("loads", counters.loads);
    json.number("load_errors", counters.load_errors);
    json.number("evictions", counters.evictions);
    json.number("rejected", counters.rejected);
    json.number("siblings", counters.siblings);
    json.number("load_nanoseconds", counters.load_nanoseconds);
}

fn decodes(json: &mut Json, counters: &Counters) {
    json.fraction("blocks_decoded", counters.blocks_decoded());
    json.number("distinct_blocks_decoded", counters.distinct_decodes);
    json.fraction("amplification", counters.amplification());
}

fn of_key(json: &mut Json, key: &KeyCensus) {
    json.text("key", &key.key);
    if let Some(image) = &key.image {
        let (width, height) = image.levels[0];
        json.numbers("size", [width, height]);
        json.numbers("block", [image.block.0, image.block.1]);
        json.number("levels", image.levels.len() as u64);
        json.number("bands", image.bands.into());
        json.text("type", image.dtype.name());
    }
    sizes(json, &key.usage);
    counters(json, &key.counters);
    json.texts("sources", key.sources.iter().map(String::as_str));
}

fn of_source(json: &mut Json, source: &SourceCensus) {
    json.text("key", &source.key);
    json.text("title", &source.title);
    json.number("blocks", source.blocks);
    json.number("closed", source.is_closed.into());
    let done = &source.counters;
    json.number("loads", done.loads);
    json.number("load_errors", done.load_errors);
    json.number("load_nanoseconds", done.load_nanoseconds);
    decodes(json, done);
}

fn of_advice(json: &mut Json, advice: &Advice) {
    json.number("budget", advice.budget);
    json.number("requests", advice.requests);
    json.number("left_out", advice.left_out);
    json.number("one_block_of", advice.one_of);
    if let Some(would_do) = advice.would_do {
        json.number("would_do", would_do);
    }
    json.objects("sources", &advice.sources, |json, source| {
        json.text("key", &source.key);
        json.number("of_another_cache", source.is_elsewhere.into());
        json.fraction("decodes_of_a_block", source.each);
        if let Some((budget, then)) = source.budget {
            json.number("ending_budget", budget);
            json.fraction("decodes_then", then);
        }
        if let Some((budget, then)) = source.with_blocks {
            json.number("ending_budget_with_blocks_cached", budget);
            json.fraction("decodes_then", then);
        }
        json.objects("curve", &source.curve, |json, (budget, each)| {
            json.number("budget", *budget);
            json.fraction("decodes_of_a_block", *each);
        });
    });
}
