//! The page: one HTML file with all that it shows, and nothing from elsewhere.

use super::advice::{Advice, advice};
use super::chart::{bar, curve};
use super::map::{Recency, maps};
use super::words::{count, escaped, name, percent, sentences, size, time, times};
use crate::cache::{Cache, Census, KeyCensus, SourceCensus};
use crate::image::Block;
use hashbrown::HashMap;
use std::fmt::Write;
use std::sync::Arc;

const STYLE: &str = include_str!("page.css");

/// So many keys are drawn; of the others the tables tell.
const MOST_MAPS: usize = 24;

/// So many keys and sources are told of one by one.
const MOST_ROWS: usize = 200;

/// Blocks that are decoded so often stand out.
const TOO_OFTEN: f64 = 1.5;

/// What a cache has and has done, as a page of HTML.
pub fn page(cache: &Cache) -> String {
    let census = cache.census(true);
    let advice = advice(cache);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>A cache of tilecache</title><style>{STYLE}</style></head><body>\n"
    );
    page += &head(&census);
    page += &advised(advice.as_ref(), &census);
    page += &providers(&census);
    page += &sources(&census);
    page += &pictures(&census, &asked(cache));
    page + "</body></html>\n"
}

fn head(census: &Census) -> String {
    let now = &census.statistics;
    let done = &now.counters;
    let resident = now.idle + now.held + now.reusable;
    let (decoded, distinct) = census
        .sources
        .iter()
        .fold((0.0, 0), |(all, distinct), source| {
            let counters = &source.counters;
            (
                all + counters.blocks_decoded(),
                distinct + counters.distinct_decodes,
            )
        });
    let each = match distinct {
        0 => "–".into(),
        distinct => times(decoded / distinct as f64),
    };
    let figures = [
        (
            percent(done.hits, done.hits + done.misses),
            "of gets were hits",
        ),
        (each, "decodes of a block"),
        (count(now.entries), "tiles and blocks"),
        (count(done.evictions), "evicted"),
        (time(done.load_nanoseconds), "in loads, of all threads"),
        (size(now.peak), "at most"),
    ];
    let parts = [
        ("held", "bar-held", now.held),
        ("idle", "idle", now.idle),
        ("kept for reuse", "reusable", now.reusable),
    ];
    let mut html = format!(
        "<h1>{} of {} taken</h1>\n<p class=\"dim\">What this cache has now, and what it has done since it was made.</p>\n{}",
        size(resident),
        size(now.budget),
        bar(&parts, now.budget)
    );
    html += &legend(&[
        ("#08306b", "held by callers"),
        ("#4292c6", "idle"),
        ("#a1d99b", "kept for reuse"),
        ("#eef1f4", "free"),
    ]);
    html += "<div class=\"figures\">";
    for (figure, what) in figures {
        let _ = write!(html, "<div><b>{figure}</b>{what}</div>");
    }
    html += "</div>\n";
    let beside = [
        (now.over_budget, "held outside the budget"),
        (now.in_flight, "being loaded"),
        (now.lent, "lent by callers"),
        (now.observation, "noted of what is asked for"),
    ];
    for (bytes, what) in beside.into_iter().filter(|(bytes, _)| *bytes > 0) {
        let _ = write!(html, "<p class=\"small\">{} {what}</p>", size(bytes));
    }
    html
}

fn legend(entries: &[(&str, &str)]) -> String {
    let spans = entries
        .iter()
        .map(|(colour, what)| format!("<span><i style=\"background:{colour}\"></i>{what}</span>"));
    format!(
        "<p class=\"legend small\">{}</p>",
        spans.collect::<String>()
    )
}

fn advised(advice: Option<&Advice>, census: &Census) -> String {
    let Some(advice) = advice else {
        return "<h2>Advice</h2>\n<div class=\"advice\"><p>This cache does not note what is asked of it; make it with \
                TC_CACHE_OBSERVE, and here stands which budget would help.</p></div>\n"
            .into();
    };
    let mut html = "<h2>Advice</h2>\n<div class=\"advice\">".to_owned();
    let said = sentences(advice, census);
    for (at, sentence) in said.iter().enumerate() {
        let class = if at + 1 == said.len() {
            " class=\"small\""
        } else {
            ""
        };
        let _ = write!(html, "<p{class}>{}</p>", escaped(sentence));
    }
    html += "</div>\n";
    let repeated = advice.sources.iter().filter(|source| source.is_repeated());
    for source in repeated.take(4) {
        html += &curve(source, &name(&source.key, &census.sources), advice.budget);
    }
    html
}

/// A table by its headings and rows, which are HTML; how many rows were too many, and of how many there is nothing to
/// tell, and why.
fn table(headings: &[&str], rows: Vec<String>, too_many: usize, nothing: (usize, &str)) -> String {
    let headings: String = headings
        .iter()
        .map(|text| format!("<th>{text}</th>"))
        .collect();
    let mut html = format!(
        "<div class=\"wide\"><table><thead><tr>{headings}</tr></thead><tbody>{}</tbody></table></div>\n",
        rows.concat()
    );
    for (number, what) in [(too_many, "more"), nothing] {
        if number > 0 {
            let number = count(number as u64);
            let _ = writeln!(html, "<p class=\"small\">and {number} {what}</p>");
        }
    }
    html
}

