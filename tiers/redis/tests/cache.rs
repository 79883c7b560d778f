//! Caches of processes over one store, through the C API: the library tilecache, this one, and a real server.

mod support;

use std::ffi::{CStr, CString};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::member::member_at;
use support::server::{Program, Server};
use tilecache_redis::capi::{
    TC_TIER_REDIS_PUT_EVICTED, tc_tier_redis, tc_tier_redis_options, tc_tier_redis_report,
};
use tilecache_redis::raw::*;
use tilecache_tier_testing::{COLS, Member, ROWS, SIDE, called, sized};

const PROCESSES: u64 = 4;
const THREADS: u64 = 4;

/// One of the processes, where this program is told so: it asks for all tiles, in an order of its own.
#[test]
fn member() {
    let Ok(told) = std::env::var("TILECACHE_CACHE_MEMBER") else {
        return;
    };
    let words: Vec<_> = told.split(' ').collect();
    let (seed, side): (u64, i64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    let member = member_at(words[0], side, 10, |_| ());
    let (rows, cols) = member.grid();
    let mut cells: Vec<_> = (0..rows * cols).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut cells);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&cell) = cells.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                    assert_eq!(member.tile(cell / cols, cell % cols), 0);
                }
            });
        }
    });
    member.settle();
    println!("decoded {}", member.decodes());
    println!("{}", member.report());
}

