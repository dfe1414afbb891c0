//! Several outputs: a total over heads, each a loss on a batch of its own, with a coefficient.

mod bound;
mod report;
mod state;

pub use bound::AnyBatch;
pub use report::{HeadReport, OutputsReport};
pub use state::OutputsState;

use std::fmt;

use ndarray::{Array, ArrayRef, Dimension};

use crate::batch::{Batch, Float};
use crate::between::multiply;
use crate::error::{Error, ErrorKind, Result};
use crate::loss::Loss;
use crate::notation::Number;

use bound::bind;

/// A total over named heads: Σ coefficient · loss, each loss on a batch of its own.
///
/// Keras `loss_weights`, deep supervision, a mask and a boundary head: the batches may have different
/// shapes, numbers of axes and element types. They are bound by name, in any order. What is added are
/// finished losses; a sum of losses on *one* batch is a [`Loss`].
///
/// Building never fails; [`check`](Self::check) and evaluation refuse what makes no sense.
///
/// ```
/// use lossfold::{Batch, Layout, Loss, Outputs};
/// use ndarray::array;
///
/// let squared: Loss = "squared(identity) > mean(all)".parse()?;
/// let outputs = Outputs::new().head("mask", 1.0, &squared).head("volume", 0.25, &squared);
/// assert_eq!(
///     outputs.to_string(),
///     "mask: (squared(identity) > mean(all)) + 0.25 * volume: (squared(identity) > mean(all))"
/// );
///
/// // Two images of two pixels in f32, and one number per image in f64.
/// let (mask, true_mask) = (array![[[1.0_f32], [1.0]], [[0.0], [2.0]]], array![[[0_u8], [1]], [[0], [1]]]);
/// let (volume, true_volume) = (array![[4.0], [2.0]], array![[2.0], [2.0]]);
/// let masks = Batch::new("NLC".parse()?, &mask, &true_mask)?;
/// let volumes = Batch::new(Layout::NC, &volume, &true_volume)?;
///
/// let total = outputs.value(&[("mask", &masks), ("volume", &volumes)])?;
/// assert_eq!(total, 1.0); // 2 / 4 + 0.25 · 4 / 2
///
/// // One pass per head that trains: its share of the total and the gradient of the total.
/// let (of_mask, mask_gradient) = outputs.contribution_and_gradient("mask", &masks)?;
/// let (of_volume, volume_gradient) = outputs.contribution_and_gradient("volume", &volumes)?;
/// assert_eq!(of_mask + of_volume, total);
/// assert_eq!(mask_gradient, array![[[0.5_f32], [0.0]], [[0.0], [0.5]]]); // 2 (p - t) / 4
/// assert_eq!(volume_gradient, array![[0.5], [0.0]]); // 0.25 · 2 (p - t) / 2
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    heads: Vec<Head>,
}

/// A head: the name of an output, its coefficient in the total and its loss.
///
/// ```
/// use lossfold::{Loss, Outputs};
///
/// let outputs = Outputs::new().head("edge", 0.5, &"squared(sigmoid) > mean(all)".parse::<Loss>()?);
/// let edge = &outputs.heads()[0];
/// assert_eq!((edge.name(), edge.coefficient()), ("edge", 0.5));
/// assert_eq!(edge.to_string(), "0.5 * edge: (squared(sigmoid) > mean(all))");
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    name: String,
    coefficient: f64,
    loss: Loss,
}

impl Head {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its value is multiplied by in the total.
    pub fn coefficient(&self) -> f64 {
        self.coefficient
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    fn within(&self, error: Error) -> Error {
        error.within(format_args!("head `{}`", self.name))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.coefficient != 1.0 {
            write!(f, "{} * ", Number(self.coefficient))?;
        }
        write!(f, "{}: ({})", self.name, self.loss)
    }
}

impl Outputs {
    /// No heads yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a head.
    pub fn head(mut self, name: impl Into<String>, coefficient: f64, loss: &Loss) -> Self {
        self.heads.push(Head { name: name.into(), coefficient, loss: loss.clone() });
        self
    }

    /// The heads, in the order in which they were added and are summed.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Refuses heads that no batches could make right.
    ///
    /// **Errors**: [`ErrorKind::Head`] if there is no head or two have one name; [`ErrorKind::Order`] for
    /// a coefficient that is no finite number; those of [`Loss::check`], with the head.
    ///
    /// ```
    /// use lossfold::{Loss, Outputs};
    ///
    /// let loss: Loss = "squared(identity) > mean(all)".parse()?;
    /// let twice = Outputs::new().head("mask", 1.0, &loss).head("mask", 0.5, &loss);
    /// let error = twice.check().unwrap_err();
    /// assert_eq!(error.to_string(), "head `mask`: is named twice, expected a name of its own");
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        if self.heads.is_empty() {
            return Err(Error::new(
                ErrorKind::Head,
                "heads: there are none, expected at least one",
            ));
        }
        for (place, head) in self.heads.iter().enumerate() {
            let refuse = |kind, why: String| Err(head.within(Error::new(kind, why)));
            if self.heads[..place].iter().any(|other| other.name == head.name) {
                return refuse(
                    ErrorKind::Head,
                    "is named twice, expected a name of its own".into(),
                );
            }
            if !head.coefficient.is_finite() {
                let why = format!("has coefficient {}, expected a finite one", head.coefficient);
                return refuse(ErrorKind::Order, why);
            }
            head.loss.check().map_err(|error| head.within(error))?;
        }
        Ok(())
    }

