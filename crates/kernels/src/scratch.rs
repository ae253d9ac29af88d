//! Memory: working space that is used again and again, and results that are not zeroed before they are written.
//!
//! A training step asks for hundreds of megabytes of working space, in the same sizes as the step before. Fresh memory costs
//! more than the arithmetic: the system clears each page, and the caches are cold. So working space goes back to a list
//! that its thread keeps, dirty, and is taken from there.

use crate::simd::BLOCK;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;

/// How many free buffers a thread keeps; the largest ones, since they cost the most.
const KEPT: usize = 12;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// Memory for numbers that begins at a cache line. Zeroed when it is new, never again.
struct Buffer {
    start: NonNull<f32>,
    capacity: usize,
}

impl Buffer {
    fn new(length: usize) -> Buffer {
        let capacity = length.next_multiple_of(4 * BLOCK).max(4 * BLOCK);
        let layout = Buffer::layout(capacity);
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) }.cast::<f32>();
        match NonNull::new(start) {
            Some(start) => Buffer { start, capacity },
            None => handle_alloc_error(layout),
        }
    }

    fn layout(capacity: usize) -> Layout {
        Layout::array::<f32>(capacity).and_then(|layout| layout.align_to(64)).expect("working space fits into memory")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout, and freed once.
        unsafe { dealloc(self.start.as_ptr().cast(), Buffer::layout(self.capacity)) };
    }
}

/// Working space: `length` numbers of any value. Goes back to the thread's list when dropped.
pub(crate) struct Scratch {
    /// `None` only while it is dropped.
    buffer: Option<Buffer>,
    length: usize,
}

// SAFETY: a shared reference gives nothing but `&[f32]`.
unsafe impl Sync for Scratch {}

/// Working space for `length` numbers, which hold whatever they held before.
pub(crate) fn scratch(length: usize) -> Scratch {
    let found = FREE.with_borrow_mut(|free| {
        let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.capacity >= length);
        let best = fitting.min_by_key(|(_, buffer)| buffer.capacity).map(|(i, _)| i);
        best.map(|i| free.swap_remove(i))
    });
    Scratch { buffer: Some(found.unwrap_or_else(|| Buffer::new(length))), length }
}

impl Scratch {
    fn start(&self) -> *mut f32 {
        self.buffer.as_ref().map_or(std::ptr::null_mut(), |buffer| buffer.start.as_ptr())
    }

    /// The same memory, for several threads to write.
    pub(crate) fn target(&mut self) -> Target<'_> {
        Target::new(self)
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: the buffer holds at least `length` numbers, all of them initialised (with zeros when it was new), and
        // belongs to this value alone.
        unsafe { std::slice::from_raw_parts(self.start(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.length) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(buffer) = self.buffer.take() else { return };
        // While a thread ends its list may be gone already; then the buffer is freed here.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(buffer);
            if free.len() > KEPT
                && let Some(smallest) = (0..free.len()).min_by_key(|&i| free[i].capacity)
            {
                free.swap_remove(smallest);
            }
        });
    }
}

/// Memory that several threads write at the same time, each its own elements, which often do not lie side by side.
///
/// The elements need not be initialised, so they are written through pointers, and read only where they were written.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    start: *mut f32,
    length: usize,
    _memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Target` is only an address and a length. All access is through the unsafe methods below, whose callers promise
// that no two threads use the same element at the same time.
unsafe impl Send for Target<'_> {}
// SAFETY: as above.
unsafe impl Sync for Target<'_> {}

impl<'a> Target<'a> {
    pub(crate) fn new(memory: &'a mut [f32]) -> Target<'a> {
        Target { start: memory.as_mut_ptr(), length: memory.len(), _memory: PhantomData }
    }

    pub(crate) fn len(self) -> usize {
        self.length
    }

    /// The address of an element.
    ///
    /// # Safety
    /// `offset` is at most the length. No two threads use the same element at the same time.
    #[inline(always)]
    pub(crate) unsafe fn at(self, offset: usize) -> *mut f32 {
        debug_assert!(offset <= self.length, "element {offset} of {}", self.length);
        // SAFETY: inside of the memory or just behind, as the caller promises.
        unsafe { self.start.add(offset) }
    }

    /// A piece of initialised memory, for one thread alone.
    ///
    /// # Safety
    /// The memory is initialised there, and nobody else uses it as long as the slice lives.
    #[inline(always)]
    pub(crate) unsafe fn slice(self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: inside of the memory, by the assertion; the rest is promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

/// A new vector of `length` numbers that `write` writes; it is not zeroed before.
///
/// # Safety
/// `write` writes every element.
pub(crate) unsafe fn written(length: usize, write: impl FnOnce(Target)) -> Vec<f32> {
    let mut numbers: Vec<f32> = Vec::with_capacity(length);
    write(Target { start: numbers.as_mut_ptr(), length, _memory: PhantomData });
    // SAFETY: there is room for `length`, and the caller promises that all are written.
    unsafe { numbers.set_len(length) };
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_aligned_and_used_again() {
        std::thread::spawn(|| {
            let first = {
                let mut space = scratch(1000);
                assert_eq!((space.len(), space.start() as usize % 64), (1000, 0));
                space.fill(7.0);
                space.start()
            };
            let again = scratch(900);
            assert_eq!((again.start(), again[899]), (first, 7.0), "the same memory, as it was left");
            let other = scratch(900);
            assert_ne!(other.start(), first, "not while it is in use");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_buffers() {
        std::thread::spawn(|| {
            let spaces: Vec<Scratch> = (1..3 * KEPT).map(|i| scratch(64 * i)).collect();
            drop(spaces);
            FREE.with_borrow(|free| {
                assert_eq!(free.len(), KEPT);
                assert!(free.iter().all(|buffer| buffer.capacity > 64 * KEPT));
            });
        })
        .join()
        .unwrap();
    }
}
