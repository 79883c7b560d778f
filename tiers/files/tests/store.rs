//! The directory itself, by what a fleet asks of it: bounded, shared, killed, damaged, full and read-only.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tilecache_files::{Directory, Files, LEAST_BYTES, Refused};
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};
use tilecache_tier_testing::Folder;

const LIMIT: Duration = Duration::from_secs(5);

fn files(path: &Path) -> Files {
    Files::new(Directory::open(path).unwrap(), LEAST_BYTES)
}

/// Keys as digests are: any bytes.
fn key(number: u64) -> Digest {
    let mut random = fastrand::Rng::with_seed(number);
    Digest(std::array::from_fn(|_| random.u8(..)))
}

/// A value that belongs to a key, of any length up to this.
fn value(number: u64, longest: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(!number);
    let length = random.usize(1..=longest);
    let mut value = number.to_le_bytes().to_vec();
    value.resize(length + 8, random.u8(..));
    value
}

fn put(files: &Files, number: u64, longest: usize) -> Result<(), Failure> {
    let values = [(key(number), value(number, longest))];
    files.put(&values, LIMIT).and_then(|mut put| put.remove(0))
}

fn get(files: &Files, number: u64) -> Option<Vec<u8>> {
    let found = files.values(&[(key(number), usize::MAX)], LIMIT);
    found.unwrap().remove(0)
}

/// The files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn taken(folder: &Path) -> u64 {
    let of_values = below(&folder.join("v")).into_iter();
    of_values
        .map(|path| path.metadata().unwrap().len().next_multiple_of(4096))
        .sum()
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    let hexadecimal: String = key(number)
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    folder
        .join("v")
        .join(&hexadecimal[..2])
        .join(&hexadecimal[2..])
}

#[test]
fn what_is_put_is_there_for_others_and_later() {
    let folder = Folder::new();
    let (one, other) = (files(&folder), files(&folder));
    assert_eq!(get(&other, 5), None);
    put(&one, 5, 1000).unwrap();
    assert_eq!(get(&other, 5), Some(value(5, 1000)));
    drop((one, other));
    let later = files(&folder);
    assert_eq!(get(&later, 5), Some(value(5, 1000)));
    // No more than one byte beyond what was asked for.
    let found = later.values(&[(key(5), 10)], LIMIT).unwrap().remove(0);
    assert_eq!(found.unwrap(), value(5, 1000)[..11]);
}

#[test]
fn the_bound_holds_at_every_moment_and_what_is_used_stays() {
    let folder = Folder::new();
    let files = files(&folder);
    const LONGEST: usize = 200_000;
    let mut most = 0;
    for number in 0..400 {
        put(&files, number, LONGEST).unwrap();
        most = most.max(taken(&folder));
    }
    assert!(most <= LEAST_BYTES, "{most} bytes");
    assert!(most > LEAST_BYTES / 2, "{most} bytes");
    assert_eq!(files.counts().bytes.get(), taken(&folder));
    assert!(files.counts().evicted.get() > 100);
    // All were used an hour ago, but for every third, which is read now.
    let hour = SystemTime::now() - Duration::from_secs(3600);
    for path in below(&folder.join("v")) {
        std::fs::File::open(path)
            .unwrap()
            .set_modified(hour)
            .unwrap();
    }
    let kept: Vec<_> = (0..400)
        .filter(|&number| path_of(&folder, number).exists())
        .collect();
    let used: Vec<_> = kept.iter().copied().step_by(3).collect();
    used.iter()
        .for_each(|&number| assert!(get(&files, number).is_some()));
    let before = files.counts().evicted.get();
    let mut next = 1000;
    while files.counts().evicted.get() - before < kept.len() as u64 / 3 {
        put(&files, next, LONGEST).unwrap();
        next += 1;
    }
    let lost = used
        .iter()
        .filter(|&&number| get(&files, number).is_none())
        .count();
    assert!(
        lost * 10 <= used.len(),
        "{lost} of {} that were used are gone",
        used.len()
    );
}

