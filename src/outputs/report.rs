//! What each head has to do with the total.

use std::fmt;

use crate::explain::{Table, bar, short};
use crate::notation::Number;

use super::Outputs;

/// Where a total comes from, as data; it prints as a table.
///
/// ```
/// use lossfold::{Batch, Layout, Loss, Outputs};
/// use ndarray::array;
///
/// let loss: Loss = "squared(identity) > mean(all)".parse()?;
/// let outputs = Outputs::new().head("mask", 1.0, &loss).head("edge", 0.5, &loss);
/// let (near, far, target) = (array![[1.0]], array![[4.0]], array![[0.0]]);
/// let mask = Batch::new(Layout::NC, &far, &target)?;
/// let edge = Batch::new(Layout::NC, &near, &target)?;
///
/// let report = outputs.report(&[("mask", &mask), ("edge", &edge)])?;
/// assert_eq!(report.value, 16.5);
/// assert_eq!((report.heads[1].value, report.heads[1].contribution), (1.0, 0.5));
/// assert_eq!(report.to_string(), "\
/// mask: (squared(identity) > mean(all)) + 0.5 * edge: (squared(identity) > mean(all))
///   = 16.5
///
///   head   coefficient   value   contribution   share of the total
///   mask             1      16             16   █████████▊  97.0 %
///   edge           0.5       1         0.5000   ▎            3.0 %
/// ");
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutputsReport {
    /// The outputs, as they print.
    pub outputs: String,
    /// The total.
    pub value: f64,
    /// One entry per head, in their order.
    pub heads: Vec<HeadReport>,
}

/// What a head has to do with the total.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeadReport {
    /// The name of the head.
    pub name: String,
    /// Its coefficient.
    pub coefficient: f64,
    /// Its loss, as it prints.
    pub loss: String,
    /// The value of its loss.
    pub value: f64,
    /// Coefficient · value. The total is the sum of these.
    pub contribution: f64,
    /// The contribution, divided by the total; 0 if that is 0.
    pub share_of_total: f64,
}

impl OutputsReport {
    /// The report of heads with these values.
    pub(super) fn new(outputs: &Outputs, values: Vec<f64>) -> Self {
        let heads = outputs.heads().iter().zip(values);
        let mut heads: Vec<HeadReport> = heads
            .map(|(head, value)| HeadReport {
                name: head.name().into(),
                coefficient: head.coefficient(),
                loss: head.loss().to_string(),
                value,
                contribution: head.coefficient() * value,
                share_of_total: 0.0,
            })
            .collect();
        let total: f64 = heads.iter().map(|head| head.contribution).sum();
        if total != 0.0 {
            for head in &mut heads {
                head.share_of_total = head.contribution / total;
            }
        }
        Self { outputs: outputs.to_string(), value: total, heads }
    }
}

impl fmt::Display for OutputsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n  = {}\n", self.outputs, self.value)?;
        let header = ["head", "coefficient", "value", "contribution", "share of the total"];
        let mut table = Table::new(1, &header);
        for head in &self.heads {
            table.row(vec![
                head.name.clone(),
                Number(head.coefficient).to_string(),
                short(head.value),
                short(head.contribution),
                bar(head.share_of_total),
            ]);
        }
        write!(f, "{table}")
    }
}
