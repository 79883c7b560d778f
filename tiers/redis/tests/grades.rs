//! What processes get after a purge, in both grades, whatever became of them or of the store meanwhile.
//!
//! Strict: no get that begins after the purge has returned yields old pixels, in any process. Default: none but those that
//! begin while the tier's thread does not get to run, which its own report bounds.

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::member::member_seeing;
use support::proxy::{Answers, Proxy};
use support::server::{Program, Server};
use support::versions::Versions;
use tilecache_fleet::clock::{BootClock, Clock};
use tilecache_redis::capi::{TC_TIER_REDIS_STRICT, tc_tier_redis_options};
use tilecache_redis::raw::*;
use tilecache_tier_testing::{Member, called};

const PROCESSES: u64 = 4;
const THREADS: u64 = 4;
/// Readers get these again and again.
const TILES: u64 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Default,
    Strict,
}

const GRADES: [Grade; 2] = [Grade::Default, Grade::Strict];

fn options_of(grade: Grade, validity: u32) -> impl FnOnce(&mut tc_tier_redis_options) {
    move |options| {
        options.validity_ms = validity;
        // What a store that is away does not answer is not waited for.
        options.get_ms = 100;
        options.wait_ms = 200;
        options.purge_ms = 5000;
        if grade == Grade::Strict {
            options.flags |= TC_TIER_REDIS_STRICT;
        }
    }
}

/// A reading process, where this program is told so.
#[test]
fn reader() {
    let Ok(told) = std::env::var("TILECACHE_GRADE_READER") else {
        return;
    };
    let words: Vec<_> = told.split(' ').collect();
    let grade = if words[1] == "Strict" {
        Grade::Strict
    } else {
        Grade::Default
    };
    let validity = words[2].parse().unwrap();
    let pause = Duration::from_micros(words[3].parse().unwrap());
    let path = words[4].as_ref();
    let member = member_seeing(words[0], Versions::open(path), options_of(grade, validity));
    let [gets, old, longest, last] = [(); 4].map(|()| AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (member, versions) = (&member, Versions::open(path));
            let (gets, old, longest, last) = (&gets, &old, &longest, &last);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                while !versions.is_ended() {
                    let cell = random.u64(..TILES) as i64;
                    let purged = versions.purged();
                    let begun = BootClock.now();
                    let version = member.tile(0, cell);
                    gets.fetch_add(1, Ordering::Relaxed);
                    last.fetch_max(version as u64, Ordering::Relaxed);
                    if version < purged {
                        old.fetch_add(1, Ordering::Relaxed);
                        let late = begun.since(versions.left(version));
                        longest.fetch_max(late.as_nanos() as u64, Ordering::Relaxed);
                    }
                    std::thread::sleep(pause);
                }
            });
        }
    });
    let [gets, old, longest, last] = [gets, old, longest, last].map(AtomicU64::into_inner);
    let (decodes, fetched) = (member.decodes(), member.statistics().hits);
    let (delay, raised) = (
        member.count("longest_delay_nanoseconds"),
        member.count("raised"),
    );
    println!("read {gets} {old} {longest} {last} {decodes} {fetched} {delay} {raised}");
    println!("{}", member.report());
}

/// What a reader says at its end.
#[derive(Debug)]
struct Read {
    gets: u64,
    /// Gets that began after a purge had returned, and yielded pixels from before it.
    old: u64,
    /// How long after the purge the latest of them began.
    longest: Duration,
    last: u64,
    decodes: u64,
    fetched: u64,
    delay: Duration,
    raised: u64,
}

struct Reader(Child);

