//! What frameworks do between batches: means of means, as named operations on finished states.

mod part;

pub use part::Part;
pub(crate) use part::{merged, sealed, within};

use std::fmt;

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::error::{Error, ErrorKind, Result};
use crate::fused::State;

use part::{check_alike, no_parts};

/// How a framework makes one value of the values of parts: steps of an epoch, micro-batches, ranks.
///
/// With n images and the value L in each of B parts:
///
/// | rule | value | the gradient of a part is multiplied by |
/// |---|---|---|
/// | [`ByImages`](Self::ByImages) | Σ n L / Σ n | n / Σ n |
/// | [`Evenly`](Self::Evenly) | Σ L / B | 1 / B |
/// | [`Sum`](Self::Sum) | Σ L | 1 |
///
/// **None of them is the loss of the whole**, which is [`State::merged`]. `ByImages` comes to the same
/// where the loss ends in a mean over images that weighs them alike, `Evenly` where the parts have
/// equally many images besides. Batch Dice, masks, ignored pixels and weights that a mean divides by
/// break it.
///
/// Five images with the errors 1, 1, 2, 2 and 3 in ragged parts of 2, 2 and 1, so that the local means
/// are 1, 4 and 9:
///
/// ```
/// use lossfold::{Across, Batch, Layout, Loss, State};
/// use ndarray::array;
///
/// let prediction = array![[1.0], [1.0], [2.0], [2.0], [3.0]];
/// let target = array![[0.0], [0.0], [0.0], [0.0], [0.0]];
/// let batch = Batch::new(Layout::NC, &prediction, &target)?;
/// let parts = |loss: &str, batch: &Batch<'_, f64, _>| -> lossfold::Result<Vec<State>> {
///     let mut parts = vec![State::new(&loss.parse::<Loss>()?); 3];
///     for (part, images) in parts.iter_mut().zip([0..2, 2..4, 4..5]) {
///         part.observe(&batch.images(images)?)?;
///     }
///     Ok(parts)
/// };
///
/// let plain = parts("squared(identity) > mean(all)", &batch)?;
/// assert_eq!(State::merged(&plain)?.value()?, 3.8); // (1 + 1 + 4 + 4 + 9) / 5
/// assert_eq!(Across::ByImages.value(&plain)?, 3.8); // (2·1 + 2·4 + 1·9) / 5, the same
/// assert_eq!(Across::Evenly.value(&plain)?, 14.0 / 3.0); // (1 + 4 + 9) / 3
/// assert_eq!(Across::Sum.value(&plain)?, 14.0);
///
/// // Let the last image weigh 4: inside its part that cancels, in the whole it does not.
/// let weights = array![1.0, 1.0, 1.0, 1.0, 4.0];
/// let batch = batch.with_image_weights(&weights)?;
/// let weighted = parts("squared(identity) > weigh(image) > mean(all)", &batch)?;
/// assert_eq!(State::merged(&weighted)?.value()?, 5.75); // (1 + 1 + 4 + 4 + 4·9) / 8
/// assert_eq!(Across::ByImages.value(&weighted)?, 3.8); // as if there were no weight
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Across {
    /// The mean over parts, weighted by their numbers of images: Σ n L / Σ n.
    ///
    /// Keras: the loss of an epoch in `fit` and `evaluate` (a mean weighted by the batch
    /// size), and the losses of single outputs where the batch size is known (eager, torch, tf.keras).
    ByImages,
    /// The plain mean over parts: Σ L / B.
    ///
    /// Torch: gradients under `DistributedDataParallel`, accumulation with `(loss / steps).backward()`,
    /// and an epoch logged as the mean over its batches. Keras: replicas of a `MirroredStrategy` for
    /// losses that are means, and the losses of single outputs under a TensorFlow graph, where the batch
    /// size is unknown.
    Evenly,
    /// The sum over parts: Σ L.
    ///
    /// Torch: `loss.backward()` of every micro-batch without a division. Keras: replicas of a
    /// `MirroredStrategy` for `reduction="sum"`.
    Sum,
}

/// Prints `mean by images`, `mean over parts` or `sum over parts`.
impl fmt::Display for Across {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ByImages => "mean by images",
            Self::Evenly => "mean over parts",
            Self::Sum => "sum over parts",
        })
    }
}

impl Across {
    /// The value of the parts under this rule. It is added up in their order, in f64.
    ///
    /// **Errors**: [`ErrorKind::Empty`] if there are no parts or one has no image;
    /// [`ErrorKind::NotMergeable`] if they are of different losses; those of [`State::value`]. Each names
    /// the part.
    ///
    /// ```
    /// use lossfold::{Across, Loss, State};
    ///
    /// let loss: Loss = "squared(identity) > mean(all)".parse()?;
    /// let error = Across::ByImages.value(&[State::new(&loss)]).unwrap_err();
    /// assert_eq!(error.to_string(), "part 0: has seen no image, expected at least one");
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn value<'a, P: Part + 'a>(self, parts: impl IntoIterator<Item = &'a P>) -> Result<f64> {
        let parts: Vec<&P> = parts.into_iter().collect();
        let (weights, divisor) = self.weights(&parts)?;
        let mut sum = 0.0;
        for (place, (part, weight)) in parts.iter().zip(weights).enumerate() {
            sum += weight * part.value().map_err(|error| within(place, error))?;
        }
        Ok(sum / divisor)
    }

