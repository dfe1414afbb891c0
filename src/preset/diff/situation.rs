//! Small batches on which orders part: sizes of classes, absent classes, soft targets, saturated predictions,
//! ignored labels.

use ndarray::{Array1, Array3};

use crate::axis::{Axes, Extents};
use crate::batch::{Batch, Labels};
use crate::element::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::Layout;
use crate::loss::{Loss, Node};
use crate::region::Before;
use crate::weight::Weight;

const IMAGES: usize = 2;
const PIXELS: usize = 12;

/// What two losses make of one small batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Situation {
    /// What is special about the batch.
    pub name: &'static str,
    /// What the first loss makes of it.
    pub first: Result<f64>,
    /// What the second loss makes of it.
    pub second: Result<f64>,
}

impl Situation {
    /// Whether the values differ by more than rounding.
    pub fn differs(&self) -> bool {
        match (&self.first, &self.second) {
            (Ok(first), Ok(second)) => !near(*first, *second),
            (first, second) => first.is_ok() != second.is_ok(),
        }
    }

    /// Whether both are numbers, or one of them is.
    pub(super) fn compares(&self) -> bool {
        let number = |value: &Result<f64>| value.as_ref().is_ok_and(|value| !value.is_nan());
        number(&self.first) || number(&self.second)
    }

    /// The first by the second, where that is a number.
    pub(super) fn factor(&self) -> Option<f64> {
        let (first, second) = (self.first.as_ref().ok()?, self.second.as_ref().ok()?);
        (*second != 0.0).then(|| first / second).filter(|factor| factor.is_finite())
    }
}

