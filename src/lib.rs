//! Segmentation losses whose order of reduction is a value.

mod axis;
mod batch;
mod element;
mod error;
mod explain;
mod field;
mod layout;
mod loss;
mod notation;
mod reduction;
mod reference;
mod region;
pub mod text;
mod weight;

pub use axis::{Axes, Axis, Extents};
pub use batch::{Batch, Float, IntoTarget, IntoView, Label, Labels, Value};
pub use element::{Activation, Bce, ElementFormula, Smoothing};
pub use error::{Error, ErrorKind, Result};
pub use explain::{Alternative, ClassReport, Drowned, ImageReport, Report, StepReport};
pub use field::Field;
pub use layout::Layout;
pub use loss::{Loss, Map, absolute, bce, element, squared};
pub use reduction::{
    Aggregate, Empty, Over, Reduction, Step, Steps, logmeanexp, max, mean, min, power, quantile,
    sum, top_fraction, top_k,
};
pub use reference::{Equivalence, Factor, Setting, Trace, Traced, Values, Witness};
pub use region::{Absent, Overlap, Ratio, RatioFormula, SoftOverlap, Sums, overlap};
pub use weight::{AbsentVolume, Weight};
