//! The generalised Wasserstein Dice, for labels with distances between them.

use crate::axis::Axis::{Class, Image, Pixel};
use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, predicted};
use crate::preset::argument::{Reduce, Tensor, words};
use crate::preset::declare::declare;
use crate::preset::{Given, refuse};
use crate::reduction::{mean, sum};
use crate::weight::Weight;

words! {
    /// Which pixels count, and how much, in the generalised Wasserstein Dice.
    WassersteinWeight {
        /// Those that are not background.
        Default = "default",
        /// All, by 1 / (V + 1), V the volume of their class in the image.
        Gdl = "GDL",
    }
}

declare! {
    /// `monai.losses.GeneralizedWassersteinDiceLoss`: logits of a softmax and labels (Fidon et al. 2017).
    ///
    /// A pixel of class l errs by W = Σ `M[l, c]` p, Σ over the classes c, M the distances divided by the largest. Per image
    /// 1 - (2 TP + `smooth_nr`) / (2 TP + Σ W + `smooth_dr`), TP the sum of 1 - W over the pixels that are not
    /// background; with `GDL` 1 - (2 TP + `smooth_nr`) / (Σ a (2 - W) + `smooth_dr`), TP = Σ a (1 - W) over all pixels,
    /// a = 1 / (V + 1).
    GeneralizedWassersteinDiceLoss: "monai==1.6.1"
        "monai.losses.GeneralizedWassersteinDiceLoss"
            "(dist_matrix, weighting_mode, reduction, smooth_nr, smooth_dr)(input, target)",
        "monai.losses.generalized_wasserstein_dice"
            "(dist_matrix, weighting_mode, reduction, smooth_nr, smooth_dr)(input, target)";
    Given::labels(Layout::NCHW); {
        /// The distance of each class from each: C lists of C numbers.
        dist_matrix: Option<Tensor> = None,
        /// Which pixels count.
        weighting_mode: WassersteinWeight = WassersteinWeight::Default,
        /// What is done with the images.
        reduction: Reduce = Reduce::Mean,
        /// Added to the numerator.
        smooth_nr: f64 = 1e-5,
        /// Added to the denominator.
        smooth_dr: f64 = 1e-5,
    }
}

impl GeneralizedWassersteinDiceLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let rows = self.rows()?;
        let classes = rows.len();
        let error = rows.into_iter().enumerate().map(|(label, distances)| {
            let mut here = vec![0.0; classes];
            here[label] = 1.0;
            predicted(Activation::Softmax)
                .scale(Weight::Class(distances))
                .reduce(sum(Class))
                .scale(Weight::Target(here))
        });
        let Some(error) = error.reduce(|one, other| one + other) else {
            return refuse("dist_matrix: is empty, expected one row per class");
        };
        let (met, all) = match self.weighting_mode {
            WassersteinWeight::Default => {
                let mut foreground = vec![1.0; classes];
                foreground[0] = 0.0;
                let met =
                    (1.0 - error.clone()).scale(Weight::Target(foreground)).reduce(sum(Pixel));
                (met.clone(), 2.0 * met + error.reduce(sum(Pixel)))
            }
            WassersteinWeight::Gdl => {
                let share = |loss: Loss| {
                    loss.scale(Weight::Positives)
                        .scale(Weight::volume(-1.0).epsilon(1.0))
                        .reduce(sum([Class, Pixel]))
                };
                (share(1.0 - error.clone()), share(2.0 - error))
            }
        };
        let loss = 1.0 - (2.0 * met + self.smooth_nr) / (all + self.smooth_dr);
        Ok(match self.reduction {
            Reduce::None => loss,
            Reduce::Mean => loss.reduce(mean(Image)),
            Reduce::Sum => loss.reduce(sum(Image)),
        })
    }

    /// The distances from each class, the largest of all 1.
    fn rows(&self) -> Result<Vec<Vec<f64>>> {
        match &self.dist_matrix {
            Some(Tensor::Numbers { shape, data }) if shape.len() == 2 && shape[0] == shape[1] => {
                let largest = data.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                Ok(data
                    .chunks(shape[1].max(1))
                    .map(|row| row.iter().map(|distance| distance / largest).collect())
                    .collect())
            }
            _ => refuse("dist_matrix: expected C lists of C numbers"),
        }
    }
}
