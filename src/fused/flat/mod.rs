//! A state as one list of numbers whose entry-wise sum over ranks is the merge.
//!
//! ```text
//! ranks | is the loss the same | are the weights the same | images | volumes | pool, pool, ..
//! pool  = axes touched, terms read, sums
//! ```
//!
//! Every entry is a whole number that f64 adds without rounding, so that the order in which an
//! all-reduce adds does not matter: sums are limbs of 32 bits, flags are counts. What must be equal on
//! all ranks is hashed to four words w of 16 bits, which go in as w and w²: with Σw = r w' and
//! Σw² = r w'² for r ranks, of which one has w', Σ(w - w')² is 0, and every w is w'. The largest entries
//! are limbs and w², below 2^32 on a rank: 2^20 of them stay below 2^52, and half of what f64 counts
//! without a gap is left.

mod same;

use std::ops::RangeInclusive;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Node;

use super::exact::{Exact, FLAT};
use super::given::terms_of;
use super::plan::{Plan, Spot};
use super::state::{Pool, Seen, State};
use same::{hash_of_loss, hash_of_weights};

/// How many ranks can be added up.
const MOST_RANKS: f64 = (1_u32 << 20) as f64;
/// The most that one rank's entry is: limbs, and squares of words of 16 bits.
const MOST_ENTRY: f64 = u32::MAX as f64;
/// The most images of one rank: 2^20 such numbers still add up exactly.
const MOST_IMAGES: u64 = 1 << 33;
/// Four words of a hash, and their squares.
const HASHED: usize = 8;
/// What is hashed.
const SAME: [&str; 2] = [
    "the same loss on batches with the same classes, axes and kinds of weights, by the same version of this crate",
    "the same weights without an image axis",
];

impl State {
    /// The state as numbers whose entry-wise sum over ranks is the merge of their states: what an
    /// all-reduce (MPI, NCCL, gloo; the sum, in f64) adds up, exactly and in whatever order.
    ///
    /// With X(s) these numbers of a state s, [`with_flat`](Self::with_flat)(Σ X(s)) is the
    /// [`merge`](Self::merge) of all s, to the bit. The number of entries depends on the loss and the
    /// number of classes only (and of pixels, where the loss leaves a value per pixel after the images);
    /// a sum takes 69 of them. A rank without images takes part once it has observed a batch of 0
    /// images, which tells it the shapes. At most 2^20 ranks add up: an entry of one is below 2^32, and
    /// f64 counts without a gap to 2^53.
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
        let mut flat = vec![1.0];
        for hash in [hash_of_loss(seen), hash_of_weights(seen)] {
            flat.extend(hash.words().into_iter().flat_map(|word| [word, word * word]));
        }
        flat.push(seen.images as f64);
        if seen.plan.counts_images() {
            flat.extend(seen.volumes.iter().flat_map(Exact::flat));
        }
        for (pool, spot) in seen.pools.iter().zip(spots) {
            let flag = |is: bool| f64::from(u8::from(is));
            let rest = pool.rest();
            flat.extend(Axis::ALL.map(|axis| flag(rest.touched.contains(axis))));
            flat.extend(terms_of(spot).iter().map(|term| flag(rest.read.contains(&term.id))));
            if let Pool::Sums { sums, .. } = pool {
                flat.extend(sums.iter().flatten().flat_map(Exact::flat));
            }
        }
        Ok(flat)
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
        let mut entries = Entries { flat, at: 0, ranks: 1.0 };
        entries.ranks = entries.whole("the number of ranks", 1.0..=MOST_RANKS)?;
        for same in SAME {
            for _ in 0..HASHED {
                let expected = entries.ranks * own[entries.at];
                if entries.of_ranks("a hash", MOST_ENTRY)? != expected {
                    return refuse(format!(
                        "the {} ranks do not all have {same}; this one has `{}`",
                        entries.ranks,
                        self.loss()
                    ));
                }
            }
        }
        let mut state = self.clone();
        if let Some(seen) = state.seen_mut() {
            entries.read(seen)?;
        }
        Ok(state)
    }
}

fn refuse<T>(why: String) -> Result<T> {
    Err(Error::new(ErrorKind::NotMergeable, format!("flat: {why}")))
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

/// The sum over ranks, read from its beginning.
struct Entries<'f> {
    flat: &'f [f64],
    at: usize,
    ranks: f64,
}

impl Entries<'_> {
    fn next(&mut self) -> f64 {
        self.at += 1;
        self.flat[self.at - 1]
    }

    /// The next entry, a whole number.
    fn whole(&mut self, what: &str, range: RangeInclusive<f64>) -> Result<f64> {
        let entry = self.next();
        if range.contains(&entry) && entry.fract() == 0.0 {
            return Ok(entry);
        }
        refuse(format!(
            "entry {} ({what}) is {entry}, expected a whole number from {} to {}",
            self.at - 1,
            range.start(),
            range.end()
        ))
    }

    /// The next entry, of which each rank has from 0 to `most`.
    fn of_ranks(&mut self, what: &str, most: f64) -> Result<f64> {
        self.whole(what, 0.0..=self.ranks * most)
    }

    fn flag(&mut self, what: &str) -> Result<bool> {
        Ok(self.of_ranks(what, 1.0)? != 0.0)
    }

    fn sum(&mut self, what: &str) -> Result<Exact> {
        let start = self.at;
        let most = self.ranks * MOST_ENTRY;
        for _ in 1..FLAT {
            self.whole(what, -most..=most)?;
        }
        let beyond = self.next();
        if beyond.is_finite() && beyond != 0.0 {
            return refuse(format!(
                "entry {} ({what}) is {beyond}, expected 0, an infinity or NaN",
                self.at - 1
            ));
        }
        Ok(Exact::from_flat(&self.flat[start..self.at]))
    }

    /// Reads what comes after the hashes over what this rank has seen.
    fn read(&mut self, seen: &mut Seen) -> Result<()> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 0 to 2^53"
        )]
        let images = self.of_ranks("the number of images", MOST_IMAGES as f64)? as u64;
        seen.images = images;
        if seen.plan.counts_images() {
            for (class, volume) in seen.volumes.iter_mut().enumerate() {
                *volume = self.sum(&format!("the targets of class {class}"))?;
            }
        }
        for (pool, spot) in seen.pools.iter_mut().zip(seen.plan.pool_spots()) {
            let mut touched = Axes::NONE;
            for axis in Axis::ALL {
                if self.flag("whether a weight has an axis")? {
                    touched = touched.with(axis);
                }
            }
            let mut read = Vec::new();
            for term in terms_of(spot) {
                if self.flag("whether a term is read")? {
                    read.push(term.id);
                }
            }
            pool.rest_mut().touched = touched;
            pool.rest_mut().read = read.into_iter().collect();
            if let Pool::Sums { sums, .. } = pool {
                let what = format!("a sum of `{}`", spot.loss);
                for sum in sums.iter_mut().flatten() {
                    *sum = self.sum(&what)?;
                }
            }
        }
        Ok(())
    }
}
