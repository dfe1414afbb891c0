//! What frameworks do and is not copied, by name. `COMPARE.md` has the same table.

use lossfold::Error;

/// Something that a framework does, and that has no counterpart here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    framework: &'static str,
    name: &'static str,
    reason: &'static str,
    /// A call that is refused with this reason, where the preset sees it; otherwise it lies in the data.
    call: Option<&'static str>,
}

macro_rules! differences {
    ($($id:ident: $framework:literal, $name:literal, $reason:literal;)*) => {
        $(pub const $id: Difference =
            Difference { framework: $framework, name: $name, reason: $reason, call: None };)*
        /// What lies in the data of a row, by the name that an adapter says.
        const OF_DATA: &[(&str, Difference)] = &[$((stringify!($id), $id)),*];
    };
}

differences! {
    CANDLE_SIGMOID: "candle", "rounded sigmoid",
        "candle takes the logarithm of a sigmoid that rounds to 0 or 1, infinity or NaN; here it is the logarithm itself";
    DETECTRON2_NO_PIXEL: "detectron2", "no worst pixel",
        "detectron2 takes the mean of none, which is NaN; here one counts";
    KERAS_AXES: "keras", "axes of too many names",
        "the axes that stay and those that go have more parts than there are names: image, class and pixel";
    KERAS_CLIPPED_TARGET: "keras", "clipped target",
        "Keras raises an absent class of the target to 1e-7";
    KERAS_DIVISION: "keras", "clip before division",
        "TensorFlow clips scores and then divides them by their sum, against Keras's own order";
    KERAS_GRADIENT: "keras", "gradient of another loss",
        "TensorFlow takes softmax - target, which is no derivative where a target does not add up to 1";
    KERAS_HALF: "keras", "half precision",
        "a loss in float16 or bfloat16; elements are f32 or f64";
    KERAS_NO_PROBABILITIES: "keras", "numbers that are no probabilities",
        "Keras clips them or computes on; here they are an error";
    KERAS_ONCE: "keras", "weights counted once",
        "mean_with_sample_weight divides by the sum of the weights before they are repeated along an axis, so its value depends on their shape";
    KERAS_TARGET: "keras", "broadcast target",
        "Keras repeats a target of another shape than the prediction's";
    KERAS_WIDENED: "keras", "widened values",
        "Keras repeats the values of a loss along an axis that only the weights have";
    KORNIA_BATCH: "kornia", "one image against several",
        "kornia broadcasts a batch of one";
    MMSEG_BOUNDARY: "mmseg", "neither 0 nor 1",
        "BoundaryLoss leaves such pixels out of the shares and not out of the mean";
    MMSEG_NO_PIXEL: "mmseg", "no pixel in Lovász-Softmax",
        "mmseg returns an empty tensor in the place of the loss";
    MONAI_ALPHA: "monai", "a list of alpha on a soft target",
        "it weighs t = 1 and no other t";
    MONAI_MASK: "monai", "a mask that is not 0 or 1",
        "it counts twice where p meets t";
    MONAI_NO_SPACE: "monai", "no spatial axis",
        "torch sums over an empty list of axes as over all axes";
    MONAI_SOFT_IGNORED: "monai", "ignore_index on a soft target",
        "it masks a part of the pixel, and twice";
    MONAI_SOFT_LABEL: "monai", "soft_label below 0",
        "the volume of a prediction is taken to be that of its magnitude";
    MONAI_SOFTMAX: "monai", "softmax of one class",
        "0 to a power below 0 makes the gradient NaN";
    NNUNET_NO_PIXEL: "nnunet", "no worst pixel",
        "k percent of so few pixels is none, and their mean is NaN";
    OPTAX_LABEL: "optax", "a label without its class",
        "optax takes its logit from a softmax that lacks it";
    PADDLESEG_DYNAMIC: "paddleseg", "soft targets",
        "`dynamic` counts only those that are 0 or 1";
    PADDLESEG_NO_PIXEL: "paddleseg", "no pixel in Lovász-Softmax",
        "PaddleSeg returns an empty tensor in the place of the loss";
    PADDLESEG_PLANE: "paddleseg", "labels of no plane",
        "PaddleSeg moves the third of their axes in the place of the last";
    PADDLESEG_ROOT: "paddleseg", "a root of a loss of 0",
        "a power below 1 has an infinite slope there, of which paddle makes NaN";
    SMP_NO_FACTOR: "smp", "no pixel in a normalized focal loss",
        "SMP divides by 1e-6 where the focal factors sum to 0; here that is an error";
    SMP_NO_PIXEL: "smp", "no pixel in Lovász-Softmax",
        "SMP returns an empty tensor in the place of the loss";
    SMP_ROOT: "smp", "a root of a loss of 0",
        "a power below 1 has an infinite slope there, of which torch makes NaN";
    TWO_WEIGHTS: "any", "two weights per pixel or image",
        "a batch carries one map and one weight per image";
}

