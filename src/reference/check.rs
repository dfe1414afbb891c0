//! The check of the cells that a loss reads.

use ndarray::{Array3, Zip};

use super::data::{Data, Labelled};
use crate::axis::Axis;
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::notation::Number;

impl Data<'_> {
    /// Refuses the first cell, in the order of the user's axes, that is read and cannot be.
    ///
    /// `live` says which cells a step reads; softmax and normalise also read the other classes of
    /// their pixels.
    pub(super) fn check_read(
        &self,
        activation: Activation,
        live: &Array3<bool>,
        unit: bool,
    ) -> Result<()> {
        let mut live = live.clone();
        if matches!(activation, Activation::Softmax | Activation::Normalize) {
            let pixels = live.fold_axis(ndarray::Axis(0), false, |any, &live| *any || live);
            live.outer_iter_mut().for_each(|mut class| class.assign(&pixels));
        }
        let any = (f64::NEG_INFINITY, f64::INFINITY);
        let (domain, expected) = match activation {
            Activation::Probability => ((0.0, 1.0), "a probability in [0, 1]"),
            Activation::LogProbability => {
                ((f64::NEG_INFINITY, 0.0), "a logarithm of a probability, at most 0")
            }
            Activation::Normalize => ((0.0, f64::INFINITY), "a score of at least 0"),
            _ => (any, ""),
        };
        self.first_offender("prediction", &self.prediction, &live, domain, expected)?;
        if let Some(Labelled { numbers, ignored }) = &self.labels {
            return self.check_labels(numbers, *ignored, &live);
        }
        let domain = if unit { (0.0, 1.0) } else { any };
        self.first_offender("target", &self.target, &live, domain, "a target in [0, 1]")
    }

    fn first_offender(
        &self,
        name: &str,
        values: &Array3<f64>,
        live: &Array3<bool>,
        (least, most): (f64, f64),
        expected: &str,
    ) -> Result<()> {
        let mut first: Option<(Vec<usize>, f64)> = None;
        Zip::indexed(values).and(live).for_each(|cell: (usize, usize, usize), &value, &live| {
            if live && !(value.is_finite() && value >= least && value <= most) {
                let index = self.layout.index(cell, &self.spatial);
                if first.as_ref().is_none_or(|(found, _)| index < *found) {
                    first = Some((index, value));
                }
            }
        });
        let Some((index, value)) = first else { return Ok(()) };
        let expected = if value.is_finite() { expected } else { "a finite number" };
        Err(Error::new(
            ErrorKind::Domain,
            format!("{name}: {name}{index:?} is {}, expected {expected}", Number(value)),
        ))
    }

    fn check_labels(
        &self,
        numbers: &Array3<i128>,
        ignored: Option<i128>,
        live: &Array3<bool>,
    ) -> Result<()> {
        let read = live.fold_axis(ndarray::Axis(0), false, |any, &live| *any || live);
        let layout = self.layout.only([Axis::Pixel, Axis::Image].into());
        let classes = self.extents.class as i128;
        let bad = numbers.indexed_iter().filter(|((_, pixel, image), label)| {
            read[[*pixel, *image]] && !(0..classes).contains(*label) && Some(**label) != ignored
        });
        let Some((index, label)) =
            bad.map(|(cell, label)| (layout.index(cell, &self.spatial), label)).min()
        else {
            return Ok(());
        };
        let or =
            ignored.map(|ignored| format!(" or the ignored label {ignored}")).unwrap_or_default();
        Err(Error::new(
            ErrorKind::Domain,
            format!("labels: labels{index:?} is {label}, expected a class in 0..{classes}{or}"),
        ))
    }
}
