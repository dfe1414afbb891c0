//! The weights that a loss names, as tensors.

use super::field::Carried;
use super::grid::{Cells, Grid, choose, fill, spread, total};
use super::lower::Lowering;
use crate::axis::{Axes, Axis, Extents};
use crate::error::{Error, ErrorKind, Result};
use crate::weight::{AbsentVolume, Weight};

impl Lowering<'_> {
    /// A weight over `classes`, the numbers of the classes that are still there.
    pub(super) fn weight(&self, weight: &Weight, classes: &[usize]) -> Result<Carried> {
        let axes = weight.axes(&|carried| self.given.axes(carried));
        let target = || self.kept_only(self.grid.classes(self.target.clone(), classes));
        let mut masks = true;
        let value = match weight {
            Weight::Class(list) => {
                self.check_length(weight, list)?;
                let list: Vec<f64> = classes.iter().map(|&class| list[class]).collect();
                masks = list.contains(&0.0);
                self.grid.along(Axis::Class, &list)
            }
            Weight::Target(list) => {
                self.check_length(weight, list)?;
                let of_class = self.true_class() * self.grid.along(Axis::Class, list);
                self.kept_only(total(of_class, &[self.grid.dim(Axis::Class)]))
            }
            Weight::Image | Weight::Map | Weight::Mask => {
                if let Some(aligned) = self.given.carried(weight) {
                    let cells = aligned.values.cells(&self.grid, self.layout.only(axes));
                    self.grid.classes(cells, classes)
                } else {
                    let why = format!("weight `{weight}`: not carried by the target");
                    return Err(Error::new(ErrorKind::Weight, why));
                }
            }
            Weight::Positives => target(),
            Weight::Negatives => {
                self.kept_only(rest(self.grid.classes(self.target.clone(), classes)))
            }
            Weight::Presence { over } => {
                self.volume(target(), *over).greater_scalar(0.0).float().cast(self.grid.dtype)
            }
            Weight::Volume { power, over, epsilon: Some(epsilon), .. } => {
                raised(&self.grid, self.volume(target(), *over), -power)
                    .add_scalar(*epsilon)
                    .recip()
            }
            Weight::Volume { power, over, absent, .. } => {
                self.volume_power(&self.volume(target(), *over), *power, *absent)
            }
            Weight::Balance { over } => {
                let target = target();
                let pixels = self.kept_only(spread(self.grid.full(1.0), target.dims()));
                let share =
                    self.volume(target.clone(), *over) / self.volume(pixels, *over).clamp_min(1.0);
                let balance = target.clone() * rest(share.clone()) + rest(target) * share;
                self.kept_only(balance.mul_scalar(2.0))
            }
        };
        let key = if axes.contains(Axis::Class) {
            format!("{weight} of {classes:?}")
        } else {
            weight.to_string()
        };
        Ok(Carried { key, axes, value, masks, depends: false, skips: false })
    }

    /// A weight that is made from targets: 0 for an ignored pixel.
    fn kept_only(&self, cells: Cells) -> Cells {
        match &self.kept {
            Some(kept) => cells * kept.clone(),
            None => cells,
        }
    }

    /// Σ t over the axes.
    fn volume(&self, target: Cells, over: Axes) -> Cells {
        total(target, &self.grid.dims(over))
    }

    /// The power of volumes. A negative one of a volume of 0 is what the rule says, where that is an error NaN.
    fn volume_power(&self, volume: &Cells, power: f64, absent: AbsentVolume) -> Cells {
        let zero = volume.clone().equal_scalar(0.0);
        let powers = raised(&self.grid, fill(volume.clone(), zero.clone(), 1.0), power);
        if power == 0.0 {
            return powers;
        }
        if power > 0.0 {
            return fill(powers, zero, 0.0);
        }
        let counted = fill(powers.clone(), zero.clone(), 0.0);
        match absent {
            AbsentVolume::Zero => counted,
            AbsentVolume::Largest => {
                choose(zero, counted.clone().max_dim(self.grid.dim(Axis::Class)), counted)
            }
            AbsentVolume::Error => fill(powers, zero, f64::NAN),
        }
    }

    /// 1 for the true class of a pixel, the first with the largest target, and 0 for the others.
    fn true_class(&self) -> Cells {
        let dim = self.grid.dim(Axis::Class);
        let classes = self.grid.extents.class;
        let numbers: Vec<f64> = (0..classes).map(|class| class as f64).collect();
        let numbers = self.grid.along(Axis::Class, &numbers);
        let shape = self.target.dims();
        let largest = spread(self.target.clone().max_dim(dim), shape);
        let below = self.target.clone().lower(largest);
        let first = fill(spread(numbers.clone(), shape), below, classes as f64).min_dim(dim);
        spread(first, shape).equal(spread(numbers, shape)).float().cast(self.grid.dtype)
    }

    fn check_length(&self, weight: &Weight, list: &[f64]) -> Result<()> {
        let Extents { class, .. } = self.grid.extents;
        if list.len() == class {
            return Ok(());
        }
        let entries = list.len();
        let why =
            format!("weight `{weight}`: has {entries} entries, the batch has {class} classes");
        Err(Error::new(ErrorKind::Weight, why))
    }
}

fn rest(cells: Cells) -> Cells {
    cells.neg().add_scalar(1.0)
}

/// x^power of numbers of at least 0.
pub(super) fn raised(grid: &Grid, cells: Cells, power: f64) -> Cells {
    if power == 1.0 {
        cells
    } else if power == 2.0 {
        cells.clone() * cells
    } else if power == 0.0 {
        spread(grid.full(1.0), cells.dims())
    } else {
        cells.powf_scalar(power)
    }
}