/// A framework, the name, a call that its preset refuses, and what the error then says.
type Refused = (&'static str, &'static str, &'static str, &'static str);

/// What the presets refuse though the framework does it.
const REFUSED: &[Refused] = &[
    (
        "burn",
        "weights of the last axis",
        "burn.nn.loss.BinaryCrossEntropyLoss(weights=[1, 2])",
        "weights and smoothing belong to the last axis",
    ),
    (
        "keras",
        "smoothing or alpha of the last axis",
        "keras.losses.CategoricalCrossentropy(axis=1, label_smoothing=0.1)",
        "Keras brings it to the last axis, whatever `axis` is",
    ),
    (
        "keras",
        "a weight per image after the images",
        "keras.losses.Dice(axis=[0, 1, 2])(t, p, sample_weight=image)",
        "the values have no image axis left that `image` could weigh",
    ),
    (
        "keras",
        "a divisor of 0",
        "keras.losses.MeanSquaredError(reduction='mean_with_sample_weight')(t, p, sample_weight=0)",
        "sample_weight: is 0, and the mean would be divided by it",
    ),
    (
        "keras, optax",
        "a part of the pixel axes",
        "optax.losses.dice_loss(axis=1)",
        "takes a part of the pixel axes",
    ),
    (
        "mmseg",
        "masks of objects",
        "mmseg.CrossEntropyLoss(use_mask=True)",
        "the masks of objects are no classes of a batch",
    ),
    (
        "mmseg",
        "a class weight along the last axis",
        "mmseg.CrossEntropyLoss(use_sigmoid=True, class_weight=[1, 2])",
        "is broadcast from the right, so along the last axis",
    ),
    (
        "mmseg",
        "a class from the last",
        "mmseg.LovaszLoss(classes=[-1], per_image=True)",
        "has the prediction of a class from the last and no pixel of the target",
    ),
    (
        "mmseg, smp",
        "a class twice",
        "mmseg.LovaszLoss(classes=[1, 1], per_image=True)",
        "is there twice, and would count twice",
    ),
    (
        "monai",
        "softmax of the classes that are left",
        "monai.losses.FocalLoss(use_softmax=True, include_background=False)",
        "the softmax is over the classes that are left",
    ),
    (
        "monai",
        "masked labels",
        "monai.losses.MaskedDiceLoss(to_onehot_y=True, softmax=True)(input, target, mask=mask)",
        "MONAI makes the labels under the mask background, which the prediction then misses",
    ),
    (
        "monai",
        "ignored pixels that a clip raises",
        "monai.losses.AsymmetricUnifiedFocalLoss(ignore_index=255)",
        "the ignored pixels stay in the mean and in the false positives, where the clip raises their 0 to 1e-7",
    ),
    (
        "monai",
        "two channels made of one",
        "monai.losses.AsymmetricUnifiedFocalLoss()",
        "background and foreground, each with its channel",
    ),
    (
        "nnunet",
        "no class of one",
        "SoftDiceLoss(do_bg=False)",
        "leaves no class of one, and nnU-Net a NaN",
    ),
    (
        "nnunet",
        "ignored labels among the worst",
        "TopKLoss(ignore_index=2)",
        "the ignored pixels count among those of which the worst are taken",
    ),
    (
        "optax",
        "weights without a class axis",
        "optax.losses.dice_loss(axis=(1, 2, 3), class_weights=[1, 2])",
        "the class axis is summed, they would take the axis that is last for it",
    ),
    (
        "optax",
        "a mean over the last pixel axis",
        "optax.losses.dice_loss(axis=(0, 3))",
        "without the class axis the last one is a part of the pixel axes",
    ),
    (
        "paddleseg",
        "weights of the worst pixels",
        "paddleseg.CrossEntropyLoss(weight=[1, 2], top_k_percent_pixels=0.5)",
        "the sum is divided by their weights, which no step does",
    ),
    (
        "paddleseg",
        "a logit without its parentheses",
        "paddleseg.LovaszHingeLoss()",
        "which lacks the parentheses of p / (1 - p)",
    ),
    (
        "smp",
        "only values that are not ignored",
        "smp.losses.FocalLoss('binary', reduction='none', ignore_index=255)",
        "only values that are not ignored come back, in no shape of the batch",
    ),
    (
        "smp",
        "a probability for a logit",
        "smp.losses.FocalLoss('multiclass', from_logits=False)",
        "the logarithm of a probability is taken for a logit",
    ),
    (
        "smp",
        "class weights along the last axis",
        "smp.losses.FocalLoss('multilabel', reduction='none', class_weights=[1, 2])",
        "they are broadcast to the last axis of the image",
    ),
    (
        "torch",
        "a target that is a logarithm",
        "nn.KLDivLoss(log_target=True)",
        "log_target: True, expected the target itself",
    ),
    (
        "torch, monai, mmseg, optax",
        "a weight along another axis than class",
        "nn.BCELoss(weight=[1, 2])",
        "is broadcast from the right, so it varies per",
    ),
];

