//! Caches over one directory, through the C API: the library tilecache and this one.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tilecache_files::capi::{
    TC_TIER_FILES_ALWAYS, TC_TIER_FILES_PUT_EVICTED, TC_TIER_FILES_STRICT, tc_tier_files,
    tc_tier_files_options, tc_tier_files_report,
};
use tilecache_table::raw::*;
use tilecache_tier_testing::{COLS, Folder, Member, ROWS, SIDE, called, sized};

const PROCESSES: u64 = 4;
const THREADS: u64 = 4;
const BLOCKS: u64 = (ROWS * COLS) as u64;

fn tier(
    path: &Path,
    change: impl FnOnce(&mut tc_tier_files_options),
) -> Result<tc_tier, (tc_status, String)> {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: as the header says.
    unsafe {
        let mut options: tc_tier_files_options = sized();
        // Whatever else the machine does, nothing is late by that.
        options.flags = TC_TIER_FILES_ALWAYS;
        options.get_ms = 5000;
        options.put_ms = 5000;
        options.validity_ms = 15_000;
        options.wait_ms = 30_000;
        change(&mut options);
        let mut tier: tc_tier = std::mem::zeroed();
        called(|err| tc_tier_files(path.as_ptr(), &options, &mut tier, err)).map(|()| tier)
    }
}

fn member(path: &Path, side: i64, milliseconds: u64) -> Member {
    let tier = tier(path, |_| ()).unwrap();
    Member::new(tier, tc_tier_files_report, side, milliseconds)
}

/// One whose blocks are stored when they leave its memory.
fn member_that_evicts(path: &Path, side: i64) -> Member {
    let tier = tier(path, |options| options.flags |= TC_TIER_FILES_PUT_EVICTED).unwrap();
    Member::new(tier, tc_tier_files_report, side, 0)
}

/// Asks for the first tiles.
fn read(member: &Member, tiles: u64) {
    let (_, cols) = member.grid();
    (0..tiles as i64).for_each(|cell| assert_eq!(member.tile(cell / cols, cell % cols), 0));
}

/// Another process, where this program is told so, whose memory has room for all, and which stores it when it ends.
#[test]
fn process_that_evicts() {
    let Ok(folder) = std::env::var("TILECACHE_FILES_EVICTS") else {
        return;
    };
    let member = member_that_evicts(Path::new(&folder), SIDE);
    read(&member, BLOCKS);
    assert_eq!(member.statistics().puts, 0, "{}", member.report());
    member.flush(Duration::from_secs(60)).unwrap();
    println!("decoded {}", member.decodes());
    // It ends as a program does that gives nothing back.
    std::process::exit(0);
}

#[test]
fn a_process_that_ends_has_stored_what_it_was_told_to_and_the_next_one_decodes_nothing() {
    let folder = Folder::new();
    let mut process = Command::new(std::env::current_exe().unwrap());
    let process = process
        .args(["process_that_evicts", "--exact", "--nocapture"])
        .env("TILECACHE_FILES_EVICTS", folder.as_os_str())
        .stdout(Stdio::piped());
    let (first, text) = decoded(process.spawn().unwrap());
    assert_eq!(first, Some(BLOCKS), "{text}");
    assert_eq!(values(&folder).len() as u64, BLOCKS);
    let (again, text) = decoded(process.spawn().unwrap());
    assert_eq!(again, Some(0), "{text}");
}

#[test]
fn what_leaves_the_memory_is_stored_and_what_stays_is_not() {
    const SEEN: u64 = 300;
    for side in [SIDE, 80] {
        let folder = Folder::new();
        let member = member_that_evicts(&folder, side);
        // Room for some 100 blocks.
        member.set_budget(1 << 20);
        read(&member, SEEN);
        member.settle();
        let (stats, decodes) = (member.statistics(), member.decodes());
        let left = stats.owed / (SIDE * SIDE * 2) as u64;
        assert!(stats.puts > decodes / 4 && left > 10, "{}", member.report());
        assert_eq!(stats.puts + stats.puts_dropped + left, decodes);
        assert_eq!(stats.leases_won, 0);
        assert_eq!(values(&folder).len() as u64, member.count("stored"));
        // Others decode what this one has in memory, and no more.
        let other = member_that_evicts(&folder, side);
        read(&other, SEEN);
        let most = left + stats.puts_dropped;
        // Where tiles straddle blocks one may be asked for again before it is stored, and be decoded and owed again.
        match side {
            SIDE => assert_eq!(other.decodes(), most),
            _ => assert!((1..=most).contains(&other.decodes()), "{most}"),
        }
        member.flush(Duration::from_secs(60)).unwrap();
        assert_eq!(member.statistics().owed, 0);
        let dropped = member.statistics().puts_dropped;
        let third = member_that_evicts(&folder, side);
        read(&third, SEEN);
        assert!(third.decodes() <= dropped, "{}", third.report());
    }
}