fn providers(census: &Census) -> String {
    let most = census.keys.iter().map(bytes).max().unwrap_or(0).max(1);
    let row = |key: &KeyCensus| {
        let done = &key.counters;
        let mean = done.load_nanoseconds / done.loads.max(1);
        format!(
            "<tr><td title=\"{}\">{}</td><td class=\"bar\"><i style=\"width:{:.1}%\"></i></td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&key.key),
            escaped(&name(&key.key, &census.sources)),
            100.0 * bytes(key) as f64 / most as f64,
            size(bytes(key)),
            count(key.usage.entries),
            percent(done.hits, done.hits + done.misses),
            count(done.loads),
            time(mean),
            count(done.siblings),
            count(done.evictions)
        )
    };
    let done = |key: &&KeyCensus| bytes(key) > 0 || key.counters.loads + key.counters.hits > 0;
    let told: Vec<&KeyCensus> = census.keys.iter().filter(done).collect();
    let rows: Vec<String> = told.iter().take(MOST_ROWS).copied().map(row).collect();
    let headings = [
        "What is kept",
        "",
        "bytes",
        "tiles",
        "hits",
        "loads",
        "a load takes",
        "made along",
        "evicted",
    ];
    let too_many = told.len() - rows.len();
    let nothing = (census.keys.len() - told.len(), "that nothing was asked of");
    format!(
        "<h2>By provider and layer</h2>\n{}",
        table(&headings, rows, too_many, nothing)
    )
}

fn bytes(key: &KeyCensus) -> u64 {
    key.usage.idle + key.usage.held
}

fn sources(census: &Census) -> String {
    let mut by_decodes: Vec<&SourceCensus> = census.sources.iter().collect();
    by_decodes.sort_by(|one, other| {
        let blocks = |source: &SourceCensus| source.counters.blocks_decoded();
        blocks(other).total_cmp(&blocks(one))
    });
    let row = |source: &&SourceCensus| {
        let done = &source.counters;
        let each = done.amplification();
        format!(
            "<tr><td title=\"{}\">{}{}</td><td>{}</td><td>{}</td><td>{:.0}</td><td{}>{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&source.key),
            escaped(&source.title),
            if source.is_closed { " (closed)" } else { "" },
            count(source.blocks),
            count(done.distinct_decodes),
            done.blocks_decoded(),
            if each >= TOO_OFTEN {
                " class=\"warn\""
            } else {
                ""
            },
            if each > 0.0 {
                times(each)
            } else {
                "–".into()
            },
            time(done.load_nanoseconds),
            time(done.load_nanoseconds / done.loads.max(1))
        )
    };
    by_decodes.retain(|source| source.counters.distinct_decodes > 0);
    let rows: Vec<String> = by_decodes.iter().take(MOST_ROWS).map(row).collect();
    let headings = [
        "Source",
        "blocks",
        "of them read",
        "decodes",
        "decodes of a block",
        "in reads",
        "a read takes",
    ];
    let too_many = by_decodes.len() - rows.len();
    let nothing = (
        census.sources.len() - by_decodes.len(),
        "of which nothing was decoded",
    );
    format!(
        "<h2>What is decoded</h2>\n{}",
        table(&headings, rows, too_many, nothing)
    )
}

/// How often each block of each key was asked for, as far as that is noted.
type AskedFor = HashMap<Arc<str>, HashMap<Block, u64>>;

fn asked(cache: &Cache) -> AskedFor {
    let mut asked = AskedFor::new();
    if let Some((observed, _)) = cache.observed() {
        for demand in &observed.demands {
            let (key, at) = observed.nodes[demand.node as usize].name;
            let of_key = asked
                .entry(observed.keys[key as usize].clone())
                .or_default();
            *of_key.entry(at).or_default() += 1;
        }
    }
    asked
}

fn pictures(census: &Census, asked: &AskedFor) -> String {
    let mut html = "<h2>What is where</h2>\n".to_owned();
    html += &legend(&[
        ("#08519c", "used last"),
        ("#6baed6", "in between"),
        ("#c6dbef", "used first"),
        ("#f59e0b", "made along and not read yet"),
        ("#eef1f4", "not in the cache"),
    ]);
    html += "<p class=\"small\">A black edge: held by a caller. A white dot: the larger, the more often it was asked for.</p>\n";
    let recency = Recency::of(census.keys.iter().flat_map(|key| &key.entries));
    let with_tiles = census.keys.iter().filter(|key| !key.entries.is_empty());
    let none = HashMap::new();
    for key in with_tiles.take(MOST_MAPS) {
        let asked = asked.get(&key.key[..]).unwrap_or(&none);
        let _ = writeln!(
            html,
            "<h3 title=\"{}\">{}</h3><div class=\"maps\">{}</div>",
            escaped(&key.key),
            escaped(&name(&key.key, &census.sources)),
            maps(key, &recency, asked)
        );
    }
    html
}