/// In a process of its own, where this program is told so: it puts values until it is killed.
#[test]
fn writer() {
    let Ok(told) = std::env::var("TILECACHE_FILES_WRITER") else {
        return;
    };
    let (folder, seed) = told.split_once(' ').unwrap();
    let files = files(Path::new(folder));
    let mut random = fastrand::Rng::with_seed(seed.parse().unwrap());
    loop {
        let number = random.u64(0..500);
        let lease = Lease {
            key: key(number),
            token: seed.to_owned(),
            term: Duration::from_secs(30),
        };
        files.lease(&[lease], LIMIT).unwrap();
        put(&files, number, 100_000).unwrap();
        files
            .generations(&[(key(number), random.u64(..))], LIMIT)
            .unwrap()
            .remove(0)
            .unwrap();
        println!("written");
    }
}

#[test]
fn who_is_killed_leaves_nothing_wrong_and_nothing_that_grows() {
    let folder = Folder::new();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..15_u64 {
        let start = |seed: u64| {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["writer", "--exact", "--nocapture"])
                .env(
                    "TILECACHE_FILES_WRITER",
                    format!("{} {seed}", folder.display()),
                )
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            (std::io::BufReader::new(child.stdout.take().unwrap()), child)
        };
        let mut writers = [start(2 * round), start(2 * round + 1)];
        for (out, _) in &mut writers {
            let (count, mut line) = (random.u32(1..40), String::new());
            for _ in 0..count {
                line.clear();
                while !line.contains("written") {
                    let read = std::io::BufRead::read_line(out, &mut line).unwrap();
                    assert!(read > 0, "the writer ended");
                }
            }
        }
        std::thread::sleep(Duration::from_micros(random.u64(..5000)));
        writers
            .iter_mut()
            .for_each(|(_, writer)| writer.kill().unwrap());
        for (_, mut writer) in writers {
            writer.wait().unwrap();
        }
        assert!(taken(&folder) <= LEAST_BYTES);
    }
    let after = files(&folder);
    let found = (0..500).filter(|&number| {
        let found = get(&after, number);
        assert!(
            found.is_none() || found == Some(value(number, 100_000)),
            "another value of {number}"
        );
        found.is_some()
    });
    assert!(found.count() > 100);
    // The next one that writes cleans up, and no lease is left of those that ended.
    for number in 0..500 {
        put(&after, number, 100_000).unwrap();
    }
    assert!(!folder.join("new").exists());
    assert!(taken(&folder) <= LEAST_BYTES);
    let keys: Vec<_> = (0..500).map(key).collect();
    assert!(
        after
            .holders(&keys, LIMIT)
            .unwrap()
            .iter()
            .all(Option::is_none)
    );
    let others = below(&folder).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.len() != 62
    });
    let mut names: Vec<_> = others
        .map(|path| path.strip_prefix(&*folder).unwrap().to_owned())
        .collect();
    names.sort();
    let known = [
        "g/lock",
        "g/new",
        "leases",
        "lock",
        "sizes",
        "tilecache-files",
    ]
    .map(PathBuf::from);
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert!(folder.join("leases").metadata().unwrap().len() <= 512 * 1024);
}

#[test]
fn many_writers_count_what_there_is() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let files = files(&folder);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                (0..100).for_each(|_| put(&files, random.u64(0..300), 150_000).unwrap());
            });
        }
    });
    let after = files(&folder);
    put(&after, 1, 150_000).unwrap();
    assert_eq!(after.counts().bytes.get(), taken(&folder));
    assert_eq!(after.counts().recounts.get(), 0);
    assert!(taken(&folder) <= LEAST_BYTES);
}

