//! What a page shows of the cells of a batch: pictures of its worst images, and how the loss is spread
//! over the pixels.
//!
//! ```text
//! loss of a cell = what it adds to the value * pixels * images
//! ```
//!
//! so that the loss of a pixel is the sum over its classes, and the mean over all pixels is the value but for
//! constants and the remainder.

mod colour;
mod darkroom;
mod plane;
mod shape;
mod spread;
mod survey;

pub(crate) use colour::{Scale, class_colour, heat_colour};
pub(crate) use shape::Shape;
pub(crate) use spread::{Bin, PER_DECADE, Spread};

use std::cell::Cell;
use std::ops::Range;

use ndarray::Dimension;

use crate::batch::{Batch, Float};
use crate::element::Activation;
use crate::error::Result;
use crate::fused::{Shown, show};
use crate::loss::Loss;

use darkroom::{Chosen, Darkroom, Roll};
use plane::Plane;
use survey::Survey;

/// The pictures of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Album {
    pub(crate) shape: Shape,
    pub(crate) loss: Scale,
    pub(crate) prediction: Scale,
    /// The worst first.
    pub(crate) images: Vec<Picture>,
    pub(crate) spread: Spread,
    /// Whether every pixel has one class, so that there are maps of classes.
    pub(crate) exclusive: bool,
}

/// An image of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) image: usize,
    /// The place, among the slices, of the one with the largest loss.
    pub(crate) worst: usize,
    pub(crate) slices: Vec<Slice>,
    /// Of the worst slice.
    pub(crate) classes: Vec<Trio>,
}

/// A slice of an image, all classes together.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// Which of the slices of the volume.
    pub(crate) number: usize,
    pub(crate) trio: Trio,
}

/// Three pictures as data URIs.
#[derive(Clone, Debug)]
pub(crate) struct Trio {
    /// None where a pixel may have several classes, or none.
    pub(crate) prediction: Option<String>,
    pub(crate) truth: Option<String>,
    pub(crate) loss: String,
}

/// What pictures are to be of.
pub(crate) struct Subject<'a> {
    pub(crate) loss: &'a Loss,
    pub(crate) activation: Activation,
    /// The images, the worst first.
    pub(crate) images: &'a [usize],
    /// The class whose true pixels are told apart in the spread.
    pub(crate) focus: usize,
}

impl Album {
    /// Reads the batch twice: all cells for how the loss is spread and where it is largest, then the slices
    /// that are shown. `progress` is told the share of the pixels that have been looked at.
    pub(crate) fn of<F: Float, D: Dimension>(
        subject: &Subject<'_>,
        batch: &Batch<'_, F, D>,
        progress: &dyn Fn(f64),
    ) -> Result<Self> {
        let &Subject { loss, activation, images, focus } = subject;
        let extents = batch.extents();
        let shape = Shape::new(&batch.spatial(), images.len(), extents.class);
        let to_look_at = (extents.pixel * (extents.image + images.len())).max(1) as f64;
        let looked_at = Cell::new(0);
        let looked = |shown: &Shown| {
            looked_at.set(looked_at.get() + shown.pixels.len());
            progress((looked_at.get() as f64 / to_look_at).min(1.0));
        };

        let mut survey = Survey::new(extents, shape.slices, focus);
        show(
            loss,
            batch,
            activation,
            |_, _| true,
            |shown| {
                survey.look(shown);
                looked(shown);
            },
        )?;
        let exclusive = extents.class > 1 && survey.exclusive;
        let chosen = |&image: &usize| Chosen::new(image, survey.worst_slice(image), shape);
        let chosen: Vec<Chosen> = images.iter().map(chosen).collect();
        let wanted = |image: usize, pixels: &Range<usize>| {
            chosen.iter().any(|chosen| chosen.wants(image, pixels, shape))
        };
        let mut darkroom = Darkroom::new(&chosen, shape, extents, exclusive);
        show(loss, batch, activation, wanted, |shown| {
            darkroom.expose(shown);
            looked(shown);
        })?;
        progress(1.0);
        let rolls = darkroom.develop();

        let loss = Scale::of_losses(rolls.iter().flat_map(Roll::losses).collect());
        let prediction = match activation {
            Activation::Identity => Scale::around(rolls.iter().flat_map(Roll::numbers)),
            _ => Scale::UNIT,
        };
        let print = Print { loss, prediction, exclusive, classes: extents.class };
        let images = rolls.iter().map(|roll| print.picture(roll)).collect();
        Ok(Self { shape, loss, prediction, images, spread: survey.spread, exclusive })
    }
}

/// How numbers become pictures.
struct Print {
    loss: Scale,
    prediction: Scale,
    exclusive: bool,
    classes: usize,
}

impl Print {
    fn picture(&self, roll: &Roll<'_>) -> Picture {
        let whole = |(number, [prediction, truth, loss]): &(usize, [Plane; 3])| {
            let map = |plane: &Plane| match self.classes {
                1 => Some(colour::grey(plane, self.prediction)),
                _ => self.exclusive.then(|| colour::classes(plane)),
            };
            let trio = Trio {
                prediction: map(prediction),
                truth: map(truth),
                loss: colour::heat(loss, self.loss),
            };
            Slice { number: *number, trio }
        };
        let of_class = |[prediction, truth, loss]: &[Plane; 3]| Trio {
            prediction: Some(colour::grey(prediction, self.prediction)),
            truth: Some(colour::grey(truth, self.prediction)),
            loss: colour::heat(loss, self.loss),
        };
        Picture {
            image: roll.chosen.image,
            worst: roll.chosen.place(),
            slices: roll.slices.iter().map(whole).collect(),
            classes: roll.classes.iter().map(of_class).collect(),
        }
    }
}
