//! The engines: each makes the calls of one workload in one mode and layout.

pub mod burn;
pub mod candle;
pub mod lossfold;
pub mod plain;

use ndarray::Array4;

use crate::data::{Data, Layout};
use crate::workload::{Scores, Workload};

/// What an engine is given, contiguous in one layout.
pub struct Arrays {
    pub layout: Layout,
    pub logits: Array4<f32>,
    pub probabilities: Array4<f32>,
    pub target: Array4<f32>,
    pub direction: Array4<f32>,
}

impl Arrays {
    pub fn new(data: &Data, layout: Layout) -> Self {
        Self {
            layout,
            logits: layout.of(&data.logits),
            probabilities: layout.of(&data.probabilities),
            target: layout.of(&data.target),
            direction: layout.of(&data.direction),
        }
    }

    pub fn prediction(&self, workload: &Workload) -> &Array4<f32> {
        match workload.scores {
            Scores::Probability => &self.probabilities,
            Scores::Sigmoid | Scores::Softmax => &self.logits,
        }
    }
}

/// The version of a package that this program was built with, the newest if a peer has an older one.
pub fn version(package: &str) -> &'static str {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let lock = include_str!("../../Cargo.lock");
    let (_, rest) = lock.rsplit_once(&entry).expect("a dependency");
    rest.split_once('"').expect("a quoted version").0
}
