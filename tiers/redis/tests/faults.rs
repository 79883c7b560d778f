//! Whatever happens to a store: callers get their blocks, with the pixels that the decoder makes, in a bounded time.
//! `Process::block` checks that of each.

mod support;

use redis::Value;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::process::{Process, SOURCE};
use support::proxy::{Answers, Proxy};
use support::server::{Program, Server};
use tilecache_fleet::breaker::State;
use tilecache_fleet::value::{Compression, Packer, Pixels};
use tilecache_fleet::{Failure, Options, Secret};
use tilecache_redis::Settings;

const CELLS: u64 = 40;

fn blocks(process: &Process) {
    (0..CELLS).for_each(|cell| process.block(cell));
}

fn is_closed(process: &Process) -> bool {
    matches!(process.fleet.state(), (State::Closed, _))
}

fn is_open(process: &Process) -> bool {
    matches!(
        process.fleet.state(),
        (State::Open { .. } | State::HalfOpen, _)
    )
}

/// What one process decoded comes from the store.
fn warm(server: &Server) -> Process {
    let process = Process::new(&server.url()).ready();
    blocks(&process);
    process.settled();
    blocks(&process);
    assert_eq!(process.decodes(), CELLS);
    process
}

#[test]
fn a_warm_store_serves_who_comes_later() {
    for program in Program::all() {
        let server = Server::of(&program, &[]);
        drop(warm(&server));
        let later = Process::new(&server.url()).ready();
        blocks(&later);
        assert_eq!((later.decodes(), later.counts().hits), (0, CELLS));
        assert_eq!(later.counts().failures, [0; 6]);
    }
}

#[test]
fn a_store_that_is_not_there_costs_three_failures() {
    let url = format!("redis://127.0.0.1:{}", support::server::free_port());
    let process = Process::new(&url);
    process.becomes(is_open);
    blocks(&process);
    assert_eq!(process.decodes(), CELLS);
    let counts = process.counts();
    assert!(
        counts.failures[0] >= 3 && counts.failures[0] < 10,
        "{counts:?}"
    );
    process.becomes(|process| process.counts().opened > 1);
    assert_eq!(process.log().len(), 1, "told once, not at each opening");
}

#[test]
fn a_store_may_stop_and_start_again_without_data() {
    let mut server = Server::start(&[]);
    let process = warm(&server);
    let before = process.generation();
    server.stop();
    blocks(&process);
    process.becomes(is_open);
    process.becomes(|process| process.generation().is_none());
    assert_eq!(process.counts().suspect, 1);
    blocks(&process);
    server.go_on();
    process.becomes(is_closed);
    process.becomes(|process| process.generation().is_some());
    assert_ne!(
        process.generation(),
        before,
        "what was stored before is not taken for what is stored now"
    );
    let decodes = process.decodes();
    blocks(&process);
    process.settled();
    blocks(&process);
    assert_eq!(process.decodes(), decodes + CELLS);
}

#[test]
fn a_store_may_lose_all() {
    let server = Server::start(&[]);
    let process = warm(&server);
    let before = process.generation();
    server.tell(&["FLUSHALL"]);
    blocks(&process);
    process.becomes(|process| process.generation().is_some_and(|now| Some(now) != before));
    blocks(&process);
    process.settled();
    let decodes = process.decodes();
    blocks(&process);
    assert_eq!(process.decodes(), decodes);
    assert_eq!(
        process.counts().failures,
        [0; 6],
        "nothing of that is a failure"
    );
}

#[test]
fn a_full_store_serves_and_takes_nothing() {
    for program in Program::all() {
        let server = Server::of(&program, &["--maxmemory-policy", "noeviction"]);
        let mut process = Process::new(&server.url()).ready();
        process.decode = Duration::ZERO;
        let room = server.used_memory() + 300_000;
        server.tell(&["CONFIG", "SET", "maxmemory", &room.to_string()]);
        (0..150).for_each(|cell| process.block(cell));
        process.settled();
        let counts = process.counts();
        assert!(
            counts.failures[3] > 0 && counts.stored > 0 && counts.puts_dropped > 0,
            "{counts:?}"
        );
        // Whether it is full at this moment, the last put that was tried tells, which may have been a small one.
        assert_eq!(process.fleet.state().0, State::Closed);
        process.block(0);
        assert_eq!(process.counts().hits, 1, "what it has it serves");
        server.tell(&["CONFIG", "SET", "maxmemory", "1000000"]);
        process.fleet.purge(SOURCE).unwrap();
        assert_eq!(
            process.generation(),
            None,
            "it leaves the tier for this source"
        );
        process.block(0);
        server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
        process.becomes(|process| process.generation().is_some());
        process.block(0);
    }
}

