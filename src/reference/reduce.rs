//! Reductions on fields, without a loss around them.

use ndarray::Array3;

use super::step::{Stepped, take};
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, Field, spread, weighted};
use crate::reduction::{Reduction, Step};
use crate::weight::Weight;

impl Reduction {
    /// The field after all steps.
    ///
    /// **Errors**: of [`check`](Self::check); [`ErrorKind::Empty`] and [`ErrorKind::Domain`] from a
    /// step; [`ErrorKind::Weight`] if a divisor is named that only a batch has.
    ///
    /// ```
    /// use lossfold::Axis::{Class, Pixel};
    /// use lossfold::{Extents, Field, max, mean};
    ///
    /// let rows = [[1.0, 3.0], [5.0, 9.0]]; // two classes of two pixels
    /// let field = Field::from_fn(Extents { class: 2, pixel: 2, image: 1 }, |c, p, _| rows[c][p]);
    /// let after = max(Class).then(mean(Pixel)).apply(&field)?;
    /// assert_eq!(after.at(0, 0, 0), 7.0); // (5 + 9) / 2
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn apply(&self, field: &Field) -> Result<Field> {
        let mut field = field.clone();
        for (axes, step) in self.resolve(field.axes)? {
            field = stepped(&field, step, axes)?.field;
        }
        Ok(field)
    }

    /// The coefficient field of a linear reduction: the number with which each cell enters the
    /// result of its group. For any values v of the field's axes, masses as the field has them,
    /// the result is Σ coefficient · v.
    ///
    /// **Errors**: [`ErrorKind::Order`] if a step is neither a sum nor a mean, and those of
    /// [`apply`](Self::apply).
    ///
    /// ```
    /// use lossfold::Axis::{Class, Pixel};
    /// use lossfold::{Extents, Field, mean, sum};
    ///
    /// let field = Field::from_fn(Extents { class: 2, pixel: 2, image: 1 }, |_, _, _| 0.0)
    ///     .weighed(Class, |class, _, _| [1.0, 3.0][class]);
    /// let coefficients = sum(Pixel).then(mean(Class)).coefficients(&field)?;
    /// assert_eq!(coefficients.iter().copied().collect::<Vec<_>>(), [0.25, 0.25, 0.75, 0.75]);
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn coefficients(&self, field: &Field) -> Result<Array3<f64>> {
        if !self.is_linear() {
            return Err(Error::new(
                ErrorKind::Order,
                format!("order: `{self}` is not linear; only sums and means have coefficients"),
            ));
        }
        let mut field = field.clone();
        let mut coefficients = Array3::from_elem(field.value.dim(), 1.0);
        for (axes, step) in self.resolve(field.axes)? {
            let Stepped { field: after, derivative, .. } = stepped(&field, step, axes)?;
            let derivative = spread(&derivative, coefficients.dim());
            coefficients.zip_mut_with(&derivative, |coefficient, &d| {
                *coefficient = weighted(*coefficient, d);
            });
            field = after;
        }
        Ok(coefficients)
    }
}

fn stepped(field: &Field, step: &Step, axes: crate::axis::Axes) -> Result<Stepped> {
    let by = step
        .by
        .as_ref()
        .map(|by| by.iter().map(|weight| class_weight(field, weight)).collect::<Result<Vec<_>>>());
    let live = Array3::from_elem(field.extents.shape(field.axes.without(axes)), true);
    take(field, step, axes, by.transpose()?.as_deref(), &live)
}

fn class_weight(field: &Field, weight: &Weight) -> Result<Carried> {
    let Weight::Class(list) = weight else {
        return Err(Error::new(
            ErrorKind::Weight,
            format!("weight `{weight}`: needs a batch; a field alone knows only class weights"),
        ));
    };
    super::weight::check_classes(&format!("weight `{weight}`"), list.len(), field.extents.class)?;
    let axes = crate::axis::Axis::Class.into();
    let shape = field.extents.shape(axes);
    let value = Array3::from_shape_fn(shape, |(class, ..)| list[class]);
    Ok(Carried { name: weight.to_string(), axes, value, depends: false, skips: false })
}
