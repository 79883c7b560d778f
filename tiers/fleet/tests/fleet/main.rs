//! Processes of a fleet over a store in memory, by a clock of the test.

mod world;

use std::sync::Arc;
use tilecache_fleet::breaker::State;
use tilecache_fleet::clock::Moment;
use tilecache_fleet::{Failure, Generation, Secret, key};
use world::{Outcome, Process, SOURCE, World, ms, pixels};

fn lost() -> Failure {
    Failure::Unreachable("connection refused".to_owned())
}

/// Goes through a miss, the lease and the decode of a cell.
fn decode(process: &Process, cell: u64) {
    assert_eq!(process.get(cell), Outcome::Miss);
    let Outcome::Leased(lease) = process.lease(cell) else {
        panic!("no lease")
    };
    process.put(cell, lease, pixels(cell));
    process.fleet.turn();
}

#[test]
fn what_one_process_decodes_another_one_gets() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    decode(&one, 5);
    assert_eq!(other.get(5), Outcome::Pixels(pixels(5)));
    assert_eq!(
        one.cache.0.lock().unwrap().parcels,
        0,
        "what was stored is held no longer"
    );
    assert!(world.kept.lock().unwrap().leases.is_empty());
    let counts = other.fleet.statistics();
    assert_eq!((counts.gets, counts.hits, counts.misses), (1, 1, 0));
    assert_eq!(one.fleet.statistics().stored, 1);
}

#[test]
fn one_decodes_while_the_others_wait() {
    let world = Arc::new(World::default());
    let processes: Vec<_> = (0..4).map(|seed| Process::new(&world, seed)).collect();
    assert!(
        processes
            .iter()
            .all(|process| process.get(5) == Outcome::Miss)
    );
    let outcomes: Vec<_> = processes.iter().map(|process| process.lease(5)).collect();
    let Outcome::Leased(lease) = outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert!(
        outcomes[1..]
            .iter()
            .all(|outcome| *outcome == Outcome::Busy)
    );
    let waits: Vec<_> = processes[1..]
        .iter()
        .map(|process| process.wait(5))
        .collect();
    for _ in 0..10 {
        world.pass(ms(2));
        processes.iter().for_each(Process::turn);
    }
    processes[0].put(5, lease, pixels(5));
    for _ in 0..40 {
        processes.iter().for_each(Process::turn);
        world.pass(ms(2));
    }
    for (process, ticket) in processes[1..].iter().zip(waits) {
        assert_eq!(process.outcome(ticket), Some(Outcome::Pixels(pixels(5))));
        assert_eq!(process.fleet.statistics().waits_fed, 1);
    }
    assert!(world.kept.lock().unwrap().leases.is_empty());
}

#[test]
fn whoever_takes_the_lease_too_late_finds_the_block() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert_eq!(other.get(5), Outcome::Miss);
    decode(&one, 5);
    assert_eq!(
        other.lease(5),
        Outcome::Pixels(pixels(5)),
        "it is not decoded a second time"
    );
    other.fleet.turn();
    assert!(world.kept.lock().unwrap().leases.is_empty());
    assert_eq!(other.fleet.statistics().leases_unneeded, 1);
}

#[test]
fn a_holder_that_dies_is_followed_by_one() {
    let world = Arc::new(World::default());
    let processes: Vec<_> = (0..4).map(|seed| Process::new(&world, seed)).collect();
    assert!(matches!(processes[0].lease(5), Outcome::Leased(_)));
    let waits: Vec<_> = processes[1..]
        .iter()
        .map(|process| process.wait(5))
        .collect();
    // Its thread does not run any more, so nothing is renewed.
    for _ in 0..600 {
        world.pass(ms(1));
        processes[1..].iter().for_each(Process::turn);
    }
    let outcomes: Vec<_> = processes[1..]
        .iter()
        .zip(&waits)
        .filter_map(|(process, &wait)| process.outcome(wait))
        .collect();
    assert!(matches!(outcomes[..], [Outcome::Leased(_)]), "{outcomes:?}");
}

