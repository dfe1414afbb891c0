//! The softmax over the classes of a pixel, and the way back through it. Cells lie class by class.

use super::isa::Isa;
use super::real::Real;

/// What the softmax makes of the logits of some pixels, and where it keeps numbers per pixel.
pub(crate) struct Softmax<F> {
    pixels: usize,
    pub(crate) p: Vec<F>,
    /// 1 - p, with digits of its own.
    pub(crate) q: Vec<F>,
    /// -ln p.
    pub(crate) cost: Vec<F>,
    largest: Vec<F>,
    leading: Vec<F>,
    others: Vec<F>,
    log: Vec<F>,
    inverse: Vec<F>,
}

impl<F: Real> Softmax<F> {
    pub(crate) fn new() -> Self {
        let none = Vec::new;
        Self {
            pixels: 0,
            p: none(),
            q: none(),
            cost: none(),
            largest: none(),
            leading: none(),
            others: none(),
            log: none(),
            inverse: none(),
        }
    }

    /// Makes room for so many cells.
    pub(crate) fn resize(&mut self, classes: usize, pixels: usize) {
        self.pixels = pixels;
        for cells in [&mut self.p, &mut self.q, &mut self.cost] {
            cells.resize(classes * pixels, F::ZERO);
        }
        let Self { largest, leading, others, log, inverse, .. } = self;
        for row in [largest, leading, others, log, inverse] {
            row.resize(pixels, F::ZERO);
        }
    }

    /// Fills p, 1 - p and -ln p. Whether all logits are finite.
    #[inline(always)]
    pub(crate) fn fill<I: Isa>(&mut self, x: &[F]) -> bool {
        let Self { pixels, p, q, cost, largest, leading, others, log, inverse } = self;
        let size = *pixels;
        if x.is_empty() {
            return true;
        }
        // Σ 0 x is 0, and NaN if a number is not finite.
        let finite = log;
        largest.copy_from_slice(&x[..size]);
        for (leading, (finite, &x)) in leading.iter_mut().zip(finite.iter_mut().zip(&x[..size])) {
            (*leading, *finite) = (F::ZERO, x * F::ZERO);
        }
        let mut class = F::ZERO;
        for row in x[size..].chunks_exact(size) {
            class = class + F::ONE;
            let places = largest.iter_mut().zip(leading.iter_mut()).zip(finite.iter_mut());
            for (((largest, leading), finite), &x) in places.zip(row) {
                let above = x > *largest;
                *leading = F::select(above, class, *leading);
                *largest = F::select(above, x, *largest);
                *finite = *finite + x * F::ZERO;
            }
        }
        let all_finite = finite.iter().fold(F::ZERO, |sum, &finite| sum + finite) == F::ZERO;
        let log = finite;
        // Σ e^(x - largest) is 1 + the others', and these keep all digits of what does not lead.
        others.fill(F::ZERO);
        let mut class = F::ZERO;
        for (p, row) in p.chunks_exact_mut(size).zip(x.chunks_exact(size)) {
            let places = others.iter_mut().zip(&*leading).zip(&*largest);
            for (((others, &leading), &largest), (p, &x)) in places.zip(p.iter_mut().zip(row)) {
                *p = (x - largest).exp_of_negative::<I>();
                *others = *others + F::select(leading == class, F::ZERO, *p);
            }
            class = class + F::ONE;
        }
        for ((log, inverse), &others) in log.iter_mut().zip(inverse.iter_mut()).zip(&*others) {
            (*log, *inverse) = (others.ln_1p::<I>(), F::ONE / (F::ONE + others));
        }
        let mut class = F::ZERO;
        let rows = p.chunks_exact_mut(size).zip(q.chunks_exact_mut(size));
        for ((p, q), (cost, x)) in rows.zip(cost.chunks_exact_mut(size).zip(x.chunks_exact(size))) {
            let places = others.iter().zip(&*leading).zip(&*inverse);
            for (((&others, &leading), &inverse), (p, q)) in
                places.zip(p.iter_mut().zip(q.iter_mut()))
            {
                let rest = F::select(leading == class, others, F::ONE + (others - *p));
                (*p, *q) = (*p * inverse, rest * inverse);
            }
            let places = leading.iter().zip(largest.iter().zip(&*log));
            for ((&leading, (&largest, &log)), (cost, &x)) in places.zip(cost.iter_mut().zip(x)) {
                *cost = F::select(leading == class, log, (largest - x) + log);
            }
            class = class + F::ONE;
        }
        all_finite
    }

    /// Turns derivatives with respect to ln p into those with respect to the logits: a (1 - p) of the
    /// class itself, less p times those of all others, which are added and never taken from a total.
    #[inline(always)]
    pub(crate) fn pull<I: Isa>(&mut self, slopes: &mut [F]) {
        let Self { pixels, p, q, others, log, .. } = self;
        let size = *pixels;
        if slopes.is_empty() {
            return;
        }
        let into = &mut self.cost;
        let (before, after) = (others, log);
        before.fill(F::ZERO);
        after.fill(F::ZERO);
        for (into, slopes) in into.chunks_exact_mut(size).zip(slopes.chunks_exact(size)) {
            for ((into, before), &slope) in into.iter_mut().zip(before.iter_mut()).zip(slopes) {
                *into = *before;
                *before = *before + slope;
            }
        }
        let rows = p.chunks_exact(size).zip(q.chunks_exact(size)).rev();
        let slopes = slopes.chunks_exact_mut(size).zip(into.chunks_exact(size)).rev();
        for ((p, q), (slopes, before)) in rows.zip(slopes) {
            let cells = p.iter().zip(q).zip(slopes.iter_mut().zip(before));
            for (((&p, &q), (slope, &before)), after) in cells.zip(after.iter_mut()) {
                let own = *slope;
                *slope = own * q - p * (before + *after);
                *after = *after + own;
            }
        }
    }
}
