//! Each question to a store, of each server, and of a cluster.

mod support;

use redis::Value;
use std::time::{Duration, Instant};
use support::server::{Program, Server, free_port};
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};
use tilecache_redis::{Address, Redis, Settings};

const LIMIT: Duration = Duration::from_secs(5);

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn key(kind: char, number: u8) -> Vec<u8> {
    [format!("tc:{kind}").into_bytes(), vec![number; 32]].concat()
}

fn lease(number: u8, token: &str, milliseconds: u64) -> Lease {
    Lease {
        key: digest(number),
        token: token.to_owned(),
        term: Duration::from_millis(milliseconds),
    }
}

fn put(store: &Redis, number: u8, value: &[u8]) -> Result<(), Failure> {
    store
        .put(&[(digest(number), value.to_vec())], LIMIT)?
        .remove(0)
}

fn stores() -> Vec<(Server, Redis)> {
    let of = |program: &Program| {
        let server = Server::of(program, &[]);
        let store = Redis::new(&server.address(), Settings::default()).unwrap();
        (server, store)
    };
    Program::all().iter().map(of).collect()
}

/// Whatever a store is asked for, from nothing to nothing.
fn answers_as_a_store_does(store: &Redis) {
    let long = vec![7; 100_000];
    put(store, 1, &long).unwrap();
    put(store, 2, b"other").unwrap();
    let asked = [
        (digest(1), 100_000),
        (digest(3), 10),
        (digest(2), 3),
        (digest(2), 5),
    ];
    let values = store.values(&asked, LIMIT).unwrap();
    let expected = [
        Some(long),
        None,
        Some(b"othe".to_vec()),
        Some(b"other".to_vec()),
    ];
    assert!(
        values == expected,
        "and no more than a byte beyond what is expected"
    );

    let both = [lease(1, "one", 60_000), lease(2, "one", 60_000)];
    assert_eq!(store.lease(&both, LIMIT).unwrap(), [true, true]);
    assert_eq!(
        store
            .lease(&[lease(2, "two", 60_000), lease(3, "two", 1)], LIMIT)
            .unwrap(),
        [false, true]
    );
    std::thread::sleep(Duration::from_millis(20));
    let holders = store.holders(&[digest(1), digest(3)], LIMIT).unwrap();
    assert_eq!(holders, [Some("one".to_owned()), None]);
    let renewed = store
        .renew(&[lease(1, "one", 50), lease(2, "two", 50)], LIMIT)
        .unwrap();
    assert_eq!(renewed, [true, false]);
    store.unlease(&[lease(2, "two", 0)], LIMIT).unwrap();
    assert_eq!(
        store.holders(&[digest(2)], LIMIT).unwrap(),
        [Some("one".to_owned())]
    );
    store.unlease(&[lease(2, "one", 0)], LIMIT).unwrap();
    assert_eq!(store.holders(&[digest(2)], LIMIT).unwrap(), [None]);

    let before = now();
    let sources = [(digest(1), 5), (digest(2), 6)];
    let made: Vec<_> = store
        .generations(&sources, LIMIT)
        .unwrap()
        .into_iter()
        .map(known)
        .collect();
    assert!(
        made[0].counter >= before && made[0].counter <= now(),
        "{made:?}"
    );
    assert_eq!((made[0].random, made[1].random), (5, 6));
    let again = store.generations(&[(digest(1), 99)], LIMIT).unwrap();
    assert_eq!(known(again.into_iter().next().unwrap()), made[0]);
    let raised = store.raise(&digest(1), 0, 7, LIMIT).unwrap().unwrap();
    assert!(raised.counter > made[0].counter && raised.random == 7);
    let above = raised.counter + 3_600_000_000;
    let raised = store.raise(&digest(1), above, 8, LIMIT).unwrap().unwrap();
    assert_eq!(
        raised,
        Generation {
            counter: above + 1,
            random: 8
        },
        "of a store whose clock is behind"
    );
    let next = store.raise(&digest(1), 0, 9, LIMIT).unwrap().unwrap();
    assert_eq!(
        next,
        Generation {
            counter: above + 2,
            random: 9
        }
    );
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_micros() as u64
}

