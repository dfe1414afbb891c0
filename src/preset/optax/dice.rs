//! Dice losses.

use crate::axis::Axes;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::argument::{Argument, Reduce};
use crate::preset::declare::declare;
use crate::preset::{Given, Places, refuse};
use crate::reduction::{Empty, Over, mean, sum};
use crate::region::{Ratio, overlap};
use crate::weight::Weight;

/// The activation: a sigmoid where there is one class.
fn activation(apply: bool, given: &Given) -> Activation {
    match (apply, given.is_binary()) {
        (false, _) => Activation::Probability,
        (true, true) => Activation::Sigmoid,
        (true, false) => Activation::Softmax,
    }
}

/// The axes of the sums: pixel, or those that are named, of which some stay.
fn axes(places: Option<&Places>, layout: Layout) -> Result<Axes> {
    let Some(places) = places else { return Ok(Pixel.into()) };
    match Places::of(Some(places), layout)? {
        (Over::Axes(over), _) if !over.is_empty() => Ok(over),
        _ => refuse(format!("axis: {} leaves nothing to sum or no axis to reduce", places.show())),
    }
}

declare! {
    /// `dice_loss`: per image and class 1 - (I + s) / (I + alpha FP + beta FN + s), the sums over pixel; then the
    /// mean over class alone.
    ///
    /// With alpha = beta = 1/2 it is Dice, its numbers doubled: `smooth=2 s`. The prediction of one class is a sigmoid, of more a
    /// softmax. `axis` names other axes for the sums; the reduction is over the last axis that they leave.
    /// Without `smooth` an empty group is NaN.
    DiceLoss: "optax==0.2.8"
        "optax.losses.dice_loss"
            "(predictions, targets, *, class_weights, smooth, alpha, beta, apply_softmax, reduction, \
             ignore_background, axis)";
    Given::dense(Layout::NHWC); {
        /// One number for each of all classes, which multiplies the loss of the class.
        class_weights: Option<Vec<f64>> = None,
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// The weight of false positives.
        alpha: f64 = 0.5,
        /// The weight of false negatives.
        beta: f64 = 0.5,
        /// Whether the prediction is logits; otherwise it must sum to 1 over class.
        apply_softmax: bool = true,
        /// What is done with the classes.
        reduction: Reduce = Reduce::Mean,
        /// Whether class 0 goes.
        ignore_background: bool = false,
        /// The axes of the sums, by their numbers.
        axis: Option<Places> = None,
    }
}

impl DiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let over = axes(self.axis.as_ref(), given.layout)?;
        let ratio = Ratio::over(over);
        let ratio = if self.smooth == 0.0 { ratio.empty(Empty::Nan) } else { ratio };
        let terms = overlap(activation(self.apply_softmax, given));
        let loss = if self.alpha == 0.5 && self.beta == 0.5 {
            terms.dice(ratio.smooth(2.0 * self.smooth))
        } else {
            let ratio = ratio.false_positive(self.alpha).false_negative(self.beta);
            terms.tversky(ratio.smooth(self.smooth))
        };
        let last = if over.contains(Class) {
            if self.class_weights.is_some() || self.ignore_background {
                return refuse(
                    "class_weights and ignore_background: the class axis is summed, they would take \
                     the axis that is last for it",
                );
            }
            if !over.contains(Pixel) {
                return refuse(
                    "axis: without the class axis the last one is a part of the pixel axes",
                );
            }
            Image
        } else {
            Class
        };
        let loss = match &self.class_weights {
            Some(weights) => loss.scale(Weight::Class(weights.clone())),
            None => loss,
        };
        let drops = self.ignore_background && !given.is_binary();
        let loss = if drops { loss.without([0]) } else { loss };
        Ok(match self.reduction {
            Reduce::None => loss,
            Reduce::Mean => loss.reduce(mean(last)),
            Reduce::Sum => loss.reduce(sum(last)),
        })
    }
}

declare! {
    /// `multiclass_generalized_dice_loss`: Σ w L / Σ w over class, and the mean over image, L the [`DiceLoss`] of an image and
    /// class and w = 1 / (V² + 1e-7), V the volume of the class in the batch.
    ///
    /// It is no ratio of weighted sums as that of Sudre et al. 2017: the weights come after. A class that the batch
    /// does not have weighs 1e7, so that it drowns the others. `ignore_background` leaves out the loss of class 0,
    /// but not its weight, and divides by C - 1 in the place of C.
    MulticlassGeneralizedDiceLoss: "optax==0.2.8"
        "optax.losses.multiclass_generalized_dice_loss"
            "(predictions, targets, *, smooth, apply_softmax, ignore_background)";
    Given::dense(Layout::NHWC); {
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// Whether the prediction is logits.
        apply_softmax: bool = true,
        /// Whether the loss of class 0 goes.
        ignore_background: bool = false,
    }
}

impl MulticlassGeneralizedDiceLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        let ratio = Ratio::over(Pixel).smooth(2.0 * self.smooth);
        let ratio = if self.smooth == 0.0 { ratio.empty(Empty::Nan) } else { ratio };
        let loss = overlap(activation(self.apply_softmax, given)).dice(ratio);
        let weight = Weight::volume(-2.0).over([Pixel, Image]).epsilon(1e-7);
        let order = mean([Class, Image]);
        if !self.ignore_background || given.is_binary() {
            return Ok(loss.weigh(weight).reduce(order));
        }
        let Some(classes) = given.classes.filter(|&classes| classes > 1) else {
            return refuse(
                "ignore_background: divides by one class less, so the number of classes must be given",
            );
        };
        let mut foreground = vec![1.0; classes];
        foreground[0] = 0.0;
        let share = classes as f64 / (classes - 1) as f64;
        Ok(share * loss.scale(Weight::Class(foreground)).weigh(weight).reduce(order))
    }
}

declare! {
    /// `binary_dice_loss`: per image 1 - (2 I + 2 s) / (Σp + Σt + 2 s), the sums over pixel.
    ///
    /// Where the last axis is not of one class, it is a pixel axis. `apply_sigmoid=False` raises unless every prediction is 1.
    BinaryDiceLoss: "optax==0.2.8"
        "optax.losses.binary_dice_loss" "(predictions, targets, *, smooth, apply_sigmoid)";
    Given::dense(Layout::NHWC).classes(1); {
        /// Added to numerator and denominator.
        smooth: f64 = 1.0,
        /// Whether the prediction is logits.
        apply_sigmoid: bool = true,
    }
}

impl BinaryDiceLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        if !self.apply_sigmoid {
            return refuse(
                "apply_sigmoid=False: the predictions of one class are expected to sum to 1, so each to be 1",
            );
        }
        let ratio = Ratio::over([Class, Pixel]).smooth(2.0 * self.smooth);
        let ratio = if self.smooth == 0.0 { ratio.empty(Empty::Nan) } else { ratio };
        Ok(overlap(Activation::Sigmoid).dice(ratio))
    }
}