    /// What the value and the gradient of each part are multiplied by.
    ///
    /// For a loss that cannot be made of parts, and so has no state, these are the factors of the values
    /// of [`Loss::value`](crate::Loss::value).
    ///
    /// **Errors**: those of [`value`](Self::value) that do not come from values.
    ///
    /// ```
    /// use lossfold::Across;
    ///
    /// assert_eq!(Across::ByImages.factors([2, 2, 1])?, [0.4, 0.4, 0.2]);
    /// assert_eq!(Across::Evenly.factors([3, 1])?, [0.5, 0.5]);
    /// assert_eq!(Across::Sum.factors([3, 1])?, [1.0, 1.0]);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn factors(self, images: impl IntoIterator<Item = u64>) -> Result<Vec<f64>> {
        let images: Vec<u64> = images.into_iter().collect();
        let (weights, divisor) = self.weights_of(&images)?;
        Ok(weights.iter().map(|weight| weight / divisor).collect())
    }

    /// The gradient of [`value`](Self::value) with respect to the prediction of a batch that the part of
    /// this number has observed: the gradient of the part, times its factor.
    ///
    /// The gradient with respect to a model's parameters is linear in these, so this is what data
    /// parallelism or accumulation trains with, beside that of [`State::merged`].
    ///
    /// **Errors**: those of [`value`](Self::value) and [`State::gradient`]; [`ErrorKind::Shape`] if there
    /// is no part of this number.
    ///
    /// ```
    /// use lossfold::{Across, Batch, Layout, Loss, State};
    /// use ndarray::array;
    ///
    /// let loss: Loss = "squared(identity) > mean(all)".parse()?;
    /// let (prediction, target) = (array![[1.0], [2.0], [3.0]], array![[0.0], [0.0], [0.0]]);
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    /// let locals = [batch.images(0..2)?, batch.images(2..3)?];
    /// let mut ranks = vec![State::new(&loss); 2];
    /// for (rank, local) in ranks.iter_mut().zip(&locals) {
    ///     rank.observe(local)?;
    /// }
    ///
    /// let ddp = Across::Evenly.gradient(&ranks, 1, &locals[1])?;
    /// assert_eq!(ddp, array![[3.0]]); // 2·3 / 1, halved
    /// let of_whole = State::merged(&ranks)?.gradient(&locals[1])?;
    /// assert_eq!(of_whole, array![[2.0]]); // 2·3 / 3
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn gradient<'a, F: Float, D: Dimension>(
        self,
        parts: impl IntoIterator<Item = &'a State>,
        part: usize,
        batch: &Batch<'_, F, D>,
    ) -> Result<Array<F, D>> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        self.gradient_into(parts, part, batch, &mut gradient)?;
        Ok(gradient)
    }

    /// The same, written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`gradient`](Self::gradient), and [`ErrorKind::Shape`] for a buffer of
    /// another shape. After another error the buffer holds no gradient.
    pub fn gradient_into<'a, F: Float, D: Dimension>(
        self,
        parts: impl IntoIterator<Item = &'a State>,
        part: usize,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<()> {
        let parts: Vec<&State> = parts.into_iter().collect();
        let factor = self.factor(&parts, part)?;
        parts[part].gradient_into(batch, gradient).map_err(|error| within(part, error))?;
        multiply(gradient, factor);
        Ok(())
    }

    /// The factor of one of the parts.
    pub(crate) fn factor<P: Part>(self, parts: &[&P], part: usize) -> Result<f64> {
        let (weights, divisor) = self.weights(parts)?;
        weights.get(part).map(|weight| weight / divisor).ok_or_else(|| {
            let why = format!("part {part}: was asked for, there are 0..{}", parts.len());
            Error::new(ErrorKind::Shape, why)
        })
    }

    /// The weight of each part and what their sum is divided by.
    fn weights<P: Part>(self, parts: &[&P]) -> Result<(Vec<f64>, f64)> {
        check_alike(parts)?;
        let images = parts.iter().enumerate().map(|(place, part)| match self {
            Self::ByImages => part.images().map_err(|error| within(place, error)),
            Self::Evenly | Self::Sum => Ok(part.fewest_images()),
        });
        self.weights_of(&images.collect::<Result<Vec<_>>>()?)
    }

    fn weights_of(self, images: &[u64]) -> Result<(Vec<f64>, f64)> {
        if images.is_empty() {
            return Err(no_parts());
        }
        if let Some(place) = images.iter().position(|&images| images == 0) {
            let why = format!("part {place}: has seen no image, expected at least one");
            return Err(Error::new(ErrorKind::Empty, why));
        }
        let weight = |&images: &u64| if self == Self::ByImages { images as f64 } else { 1.0 };
        let weights: Vec<f64> = images.iter().map(weight).collect();
        let divisor = if self == Self::Sum { 1.0 } else { weights.iter().sum() };
        Ok((weights, divisor))
    }
}

/// Multiplies a gradient by a number, in f64.
pub(crate) fn multiply<F: Float, D: Dimension>(gradient: &mut ArrayRef<F, D>, factor: f64) {
    if factor != 1.0 {
        gradient.map_inplace(|slope| *slope = F::narrow(factor * (*slope).into()));
    }
}
