//! What is left of the images that several heads have seen.

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::between::{Across, Part, merged, multiply, sealed, within};
use crate::error::{Error, ErrorKind, Result};
use crate::fused::State;

use super::bound::bind;
use super::{AnyBatch, Outputs, OutputsReport};

/// A [`State`] per head: micro-batches, an epoch or a rank of a total.
///
/// The total of the merged states is that of the whole. What Keras prints at the end of an epoch is
/// [`Across::ByImages`] for the total and, for each output without its coefficient,
/// [`Across::head_value`].
///
/// ```
/// use lossfold::{Across, Batch, Layout, Loss, Outputs, OutputsState};
/// use ndarray::array;
///
/// let loss: Loss = "squared(identity) > mean(all)".parse()?;
/// let outputs = Outputs::new().head("mask", 1.0, &loss).head("edge", 0.5, &loss);
/// let (prediction, target) = (array![[1.0], [3.0], [4.0]], array![[0.0], [0.0], [1.0]]);
/// let batch = Batch::new(Layout::NC, &prediction, &target)?; // errors 1, 9 and 9
///
/// let mut epoch = vec![OutputsState::new(&outputs); 2];
/// for (step, images) in epoch.iter_mut().zip([0..2, 2..3]) {
///     let part = batch.images(images)?;
///     step.observe(&[("mask", &part), ("edge", &part)])?;
/// }
/// let whole = OutputsState::merged(&epoch)?;
/// assert_eq!(whole.value()?, 9.5); // 1.5 · 19 / 3
/// assert_eq!(Across::ByImages.value(&epoch)?, 9.5); // (2 · 1.5 · 5 + 1.5 · 9) / 3
/// assert_eq!(Across::Evenly.head_value(&epoch, "edge")?, 7.0); // (5 + 9) / 2, no coefficient
/// assert_eq!(whole.gradient("edge", &batch)?, array![[1.0 / 3.0], [1.0], [1.0]]);
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OutputsState {
    outputs: Outputs,
    states: Vec<State>,
}

impl OutputsState {
    /// A state that has seen nothing.
    pub fn new(outputs: &Outputs) -> Self {
        let states = outputs.heads().iter().map(|head| State::new(head.loss())).collect();
        Self { outputs: outputs.clone(), states }
    }

    /// The heads.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// The state of a head, without its coefficient.
    ///
    /// **Errors** ([`ErrorKind::Head`]): there is no such head.
    pub fn head(&self, name: &str) -> Result<&State> {
        self.outputs.place(name).map(|place| &self.states[place])
    }

    /// Reads a batch for each head, once.
    ///
    /// **Errors**: those of [`Outputs::value`], and of [`State::observe`] with the head. After an error
    /// the state is as it was.
    pub fn observe(&mut self, batches: &[(&str, &dyn AnyBatch)]) -> Result<()> {
        let bound = bind(&self.outputs, batches)?;
        self.change(|state, place| bound[place].observe(state))
    }

