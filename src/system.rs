//! What depends on the machine beside pages: the limits set on memory, and wider vectors.

/// The memory that this process may use: the smallest of what the machine has, what its control
/// groups allow and its address space limit; in bytes.
pub fn memory_limit() -> u64 {
    [machine_memory(), cgroup_limit(), address_space_limit()]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX)
}

/// Runs a loop compiled for the widest vectors that the processor is known to have.
///
/// The baseline of x86-64 has no shuffles, without which separating interleaved bytes takes ten
/// times as long. `work` must be inlined entirely to gain anything.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked.
            return unsafe { wide(work) };
        }
    }
    work()
}

fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The tightest limit on the way from our control group up to the root, in version 2 and version 1.
fn cgroup_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (root, file) = match fields.next()? {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = fields.next()?.trim_start_matches('/');
        std::path::Path::new(group)
            .ancestors()
            .filter_map(|dir| {
                let path = std::path::Path::new(root).join(dir).join(file);
                std::fs::read_to_string(path)
                    .ok()?
                    .trim()
                    .parse::<u64>()
                    .ok()
            })
            .min()
    });
    limits.min()
}

fn address_space_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}
