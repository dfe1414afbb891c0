//! The Matthews correlation coefficient.

use crate::element::Activation;
use crate::error::Result;
use crate::layout::Layout;
use crate::loss::{Loss, Map, predicted};
use crate::preset::Given;
use crate::preset::declare::declare;
use crate::reduction::{Over, sum};
use crate::weight::Weight;

declare! {
    /// `MCCLoss`: 1 - (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)), the sums over all, each of
    /// TP = Σ p t + eps and its like with an eps of its own.
    ///
    /// The prediction is p itself. Written with quotients alone: 1 - (TP / (TP + FP) + TN / (TN + FN) - 1) / (a / b),
    /// a² = (TP + FN) / (TP + FP) and b² = (TN + FN) / (TN + FP).
    MCCLoss: "segmentation_models_pytorch==0.6.0"
        "segmentation_models_pytorch.losses.MCCLoss" "(eps)(y_pred, y_true)";
    Given::dense(Layout::NCHW); {
        /// Added to each of the four sums.
        eps: f64 = 1e-5,
    }
}

impl MCCLoss {
    fn order(&self, _: &Given) -> Result<Loss> {
        let p = || predicted(Activation::Identity);
        let all = |cells: Loss| cells.reduce(sum(Over::All));
        let both = |cells: Loss| all(cells) + 2.0 * self.eps;
        let (of_1, of_0) = (both(p()), both(1.0 - p()));
        let one = || 0.0 * p() + 1.0;
        let (is_1, is_0) =
            (both(one().scale(Weight::Positives)), both(one().scale(Weight::Negatives)));
        let right_1 = all(p().scale(Weight::Positives)) + self.eps;
        let right_0 = all((1.0 - p()).scale(Weight::Negatives)) + self.eps;
        let root = |square: Loss| square.map(Map::Power(0.5));
        let right = right_1 / of_1.clone() + right_0 / of_0.clone() - 1.0;
        Ok(1.0 - right / (root(is_1 / of_1) / root(of_0 / is_0)))
    }
}
