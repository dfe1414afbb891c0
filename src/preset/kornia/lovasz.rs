//! Lovász losses.

use super::expect_per_class;
use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::Loss;
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::mean;
use crate::region::overlap;
use crate::weight::Weight;

declare! {
    /// `lovasz_hinge_loss`: the Lovász hinge of the logits of one class per image, then the mean. Nothing is ignored.
    LovaszHingeLoss: "kornia==0.9.0"
        "kornia.losses.LovaszHingeLoss" "()(pred, target)",
        "kornia.losses.lovasz_hinge_loss" "(pred, target)";
    Given::dense(Layout::NCHW).classes(1); {}
}

impl LovaszHingeLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if !given.is_binary() {
            return refuse("expected one class, found more");
        }
        let loss = overlap(Activation::Identity).lovasz_hinge(Pixel);
        Ok(loss.reduce(mean([Class, Image])))
    }
}

declare! {
    /// `lovasz_softmax_loss`: Lovász-Softmax per image and class, absent classes too, times the `weight` of the class; the mean
    /// divides by their number. Nothing is ignored.
    LovaszSoftmaxLoss: "kornia==0.9.0"
        "kornia.losses.LovaszSoftmaxLoss" "(weight)(pred, target)",
        "kornia.losses.lovasz_softmax_loss" "(pred, target, weight)";
    Given::labels(Layout::NCHW); {
        /// One number per class.
        weight: Option<Vec<f64>> = None,
    }
}

impl LovaszSoftmaxLoss {
    fn order(&self, given: &Given) -> Result<Loss> {
        if given.is_binary() {
            return refuse("expected more than one class, found one");
        }
        let loss = overlap(Activation::Softmax).lovasz(Pixel);
        let loss = match &self.weight {
            Some(weights) => {
                expect_per_class("weight", weights, given)?;
                loss.scale(Weight::Class(weights.clone()))
            }
            None => loss,
        };
        Ok(loss.reduce(mean([Class, Image])))
    }
}
