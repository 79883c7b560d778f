//! Caches over one object store, through the C API: the library tilecache and this one.

mod support;

use std::ffi::{CStr, CString};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::{KEY, Program, free_port, tell, url};
use tilecache_fleet::{Digest, Store};
use tilecache_s3::capi::{
    TC_TIER_S3_ALWAYS, TC_TIER_S3_NO_LEASES, tc_tier_s3, tc_tier_s3_options, tc_tier_s3_report,
};
use tilecache_table::raw::*;
use tilecache_tier_testing::{Member, SIDE, called, sized};

const TILES: i64 = 60;
const PROCESSES: u64 = 4;
const THREADS: u64 = 4;

fn tier(
    url: &str,
    change: impl FnOnce(&mut tc_tier_s3_options),
) -> Result<tc_tier, (tc_status, String)> {
    let (url, key) = (CString::new(url).unwrap(), CString::new(KEY).unwrap());
    // SAFETY: as the header says.
    unsafe {
        let mut options: tc_tier_s3_options = sized();
        // Whatever else the machine does, nothing is late by that.
        options.flags = TC_TIER_S3_ALWAYS;
        options.get_ms = 10_000;
        options.wait_ms = 60_000;
        (options.access_key, options.secret_key) = (key.as_ptr(), key.as_ptr());
        change(&mut options);
        let mut tier: tc_tier = std::mem::zeroed();
        called(|err| tc_tier_s3(url.as_ptr(), &options, &mut tier, err)).map(|()| tier)
    }
}

fn member(url: &str, change: impl FnOnce(&mut tc_tier_s3_options)) -> Member {
    Member::new(tier(url, change).unwrap(), tc_tier_s3_report, SIDE, 10)
}

fn some(member: &Member) {
    let (_, cols) = member.grid();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let cell = next.fetch_add(1, Ordering::SeqCst) as i64;
                    if cell >= TILES {
                        break;
                    }
                    assert_eq!(member.tile(cell / cols, cell % cols), 0);
                }
            });
        }
    });
    member.settle();
}

/// One of the processes, where this program is told so.
#[test]
fn process() {
    let Ok(url) = std::env::var("TILECACHE_S3_MEMBER") else {
        return;
    };
    let member = member(&url, |_| ());
    some(&member);
    println!("decoded {}", member.decodes());
    println!("{}", member.report());
}

fn start(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["process", "--exact", "--nocapture"])
        .env("TILECACHE_S3_MEMBER", url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn processes_decode_each_block_once_where_conditions_are_kept() {
    let Some(server) = Program::Moto.start() else {
        return;
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start(&server.url())).collect();
    let mut sum = 0;
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        sum += text
            .lines()
            .find_map(|line| line.strip_prefix("decoded ")?.parse::<u64>().ok())
            .unwrap();
    }
    assert_eq!(sum, TILES as u64);
}

#[test]
fn a_restart_finds_what_was_decoded_before() {
    for program in [Program::Moto, Program::S3rver] {
        let Some(server) = program.start() else {
            continue;
        };
        for decodes in [TILES as u64, 0] {
            let member = member(&server.url(), |_| ());
            some(&member);
            assert_eq!(
                member.decodes(),
                decodes,
                "{program:?}: {}",
                member.report()
            );
            let stats = member.statistics();
            let failures = [
                stats.unreachable,
                stats.store_late,
                stats.garbage,
                stats.refused,
            ];
            assert_eq!(failures, [0; 4], "{}", member.report());
            let conditions = if program == Program::Moto { 2 } else { 1 };
            // Where nothing had to be made or leased nobody tried them out.
            assert!([0, conditions].contains(&member.count("conditions")));
            assert!(decodes == 0 || member.count("conditions") > 0);
            if conditions == 1 {
                assert_eq!(member.count("leases_won"), 0);
            }
        }
    }
}

#[test]
fn a_purge_reaches_the_memory_of_other_caches() {
    let Some(server) = Program::Moto.start() else {
        return;
    };
    let make = || {
        member(&server.url(), |options| {
            options.validity_ms = 3000;
            options.flags |= TC_TIER_S3_NO_LEASES;
        })
    };
    let (writer, reader) = (make(), make());
    for version in 0..2 {
        [&writer, &reader]
            .iter()
            .for_each(|member| member.set_version(version));
        writer.purge().unwrap();
        for member in [&reader, &writer, &reader] {
            (0..5).for_each(|col| assert_eq!(member.tile(0, col), version));
        }
    }
    assert_eq!(writer.count("leases_won") + reader.count("leases_won"), 0);
}