impl Reader {
    fn start(url: &str, versions: &Versions, grade: Grade, validity: u32, pause: u32) -> Self {
        let path = versions.path().display();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["reader", "--exact", "--nocapture"])
            .env(
                "TILECACHE_GRADE_READER",
                format!("{url} {grade:?} {validity} {pause} {path}"),
            )
            .stdout(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    fn ended(self) -> Read {
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let said = text.lines().find_map(|line| line.strip_prefix("read "));
        let numbers: Vec<u64> = said
            .expect("what it read")
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let [gets, old, longest, last, decodes, fetched, delay, raised] = numbers[..] else {
            panic!("{text}");
        };
        Read {
            gets,
            old,
            longest: Duration::from_nanos(longest),
            last,
            decodes,
            fetched,
            delay: Duration::from_nanos(delay),
            raised,
        }
    }
}

/// A store, the file of versions, readers that have read, and a writer in this process.
struct Experiment {
    grade: Grade,
    validity: u32,
    versions: Versions,
    readers: Vec<Reader>,
    writer: Member,
}

impl Experiment {
    fn begin(urls: &[String], of_writer: &str, grade: Grade, validity: u32, pause: u32) -> Self {
        let versions = Versions::new();
        let readers = urls
            .iter()
            .map(|url| Reader::start(url, &versions, grade, validity, pause));
        let readers: Vec<_> = readers.collect();
        let of_writer_too = Versions::open(versions.path());
        Self {
            grade,
            validity,
            readers,
            writer: member_seeing(of_writer, of_writer_too, options_of(grade, validity)),
            versions,
        }
    }

    /// New pixels, and a purge that succeeds.
    fn change(&self) {
        self.versions.change(|| self.purge());
    }

