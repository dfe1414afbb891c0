//! Sums and quotients of losses: broadcast by name, and the weights that all terms share.

use ndarray::Array3;

use super::evaluate::{Evaluated, How};
use super::outline::{Evaluation, gather_live};
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, Field, spread, weighted};
use crate::loss::Loss;

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
        let weights = common_weights("sum", loss, inputs.iter().map(|(_, input)| &input.field))?;
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
        let weights = common_weights("quotient", loss, [&over.field, &under.field].into_iter())?;
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

/// The weights of a sum. Every term carries them, unless it lacks one of their axes: what is
/// broadcast along an axis takes on the weights of that axis. What one term skips, the sum skips.
fn common_weights<'f>(
    what: &str,
    loss: &Loss,
    fields: impl Iterator<Item = &'f Field> + Clone,
) -> Result<Vec<Carried>> {
    let mut common: Vec<Carried> = Vec::new();
    for field in fields.clone() {
        let mut unmatched = common.clone();
        for weight in &field.weights {
            match unmatched.iter().position(|known| known == weight) {
                Some(place) => drop(unmatched.remove(place)),
                None => common.push(weight.clone()),
            }
        }
    }
    for field in fields {
        let mut own = field.weights.clone();
        for weight in &common {
            if let Some(place) = own.iter().position(|known| known == weight) {
                own.remove(place);
            } else if !weight.skips && field.axes.contains_all(weight.axes) {
                return Err(Error::new(
                    ErrorKind::Weight,
                    format!(
                        "{what}: the terms of `{loss}` carry different weights (`{}` is not on all of \
                         them); weigh the {what} instead",
                        weight.name
                    ),
                ));
            }
        }
    }
    if common.iter().filter(|weight| weight.depends).count() > 1 {
        return Err(Error::new(
            ErrorKind::Weight,
            format!(
                "{what}: the terms of `{loss}` carry different denominators that are made from the \
                 prediction; at most one can weigh the {what}"
            ),
        ));
    }
    Ok(common)
}
