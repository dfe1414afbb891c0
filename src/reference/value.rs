//! Value and gradient, as a user asks for them.

use ndarray::{Array, Array3, ArrayD, Dimension, IxDyn};

use super::data::{Data, scatter};
use super::evaluate::{Evaluated, evaluate};
use crate::axis::{Axes, Axis};
use crate::batch::{Batch, Float};
use crate::error::{Error, ErrorKind, Result};
use crate::field::Field;
use crate::layout::Layout;
use crate::loss::{Loss, leaves};

/// The values of a loss per the axes that remain, and their masses.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Values<F> {
    /// Which axis of the arrays is which: the batch's layout without the axes that are gone.
    pub layout: Layout,
    /// The value of each cell; 0 where its mass is 0.
    pub values: ArrayD<F>,
    /// The weights that no step has consumed yet; 0 for a cell that was masked or skipped.
    pub mass: ArrayD<F>,
}

impl Loss {
    /// The loss evaluated literally: every node on whole tensors, in f64. It defines what
    /// [`value`](Self::value) and [`value_and_gradient`](Self::value_and_gradient) mean and is what
    /// they are tested against; it takes memory for every intermediate field.
    ///
    /// ```
    /// use lossfold::{Activation, Batch, Layout, Over, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0]], array![[0.0, 1.0]]);
    /// let batch = Batch::new(Layout::NC, &prediction, &target)?;
    /// let loss = squared(Activation::Identity).reduce(mean(Over::All));
    /// assert_eq!(loss.reference().value(&batch)?, loss.value(&batch)?);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn reference(&self) -> Reference<'_> {
        Reference { loss: self }
    }

    /// The values of a loss per the axes that remain, in the order of the batch's layout.
    ///
    /// **Errors**: those of [`value`](Self::value), but for the axes that remain.
    ///
    /// ```
    /// use lossfold::{Activation, Axis, Batch, Layout, mean, squared};
    /// use ndarray::array;
    ///
    /// let (prediction, target) = (array![[1.0, 4.0], [3.0, 1.0]], array![[0.0, 1.0], [0.0, 1.0]]);
    /// let per_image = squared(Activation::Identity).reduce(mean(Axis::Class));
    /// let values = per_image.values(&Batch::new(Layout::NC, &prediction, &target)?)?;
    /// assert_eq!(values.values, array![5.0, 4.5].into_dyn());
    /// assert_eq!(values.layout.to_string(), "image");
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn values<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<Values<F>> {
        let data = Data::new(batch);
        let root = evaluate(self, &data)?;
        check_nan(&root)?;
        let layout = batch.layout().only(root.field.axes);
        let spread = |cells: &Array3<f64>| {
            let shape = shape(layout, &root.field, &batch.spatial());
            let mut array = ArrayD::from_elem(IxDyn(&shape), F::zero());
            scatter(cells, layout, array.view_mut());
            array
        };
        let mass = root.field.mass();
        let mut values = root.field.value.clone();
        values.zip_mut_with(&mass, |value, &mass| *value = if mass == 0.0 { 0.0 } else { *value });
        Ok(Values { layout, values: spread(&values), mass: spread(&mass) })
    }
}

/// A loss that is evaluated literally, see [`Loss::reference`].
#[derive(Clone, Copy, Debug)]
pub struct Reference<'l> {
    loss: &'l Loss,
}

impl Reference<'_> {
    /// The value, as [`Loss::value`] has it.
    ///
    /// **Errors**: those of [`Loss::value`].
    pub fn value<F: Float, D: Dimension>(&self, batch: &Batch<'_, F, D>) -> Result<F> {
        scalar(&evaluate(self.loss, &Data::new(batch))?, batch.layout()).map(F::narrow)
    }

    /// The value and its gradient, as [`Loss::value_and_gradient`] has them.
    ///
    /// **Errors**: those of [`Loss::value`].
    pub fn value_and_gradient<F: Float, D: Dimension>(
        &self,
        batch: &Batch<'_, F, D>,
    ) -> Result<(F, Array<F, D>)> {
        let data = Data::new(batch);
        let root = evaluate(self.loss, &data)?;
        let value = scalar(&root, batch.layout())?;
        let derivatives = root.gradient(&Array3::ones(root.field.value.dim()));
        let mut gradient = Array::from_elem(batch.prediction().raw_dim(), F::zero());
        scatter(&derivatives, batch.layout(), gradient.view_mut().into_dyn());
        Ok((F::narrow(value), gradient))
    }
}

fn shape(layout: Layout, field: &Field, spatial: &[usize]) -> Vec<usize> {
    let mut spatial = spatial.iter();
    let extent = |&axis: &Axis| match axis {
        Axis::Class => field.classes.len(),
        Axis::Image => field.extents.image,
        Axis::Pixel => spatial.next().copied().unwrap_or(1),
    };
    layout.axes().iter().map(extent).collect()
}

/// The one value of a loss that leaves none of the axes of the layout. Along an axis that the layout
/// lacks there is one cell, so nothing is left to combine.
fn scalar(root: &Evaluated<'_>, layout: Layout) -> Result<f64> {
    let field = &root.field;
    let left: Axes =
        layout.axes().iter().copied().filter(|&axis| field.axes.contains(axis)).collect();
    let Some(&value) = field.value.first().filter(|_| left.is_empty()) else {
        return Err(leaves(root.loss, left));
    };
    if field.mass().iter().any(|&mass| mass == 0.0) {
        return Err(Error::new(
            ErrorKind::Empty,
            format!(
                "value: `{}` has nothing left to count: every cell is masked, ignored or skipped; \
                 name empty=zero, one or nan where that may be",
                root.loss
            ),
        ));
    }
    check_nan(root)?;
    Ok(value)
}

/// A NaN that no policy asked for is the fault of a formula.
fn check_nan(root: &Evaluated<'_>) -> Result<()> {
    if !root.field.value.iter().any(|value| value.is_nan()) || root.loss.asks_for_nan() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Domain,
        format!("value: `{}` is not a number, though no step asks for empty=nan", root.loss),
    ))
}
