//! Parts of rows that run in a process of their own, whose memory is looked at from outside.
//!
//! The child is this very program: it finds its task in an environment variable, says where it is in
//! lines that begin with `@`, and goes on when it gets an empty line.

use super::{Run, rows};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child as Process, ChildStdout, Command, Stdio};

const TASK: &str = "TILECACHE_STRESS_TASK";

/// Memory of a process that is in RAM, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    pub now: u64,
    pub peak: u64,
}

/// What the system says of a process: its number, or `self`.
pub fn resident(process: &str) -> Resident {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("Linux tells of its processes");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.map_or(0, |kib| kib.parse::<u64>().expect("KiB") * 1024)
    };
    Resident {
        now: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}

/// A child as its parent sees it; ended when dropped.
pub struct Child {
    process: Process,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this program with a task and numbers for it.
    pub fn start(run: &Run, task: &str, numbers: &[u64]) -> Child {
        let mut words = vec![task.to_owned()];
        words.extend([run.scale.to_string(), run.seed.to_string()]);
        words.extend(numbers.iter().map(u64::to_string));
        let this = std::env::current_exe().expect("this program");
        Self::of(
            Command::new(this)
                .args(run.child)
                .env(TASK, words.join(" ")),
        )
    }

    /// Starts another program that keeps to the same rules.
    pub fn of(command: &mut Command) -> Child {
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("a child");
        let lines = BufReader::new(process.stdout.take().expect("its output"));
        Child { process, lines }
    }

    /// What it says next.
    pub fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("text");
            assert!(read > 0, "the child ended before it was done");
            if let Some((_, said)) = line.trim_end().split_once('@') {
                return said.to_owned();
            }
        }
    }

    /// The numbers that it says next.
    pub fn hear_numbers(&mut self) -> Vec<u64> {
        let said = self.hear();
        let numbers = said.split_whitespace().map(|word| word.parse());
        numbers.collect::<Result<_, _>>().expect("numbers")
    }

    /// Lets it go on.
    pub fn go_on(&mut self) {
        let to = self.process.stdin.as_mut().expect("its input");
        to.write_all(b"\n").expect("the child listens");
    }

    pub fn resident(&self) -> Resident {
        resident(&self.process.id().to_string())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// In a child: tells the parent something, and waits until it has looked.
pub fn tell(numbers: &[u64]) {
    let words: Vec<_> = numbers.iter().map(u64::to_string).collect();
    let mut out = std::io::stdout();
    writeln!(out, "@{}", words.join(" ")).expect("the parent listens");
    out.flush().expect("the parent listens");
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .expect("the parent answers");
}

/// Does the task of a child; says whether this is one.
pub fn be_child() -> bool {
    let Ok(task) = std::env::var(TASK) else {
        return false;
    };
    let words: Vec<_> = task.split(' ').collect();
    let number = |word: &&str| word.parse::<u64>().expect("a number");
    let run = Run {
        scale: words[1].parse().expect("the scale"),
        seed: number(&words[2]),
        timed: false,
        child: &[],
    };
    let numbers: Vec<_> = words[3..].iter().map(number).collect();
    rows::task(words[0])(&run, &numbers);
    true
}
