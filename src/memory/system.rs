//! Pages of memory from the system.

use std::ptr::NonNull;

/// How large a huge page is.
pub const HUGE_PAGE: usize = 2 << 20;

/// Up to this size mapped memory gets all its pages at once, which takes about half the time of a fault for each. Pixels
/// are written everywhere, but a larger block may turn out to be damaged before that.
#[cfg(target_os = "linux")]
const FILL_UP_TO: usize = 32 << 20;

/// Fresh zeroed pages, or `None` where the system has no more.
pub fn map(size: usize) -> Option<NonNull<u8>> {
    #[cfg(target_os = "linux")]
    {
        if size < 2 * HUGE_PAGE {
            return map_with(size, libc::MAP_POPULATE);
        }
        let start = map_huge(size)?;
        if size <= FILL_UP_TO {
            fill(start, size);
        }
        Some(start)
    }
    #[cfg(not(target_os = "linux"))]
    map_with(size, 0)
}

fn map_with(size: usize, flags: libc::c_int) -> Option<NonNull<u8>> {
    // SAFETY: an anonymous private mapping at an address of the system's choice touches nothing else.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags,
            -1,
            0,
        )
    };
    (start != libc::MAP_FAILED)
        .then(|| NonNull::new(start.cast()))
        .flatten()
}

/// Gives pages back. Of one that is a part of huge pages, the system is told to take these apart, without which it
/// would keep the memory until all of a huge page is free, or until it needs some.
///
/// # Safety
/// The pages must have been mapped here, and nobody may use them any more.
pub unsafe fn unmap(start: NonNull<u8>, size: usize, is_huge: bool) {
    #[cfg(not(target_os = "linux"))]
    let _ = is_huge;
    // SAFETY: promised by the caller. Where the system cannot split a mapping, the pages at least
    // give their memory back.
    unsafe {
        #[cfg(target_os = "linux")]
        if is_huge {
            libc::madvise(start.as_ptr().cast(), size, libc::MADV_FREE);
        }
        if libc::munmap(start.as_ptr().cast(), size) != 0 {
            libc::madvise(start.as_ptr().cast(), size, libc::MADV_DONTNEED);
        }
    }
}

/// Address space from a multiple of [`HUGE_PAGE`] on that takes memory in huge pages, once it is touched. `None` where the
/// system has none.
pub fn map_huge(size: usize) -> Option<NonNull<u8>> {
    #[cfg(target_os = "linux")]
    {
        let whole = map_with(size + HUGE_PAGE, 0)?;
        let before = whole.align_offset(HUGE_PAGE);
        // SAFETY: what lies before and behind is of the mapping that was just made, and nobody uses it.
        unsafe {
            let start = whole.add(before);
            if before > 0 {
                libc::munmap(whole.as_ptr().cast(), before);
            }
            libc::munmap(start.add(size).as_ptr().cast(), HUGE_PAGE - before);
            libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE);
            Some(start)
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = size;
        None
    }
}

/// Gives a part of such address space its memory. A system that cannot do so does when it is touched.
pub fn fill(start: NonNull<u8>, size: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: pages of the caller's that nobody uses yet.
    unsafe {
        libc::madvise(start.as_ptr().cast(), size, libc::MADV_POPULATE_WRITE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, size);
}