fn known(generation: Result<Option<Generation>, Failure>) -> Generation {
    generation.unwrap().unwrap()
}

#[test]
fn servers_answer_as_a_store_does() {
    for (_server, store) in stores() {
        answers_as_a_store_does(&store);
    }
}

#[test]
fn a_cluster_answers_as_a_store_does() {
    for program in Program::all() {
        let nodes: Vec<_> = (0..3).map(|_| cluster_node(&program)).collect();
        let bus = nodes[0].1.to_string();
        let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
        for (number, node) in nodes.iter().enumerate() {
            let (first, last) = ([0, 5461, 10_923][number], [5460, 10_922, 16_383][number]);
            node.tell(&[
                "CLUSTER",
                "ADDSLOTSRANGE",
                &first.to_string(),
                &last.to_string(),
            ]);
            node.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            node.tell(&[
                "CLUSTER",
                "MEET",
                "127.0.0.1",
                &nodes[0].port.to_string(),
                &bus,
            ]);
        }
        let limit = Instant::now() + Duration::from_secs(30);
        let is_ok = |node: &Server| match node.tell(&["CLUSTER", "INFO"]) {
            Value::BulkString(info) => String::from_utf8_lossy(&info).contains("cluster_state:ok"),
            Value::VerbatimString { text, .. } => text.contains("cluster_state:ok"),
            _ => false,
        };
        while !nodes.iter().all(is_ok) {
            assert!(Instant::now() < limit, "the cluster does not form");
            std::thread::sleep(Duration::from_millis(50));
        }
        let one = Address::parse(&format!("cluster+{}", nodes[0].url())).unwrap();
        let store = Redis::new(&one, Settings::default()).unwrap();
        answers_as_a_store_does(&store);
        let keys: Vec<_> = (0..200).map(|number| (digest(number), 9)).collect();
        for (key, _) in &keys {
            put(&store, key.0[0], &key.0[..9]).unwrap();
        }
        let values = store.values(&keys, LIMIT).unwrap();
        assert!(
            values
                .iter()
                .zip(&keys)
                .all(|(value, (key, _))| value.as_deref() == Some(&key.0[..9]))
        );
        for node in &nodes {
            let Value::Int(kept) = node.tell(&["DBSIZE"]) else {
                panic!("no number")
            };
            assert!(kept > 40, "{kept} keys on one of the nodes");
        }
        // A type that none of ours has, on one of the nodes.
        let mut list = nodes_client(&nodes);
        let made: Value = redis::cmd("DEL").arg(key('v', 9)).query(&mut list).unwrap();
        assert_eq!(made, Value::Int(1));
        let _: Value = redis::cmd("LPUSH")
            .arg(key('v', 9))
            .arg("x")
            .query(&mut list)
            .unwrap();
        let values = store.values(&keys, LIMIT).unwrap();
        assert_eq!(values[9], Some(Vec::new()));
        assert!(values[10].is_some());
    }
}

fn nodes_client(nodes: &[Server]) -> redis::cluster::ClusterConnection {
    let urls: Vec<_> = nodes.iter().map(Server::url).collect();
    redis::cluster::ClusterClient::new(urls)
        .unwrap()
        .get_connection()
        .unwrap()
}

/// A node, and the port of its bus.
fn cluster_node(program: &Program) -> (Server, u16) {
    let bus = free_port();
    let options = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus.to_string(),
    ];
    (Server::of(program, &options), bus)
}

