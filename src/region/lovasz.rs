//! Lovász steps: a Jaccard loss of errors that vary continuously, in the place of a ratio.

use super::{Formula, Overlap, Ratio, Region};
use crate::element::Activation;
use crate::error::Result;
use crate::loss::Loss;

/// What a Lovász step sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errors {
    /// |t - p|.
    Absolute,
    /// max(0, 1 - (2t - 1) x), where x is the logit.
    Hinge,
}

impl Overlap {
    /// The Lovász extension of the Jaccard loss (Berman et al. 2018, Lovász-Softmax), per what remains.
    ///
    /// The errors e = |t - p| of the n cells of a group that have mass are sorted so that
    /// `e_1 >= ... >= e_n`. With G = Σ m t, `J_0` = 0 and the sums over the cells 1 to i,
    ///
    /// ```text
    /// J_i = 1 - (G - Σ m t) / (G + Σ m (1 - t))        loss = Σ e_i (J_i - J_(i-1))
    /// ```
    ///
    /// With errors of 0 and 1, and without weights, it is the Jaccard loss of the decisions. The gradient
    /// holds the order, and so every `J_i`, constant: it is the derivative where no two errors are the
    /// same. Cells that tie stand in the order class, image, pixel, on which the value does not depend.
    ///
    /// Of the slots of a [`Ratio`] it has [`absent`](Ratio::absent) and [`empty`](Ratio::empty), the
    /// latter for a group in which no cell has mass.
    ///
    /// **Errors**, in [`check`](Loss::check): [`ErrorKind::Order`](crate::ErrorKind::Order) for
    /// [`Activation::Identity`], which gives no probability, for a clip and for other slots. Targets lie in [0, 1].
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::{Absent, Activation, Batch, Ratio, mean, overlap};
    /// use ndarray::array;
    ///
    /// let loss = overlap(Activation::Softmax)
    ///     .lovasz(Ratio::over([Pixel, Image]).absent(Absent::Skip))
    ///     .reduce(mean(Class)); // the classes that are present
    /// assert_eq!(
    ///     loss.to_string(),
    ///     "overlap(softmax) > lovasz(pixel, image; absent=skip) > mean(class)"
    /// );
    ///
    /// let loss = overlap(Activation::Probability).lovasz(Pixel).reduce(mean([Class, Image]));
    /// let (prediction, target) = (array![[[0.25], [0.5]]], array![[[1.0], [0.0]]]);
    /// let batch = Batch::new("NLC".parse()?, &prediction, &target)?;
    /// let (value, gradient) = loss.value_and_gradient(&batch)?;
    /// // The missed pixel is the worst: J_1 = 1 - 0/1, and J_2 = 1 adds nothing.
    /// assert_eq!((value, gradient), (0.75, array![[[-1.0], [0.0]]]));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn lovasz(self, ratio: impl Into<Ratio>) -> Loss {
        self.region(Formula::Lovasz(Errors::Absolute), ratio.into())
    }

    /// The Lovász hinge (Berman et al. 2018): [`lovasz`](Self::lovasz) of the errors
    /// max(0, 1 - (2t - 1) x), where x is the logit, per what remains.
    ///
    /// **Errors**: those of [`lovasz`](Self::lovasz), but here every activation other than
    /// [`Activation::Identity`] is refused, since the margin is that of the logit.
    ///
    /// ```
    /// use lossfold::Axis::{Class, Image, Pixel};
    /// use lossfold::{Activation, Batch, mean, overlap};
    /// use ndarray::array;
    ///
    /// let loss = overlap(Activation::Identity).lovasz_hinge(Pixel).reduce(mean([Class, Image]));
    /// assert_eq!(
    ///     loss.to_string(),
    ///     "overlap(identity) > lovasz_hinge(pixel) > mean(class, image)"
    /// );
    ///
    /// let (logit, target) = (array![[[2.0], [1.0]]], array![[[1.0], [0.0]]]);
    /// let batch = Batch::new("NLC".parse()?, &logit, &target)?;
    /// // The first pixel is beyond its margin; the false positive's error is 2, and J_1 = 1 - 1/2.
    /// let (value, gradient) = loss.value_and_gradient(&batch)?;
    /// assert_eq!((value, gradient), (1.0, array![[[0.0], [0.5]]]));
    /// # Ok::<(), lossfold::Error>(())
    /// ```
    pub fn lovasz_hinge(self, ratio: impl Into<Ratio>) -> Loss {
        self.region(Formula::Lovasz(Errors::Hinge), ratio.into())
    }
}

impl Region {
    /// What is sorted, where it is a Lovász step.
    pub(crate) fn errors(&self) -> Option<Errors> {
        match self.formula {
            Formula::Lovasz(errors) => Some(errors),
            _ => None,
        }
    }

    /// Whether targets have to lie in [0, 1], where the prediction is of `activation`.
    pub(crate) fn wants_unit_targets(&self, activation: Activation) -> bool {
        activation != Activation::Identity || self.errors().is_some()
    }

    /// Refuses slots that a Lovász step does not have, and a prediction that it cannot take.
    pub(super) fn check_lovasz(&self, errors: Errors, overlap: &Overlap) -> Result<()> {
        if overlap.clip.is_some() {
            return Err(self.refusal("it sorts the errors of the prediction itself; name no clip"));
        }
        let Ratio { over, absent, empty, .. } = self.ratio;
        if self.ratio != Ratio::over(over).absent(absent).empty(empty) {
            return Err(self.refusal(
                "a Lovász step has absent and empty, but no smoothing, floors, exponent, soft overlap, \
                 weights or carry",
            ));
        }
        match (errors, overlap.activation) {
            (Errors::Absolute, Activation::Identity) => Err(self.refusal(
                "its errors need a probability; name probability, sigmoid, softmax or normalize",
            )),
            (Errors::Hinge, other) if other != Activation::Identity => Err(self.refusal(&format!(
                "a hinge has its margin on the logit itself; name identity in the place of {other}"
            ))),
            _ => Ok(()),
        }
    }
}
