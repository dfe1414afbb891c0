//! Calls around the call of a loss, which take it at several levels.

use super::Given;
use super::call::Call;
use super::entry;
use super::monai::WeightMode;
use super::nnunet::deep_supervision;
use super::signature::{Arguments, Signature};
use crate::error::Result;
use crate::loss::Loss;
use crate::outputs::Outputs;

/// A call that takes a loss at several levels: its full name, its package and what it takes.
struct Wrapper {
    path: &'static str,
    version: (&'static str, &'static str),
    signature: Signature,
    weights: fn(&Arguments<'_, '_>) -> Result<Vec<f64>>,
}

const WRAPPERS: [Wrapper; 2] = [
    Wrapper {
        path: "nnunetv2.training.loss.deep_supervision.DeepSupervisionWrapper",
        version: ("nnunetv2", "2.8.1"),
        signature: Signature("(loss!, weight_factors)"),
        weights: |arguments| {
            match arguments.read("weight_factors", None)? {
            Some(weights) => Ok(weights),
            None => Err(arguments.error(
                "weight_factors: without them every level has the weight 1, and how many there are is not known \
                 from the call; give the list",
            )),
        }
        },
    },
    Wrapper {
        path: "monai.losses.DeepSupervisionLoss",
        version: ("monai", "1.6.1"),
        signature: Signature("(loss!, weight_mode, weights)"),
        weights: |arguments| {
            arguments.read("weight_mode", WeightMode::Exp)?;
            match arguments.read("weights", None)? {
                Some(weights) => Ok(weights),
                None => Err(arguments.error(
                    "weights: how many levels there are is not known from the call; give a list with one weight per level, \
                     which `preset::monai::level_weights` makes by the mode",
                )),
            }
        },
    },
];

/// The wrapper that a call means, by its last word.
fn wrapper(call: &Call<'_>) -> Option<&'static Wrapper> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    WRAPPERS.iter().find(|wrapper| last(wrapper.path) == last(call.name))
}

/// Refuses a call that means several losses, where one is asked for.
pub(super) fn expect_one(call: &Call<'_>) -> Result<()> {
    match wrapper(call) {
        None => Ok(()),
        Some(_) => Err(call.error_at(
            call.at,
            format!(
                "`{}` takes a loss at several levels, each with a prediction and a target of its own, and so is no single \
                 loss; `preset::parse_outputs` gives it as `Outputs`, and `preset::nnunet::deep_supervision` makes \
                 them of a loss and weights",
                call.name
            ),
        )),
    }
}

/// The levels that a call means.
pub(super) fn outputs(call: &Call<'_>, given: Option<&Given>) -> Result<Outputs> {
    let Some(wrapper) = wrapper(call) else {
        let known = WRAPPERS.map(|wrapper| wrapper.path).join(", ");
        let why = format!("`{}` is no loss at several levels; known are {known}", call.name);
        return Err(call.error_at(call.at, why));
    };
    let arguments = wrapper.signature.bind(call)?;
    let inner = arguments.call_of("loss")?;
    let loss = loss(inner, wrapper, given)?;
    let weights = (wrapper.weights)(&arguments)?;
    deep_supervision(&loss, weights).map_err(|error| arguments.refuse(error))
}

/// The loss inside: one of the wrapper's own package, or of another where that has none of the name.
fn loss(call: &Call<'_>, wrapper: &Wrapper, given: Option<&Given>) -> Result<Loss> {
    let (package, version) = wrapper.version;
    let own = Call { version: Some((package, version, call.at)), ..call.clone() };
    let entry = entry::find(&own).or_else(|_| entry::find(call))?;
    entry.loss(call, given.unwrap_or(&entry.usual))
}
