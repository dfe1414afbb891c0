//! The fast engine: observe, fold, pull back.
//!
//! ```text
//! prediction, target ──► observe ──► State ──► fold ──► value
//!                        one pass    small     steps    + what comes back to the state ──► pull back
//! ```
//!
//! A loss is analysed once (`plan`, `stage`). The pass (`observe`) reads blocks of pixels and evaluates
//! there (`evaluate`, in a `window`) what is known pixel by pixel, up to the sums of the step or ratio
//! that ends the pixels; then, image by image, up to the step or ratio that ends the images. What these
//! leave is the [`State`]. The `fold` evaluates the rest on it, by the same `evaluate`, and passes the
//! derivatives back (`pull`, `write`). No arithmetic is shared with the reference.

mod account;
mod activation;
mod aggregate;
mod back;
mod buffer;
mod combine;
mod cut;
mod data;
mod digest;
mod element;
mod evaluate;
mod exact;
mod facts;
mod field;
mod flat;
mod focal;
mod fold;
mod given;
mod grid;
mod leaf;
mod linear;
mod live;
mod lovasz;
mod observe;
mod offence;
mod places;
mod plan;
mod pool;
mod pull;
mod ratio;
#[cfg(feature = "serde")]
mod saved;
mod scan;
mod seen;
#[cfg(feature = "html")]
mod shown;
mod stage;
mod state;
mod stream;
mod sweeping;
mod threads;
mod weigh;
mod window;
mod write;

pub(crate) use account::{Account, Noted};
pub(crate) use scan::{Cells, scan};
#[cfg(feature = "html")]
pub(crate) use shown::{Shown, show};
pub use state::State;

use std::sync::Arc;

use ndarray::{Array, ArrayRef, Dimension};

use crate::axis::Axes;
use crate::batch::{Batch, Float, arranged};
use crate::error::Result;
use crate::loss::Loss;

use account::Notes;
use data::Data;
use evaluate::node;
use grid::Grid;
use observe::first_offence;
use offence::OnOffence;
use plan::Plan;
use pull::{Adjoint, Sink};
use seen::{Seen, scalar};
use window::Window;

impl Loss {
    /// The value of a loss that leaves none of the axes of the batch's layout.
    ///
    /// **Errors**: of [`check`](Self::check); [`ErrorKind::Order`] if axes remain;
    /// [`ErrorKind::Domain`] for NaN, infinity, a probability outside [0, 1] or a label without a
    /// class, with its index; [`ErrorKind::Weight`] for weights that are negative, missing or
    /// unnamed; [`ErrorKind::Empty`] if nothing is left to take a mean of.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let loss = squared(Activation::Identity).reduce(mean(Over::All));
    /// assert_eq!(loss.value(&Batch::new(Layout::NC, &prediction, &target)?)?, 5.0); // (1 + 9) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    ///
    /// [`ErrorKind::Order`]: crate::ErrorKind::Order
    /// [`ErrorKind::Domain`]: crate::ErrorKind::Domain
    /// [`ErrorKind::Weight`]: crate::ErrorKind::Weight
    /// [`ErrorKind::Empty`]: crate::ErrorKind::Empty
    pub fn value<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<F> {
        value_of(self, batch, false).map(F::narrow)
    }

    /// The value and its gradient with respect to the prediction, in the prediction's layout.
    ///
    /// **Errors**: those of [`value`](Self::value).
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let loss = squared(Activation::Identity).reduce(mean(Over::All));
    /// let (value, gradient) = loss.value_and_gradient(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// assert_eq!((value, gradient), (5.0, array![[1.0, 3.0]])); // 2 (p - t) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn value_and_gradient<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
    ) -> Result<(F, Array<F, D>)> {
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        let value = self.value_and_gradient_into(batch, &mut gradient)?;
        Ok((value, gradient))
    }

    /// The value; its gradient is written over `gradient`, which has the shape of the prediction.
    ///
    /// **Errors**: those of [`value`](Self::value), and [`ErrorKind::Shape`] for a buffer of another
    /// shape. After another error the buffer holds no gradient.
    ///
    /// [`ErrorKind::Shape`]: crate::ErrorKind::Shape
    pub fn value_and_gradient_into<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
        gradient: &mut ArrayRef<F, D>,
    ) -> Result<F> {
        write::check_shape(batch, gradient)?;
        let data = Data::new(batch);
        let plan = Arc::new(Plan::of_batch(self, data.facts(), false)?);
        if plan.whole.is_some() {
            let (value, slopes) = whole(&plan, &data, Some(false), None)?;
            let mut into = arranged(gradient.view_mut(), batch.layout());
            let slopes = slopes.and_then(|sink| sink.cells);
            let cells = slopes.iter().flat_map(|grid| grid.cells.iter().copied());
            let cells = cells.chain(std::iter::repeat(0.0));
            into.iter_mut().zip(cells).for_each(|(place, slope)| *place = F::narrow(slope));
            return Ok(F::narrow(value));
        }
        if let Some(value) = write::at_once(&plan, &data, batch, gradient) {
            return value.map(F::narrow);
        }
        let (seen, pass) = Seen::of(&plan, &data)?;
        let (value, sink) = seen.value_and_backs(false, None)?;
        write::gradient(&seen, &pass, &sink, batch, gradient)?;
        Ok(F::narrow(value))
    }
}

/// The value of a part of a loss: the batch may carry weights for other parts.
pub(crate) fn value_of_part<F: Float, D: Dimension>(
    loss: &Loss,
    batch: &Batch<'_, F, D>,
) -> Result<f64> {
    value_of(loss, batch, true)
}

fn value_of<F: Float, D: Dimension>(
    loss: &Loss,
    batch: &Batch<'_, F, D>,
    part: bool,
) -> Result<f64> {
    let data = Data::new(batch);
    let plan = Arc::new(Plan::of_batch(loss, data.facts(), part)?);
    match plan.whole {
        None => Seen::of(&plan, &data)?.0.value(),
        Some(_) => whole(&plan, &data, None, None).map(|(value, _)| value),
    }
}

/// A loss that has to read all cells at once: its value and, where asked for, its gradient or parts.
fn whole(
    plan: &Plan,
    data: &Data<'_>,
    parts: Option<bool>,
    notes: Option<&Notes>,
) -> Result<(f64, Option<Sink>)> {
    let (images, pixels) = (0..data.extents.image, 0..data.extents.pixel);
    let mut window = Window::new(data, images, pixels, OnOffence::End);
    window.notes = notes;
    let root = node(&window, &plan.root, &None);
    let root = root.map_err(|error| first_offence(plan, data).unwrap_or(error))?;
    let value = scalar(&root, &plan.loss)?;
    let sink = parts.map(|parts| {
        let mut sink = Sink::new(parts, window.shape(Axes::ALL, data.extents.class), 0);
        root.pull(Adjoint::of(Grid::filled(root.field.shape, 1.0)), &mut sink);
        sink
    });
    Ok((value, sink))
}