/// Within 1e-9 of the larger: far above the rounding of a few dozen cells, and far below a smoothing of 1e-5.
pub(super) fn near(one: f64, other: f64) -> bool {
    one == other
        || one.is_nan() && other.is_nan()
        || (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Batches for two losses: of as many classes as their lists have, with the weights that they name.
pub(super) struct Trial {
    classes: usize,
}

/// What the target of a pixel is, and how sure the prediction is.
struct Data {
    name: &'static str,
    /// The class of a pixel; none for an ignored one.
    label: fn(pixel: usize, image: usize, classes: usize) -> Option<usize>,
    /// How much of the target goes to the other classes.
    soft: f64,
    /// By how much the logit of the predicted class leads.
    lead: f64,
}

const EQUAL: fn(usize, usize, usize) -> Option<usize> =
    |pixel, image, classes| Some((pixel + image) % classes);
const UNEQUAL: fn(usize, usize, usize) -> Option<usize> =
    |pixel, image, classes| Some(if pixel < 8 - 2 * image { 0 } else { pixel % classes });

const DATA: [Data; 8] = [
    Data { name: "classes of one size", label: EQUAL, soft: 0.0, lead: 1.5 },
    Data { name: "classes of different sizes", label: UNEQUAL, soft: 0.0, lead: 1.5 },
    Data {
        name: "the last class absent from an image",
        label: |pixel, image, classes| {
            UNEQUAL(pixel, image, classes - usize::from(image == 0 && classes > 1))
        },
        soft: 0.0,
        lead: 1.5,
    },
    Data {
        name: "the last class absent from the batch",
        label: |pixel, image, classes| UNEQUAL(pixel, image, (classes - 1).max(1)),
        soft: 0.0,
        lead: 1.5,
    },
    Data { name: "soft targets", label: UNEQUAL, soft: 0.2, lead: 1.5 },
    Data { name: "logits of 40, some of them wrong", label: UNEQUAL, soft: 0.0, lead: 40.0 },
    Data {
        name: "ignored labels, more in one image",
        label: |pixel, image, classes| {
            if pixel % (2 + 3 * image) == 0 { None } else { UNEQUAL(pixel, image, classes) }
        },
        soft: 0.0,
        lead: 1.5,
    },
    Data { name: "every label ignored", label: |_, _, _| None, soft: 0.0, lead: 1.5 },
];

impl Trial {
    /// As many classes as the lists of the losses name; three, if there is none.
    pub(super) fn of(losses: [&Loss; 2]) -> Result<Self> {
        let mut lengths = Vec::new();
        let mut least = 0;
        for loss in losses {
            lists(loss, &mut lengths, &mut least);
        }
        lengths.sort_unstable();
        lengths.dedup();
        match lengths[..] {
            [] => Ok(Self { classes: 3.max(least) }),
            [classes] if classes >= least => Ok(Self { classes }),
            _ => Err(Error::new(
                ErrorKind::Weight,
                format!(
                    "diff: lists for {lengths:?} classes, expected one number of classes above {least}"
                ),
            )),
        }
    }

    pub(super) fn extents(&self) -> Extents {
        Extents { class: self.classes, pixel: PIXELS, image: IMAGES }
    }

    pub(super) fn situations(&self, losses: [&Loss; 2]) -> Vec<Situation> {
        let of = |data: &Data| {
            let [first, second] = losses.map(|loss| self.value(loss, data));
            Situation { name: data.name, first, second }
        };
        DATA.iter().map(of).collect()
    }

    /// A logit that leads for the class that is predicted: the true one for four pixels of five.
    fn logits(&self, data: &Data) -> Array3<f64> {
        Array3::from_shape_fn((IMAGES, PIXELS, self.classes), |(image, pixel, class)| {
            let truth = UNEQUAL(pixel, image, self.classes).unwrap_or(0);
            let wrong = (pixel + 2 * image) % 5 == 0;
            let predicted = (truth + usize::from(wrong)) % self.classes;
            let noise = ((7 * pixel + 5 * class + 3 * image) % 11) as f64 / 11.0 - 0.5;
            noise + if class == predicted && (self.classes > 1 || !wrong) { data.lead } else { 0.0 }
        })
    }

    fn value(&self, loss: &Loss, data: &Data) -> Result<f64> {
        let mut logits = self.logits(data);
        for mut pixel in logits.lanes_mut(ndarray::Axis(2)) {
            let total = pixel.mapv(f64::exp).sum().ln();
            pixel.mapv_inplace(|x| if self.classes == 1 { x } else { x - total });
        }
        let prediction = logits.mapv(|x| seen(source(loss), x, self.classes));
        let layout: Layout = "image pixel class".parse()?;
        let label = |image, pixel| (data.label)(pixel, image, self.classes);
        let ignored =
            (0..PIXELS * IMAGES).any(|cell| label(cell % IMAGES, cell / IMAGES).is_none());
        let numbers = ndarray::Array2::from_shape_fn((IMAGES, PIXELS), |(image, pixel)| {
            label(image, pixel).map_or(-1, |class| i64::try_from(class).unwrap_or(-1))
        });
        let target = Array3::from_shape_fn(prediction.dim(), |(image, pixel, class)| {
            let hard = f64::from(label(image, pixel) == Some(class));
            (1.0 - data.soft) * hard + data.soft / self.classes.max(2) as f64
        });
        let batch = if ignored {
            Batch::new(layout, &prediction, Labels::new(&numbers).ignore(-1))?
        } else {
            Batch::new(layout, &prediction, &target)?
        };
        let mut named = Vec::new();
        loss.weights_named(&mut named);
        let (pixels, images): (Axes, _) = (
            [crate::axis::Axis::Pixel, crate::axis::Axis::Image].into(),
            Array1::from_shape_fn(IMAGES, |image| 1.0 + image as f64),
        );
        let map = ndarray::Array2::from_shape_fn((IMAGES, PIXELS), |(image, pixel)| {
            1.0 + ((pixel + image) % 3) as f64
        });
        let mask = map.mapv(|weight| f64::from(weight < 3.0));
        let carries = |weight: &Weight| named.contains(&weight);
        let batch = if carries(&Weight::Map) { batch.with_map(pixels, &map)? } else { batch };
        let batch = if carries(&Weight::Mask) { batch.with_mask(pixels, &mask)? } else { batch };
        let batch =
            if carries(&Weight::Image) { batch.with_image_weights(&images)? } else { batch };
        loss.value(&batch)
    }
}

/// What a source sees of a class whose logarithm of the probability, or single logit, is x.
fn seen(activation: Activation, x: f64, classes: usize) -> f64 {
    let p = if classes == 1 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() };
    match activation {
        Activation::Probability | Activation::Normalize => p,
        Activation::LogProbability => p.ln(),
        Activation::Sigmoid if classes > 1 => x - (-p).ln_1p().max(-40.0),
        Activation::Sigmoid | Activation::Softmax | Activation::Identity => x,
    }
}

/// What the prediction is for the first source of a loss.
fn source(loss: &Loss) -> Activation {
    match loss.node() {
        Node::Element(element) => element.activation(),
        Node::Region { overlap, .. } => overlap.activation,
        node => node.children().next().map_or(Activation::Identity, source),
    }
}

/// The lengths of all lists per class, and the number of classes that is needed at least.
fn lists(loss: &Loss, lengths: &mut Vec<usize>, least: &mut usize) {
    let mut named = Vec::new();
    loss.weights_named(&mut named);
    lengths.extend(named.into_iter().filter_map(|weight| match weight {
        Weight::Class(list) | Weight::Target(list) => Some(list.len()),
        _ => None,
    }));
    sources(loss, lengths, least);
}

fn sources(loss: &Loss, lengths: &mut Vec<usize>, least: &mut usize) {
    let mut needs = |classes: &[usize]| {
        *least = classes.iter().map(|class| class + 1).fold(*least, usize::max);
    };
    match loss.node() {
        Node::Element(crate::element::Element::Bce(bce)) => {
            lengths.extend(bce.positive.as_ref().map(Vec::len).filter(|&length| length > 1));
        }
        Node::Select(_, classes) => needs(classes.named()),
        Node::Region { overlap, .. } => overlap.steps.iter().for_each(|step| {
            if let Before::Select(classes) = step {
                needs(classes.named());
            }
        }),
        _ => {}
    }
    loss.node().children().for_each(|child| sources(child, lengths, least));
}
