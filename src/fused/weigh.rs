//! The weights that a loss names, over a window.

use std::sync::Arc;

use crate::axis::{Axes, Axis};
use crate::error::{Error, ErrorKind, Result};
use crate::weight::{AbsentVolume, Weight};

use super::data::Truth;
use super::field::Mass;
use super::grid::{Grid, Shape};
use super::offence::{OnOffence, Rank};
use super::plan::Named;
use super::window::{Volumes, Window};

impl Window<'_, '_> {
    /// A weight over the classes that are still there.
    pub(super) fn weight(&self, named: &Arc<Named>, rank: Rank) -> Result<Mass> {
        if named.deferred {
            if matches!(named.weight, Weight::Presence { .. } | Weight::Volume { .. }) {
                self.check_counted(named, rank)?;
            }
            // 1 until it is known.
            let grid = match (&named.weight, self.totals) {
                (Weight::Presence { over } | Weight::Volume { over, .. }, Some(totals)) => {
                    let of_classes = totals.total.classes(&named.classes);
                    let shape = of_classes.shape.without(*over);
                    of_volume(named, of_classes.gather(shape)).ok()
                }
                _ => None,
            };
            let one = || Grid::filled(Shape { class: 1, image: 1, pixel: 1 }, 1.0);
            let deferred = Some(Arc::clone(named));
            return Ok(Mass { deferred, ..mass(named, grid.unwrap_or_else(one)) });
        }
        let classes = &named.classes;
        let grid = match &named.weight {
            Weight::Class(list) => class_list(named, list, self.data.extents.class)?,
            Weight::Target(list) => {
                check_length(named, list, self.data.extents.class)?;
                self.by_truth(list)
            }
            Weight::Image | Weight::Map | Weight::Mask => self.given(named, rank)?,
            Weight::Positives | Weight::Negatives => {
                self.check_counted(named, rank)?;
                let positives = matches!(named.weight, Weight::Positives);
                let of = |t: f64| if positives { t } else { 1.0 - t };
                self.where_kept(self.target().classes(classes).map(of))
            }
            Weight::Presence { over } => {
                self.check_counted(named, rank)?;
                let volume = self.volumes_over(*over, classes).total;
                volume.map(|volume| f64::from(u8::from(volume > 0.0)))
            }
            Weight::Volume { over, .. } => {
                self.check_counted(named, rank)?;
                let volume = self.volumes_over(*over, classes).total;
                let shape = volume.shape;
                match (of_volume(named, volume), self.on_offence) {
                    // A class may be absent because of the bad target that is looked for.
                    (Err(_), OnOffence::Collect(_)) => Grid::zeros(shape),
                    (weights, _) => weights?,
                }
            }
            Weight::Balance { over } => {
                self.check_counted(named, rank)?;
                let Volumes { total, count } = self.volumes_over(*over, classes);
                let mut share = total;
                share.join(&count, |total, count| *total /= count.max(1.0));
                let mut balance = self.target().classes(classes);
                balance.join(&share, |t, share| {
                    *t = 2.0 * (*t * (1.0 - share) + (1.0 - *t) * share);
                });
                self.where_kept(balance)
            }
        };
        Ok(mass(named, grid))
    }

    /// The number of each pixel's true class: the label, or the first largest target. 0 for an
    /// ignored label.
    fn by_truth(&self, list: &[f64]) -> Grid {
        let target = self.target();
        let pixels = Shape { class: 1, ..target.shape };
        let size = pixels.cells();
        // A target that is no number is masked, or an error at the source.
        let number = |t: f64| if t.is_nan() { f64::NEG_INFINITY } else { t };
        let mut best = vec![f64::NEG_INFINITY; size];
        let mut weights = Grid::filled(pixels, list.first().copied().unwrap_or(0.0));
        for (row, &of_class) in target.cells.chunks(size.max(1)).zip(list) {
            for ((&t, best), weight) in row.iter().zip(&mut best).zip(&mut weights.cells) {
                if number(t) > *best {
                    (*best, *weight) = (number(t), of_class);
                }
            }
        }
        match self.kept_grid() {
            Some(kept) => weights.times(kept),
            None => weights,
        }
    }

    fn given(&self, named: &Named, rank: Rank) -> Result<Grid> {
        let weight = &named.weight;
        let given = self.data.given(weight).ok_or_else(|| {
            Error::new(ErrorKind::Weight, format!("weight `{weight}`: not carried by the batch"))
        })?;
        let mut values = self.read(given.axes, &given.rows);
        let (good, expected): (fn(f64) -> bool, _) = match weight {
            Weight::Mask => (|value| value == 0.0 || value == 1.0, "0 or 1"),
            _ => (|value| value.is_finite() && value >= 0.0, "a finite number of at least 0"),
        };
        if !values.cells.iter().fold(true, |all, &value| all & good(value)) {
            let bad = (0..values.cells.len()).filter(|&cell| !good(values.cells[cell]));
            let named = bad.map(|cell| {
                let index = self.index_in(given.layout, values.shape.cell(cell));
                let value = values.cells[cell];
                (
                    index.clone(),
                    format!("{weight}: {weight}{index:?} is {value}, expected {expected}"),
                )
            });
            self.on_offence.take(rank, ErrorKind::Weight, named)?;
            values = values.map(|value| if good(value) { value } else { 0.0 });
        }
        let all_classes = !given.axes.contains(Axis::Class);
        Ok(if all_classes { values } else { values.classes(&named.classes) })
    }

