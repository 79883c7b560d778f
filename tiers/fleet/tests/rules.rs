//! The breaker, the validity and the waiting, by a clock of the test.

use std::time::Duration;
use tilecache_fleet::breaker::{Breaker, State};
use tilecache_fleet::clock::Moment;
use tilecache_fleet::costs::Costs;
use tilecache_fleet::lease::{Holding, Wait, term};
use tilecache_fleet::validity::{Seen, Validity};
use tilecache_fleet::{Failure, Generation};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn at(time: u64) -> Moment {
    Moment::default().after(ms(time))
}

fn lost() -> Failure {
    Failure::Unreachable("refused".to_owned())
}

fn fail(breaker: &mut Breaker, times: usize, now: Moment) -> bool {
    (0..times).any(|_| breaker.failed(&lost(), now, 0))
}

#[test]
fn three_failures_in_a_row_open() {
    let mut breaker = Breaker::default();
    for _ in 0..3 {
        assert!(!fail(&mut breaker, 2, at(0)));
        breaker.went_well();
    }
    assert!(breaker.may_ask(at(0)) && breaker.may_put());
    assert!(fail(&mut breaker, 3, at(0)));
    assert_eq!(breaker.state(), State::Open { until: at(500) });
    assert!(!breaker.may_ask(at(499)) && !breaker.may_put());
}

#[test]
fn more_than_ten_late_of_a_hundred_open() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        assert!(!breaker.failed(&Failure::Late, at(0), 0));
        (0..9).for_each(|_| breaker.went_well());
    }
    // The first one is the hundredth before: one comes, one goes.
    assert!(!breaker.failed(&Failure::Late, at(0), 0));
    breaker.went_well();
    assert!(breaker.failed(&Failure::Late, at(0), 0));
}

#[test]
fn one_tries_when_it_is_half_open() {
    let mut breaker = Breaker::default();
    fail(&mut breaker, 3, at(0));
    let mut now = 0;
    for pause in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        assert!(!breaker.may_ask(at(now + pause - 1)), "{pause}");
        now += pause;
        assert!(breaker.may_ask(at(now)));
        assert_eq!(breaker.state(), State::HalfOpen);
        assert!(!breaker.may_ask(at(now)), "another one beside it");
        assert!(!breaker.may_put());
        assert!(breaker.failed(&lost(), at(now), 0));
    }
    now += 30_000;
    assert!(breaker.may_ask(at(now)));
    breaker.went_well();
    assert!(breaker.may_ask(at(now)) && breaker.may_put());
    // It begins anew.
    fail(&mut breaker, 3, at(now));
    assert_eq!(
        breaker.state(),
        State::Open {
            until: at(now + 500)
        }
    );
}

#[test]
fn pauses_are_spread() {
    let open = |random: u64| {
        let mut breaker = Breaker::default();
        assert_eq!(
            (0..3)
                .filter(|_| breaker.failed(&lost(), at(0), random))
                .count(),
            1
        );
        breaker.state()
    };
    assert_eq!(open(0), State::Open { until: at(500) });
    assert_eq!(open(1 << 63), State::Open { until: at(625) });
    let State::Open { until } = open(u64::MAX) else {
        panic!("closed")
    };
    assert!(until <= at(750) && until > at(749));
}

