//! Memory that is given back is asked for again in the next step.

/// Has the allocator keep the pages of freed memory for the rest of the process, instead of handing large blocks back to the
/// system: a training step frees and asks for the same blocks again and again, and the system clears each page anew.
/// Costs: the process holds its peak memory until it ends.
///
/// Call it once, before threads are started. Does something with the GNU allocator (Linux), and nothing elsewhere.
pub fn keep_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers and changes settings of the allocator, which it may at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        // One arena for all threads: those of other threads than the main one give pages back whatever they are told.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}
