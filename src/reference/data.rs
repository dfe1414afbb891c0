//! The batch as f64 cells, and the check of the cells that a loss reads.

use ndarray::{Array3, ArrayViewMutD, Dimension, Zip};

use crate::axis::{Axes, Axis, Extents};
use crate::batch::{Aligned, Batch, Float, Target, canonical};
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::field::{Carried, mass, spread, weighted};
use crate::layout::Layout;
use crate::weight::{AbsentVolume, Weight};

type Shape = (usize, usize, usize);

/// The batch, indexed by class, pixel and image.
pub(super) struct Data<'b> {
    pub(super) extents: Extents,
    pub(super) prediction: Array3<f64>,
    /// Labels stand as 0 and 1 per class, a label without a class as NaN unless it is ignored.
    pub(super) target: Array3<f64>,
    /// 0 where the label is to be ignored; none without such a label.
    kept: Option<Array3<f64>>,
    /// Rounds to the element type of the prediction.
    pub(super) narrow: fn(f64) -> f64,
    spatial: Vec<usize>,
    layout: Layout,
    labels: Option<Labelled>,
    image: Option<Aligned<'b>>,
    map: Option<Aligned<'b>>,
    mask: Option<Aligned<'b>>,
}

/// The labels as they were given.
struct Labelled {
    numbers: Array3<i128>,
    ignored: Option<i128>,
}

impl<'b> Data<'b> {
    pub(super) fn new<F: Float, D: Dimension>(batch: &Batch<'b, F, D>) -> Self {
        let extents = batch.extents();
        let shape = extents.shape(Axes::ALL);
        let prediction = cells(shape, canonical(&batch.prediction(), batch.layout(), F::into));
        let (target, labels) = match batch.target() {
            Target::Dense(dense) => (cells(shape, dense.canonical(batch.layout())), None),
            Target::Labels(labels) => {
                let per_pixel = extents.shape([Axis::Pixel, Axis::Image].into());
                let numbers = cells(per_pixel, labels.canonical(batch.label_layout()));
                let target = Array3::from_shape_fn(shape, |(class, pixel, image)| {
                    let label = numbers[[0, pixel, image]];
                    match usize::try_from(label) {
                        Ok(label) if label < extents.class => f64::from(label == class),
                        _ if Some(label) == labels.ignored() => 0.0,
                        _ => f64::NAN,
                    }
                });
                (target, Some(Labelled { numbers, ignored: labels.ignored() }))
            }
        };
        let kept = labels.as_ref().and_then(|Labelled { numbers, ignored }| {
            ignored.map(|ignored| numbers.mapv(|label| f64::from(label != ignored)))
        });
        Self {
            extents,
            prediction,
            target,
            kept,
            narrow: |number| F::narrow(number).into(),
            spatial: batch.spatial(),
            layout: batch.layout(),
            labels,
            image: batch.image_weights().cloned(),
            map: batch.map().cloned(),
            mask: batch.mask().cloned(),
        }
    }

    /// The weight that an ignored label puts on every source.
    pub(super) fn kept(&self) -> Option<Carried> {
        self.kept.as_ref().map(|kept| Carried {
            name: "ignored label".into(),
            axes: [Axis::Pixel, Axis::Image].into(),
            value: kept.clone(),
        })
    }