    /// Adds what another state has seen.
    ///
    /// **Errors**: [`ErrorKind::NotMergeable`] if it is a state of other outputs; those of
    /// [`State::merge`], with the head. After an error the state is as it was.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.outputs != other.outputs {
            return Err(Error::new(
                ErrorKind::NotMergeable,
                format!("state: is of `{}`, found one of `{}`", self.outputs, other.outputs),
            ));
        }
        self.change(|state, place| state.merge(&other.states[place]))
    }

    /// All parts as one: the total of the whole, where the rules of [`Across`] give means of means.
    ///
    /// **Errors**: [`ErrorKind::Empty`] if there are no parts; those of [`merge`](Self::merge), with the
    /// number of the part.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        merged(parts, Self::merge)
    }

    /// The total over all that was seen.
    ///
    /// **Errors**: those of [`Outputs::check`], and of [`State::value`] with the head.
    pub fn value(&self) -> Result<f64> {
        let heads = self.outputs.heads().iter().zip(self.values()?);
        Ok(heads.map(|(head, value)| head.coefficient() * value).sum())
    }

    /// The same with the share of each head, as data and as a table.
    ///
    /// **Errors**: those of [`value`](Self::value).
    pub fn report(&self) -> Result<OutputsReport> {
        Ok(OutputsReport::new(&self.outputs, self.values()?))
    }

    /// The gradient of [`value`](Self::value) with respect to the prediction of a batch that a head has
    /// observed.
    ///
    /// **Errors**: those of [`head`](Self::head), and of [`State::gradient`] with the head.
    pub fn gradient<F: Float, D: Dimension>(
        &self,
        head: &str,
        batch: &Batch<'_, F, D>,
    ) -> Result<Array<F, D>> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        self.gradient_into(head, batch, &mut gradient)?;
        Ok(gradient)
    }

    /// The same, written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`gradient`](Self::gradient), and [`ErrorKind::Shape`] for a buffer of
    /// another shape. After another error the buffer holds no gradient.
    pub fn gradient_into<F: Float, D: Dimension>(
        &self,
        head: &str,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<()> {
        self.outputs.check()?;
        let place = self.outputs.place(head)?;
        let head = &self.outputs.heads()[place];
        let done = self.states[place].gradient_into(batch, gradient);
        done.map_err(|error| head.within(error))?;
        multiply(gradient, head.coefficient());
        Ok(())
    }

    fn values(&self) -> Result<Vec<f64>> {
        self.outputs.check()?;
        let heads = self.outputs.heads().iter().zip(&self.states);
        heads.map(|(head, state)| state.value().map_err(|error| head.within(error))).collect()
    }

    /// Changes the states of all heads, or none.
    fn change(&mut self, how: impl Fn(&mut State, usize) -> Result<()>) -> Result<()> {
        let mut states = self.states.clone();
        for (place, (state, head)) in states.iter_mut().zip(self.outputs.heads()).enumerate() {
            how(state, place).map_err(|error| head.within(error))?;
        }
        self.states = states;
        Ok(())
    }
}

impl Part for OutputsState {}
impl sealed::Part for OutputsState {
    fn images(&self) -> Result<u64> {
        self.outputs.check()?;
        let images = self.states[0].images();
        match self.states.iter().position(|state| state.images() != images) {
            Some(place) => {
                let heads = self.outputs.heads();
                Err(Error::new(
                    ErrorKind::NotMergeable,
                    format!(
                        "head `{}`: has seen {} images, expected {images} like head `{}`",
                        heads[place].name(),
                        self.states[place].images(),
                        heads[0].name()
                    ),
                ))
            }
            None => Ok(images),
        }
    }

    fn fewest_images(&self) -> u64 {
        self.states.iter().map(State::images).min().unwrap_or(0)
    }

    fn value(&self) -> Result<f64> {
        self.value()
    }

    fn of(&self) -> String {
        self.outputs.to_string()
    }

    fn is_like(&self, other: &Self) -> bool {
        self.outputs == other.outputs
    }
}

/// The rules for one head of several.
impl Across {
    /// The value of a head under this rule, **without its coefficient**: what Keras tracks for each
    /// output, by images or, under a TensorFlow graph, evenly.
    ///
    /// **Errors**: those of [`value`](Self::value), and [`ErrorKind::Head`] if there is no such head.
    pub fn head_value<'a>(
        self,
        parts: impl IntoIterator<Item = &'a OutputsState>,
        head: &str,
    ) -> Result<f64> {
        let parts = parts.into_iter().map(|part| part.head(head));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        self.value(parts)
    }

    /// The gradient of the **total** under this rule with respect to the prediction of a batch that a
    /// head of the part of this number has observed: factor · coefficient · ∇L.
    ///
    /// **Errors**: those of [`gradient`](Self::gradient), and [`ErrorKind::Head`] if there is no such
    /// head.
    pub fn head_gradient<'a, F: Float, D: Dimension>(
        self,
        parts: impl IntoIterator<Item = &'a OutputsState>,
        part: usize,
        head: &str,
        batch: &Batch<'_, F, D>,
    ) -> Result<Array<F, D>> {
        let parts: Vec<&OutputsState> = parts.into_iter().collect();
        let factor = self.factor(&parts, part)?;
        let mut gradient =
            parts[part].gradient(head, batch).map_err(|error| within(part, error))?;
        multiply(&mut gradient, factor);
        Ok(gradient)
    }
}
