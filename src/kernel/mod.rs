//! The inner loops, on slices: they know neither axes nor losses.
//!
//! A sweep reads cells that lie side by side, makes of each what an activation and one or two terms make
//! of it, and adds that up in lanes. The formulas are composed at compile time (`point`, `term`), for each
//! element type and each instruction set (`isa`); which of them a loss needs is one `match` (`recipe`).
//! Elementary functions are our own, without branches (`real`).

mod extreme;
mod isa;
mod map;
mod point;
mod real;
mod recipe;
mod softmax;
mod sweep;
mod term;
mod transpose;

pub(crate) use extreme::{Extreme, share};
pub(crate) use isa::{Instructions, Isa, Job};
pub(crate) use map::{Function, map};
pub(crate) use real::Real;
pub(crate) use recipe::{Activated, Formula, Logarithm, Recipe};
pub(crate) use softmax::Softmax;
pub(crate) use sweep::{Cells, Into, LANES, Memory, Numbers, PART, part};
pub(crate) use term::MOST_SUMS;
pub(crate) use transpose::{join, split};
