//! Lovász losses.

use super::{Ending, times};
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Argument, Reduce, found, words};
use crate::preset::call::{Value, What};
use crate::preset::declare::declare;
use crate::preset::ignore::Ignore;
use crate::preset::{Given, refuse};
use crate::reduction::{Empty, Over, mean};
use crate::region::{Absent, Ratio, overlap};
use crate::weight::Weight;

words! {
    /// Which Lovász loss.
    LovaszType {
        /// The hinge of logits.
        Binary = "binary",
        /// Lovász-Softmax.
        MultiClass = "multi_class",
    }
}

/// Which classes are in the mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Those that the target has.
    Present,
    /// All.
    All,
    /// These.
    These(Vec<i64>),
}

impl Argument for Choice {
    fn read(value: &Value<'_>) -> Result<Self, String> {
        match value.what {
            What::Text("present") => Ok(Self::Present),
            What::Text("all") => Ok(Self::All),
            What::List(_) => Vec::read(value).map(Self::These),
            _ => Err(format!(
                "expected 'present', 'all' or a list of classes, found {}",
                found(value)
            )),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Present => "'present'".into(),
            Self::All => "'all'".into(),
            Self::These(classes) => classes.show(),
        }
    }
}

impl Choice {
    /// Lovász-Softmax over the axes, times the weights, and the mean over the classes that are chosen.
    pub(in crate::preset) fn softmax(
        &self,
        over: impl Into<Over>,
        weights: Option<&[f64]>,
        masked: bool,
    ) -> Result<Loss> {
        let ratio = Ratio::over(over);
        let ratio = if *self == Self::Present { ratio.absent(Absent::Skip) } else { ratio };
        let terms = overlap(Activation::Softmax);
        let loss = if masked { terms.weigh(Weight::Mask) } else { terms }.lovasz(ratio);
        let loss = match weights {
            Some(weights) => loss.scale(Weight::Class(weights.to_vec())),
            None => loss,
        };
        let loss = match self {
            Self::These(classes) => loss.select(numbers(classes)?),
            _ => loss,
        };
        Ok(loss.reduce(mean(Class)))
    }
}

fn numbers(classes: &[i64]) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for &class in classes {
        let Ok(number) = usize::try_from(class) else {
            return refuse(format!(
                "classes: {class} has the prediction of a class from the last and no pixel of the target"
            ));
        };
        if found.contains(&number) {
            return refuse(format!("classes: {class} is there twice, and would count twice"));
        }
        found.push(number);
    }
    Ok(found)
}

/// The hinge of all channels in one order over the axes; 0 where no pixel is left.
pub(in crate::preset) fn hinge(over: impl Into<Over>, masked: bool) -> Loss {
    let terms = overlap(Activation::Identity);
    let ratio = Ratio::over(over);
    if masked {
        terms.weigh(Weight::Mask).lovasz_hinge(ratio.empty(Empty::Zero))
    } else {
        terms.lovasz_hinge(ratio)
    }
}

declare! {
    /// `LovaszLoss`: Lovász-Softmax, times `class_weight`, the mean over the classes that the target has; or with
    /// `loss_type='binary'` the Lovász hinge of logits.
    ///
    /// With `per_image` every image has an order of its own, and `reduction` is over the images; otherwise the batch is one
    /// order, and mmseg wants `reduction='none'`. Ignored pixels are left out; of a dense
    /// target, as that of the hinge is, they come as the mask of the batch.
    LovaszLoss: "mmseg==1.2.2"
        "mmseg.LovaszLoss"
            "(loss_type, classes, per_image, reduction, class_weight, loss_weight, loss_name)\
             (cls_score, label, weight, avg_factor, reduction_override, *, ignore_index)";
    Given::labels(Layout::NCHW); {
        /// Which Lovász loss.
        loss_type: LovaszType = LovaszType::MultiClass,
        /// The classes in the mean.
        classes: Choice = Choice::Present,
        /// Whether every image is a loss.
        per_image: bool = false,
        /// What is done with the losses of the images.
        reduction: Reduce = Reduce::Mean,
        /// One number per class.
        class_weight: Option<Vec<f64>> = None,
        /// Multiplies the loss.
        loss_weight: f64 = 1.0,
        /// Divides the sum over image.
        avg_factor: Option<f64> = None,
        /// What takes the place of `reduction`.
        reduction_override: Option<Reduce> = None,
        /// What is ignored.
        ignore_index: Ignore = Ignore::Unused(255),
    }
}

impl LovaszLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if !self.per_image && self.reduction != Reduce::None {
            return refuse("reduction: expected 'none' where per_image is False");
        }
        let binary = self.loss_type == LovaszType::Binary;
        if !binary && given.is_binary() && !matches!(self.classes, Choice::These(_)) {
            return refuse("loss_type='multi_class': expected more than one class, found one");
        }
        let masked = self.ignore_index.masks();
        let weights = self.class_weight.as_deref();
        let loss = match (binary, self.per_image) {
            (true, true) => hinge([Class, Pixel], masked),
            (true, false) => hinge(Over::All, masked),
            (false, true) => self.classes.softmax(Pixel, weights, masked && !given.labels)?,
            (false, false) => {
                self.classes.softmax([Pixel, Image], weights, masked && !given.labels)?
            }
        };
        if !self.per_image {
            return Ok(times(self.loss_weight, loss));
        }
        let Self { avg_factor, loss_weight, .. } = *self;
        let reduction = self.reduction_override.unwrap_or(self.reduction);
        Ending { reduction, avg_factor, loss_weight }.of(loss, Image, mean(Image))
    }
}
