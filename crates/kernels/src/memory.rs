//! Memory that is given back is asked for again in the next step, and lies on large pages.

/// So much address space is set apart for large pages. It takes no memory before it is used.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
const ON_LARGE_PAGES: usize = 4 << 30;

/// Prepares the allocator for training, where each step frees and asks for the same large blocks. Does something with the GNU allocator
/// (Linux), and nothing elsewhere. Call it once, before threads are started.
///
/// - The pages of freed memory are kept, instead of being handed back to the system, which would clear each one anew. Costs: the
///   process holds its peak memory until it ends.
/// - Pages of 2 MiB in place of 4 KiB for the first 4 GiB: the transforms of a convolution write to so many places at a time that the
///   processor otherwise waits for addresses to be translated. Costs: memory grows in steps of 2 MiB.
/// - All threads take their memory from one place. Costs: they wait for each other there, so small blocks are no place for work in
///   many threads.
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
