//! Segmentation losses whose order of reduction is a value.
//!
//! A loss over a segmentation batch starts as one number per image, class and pixel and ends as one
//! number. Between the two stand sums, means, weights, masks and ratios in some order, and that order
//! decides what a model learns. Here the order is a [`Reduction`]: it is named, printed, parsed,
//! compared, differentiated and explained.
//!
//! ```
//! use lossfold::Axis::{Class, Image, Pixel};
//! use lossfold::{Activation, Batch, Layout, Loss, bce, mean};
//! use ndarray::array;
//!
//! let logits = array![[[2.0_f32, -1.0], [0.5, -3.0]]]; // one image of two pixels, two classes
//! let target = array![[[1_u8, 0], [1, 0]]];
//! let batch = Batch::new("image pixel class".parse::<Layout>()?, &logits, &target)?;
//!
//! let keras = mean(Class).then(mean(Pixel)).then(mean(Image));
//! let loss = bce(Activation::Sigmoid).reduce(keras);
//! assert_eq!(loss.to_string(), "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)");
//! assert_eq!(loss, "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".parse::<Loss>()?);
//!
//! let (value, gradient) = loss.value_and_gradient(&batch)?;
//! assert!((value - 0.2407).abs() < 1e-4);
//! assert_eq!(gradient.dim(), (1, 2, 2));
//! println!("{}", loss.explain(&batch)?); // where the number comes from
//! # Ok::<(), lossfold::Error>(())
//! ```
//!
//! # Fields of value and mass
//!
//! A [`Field`] gives every cell (class, pixel, image) a value v and a mass m. The mass is a product of
//! weights, each with axes of its own. [`Loss::scale`] multiplies the value by a weight,
//! [`Loss::weigh`] the mass.
//!
//! - A step is *over* the axes that vanish; a result is *per* the axes that remain.
//! - **A step consumes the weights that have one of its axes; the others wait** for a step over one of
//!   theirs. So `weigh(map) > mean(class) > mean(pixel) > mean(image)` uses a map per pixel at
//!   `mean(pixel)`.
//! - What a step leaves of the mass that it consumed is 1 (each group counts the same), or its divisor
//!   if [`carry`](Reduction::carry) is asked for; `mean(a; carry) > mean(b)` is `mean(a, b)`.
//! - A group whose divisor is 0 follows its named policy, [`Empty`]. Under the default, `skip`, it has
//!   no mass in later steps: a 0/1 weight is left on the axes of the consumed weights that remain. If
//!   nothing is left at the end, that is an error.
//! - A cell of mass 0 is never read: a NaN under a mask stays out. Scaling by 0 gives 0.
//! - A ratio is a step like any other: what stands before it is inside its sums, what stands after it
//!   weighs its result. Where it stands is the loss's order (Tilborghs et al. 2022). A Lovász step
//!   (Berman et al. 2018) stands where a ratio stands.
//!
//! The aggregates are constructors of [`Reduction`] ([`sum`], [`mean`], [`max`], [`min`], [`power`],
//! [`logmeanexp`], [`quantile`], [`top_fraction`], [`top_k`]), the ratios methods of [`Overlap`]
//! ([`dice`](Overlap::dice), [`jaccard`](Overlap::jaccard), [`tversky`](Overlap::tversky),
//! [`lovasz`](Overlap::lovasz), [`lovasz_hinge`](Overlap::lovasz_hinge)), the sources
//! functions ([`bce`], [`cross_entropy()`], [`kl`], [`squared`], [`absolute`], [`predicted`], [`element()`],
//! [`overlap`]); focal losses are options of the cross-entropies ([`Bce::focal`], [`Bce::alpha`]). The grammar
//! of the texts is in [`text`].
//!
//! # Two engines
//!
//! [`Loss::value`], [`Loss::value_and_gradient`] and [`Loss::explain`] read the data in blocks of pixels
//! and hold sums; a [`State`] holds what images leave, and merges. [`Loss::reference`] evaluates every
//! node literally on whole tensors: it is the definition, and the other is held to it.
//!
//! # The algebra
//!
//! [`Reduction::normal_form`] rewrites an order by the laws, [`Reduction::equivalent`] decides whether
//! two orders are the same, the same up to an exact factor, or different with a witness, and
//! [`Reduction::coefficients`] is the number with which each cell enters the result of a linear order.
//!
//! # Accuracy and bits
//!
//! Cells are computed in the element type F of the prediction, and what is summed of them moves on to f64 after
//! sixteen of a class at the latest. For a sum or mean of elements xᵢ, weighted and divided, over C classes and
//! images of P pixels, n cells in all, by s steps and w weights,
//!
//! ```text
//! |found - exact| <= (γ(k) + 64 u_F) Σ |xᵢ| + n e_F,   γ(k) = k u / (1 - k u),   u = 2^-53,
//! k = 256 + 4 + ⌈log2⌈P / 4096⌉⌉ + C + s + w,   u_f32 = 2^-24,   u_f64 = 2^-53,
//! e_f32 = 2^-149,   e_f64 = 2^-1074
//! ```
//!
//! before the value is rounded to F, and with 2 k in the place of k where a mean divides by a sum of weights
//! that f64 does not hold exactly. So a value in f32 is good to 4e-6 of what is added up,
//! for any number of cells, where a sum in f32 has lost the third digit after 2^24; one in f64 to about 1e-13.
//! The number of images does not occur: they are summed exactly. Losses with weights that differ between pixels,
//! or with steps that are no sums below the one that ends the pixels, compute cells in f64 whatever F is.
//!
//! Exponentials, logarithms and quotients are within 2 units of the last place, and logarithms of 1 - p are
//! taken from what p lacks to 1: what confident predictions lose adds up.
//!
//! The bits of a value and of its gradient depend on the cells, their element type and the loss alone. They
//! are the same
//!
//! - on any number of threads;
//! - in any layout and behind any strides;
//! - whether the images come at once or in parts, however a [`State`] observes and merges these;
//! - with any instructions that have a fused multiply-add: AVX2, AVX-512, NEON.
//!
//! Another version of this crate, a processor without fused multiply-add, or a platform with another `powf` or
//! `exp` in losses that need these, may give other bits. The environment variable `LOSSFOLD_INSTRUCTIONS`
//! (`baseline`, `neon`, `avx2`, `avx512`) names the instructions that are used at most; what is used instead of
//! a set that the machine does not have is the strongest that is not stronger.
//!
//! # Features
//!
//! - `rayon` (default): the passes run on all threads of the current rayon pool.
//! - `burn`: [`Loss::forward`](crate::Loss) on tensors of burn with its autodiff, on every backend.
//! - `candle`: `Loss::forward_candle` on tensors of candle with its autodiff, on a CPU.
//! - `serde`: a [`State`] is saved and read in any format of serde, every bit of it; a [`Loss`], a
//!   [`Reduction`] and a [`Layout`] as their texts. Without it, [`State::to_flat`] travels as plain numbers.
//! - `html`: `Report::to_html`, a report as one self-contained page, with pictures that `Explain::pictures` makes.
//! - `png`: `Report::to_png`, its chart as an image.
//!
//! # What it does not do yet
//!
//! - [`Loss::values`] and [`Loss::trace`] materialise every intermediate field in f64.
//! - A loss in which an aggregate that is no sum or mean needs a number for the whole batch, or goes
//!   over images before pixels, reads all cells at once and has no [`State`]; so does one with a
//!   `balance` or a Lovász step over images.

