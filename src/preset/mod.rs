//! The losses of the frameworks, as the expressions that they compute.
//!
//! [`parse`] takes the call that a Python user already has and gives the loss as an explicit expression;
//! printing it shows the order that the framework hides. The same losses are structs with the framework's own
//! arguments and defaults, one module per framework.
//!
//! ```
//! use lossfold::preset::{self, Preset};
//!
//! let loss = preset::parse("torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))")?;
//! assert_eq!(loss.to_string(), "bce(sigmoid; positive=[3]) > mean(all)");
//!
//! let typed = preset::torch::BCEWithLogitsLoss { pos_weight: Some([3].into()), ..Default::default() };
//! assert_eq!(typed.loss()?, loss);
//!
//! let error = preset::parse("torch.nn.BCELoss(reducton='sum')").unwrap_err();
//! assert_eq!(error.to_string(), "\
//! text: `torch.nn.BCELoss` has no argument `reducton`; did you mean `reduction` or `reduce`?
//!   torch.nn.BCELoss(reducton='sum')
//!                    ^");
//! # Ok::<(), lossfold::Error>(())
//! ```
//!
//! # What a call may look like
//!
//! - Python's syntax: arguments by place and by name, `None`, `True`, `False`, numbers, texts, lists,
//!   `torch.tensor([1, 2])` and its like for a list, `{'smooth': 1}` and `dict(smooth=1)` for the arguments of a loss inside another.
//! - The full name (`segmentation_models_pytorch.losses.DiceLoss`), the customary one (`nn.BCELoss`,
//!   `F.cross_entropy`, `smp.losses.DiceLoss`, `tf.keras.losses.Dice`), or the last word where only one framework has it.
//! - A version before it, as in a list of requirements: `mmseg==0.30.0 mmseg.models.losses.DiceLoss()`.
//!   Without one it is the newest version that was run; [`list`] names them all.
//! - What is passed when the loss is called, in a second pair of parentheses:
//!   `keras.losses.Dice()(y_true, y_pred, sample_weight=image)`. A weight that the data bring is named by what
//!   the [`Batch`](crate::Batch) carries: `map`, `mask` or `image`.
//!
//! A call around the call of a loss, as `DeepSupervisionWrapper(SoftDiceLoss(), [1, 0.5])`, is no single loss:
//! [`parse_outputs`] takes it.
//!
//! Some orders depend on what the framework sees of the tensors: the number of classes, labels or a dense target.
//! [`parse`] takes the customary case, [`parse_for`] takes what is [`Given`].

#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "every preset has the same method, also where it has no argument or refuses nothing"
)]
#![allow(clippy::doc_markdown, reason = "formulas and the names of frameworks stand in the docs")]

mod argument;
mod axes;
pub mod burn;
mod call;
pub mod candle;
mod declare;
pub mod detectron2;
mod diff;
mod entry;
pub mod flux;
mod ignore;
pub mod kaggle;
pub mod keras;
pub mod kornia;
mod levels;
pub mod mmseg;
pub mod mmseg_0_30;
pub mod monai;
pub mod nnunet;
pub mod optax;
pub mod paddleseg;
pub mod paper;
mod signature;
pub mod smp;
pub mod tf_keras;
pub mod torch;

pub use argument::{Reduce, Tensor};
pub use axes::Places;
pub use diff::{Agreement, Difference, Line, Situation, diff};
pub use entry::{Entry, list};
pub use ignore::Ignore;

use crate::axis::Axis;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::Loss;
use crate::outputs::Outputs;

use call::Call;

/// A loss of a framework, with its arguments.
pub trait Preset {
    /// The loss, where the framework sees tensors like these.
    ///
    /// **Errors** ([`ErrorKind::Preset`]): what the framework refuses, or does and has no order here.
    fn loss_for(&self, given: &Given) -> Result<Loss>;

    /// The loss, where the framework sees what it customarily does.
    ///
    /// **Errors**: those of [`loss_for`](Self::loss_for).
    fn loss(&self) -> Result<Loss>;
}

/// What a framework sees of the tensors that its loss is called with.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    layout: Layout,
    classes: Option<usize>,
    labels: bool,
}

impl Given {
    /// A dense target, of the prediction's shape, and more than one class.
    pub const fn dense(layout: Layout) -> Self {
        Self { layout, classes: None, labels: false }
    }