    /// Refuses targets of which no weight can be made.
    pub(super) fn check_counted(&self, named: &Named, rank: Rank) -> Result<()> {
        // A digest is made of targets in [0, 1] only.
        let (Truth::Dense(_), None) = (&self.data.target, self.digest) else { return Ok(()) };
        let target = self.target();
        let good = |t: f64| !t.is_finite() || (0.0..=1.0).contains(&t);
        if target.cells.iter().fold(true, |all, &t| all & good(t)) {
            return Ok(());
        }
        let bad = (0..target.cells.len()).filter(|&cell| {
            !good(target.cells[cell]) && named.classes.contains(&target.shape.cell(cell).0)
        });
        let offences = bad.map(|cell| {
            let index = self.index_in(self.data.layout, target.shape.cell(cell));
            let t = target.cells[cell];
            let message = format!(
                "weight `{}`: target{index:?} is {t}, expected a target in [0, 1]",
                named.text
            );
            (index, message)
        });
        self.on_offence.take(rank, ErrorKind::Domain, offences)
    }

    /// A weight made from targets: 0 for an ignored pixel, and for a target that is no number.
    fn where_kept(&self, weight: Grid) -> Grid {
        let weight = weight.map(|w| if w.is_finite() { w } else { 0.0 });
        match self.kept_grid() {
            Some(kept) => weight.times(kept),
            None => weight,
        }
    }

    /// The target and the number of cells with one, summed over the axes.
    fn volumes_over(&self, over: Axes, classes: &[usize]) -> Volumes {
        let known = if over.contains(Axis::Image) { self.totals } else { self.volumes };
        let of_pixels = known.filter(|_| over.contains(Axis::Pixel));
        let (total, count) = if let Some(Volumes { total, count }) = of_pixels {
            (total.classes(classes), count.classes(classes))
        } else {
            let of_classes = self.target().classes(classes);
            let counted = of_classes.clone().map(|t| f64::from(u8::from(t.is_finite())));
            (self.where_kept(of_classes), self.where_kept(counted))
        };
        let shape = total.shape.without(over);
        Volumes { total: total.gather(shape), count: count.gather(shape) }
    }

    /// The sums of the target over the pixels of the window, per class and image.
    pub(super) fn volumes_of_pixels(&self) -> Volumes {
        let target = self.target().clone();
        let counted = target.clone().map(|t| f64::from(u8::from(t.is_finite())));
        let shape = target.shape.without(Axis::Pixel.into());
        Volumes {
            total: self.where_kept(target).gather(shape),
            count: self.where_kept(counted).gather(shape),
        }
    }
}

pub(super) fn mass(named: &Arc<Named>, grid: Grid) -> Mass {
    Mass {
        name: Arc::clone(&named.text),
        axes: named.axes,
        grid: Arc::new(grid),
        deferred: None,
        depends: false,
        skips: false,
    }
}

/// The numbers of a list for the classes that are still there.
pub(super) fn class_list(named: &Named, list: &[f64], classes: usize) -> Result<Grid> {
    check_length(named, list, classes)?;
    Ok(Grid::per_class(named.classes.iter().map(|&class| list[class]).collect()))
}

fn check_length(named: &Named, list: &[f64], classes: usize) -> Result<()> {
    if list.len() == classes {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Weight,
        format!(
            "weight `{}`: has {} entries, the batch has {classes} classes",
            named.text,
            list.len()
        ),
    ))
}

/// What a presence or a volume weight makes of volumes.
pub(super) fn of_volume(named: &Named, volume: Grid) -> Result<Grid> {
    let (power, absent) = match named.weight {
        Weight::Presence { .. } => {
            return Ok(volume.map(|volume| f64::from(u8::from(volume > 0.0))));
        }
        Weight::Volume { power, epsilon: Some(epsilon), .. } => {
            return Ok(volume.map(|volume| 1.0 / (epsilon + volume.powf(power.abs()))));
        }
        Weight::Volume { power, absent, .. } => (power, absent),
        _ => return Ok(volume),
    };
    let mut weights = volume.map(|volume| volume.powf(power));
    let finite = weights.clone().map(|w| if w.is_finite() { w } else { 0.0 });
    let largest =
        finite.fold(Shape { class: 1, ..weights.shape }, 0.0, |most, w| *most = most.max(w));
    let shape = weights.shape;
    let mut infinite: Vec<usize> =
        (0..weights.cells.len()).filter(|&cell| weights.cells[cell] == f64::INFINITY).collect();
    infinite.sort_by_key(|&cell| {
        let (class, image, pixel) = shape.cell(cell);
        (pixel, image, class)
    });
    for cell in infinite {
        let (place, image, pixel) = shape.cell(cell);
        weights.cells[cell] = match absent {
            AbsentVolume::Zero => 0.0,
            AbsentVolume::Largest => largest.at(0, image, pixel),
            AbsentVolume::Error => {
                // Where the volume is summed over class, it is that of all classes.
                let class = named.classes.get(place).filter(|_| shape.class == named.classes.len());
                let class = class.map_or("every class".into(), |class| format!("class {class}"));
                return Err(Error::new(
                    ErrorKind::Weight,
                    format!(
                        "weight `{}`: {class} has volume 0, so its weight is infinite; name \
                         absent=zero or absent=largest",
                        named.text
                    ),
                ));
            }
        };
    }
    Ok(weights)
}