#[test]
fn other_types_and_texts_under_our_keys_are_replaced() {
    for (server, store) in stores() {
        let mut client = server.client();
        let _: Value = redis::cmd("LPUSH")
            .arg(key('v', 1))
            .arg("x")
            .query(&mut client)
            .unwrap();
        let _: Value = redis::cmd("LPUSH")
            .arg(key('g', 1))
            .arg("x")
            .query(&mut client)
            .unwrap();
        let _: Value = redis::cmd("SET")
            .arg(key('g', 2))
            .arg("no generation")
            .query(&mut client)
            .unwrap();
        put(&store, 2, b"true").unwrap();
        let values = store
            .values(&[(digest(1), 9), (digest(2), 9)], LIMIT)
            .unwrap();
        assert_eq!(values, [Some(Vec::new()), Some(b"true".to_vec())]);
        put(&store, 1, b"new").unwrap();
        assert_eq!(
            store.values(&[(digest(1), 9)], LIMIT).unwrap(),
            [Some(b"new".to_vec())]
        );
        let generations = store
            .generations(&[(digest(1), 1), (digest(2), 2)], LIMIT)
            .unwrap();
        assert_eq!(generations, [Ok(None), Ok(None)]);
        for number in [1, 2] {
            let raised = store.raise(&digest(number), 0, 3, LIMIT).unwrap();
            let found = store.generations(&[(digest(number), 1)], LIMIT).unwrap();
            assert_eq!(found, [Ok(raised)]);
        }
        // A counter that no clock reaches.
        let forged = "9007199254740992-0000000000000001";
        let _: Value = redis::cmd("SET")
            .arg(key('g', 2))
            .arg(forged)
            .query(&mut client)
            .unwrap();
        let raised = store.raise(&digest(2), 0, 3, LIMIT).unwrap().unwrap();
        assert!(raised.counter <= now());
    }
}

#[test]
fn values_and_leases_end_by_themselves_and_generations_do_not() {
    for (server, store) in stores() {
        put(&store, 1, b"value").unwrap();
        store.lease(&[lease(1, "one", 2000)], LIMIT).unwrap();
        store.generations(&[(digest(1), 1)], LIMIT).unwrap();
        let mut client = server.client();
        let mut ends = |kind| -> i64 {
            redis::cmd("PTTL")
                .arg(key(kind, 1))
                .query(&mut client)
                .unwrap()
        };
        assert!((600_000_000..=604_800_000).contains(&ends('v')));
        assert!((1..=2000).contains(&ends('l')));
        assert_eq!(ends('g'), -1);
    }
}

#[test]
fn a_store_without_room_says_so_and_loses_generations_in_a_purge() {
    for program in Program::all() {
        let server = Server::of(
            &program,
            &["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"],
        );
        let store = Redis::new(&server.address(), Settings::default()).unwrap();
        store.generations(&[(digest(1), 1)], LIMIT).unwrap();
        put(&store, 1, b"value").unwrap();
        let full = (0..100).find_map(|number| put(&store, number, &[1; 100_000]).err());
        assert!(matches!(full, Some(Failure::Full(_))), "{full:?}");
        server.tell(&["CONFIG", "SET", "maxmemory", "1000000"]);
        assert!(matches!(
            store.lease(&[lease(1, "one", 9)], LIMIT),
            Err(Failure::Full(_))
        ));
        let generations = store
            .generations(&[(digest(1), 1), (digest(9), 1)], LIMIT)
            .unwrap();
        assert!(
            matches!(generations[..], [Ok(Some(_)), Err(Failure::Full(_))]),
            "{generations:?}"
        );
        assert_eq!(store.raise(&digest(1), 0, 2, LIMIT).unwrap(), None);
        let generations = store.generations(&[(digest(1), 1)], LIMIT).unwrap();
        assert!(
            matches!(generations[..], [Err(Failure::Full(_))]),
            "it is gone: {generations:?}"
        );
    }
}

#[test]
fn failures_have_their_kinds() {
    let server = Server::start(&["--requirepass", "Xyzzy"]);
    let ask = |url: String| {
        let store = Redis::new(&Address::parse(&url).unwrap(), Settings::default()).unwrap();
        store.values(&[(digest(1), 9)], LIMIT).unwrap_err()
    };
    for user in ["", ":Plugh@", "nobody:Plugh@"] {
        let failure = ask(format!("redis://{user}127.0.0.1:{}", server.port));
        assert!(matches!(failure, Failure::Denied(_)), "{user}: {failure:?}");
        assert!(
            !failure.text().contains("Xyzzy") && !failure.text().contains("Plugh"),
            "{failure:?}"
        );
    }
    let right = Address::parse(&format!("redis://:Xyzzy@127.0.0.1:{}", server.port)).unwrap();
    let store = Redis::new(&right, Settings::default()).unwrap();
    assert_eq!(store.values(&[(digest(1), 9)], LIMIT), Ok(vec![None]));
    let nobody = ask(format!("redis://127.0.0.1:{}", free_port()));
    assert!(matches!(nobody, Failure::Unreachable(_)), "{nobody:?}");
}

