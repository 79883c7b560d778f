//! Processes that begin at once over a cold store: together they decode each block once.

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::process::Process;
use support::server::{Program, Server};
use tilecache_redis::Settings;

const CELLS: u64 = 1000;
const PROCESSES: u64 = 4;
const THREADS: usize = 4;

/// One of the processes, where this program is told so: it asks for all cells, in an order of its own.
#[test]
fn member() {
    let Ok(told) = std::env::var("TILECACHE_FLEET_MEMBER") else {
        return;
    };
    let (url, seed) = told.split_once(' ').unwrap();
    let mut cells: Vec<_> = (0..CELLS).collect();
    fastrand::Rng::with_seed(seed.parse().unwrap()).shuffle(&mut cells);
    let high = |options: &mut tilecache_fleet::Options| {
        options.wait = Some(Duration::from_secs(30));
    };
    let mut process = Process::with(url, Settings::default(), high).ready();
    process.decode = Duration::from_millis(10);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&cell) = cells.get(next.fetch_add(1, Ordering::SeqCst) as usize) {
                    process.block(cell);
                }
            });
        }
    });
    process.settled();
    println!("decoded {}", process.decodes());
    println!("{:?}", process.counts());
}

fn start(server: &Server, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["member", "--exact", "--nocapture"])
        .env("TILECACHE_FLEET_MEMBER", format!("{} {seed}", server.url()))
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

#[test]
fn a_cold_store_has_each_block_decoded_once() {
    for program in Program::all() {
        let server = Server::of(&program, &[]);
        let members: Vec<_> = (0..PROCESSES).map(|seed| start(&server, seed)).collect();
        let (decodes, texts): (Vec<_>, Vec<_>) = members.into_iter().map(decoded).unzip();
        let sum: u64 = decodes.into_iter().flatten().sum();
        assert_eq!(sum, CELLS, "{texts:#?}");
    }
}

#[test]
fn who_is_killed_costs_at_most_what_it_was_at() {
    let server = Server::start(&[]);
    let mut members: Vec<_> = (0..PROCESSES).map(|seed| start(&server, seed)).collect();
    let mut killed = members.remove(0);
    // In the middle.
    let limit = Instant::now() + Duration::from_secs(60);
    let values = || match server.tell(&["DBSIZE"]) {
        redis::Value::Int(kept) => kept,
        other => panic!("{other:?}"),
    };
    while values() < CELLS as i64 / 3 {
        assert!(Instant::now() < limit, "nothing is stored");
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    let leases = held_by_the_dead(&server);
    assert_eq!(decoded(killed).0, None);
    let (decodes, texts): (Vec<_>, Vec<_>) = members.into_iter().map(decoded).unzip();
    let sum: u64 = decodes.into_iter().flatten().sum();
    // What the others decoded, and what is stored of the killed one, is all.
    assert!(
        sum <= CELLS,
        "{sum} with {leases} leases at the end: {texts:#?}"
    );
    assert!(
        sum >= CELLS / 2,
        "{sum}: the killed one did not work at all"
    );
}

fn held_by_the_dead(server: &Server) -> usize {
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("tc:l*")
        .query(&mut server.client())
        .unwrap();
    keys.len()
}