#[test]
fn what_others_write_is_not_believed() {
    let Some(server) = Program::Moto.start() else {
        return;
    };
    let secret = b"0123456789abcdef";
    let make = || {
        member(&server.url(), |options| {
            (options.secret, options.secret_bytes) = (secret.as_ptr().cast(), secret.len());
        })
    };
    let one = make();
    assert_eq!(one.tile(0, 0), 0);
    one.settle();
    let listed = tell(
        server.port,
        &format!("GET /{}?prefix=of/a/fleet/v/", support::BUCKET),
        b"",
    );
    let (_, rest) = listed.split_once("<Key>of/a/fleet/v/").unwrap();
    let hexadecimal = rest.split_once("</Key>").unwrap().0;
    let byte = |at: usize| u8::from_str_radix(&hexadecimal[2 * at..][..2], 16).unwrap();
    let key = Digest(std::array::from_fn(byte));
    let store = support::store(server.port, KEY);
    let limit = Duration::from_secs(30);
    let value = store
        .values(&[(key, 1 << 20)], limit)
        .unwrap()
        .remove(0)
        .unwrap();
    let mut flipped = value.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cases = [
        (flipped, (0, 1)),
        (b"something else".to_vec(), (1, 0)),
        (value[..100].to_vec(), (1, 0)),
    ];
    for (content, counts) in cases {
        store
            .put(&[(key, content)], limit)
            .unwrap()
            .remove(0)
            .unwrap();
        let two = make();
        assert_eq!(two.tile(0, 0), 0);
        two.settle();
        let stats = two.statistics();
        assert_eq!(
            (two.decodes(), (stats.garbage, stats.forged)),
            (1, counts),
            "{}",
            two.report()
        );
    }
    let three = make();
    assert_eq!(
        (three.tile(0, 0), three.decodes()),
        (0, 0),
        "it was replaced"
    );
    // Under another secret it has another name.
    let other = member(&server.url(), |options| {
        (options.secret, options.secret_bytes) = (c"another secret...".as_ptr().cast(), 16);
    });
    assert_eq!((other.tile(0, 0), other.decodes()), (0, 1));
}

#[test]
fn a_store_that_is_not_there_or_goes_is_no_error_but_to_a_purge() {
    let begun = std::time::Instant::now();
    let nobody = member(&url(free_port()), |_| ());
    (0..9).for_each(|col| assert_eq!(nobody.tile(0, col), 0));
    let (status, message) = nobody.purge().unwrap_err();
    assert_eq!(status, TC_E_UNREACHABLE, "{message}");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "who opens an image does not wait for a store that fails"
    );
    let Some(server) = Program::Moto.start() else {
        return;
    };
    let member = member(&server.url(), |options| options.validity_ms = 600);
    assert_eq!(member.tile(0, 0), 0);
    member.settle();
    drop(server);
    (0..30).for_each(|col| assert_eq!(member.tile(1, col), 0));
    member.set_version(1);
    member.purge().unwrap_err();
    assert_eq!(
        member.tile(1, 0),
        1,
        "the memory of this process is invalidated all the same"
    );
}

#[test]
fn bad_options_are_refused_with_what_was_wrong() {
    let refused = |url: &str, change: &dyn Fn(&mut tc_tier_s3_options)| {
        let Err((status, message)) = tier(url, change) else {
            panic!("{url}");
        };
        assert_eq!(status, TC_E_ARGUMENT, "{message}");
        message
    };
    let url = "https://host/bucket";
    assert!(refused("http://", &|_| ()).contains("bucket"));
    assert!(refused(url, &|options| options.flags = 52).contains("0x30"));
    assert!(refused(url, &|options| options.connections = 65).contains("65"));
    assert!(refused(url, &|options| options.reserved = 7).contains('7'));
    assert!(refused(url, &|options| options.validity_ms = 29).contains("29"));
    assert!(refused(url, &|options| options.compression = 9).contains('9'));
    assert!(refused(url, &|options| options.struct_size = 41).contains("41"));
    assert!(refused(url, &|options| options.secret_key = ptr::null()).contains("secret_key"));
    assert!(refused(url, &|options| options.access_key = ptr::null()).contains("access_key"));
    let binary: &CStr = c"\xff";
    assert!(refused(url, &|options| options.region = binary.as_ptr()).contains("region"));
    // SAFETY: as the header says; what is not set is given back.
    unsafe {
        let mut tier: tc_tier = std::mem::zeroed();
        let made =
            |url: *const _, tier: *mut tc_tier| tc_tier_s3(url, ptr::null(), tier, ptr::null_mut());
        assert_eq!(made(ptr::null(), &mut tier), TC_E_ARGUMENT);
        assert_eq!(
            made(c"s3://bucket".as_ptr(), ptr::null_mut()),
            TC_E_ARGUMENT
        );
        assert_eq!(made(c"s3://bucket".as_ptr(), &mut tier), TC_OK);
        tier.release.unwrap()(tier.user);
    }
}