fn start(server: &Server, seed: u64, side: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["member", "--exact", "--nocapture"])
        .env(
            "TILECACHE_CACHE_MEMBER",
            format!("{} {seed} {side}", server.url()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a member decoded; nothing where it was killed.
fn decoded(member: Child) -> (Option<u64>, String) {
    let output = member.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let decodes = text
        .lines()
        .find_map(|line| line.strip_prefix("decoded ")?.parse().ok());
    assert_eq!(decodes.is_some(), output.status.success(), "{text}");
    (decodes, text)
}

fn sum_over_processes(program: &Program, side: i64) {
    let server = Server::of(program, &[]);
    let members: Vec<_> = (0..PROCESSES)
        .map(|seed| start(&server, seed, side))
        .collect();
    let (decodes, texts): (Vec<_>, Vec<_>) = members.into_iter().map(decoded).unzip();
    let sum: u64 = decodes.into_iter().flatten().sum();
    assert_eq!(sum, (ROWS * COLS) as u64, "tiles of {side}: {texts:#?}");
}

#[test]
fn four_caches_decode_each_block_once() {
    Program::all()
        .iter()
        .for_each(|program| sum_over_processes(program, SIDE));
}

#[test]
fn four_caches_decode_each_straddled_block_once() {
    Program::all()
        .iter()
        .for_each(|program| sum_over_processes(program, 80));
}

#[test]
fn a_killed_process_costs_at_most_what_it_was_at() {
    let server = Server::start(&[]);
    let mut members: Vec<_> = (0..PROCESSES)
        .map(|seed| start(&server, seed, SIDE))
        .collect();
    let mut killed = members.remove(0);
    let limit = Instant::now() + Duration::from_secs(60);
    let kept = || match server.tell(&["DBSIZE"]) {
        redis::Value::Int(kept) => kept,
        other => panic!("{other:?}"),
    };
    while kept() < ROWS * COLS / 3 {
        assert!(Instant::now() < limit, "nothing is stored");
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    assert_eq!(decoded(killed).0, None);
    let (decodes, texts): (Vec<_>, Vec<_>) = members.into_iter().map(decoded).unzip();
    let sum: u64 = decodes.into_iter().flatten().sum();
    // What the killed one stored, and what the others decoded, is all; what it was at, one of them decodes once more.
    assert!(sum <= (ROWS * COLS) as u64, "{sum}: {texts:#?}");
    assert!(
        sum >= (ROWS * COLS) as u64 / 2,
        "{sum}: the killed one did not work at all"
    );
}

#[test]
fn a_restart_finds_what_was_decoded_before() {
    let server = Server::start(&[]);
    const TILES: i64 = 5 * COLS;
    for decodes in [TILES as u64, 0] {
        let member = member_at(&server.url(), SIDE, 0, |_| ());
        let (_, cols) = member.grid();
        (0..TILES).for_each(|cell| assert_eq!(member.tile(cell / cols, cell % cols), 0));
        member.settle();
        assert_eq!(member.decodes(), decodes, "{}", member.report());
        let stats = member.statistics();
        assert_eq!(stats.hits, TILES as u64 - decodes);
        assert_eq!(
            (
                stats.unreachable,
                stats.store_late,
                stats.garbage,
                stats.state
            ),
            (0, 0, 0, 0)
        );
    }
}

#[test]
fn what_leaves_the_memory_is_stored_and_what_stays_when_that_is_told() {
    let server = Server::start(&[]);
    const TILES: i64 = 5 * COLS;
    let evicts = || {
        let member = member_at(&server.url(), SIDE, 0, |options| {
            options.flags |= TC_TIER_REDIS_PUT_EVICTED;
        });
        // Room for some 60 blocks.
        member.set_budget(600 << 10);
        member
    };
    let read = |member: &Member| {
        let (_, cols) = member.grid();
        (0..TILES).for_each(|cell| assert_eq!(member.tile(cell / cols, cell % cols), 0));
    };
    let first = evicts();
    read(&first);
    first.settle();
    let stats = first.statistics();
    let left = stats.owed / (SIDE * SIDE * 2) as u64;
    assert!(
        stats.puts > TILES as u64 / 2 && left > 10,
        "{}",
        first.report()
    );
    let puts = stats.puts + stats.puts_dropped;
    assert_eq!((puts + left, stats.leases_won), (TILES as u64, 0));
    first.flush(Duration::from_secs(60)).unwrap();
    assert_eq!(first.statistics().owed, 0);
    let dropped = first.statistics().puts_dropped;
    let again = evicts();
    read(&again);
    assert_eq!(again.decodes(), dropped, "{}", again.report());
    // A purge lets what is in memory go for nothing.
    let member = member_at(&server.url(), SIDE, 0, |options| {
        options.flags |= TC_TIER_REDIS_PUT_EVICTED;
        options.validity_ms = 300;
    });
    member.set_version(1);
    member.purge().unwrap();
    assert_eq!(member.tile(0, 0), 1);
    member.set_version(2);
    member.purge().unwrap();
    member.flush(Duration::from_secs(60)).unwrap();
    assert_eq!(member.statistics().puts, 0);
}

#[test]
fn a_purge_reaches_the_memory_of_other_processes() {
    let server = Server::start(&[]);
    let brief = |options: &mut tc_tier_redis_options| options.validity_ms = 600;
    let writer = member_at(&server.url(), SIDE, 0, brief);
    let reader = member_at(&server.url(), SIDE, 0, brief);
    for version in 0..5 {
        for member in [&writer, &reader] {
            // The scene is one: its pixels change for all.
            member.set_version(version);
        }
        writer.purge().unwrap();
        for member in [&reader, &writer, &reader] {
            (0..9).for_each(|col| assert_eq!(member.tile(0, col), version));
        }
    }
}

#[test]
fn a_store_that_is_not_there_is_no_error_but_to_a_purge() {
    let url = format!("redis://127.0.0.1:{}", support::server::free_port());
    let member = member_at(&url, SIDE, 0, |_| ());
    (0..9).for_each(|col| assert_eq!(member.tile(0, col), 0));
    let (status, message) = member.purge().unwrap_err();
    assert_eq!(status, TC_E_UNREACHABLE, "{message}");
    member.set_version(1);
    member.purge().unwrap_err();
    assert_eq!(
        member.tile(0, 0),
        1,
        "the memory of this process is invalidated all the same"
    );
}

#[test]
fn a_table_that_two_caches_have_serves_neither() {
    let server = Server::start(&[]);
    let one = member_at(&server.url(), SIDE, 0, |_| ());
    assert_eq!(one.tile(0, 0), 0);
    one.settle();
    let other = Member::new(one.tier, tc_tier_redis_report, SIDE, 0);
    for member in [&one, &other] {
        assert_eq!((member.tile(0, 0), member.tile(0, 1)), (0, 0));
        let (status, message) = member.purge().unwrap_err();
        assert!(message.contains("two caches"), "{status}: {message}");
    }
    assert_eq!(other.decodes(), 2, "the store has one of them");
    assert_eq!((one.statistics().hits, other.statistics().hits), (0, 0));
    // Each releases it.
    drop(one);
    assert_eq!(other.tile(0, 2), 0);
}

#[test]
fn a_lease_for_which_there_is_no_room_is_no_put() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let member = member_at(&server.url(), SIDE, 0, |_| ());
    assert_eq!(member.tile(0, 0), 0);
    member.settle();
    server.tell(&["CONFIG", "SET", "maxmemory", "1000000"]);
    assert_eq!(member.tile(0, 1), 0);
    let (stats, report) = (member.statistics(), member.report());
    assert_eq!(stats.state, TC_TIER_FULL);
    assert!(report.contains("\"failures_full\":1,"), "{report}");
    // The block is one; it is not tried then. The lease is none.
    assert_eq!((stats.full, stats.puts), (1, 2));
}

#[test]
fn bad_options_are_refused_with_what_was_wrong() {
    let refused = |url: &CStr, change: &dyn Fn(&mut tc_tier_redis_options)| {
        // SAFETY: it is size-led.
        let mut options: tc_tier_redis_options = unsafe { sized() };
        change(&mut options);
        // SAFETY: as the header says.
        let mut tier: tc_tier = unsafe { std::mem::zeroed() };
        // SAFETY: as the header says.
        let (status, message) =
            called(|err| unsafe { tc_tier_redis(url.as_ptr(), &options, &mut tier, err) })
                .unwrap_err();
        assert_eq!(status, TC_E_ARGUMENT, "{message}");
        message
    };
    let url = c"redis://127.0.0.1";
    assert!(refused(c"http://:word@host", &|_| ()).contains("\"http://...@host\""));
    assert!(refused(c"redis://\xff", &|_| ()).contains("url is not UTF-8"));
    assert!(refused(url, &|options| options.flags = 22).contains("0x14"));
    assert!(refused(url, &|options| options.validity_ms = 29).contains("29"));
    assert!(refused(url, &|options| options.compression = 9).contains('9'));
    assert!(refused(url, &|options| options.struct_size = 41).contains("41"));
    assert!(refused(url, &|options| options.secret_bytes = 16).contains("NULL"));
    assert!(
        refused(url, &|options| (options.secret, options.secret_bytes) =
            (url.as_ptr().cast(), 15))
        .contains("15")
    );
    let long = CString::new("x".repeat(65)).unwrap();
    assert!(refused(url, &|options| options.prefix = long.as_ptr()).contains("65"));
    assert!(
        refused(c"redis://a,redis://b", &|options| options.replicas = 1).contains("a:6379,b:6379")
    );
    // SAFETY: as the header says; what is not set is given back.
    unsafe {
        let mut tier: tc_tier = std::mem::zeroed();
        assert_eq!(
            tc_tier_redis(ptr::null(), ptr::null(), &mut tier, ptr::null_mut()),
            TC_E_ARGUMENT
        );
        assert_eq!(
            tc_tier_redis(url.as_ptr(), ptr::null(), ptr::null_mut(), ptr::null_mut()),
            TC_E_ARGUMENT
        );
        assert_eq!(
            tc_tier_redis(url.as_ptr(), ptr::null(), &mut tier, ptr::null_mut()),
            TC_OK
        );
        tier.release.unwrap()(tier.user);
    }
}