#[test]
fn a_lease_lives_as_long_as_its_decode() {
    let world = Arc::new(World::default());
    let (mut one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    one.decode = None;
    let Outcome::Leased(lease) = one.lease(5) else {
        panic!("no lease")
    };
    for second in 0..60 {
        for _ in 0..10 {
            world.pass(ms(100));
            one.fleet.turn();
        }
        assert_eq!(other.lease(5), Outcome::Busy, "after {second} s");
    }
    one.fleet.unlease(lease);
    one.fleet.turn();
    assert!(matches!(other.lease(5), Outcome::Leased(_)));
    assert!(one.fleet.statistics().renewals > 60);
}

#[test]
fn a_decode_that_hangs_loses_its_lease() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert!(matches!(one.lease(5), Outcome::Leased(_)));
    for _ in 0..50 {
        world.pass(ms(100));
        one.fleet.turn();
    }
    assert!(matches!(other.lease(5), Outcome::Leased(_)));
}

#[test]
fn waits_end() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert!(matches!(one.lease(5), Outcome::Leased(_)));
    let (long, left) = (other.wait(5), other.wait(5));
    other.cache.0.lock().unwrap().unwanted.push(left);
    for _ in 0..499 {
        world.pass(ms(1));
        other.fleet.turn();
        one.fleet.turn();
    }
    assert_eq!(other.outcome(long), None);
    world.pass(ms(2));
    other.fleet.turn();
    assert_eq!(
        other.outcome(long),
        Some(Outcome::Miss),
        "half a second is the longest of a lease"
    );
    assert_eq!(other.outcome(left), None, "nobody waits for that");
    let counts = other.fleet.statistics();
    assert_eq!(
        (counts.waits, counts.waits_over, counts.waits_unwanted),
        (2, 1, 1)
    );
}

#[test]
fn waits_end_with_the_store() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert!(matches!(one.lease(5), Outcome::Leased(_)));
    let waits = [other.wait(5), other.wait(5)];
    world.fails_with(lost());
    world.pass(ms(5));
    other.fleet.turn();
    assert!(
        waits
            .iter()
            .all(|&wait| other.outcome(wait) == Some(Outcome::Miss))
    );
}

#[test]
fn looks_are_one_for_each_key() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert!(matches!(one.lease(5), Outcome::Leased(_)));
    let _waits: Vec<_> = (0..9).map(|_| other.wait(5)).collect();
    let before = world.kept.lock().unwrap().calls;
    world.pass(ms(3));
    other.fleet.turn();
    assert_eq!(world.kept.lock().unwrap().calls, before + 1);
}

#[test]
fn a_purge_reaches_the_memory_of_all() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    decode(&one, 5);
    let old = other.generation().unwrap();
    assert_eq!(one.generation(), Some(old));
    let begun = world.now();
    one.fleet.purge(SOURCE).unwrap();
    assert!(
        world.now() >= begun.after(ms(1000)),
        "it waits until nobody believes the old one"
    );
    assert_ne!(one.generation(), Some(old));
    // The thread of the other one did not run meanwhile; when it does, the cache forgets before it is asked again.
    other.fleet.turn();
    assert_eq!(other.generation(), one.generation());
    let told = other.cache.0.lock().unwrap().generations.clone();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[1], None, "its validity was over");
    assert_eq!(other.get(5), Outcome::Miss);
}

#[test]
fn who_does_not_reach_the_store_is_suspect_in_time() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    world.pass(ms(100));
    world.fails_with(lost());
    let confirmed = Moment(0);
    while process.generation().is_some() {
        let next = process.fleet.turn();
        world.pass(next.since(world.now()).max(ms(1)).min(ms(50)));
        assert!(
            world.now() <= confirmed.after(ms(1000)),
            "it believes for too long"
        );
    }
    assert_eq!(process.fleet.statistics().suspect, 1);
    world.fails_with(None);
    for _ in 0..40 {
        world.pass(ms(50));
        process.fleet.turn();
    }
    assert!(
        process.generation().is_some(),
        "it believes again when it is confirmed"
    );
}