mod axis;
mod batch;
mod between;
#[cfg(feature = "burn")]
pub mod burn;
#[cfg(feature = "candle")]
pub mod candle;
mod element;
mod error;
mod explain;
mod field;
mod fused;
mod kernel;
mod layout;
mod loss;
mod notation;
mod outputs;
#[cfg(feature = "html")]
mod page;
#[cfg(feature = "html")]
mod picture;
pub mod preset;
mod reduction;
mod reference;
mod region;
pub mod text;
#[cfg(any(feature = "burn", feature = "candle"))]
mod untyped;
mod weight;

pub use axis::{Axes, Axis, Extents};
pub use batch::{Batch, Float, IntoTarget, IntoView, Label, Labels, Value};
pub use between::{Across, Part};
pub use element::{Activation, Bce, ElementFormula, Focal, Smoothing, Truth};
pub use error::{Error, ErrorKind, Result};
pub use explain::{Alternative, ClassReport, Drowned, Explain, ImageReport, Report, StepReport};
pub use field::Field;
pub use fused::State;
pub use layout::Layout;
pub use loss::{Loss, Map, absolute, bce, cross_entropy, element, kl, predicted, squared};
pub use outputs::{AnyBatch, Head, HeadReport, Outputs, OutputsReport, OutputsState};
pub use reduction::{
    Aggregate, Empty, Over, Reduction, Step, Steps, logmeanexp, max, mean, min, power, quantile,
    sum, top_fraction, top_k,
};
pub use reference::{Equivalence, Factor, Reference, Setting, Trace, Traced, Values, Witness};
pub use region::{Absent, Overlap, Ratio, RatioFormula, SoftOverlap, Sums, overlap};
pub use weight::{AbsentVolume, Weight};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
