//! The crate's loss and batch of a case.

use lossfold::{
    Absent as AbsentRule, Activation, Aggregate, Axes, Axis, Batch, Bce, Empty, Float, Focal,
    IntoTarget, Labels, Layout, Loss, Over, Ratio as RatioStep, Reduction, SoftOverlap,
    Step as ReductionStep, Truth as TruthRule, Weight, absolute, bce, kl, overlap, predicted,
    squared,
};
use ndarray::{Array, Array1, Array3, ArrayD, Dimension, Ix3, IxDyn};

use super::{
    Absent, CLASS, Case, Container, Focus, Formula, IMAGE, Item, Kind, Named, Policy, Ratio, Set,
    Source, Squash, Start, Step, Target, Truth, place,
};

const AXES: [Axis; 3] = [Axis::Class, Axis::Pixel, Axis::Image];

/// The crate's set of axes.
pub fn axes(set: Set) -> Axes {
    (0..3).filter(|&axis| set[axis]).map(|axis| AXES[axis]).collect()
}

fn activation(squash: Squash) -> Activation {
    match squash {
        Squash::Identity => Activation::Identity,
        Squash::Probability => Activation::Probability,
        Squash::LogProbability => Activation::LogProbability,
        Squash::Sigmoid => Activation::Sigmoid,
        Squash::Softmax => Activation::Softmax,
    }
}

fn empty(policy: Policy) -> Empty {
    match policy {
        Policy::Skip => Empty::Skip,
        Policy::Zero => Empty::Zero,
        Policy::One => Empty::One,
        Policy::Nan => Empty::Nan,
        Policy::Error => Empty::Error,
    }
}

impl Named {
    /// The crate's weight, where there are `classes` classes.
    pub fn weight(&self, classes: usize) -> Weight {
        match self {
            Self::Class(list) => Weight::class(list[..classes].iter().copied()),
            Self::Target(list) => Weight::target(list[..classes].iter().copied()),
            Self::Image => Weight::Image,
            Self::Map => Weight::Map,
            Self::Mask => Weight::Mask,
        }
    }
}

impl Step {
    /// The crate's step, where there are `classes` classes.
    pub fn reduction(&self, classes: usize) -> Reduction {
        let aggregate = match self.kind {
            Kind::Sum => Aggregate::Sum,
            Kind::Mean => Aggregate::Mean,
            Kind::Max => Aggregate::Max,
            Kind::Min => Aggregate::Min,
            Kind::Power(p) => Aggregate::Power(p),
            Kind::LogMeanExp(t) => Aggregate::LogMeanExp(t),
            Kind::Quantile(q) => Aggregate::Quantile(q),
            Kind::TopEighths(eighths) => Aggregate::TopFraction(eighths as f64 / 8.0),
            Kind::TopK(k) => Aggregate::TopK(k),
        };
        let mut step = ReductionStep::new(aggregate, Over::Axes(axes(self.over)));
        step.carry = self.carry;
        step.empty = empty(self.policy);
        if !self.by.is_empty() {
            step.by = Some(self.by.iter().map(|named| named.weight(classes)).collect());
        }
        step.into()
    }
}

impl Ratio {
    fn step(&self) -> RatioStep {
        let mut step = RatioStep::over(Over::Axes(axes(self.over)))
            .smooth_numerator(self.smooth_numerator)
            .smooth_denominator(self.smooth_denominator)
            .floor(self.floor)
            .exponent(if self.squared { 2.0 } else { 1.0 })
            .soft(if self.distance { SoftOverlap::Distance } else { SoftOverlap::Product })
            .absent(match self.absent {
                Absent::Keep => AbsentRule::Keep,
                Absent::Skip => AbsentRule::Skip,
                Absent::Zero => AbsentRule::Zero,
            })
            .empty(empty(self.policy));
        if let Some(floor) = self.true_positive_floor {
            step = step.true_positive_floor(floor);
        }
        if let Some(floor) = self.score_floor {
            step = step.score_floor(floor);
        }
        if self.formula == Formula::Tversky {
            step = step.false_positive(self.wrong[0]).false_negative(self.wrong[1]);
        }
        if self.carry { step.carry() } else { step }
    }
}

impl Focus {
    /// The crate's options.
    fn on(&self, activation: Activation) -> Bce {
        let focal = Focal::new(self.gamma).truth(match self.truth {
            Truth::Mixed => TruthRule::Mixed,
            Truth::Terms => TruthRule::Terms,
            Truth::Loss => TruthRule::Loss,
            Truth::Logit => TruthRule::Logit,
        });
        let focal = self.threshold.map_or(focal, |threshold| focal.threshold(threshold));
        let options = Bce::new(activation).focal(focal);
        self.alpha.map_or(options.clone(), |alpha| options.alpha(alpha))
    }
}

