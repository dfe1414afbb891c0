//! The reference: every node of a loss evaluated literally, in f64, on whole tensors.
//!
//! It is the definition of the language, its trace and the oracle of its tests; it is written to be
//! read, not to be fast. A node is evaluated after its children. Downwards goes what is *live*: the
//! cells that some later step reads; a cell of mass 0 is never read. Upwards comes the field.

mod activation;
mod aggregate;
mod check;
mod combine;
mod data;
mod element;
mod equivalence;
mod evaluate;
mod focal;
mod lovasz;
mod outline;
mod pull;
mod reduce;
mod region;
mod step;
mod sum;
mod trace;
mod value;
mod weight;

pub use equivalence::{Equivalence, Factor, Setting, Witness};
pub use trace::{Trace, Traced};
pub use value::{Reference, Values};