#[test]
fn what_changed_before_it_left_the_memory_is_not_stored() {
    let folder = Folder::new();
    let tier = tier(&folder, |options| {
        options.flags |= TC_TIER_FILES_PUT_EVICTED;
        options.validity_ms = 300;
    });
    let member = Member::new(tier.unwrap(), tc_tier_files_report, SIDE, 0);
    read(&member, 20);
    member.set_version(1);
    member.purge().unwrap();
    member.flush(Duration::from_secs(60)).unwrap();
    assert_eq!((member.statistics().puts, values(&folder).len()), (0, 0));
    assert_eq!((member.tile(0, 0), member.statistics().owed > 0), (1, true));
}

#[test]
fn what_is_in_memory_when_the_cache_goes_is_stored() {
    let folder = Folder::new();
    let member = member_that_evicts(&folder, SIDE);
    read(&member, 50);
    assert_eq!(values(&folder).len(), 0);
    drop(member);
    let limit = Instant::now() + Duration::from_secs(60);
    while values(&folder).len() < 50 {
        assert!(
            Instant::now() < limit,
            "{} are stored",
            values(&folder).len()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let next = member_that_evicts(&folder, SIDE);
    read(&next, 50);
    assert_eq!(next.decodes(), 0, "{}", next.report());
}

/// One of the processes, where this program is told so: it asks for all tiles, in an order of its own.
#[test]
fn process() {
    let Ok(told) = std::env::var("TILECACHE_FILES_MEMBER") else {
        return;
    };
    let words: Vec<_> = told.split(' ').collect();
    let (seed, side): (u64, i64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    let member = member(Path::new(words[0]), side, 10);
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

fn start(folder: &Path, seed: u64, side: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["process", "--exact", "--nocapture"])
        .env(
            "TILECACHE_FILES_MEMBER",
            format!("{} {seed} {side}", folder.display()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a process decoded; nothing where it was killed.
fn decoded(process: Child) -> (Option<u64>, String) {
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let decodes = text
        .lines()
        .find_map(|line| line.strip_prefix("decoded ")?.parse().ok());
    assert_eq!(decodes.is_some(), output.status.success(), "{text}");
    (decodes, text)
}

/// The files of values.
fn values(folder: &Path) -> Vec<PathBuf> {
    let Ok(shards) = std::fs::read_dir(folder.join("v")) else {
        return Vec::new();
    };
    let shards = shards.map(|shard| shard.unwrap().path());
    shards
        .flat_map(|shard| {
            std::fs::read_dir(shard)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        })
        .collect()
}

#[test]
fn four_processes_decode_each_block_once() {
    for side in [SIDE, 80] {
        let folder = Folder::new();
        let processes: Vec<_> = (0..PROCESSES)
            .map(|seed| start(&folder, seed, side))
            .collect();
        let (decodes, texts): (Vec<_>, Vec<_>) = processes.into_iter().map(decoded).unzip();
        let sum: u64 = decodes.into_iter().flatten().sum();
        assert_eq!(sum, BLOCKS, "tiles of {side}: {texts:#?}");
    }
}

#[test]
fn a_killed_process_costs_at_most_what_it_was_at() {
    let folder = Folder::new();
    let mut processes: Vec<_> = (0..PROCESSES)
        .map(|seed| start(&folder, seed, SIDE))
        .collect();
    let mut killed = processes.remove(0);
    let limit = Instant::now() + Duration::from_secs(60);
    while values(&folder).len() < BLOCKS as usize / 3 {
        assert!(Instant::now() < limit, "nothing is stored");
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    assert_eq!(decoded(killed).0, None);
    let (decodes, texts): (Vec<_>, Vec<_>) = processes.into_iter().map(decoded).unzip();
    let sum: u64 = decodes.into_iter().flatten().sum();
    // What the killed one stored, and what the others decoded, is all; what it was at, one of them decodes once more.
    assert!(sum <= BLOCKS, "{sum}: {texts:#?}");
    assert!(
        sum >= BLOCKS / 2,
        "{sum}: the killed one did not work at all"
    );
}

/// Somebody looks around: so many tiles of a window at a time, which moves by a few.
fn look_around(member: &Member, steps: u32) -> u64 {
    const WINDOW: (i64, i64) = (5, 7);
    let (rows, cols) = member.grid();
    let mut random = fastrand::Rng::with_seed(11);
    let (mut row, mut col) = (rows / 2, cols / 2);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..steps {
        row = (row + random.i64(-1..=1)).clamp(0, rows - WINDOW.0);
        col = (col + random.i64(-2..=2)).clamp(0, cols - WINDOW.1);
        for (down, right) in
            (0..WINDOW.0).flat_map(|down| (0..WINDOW.1).map(move |right| (down, right)))
        {
            seen.insert((row + down, col + right));
            assert_eq!(member.tile(row + down, col + right), 0);
        }
    }
    seen.len() as u64
}

#[test]
fn a_restart_finds_what_was_decoded_before() {
    let folder = Folder::new();
    for round in 0..3 {
        let member = member(&folder, SIDE, 0);
        let seen = look_around(&member, 100);
        member.settle();
        let decodes = if round == 0 { seen } else { 0 };
        assert_eq!(member.decodes(), decodes, "{}", member.report());
        let stats = member.statistics();
        assert_eq!(stats.hits, seen - decodes);
        assert_eq!(member.count("stored"), decodes);
        let failures = [
            stats.unreachable,
            stats.store_late,
            stats.garbage,
            stats.refused,
        ];
        assert_eq!(failures, [0; 4], "{}", member.report());
        // A read into memory, one pass that unpacks it, and another one that puts the bytes of samples where they belong.
        let block = (SIDE * SIDE * 2) as u64;
        assert_eq!(member.count("bytes_unpacked"), 2 * block * stats.hits);
    }
}

#[test]
fn a_purge_reaches_the_memory_of_other_caches() {
    [0, TC_TIER_FILES_STRICT]
        .into_iter()
        .for_each(purge_and_look);
}

fn purge_and_look(grade: u32) {
    let folder = Folder::new();
    let make = || {
        let tier = tier(&folder, |options| {
            options.validity_ms = 600;
            options.flags |= grade;
        });
        let tier = tier.unwrap();
        Member::new(tier, tc_tier_files_report, SIDE, 0)
    };
    let (writer, reader) = (make(), make());
    for version in 0..4 {
        // The scene is one: its pixels change for all.
        [&writer, &reader]
            .iter()
            .for_each(|member| member.set_version(version));
        writer.purge().unwrap();
        for member in [&reader, &writer, &reader] {
            (0..9).for_each(|col| assert_eq!(member.tile(0, col), version));
        }
    }
    assert!(writer.count("hits") > 0, "{}", writer.report());
}

#[test]
fn damaged_values_are_decoded_anew_and_replaced() {
    let folder = Folder::new();
    const TILES: i64 = 40;
    let all = |member: &Member| {
        (0..TILES).for_each(|cell| assert_eq!(member.tile(0, cell), 0));
        member.settle();
    };
    all(&member(&folder, SIDE, 0));
    let mut random = fastrand::Rng::with_seed(3);
    for (number, path) in values(&folder).into_iter().enumerate() {
        let mut value = std::fs::read(&path).unwrap();
        match number % 3 {
            0 => *random.choice(&mut value).unwrap() ^= 1 << random.u8(..8),
            1 => value.truncate(random.usize(..value.len())),
            _ => value.push(0),
        }
        std::fs::write(&path, value).unwrap();
    }
    let damaged = member(&folder, SIDE, 0);
    all(&damaged);
    assert_eq!(damaged.decodes(), TILES as u64);
    assert_eq!(damaged.statistics().garbage, TILES as u64);
    let after = member(&folder, SIDE, 0);
    all(&after);
    assert_eq!((after.decodes(), after.statistics().garbage), (0, 0));
}

#[test]
fn who_does_not_know_the_secret_is_not_believed() {
    let folder = Folder::new();
    let make = |secret: &[u8]| {
        let tier = tier(&folder, |options| {
            (options.secret, options.secret_bytes) = (secret.as_ptr().cast(), secret.len());
        });
        Member::new(tier.unwrap(), tc_tier_files_report, SIDE, 0)
    };
    let one = make(b"0123456789abcdef");
    assert_eq!(one.tile(0, 0), 0);
    one.settle();
    let path = values(&folder).remove(0);
    let mut forged = std::fs::read(&path).unwrap();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    std::fs::write(&path, forged).unwrap();
    let two = make(b"0123456789abcdef");
    assert_eq!(two.tile(0, 0), 0);
    assert_eq!((two.statistics().forged, two.decodes()), (1, 1));
    // Under another secret it has another name.
    let three = make(b"another secret..");
    assert_eq!(three.tile(0, 0), 0);
    assert_eq!((three.statistics().forged, three.decodes()), (0, 1));
}

#[test]
fn a_directory_that_goes_is_no_error_but_to_a_purge() {
    let folder = Folder::new();
    let path = folder.join("tiles");
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    unsafe extern "C" fn log(_: *mut c_void, message: *const c_char) {
        // SAFETY: it ends with NUL.
        let message = unsafe { std::ffi::CStr::from_ptr(message) };
        TOLD.lock()
            .unwrap()
            .push(message.to_string_lossy().into_owned());
    }
    let tier = tier(&path, |options| {
        options.log = Some(log);
        options.validity_ms = 300;
    });
    let member = Member::new(tier.unwrap(), tc_tier_files_report, SIDE, 0);
    assert_eq!(member.tile(0, 0), 0);
    member.settle();
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::write(&path, "a file in its place").unwrap();
    (0..20).for_each(|col| assert_eq!(member.tile(1, col), 0));
    member.set_version(1);
    let (status, message) = member.purge().unwrap_err();
    assert_eq!(status, TC_E_UNREACHABLE, "{message}");
    (0..20).for_each(|col| {
        assert_eq!(
            member.tile(1, col),
            1,
            "the memory of this process is invalidated all the same"
        )
    });
    let told = TOLD.lock().unwrap().clone();
    assert!(told.is_empty() || told[0].contains("tiles"), "{told:?}");
}

#[test]
fn bad_options_are_refused_with_what_was_wrong() {
    let folder = Folder::new();
    let refused = |path: &Path, change: &dyn Fn(&mut tc_tier_files_options)| {
        let Err((status, message)) = tier(path, change) else {
            panic!("{}", path.display());
        };
        (status, message)
    };
    let path = folder.join("tiles");
    let argument = |change: &dyn Fn(&mut tc_tier_files_options)| {
        let (status, message) = refused(&path, change);
        assert_eq!(status, TC_E_ARGUMENT, "{message}");
        message
    };
    assert!(argument(&|options| options.flags = 22).contains("0x14"));
    assert!(argument(&|options| options.bytes = 1000).contains("1000"));
    assert!(argument(&|options| options.validity_ms = 29).contains("29"));
    assert!(argument(&|options| options.compression = 9).contains('9'));
    assert!(argument(&|options| options.struct_size = 41).contains("41"));
    assert!(argument(&|options| options.secret_bytes = 16).contains("NULL"));
    assert!(!path.exists(), "nothing is made where an option is wrong");
    std::fs::write(folder.join("photo"), "").unwrap();
    let (status, message) = refused(&folder, &|_| ());
    assert_eq!(status, TC_E_ARGUMENT);
    assert!(message.contains("other files"), "{message}");
    let (status, message) = refused(&folder.join("no/such"), &|_| ());
    assert_eq!(status, TC_E_IO);
    assert!(message.contains("no/such"), "{message}");
    // SAFETY: as the header says; what is not set is given back.
    unsafe {
        let mut tier: tc_tier = std::mem::zeroed();
        let made = |path: *const c_char, tier: *mut tc_tier| {
            tc_tier_files(path, ptr::null(), tier, ptr::null_mut())
        };
        assert_eq!(made(ptr::null(), &mut tier), TC_E_ARGUMENT);
        assert_eq!(made(c"".as_ptr(), &mut tier), TC_E_ARGUMENT);
        let text = CString::new(path.as_os_str().as_bytes()).unwrap();
        assert_eq!(made(text.as_ptr(), ptr::null_mut()), TC_E_ARGUMENT);
        assert_eq!(made(text.as_ptr(), &mut tier), TC_OK);
        tier.release.unwrap()(tier.user);
    }
}

/// How often the threads of tiers of this process went to sleep, and how many there are.
fn sleeps() -> (u64, usize) {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let statuses = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let ours: Vec<_> = statuses
        .filter(|status| status.contains("tilecache-files"))
        .collect();
    let count = |status: &String| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    (ours.iter().map(count).sum(), ours.len())
}

/// Alone in its process, for others of these tests have tiers, too.
#[test]
fn while_no_source_is_open_nothing_wakes_up() {
    const TOLD: &str = "TILECACHE_FILES_IDLE";
    let folder = Folder::new();
    if std::env::var_os(TOLD).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone
            .args(["while_no_source_is_open_nothing_wakes_up", "--exact"])
            .env(TOLD, "1");
        let alone = alone.output().unwrap();
        assert!(
            alone.status.success(),
            "{}",
            String::from_utf8_lossy(&alone.stdout)
        );
        return;
    }
    let mut cache = ptr::null_mut();
    // SAFETY: as the headers say.
    unsafe {
        let tier = tier(&folder, |options| options.validity_ms = 90).unwrap();
        called(|err| tc_create(1 << 20, ptr::null(), &mut cache, err)).unwrap();
        called(|err| tc_set_tier(cache, &tier, err)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    let before = sleeps();
    assert_eq!(before.1, 1, "the tier has one thread");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sleeps(), before);
    // SAFETY: it is held once.
    unsafe { tc_release(cache) };
    assert_eq!(sleeps().1, 0, "it is gone with the cache");
}
