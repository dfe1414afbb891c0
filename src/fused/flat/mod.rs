//! A state as one list of numbers whose entry-wise sum over ranks is the merge.
//!
//! ```text
//! ranks | ranks with images | loss, given weights, waiting weights the same? | images | ranks with unread |
//! per class: absent, absent unread | volumes | pool, pool, ..
//! pool = axes touched | per term: read, left unread | skipped groups, skipped groups, .. | sums
//! ```
//!
//! Every entry is a whole number that f64 adds without rounding, so that the order in which an
//! all-reduce adds does not matter: sums are limbs of 32 bits, flags are counts. What must be equal on
//! all ranks is hashed to four words w of 16 bits, which go in as w and w²: of r ranks, Σ(w - v)² is
//! Σw² - 2 v Σw + r v², which is 0 for v = Σw / r exactly if Σw² = r v², and then every w is v. What was
//! skipped is known to ranks with images only; the others learn it from the sum. The largest entries are
//! limbs and w², below 2^32 on a rank: 2^20 of them stay below 2^52, and half of what f64 counts without a
//! gap is left.

mod entries;
mod same;
mod skipped;

use std::collections::BTreeSet;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Node;

use super::exact::Exact;
use super::given::terms_of;
use super::plan::{Plan, Spot};
use super::pool::Pool;
use super::seen::Seen;
use super::state::State;
use entries::{Entries, refuse};
use same::{hash_of_given, hash_of_loss, hash_of_waiting};

/// The most images of one rank: 2^20 such numbers still add up exactly.
const MOST_IMAGES: u64 = 1 << 33;

impl State {
    /// The state as numbers whose entry-wise sum over ranks is the merge of their states: what an
    /// all-reduce (MPI, NCCL, gloo; the sum, in f64) adds up, exactly and in whatever order.
    ///
    /// With X(s) these numbers of a state s, [`with_flat`](Self::with_flat)(Σ X(s)) is the
    /// [`merge`](Self::merge) of all s, to the bit. The number of entries depends on the loss and the
    /// number of classes only (and of pixels, where the loss leaves a value per pixel after the images);
    /// a sum takes 69 of them. A rank without images takes part once it has observed a batch of 0
    /// images, which tells it the shapes. At most 2^20 ranks
    /// add up: an entry of one is below 2^32, and f64 counts without a gap to 2^53.
    ///
    /// **Errors**: [`ErrorKind::Empty`] if nothing was observed, not even 0 images;
    /// [`ErrorKind::NotMergeable`] if a step over images keeps a value per image (`max`, `top`,
    /// `quantile`, `power`, ..), which no sum merges, with the step; or for more than 2^33 images.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Ratio, State, overlap};
    /// use ndarray::array;
    ///
    /// let batch_dice = overlap(Activation::Probability).dice(Ratio::over(lossfold::Over::All));
    /// let (prediction, target) = (array![[0.5, 1.0], [0.1, 0.0], [0.7, 0.3]], array![[1, 1], [0, 0], [1, 0_u8]]);
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    ///
    /// let mut ranks = vec![State::new(&batch_dice); 3]; // each on a machine of its own
    /// ranks[0].observe(&batch.images(0..2)?)?;
    /// ranks[1].observe(&batch.images(2..3)?)?;
    /// ranks[2].observe(&batch.images(0..0)?)?; // nothing left for this one
    ///
    /// let mut sum = ranks[0].to_flat()?; // all_reduce(sum, f64)
    /// for rank in &ranks[1..] {
    ///     sum.iter_mut().zip(rank.to_flat()?).for_each(|(sum, entry)| *sum += entry);
    /// }
    /// for rank in &ranks {
    ///     let merged = rank.with_flat(&sum)?;
    ///     assert_eq!(merged.images(), 3);
    ///     assert_eq!(merged.value()?, batch_dice.value(&batch)?);
    /// }
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn to_flat(&self) -> Result<Vec<f64>> {
        let seen = self.seen()?;
        let spots = seen.plan.pool_spots();
        if let Some((_, spot)) = seen.pools.iter().zip(&spots).find(|(pool, _)| is_kept(pool)) {
            return Err(no_sum(&seen.plan, spot));
        }
        if seen.images > MOST_IMAGES {
            return refuse(format!(
                "the state has seen {} images, expected at most 2^33, of which 2^20 ranks add up exactly",
                seen.images
            ));
        }
        Ok(written(seen))
    }

    /// The state of all ranks, where `flat` is the entry-wise sum of [`to_flat`](Self::to_flat) over
    /// them, this one among them.
    ///
    /// This state supplies the plan and the shapes, and stays as it is. Ranks of different losses,
    /// versions of this crate, classes, or weights without an image axis are noticed by the sums of
    /// their hashes (64 bits); own formulas count as equal if their names are.
    ///
    /// **Errors**: those of [`to_flat`](Self::to_flat); [`ErrorKind::NotMergeable`] if the ranks are not of
    /// one whole, if they are more than 2^20, or if an entry cannot be such a sum (another number of
    /// entries, a fraction, NaN, a number that is too large), with its place.
    pub fn with_flat(&self, flat: &[f64]) -> Result<Self> {
        let own = self.to_flat()?;
        if flat.len() != own.len() {
            return refuse(format!(
                "there are {} entries, expected {}, as many as this state has for `{}`",
                flat.len(),
                own.len(),
                self.loss()
            ));
        }
        let mut state = self.clone();
        if let Some(seen) = state.seen_mut() {
            read(seen, Entries::new(flat)?)?;
        }
        Ok(state)
    }
}