#[test]
fn who_opens_a_source_while_the_store_fails_need_not_wait() {
    let world = Arc::new(World::default());
    world.fails_with(lost());
    let told = |process: &Process| process.cache.0.lock().unwrap().generations.clone();
    let process = Process::new(&world, 1);
    assert_eq!(told(&process), [None]);
    process.fleet.turn();
    assert_eq!(told(&process), [None], "once");
    // Also where the store is not even asked any more.
    assert!((0..9).all(|cell| process.get(cell) == Outcome::Miss));
    process.fleet.watch(SOURCE, false);
    process.fleet.watch(SOURCE, true);
    process.fleet.turn();
    assert_eq!(told(&process), [None, None]);
}

#[test]
fn a_cache_that_looks_at_the_clock_is_told_until_when_and_not_sooner() {
    let world = Arc::new(World::default());
    let strict = |options: &mut tilecache_fleet::Options| options.strict = true;
    let process = Process::with(&world, 1, strict);
    world.pass(ms(400));
    process.turn();
    let until = process.cache.0.lock().unwrap().until;
    assert_eq!(
        until,
        Some(Moment(0).after(ms(1400))),
        "from before the question"
    );
    world.fails_with(lost());
    world.pass(ms(999));
    process.turn();
    assert!(process.generation().is_some());
    world.pass(ms(1));
    process.turn();
    assert_eq!(process.generation(), None);
}

#[test]
fn how_late_the_thread_looks_is_told_where_anything_is_believed() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    let delay = || process.fleet.statistics().longest_delay_nanoseconds;
    for _ in 0..5 {
        world.pass(ms(333));
        process.turn();
    }
    assert_eq!(delay(), 0);
    world.pass(ms(733));
    process.turn();
    assert_eq!(delay() / 1_000_000, 399);
    process.fleet.watch(SOURCE, false);
    process.turn();
    world.pass(ms(5000));
    process.turn();
    assert_eq!(delay() / 1_000_000, 399, "nothing was believed");
}

#[test]
fn a_late_answer_is_not_believed() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    // The thread is stopped while it reads what it asked for.
    world.pass(ms(500));
    world.stops_in_the_next_answer(ms(1500));
    process.turn();
    assert_eq!(process.generation(), None);
    process.turn();
    assert!(process.generation().is_some());
}

#[test]
fn a_purge_that_fails_leaves_the_tier() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    let old = one.generation();
    world.fails_with(lost());
    assert_eq!(one.fleet.purge(SOURCE), Err(lost()));
    assert_eq!(one.generation(), None);
    world.fails_with(None);
    for _ in 0..20 {
        world.pass(ms(333));
        one.fleet.turn();
        other.fleet.turn();
    }
    assert_eq!(other.generation(), old);
    assert_eq!(
        one.generation(),
        None,
        "what is stored may be older than what it tried to purge"
    );
    one.fleet.purge(SOURCE).unwrap();
    assert!(one.generation().is_some() && one.generation() != old);
}

#[test]
fn a_purge_is_tried_when_the_breaker_is_open() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    world.fails_with(Failure::Denied("WRONGPASS".to_owned()));
    assert_eq!(process.get(1), Outcome::Miss);
    assert!(matches!(process.fleet.state(), (State::Open { .. }, false)));
    assert_eq!(process.fleet.purge(SOURCE).unwrap_err().text(), "WRONGPASS");
    world.fails_with(None);
    process.fleet.purge(SOURCE).unwrap();
    assert!(process.generation().is_some());
}

