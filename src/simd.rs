//! Loops compiled for wider vectors than every processor has.

/// Runs a loop compiled for the widest vectors that the processor is known to have.
///
/// The baseline of x86-64 has no shuffles, without which separating interleaved bytes takes ten
/// times as long. `work` must be inlined entirely to gain anything.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked.
            return unsafe { wide(work) };
        }
    }
    work()
}