fn is_kept(pool: &Pool) -> bool {
    matches!(pool, Pool::Kept { .. })
}

/// Why the values that a step keeps have no flat form.
fn no_sum(plan: &Plan, spot: &Spot) -> Error {
    let why = match spot.loss.node() {
        _ if plan.closed => {
            "flat: the layout has no image axis, so that a state is of one image and no ranks can share it"
                .to_owned()
        }
        Node::Step(_, step) => format!(
            "flat: step `{step}` keeps a value for each image, and adding such values does not merge \
             them; merge the states instead"
        ),
        _ => format!("flat: `{}` is no sum", spot.loss),
    };
    Error::new(ErrorKind::NotMergeable, why)
}

fn is_absent(volume: &Exact) -> bool {
    volume.value() == 0.0
}

/// The entries of one rank, all of whose pools are sums.
fn written(seen: &Seen) -> Vec<f64> {
    let flag = |is: bool| f64::from(u8::from(is));
    let has = seen.images > 0;
    let unread = has && seen.unread;
    let mut flat = vec![1.0, flag(has)];
    for (hash, counts) in
        [(hash_of_loss(seen), true), (hash_of_given(seen), true), (hash_of_waiting(seen), has)]
    {
        let words = hash.words().map(|word| if counts { word } else { 0.0 });
        flat.extend(words.into_iter().flat_map(|word| [word, word * word]));
    }
    flat.extend([seen.images as f64, flag(unread)]);
    for absent in seen.volumes.iter().map(is_absent) {
        flat.extend([flag(has && absent), flag(unread && absent)]);
    }
    if seen.plan.counts() {
        flat.extend(seen.volumes.iter().flat_map(Exact::flat));
    }
    for (pool, spot) in seen.pools.iter().zip(seen.plan.pool_spots()) {
        let rest = pool.rest();
        flat.extend(Axis::ALL.map(|axis| flag(has && rest.touched.contains(axis))));
        for term in terms_of(spot) {
            let is_read = rest.read.contains(&term.id);
            flat.extend([flag(has && is_read), flag(unread && !is_read)]);
        }
        if let Pool::Sums { shape, sums, .. } = pool {
            let skipped = skipped::written(rest, spot, *shape);
            flat.extend(skipped.into_iter().map(|counts| flag(has && counts)));
            flat.extend(sums.iter().flatten().flat_map(Exact::flat));
        }
    }
    flat
}

/// Reads the sum of all ranks over what this one has seen.
fn read(seen: &mut Seen, mut entries: Entries<'_>) -> Result<()> {
    let ranks = entries.ranks;
    let some = entries.of(ranks, "the number of ranks with images", 1)?;
    let loss = "the same loss on batches with the same classes, axes and kinds of weights, by the same \
                version of this crate";
    let same = |what: &str| format!("the same {what} weights without an image axis");
    entries.same(ranks, loss, Some(hash_of_loss(seen).words()))?;
    entries.same(ranks, &same("given"), Some(hash_of_given(seen).words()))?;
    let own = (seen.images > 0).then(|| hash_of_waiting(seen).words());
    entries.same(some, &same("waiting"), own)?;
    let images = entries.of(ranks, "the number of images", MOST_IMAGES)?;
    if some == 0.0 {
        return Ok(());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 2^53"
    )]
    let images = images as u64;
    let unread = entries.of(some, "the number of ranks with numbers that are not read", 1)?;
    let mut left_out = false;
    for _ in 0..seen.volumes.len() {
        let absent = entries.of(some, "whether a class is absent", 1)?;
        let left = entries.of(unread, "whether a class that is not read is absent", 1)?;
        left_out |= absent < some && left > 0.0;
    }
    if seen.plan.counts() {
        for (class, volume) in seen.volumes.iter_mut().enumerate() {
            *volume = entries.sum(&format!("the targets of class {class}"))?;
        }
    }
    for (pool, spot) in seen.pools.iter_mut().zip(seen.plan.pool_spots()) {
        let rest = pool.rest_mut();
        (rest.touched, rest.read) = (Axes::NONE, BTreeSet::new());
        for axis in Axis::ALL {
            if entries.of(some, "whether a weight has an axis", 1)? > 0.0 {
                rest.touched = rest.touched.with(axis);
            }
        }
        for term in terms_of(spot) {
            let read = entries.of(some, "whether a term is read", 1)?;
            let left = entries.of(unread, "whether a term is not read", 1)?;
            left_out |= read > 0.0 && left > 0.0;
            if read > 0.0 {
                rest.read.insert(term.id);
            }
        }
        if let Pool::Sums { shape, sums, rest } = pool {
            let skipped = skipped::read(&mut entries, some, spot, *shape)?;
            if seen.images == 0 {
                rest.waiting.retain(|weight| !weight.skips);
                rest.waiting.extend(skipped);
            }
            let what = format!("a sum of `{}`", spot.loss);
            for sum in sums.iter_mut().flatten() {
                *sum = entries.sum(&what)?;
            }
        }
    }
    if left_out {
        return refuse(format!(
            "`{}` does not read a number that cannot be read on one rank, because of weights that are 0 \
             there and not in the whole",
            seen.plan.loss
        ));
    }
    (seen.images, seen.unread) = (images, unread > 0.0);
    Ok(())
}