#[test]
fn a_lost_generation_is_cold_and_not_stale() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    world.pass(ms(10));
    one.fleet.purge(SOURCE).unwrap();
    other.fleet.turn();
    let before = one.generation().unwrap();
    // FLUSHALL, and another clock of the store that is far behind.
    let key = key::source(SOURCE, None);
    let restored = Generation {
        counter: 1,
        random: 77,
    };
    world.kept.lock().unwrap().generations.insert(key, restored);
    world.pass(ms(400));
    one.fleet.turn();
    let raised = one.generation().unwrap();
    assert!(
        raised.counter > before.counter && raised != restored,
        "{raised:?}"
    );
    assert_eq!(one.fleet.statistics().raised, 1);
    other.fleet.turn();
    assert_eq!(other.generation(), Some(raised));
    world.kept.lock().unwrap().generations.clear();
    world.pass(ms(400));
    one.fleet.turn();
    other.fleet.turn();
    assert_ne!(one.generation(), Some(raised));
    assert_eq!(one.generation(), other.generation());
}

#[test]
fn in_a_full_store_a_purge_takes_the_generation_away() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    decode(&one, 5);
    world.kept.lock().unwrap().is_full = true;
    one.fleet.purge(SOURCE).unwrap();
    other.fleet.turn();
    assert_eq!((one.generation(), other.generation()), (None, None));
    world.kept.lock().unwrap().is_full = false;
    world.pass(ms(400));
    one.fleet.turn();
    other.fleet.turn();
    assert!(one.generation().is_some());
    assert_eq!(one.generation(), other.generation());
    assert_eq!(other.get(5), Outcome::Miss);
}

#[test]
fn a_full_store_serves_and_takes_again_when_it_has_room() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    decode(&process, 5);
    world.kept.lock().unwrap().is_full = true;
    process.put(6, 0, pixels(6));
    process.fleet.turn();
    assert_eq!(process.get(5), Outcome::Pixels(pixels(5)));
    assert_eq!(process.fleet.state(), (State::Closed, true));
    world.kept.lock().unwrap().is_full = false;
    for cell in 100..200 {
        process.put(cell, 0, pixels(cell));
        process.fleet.turn();
    }
    assert_eq!(process.fleet.state(), (State::Closed, false));
    let counts = process.fleet.statistics();
    assert_eq!(
        (counts.puts, counts.stored, counts.puts_dropped),
        (102, 2, 100)
    );
    // Those that were not tried had no room either.
    assert_eq!((counts.puts_full, counts.failures[3]), (100, 1));
    assert!(world.kept.lock().unwrap().leases.is_empty());
}

#[test]
fn what_was_put_is_waited_for_until_it_is_stored_or_dropped() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    assert!(process.fleet.settle(ms(0)), "nothing was put");
    process.put(6, 0, pixels(6));
    assert!(!process.fleet.settle(ms(1)), "nobody stores it");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| process.fleet.settle(ms(60_000)));
        process.fleet.turn();
        assert!(waiting.join().unwrap());
    });
    assert_eq!(process.fleet.statistics().stored, 1);
    world.fails_with(lost());
    process.put(7, 0, pixels(7));
    process.fleet.turn();
    assert!(process.fleet.settle(ms(0)), "it was dropped");
    process.put(8, 0, pixels(8));
    process.fleet.end();
    process.fleet.run();
    assert!(process.fleet.settle(ms(0)), "with the end all is dropped");
}

#[test]
fn a_lease_that_finds_no_room_is_no_put() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    world.kept.lock().unwrap().is_full = true;
    assert_eq!(process.lease(5), Outcome::Miss);
    assert_eq!(process.fleet.state(), (State::Closed, true));
    let counts = process.fleet.statistics();
    assert_eq!((counts.failures[3], counts.puts_full), (1, 0));
    assert_eq!((counts.waits, counts.waits_failed), (0, 0));
}

