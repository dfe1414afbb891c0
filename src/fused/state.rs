//! What is left of the images that were seen: small, mergeable, and all that a value needs.

use std::sync::Arc;

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Loss;

use super::data::Data;
use super::facts::Facts;
use super::plan::Plan;
use super::pool::Pool;
use super::seen::Seen;
use super::write;

/// What the images that were observed leave of a loss: micro-batches, an epoch, a rank.
///
/// Observing two parts and merging is observing the whole, to the bit, however the images are split
/// and in whatever order the parts are merged: what is summed over images is summed exactly and rounded
/// once. So the gradient of accumulated micro-batches, the value of an epoch and the batch Dice of many
/// machines are those of the whole, where a mean of the parts' means is not.
///
/// A state is small: for every step or ratio over images that is a sum, a mean or a ratio it holds the
/// sums per class, however many images it has seen. For other steps over images (`max`, `top`,
/// `quantile`, ..) it keeps one value per image and class, see [`keeps_images`](Self::keeps_images).
///
/// ```
/// use lossfold::Axis::{Class, Image, Pixel};
/// use lossfold::{Activation, Batch, Layout, Ratio, State, mean, overlap};
/// use ndarray::array;
///
/// let batch_dice = overlap(Activation::Probability).dice([Pixel, Image]).reduce(mean(Class));
/// let prediction = array![[[0.5], [1.0]], [[0.0], [0.0]], [[1.0], [0.5]]];
/// let target = array![[[1_u8], [1]], [[0], [0]], [[1], [0]]];
/// let batch = Batch::new("NLC".parse()?, &prediction, &target)?;
///
/// let mut state = State::new(&batch_dice);
/// state.observe(&batch.images(0..2)?)?; // a micro-batch of two images, one of them empty
/// let mut other = State::new(&batch_dice);
/// other.observe(&batch.images(2..3)?)?;
/// state.merge(&other)?;
///
/// assert_eq!(state.value()?, batch_dice.value(&batch)?);
/// let (_, gradient) = batch_dice.value_and_gradient(&batch)?;
/// let of_last = state.gradient(&batch.images(2..3)?)?; // of the merged loss
/// assert_eq!(of_last, gradient.slice(ndarray::s![2..3, .., ..]));
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct State {
    loss: Loss,
    seen: Option<Seen>,
}

impl State {
    /// A state of a loss that has seen nothing.
    pub fn new(loss: &Loss) -> Self {
        Self { loss: loss.clone(), seen: None }
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// How many images were observed.
    pub fn images(&self) -> u64 {
        self.seen.as_ref().map_or(0, |seen| seen.images)
    }

    /// Whether a value per image is kept, so that the state grows with the images that it sees: the
    /// loss has a step over images that is no sum, mean or ratio.
    pub fn keeps_images(&self) -> bool {
        let kept = |seen: &Seen| seen.pools.iter().any(|pool| matches!(pool, Pool::Kept { .. }));
        self.seen.as_ref().is_some_and(kept)
    }

    /// Reads a batch, once. Batches may have different numbers of images, and of pixels.
    ///
    /// **Errors**: those of [`Loss::value`] that a batch causes; [`ErrorKind::NotMergeable`] if the
    /// loss must read all cells at once, with the step and the reason, or if weights of 0 hide a bad number
    /// in one part only; [`ErrorKind::Shape`] if the batch cannot be of one whole with those before. After an error the state is as it was.
    pub fn observe<F: Float, D: Dimension>(&mut self, batch: &Batch<'_, F, D>) -> Result<()> {
        let data = Data::new(batch);
        let plan = self.plan(&data)?;
        let (seen, _) = Seen::of(&plan, &data)?;
        self.add(seen)
    }

    fn add(&mut self, seen: Seen) -> Result<()> {
        if let Some(known) = &mut self.seen {
            return known.merge(&seen);
        }
        self.seen = Some(seen);
        Ok(())
    }

    /// The plan for a batch.
    fn plan(&self, data: &Data<'_>) -> Result<Arc<Plan>> {
        let facts: Facts = data.facts();
        let plan = match &self.seen {
            Some(seen) if seen.plan.facts == facts => Arc::clone(&seen.plan),
            _ => Arc::new(Plan::new(&self.loss, facts, false)?),
        };
        match &plan.whole {
            None => Ok(plan),
            Some(whole) => Err(Error::new(
                ErrorKind::NotMergeable,
                format!("state: `{}` cannot be made of parts: {}", whole.node, whole.why),
            )),
        }
    }

    /// Adds what another state has seen.
    ///
    /// **Errors**: [`ErrorKind::NotMergeable`] if it is a state of another loss, or a weight that has no
    /// image axis differs, or weights of 0 hide a bad number in one part only; [`ErrorKind::Shape`] if what it has seen cannot be of one whole with what
    /// this has seen. After an error the state is as it was.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.loss != other.loss {
            return Err(Error::new(
                ErrorKind::NotMergeable,
                format!("state: is of `{}`, found one of `{}`", self.loss, other.loss),
            ));
        }
        match &other.seen {
            Some(seen) => self.add(seen.clone()),
            None => Ok(()),
        }
    }

    pub(super) fn seen(&self) -> Result<&Seen> {
        self.seen.as_ref().ok_or_else(|| {
            let why = format!("state: of `{}` has observed nothing", self.loss);
            Error::new(ErrorKind::Empty, why)
        })
    }

    pub(super) fn seen_mut(&mut self) -> &mut Option<Seen> {
        &mut self.seen
    }

    /// The value of the loss over all images that were seen.
    ///
    /// **Errors**: those of [`Loss::value`], and [`ErrorKind::Empty`] if nothing was observed.
    pub fn value(&self) -> Result<f64> {
        self.seen()?.value()
    }

    /// The gradient of [`value`](Self::value) with respect to the prediction of a batch, which is one of
    /// those that were observed.
    ///
    /// **Errors**: those of [`value`](Self::value) and [`observe`](Self::observe).
    pub fn gradient<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Array<F, D>> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        self.gradient_into(batch, &mut gradient)?;
        Ok(gradient)
    }

    /// The same, written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`gradient`](Self::gradient), and [`ErrorKind::Shape`] for a buffer of
    /// another shape. After another error the buffer holds no gradient.
    pub fn gradient_into<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<()> {
        write::check_shape(batch, gradient)?;
        let data = Data::new(batch);
        let plan = self.plan(&data)?;
        let (of_batch, pass) = Seen::of(&plan, &data)?;
        let seen = self.seen()?;
        seen.check_same(&of_batch)?;
        let (_, sink) = seen.value_and_backs(false, None)?;
        write::gradient(seen, &pass, &sink, batch, gradient)
    }
}
