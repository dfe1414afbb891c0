//! How overlaps and ratios print.

use std::fmt;

use super::{Absent, Before, Errors, Formula, Overlap, Ratio, Region, SoftOverlap};
use crate::notation::{Number, call};
use crate::reduction::Empty;

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clip = self.clip.map(|clip| format!("clip={}", Number(clip)));
        call(f, "overlap", self.activation, clip.as_slice())?;
        self.steps.iter().try_for_each(|step| match step {
            Before::Weigh(weight) => write!(f, " > weigh({weight})"),
            Before::Select(classes) => write!(f, " > {classes}"),
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { smooth_numerator, smooth_denominator, .. } = self.ratio;
        let Ratio { floor, true_positive_floor, score_floor, .. } = self.ratio;
        let Ratio { exponent, false_positive, false_negative, .. } = self.ratio;
        let tversky = matches!(self.formula, Formula::Tversky)
            && (false_positive != 1.0 || false_negative != 1.0);
        let name = match &self.formula {
            Formula::Dice => "dice",
            Formula::Tversky if tversky => "tversky",
            Formula::Tversky => "jaccard",
            Formula::Lovasz(Errors::Absolute) => "lovasz",
            Formula::Lovasz(Errors::Hinge) => "lovasz_hinge",
            Formula::Own { name, .. } => name,
        };
        let mut options = Vec::new();
        let mut number = |key: &str, value: f64, default: f64| {
            if value != default {
                options.push(format!("{key}={}", Number(value)));
            }
        };
        // A Tversky ratio prints both weights, even where one of them is 1.
        let default = if tversky { f64::NAN } else { 1.0 };
        number("fp", false_positive, default);
        number("fn", false_negative, default);
        if smooth_numerator == smooth_denominator {
            number("smooth", smooth_numerator, 0.0);
        } else {
            number("smooth_numerator", smooth_numerator, 0.0);
            number("smooth_denominator", smooth_denominator, 0.0);
        }
        number("floor", floor, 0.0);
        for (key, floor) in [("tp_floor", true_positive_floor), ("score_floor", score_floor)] {
            if let Some(floor) = floor {
                number(key, floor, f64::NAN);
            }
        }
        number("exponent", exponent, 1.0);
        if self.ratio.soft == SoftOverlap::Distance {
            options.push("soft=distance".into());
        }
        match self.ratio.absent {
            Absent::Keep => {}
            Absent::Skip => options.push("absent=skip".into()),
            Absent::Zero => options.push("absent=zero".into()),
        }
        if self.ratio.carry {
            options.push("carry".into());
        }
        if self.ratio.empty != Empty::default() {
            options.push(format!("empty={}", self.ratio.empty));
        }
        call(f, name, self.ratio.over, &options)
    }
}