#[test]
fn a_store_that_is_reached_and_refuses_all_is_left_alone_ever_longer() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    let denied = Failure::Denied("NOAUTH".to_owned());
    world.kept.lock().unwrap().refusal = Some(denied.clone());
    let before = world.kept.lock().unwrap().calls;
    for _ in 0..60 {
        process.fleet.turn();
        world.pass(ms(333));
    }
    // After about 0.5, 1, 2, 4 and 8 seconds more: six in twenty seconds.
    let calls = world.kept.lock().unwrap().calls - before;
    assert!((4..=6).contains(&calls), "{calls} questions");
    assert!(process.fleet.is_denied());
    let logged = || process.cache.0.lock().unwrap().logged.clone();
    assert_eq!(
        logged(),
        ["the store is not asked for a while: denied: NOAUTH"]
    );
}

#[test]
fn a_reason_is_told_once_until_it_changes_or_is_over() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    let fail = |failure: Option<Failure>, seconds: u64| {
        world.fails_with(failure);
        for _ in 0..4 * seconds {
            process.get(1);
            process.fleet.turn();
            world.pass(ms(250));
        }
    };
    let denied = || Failure::Denied("WRONGPASS".to_owned());
    fail(Some(lost()), 3);
    // It comes and goes.
    for _ in 0..3 {
        fail(None, 20);
        fail(Some(lost()), 3);
    }
    fail(Some(denied()), 90);
    assert!(process.fleet.statistics().opened > 10);
    fail(None, 90);
    fail(Some(denied()), 9);
    let logged = process.cache.0.lock().unwrap().logged.clone();
    let told: Vec<_> = logged
        .iter()
        .map(|line| line.rsplit(": ").next().unwrap())
        .collect();
    let over = "the store is asked again";
    assert_eq!(told, ["connection refused", "WRONGPASS", over, "WRONGPASS"]);
}

#[test]
fn a_store_that_fails_is_not_asked_for_a_while() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    world.fails_with(lost());
    let before = world.kept.lock().unwrap().calls;
    assert!((0..99).all(|cell| process.get(cell) == Outcome::Miss));
    assert_eq!(world.kept.lock().unwrap().calls, before + 3);
    let counts = process.fleet.statistics();
    assert_eq!(
        (counts.not_asked, counts.failures[0], counts.opened),
        (96, 3, 1)
    );
    process.put(1, 0, pixels(1));
    assert_eq!(process.fleet.statistics().puts_dropped, 1);
    let logged = process.cache.0.lock().unwrap().logged.clone();
    assert_eq!(
        logged,
        ["the store is not asked for a while: unreachable: connection refused"]
    );
    world.fails_with(None);
    world.pass(ms(750));
    assert_eq!(process.get(1), Outcome::Miss);
    assert_eq!(process.fleet.state(), (State::Closed, false));
}

#[test]
fn late_is_a_failure_and_no_later_than_a_decode() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    world.kept.lock().unwrap().delay = ms(500);
    let begun = world.now();
    assert_eq!(process.get(1), Outcome::Miss);
    assert_eq!(
        world.now().since(begun),
        ms(20),
        "no longer than a decode takes"
    );
    let asks = (1..9).map(|cell| process.ask(cell)).collect();
    process.fleet.get(asks);
    assert_eq!(
        world.now().since(begun),
        ms(120),
        "and no longer than the option says"
    );
    assert_eq!(process.fleet.statistics().failures[1], 2);
}

#[test]
fn what_is_not_believed_is_replaced() {
    let world = Arc::new(World::default());
    let secret = |options: &mut tilecache_fleet::Options| {
        options.secret = Some(Secret::new(b"of the fleet"));
    };
    let process = Process::with(&world, 1, secret);
    decode(&process, 5);
    let key = process.key(5);
    let forge = |value: Vec<u8>| world.kept.lock().unwrap().values.insert(key, value);
    for (count, cut) in [(1, 0), (2, 9), (3, 70)] {
        let mut value = world.kept.lock().unwrap().values[&key].clone();
        value.truncate(cut);
        forge(value);
        decode(&process, 5);
        assert_eq!(process.get(5), Outcome::Pixels(pixels(5)));
        // The second look, with the lease, finds the same one.
        assert_eq!(process.fleet.statistics().doubts[0], count);
    }
}