#[test]
fn damaged_sizes_are_counted_anew() {
    let folder = Folder::new();
    let files = files(&folder);
    (0..50).for_each(|number| put(&files, number, 100_000).unwrap());
    let right = std::fs::read(folder.join("sizes")).unwrap();
    let mut flipped = right.clone();
    flipped[100] ^= 1;
    for damaged in [&right[..100], &flipped, b"", &[0xff; 4096]] {
        std::fs::write(folder.join("sizes"), damaged).unwrap();
        let before = files.counts().recounts.get();
        put(&files, 1, 100_000).unwrap();
        assert_eq!(files.counts().recounts.get(), before + 1);
        assert_eq!(files.counts().bytes.get(), taken(&folder));
    }
}

#[test]
fn what_is_no_value_is_doubted_and_replaced() {
    let folder = Folder::new();
    let files = files(&folder);
    let outside = folder.join("v").join("outside");
    put(&files, 0, 100).unwrap();
    std::fs::write(&outside, value(1, 100)).unwrap();
    type Make<'a> = &'a dyn Fn(&Path);
    let makers: [Make<'_>; 4] = [
        &|path| std::fs::create_dir_all(path.join("in/it")).unwrap(),
        &|path| std::os::unix::fs::symlink(&outside, path).unwrap(),
        &|path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        &|path| std::fs::write(path, "").unwrap(),
    ];
    for make in makers {
        let path = path_of(&folder, 1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        make(&path);
        assert_eq!(
            get(&files, 1),
            Some(Vec::new()),
            "{:?}",
            path.symlink_metadata()
        );
        put(&files, 1, 100).unwrap();
        assert_eq!(get(&files, 1), Some(value(1, 100)));
        std::fs::remove_file(&path).unwrap();
    }
    assert!(outside.exists(), "what a link led to is not touched");
    // A file where a directory should be: nothing is there, and nothing can be put there.
    let shard = path_of(&folder, 2).parent().unwrap().to_owned();
    std::fs::write(&shard, "something").unwrap();
    assert_eq!(get(&files, 2), None);
    assert!(matches!(put(&files, 2, 100), Err(Failure::Unreachable(_))));
    assert_eq!(std::fs::read(shard).unwrap(), b"something");
}

#[test]
fn other_files_stay() {
    let folder = Folder::new();
    let files = files(&folder);
    put(&files, 0, 100).unwrap();
    let foreign = path_of(&folder, 0).with_file_name("notes.txt");
    std::fs::write(&foreign, vec![1; 1 << 20]).unwrap();
    (1..300).for_each(|number| put(&files, number, 200_000).unwrap());
    assert!(files.counts().evicted.get() > 50);
    assert!(foreign.exists());
    let strange = Folder::new();
    std::fs::write(strange.join("holiday.jpg"), "").unwrap();
    assert!(
        matches!(Directory::open(&strange), Err(Refused::Foreign(text)) if text.contains("other files"))
    );
    std::fs::write(strange.join("tilecache-files"), "tilecache files 2\n").unwrap();
    assert!(
        matches!(Directory::open(&strange), Err(Refused::Foreign(text)) if text.contains("format"))
    );
    // Who was killed in the middle of that left the beginning.
    std::fs::write(strange.join("tilecache-files"), "tilec").unwrap();
    assert!(Directory::open(&strange).is_ok());
    assert!(matches!(
        Directory::open(Path::new("/dev/null/x")),
        Err(Refused::Failed(_))
    ));
}

#[test]
fn a_directory_that_is_removed_comes_back() {
    let folder = Folder::new();
    let files = files(&folder.join("tiles"));
    put(&files, 1, 100).unwrap();
    std::fs::remove_dir_all(folder.join("tiles")).unwrap();
    assert_eq!(get(&files, 1), None);
    assert!(matches!(put(&files, 1, 100), Err(Failure::Unreachable(_))));
    std::fs::create_dir(folder.join("tiles")).unwrap();
    put(&files, 1, 100).unwrap();
    assert_eq!(get(&files, 1), Some(value(1, 100)));
}

#[test]
fn a_directory_that_a_process_goes_on_with_is_taken_again() {
    let folder = Folder::new();
    let before = files(&folder);
    std::fs::remove_dir_all(&*folder).unwrap();
    let found = before.generations(&[(key(1000), 5)], LIMIT).unwrap();
    assert!(found[0].as_ref().unwrap().is_some());
    put(&before, 1, 100).unwrap();
    assert_eq!(get(&files(&folder), 1), Some(value(1, 100)));
    std::fs::remove_file(folder.join("tilecache-files")).unwrap();
    std::fs::write(folder.join("theirs"), "").unwrap();
    assert!(matches!(Directory::open(&folder), Err(Refused::Foreign(_))));
}

#[test]
fn leases_are_of_one_and_end() {
    let folder = Folder::new();
    let (one, other) = (files(&folder), files(&folder).with_patience(Duration::ZERO));
    let lease = |token: &str, milliseconds| Lease {
        key: key(1),
        token: token.to_owned(),
        term: Duration::from_millis(milliseconds),
    };
    assert_eq!(one.lease(&[lease("one", 10_000)], LIMIT), Ok(vec![true]));
    assert_eq!(
        other.lease(&[lease("other", 10_000)], LIMIT),
        Ok(vec![false])
    );
    assert_eq!(
        other.holders(&[key(1), key(2)], LIMIT),
        Ok(vec![Some("one".to_owned()), None])
    );
    assert_eq!(
        other.renew(&[lease("other", 10_000)], LIMIT),
        Ok(vec![false])
    );
    other.unlease(&[lease("other", 0)], LIMIT).unwrap();
    assert_eq!(one.renew(&[lease("one", 30)], LIMIT), Ok(vec![true]));
    std::thread::sleep(Duration::from_millis(40));
    let held = Ok(vec![Some("one".to_owned())]);
    assert_eq!(one.holders(&[key(1)], LIMIT), held, "it lives, and is late");
    assert_eq!(
        other.holders(&[key(1)], LIMIT),
        Ok(vec![None]),
        "nobody has patience for it"
    );
    assert_eq!(
        other.renew(&[lease("one", 30)], LIMIT),
        Ok(vec![false]),
        "it was over"
    );
    assert_eq!(
        other.lease(&[lease("other", 10_000)], LIMIT),
        Ok(vec![true])
    );
    other.unlease(&[lease("other", 0)], LIMIT).unwrap();
    assert_eq!(one.holders(&[key(1)], LIMIT), Ok(vec![None]));
    // What is damaged is free.
    let garbage: Vec<_> = (0..512 * 1024).map(|at| (at * 7) as u8).collect();
    std::fs::write(folder.join("leases"), garbage).unwrap();
    assert_eq!(one.lease(&[lease("one", 10_000)], LIMIT), Ok(vec![true]));
    assert_eq!(
        other.lease(&[lease("other", 10_000)], LIMIT),
        Ok(vec![false])
    );
    // More than there is place for are given all the same, and the file does not grow.
    let many: Vec<_> = (0..10_000)
        .map(|number| Lease {
            key: key(number),
            ..lease("many", 10_000)
        })
        .collect();
    let won = one.lease(&many, LIMIT).unwrap();
    assert!(won.iter().filter(|won| **won).count() >= 9_999);
    assert!(folder.join("leases").metadata().unwrap().len() <= 512 * 1024);
}

#[test]
fn generations_are_the_same_for_all_and_rise() {
    let folder = Folder::new();
    let find = |files: &Files, random| {
        files
            .generations(&[(key(1), random)], LIMIT)
            .unwrap()
            .remove(0)
    };
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let ask = |random| {
            let files = files(&folder);
            scope.spawn(move || find(&files, random).unwrap().unwrap())
        };
        let asked: Vec<_> = (1..9).map(ask).collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
    let files = files(&folder);
    let raised = files.raise(&key(1), 0, 77, LIMIT).unwrap().unwrap();
    assert!(raised.counter > found[0].counter && raised.random == 77);
    assert_eq!(find(&files, 3), Ok(Some(raised)));
    let above = raised.counter + 1_000_000_000;
    let higher = files.raise(&key(1), above, 78, LIMIT).unwrap().unwrap();
    assert_eq!(
        higher,
        Generation {
            counter: above + 1,
            random: 78
        }
    );
    // The clock is behind that now.
    assert_eq!(
        files.raise(&key(1), 0, 79, LIMIT).unwrap().unwrap().counter,
        above + 2
    );
    let path = below(&folder.join("g"))
        .into_iter()
        .find(|path| path.file_name().unwrap().len() == 62)
        .unwrap();
    for damaged in ["", "5", "tilecache", "7-zz"] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(find(&files, 3), Ok(None), "{damaged}");
    }
    assert!(
        files
            .raise(&key(1), above, 80, LIMIT)
            .unwrap()
            .unwrap()
            .counter
            > above
    );
}