/// Every difference that has a name.
pub fn all() -> impl Iterator<Item = Difference> {
    let refused = REFUSED.iter().map(|&(framework, name, call, reason)| Difference {
        framework,
        name,
        reason,
        call: Some(call),
    });
    OF_DATA.iter().map(|&(_, difference)| difference).chain(refused)
}

/// The difference for which a preset refuses a call; or that it has no name.
pub fn refused(error: &Error) -> String {
    let text = error.to_string();
    let known = all().find(|known| known.call.is_some() && text.contains(known.reason));
    known.map_or_else(|| format!("refused, for no named difference: {text}"), String::from)
}

impl From<Difference> for String {
    fn from(difference: Difference) -> Self {
        let Difference { framework, name, reason, .. } = difference;
        format!("difference: {name} ({framework}). {reason}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{fs, io};

    use lossfold::ErrorKind;
    use lossfold::Layout;
    use lossfold::preset::{self, Given};

    use super::*;

    /// The rows of the section in the paper that compares the frameworks.
    fn written() -> Vec<String> {
        let paper = include_str!("../../COMPARE.md");
        let section = paper.split("\n## What is not copied, and why").nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with('|'));
        rows.skip(2).map(str::to_owned).collect()
    }

    fn row(difference: Difference) -> String {
        let Difference { framework, name, reason, call } = difference;
        let call = call.map_or_else(|| "-".into(), |call| format!("`{call}`"));
        format!("| {name} | {framework} | {reason} | {call} |")
    }

    #[test]
    fn the_paper_has_every_difference_and_no_other() {
        let (listed, written): (Vec<String>, _) = (all().map(row).collect(), written());
        for row in &listed {
            assert!(written.contains(row), "COMPARE.md lacks\n{row}");
        }
        for row in &written {
            assert!(listed.contains(row), "COMPARE.md has more:\n{row}");
        }
        assert_eq!(listed.len(), written.len(), "a row is there twice");
    }

    #[test]
    fn a_name_is_one_of_a_framework() {
        let names: Vec<_> = all().map(|known| (known.framework, known.name)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name:?} is there twice");
        }
    }

    #[test]
    fn a_preset_refuses_the_call_of_a_difference_for_its_reason() {
        let first = |classes| Given::dense(Layout::NCHW).classes(classes);
        for difference in all() {
            let Some(call) = difference.call else { continue };
            let errors = [
                preset::parse(call),
                preset::parse_for(call, &first(1)),
                preset::parse_for(call, &first(2)),
                preset::parse_for(call, &Given::labels(Layout::NCHW).classes(2)),
                preset::parse_for(call, &Given::dense(Layout::NHWC).classes(2)),
            ];
            let errors: Vec<Error> = errors.into_iter().filter_map(Result::err).collect();
            let named = |error: &&Error| {
                error.kind() == ErrorKind::Preset && refused(error) == String::from(difference)
            };
            assert!(errors.iter().any(|error| named(&error)), "{call}: {errors:?}");
        }
        let other = preset::parse("mmseg.TverskyLoss(alpha=0.5)").unwrap_err();
        assert!(refused(&other).starts_with("refused, for no named difference"), "{other}");
    }

    /// An adapter says a difference by its name in the table, and every name is said by one.
    #[test]
    fn the_adapters_say_what_is_in_the_table() -> io::Result<()> {
        let mut adapters = String::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))? {
            let path = entry?.path();
            let source = path.extension().is_some_and(|extension| extension == "rs");
            if source && !path.ends_with("difference.rs") {
                adapters += &fs::read_to_string(path)?;
            }
        }
        for (id, _) in OF_DATA {
            assert!(adapters.contains(&format!("difference::{id}")), "nothing says {id}");
        }
        assert!(!adapters.contains("\"difference:"), "an adapter has a reason of its own");
        Ok(())
    }
}