impl Case {
    /// The crate's loss.
    pub fn loss(&self) -> Loss {
        let classes = self.extents[CLASS];
        let start = match &self.start {
            Start::Element(Source::Bce(squash)) => bce(activation(*squash)),
            Start::Element(Source::Focal(squash, focus)) => bce(focus.on(activation(*squash))),
            Start::Element(Source::Kl(squash)) => kl(activation(*squash)),
            Start::Element(Source::Squared(squash)) => squared(activation(*squash)),
            Start::Element(Source::Absolute(squash)) => absolute(activation(*squash)),
            Start::Element(Source::Predicted(squash)) => predicted(activation(*squash)),
            Start::Overlap(squash, before, ratio) => {
                let terms = overlap(activation(*squash));
                let terms = ratio.clip.map_or(terms.clone(), |clip| terms.clip(clip));
                let terms =
                    before.iter().fold(terms, |terms, named| terms.weigh(named.weight(classes)));
                match ratio.formula {
                    Formula::Dice => terms.dice(ratio.step()),
                    Formula::Jaccard => terms.jaccard(ratio.step()),
                    Formula::Tversky => terms.tversky(ratio.step()),
                    Formula::Lovasz if *squash == Squash::Identity => {
                        terms.lovasz_hinge(ratio.step())
                    }
                    Formula::Lovasz => terms.lovasz(ratio.step()),
                }
            }
        };
        self.items.iter().fold(start, |loss, item| match item {
            Item::Weigh(named) => loss.weigh(named.weight(classes)),
            Item::Scale(named) => loss.scale(named.weight(classes)),
            Item::Step(step) => loss.reduce(step.reduction(classes)),
        })
    }

    fn array<A>(&self, number: impl Fn(usize) -> A) -> Array3<A> {
        Array3::from_shape_fn(self.extents, |(class, pixel, image)| {
            number(place([class, pixel, image]))
        })
    }

    /// The prediction per class, pixel and image.
    pub fn predicted(&self) -> Array3<f64> {
        self.array(|place| self.prediction[place])
    }

    /// What `look` sees in the batch whose prediction is `prediction`.
    pub fn with_batch<F: Float, R>(
        &self,
        prediction: &Array3<F>,
        look: impl FnOnce(&Batch<'_, F, Ix3>) -> R,
    ) -> R {
        let carried = Carried {
            image: Array1::from_shape_fn(self.extents[IMAGE], |image| self.image[image]),
            map: self.per(self.map.0, |place| self.map.1[place]),
            mask: self.per(self.mask.0, |place| self.mask.1[place]),
        };
        match &self.target {
            Target::Dense(container, cells) => match container {
                Container::F64 => {
                    let target = self.array(|place| cells[place]);
                    look(&self.batch(prediction, &target, &carried))
                }
                Container::F32 => {
                    let target = self.array(|place| f32::narrow(cells[place]));
                    look(&self.batch(prediction, &target, &carried))
                }
                Container::U8 => {
                    let target = self.array(|place| u8::from(cells[place] == 1.0));
                    look(&self.batch(prediction, &target, &carried))
                }
                Container::Bool => {
                    let target = self.array(|place| cells[place] == 1.0);
                    look(&self.batch(prediction, &target, &carried))
                }
            },
            Target::Labels(labels, ignored) => {
                let numbers = self.per([false, true, true], |place| labels[place]);
                let labels = Labels::new(&numbers);
                let labels = ignored.map_or(labels.clone(), |ignored| labels.ignore(ignored));
                look(&self.batch(prediction, labels, &carried))
            }
        }
    }

    /// The batch with the weights that the loss names.
    fn batch<'a, F: Float>(
        &self,
        prediction: &'a Array3<F>,
        target: impl IntoTarget<'a>,
        carried: &'a Carried,
    ) -> Batch<'a, F, Ix3> {
        let fits = "the numbers of a case fit together";
        let layout = Layout::new(&AXES).expect("three axes are a layout");
        let mut batch = Batch::new(layout, prediction, target).expect(fits);
        if self.named().any(|named| *named == Named::Image) {
            batch = batch.with_image_weights(&carried.image).expect(fits);
        }
        if self.named().any(|named| *named == Named::Map) {
            batch = batch.with_map(axes(self.map.0), &carried.map).expect(fits);
        }
        if self.named().any(|named| *named == Named::Mask) {
            batch = batch.with_mask(axes(self.mask.0), &carried.mask).expect(fits);
        }
        batch
    }

    /// Numbers per cell of some axes.
    fn per<A>(&self, set: Set, number: impl Fn(usize) -> A) -> ArrayD<A> {
        let kept: Vec<usize> = (0..3).filter(|&axis| set[axis]).collect();
        let shape: Vec<usize> = kept.iter().map(|&axis| self.extents[axis]).collect();
        Array::from_shape_fn(IxDyn(&shape), |index| {
            let mut cell = [0; 3];
            kept.iter().zip(index.slice()).for_each(|(&axis, &at)| cell[axis] = at);
            number(place(cell))
        })
    }
}

/// The weights that a batch may carry.
struct Carried {
    image: Array1<f64>,
    map: ArrayD<f64>,
    mask: ArrayD<bool>,
}
