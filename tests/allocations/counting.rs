//! The bytes that a piece of work allocates, on all threads.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts")]

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system's allocator, counting. It has no `realloc` of its own: the default is an `alloc`, a
/// copy and a `dealloc`, and counts as such.
struct Counting;

static CURRENT: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded to `System` as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        let now = CURRENT.fetch_add(memory.size(), SeqCst) + memory.size();
        PEAK.fetch_max(now, SeqCst);
        TOTAL.fetch_add(memory.size(), SeqCst);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        CURRENT.fetch_sub(memory.size(), SeqCst);
        // SAFETY: `pointer` came from `System` by `alloc`, with this layout.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by a test while it runs: the counts are the process's, so the others must be still.
pub fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes allocated between two points.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The most that was held at one time, beyond what was held before.
    pub peak: usize,
    /// All that was asked for, freed since or not.
    pub total: usize,
}

/// What `work` allocates in its first run: nothing is warmed up before.
pub fn allocated<R>(work: impl FnOnce() -> R) -> (R, Bytes) {
    let (current, total) = (CURRENT.load(SeqCst), TOTAL.load(SeqCst));
    PEAK.store(current, SeqCst);
    let result = work();
    let peak = PEAK.load(SeqCst).saturating_sub(current);
    (result, Bytes { peak, total: TOTAL.load(SeqCst) - total })
}
