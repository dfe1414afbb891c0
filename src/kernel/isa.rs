//! Which instructions of the processor the loops are compiled for.
//!
//! A loop is compiled for each set of [`Instructions`], and which of these runs is decided once per
//! process: the strongest that the processor has, or what the environment variable
//! `LOSSFOLD_INSTRUCTIONS` names.
//!
//! | name       | instructions                                          | `a * b + c` rounds |
//! |------------|-------------------------------------------------------|--------------------|
//! | `baseline` | those of every processor that the crate was built for | twice              |
//! | `neon`     | of 64-bit ARM                                         | once               |
//! | `avx2`     | x86-64-v3: AVX2 with FMA                              | once               |
//! | `avx512`   | AVX-512 of Ice Lake and later                         | once               |
//!
//! The elementary functions of [`real`](super::real) give the same bits wherever `a * b + c` rounds
//! equally often. So `LOSSFOLD_INSTRUCTIONS=baseline` asks for bits that every machine can give, and any
//! other name for those of the machines with a fused multiply-add.
//!
//! A set that the machine does not have stands for the strongest one that it has and that is not stronger
//! (`avx512` for `avx2`, and `avx2` for `neon`, which are equally strong). A name that is unknown, and
//! an empty one, is as none at all: the strongest set.

use std::ffi::OsStr;
use std::sync::OnceLock;

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
use fearless_simd::{Level, Simd};

/// An instruction set that this processor has.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// Whether a * b + c is one instruction that rounds once.
    const FMA: bool;

    /// Runs `work`, compiled for the instruction set.
    ///
    /// `work` and all that it calls must be `#[inline(always)]`: what is not inlined is compiled for the
    /// baseline. A closure is written `isa.run(#[inline(always)] || ...)`.
    fn run<R>(self, work: impl FnOnce() -> R) -> R;
}

/// What every processor has that the crate was built for, without a fused multiply-add even where that
/// includes one: these bits are the same on all machines.
#[derive(Clone, Copy)]
pub(crate) struct Baseline;

impl Isa for Baseline {
    const FMA: bool = false;

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! with_fused_multiply_add {
    ($token:ty) => {
        impl Isa for $token {
            const FMA: bool = true;

            #[inline(always)]
            fn run<R>(self, work: impl FnOnce() -> R) -> R {
                self.vectorize(work)
            }
        }
    };
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
with_fused_multiply_add!(fearless_simd::x86::Avx2);
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
with_fused_multiply_add!(fearless_simd::x86::Avx512);
#[cfg(target_arch = "aarch64")]
with_fused_multiply_add!(fearless_simd::aarch64::Neon);

/// Work that is compiled for each instruction set.
pub(crate) trait Job {
    type Output;

    /// Does the work. What is to be compiled for the instruction set goes through [`Isa::run`]; the rest
    /// may be threads, allocations and calls that are not inlined.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// A set of instructions; a value of it may be one that this machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    Baseline,
    Neon,
    Avx2,
    Avx512,
}

/// From the weakest to the strongest.
const ORDERED: [Instructions; 4] =
    [Instructions::Baseline, Instructions::Neon, Instructions::Avx2, Instructions::Avx512];

impl Instructions {
    /// Those that this machine has, from the weakest to the strongest.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ORDERED.into_iter().filter(|set| set.is_available())
    }

    /// The strongest that this machine has.
    pub(crate) fn best() -> Self {
        Self::all().last().unwrap_or(Self::Baseline)
    }

    /// The set of the process: what `LOSSFOLD_INSTRUCTIONS` names when this is first asked for, else the
    /// best.
    pub(crate) fn chosen() -> Self {
        static CHOSEN: OnceLock<Instructions> = OnceLock::new();
        *CHOSEN.get_or_init(|| Self::named(std::env::var_os("LOSSFOLD_INSTRUCTIONS").as_deref()))
    }

    /// The set of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        ORDERED.into_iter().find(|set| set.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Runs the job with this set, or the strongest of this machine that is not stronger.
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            if self == Self::Avx512
                && let Some(isa) = Level::new().as_avx512()
            {
                return job.run(isa);
            }
            if self != Self::Baseline
                && let Some(isa) = Level::new().as_avx2()
            {
                return job.run(isa);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if self != Self::Baseline
            && let Some(isa) = Level::new().as_neon()
        {
            return job.run(isa);
        }
        job.run(Baseline)
    }

    fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx2 => Level::new().as_avx2().is_some(),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx512 => Level::new().as_avx512().is_some(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Level::new().as_neon().is_some(),
            #[allow(unreachable_patterns, reason = "which arms are left depends on the target")]
            _ => false,
        }
    }

    fn named(name: Option<&OsStr>) -> Self {
        let set = name.and_then(OsStr::to_str).and_then(Self::parse);
        set.map_or_else(Self::best, |set| set.among(Self::all()))
    }

    /// The last of the sets, which are ordered, that is not stronger than this one; this one if it is
    /// there.
    fn among(self, sets: impl Iterator<Item = Self>) -> Self {
        let fit = sets.filter(|set| set.strength() <= self.strength());
        fit.fold(Self::Baseline, |found, set| if found == self { found } else { set })
    }

    fn strength(self) -> u8 {
        match self {
            Self::Baseline => 0,
            Self::Neon | Self::Avx2 => 1,
            Self::Avx512 => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fma;

    impl Job for Fma {
        type Output = bool;

        fn run<I: Isa>(self, isa: I) -> bool {
            isa.run(
                #[inline(always)]
                || I::FMA,
            )
        }
    }

    #[test]
    fn the_baseline_is_there_and_the_best_is_the_last() {
        let all: Vec<_> = Instructions::all().collect();
        assert_eq!(all[0], Instructions::Baseline);
        assert_eq!(all.last(), Some(&Instructions::best()));
        assert!(all.contains(&Instructions::chosen()));
    }

    #[test]
    fn each_set_runs_with_its_own_multiply_add() {
        for set in Instructions::all() {
            assert_eq!(set.run(Fma), set != Instructions::Baseline, "{set:?}");
        }
    }

    #[test]
    fn a_name_is_read_back_and_another_means_the_best() {
        for set in ORDERED {
            assert_eq!(Instructions::parse(set.name()), Some(set));
            assert!(
                Instructions::all()
                    .any(|there| there == Instructions::named(Some(set.name().as_ref())))
            );
        }
        for unknown in ["", "sse9", "best"] {
            assert_eq!(
                Instructions::named(Some(unknown.as_ref())),
                Instructions::best(),
                "{unknown}"
            );
        }
        assert_eq!(Instructions::named(None), Instructions::best());
        assert_eq!(Instructions::named(Some("baseline".as_ref())), Instructions::Baseline);
    }

    #[test]
    fn a_set_that_is_not_there_stands_for_a_weaker_one() {
        use Instructions::{Avx2, Avx512, Baseline, Neon};
        let cases: &[(&[Instructions], [Instructions; 4])] = &[
            (&[Baseline], [Baseline; 4]),
            (&[Baseline, Avx2], [Baseline, Avx2, Avx2, Avx2]),
            (&[Baseline, Avx2, Avx512], [Baseline, Avx2, Avx2, Avx512]),
            (&[Baseline, Neon], [Baseline, Neon, Neon, Neon]),
        ];
        for (there, expected) in cases {
            assert_eq!(ORDERED.map(|set| set.among(there.iter().copied())), *expected, "{there:?}");
        }
    }
}
