//! An allocator that counts, for the cost harness and the fuzz targets. It is for development only.
//!
//! ```
//! use lodewire_cost::{Counting, spent};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let before = spent();
//! drop(vec![0_u8; 1000]);
//! assert_eq!(spent().since(before).bytes, 1000);
//! ```
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; all of it is in this file")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, with counters. To be the `#[global_allocator]` of a program.
#[derive(Debug)]
pub struct Counting;

/// The allocations of a thread since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Bytes. Memory that is resized counts with its new size, since it may be copied.
    pub bytes: u64,
    /// Calls of the allocator that gave memory.
    pub calls: u64,
}

impl Spent {
    /// Returns the allocations since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { bytes: self.bytes - before.bytes, calls: self.calls - before.calls }
    }
}

thread_local! {
    static SPENT: Cell<Spent> = const { Cell::new(Spent { bytes: 0, calls: 0 }) };
}

/// Returns the bytes that all threads have allocated and not freed.
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// The most that it has been since the last [`reset_peak`].
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Returns the allocations of the calling thread since its start.
pub fn spent() -> Spent {
    SPENT.get()
}

/// The bytes that all threads have allocated and not freed.
pub fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// The most bytes that were allocated at once since the last [`reset_peak`].
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed)
}

/// Starts to look for the peak again.
pub fn reset_peak() {
    PEAK.store(live(), Ordering::Relaxed);
}

fn allocated(size: usize) {
    // A thread that ends may free and allocate when its counters are gone.
    let _ = SPENT.try_with(|spent| {
        let Spent { bytes, calls } = spent.get();
        spent.set(Spent { bytes: bytes + size as u64, calls: calls + 1 });
    });
    let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

fn freed(size: usize) {
    LIVE.fetch_sub(size, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came, and its result is returned as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller keeps to the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller keeps to the rules of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: the caller keeps to the rules of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        freed(layout.size());
        allocated(size);
        // SAFETY: the caller keeps to the rules of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }
}