#[test]
fn a_store_that_evicts_anything_is_cold_and_never_wrong() {
    for program in Program::all() {
        let server = Server::of(&program, &["--maxmemory-policy", "allkeys-lru"]);
        let mut process = Process::new(&server.url()).ready();
        process.decode = Duration::ZERO;
        let room = server.used_memory() + 700_000;
        server.tell(&["CONFIG", "SET", "maxmemory", &room.to_string()]);
        for _ in 0..2 {
            (0..250).for_each(|cell| process.block(cell));
        }
        process.settled();
        let counts = process.counts();
        assert_eq!(counts.failures, [0; 6], "{counts:?}");
        assert!(counts.stored > 250, "{counts:?}");
    }
}

#[test]
fn a_late_store_is_left_alone() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let brief = |options: &mut Options| options.get = Duration::from_millis(100);
    let process = Process::with(&proxy.url(), Settings::default(), brief).ready();
    blocks(&process);
    process.settled();
    proxy.set(Answers::Late, Duration::from_millis(700));
    let begun = Instant::now();
    blocks(&process);
    assert_eq!(process.decodes(), 2 * CELLS);
    process.becomes(is_open);
    assert!(process.counts().failures[1] >= 3, "{:?}", process.counts());
    // Each of the three lasts as long as it may, the others as long as a decode.
    assert!(begun.elapsed() < Duration::from_secs(8));
    proxy.set(Answers::Pass, Duration::ZERO);
    process.becomes(is_closed);
}

#[test]
fn a_store_that_trickles_is_late() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let brief = |options: &mut Options| options.get = Duration::from_millis(100);
    let process = Process::with(&proxy.url(), Settings::default(), brief).ready();
    blocks(&process);
    process.settled();
    proxy.set(Answers::Trickle, Duration::from_millis(3));
    blocks(&process);
    process.becomes(is_open);
    assert!(process.counts().failures[1] > 0, "{:?}", process.counts());
}

#[test]
fn garbage_and_cut_connections_are_failures() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let process = Process::new(&proxy.url()).ready();
    blocks(&process);
    process.settled();
    for (answers, kinds) in [
        (Answers::Garbage, [2, 1]),
        (Answers::Cut, [0, 0]),
        (Answers::Closed, [0, 0]),
    ] {
        let before = process.counts();
        proxy.set(answers, Duration::ZERO);
        blocks(&process);
        process.becomes(is_open);
        let now = process.counts();
        let more = |kind: usize| now.failures[kind] - before.failures[kind];
        assert!(kinds.into_iter().any(|kind| more(kind) > 0), "{now:?}");
        proxy.set(Answers::Pass, Duration::ZERO);
        process.becomes(is_closed);
        process.becomes(|process| process.generation().is_some());
        blocks(&process);
        process.settled();
    }
}

#[test]
fn a_password_that_is_missing_is_told_once_and_asked_for_ever_more_rarely() {
    let server = Server::start(&["--requirepass", "Xyzzy"]);
    let begun = Instant::now();
    // It is connected to, and refuses each question.
    let brief = |options: &mut Options| options.validity = Duration::from_millis(300);
    let process = Process::with(&server.url(), Settings::default(), brief);
    process.becomes(|process| process.counts().opened == 3);
    assert!(
        begun.elapsed() >= Duration::from_millis(1500),
        "half a second, then a second"
    );
    let counts = process.counts();
    assert_eq!((counts.round_trips, counts.failures[4]), (3, 3));
    assert!(process.fleet.is_denied());
    let log = process.log();
    assert!(log.len() == 1 && log[0].contains("NOAUTH"), "{log:?}");
}

