//! The laws by which two orders are the same.
//!
//! Each law is a function that says when it holds. `riding` are the axes of the weights that ride on
//! the field where the steps stand; a field without weights has none.
//!
//! | law | statement | holds when |
//! |---|---|---|
//! | fuse sum | `sum(a) > sum(b)` = `sum(a, b)` | always |
//! | fuse mean | `mean(a) > mean(b)` = `mean(a, b)`; `power`, `logmeanexp` with the same number alike | no single weight has axes in both a and b; the same policy for empty groups |
//! | carry | `mean(a; carry) > mean(b)` = `mean(a, b)`; `power`, `logmeanexp` with the same number alike | always |
//! | fuse max | `max(a) > max(b)` = `max(a, b)`; `min` alike | empty groups are skipped, or the policies are the same and no single weight has axes in both a and b |
//! | swap mixed | `mean(a) > sum(b)` = `sum(b) > mean(a)` | no single weight has axes in both a and b; an empty group is skipped or worth 0 |
//! | sum is mean | `sum(a)` = n · `mean(a)`, n the number of cells over a | no weight has an axis of a; no logmeanexp follows, and no step that makes 1 of nothing |
//!
//! Two sums, two means or two maxima that fuse also swap. `top` and `quantile` neither fuse nor swap.
//!
//! The laws hold for fields in which something has mass. Where nothing has, a `sum` that follows may
//! count a 0 in one order (a sum of nothing) and nothing at all in the other, since a fused step leaves
//! the weight of its empty groups on more axes.

use super::{Aggregate, Empty, Over, Reduction, Step};
use crate::axis::{Axes, Extents};
use crate::error::Result;

impl Reduction {
    /// The shortest order that equals this one by the laws, of those the one with the shortest text,
    /// and of those the first by its text.
    ///
    /// `weights` are the axes of the weights that ride on the field, one entry for each weight: a mask
    /// per pixel and image is one entry with two axes. Two orders with the same normal form are the
    /// same; [`equivalent`](Self::equivalent) also decides the others.
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::mean;
    ///
    /// let keras = mean(Class).then(mean(Pixel)).then(mean(Image));
    /// assert_eq!(keras.normal_form(&[])?.to_string(), "mean(class, pixel, image)");
    ///
    /// let mask = [Pixel, Image].into(); // images with more valid pixels would count more
    /// assert_eq!(keras.normal_form(&[mask])?.to_string(), "mean(class, pixel) > mean(image)");
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn normal_form(&self, weights: &[Axes]) -> Result<Self> {
        let (_, steps) = self.simplest(weights, None)?;
        Ok(steps.into_iter().collect())
    }

    /// The normal form and the exact factor that stands before it. With extents, sums over axes
    /// without weights become means times the number of cells.
    pub(crate) fn simplest(
        &self,
        weights: &[Axes],
        extents: Option<Extents>,
    ) -> Result<(u128, Vec<Step>)> {
        let resolved = self.resolve(Axes::ALL)?;
        let start = resolved
            .into_iter()
            .map(|(over, step)| Step { over: Over::Axes(over), ..step.clone() })
            .collect();
        // There are three axes, so an order and all that equals it by the laws are a few dozen.
        let mut reached: Vec<(u128, Vec<Step>)> = vec![(1, start)];
        let mut next = 0;
        while next < reached.len() {
            let (factor, steps) = reached[next].clone();
            for (more, steps) in rewrites(&steps, weights, extents) {
                let Some(factor) = factor.checked_mul(more) else { continue };
                if !reached.iter().any(|(_, known)| *known == steps) {
                    reached.push((factor, steps));
                }
            }
            next += 1;
        }
        let simplicity = |steps: &[Step]| {
            let sums = steps.iter().filter(|step| step.aggregate == Aggregate::Sum).count();
            let text: Reduction = steps.iter().cloned().collect();
            (
                if extents.is_some() { sums } else { 0 },
                steps.len(),
                text.to_string().len(),
                text.to_string(),
            )
        };
        let simplest = reached.into_iter().min_by_key(|(_, steps)| simplicity(steps));
        Ok(simplest.unwrap_or_default())
    }
}