    /// A target of class labels, and more than one class.
    pub const fn labels(layout: Layout) -> Self {
        Self { layout, classes: None, labels: true }
    }

    /// The number of classes.
    #[must_use]
    pub const fn classes(mut self, classes: usize) -> Self {
        self.classes = Some(classes);
        self
    }

    /// Whether there is one class, so that its channel means foreground.
    pub(crate) fn is_binary(&self) -> bool {
        self.classes == Some(1)
    }

    /// Refuses an axis by its number, negative from the last, that is not the class axis of the layout.
    fn expect_class_axis(&self, name: &str, number: i64) -> Result<()> {
        let axes = self.layout.axes();
        let place = usize::try_from(number).ok().or_else(|| {
            let from = usize::try_from(number.unsigned_abs()).ok()?;
            axes.len().checked_sub(from)
        });
        match place.and_then(|place| axes.get(place)) {
            Some(Axis::Class) => Ok(()),
            Some(axis) => refuse(format!(
                "{name}: axis {number} of {} is {axis}, expected class",
                self.layout
            )),
            None => refuse(format!("{name}: {} has no axis {number}", self.layout)),
        }
    }
}

/// The loss that a framework's call means, where it sees what it customarily does.
///
/// **Errors**: [`ErrorKind::Parse`] for a text that is no such call, with a caret and the near names;
/// [`ErrorKind::Preset`] for arguments that the framework refuses, or that have no order here.
///
/// ```
/// let loss = lossfold::preset::parse("F.cross_entropy(input, target, weight=[1, 1, 5])")?;
/// assert_eq!(loss.to_string(), "cross_entropy(softmax) > sum(class) > weigh(target=[1, 1, 5]) > mean(pixel, image; empty=nan)");
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn parse(call: &str) -> Result<Loss> {
    let call = Call::parse(call)?;
    levels::expect_one(&call)?;
    let entry = entry::find(&call)?;
    entry.loss(&call, &entry.usual)
}

/// The loss that a framework's call means for tensors like these.
///
/// **Errors**: those of [`parse`].
///
/// ```
/// use lossfold::Layout;
/// use lossfold::preset::{Given, parse_for};
///
/// let call = "torch.nn.CrossEntropyLoss(weight=[1, 1, 5])";
/// let labels = parse_for(call, &Given::labels(Layout::NCHW))?; // divides by Σ w[t]
/// let dense = parse_for(call, &Given::dense(Layout::NCHW))?; // divides by the number of pixels
/// assert_ne!(labels, dense);
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn parse_for(call: &str, given: &Given) -> Result<Loss> {
    let call = Call::parse(call)?;
    levels::expect_one(&call)?;
    entry::find(&call)?.loss(&call, given)
}

/// The loss at several levels that a framework's call around the call of a loss means: nnU-Net's
/// `DeepSupervisionWrapper` and MONAI's `DeepSupervisionLoss`. A level is a head of the [`Outputs`], with a prediction and
/// a target of its own; one of weight 0 is left out.
///
/// **Errors**: those of [`parse`] for the loss inside, and [`ErrorKind::Parse`] where the call does not say how many
/// levels there are.
///
/// ```
/// use lossfold::preset;
///
/// let outputs = preset::parse_outputs(
///     "DeepSupervisionWrapper(loss=SoftDiceLoss(smooth=1e-5), weight_factors=[0.75, 0.25, 0])",
/// )?;
/// let dice = "(overlap(probability) > dice(pixel; smooth=1e-5, floor=1e-8) > mean(all)) - 1";
/// assert_eq!(outputs.to_string(), format!("0.75 * level 0: ({dice}) + 0.25 * level 1: ({dice})"));
///
/// let error = preset::parse("DeepSupervisionLoss(DiceLoss())").unwrap_err();
/// assert!(error.to_string().contains("`preset::parse_outputs` gives it as `Outputs`"));
/// # Ok::<(), lossfold::Error>(())
/// ```
pub fn parse_outputs(call: &str) -> Result<Outputs> {
    levels::outputs(&Call::parse(call)?, None)
}

/// The loss at several levels that a framework's call means, for tensors like these.
///
/// **Errors**: those of [`parse_outputs`].
pub fn parse_outputs_for(call: &str, given: &Given) -> Result<Outputs> {
    levels::outputs(&Call::parse(call)?, Some(given))
}

/// What a framework refuses, or what has no order here.
fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::Preset, why))
}