    /// The total, added up in the order of the heads, in f64.
    ///
    /// A head is evaluated as by a [`State`](crate::State); a loss that cannot be made of parts as by
    /// [`Loss::value`], whose value has the element type of the prediction.
    ///
    /// **Errors**: those of [`check`](Self::check); [`ErrorKind::Head`] for a head without a batch, with
    /// two, or of an unknown name; those of [`Loss::value`], with the head.
    ///
    /// ```
    /// use lossfold::{Batch, Layout, Loss, Outputs};
    /// use ndarray::array;
    ///
    /// let loss: Loss = "squared(identity) > mean(all)".parse()?;
    /// let outputs = Outputs::new().head("fine", 1.0, &loss).head("coarse", 0.5, &loss);
    /// let (prediction, target) = (array![[1.0, 3.0]], array![[0.0, 0.0]]);
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    /// assert_eq!(outputs.value(&[("coarse", &batch), ("fine", &batch)])?, 7.5); // 1.5 · 10 / 2
    ///
    /// let error = outputs.value(&[("fine", &batch)]).unwrap_err();
    /// assert_eq!(error.to_string(), "head `coarse`: has no batch; the heads are `fine`, `coarse`");
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn value(&self, batches: &[(&str, &dyn AnyBatch)]) -> Result<f64> {
        let values = self.values(batches)?;
        Ok(self.heads.iter().zip(values).map(|(head, value)| head.coefficient * value).sum())
    }

    /// The same with the share of each head, as data and as a table.
    ///
    /// **Errors**: those of [`value`](Self::value).
    pub fn report(&self, batches: &[(&str, &dyn AnyBatch)]) -> Result<OutputsReport> {
        Ok(OutputsReport::new(self, self.values(batches)?))
    }

    /// What a head adds to the total, and the gradient of the total with respect to its prediction:
    /// coefficient · L and coefficient · ∇L. No other head has a part in either.
    ///
    /// **Errors**: those of [`value`](Self::value) that concern the head.
    pub fn contribution_and_gradient<F: Float, D: Dimension>(
        &self,
        head: &str,
        batch: &Batch<'_, F, D>,
    ) -> Result<(f64, Array<F, D>)> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        let contribution = self.contribution_and_gradient_into(head, batch, &mut gradient)?;
        Ok((contribution, gradient))
    }

    /// The same; the gradient is written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`contribution_and_gradient`](Self::contribution_and_gradient), and
    /// [`ErrorKind::Shape`] for a buffer of another shape. After another error the buffer holds no gradient.
    pub fn contribution_and_gradient_into<F: Float, D: Dimension>(
        &self,
        head: &str,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<f64> {
        self.check()?;
        let head = &self.heads[self.place(head)?];
        let value = head.loss.value_and_gradient_into(batch, gradient);
        let value: f64 = value.map_err(|error| head.within(error))?.into();
        multiply(gradient, head.coefficient);
        Ok(head.coefficient * value)
    }

    fn values(&self, batches: &[(&str, &dyn AnyBatch)]) -> Result<Vec<f64>> {
        let bound = bind(self, batches)?;
        let values = self.heads.iter().zip(bound);
        values
            .map(|(head, batch)| batch.value(&head.loss).map_err(|error| head.within(error)))
            .collect()
    }

    /// Which head has this name.
    fn place(&self, name: &str) -> Result<usize> {
        self.heads
            .iter()
            .position(|head| head.name == name)
            .ok_or_else(|| self.refuse(name, "is unknown"))
    }

    fn refuse(&self, name: &str, why: &str) -> Error {
        let names: Vec<String> = self.heads.iter().map(|head| format!("`{}`", head.name)).collect();
        let names = names.join(", ");
        Error::new(ErrorKind::Head, format!("head `{name}`: {why}; the heads are {names}"))
    }
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, head) in self.heads.iter().enumerate() {
            match (place, head.coefficient < 0.0) {
                (0, _) => write!(f, "{head}")?,
                (_, false) => write!(f, " + {head}")?,
                (_, true) => {
                    let positive = Head { coefficient: -head.coefficient, ..head.clone() };
                    write!(f, " - {positive}")?;
                }
            }
        }
        Ok(())
    }
}
