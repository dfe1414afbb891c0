//! The weights that a loss names, as fields.

use ndarray::Array3;

use super::data::{Data, cells};
use crate::axis::{Axes, Axis, Extents};
use crate::batch::Aligned;
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, spread, weighted};
use crate::layout::Layout;
use crate::weight::{AbsentVolume, Weight};

impl<'b> Data<'b> {
    pub(super) fn carried(&self, weight: &Weight) -> Option<&Aligned<'b>> {
        match weight {
            Weight::Image => self.image.as_ref(),
            Weight::Map => self.map.as_ref(),
            Weight::Mask => self.mask.as_ref(),
            _ => None,
        }
    }

    /// The axes of a weight that comes with the batch.
    pub(super) fn axes(&self, weight: &Weight) -> Axes {
        let aligned = self.carried(weight);
        aligned.map_or(Axes::NONE, |aligned| aligned.axes)
    }

    /// A weight over `classes`, the numbers of the classes that are still there.
    pub(super) fn weight(&self, weight: &Weight, classes: &[usize]) -> Result<Carried> {
        let axes = weight.axes(&|carried| self.axes(carried));
        let extents = Extents { class: classes.len(), ..self.extents };
        let shape = extents.shape(axes);
        let target = self.target.select(ndarray::Axis(0), classes);
        if matches!(
            weight,
            Weight::Positives
                | Weight::Negatives
                | Weight::Presence { .. }
                | Weight::Volume { .. }
                | Weight::Balance { .. }
        ) {
            self.check_target(weight, &target, classes)?;
        }
        let value = match weight {
            Weight::Class(list) => {
                self.check_length(weight, list)?;
                Array3::from_shape_fn(shape, |(class, ..)| list[classes[class]])
            }
            Weight::Target(list) => {
                self.check_length(weight, list)?;
                Array3::from_shape_fn(shape, |(_, pixel, image)| {
                    // Without classes no pixel has a true one.
                    let of_class = list.get(self.truth(pixel, image)).copied().unwrap_or(0.0);
                    if self.counts(pixel, image) { of_class } else { 0.0 }
                })
            }
            Weight::Image | Weight::Map | Weight::Mask => {
                let aligned = self.carried(weight).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Weight,
                        format!("weight `{weight}`: not carried by the batch"),
                    )
                })?;
                let values =
                    cells(self.extents.shape(axes), aligned.values.canonical(aligned.layout));
                self.check_values(weight, aligned.layout, &values)?;
                if axes.contains(Axis::Class) {
                    values.select(ndarray::Axis(0), classes)
                } else {
                    values
                }
            }
            Weight::Positives => self.where_kept(target),
            Weight::Negatives => self.where_kept(target.mapv(|t| 1.0 - t)),
            Weight::Presence { over } => {
                self.volume(&target, *over).mapv(|volume| f64::from(volume > 0.0))
            }
            Weight::Volume { power, over, epsilon: Some(epsilon), .. } => {
                self.volume(&target, *over).mapv(|volume| (volume.powf(-power) + epsilon).recip())
            }
            Weight::Volume { power, over, absent, .. } => {
                let volume = self.volume(&target, *over);
                let powers = volume.mapv(|volume| volume.powf(*power));
                inverse_volume(weight, powers, *absent, classes)?
            }
            Weight::Balance { over } => {
                let ones = target.mapv(|t| f64::from(t.is_finite()));
                let share =
                    self.volume(&target, *over) / self.volume(&ones, *over).mapv(|n| n.max(1.0));
                let mut balance = target;
                let shape = balance.dim();
                balance.zip_mut_with(&spread(&share, shape), |t, &share| {
                    *t = 2.0 * (*t * (1.0 - share) + (1.0 - *t) * share);
                });
                self.where_kept(balance)
            }
        };
        Ok(Carried { name: weight.to_string(), axes, value, depends: false, skips: false })
    }

    /// Σ t over the axes, ignored pixels aside. What is no number is masked, or an error at the source.
    fn volume(&self, target: &Array3<f64>, over: Axes) -> Array3<f64> {
        over.iter().fold(self.where_kept(target.clone()), |counted, axis| {
            let axis = ndarray::Axis(axis as usize);
            counted.sum_axis(axis).insert_axis(axis)
        })
    }

    /// Refuses targets of which no weight can be made.
    fn check_target(&self, weight: &Weight, target: &Array3<f64>, classes: &[usize]) -> Result<()> {
        let bad = target.indexed_iter().filter(|(_, t)| t.is_finite() && !(0.0..=1.0).contains(*t));
        let index = |(class, pixel, image): (usize, usize, usize)| {
            self.layout.index((classes[class], pixel, image), &self.spatial)
        };
        let first = bad.map(|(cell, &t)| (index(cell), t)).min_by(|(a, _), (b, _)| a.cmp(b));
        match first {
            None => Ok(()),
            Some((index, t)) => Err(Error::new(
                ErrorKind::Domain,
                format!("weight `{weight}`: target{index:?} is {t}, expected a target in [0, 1]"),
            )),
        }
    }

    /// A weight made from targets: 0 for an ignored pixel, and for a target that is no number, which is
    /// masked, or an error at the source.
    fn where_kept(&self, weight: Array3<f64>) -> Array3<f64> {
        let mut weight = weight.mapv(|w| if w.is_finite() { w } else { 0.0 });
        if let Some(kept) = &self.kept {
            let shape = weight.dim();
            weight.zip_mut_with(&spread(kept, shape), |w, &kept| *w = weighted(kept, *w));
        }
        weight
    }

    fn counts(&self, pixel: usize, image: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept[[0, pixel, image]] != 0.0)
    }

    /// The true class of a pixel: the first with the largest target.
    pub(super) fn truth(&self, pixel: usize, image: usize) -> usize {
        // A target that is no number is masked, or an error at the source.
        let target = |class: usize| match self.target[[class, pixel, image]] {
            t if t.is_nan() => f64::NEG_INFINITY,
            t => t,
        };
        (1..self.extents.class)
            .fold(0, |best, class| if target(class) > target(best) { class } else { best })
    }

    fn check_length(&self, weight: &Weight, list: &[f64]) -> Result<()> {
        check_classes(&format!("weight `{weight}`"), list.len(), self.extents.class)
    }

    fn check_values(&self, weight: &Weight, layout: Layout, values: &Array3<f64>) -> Result<()> {
        let expected = match weight {
            Weight::Mask => "0 or 1",
            _ => "a finite number of at least 0",
        };
        let good = |value: f64| match weight {
            Weight::Mask => value == 0.0 || value == 1.0,
            _ => value.is_finite() && value >= 0.0,
        };
        let bad = values.indexed_iter().filter(|(_, value)| !good(**value));
        let first = bad
            .map(|(cell, &value)| (layout.index(cell, &self.spatial), value))
            .min_by(|(one, _), (other, _)| one.cmp(other));
        match first {
            None => Ok(()),
            Some((index, value)) => Err(Error::new(
                ErrorKind::Weight,
                format!("{weight}: {weight}{index:?} is {value}, expected {expected}"),
            )),
        }
    }
}

