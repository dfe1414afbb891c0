//! Sums and quotients of losses: broadcast by name, and the weights that all terms share.

use ndarray::Array3;

use super::evaluate::{Evaluated, How};
use super::outline::{Evaluation, gather_live};
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, Field, spread, weighted};
use crate::loss::{Loss, Rides, Tag, common_weights};

impl Evaluation<'_, '_> {
    pub(super) fn sum<'l>(
        &self,
        loss: &'l Loss,
        terms: &'l [(f64, Loss)],
        constant: f64,
        live: &Array3<bool>,
    ) -> Result<Evaluated<'l>> {
        let mut inputs = Vec::new();
        for (coefficient, term) in terms {
            let (axes, classes) = self.outline(term)?;
            // A coefficient of 0 reads nothing.
            let live = live.mapv(|live| live && *coefficient != 0.0);
            inputs.push((
                *coefficient,
                self.node(term, &gather_live(&live, self.shape(axes, &classes)))?,
            ));
        }
        let (axes, classes) = self.outline(loss)?;
        let shape = self.shape(axes, &classes);
        let mut value = Array3::from_elem(shape, constant);
        for (coefficient, input) in &inputs {
            value.zip_mut_with(&spread(&input.field.value, shape), |total, &v| {
                *total += weighted(*coefficient, v);
            });
        }
        let fields = inputs.iter().map(|(_, input)| (input.field.axes, &input.field.weights[..]));
        let weights = common_weights("sum", loss, fields)?;
        let field = Field { axes, extents: self.data.extents, classes, value, weights };
        Ok(Evaluated { loss, field, how: How::Sum { inputs } })
    }

    pub(super) fn quotient<'l>(
        &self,
        loss: &'l Loss,
        over: &'l Loss,
        under: &'l Loss,
        live: &Array3<bool>,
    ) -> Result<Evaluated<'l>> {
        let below = |child| {
            let (axes, classes) = self.outline(child)?;
            self.node(child, &gather_live(live, self.shape(axes, &classes)))
        };
        let (over, under) = (below(over)?, below(under)?);
        let (axes, classes) = self.outline(loss)?;
        let shape = self.shape(axes, &classes);
        let fields = [&over.field, &under.field].map(|field| (field.axes, &field.weights[..]));
        let weights = common_weights("quotient", loss, fields.into_iter())?;
        let mut field = Field {
            axes,
            extents: self.data.extents,
            classes,
            value: spread(&over.field.value, shape).to_owned(),
            weights,
        };
        let masses = field.mass();
        for (cell, &denominator) in spread(&under.field.value, shape).indexed_iter() {
            let read = live[cell] && masses[cell] != 0.0;
            if read && denominator == 0.0 {
                let at = field.at_place(cell);
                return Err(Error::new(
                    ErrorKind::Empty,
                    format!("quotient `{loss}`: the denominator{at} is 0"),
                ));
            }
            field.value[cell] = if read { field.value[cell] / denominator } else { 0.0 };
        }
        Ok(Evaluated {
            loss,
            field,
            how: How::Quotient { over: Box::new(over), under: Box::new(under) },
        })
    }
}

impl Rides for Carried {
    fn tag(&self) -> Tag<'_> {
        Tag { name: &self.name, axes: self.axes, depends: self.depends, skips: self.skips }
    }
}