#[test]
fn no_permission_opens_at_once() {
    let mut breaker = Breaker::default();
    assert!(breaker.failed(&Failure::Denied("WRONGPASS".to_owned()), at(0), 0));
    assert!(!breaker.may_ask(at(499)));
    assert!(breaker.is_denied() && breaker.may_ask(at(500)));
    breaker.failed(&lost(), at(500), 0);
    assert!(!breaker.is_denied(), "now it is something else");
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing() {
    let mut breaker = Breaker::default();
    fail(&mut breaker, 3, at(0));
    breaker.went_well();
    assert!(!fail(&mut breaker, 9, at(100)));
    assert_eq!(breaker.state(), State::Open { until: at(500) });
}

#[test]
fn a_full_store_serves_and_one_of_a_hundred_puts_is_tried() {
    let mut breaker = Breaker::default();
    let full = Failure::Full("OOM".to_owned());
    assert!((0..9).all(|_| !breaker.failed(&full, at(0), 0)));
    assert!(breaker.is_full() && breaker.may_ask(at(0)));
    for _ in 0..2 {
        assert_eq!((0..100).filter(|_| breaker.may_put()).count(), 1);
    }
    breaker.went_well();
    assert!(breaker.is_full(), "a get says nothing of that");
    breaker.was_put();
    assert!((0..9).all(|_| breaker.may_put()));
}

fn generation(counter: u64) -> Generation {
    Generation {
        counter,
        random: counter * 3,
    }
}

#[test]
fn what_was_confirmed_is_valid_from_before_the_question() {
    let mut validity = Validity::default();
    assert_eq!(validity.valid(at(0), ms(100)), None);
    assert_eq!(validity.answered(at(10), generation(5)), Seen::First);
    assert_eq!(
        validity.valid(at(109), ms(100)),
        Some((generation(5), at(110)))
    );
    assert_eq!(validity.valid(at(110), ms(100)), None);
    assert_eq!(validity.answered(at(60), generation(5)), Seen::Same);
    assert_eq!(
        validity.valid(at(159), ms(100)),
        Some((generation(5), at(160)))
    );
    assert_eq!(validity.answered(at(90), generation(6)), Seen::Changed);
    assert_eq!(
        validity.valid(at(100), ms(100)),
        Some((generation(6), at(190)))
    );
    validity.end();
    assert_eq!(validity.valid(at(100), ms(100)), None);
    assert_eq!(
        validity.answered(at(110), generation(6)),
        Seen::Same,
        "nothing was purged meanwhile"
    );
}

#[test]
fn an_answer_to_an_older_question_tells_nothing() {
    let mut validity = Validity::default();
    validity.answered(at(0), generation(5));
    validity.answered(at(50), generation(6));
    assert_eq!(validity.answered(at(40), generation(5)), Seen::Same);
    assert_eq!(
        validity.valid(at(60), ms(100)),
        Some((generation(6), at(150)))
    );
    assert_eq!(validity.valid(at(150), ms(100)), None);
}

#[test]
fn lower_counters_are_never_believed() {
    let mut validity = Validity::default();
    validity.answered(at(0), generation(5));
    validity.answered(at(10), generation(9));
    assert_eq!(validity.answered(at(20), generation(5)), Seen::Lost);
    assert_eq!(validity.valid(at(20), ms(100)), None);
    let same_counter = Generation {
        counter: 9,
        random: 1,
    };
    assert_eq!(validity.answered(at(30), same_counter), Seen::Lost);
    assert_eq!(validity.highest(), 9);
    assert_eq!(validity.answered(at(40), generation(10)), Seen::Changed);
}

#[test]
fn leases_last_three_decodes_and_are_renewed_at_a_third() {
    assert_eq!(term(Some(ms(1))), ms(500));
    assert_eq!(term(Some(ms(300))), ms(900));
    assert_eq!(term(Some(ms(60_000))), ms(2000));
    assert_eq!(term(None), ms(2000));
    let mut holding = Holding::new(at(0), Some(ms(300)));
    for renewed in [300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700] {
        assert_eq!(holding.renewal(), Some(at(renewed)));
        holding.renewed(at(renewed));
    }
    assert_eq!(
        holding.renewal(),
        None,
        "whoever takes ten times as long hangs"
    );
    holding.decoded(at(2800));
    assert_eq!(
        holding.renewal(),
        Some(at(3000)),
        "but what is decoded only waits to be stored"
    );
    // A minute of JPEG 2000, of which nothing was known.
    let mut holding = Holding::new(at(0), None);
    let mut now = at(0);
    while let Some(renewal) = holding.renewal() {
        assert!(renewal.since(now) <= ms(700));
        holding.renewed(renewal);
        now = renewal;
    }
    assert!(now > at(60_000) && now <= at(120_000));
}

#[test]
fn waits_look_ever_more_rarely_and_end() {
    for random in [0, u64::MAX / 2, u64::MAX] {
        let mut wait = Wait::new(at(0), Some(ms(200)), None, random);
        let mut looks = vec![0];
        while !wait.is_over(wait.look()) {
            let now = wait.look();
            looks.push(now.since(at(0)).as_micros() as u64);
            wait.looked(now, "one", random);
        }
        assert_eq!(wait.look(), at(800), "four decodes");
        let pauses: Vec<_> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses[0] >= 1500 && pauses[0] <= 2500, "{pauses:?}");
        assert!(pauses.iter().all(|&pause| pause <= 62_500), "{pauses:?}");
        assert!(
            pauses.windows(2).all(|pair| pair[1] >= pair[0]),
            "{pauses:?}"
        );
    }
    assert!(Wait::new(at(0), Some(ms(1)), None, 0).is_over(at(500)));
    assert!(!Wait::new(at(0), Some(ms(1)), Some(ms(9000)), 0).is_over(at(8999)));
}

#[test]
fn another_holder_gets_as_much_time() {
    let mut wait = Wait::new(at(0), Some(ms(20)), None, 0);
    for now in [2, 400] {
        wait.looked(at(now), "one", 0);
        assert!(wait.is_over(at(500)) && !wait.is_over(at(499)));
    }
    wait.looked(at(499), "other", 0);
    assert!(wait.is_over(at(999)) && !wait.is_over(at(998)));
    let mut wait = Wait::new(at(0), Some(ms(20)), Some(ms(700)), 0);
    wait.looked(at(300), "one", 0);
    wait.looked(at(400), "other", 0);
    assert!(
        wait.is_over(at(700)) && !wait.is_over(at(699)),
        "no longer than the option says"
    );
}

#[test]
fn what_is_dearer_than_a_decode_is_tried_now_and_then() {
    let mut costs = Costs::default();
    assert!(
        (0..99).all(|_| costs.pays(Some(ms(1)))),
        "nothing is known yet"
    );
    costs.fetched(ms(2));
    assert!((0..99).all(|_| costs.pays(None)));
    assert!((0..99).all(|_| costs.pays(Some(ms(2)))));
    assert_eq!((0..320).filter(|_| costs.pays(Some(ms(1)))).count(), 10);
    (0..20).for_each(|_| costs.fetched(Duration::from_micros(100)));
    assert!((0..99).all(|_| costs.pays(Some(ms(1)))));
}
