//! How much memory there is, asked before much of it is taken: a process that takes too much is killed without a word.

use std::path::Path;

use crate::trouble::{Exit, Result, Trouble};

/// Bytes that this process can still take before somebody is killed for it: the least of what the machine has available, what the limits
/// of its control groups leave (jobs and containers have those), and what the limits of the process itself leave (`ulimit -v`, `-d`).
/// `None` where that cannot be known, which is so everywhere but on Linux.
pub fn available_bytes() -> Option<u64> {
    available_below(Path::new("/"))
}

/// Refuses what needs more memory than there is. `what` begins the message: "a matrix of 60000 images".
///
/// # Errors
/// [`Exit::Failed`] if `needed` bytes are not available. Where it is not known what is available, nothing is refused.
pub fn refuse_beyond(needed: u64, what: &str) -> Result<()> {
    match available_bytes() {
        Some(free) if free < needed => {
            let (needed, free) = (size(needed), size(free));
            let message = format!(
                "{what} needs about {needed} of memory, and {free} are free; end other programs, or take a machine, a job or a container \
                 with more"
            );
            Err(Trouble::new(Exit::Failed, message))
        }
        _ => Ok(()),
    }
}

/// "1.2 GB".
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The same, with the files of the kernel below `root`.
fn available_below(root: &Path) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let machine = kilobytes(&read("proc/meminfo")?, "MemAvailable:")?;
    let limits = read("proc/self/limits").zip(read("proc/self/status"));
    let own = limits.iter().flat_map(|(limits, status)| left_by_limits(limits, status));
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let groups = groups.lines().flat_map(|line| left_by_groups(root, line));
    own.chain(groups).chain([machine]).min()
}

/// The number of a line such as `MemAvailable:   24071936 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What the soft limits of the process leave, a line for each: `Max address space   409600000   unlimited   bytes`.
fn left_by_limits(limits: &str, status: &str) -> Vec<u64> {
    let left = |(limit, used): (&str, &str)| {
        let limit: u64 = limits.lines().find_map(|line| line.strip_prefix(limit))?.split_whitespace().next()?.parse().ok()?;
        Some(limit.saturating_sub(kilobytes(status, used)?))
    };
    [("Max address space", "VmSize:"), ("Max data size", "VmData:")].into_iter().filter_map(left).collect()
}

/// What a control group and those around it leave. A line is `0::/path` where there is one tree of groups, or `4:memory:/path` where each
/// resource has its own. In a container the path may be that of the machine outside; its own limit then stands at the root.
fn left_by_groups(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(resources), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return Vec::new() };
    let (tree, names) = match resources {
        "" => ("sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file", "active_file"]),
        _ if resources.split(',').any(|resource| resource == "memory") => (
            "sys/fs/cgroup/memory",
            ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"],
        ),
        _ => return Vec::new(),
    };
    let [limit, used, inactive, active] = names;
    let left = |group: &Path| {
        let read = |name: &str| std::fs::read_to_string(root.join(tree).join(group).join(name)).ok();
        // "max" is no limit
        let limit: u64 = read(limit)?.trim().parse().ok()?;
        let used: u64 = read(used)?.trim().parse().ok()?;
        // files that were read are held as long as nobody needs the place
        let held = read("memory.stat").unwrap_or_default();
        let held = |name: &str| -> u64 {
            let lines = held.lines().filter_map(|line| line.split_once(' '));
            lines.filter(|(key, _)| *key == name).find_map(|(_, bytes)| bytes.trim().parse().ok()).unwrap_or(0)
        };
        Some(limit.saturating_sub(used.saturating_sub(held(inactive) + held(active))))
    };
    Path::new(path.trim_start_matches('/')).ancestors().filter_map(left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    /// A machine whose kernel says these things.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let always = [("proc/meminfo", "MemTotal: 20000000 kB\nMemAvailable:   10000000 kB\n")];
        for (path, text) in always.iter().chain(files) {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn available(files: &[(&str, &str)]) -> Option<u64> {
        available_below(machine(files).path())
    }

    #[test]
    fn the_machine_alone() {
        assert_eq!(available(&[]), Some(10_240_000_000));
        assert_eq!(available(&[("proc/self/cgroup", "0::/nowhere\n1:name=systemd:/\nnonsense\n")]), Some(10_240_000_000));
        assert_eq!(available_below(Path::new("/nowhere at all")), None);
    }

    #[test]
    fn the_tightest_group_on_the_way_up() {
        let group = |path: &str| {
            available(&[
                ("proc/self/cgroup", &format!("0::{path}\n")),
                ("sys/fs/cgroup/job/memory.max", "4000000000\n"),
                ("sys/fs/cgroup/job/memory.current", "3000000000\n"),
                ("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 1500000000\nactive_file 500000000\n"),
                ("sys/fs/cgroup/job/step/memory.max", "max\n"),
                ("sys/fs/cgroup/job/step/memory.current", "3000000000\n"),
            ])
        };
        assert_eq!(group("/job/step"), Some(3 * GB), "of 3 GB in use 2 are files that were read");
        assert_eq!(group("/other"), Some(10_240_000_000));
    }

    #[test]
    fn groups_of_the_first_kind_and_seen_from_within_a_container() {
        let files = [
            ("proc/self/cgroup", "5:cpu,memory:/docker/0123\n4:devices:/docker/0123\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 9\ntotal_inactive_file 100000000\n"),
        ];
        assert_eq!(available(&files), Some(1_600_000_000));
    }

    #[test]
    fn limits_of_the_process() {
        let limits = |space: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax data size  unlimited  unlimited  bytes\nMax address space  {space}  unlimited  bytes\n"
            )
        };
        let limited = |space: &str| {
            available(&[("proc/self/limits", &limits(space)), ("proc/self/status", "VmSize:\t 1000000 kB\nVmData: 5 kB\n")])
        };
        assert_eq!(limited("3024000000"), Some(2 * GB));
        assert_eq!(limited("1"), Some(0));
        assert_eq!(limited("unlimited"), Some(10_240_000_000));
    }

    #[test]
    fn too_much_is_refused_with_both_numbers() {
        assert!(refuse_beyond(0, "nothing").is_ok());
        #[cfg(target_os = "linux")]
        {
            let trouble = refuse_beyond(u64::MAX, "a matrix of all things").unwrap_err();
            assert_eq!(trouble.exit, Exit::Failed);
            assert!(
                trouble.message.starts_with("a matrix of all things needs about 18446744073.7 GB of memory, and "),
                "{}",
                trouble.message
            );
        }
    }
}
