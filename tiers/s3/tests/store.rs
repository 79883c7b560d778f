//! The object store itself, by what a fleet asks of it.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{KEY, Program, answering, free_port, store, tell};
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};
use tilecache_s3::{Address, ObjectStore};

const LIMIT: Duration = Duration::from_secs(30);
const BRIEF: Duration = Duration::from_millis(300);

fn key(number: u8) -> Digest {
    Digest([number; 32])
}

fn lease(number: u8, token: &str, milliseconds: u64) -> Lease {
    Lease {
        key: key(number),
        token: token.to_owned(),
        term: Duration::from_millis(milliseconds),
    }
}

fn generation(store: &ObjectStore, source: u8, random: u64) -> Result<Option<Generation>, Failure> {
    store
        .generations(&[(key(source), random)], LIMIT)
        .unwrap()
        .remove(0)
}

/// What holds with every store.
fn keeps_values_and_generations(one: &ObjectStore, other: &ObjectStore) {
    let values: Vec<_> = (1..20)
        .map(|number| (key(number), vec![number; 1000 * usize::from(number)]))
        .collect();
    assert!(one.put(&values, LIMIT).unwrap().iter().all(Result::is_ok));
    let asked: Vec<_> = (0..20).map(|number| (key(number), 5000)).collect();
    let found = other.values(&asked, LIMIT).unwrap();
    assert_eq!(found[0], None);
    for (number, found) in found.iter().enumerate().skip(1) {
        let length = (1000 * number).min(5001);
        assert_eq!(
            found.as_deref(),
            Some(&vec![number as u8; length][..]),
            "no more than one byte beyond"
        );
    }
    let made = generation(one, 1, 11).unwrap().unwrap();
    assert_eq!(generation(other, 1, 12), Ok(Some(made)));
    let raised = one.raise(&key(1), 0, 13, LIMIT).unwrap().unwrap();
    assert!(raised.counter > made.counter);
    assert_eq!(generation(other, 1, 14), Ok(Some(raised)));
    let above = raised.counter + 1_000_000_000_000;
    assert_eq!(
        other
            .raise(&key(1), above, 15, LIMIT)
            .unwrap()
            .unwrap()
            .counter,
        above + 1
    );
    assert_eq!(
        one.raise(&key(1), 0, 16, LIMIT).unwrap().unwrap().counter,
        above + 2
    );
    assert!(
        one.raise(&key(2), 0, 17, LIMIT).unwrap().is_some(),
        "one that has none yet"
    );
}