    fn carried(&self, weight: &Weight) -> Option<&Aligned<'b>> {
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
        aligned.map_or(Axes::NONE, |aligned| aligned.layout.axes().iter().copied().collect())
    }

    /// Refuses a batch that carries a weight that the loss does not name, or lacks one that it does.
    pub(super) fn check_carried(&self, named: &[&Weight]) -> Result<()> {
        for weight in [Weight::Image, Weight::Map, Weight::Mask] {
            let why = match (self.carried(&weight).is_some(), named.contains(&&weight)) {
                (true, false) => "the batch carries it, but the loss does not name it",
                (false, true) => "the loss names it, but the batch does not carry it",
                _ => continue,
            };
            return Err(Error::new(ErrorKind::Weight, format!("weight `{weight}`: {why}")));
        }
        Ok(())
    }

    /// A weight over `classes`, the numbers of the classes that are still there.
    pub(super) fn weight(&self, weight: &Weight, classes: &[usize]) -> Result<Carried> {
        let axes = weight.axes(&|carried| self.axes(carried));
        let extents = Extents { class: classes.len(), ..self.extents };
        let shape = extents.shape(axes);
        let target = self.target.select(ndarray::Axis(0), classes);
        let value = match weight {
            Weight::Class(list) => {
                self.check_length(weight, list)?;
                Array3::from_shape_fn(shape, |(class, ..)| list[classes[class]])
            }
            Weight::Target(list) => {
                self.check_length(weight, list)?;
                Array3::from_shape_fn(shape, |(_, pixel, image)| {
                    if self.counts(pixel, image) { list[self.truth(pixel, image)] } else { 0.0 }
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
            Weight::Positives => target,
            Weight::Negatives => target.mapv(|t| 1.0 - t),
            Weight::Presence { over } => {
                self.volume(&target, *over).mapv(|volume| f64::from(volume > 0.0))
            }
            Weight::Volume { power, over, absent } => {
                let volume = self.volume(&target, *over);
                inverse_volume(weight, volume.mapv(|volume| volume.powf(*power)), *absent)?
            }
            Weight::Balance { over } => {
                let ones = Array3::from_elem(target.dim(), 1.0);
                let share = self.volume(&target, *over) / self.volume(&ones, *over);
                let mut balance = target;
                let shape = balance.dim();
                balance.zip_mut_with(&spread(&share, shape), |t, &share| {
                    *t = 2.0 * (*t * (1.0 - share) + (1.0 - *t) * share);
                });
                balance
            }
        };
        Ok(Carried { name: weight.to_string(), axes, value })
    }

    /// Σ t over the axes, ignored pixels aside.
    fn volume(&self, target: &Array3<f64>, over: Axes) -> Array3<f64> {
        let mut counted = target.clone();
        if let Some(kept) = &self.kept {
            let shape = counted.dim();
            counted.zip_mut_with(&spread(kept, shape), |t, &kept| *t = weighted(kept, *t));
        }
        over.iter().fold(counted, |counted, axis| {
            let axis = ndarray::Axis(axis as usize);
            counted.sum_axis(axis).insert_axis(axis)
        })
    }

    fn counts(&self, pixel: usize, image: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept[[0, pixel, image]] != 0.0)
    }

    /// The true class of a pixel: the first with the largest target.
    pub(super) fn truth(&self, pixel: usize, image: usize) -> usize {
        let target = |class: usize| self.target[[class, pixel, image]];
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
        Zip::indexed(values).and(live).for_each(|cell: Shape, &value, &live| {
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
            format!("{name}: {name}{index:?} is {value}, expected {expected}"),
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
) -> Result<Array3<f64>> {
    for mut classes in powers.lanes_mut(ndarray::Axis(0)) {
        let largest = classes.iter().copied().filter(|w| w.is_finite()).fold(0.0, f64::max);
        for (class, weight_of_class) in classes.iter_mut().enumerate() {
            if *weight_of_class != f64::INFINITY {
                continue;
            }
            *weight_of_class = match absent {
                AbsentVolume::Zero => 0.0,
                AbsentVolume::Largest => largest,
                AbsentVolume::Error => {
                    return Err(Error::new(
                        ErrorKind::Weight,
                        format!(
                            "weight `{weight}`: class {class} has volume 0, so its weight is infinite; \
                             name absent=zero or absent=largest"
                        ),
                    ));
                }
            };
        }
    }
    Ok(powers)
}

fn cells<T>(shape: Shape, values: Vec<T>) -> Array3<T> {
    Array3::from_shape_vec(shape, values).expect("a checked batch has as many values as cells")
}

/// Puts cells by class, pixel and image into an array of the layout.
pub(super) fn scatter<F: Float>(cells: &Array3<f64>, layout: Layout, into: ArrayViewMutD<'_, F>) {
    let mut into = into.permuted_axes(layout.by_class_pixel_image());
    into.iter_mut().zip(cells).for_each(|(place, &cell)| *place = F::narrow(cell));
}

/// Prediction and target of every cell, and which cells count.
pub(crate) struct Cells {
    pub(crate) prediction: Array3<f64>,
    pub(crate) target: Array3<f64>,
    /// 0 for a cell that is ignored or masked.
    pub(crate) counts: Array3<f64>,
}

impl Cells {
    pub(crate) fn of<F: Float, D: Dimension>(batch: &Batch<'_, F, D>) -> Result<Self> {
        let data = Data::new(batch);
        let classes: Vec<usize> = (0..data.extents.class).collect();
        let mut weights: Vec<Carried> = data.kept().into_iter().collect();
        if data.mask.is_some() {
            weights.push(data.weight(&Weight::Mask, &classes)?);
        }
        let counts = mass(&weights, data.prediction.dim());
        Ok(Self { prediction: data.prediction, target: data.target, counts })
    }
}
