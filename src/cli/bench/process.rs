//! What the kernel says of a process. Only Linux says it; elsewhere the report has a `-` in its place.

use std::fs::read_to_string;
use std::time::Duration;

/// How much memory a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// Now, in KiB.
    pub resident_kib: u64,
    /// At most so far, in KiB.
    pub peak_kib: u64,
}

/// The processor time that a process has used so far, in user and in kernel mode, all threads together.
pub(super) fn cpu(pid: u32) -> Option<Duration> {
    let ticks = parse_ticks(&read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(Duration::from_secs(ticks) / per_second)
}

/// The memory that a process holds.
pub(super) fn memory(pid: u32) -> Option<Memory> {
    parse_memory(&read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// How busy the machine is: the load averages over 1, 5 and 15 minutes.
pub(super) fn load_average() -> Option<String> {
    let text = read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// `utime` + `stime` of `/proc/<pid>/stat`. The second field is the program's name in parentheses, with any
/// characters at all; what is counted on starts after the last of them.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The first of these is field 3 of proc(5); utime is field 14, stime field 15.
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

fn parse_memory(status: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Memory { resident_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "42 (a) S 1 (b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 9 0 12345 1 2";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("42 (purser) S 1 2"), None);
        assert_eq!(parse_ticks(""), None);
    }

    #[test]
    fn memory_is_found_among_the_other_lines() {
        let status = "Name:\tpurser\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\nThreads:\t4\n";
        assert_eq!(parse_memory(status), Some(Memory { resident_kib: 200, peak_kib: 300 }));
        assert_eq!(parse_memory("Name:\tkthreadd\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_both() {
        assert!(cpu(std::process::id()).is_some());
        assert!(memory(std::process::id()).is_some_and(|it| it.peak_kib >= it.resident_kib));
    }
}
