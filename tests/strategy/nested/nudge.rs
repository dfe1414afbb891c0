//! A case whose numbers are off by a little, so that one sees what hangs on their last bits.

use lossfold::Aggregate;

use super::{Case, Container, Target};

/// How far numbers are nudged, relative to their size.
pub const NUDGE: f64 = 1e-9;

/// A number in [0.5, 1.5) that stands for a number, and is the same for the same.
fn mixed(x: f64) -> f64 {
    let mixed = x.abs().to_bits().wrapping_add(0x9e37_79b9).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    0.5 + (mixed >> 40) as f64 / f64::from(1 << 24)
}

/// A number moved by about [`NUDGE`]: x and 1 - x inside (0, 1), x and -x elsewhere, move alike. In a
/// domain of [0, 1] its ends stay where they are.
fn nudge(x: f64, sign: f64, ends: bool) -> f64 {
    let step = |by: f64| sign * NUDGE * by;
    if !x.is_finite() || ends && (x == 0.0 || x == 1.0) {
        x
    } else if x > 0.0 && x < 1.0 {
        let inner = x.min(1.0 - x);
        // A multiple of 2^-52, so that x and 1 - x move by the same to the last bit.
        let unit = f64::EPSILON;
        let by = (step(inner * mixed(inner)) / unit).round() * unit;
        if x > 0.5 { x - by } else { x + by }
    } else {
        x + step(x.abs().max(1.0) * mixed(x)).copysign(if x < 0.0 { -sign } else { sign })
    }
}

impl Case {
    /// The case in f64, its numbers and the shares of its quantiles moved by about [`NUDGE`].
    pub fn nudged(&self, sign: f64) -> Self {
        let mut case = self.clone();
        case.single = false;
        let logits = |&(activation, _): &_| {
            use lossfold::Activation::{Identity, Sigmoid, Softmax};
            matches!(activation, Identity | Sigmoid | Softmax)
        };
        // A score of `normalize` may be 0, and a probability 0 or 1.
        let ends = !case.chain.activations().iter().all(logits);
        case.prediction.mapv_inplace(|x| nudge(x, sign, ends));
        if let Target::Dense(container, target) = &mut case.target {
            *container = Container::F64;
            target.mapv_inplace(|t| nudge(t, sign, true));
        }
        for weights in [&mut case.map.2, &mut case.image] {
            weights.mapv_inplace(|w| w * (1.0 + sign * NUDGE * (mixed(w) - 1.0)));
        }
        case.map.1 = Container::F64;
        case.chain.each_step(&mut |step| {
            if let Aggregate::Quantile(q) = &mut step.aggregate
                && *q > 0.0
                && *q < 1.0
            {
                *q += sign * NUDGE;
            }
        });
        case
    }
}