#[test]
fn generations_that_nobody_asks_for_go() {
    let folder = Folder::new();
    let files = files(&folder);
    // Of one shard, so that each is looked at when another one is made there.
    let source = |number: u8| Digest(std::array::from_fn(|at| if at == 31 { number } else { 9 }));
    let find = |number, random| {
        files
            .generations(&[(source(number), random)], LIMIT)
            .unwrap()
            .remove(0)
            .unwrap()
    };
    let first = find(0, 1);
    find(1, 1);
    let of_generations = || {
        let all = below(&folder.join("g")).into_iter();
        all.filter(|path| path.file_name().map(OsStr::len) == Some(62))
            .collect::<Vec<_>>()
    };
    let old = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    for path in of_generations() {
        std::fs::File::open(path)
            .unwrap()
            .set_modified(old)
            .unwrap();
    }
    assert_eq!(find(0, 2), first, "it is asked for");
    find(2, 16);
    assert_eq!(of_generations().len(), 2, "the other one is gone");
    assert_eq!(find(0, 2), first);
}

#[test]
fn a_writer_that_hangs_is_waited_for_in_time() {
    let folder = Folder::new();
    let files = files(&folder);
    put(&files, 1, 100).unwrap();
    let lock = std::fs::File::open(folder.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let begun = std::time::Instant::now();
    let put = files.put(&[(key(2), value(2, 100))], Duration::from_millis(30));
    assert_eq!(put, Err(Failure::Late));
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(get(&files, 1).is_some(), "who reads waits for nobody");
}

/// Runs a test of this program where this shell command can mount what it likes, which nobody else sees.
fn mounted(test: &str, command: &str, folder: &Path) {
    let script = format!("{command} && exec \"$0\" {test} --exact --nocapture");
    let mut shell = Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    shell
        .arg(std::env::current_exe().unwrap())
        .env("TILECACHE_FILES_MOUNTED", folder);
    let run = shell.env("FOLDER", folder).output().unwrap();
    let told = String::from_utf8_lossy(&run.stderr) + String::from_utf8_lossy(&run.stdout);
    if told.contains("unshare failed")
        || told.contains("Operation not permitted")
        || told.contains("permission denied")
    {
        let _ = writeln!(
            std::io::stderr(),
            "LEFT OUT: {test}: this machine lets nobody mount: {told}"
        );
        return;
    }
    assert!(run.status.success() && told.contains("1 passed"), "{told}");
}

/// Where the test runs that a command was run for.
fn place() -> Option<PathBuf> {
    std::env::var_os("TILECACHE_FILES_MOUNTED").map(PathBuf::from)
}

#[test]
fn a_full_disk_serves_and_takes_again_when_it_has_room() {
    let folder = Folder::new();
    mounted(
        "on_a_small_disk",
        "mount -t tmpfs -o size=3m none \"$FOLDER\"",
        &folder,
    );
}

#[test]
fn on_a_small_disk() {
    let Some(folder) = place() else {
        return;
    };
    let files = files(&folder);
    let source = key(1000);
    let before = files
        .generations(&[(source, 1)], LIMIT)
        .unwrap()
        .remove(0)
        .unwrap()
        .unwrap();
    // Others have what the bound leaves of the disk: what was unused for longest makes room on it.
    (0..40).for_each(|number| put(&files, number, 200_000).unwrap());
    let there: Vec<_> = (0..40)
        .filter(|&number| get(&files, number).is_some())
        .collect();
    assert!(there.contains(&39) && there.len() < 40, "{there:?}");
    let evicted = files.counts().evicted.get();
    assert_eq!(there.len() as u64 + evicted, 40);
    there
        .iter()
        .for_each(|&number| assert_eq!(get(&files, number), Some(value(number, 200_000))));
    assert!(!folder.join("new").exists());
    assert_eq!(files.counts().bytes.get(), taken(&folder));
    // For what has no room on the whole disk nothing goes.
    let large = [(key(50), vec![5; 4_000_000])];
    let refused = files.put(&large, LIMIT).unwrap().remove(0).unwrap_err();
    assert!(matches!(refused, Failure::Full(_)), "{refused}");
    assert_eq!(files.counts().evicted.get(), evicted);
    assert_eq!(files.counts().bytes.get(), taken(&folder));
    // Not a byte is left.
    let filler = folder.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
    assert_eq!(
        files.raise(&source, before.counter, 2, LIMIT),
        Ok(None),
        "the source is cold"
    );
    assert!(matches!(
        files.generations(&[(source, 3)], LIMIT).unwrap().remove(0),
        Err(Failure::Full(_)) | Ok(Some(_))
    ));
    std::fs::remove_file(filler).unwrap();
    let after = files
        .generations(&[(source, 3)], LIMIT)
        .unwrap()
        .remove(0)
        .unwrap()
        .unwrap();
    assert_ne!(after, before);
    std::fs::remove_dir_all(folder.join("v")).unwrap();
    put(&files, 77, 200_000).unwrap();
}

#[test]
fn a_directory_that_may_only_be_read_serves() {
    let folder = Folder::new();
    let writer = files(&folder);
    put(&writer, 1, 100).unwrap();
    writer
        .generations(&[(key(1000), 5)], LIMIT)
        .unwrap()
        .remove(0)
        .unwrap();
    let command = "mount --bind \"$FOLDER\" \"$FOLDER\" && mount -o remount,bind,ro \"$FOLDER\"";
    mounted("where_nothing_can_be_written", command, &folder);
}

#[test]
fn where_nothing_can_be_written() {
    let Some(folder) = place() else {
        return;
    };
    let files = files(&folder);
    let full = |failure: Failure| matches!(failure, Failure::Full(_));
    assert_eq!(get(&files, 1), Some(value(1, 100)));
    assert_eq!(get(&files, 2), None);
    assert!(full(put(&files, 2, 100).unwrap_err()));
    let lease = Lease {
        key: key(2),
        token: "t".to_owned(),
        term: LIMIT,
    };
    assert!(full(files.lease(&[lease], LIMIT).unwrap_err()));
    let mut found = files
        .generations(&[(key(1000), 6), (key(1001), 6)], LIMIT)
        .unwrap();
    // A source without a generation has one of this process, which stays.
    let alone = found.remove(1).unwrap().unwrap();
    assert_eq!(found.remove(0).unwrap().unwrap().random, 5);
    let again = files.generations(&[(key(1001), 9)], LIMIT).unwrap();
    assert_eq!(again[0].as_ref().unwrap(), &Some(alone));
    for source in [1000, 1001] {
        assert!(
            matches!(
                files.raise(&key(source), 0, 7, LIMIT),
                Err(Failure::Refused(_))
            ),
            "no purge can succeed"
        );
    }
}