#[test]
fn a_wrong_password_is_told_once_and_not_shown() {
    let server = Server::start(&["--requirepass", "Xyzzy"]);
    let process = Process::new(&format!("redis://:Plugh@127.0.0.1:{}", server.port));
    process.becomes(|process| process.counts().opened > 1);
    blocks(&process);
    assert_eq!(process.decodes(), CELLS);
    let log = process.log();
    assert!(
        log.len() == 1 && !log[0].contains("Plugh") && log[0].contains("denied"),
        "{log:?}"
    );
    assert!(matches!(
        process.fleet.purge(SOURCE),
        Err(Failure::Denied(_))
    ));
}

#[test]
fn forged_values_are_doubted_and_replaced() {
    let server = Server::start(&[]);
    let secret = |options: &mut Options| options.secret = Some(Secret::new(b"of the fleet"));
    let process = Process::with(&server.url(), Settings::default(), secret).ready();
    blocks(&process);
    process.settled();
    let generation = process.generation().unwrap();
    let mut client = server.client();
    // With true headers, and tags of who does not know the secret.
    let forger = Packer {
        compression: Compression::Lz4,
        secret: None,
        max_bytes: 1 << 20,
    };
    let pixels = support::process::decoded(0, 99);
    for cell in 0..CELLS {
        let key = process.key(cell, generation);
        let pixels = Pixels {
            data: &pixels,
            row_stride: 128,
            band_stride: 0,
        };
        let forged = match cell % 4 {
            0 => forger
                .pack(&key, &support::process::form(), pixels)
                .unwrap(),
            1 => b"TCFV".to_vec(),
            2 => vec![0; 1 << 20],
            _ => fastrand::Rng::with_seed(cell)
                .u64(..)
                .to_le_bytes()
                .repeat(99),
        };
        let at = [b"tc:v".as_slice(), &key.0].concat();
        let kept: Value = redis::cmd("SET")
            .arg(at)
            .arg(forged)
            .arg("XX")
            .query(&mut client)
            .unwrap();
        assert_eq!(
            kept,
            Value::Okay,
            "the key of the value is not the one that is described"
        );
    }
    blocks(&process);
    process.settled();
    assert_eq!(process.decodes(), 2 * CELLS);
    let doubts = process.counts().doubts;
    assert!(
        doubts.iter().sum::<u64>() == CELLS && doubts[7] >= CELLS / 4,
        "each once: {doubts:?}"
    );
    blocks(&process);
    assert_eq!(process.decodes(), 2 * CELLS);
    assert_eq!(process.counts().failures, [0; 6]);
}

#[test]
fn nobody_gets_old_pixels_after_a_purge() {
    let server = Server::start(&[]);
    let brief = |options: &mut Options| options.validity = Duration::from_millis(300);
    let make = || Process::with(&server.url(), Settings::default(), brief).ready();
    let (one, other) = (make(), make());
    for version in 0..5 {
        for process in [&one, &other] {
            process.version.store(version, Ordering::SeqCst);
        }
        // First the pixels, then the purge. Whoever asks after that gets new ones, also through the store.
        one.fleet.purge(SOURCE).unwrap();
        blocks(&other);
        other.settled();
        blocks(&one);
    }
}

#[test]
fn a_partitioned_process_does_not_believe_its_memory() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port);
    let brief = |options: &mut Options| options.validity = Duration::from_millis(600);
    let here = Process::with(&server.url(), Settings::default(), brief).ready();
    let there = Process::with(&proxy.url(), Settings::default(), brief).ready();
    let old = there.generation();
    assert_eq!(old, here.generation());
    proxy.set(Answers::Late, Duration::from_secs(60));
    here.fleet.purge(SOURCE).unwrap();
    // The purge waits for as long as anybody may believe.
    assert_eq!(there.generation(), None);
    proxy.set(Answers::Closed, Duration::ZERO);
    std::thread::sleep(Duration::from_millis(200));
    proxy.set(Answers::Pass, Duration::ZERO);
    there.becomes(|there| there.generation() == here.generation());
}
