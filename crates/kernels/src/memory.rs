//! Memory that is given back is asked for again in the next step, and large pages for training.

/// So much address space is set apart for large pages. It takes no memory before it is used.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
const ON_LARGE_PAGES: usize = 4 << 30;

/// Has the allocator keep the pages of freed memory for the rest of the process, instead of handing large blocks back to the
/// system: a training step frees and asks for the same blocks again and again, and the system clears each page anew.
/// Costs: the process holds its peak memory until it ends, and all threads take their memory from one place, where they wait for each
/// other, so small blocks are no place for work in many threads.
///
/// Call it once, before threads are started. Does something with the GNU allocator (Linux), and nothing elsewhere.
pub fn keep_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt changes settings of the allocator, which must not happen beside other threads; there are none yet, see above.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        // One arena: those of other threads than the main one give pages back whatever they are told.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Asks for 2 MiB huge pages for the next 4 GiB of heap. There the transforms of a convolution, which write to many places at a
/// time, are faster than on pages of 4 KiB. Costs: memory grows in steps of 2 MiB, and a page costs more when it is touched first, so it is for work that goes on
/// for a while and uses its memory again.
///
/// Call it behind [`keep_pages`], before threads are started. Does something where that does, on x86-64.
pub fn use_large_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    // SAFETY: advice on the pages of a block of ours, which the allocator keeps as the first place to take memory from when it is
    // freed. Advice changes no content; where it is refused, nothing happens.
    unsafe {
        let block = libc::malloc(ON_LARGE_PAGES);
        if !block.is_null() {
            let skipped = block.align_offset(2 << 20);
            libc::madvise(block.byte_add(skipped), ON_LARGE_PAGES - skipped, libc::MADV_HUGEPAGE);
            libc::free(block);
        }
    }
}
