//! How a loss is spread over the pixels.

/// How many bins a power of ten has.
pub(crate) const PER_DECADE: i32 = 4;

/// How many bins are shown at most.
const MOST_SHOWN: usize = 28;

/// The lowest power of ten that has bins of its own; what is less is in the first.
const LOWEST: i32 = -12;
const HIGHEST: i32 = 12;

/// The pixels by the size of their loss.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    bins: Vec<Bin>,
    /// The pixels without a loss above 0.
    pub(crate) none: Bin,
}

/// Pixels with about the same loss.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bin {
    pub(crate) pixels: f64,
    /// The sum of their losses.
    pub(crate) loss: f64,
    /// How many of them truly belong to the class that is told apart.
    pub(crate) of_focus: f64,
}

impl Bin {
    fn add(&mut self, loss: f64, of_focus: bool) {
        self.pixels += 1.0;
        self.loss += loss;
        self.of_focus += f64::from(u8::from(of_focus));
    }

    fn and(self, other: Self) -> Self {
        Self {
            pixels: self.pixels + other.pixels,
            loss: self.loss + other.loss,
            of_focus: self.of_focus + other.of_focus,
        }
    }
}

impl Spread {
    pub(super) fn new() -> Self {
        let bins = usize::try_from((HIGHEST - LOWEST) * PER_DECADE).unwrap_or(0);
        Self { bins: vec![Bin::default(); bins], none: Bin::default() }
    }

    pub(super) fn add(&mut self, loss: f64, of_focus: bool) {
        if loss.is_nan() || loss <= 0.0 {
            return self.none.add(loss.min(0.0), of_focus);
        }
        let place = (loss.log10() - f64::from(LOWEST)) * f64::from(PER_DECADE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast to usize ends at its bounds"
        )]
        let place = (place.floor() as usize).min(self.bins.len() - 1);
        self.bins[place].add(loss, of_focus);
    }

    pub(crate) fn total(&self) -> Bin {
        self.bins.iter().fold(self.none, |total, bin| total.and(*bin))
    }

    /// The share of the loss in the worst hundredth of the pixels; a bin that is only partly among them
    /// gives its mean.
    pub(crate) fn of_worst_hundredth(&self) -> f64 {
        let total = self.total();
        let (mut left, mut loss) = (total.pixels / 100.0, 0.0);
        for bin in self.bins.iter().rev().filter(|bin| bin.pixels > 0.0) {
            let taken = bin.pixels.min(left);
            loss += bin.loss * taken / bin.pixels;
            left -= taken;
        }
        if total.loss > 0.0 { loss / total.loss } else { 0.0 }
    }

    /// The bins from the first to the last that matter, seven powers of ten at most, with the decimal logarithm
    /// at which each begins. What lies below them is in the first.
    pub(crate) fn bins(&self) -> Vec<(f64, Bin)> {
        let few = 0.002 * self.total().pixels;
        let last = self.bins.iter().rposition(|bin| bin.pixels > 0.0);
        let lowest = last.map_or(0, |last| (last + 1).saturating_sub(MOST_SHOWN));
        let mut below = Bin::default();
        let mut shown: Vec<(f64, Bin)> = Vec::new();
        for (place, bin) in self.bins.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            let mut bin = *bin;
            if shown.is_empty() {
                below = below.and(bin);
                if below.pixels <= few || place < lowest {
                    continue;
                }
                bin = below;
            }
            shown.push((f64::from(LOWEST) + place as f64 / f64::from(PER_DECADE), bin));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_in_a_bin() {
        let mut spread = Spread::new();
        let losses = [0.0, -1.0, 1e-300, 0.01, 0.011, 0.5, 3.0, 30.0];
        for loss in losses {
            spread.add(loss, loss == 0.5);
        }
        let shown: f64 = spread.bins().iter().map(|(_, bin)| bin.pixels).sum();
        assert_eq!((spread.none.pixels, shown, spread.total().of_focus), (2.0, 6.0, 1.0));
        let (start, _) = spread.bins().into_iter().find(|(_, bin)| bin.of_focus == 1.0).unwrap();
        assert!(start <= 0.5_f64.log10() && 0.5_f64.log10() < start + 1.0 / f64::from(PER_DECADE));
        spread.add(1e300, false);
        assert_eq!(spread.bins().len(), MOST_SHOWN);
        assert_eq!(spread.bins()[0].1.pixels, 6.0);
    }
}