#[test]
fn what_comes_after_a_wait_and_is_not_believed_is_counted() {
    let world = Arc::new(World::default());
    let (one, other) = (Process::new(&world, 1), Process::new(&world, 2));
    assert_eq!(other.get(5), Outcome::Miss);
    let Outcome::Leased(lease) = one.lease(5) else {
        panic!("no lease")
    };
    let wait = other.wait(5);
    one.put(5, lease, pixels(5));
    one.fleet.turn();
    let key = one.key(5);
    let torn = |kept: &mut world::Kept| kept.values.get_mut(&key).unwrap().truncate(70);
    torn(&mut world.kept.lock().unwrap());
    world.pass(ms(5));
    other.fleet.turn();
    assert!(matches!(other.outcome(wait), Some(Outcome::Leased(_))));
    assert_eq!(other.fleet.statistics().doubts.iter().sum::<u64>(), 1);
}

#[test]
fn what_is_dearer_than_a_decode_is_not_asked_for() {
    let world = Arc::new(World::default());
    let mut process = Process::new(&world, 1);
    decode(&process, 5);
    world.kept.lock().unwrap().delay = ms(4);
    assert_eq!(process.get(5), Outcome::Pixels(pixels(5)));
    process.decode = Some(ms(1));
    let found = (0..320).filter(|_| process.get(5) != Outcome::Miss).count();
    assert_eq!((found, process.fleet.statistics().dearer), (10, 310));
}

#[test]
fn what_is_dearer_than_a_decode_costs_no_question_for_its_lease() {
    let world = Arc::new(World::default());
    let mut process = Process::new(&world, 1);
    decode(&process, 5);
    world.kept.lock().unwrap().delay = ms(4);
    assert_eq!(process.get(5), Outcome::Pixels(pixels(5)));
    process.decode = Some(ms(1));
    let before = world.kept.lock().unwrap().calls;
    for cell in 100..132 {
        assert_eq!(process.get(cell), Outcome::Miss);
        assert_eq!(process.lease(cell), Outcome::Miss);
    }
    assert_eq!(
        world.kept.lock().unwrap().calls - before,
        1,
        "the one of 32 that is tried"
    );
    assert_eq!(process.fleet.statistics().dearer, 31);
    // Another decoder of the same source is slower.
    process.decode = Some(ms(20));
    assert!(matches!(process.lease(200), Outcome::Leased(_)));
}

#[test]
fn leases_are_given_back_at_the_end() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    assert!(matches!(process.lease(5), Outcome::Leased(_)));
    process.put(6, 0, pixels(6));
    process.fleet.end();
    process.fleet.run();
    assert!(world.kept.lock().unwrap().leases.is_empty());
    assert_eq!(process.cache.0.lock().unwrap().parcels, 0);
}

#[test]
fn the_thread_sleeps_where_there_is_nothing_to_do() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    let mut turns = 0;
    while world.now() < Moment::default().after(ms(10_000)) {
        let next = process.fleet.turn();
        assert!(next > world.now(), "it would spin");
        world.pass(next.since(world.now()));
        turns += 1;
    }
    assert!(turns <= 31, "{turns} turns in ten seconds");
    process.fleet.watch(SOURCE, false);
    let before = world.kept.lock().unwrap().calls;
    process.fleet.turn();
    world.pass(ms(5000));
    process.fleet.turn();
    assert_eq!(world.kept.lock().unwrap().calls, before);
}

#[test]
fn the_thread_does_not_spin_while_the_store_fails() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 1);
    assert!(matches!(process.lease(5), Outcome::Leased(_)));
    process.wait(6);
    world.fails_with(lost());
    let mut turns = 0;
    while world.now() < Moment::default().after(ms(10_000)) {
        let next = process.fleet.turn();
        world.pass(next.since(world.now()));
        turns += 1;
        assert!(turns < 60, "it spins");
    }
}