    fn purge(&self) {
        // A store that was away for a moment may refuse at first.
        let limit = Instant::now() + Duration::from_secs(20);
        while let Err((status, message)) = self.writer.purge() {
            assert!(Instant::now() < limit, "{status}: {message}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the readers read, after they had time to see the last version.
    fn end(self) -> Vec<Read> {
        std::thread::sleep(Duration::from_millis(2 * u64::from(self.validity) + 200));
        self.versions.end();
        let last = self.versions.now() as u64;
        let all: Vec<_> = self.readers.into_iter().map(Reader::ended).collect();
        for read in &all {
            println!("{:?}: {read:?}", self.grade);
            assert_eq!(
                read.last, last,
                "it does not see the last version: {read:?}"
            );
            match self.grade {
                Grade::Strict => assert_eq!(read.old, 0, "{read:?}"),
                Grade::Default => {
                    let third = Duration::from_millis(self.validity.into()) / 3;
                    let most = 2 * read.delay + third;
                    assert!(read.longest <= most, "later than {most:?}: {read:?}");
                }
            }
        }
        all
    }
}

#[test]
fn readers_beside_a_writer_get_no_old_pixels() {
    const VALIDITY: u32 = 50;
    for (program, grade) in Program::all().iter().zip(GRADES) {
        storm(program, grade, VALIDITY);
    }
    // Where there is no Valkey, both in a Redis.
    if Program::all().len() == 1 {
        storm(&Program::redis(), Grade::Strict, VALIDITY);
    }
}

/// 16 readers on 4 processes, beside a writer that changes the source and purges it every 100 ms.
fn storm(program: &Program, grade: Grade, validity: u32) {
    let server = Server::of(program, &[]);
    let urls = vec![server.url(); PROCESSES as usize];
    let experiment = Experiment::begin(&urls, &server.url(), grade, validity, 500);
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..25 {
        let begun = Instant::now();
        experiment.change();
        std::thread::sleep(Duration::from_millis(100).saturating_sub(begun.elapsed()));
    }
    let all = experiment.end();
    let sum = |of: fn(&Read) -> u64| all.iter().map(of).sum::<u64>();
    let (gets, decodes, fetched) = (
        sum(|it| it.gets),
        sum(|it| it.decodes),
        sum(|it| it.fetched),
    );
    assert!(
        gets > decodes + fetched,
        "memory is not used: {gets} gets, {decodes} decodes, {fetched} fetched"
    );
    assert!(fetched > 0, "the store is not used");
}

#[test]
fn a_process_that_was_stopped_gets_no_old_pixels_when_it_goes_on() {
    for grade in GRADES {
        let server = Server::start(&[]);
        let experiment = Experiment::begin(&[server.url()], &server.url(), grade, 100, 50);
        for _ in 0..6 {
            // It has read what is there now.
            std::thread::sleep(Duration::from_millis(250));
            experiment.readers[0].signal("-STOP");
            experiment.change();
            experiment.readers[0].signal("-CONT");
        }
        experiment.end();
    }
}

#[test]
fn a_process_that_the_network_cuts_off_gets_no_old_pixels() {
    for grade in GRADES {
        let server = Server::start(&[]);
        let proxy = Proxy::before(server.port);
        let experiment = Experiment::begin(&[proxy.url()], &server.url(), grade, 150, 500);
        std::thread::sleep(Duration::from_millis(400));
        for answers in [Answers::Late, Answers::Closed] {
            // It is neither told nor can it ask, and the purge does not wait for it but for the validity.
            proxy.set(answers, Duration::from_secs(2));
            experiment.change();
            experiment.change();
            std::thread::sleep(Duration::from_millis(200));
            proxy.set(Answers::Pass, Duration::ZERO);
            std::thread::sleep(Duration::from_millis(900));
        }
        experiment.end();
    }
}

#[test]
fn a_purge_that_a_failover_loses_comes_back_with_whoever_saw_it() {
    for grade in GRADES {
        let mut first = Server::start(&[]);
        let copy = Server::start(&["--replicaof", &format!("127.0.0.1 {}", first.port)]);
        let proxy = Proxy::before(first.port);
        let urls = [proxy.url(), proxy.url()];
        let experiment = Experiment::begin(&urls, &proxy.url(), grade, 200, 500);
        experiment.change();
        let limit = Instant::now() + Duration::from_secs(20);
        // The copy has that, and nothing that comes later.
        let has = |server: &Server| server.tell(&["KEYS", "tc:g*"]);
        while has(&copy) == redis::Value::Array(vec![])
            || generation_in(&copy) != generation_in(&first)
        {
            assert!(Instant::now() < limit, "the copy does not come");
            std::thread::sleep(Duration::from_millis(10));
        }
        copy.tell(&["REPLICAOF", "NO", "ONE"]);
        experiment.change();
        std::thread::sleep(Duration::from_millis(100));
        assert_ne!(generation_in(&copy), generation_in(&first), "it is lost");
        first.stop();
        proxy.leads_to(copy.port);
        let lost = generation_in(&copy);
        let limit = Instant::now() + Duration::from_secs(20);
        while generation_in(&copy) == lost {
            assert!(Instant::now() < limit, "nobody raises it");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(500));
        // And it is a store as any other.
        experiment.change();
        let raised = experiment.writer.count("raised");
        let read = experiment.end();
        let raised = raised + read.iter().map(|read| read.raised).sum::<u64>();
        assert!(raised > 0, "{read:?}");
    }
}

/// The one that is there, as text.
fn generation_in(server: &Server) -> Vec<u8> {
    let mut client = server.client();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("tc:g*").query(&mut client).unwrap();
    assert_eq!(keys.len(), 1);
    redis::cmd("GET").arg(&keys[0]).query(&mut client).unwrap()
}

#[test]
fn where_copies_are_waited_for_a_purge_that_none_has_fails() {
    let first = Server::start(&[]);
    let change = |options: &mut tc_tier_redis_options| {
        options.replicas = 1;
        options.purge_ms = 300;
        options.validity_ms = 100;
    };
    let member = member_seeing(&first.url(), Versions::new(), change);
    assert_eq!(member.tile(0, 0), 0);
    let (status, message) = member.purge().unwrap_err();
    assert_eq!(status, TC_E_UNREACHABLE);
    assert!(message.contains("0 of 1 copies"), "{message}");
    // Until it goes through, the source is decoded here.
    let decodes = member.decodes();
    assert_eq!((member.tile(0, 1), member.statistics().left), (0, 1));
    assert_eq!(member.decodes(), decodes + 1);
    let _copy = Server::start(&["--replicaof", &format!("127.0.0.1 {}", first.port)]);
    let limit = Instant::now() + Duration::from_secs(20);
    while member.purge().is_err() {
        assert!(Instant::now() < limit, "the copy does not come");
    }
    // SAFETY: as the header says.
    called(|err| unsafe { tc_clear(member.cache, err) }).unwrap();
    assert_eq!(member.tile(0, 1), 0);
    member.settle();
    assert_eq!(member.statistics().left, 1);
}