/// Refuses a list that has another number of entries than there are classes.
pub(super) fn check_classes(what: &str, entries: usize, classes: usize) -> Result<()> {
    if entries == classes {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Weight,
        format!("{what}: has {entries} entries, the batch has {classes} classes"),
    ))
}

/// Settles the classes whose volume is 0, where a negative power makes that infinite.
fn inverse_volume(
    weight: &Weight,
    mut powers: Array3<f64>,
    absent: AbsentVolume,
    classes: &[usize],
) -> Result<Array3<f64>> {
    let all = powers.dim().0;
    for mut group in powers.lanes_mut(ndarray::Axis(0)) {
        let largest = group.iter().copied().filter(|w| w.is_finite()).fold(0.0, f64::max);
        for (place, weight_of_class) in group.iter_mut().enumerate() {
            if *weight_of_class != f64::INFINITY {
                continue;
            }
            *weight_of_class = match absent {
                AbsentVolume::Zero => 0.0,
                AbsentVolume::Largest => largest,
                AbsentVolume::Error => {
                    // Where the volume is summed over class, it is that of all classes.
                    let class = classes.get(place).filter(|_| all == classes.len());
                    let class =
                        class.map_or("every class".into(), |class| format!("class {class}"));
                    return Err(Error::new(
                        ErrorKind::Weight,
                        format!(
                            "weight `{weight}`: {class} has volume 0, so its weight is infinite; \
                             name absent=zero or absent=largest"
                        ),
                    ));
                }
            };
        }
    }
    Ok(powers)
}
