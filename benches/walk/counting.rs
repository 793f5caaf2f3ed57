//! An allocator that counts: what a piece of code takes from the heap, exactly.
//!
//! The trait of allocators is unsafe; nothing of it goes into the gateway, whose `unsafe` lives in `src/sys`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
pub struct Counting;

/// Calls that took memory (growing included), and the bytes they asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taken {
    pub calls: f64,
    pub bytes: f64,
}

/// What one of `times` calls of `operation` takes, on average.
pub fn taken(times: u32, mut operation: impl FnMut()) -> Taken {
    let before = (CALLS.load(Relaxed), BYTES.load(Relaxed));
    for _ in 0..times {
        operation();
    }
    let (calls, bytes) = (CALLS.load(Relaxed) - before.0, BYTES.load(Relaxed) - before.1);
    Taken { calls: calls as f64 / f64::from(times), bytes: bytes as f64 / f64::from(times) }
}

fn count(bytes: usize) {
    CALLS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    ///
    /// As the trait says.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    ///
    /// As the trait says.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's own promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    ///
    /// As the trait says.
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        // SAFETY: the caller's own promise; the memory is the system's.
        unsafe { System.realloc(memory, layout, bytes) }
    }

    /// # Safety
    ///
    /// As the trait says.
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise; the memory is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}