#[test]
fn a_store_that_keeps_conditions_has_leases() {
    let Some(server) = Program::Moto.start() else {
        return;
    };
    let (one, other) = (store(server.port, KEY), store(server.port, KEY));
    keeps_values_and_generations(&one, &other);
    assert_eq!(one.keeps_conditions(), Some(true));
    assert!(one.has_leases());
    assert_eq!(
        one.lease(&[lease(1, "one", 60_000), lease(2, "one", 500)], LIMIT),
        Ok(vec![true; 2])
    );
    assert_eq!(
        other.lease(&[lease(1, "other", 500)], LIMIT),
        Ok(vec![false])
    );
    assert_eq!(
        other.holders(&[key(1), key(3)], LIMIT),
        Ok(vec![Some("one".to_owned()), None])
    );
    assert_eq!(
        other.renew(&[lease(1, "other", 500)], LIMIT),
        Ok(vec![false])
    );
    other.unlease(&[lease(1, "other", 500)], LIMIT).unwrap();
    assert_eq!(one.renew(&[lease(1, "one", 500)], LIMIT), Ok(vec![true]));
    // By the clock of the store, which counts seconds; who comes then has them.
    std::thread::sleep(Duration::from_millis(3600));
    assert_eq!(other.holders(&[key(1), key(2)], LIMIT), Ok(vec![None; 2]));
    assert_eq!(
        other.lease(
            &[lease(1, "other", 60_000), lease(2, "other", 60_000)],
            LIMIT
        ),
        Ok(vec![true; 2])
    );
    assert_eq!(one.renew(&[lease(1, "one", 500)], LIMIT), Ok(vec![false]));
    one.unlease(&[lease(2, "one", 500)], LIMIT).unwrap();
    assert_eq!(
        one.holders(&[key(2)], LIMIT),
        Ok(vec![Some("other".to_owned())]),
        "it was not this one's any more"
    );
    other.unlease(&[lease(1, "other", 500)], LIMIT).unwrap();
    assert_eq!(one.holders(&[key(1)], LIMIT), Ok(vec![None]));
    // Of many at once one gets it.
    let won = std::thread::scope(|scope| {
        let stores: Vec<_> = (0..8).map(|_| store(server.port, KEY)).collect();
        let take = |(number, store): (usize, ObjectStore)| {
            scope.spawn(move || {
                store
                    .lease(&[lease(9, &number.to_string(), 60_000)], LIMIT)
                    .unwrap()[0]
            })
        };
        let taken: Vec<_> = stores.into_iter().enumerate().map(take).collect();
        taken
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|won| *won)
            .count()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_store_without_conditions_has_none() {
    let Some(server) = Program::S3rver.start() else {
        return;
    };
    let (one, other) = (store(server.port, KEY), store(server.port, KEY));
    keeps_values_and_generations(&one, &other);
    assert_eq!(one.keeps_conditions(), Some(false));
    assert!(!one.has_leases());
}

#[test]
fn a_wrong_key_is_denied() {
    let Some(server) = Program::S3rver.start() else {
        return;
    };
    let denied = store(server.port, "NOBODY");
    let found = denied.values(&[(key(1), 10)], LIMIT);
    let Err(Failure::Denied(text)) = &found else {
        panic!("{found:?}");
    };
    assert!(
        text.contains("InvalidAccessKeyId") && !text.contains("NOBODY"),
        "{text}"
    );
    assert!(matches!(
        denied.raise(&key(1), 0, 1, LIMIT),
        Err(Failure::Denied(_))
    ));
}

#[test]
fn a_bucket_that_is_not_there_is_no_missing_object() {
    let Some(server) = Program::Moto.start() else {
        return;
    };
    tell(server.port, &format!("DELETE /{}", support::BUCKET), b"");
    let found = store(server.port, KEY).values(&[(key(1), 10)], LIMIT);
    assert!(
        matches!(&found, Err(Failure::Refused(text)) if text.contains("NoSuchBucket")),
        "{found:?}"
    );
}

#[test]
fn what_a_server_may_do_is_told_apart_and_ends_in_time() {
    type Do = fn(&mut TcpStream);
    type Case = (&'static str, Do, fn(&Failure) -> bool);
    fn say(stream: &mut TcpStream, text: &str) {
        let _ = stream.write_all(text.as_bytes());
    }
    let cases: [Case; 9] = [
        (
            "garbage",
            |stream| say(stream, "?!\x00 no HTTP at all\r\n\r\n"),
            |failure| matches!(failure, Failure::Garbage(_)),
        ),
        (
            "silence",
            |_| std::thread::sleep(LIMIT),
            |failure| *failure == Failure::Late,
        ),
        (
            "a trickle",
            |stream| {
                say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                (0..1000).for_each(|_| {
                    say(stream, "x");
                    std::thread::sleep(Duration::from_millis(50));
                });
            },
            |failure| *failure == Failure::Late,
        ),
        (
            "a cut",
            |stream| {
                say(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
                )
            },
            |failure| matches!(failure, Failure::Unreachable(_)),
        ),
        (
            "a close",
            |_| (),
            |failure| matches!(failure, Failure::Unreachable(_)),
        ),
        (
            "too much to do",
            |stream| {
                say(
                    stream,
                    "HTTP/1.1 503 Slow Down\r\nContent-Length: 28\r\n\r\n<Error><Code>SlowDown</Code>",
                )
            },
            |failure| matches!(failure, Failure::Unreachable(text) if text == "503 SlowDown"),
        ),
        (
            "no permission",
            |stream| {
                say(
                    stream,
                    "HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\n<Code>AccessDenied</Code>",
                )
            },
            |failure| matches!(failure, Failure::Denied(text) if text == "403 AccessDenied"),
        ),
        (
            "no room",
            |stream| {
                say(
                    stream,
                    "HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n",
                )
            },
            |failure| matches!(failure, Failure::Full(_)),
        ),
        (
            "another place",
            |stream| {
                say(
                    stream,
                    "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
                )
            },
            |failure| matches!(failure, Failure::Refused(_)),
        ),
    ];
    for (name, answer, is_right) in cases {
        let store = store(answering(answer), KEY);
        let begun = Instant::now();
        let failure = store.values(&[(key(1), 2000)], BRIEF).unwrap_err();
        assert!(is_right(&failure), "{name}: {failure:?}");
        let put = store
            .put(&[(key(1), vec![1; 100])], BRIEF)
            .unwrap()
            .remove(0);
        if name != "a trickle" && name != "a cut" {
            assert!(is_right(put.as_ref().unwrap_err()), "{name}: {put:?}");
        }
        let raised = store.raise(&key(1), 0, 1, BRIEF);
        assert!(!matches!(raised, Ok(Some(_))), "{name}: {raised:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{name} takes {:?}",
            begun.elapsed()
        );
        assert!(
            !format!("{failure:?}").contains("Signature="),
            "{failure:?}"
        );
    }
    let nobody = store(free_port(), KEY);
    assert!(matches!(
        nobody.values(&[(key(1), 10)], BRIEF),
        Err(Failure::Unreachable(_))
    ));
}

#[test]
fn addresses_are_checked() {
    let wrong = |url: &str| Address::parse(url, "us-east-1").unwrap_err();
    assert!(wrong("ftp://host/bucket").contains("ftp://host/bucket"));
    assert!(wrong("https://host").contains("bucket"));
    assert!(wrong("s3://").contains("bucket"));
    let text = wrong("https://me:word@host/bucket");
    assert!(!text.contains("word"), "{text}");
    assert!(wrong("https://host/bucket?x=1").contains("x=1"));
    assert!(Address::parse("s3://bucket/a/b/", "eu-central-1").is_ok());
    assert!(Address::parse("https://host:9000/bucket", "x").is_ok());
    assert!(wrong("https://host:0/bucket").contains("port 0"));
}