/// Every order that one law makes of `steps`, with the factor that it needs.
fn rewrites(steps: &[Step], weights: &[Axes], extents: Option<Extents>) -> Vec<(u128, Vec<Step>)> {
    let mut found = Vec::new();
    let mut riding = weights.to_vec();
    let mut left = Axes::ALL;
    for (place, step) in steps.iter().enumerate() {
        let mut replace = |factor, count: usize, by: &[Step]| {
            let mut rewritten = steps.to_vec();
            rewritten.splice(place..place + count, by.iter().cloned());
            found.push((factor, rewritten));
        };
        if let Some(following) = steps.get(place + 1) {
            if let Some(fused) = fuse(step, following, &riding) {
                replace(1, 2, &[fused]);
            }
            if swap_mixed(step, following, &riding) {
                replace(1, 2, &[following.clone(), step.clone()]);
            }
        }
        for part in parts(axes(step)) {
            let over = |axes| Step { over: Over::Axes(axes), ..step.clone() };
            let split = [over(part), over(axes(step).without(part))];
            if !step.carry && fuse(&split[0], &split[1], &riding).as_ref() == Some(step) {
                replace(1, 1, &split);
            }
        }
        if let Some(cells) = extents.and_then(|extents| cells(extents, axes(step))) {
            if let Some(mean) = sum_is_mean(step, &steps[place + 1..], &riding) {
                replace(cells, 1, &[mean]);
            }
            if never_empty(step, &riding) {
                replace(1, 1, &[Step { empty: Empty::Skip, ..step.clone() }]);
            }
        }
        left = left.without(axes(step));
        riding = riding_after(step, left, &riding);
    }
    found
}

fn axes(step: &Step) -> Axes {
    match step.over {
        Over::All => Axes::ALL,
        Over::Axes(axes) => axes,
    }
}

/// The number of cells over the axes, if there are any and they can be counted.
fn cells(extents: Extents, axes: Axes) -> Option<u128> {
    let mut extents = axes.iter().map(|axis| extents.of(axis) as u128);
    extents.try_fold(1_u128, u128::checked_mul).filter(|&cells| cells > 0)
}

/// A policy for empty groups says nothing where no group can be empty.
fn never_empty(step: &Step, riding: &[Axes]) -> bool {
    step.empty != Empty::Skip
        && step.by.is_none()
        && !riding.iter().any(|weight| weight.meets(axes(step)))
}

/// The proper, non-empty subsets of a set of axes.
fn parts(axes: Axes) -> impl Iterator<Item = Axes> {
    let members: Vec<_> = axes.iter().collect();
    (1..(1_usize << members.len()) - 1).map(move |choice| {
        members
            .iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
            .map(|(_, &a)| a)
            .collect()
    })
}

/// The axes of the weights that ride on after a step that leaves the axes `left`.
fn riding_after(step: &Step, left: Axes, riding: &[Axes]) -> Vec<Axes> {
    let over = axes(step);
    let (consumed, mut waiting): (Vec<Axes>, Vec<Axes>) =
        riding.iter().partition(|weight| weight.meets(over));
    let touched = consumed.iter().fold(Axes::NONE, |all, &weight| all.with(weight));
    // The axes of a named divisor are known with a batch only: what it skips may have any.
    if step.carry || step.by.is_some() {
        waiting.push(left);
    } else if step.empty == Empty::Skip && step.aggregate != Aggregate::Sum && !touched.is_empty() {
        waiting.push(touched.without(over));
    }
    waiting
}

/// The static condition: no single weight has axes in both steps.
fn apart(first: &Step, second: &Step, riding: &[Axes]) -> bool {
    !riding.iter().any(|weight| weight.meets(axes(first)) && weight.meets(axes(second)))
}

fn fuse(first: &Step, second: &Step, riding: &[Axes]) -> Option<Step> {
    let same = first.aggregate == second.aggregate && first.by.is_none() && second.by.is_none();
    let holds = same
        && match first.aggregate {
            Aggregate::Sum => true,
            Aggregate::Mean | Aggregate::Power(_) | Aggregate::LogMeanExp(_) => {
                if first.carry {
                    first.empty == Empty::Skip
                } else {
                    first.empty == second.empty && !second.carry && apart(first, second, riding)
                }
            }
            Aggregate::Max | Aggregate::Min => {
                first.empty == second.empty
                    && (first.empty == Empty::Skip || apart(first, second, riding))
            }
            Aggregate::Quantile(_) | Aggregate::TopFraction(_) | Aggregate::TopK(_) => false,
        };
    holds.then(|| Step { over: Over::Axes(axes(first).with(axes(second))), ..second.clone() })
}

fn swap_mixed(first: &Step, second: &Step, riding: &[Axes]) -> bool {
    let plain = |mean: &Step| {
        mean.aggregate == Aggregate::Mean
            && mean.by.is_none()
            && !mean.carry
            && matches!(mean.empty, Empty::Skip | Empty::Zero)
    };
    let is_sum = |step: &Step| step.aggregate == Aggregate::Sum;
    (plain(first) && is_sum(second) || is_sum(first) && plain(second))
        && apart(first, second, riding)
}

fn sum_is_mean(step: &Step, following: &[Step], riding: &[Axes]) -> Option<Step> {
    let scales = |step: &Step| {
        !matches!(step.aggregate, Aggregate::LogMeanExp(_)) && step.empty != Empty::One
    };
    let holds = step.aggregate == Aggregate::Sum
        && !riding.iter().any(|weight| weight.meets(axes(step)))
        && following.iter().all(scales);
    holds.then(|| Step::new(Aggregate::Mean, step.over))
}