#[test]
fn copies_are_waited_for_where_that_is_told() {
    let first = Server::start(&[]);
    let settings = |replicas| Settings {
        replicas,
        ..Settings::default()
    };
    let store = Redis::new(&first.address(), settings(1)).unwrap();
    let limit = Duration::from_millis(300);
    let alone = store.raise(&digest(1), 0, 1, limit).unwrap_err();
    assert_eq!(
        alone,
        Failure::Unreachable("0 of 1 copies took it in time".to_owned())
    );
    let _copy = Server::start(&["--replicaof", &format!("127.0.0.1 {}", first.port)]);
    let end = Instant::now() + Duration::from_secs(20);
    while store.raise(&digest(1), 0, 2, limit).is_err() {
        assert!(Instant::now() < end, "the copy does not come");
    }
    let cluster = Address::parse("cluster+redis://127.0.0.1").unwrap();
    assert!(Redis::new(&cluster, settings(1)).is_err());
}

#[test]
fn addresses_are_read_and_shown_without_passwords() {
    let shown = |text| Address::parse(text).map(|address| address.to_string());
    assert_eq!(shown("redis://host"), Ok("host:6379".to_owned()));
    assert_eq!(
        shown("rediss://user:word@host:7000/2"),
        Ok("host:7000".to_owned())
    );
    assert_eq!(
        shown("unix:///run/redis.sock"),
        Ok("/run/redis.sock".to_owned())
    );
    assert_eq!(shown("redis://a, redis://b:7"), Ok("a:6379,b:7".to_owned()));
    for bad in [
        "",
        "http://user:word@host",
        "user:word@host",
        "redis://user:word@",
        "redis://:word@host:99999",
        "redis://:word@host/x",
        "unix:///socket?pass=word&db=x",
    ] {
        let error = shown(bad).unwrap_err();
        assert!(
            error.contains("is no address of Redis") && !error.contains("word"),
            "{error}"
        );
    }
    let wrong = |text| shown(text).unwrap_err();
    // What is not what it seems to be is no address.
    for (bad, why) in [
        ("redis://host/-1", "its database is -1"),
        ("redis://host:0", "its port is 0"),
        ("rediss://host:0/1", "its port is 0"),
        ("redis://a,redis://b:0", "its port is 0"),
        ("redis://host?db=3", "no option \"db\""),
        ("redis://host?protocol=resp3", "no option \"protocol\""),
        ("unix:///socket?db=-2", "its database is -2"),
        ("unix:///socket?dv=2", "no option \"dv\""),
        ("unix:///", "names no socket"),
        ("redis://host#x", "#x means nothing"),
        ("rediss://host#insecure", "#insecure means nothing"),
        ("redis://user@host", "a user without a password"),
        ("redis://:secr,et@host", "\"redis://...\" is no address"),
    ] {
        let error = wrong(bad);
        assert!(error.contains(why) && !error.contains("secr"), "{error}");
    }
    assert_eq!(
        shown("unix:///run/redis.sock?db=2&user=a&pass=b"),
        Ok("/run/redis.sock".to_owned())
    );
    assert!(wrong("redis://host/x").contains("database"));
    assert!(wrong("http://host").contains("did not parse"));
    assert!(wrong("redis://a,redis://:word@b/3").contains("b:6379 is a node of a cluster"));
    assert!(wrong("cluster+redis://a/3").contains("no database 3"));
    assert!(shown("unix:///a,redis://b").is_err());
}
