//! The crate's loss and batch of a case, and its gradient where the case says that it lies.

use lossfold::{
    Batch, Bce, ElementFormula, Float, Focal, Labels, Loss, RatioFormula, Sums, Weight, absolute,
    bce, cross_entropy, element, kl, overlap, predicted, squared,
};
use ndarray::{Array, ArrayD, ArrayViewD, ArrayViewMutD, Axis, Ix1, IxDyn, Slice};

use super::{
    Case, Chain, Container, Element, Formula, Head, Integer, Lies, Link, Logs, Region, Source,
    Target,
};

/// Huber's loss: quadratic near 0, then linear.
struct Huber;

impl ElementFormula for Huber {
    fn value(&self, prediction: f64, target: f64) -> f64 {
        let d = (prediction - target).abs();
        if d < 1.0 { d * d / 2.0 } else { d - 0.5 }
    }

    fn derivative(&self, prediction: f64, target: f64) -> f64 {
        (prediction - target).clamp(-1.0, 1.0)
    }
}

/// The share of what is wrong, a missed cell counting half: (FP + FN/2) / (TP + FP + FN + 1).
struct Missed;

impl RatioFormula for Missed {
    fn value(&self, sums: Sums) -> f64 {
        let Sums { true_positive, false_positive, false_negative } = sums;
        let under = true_positive + false_positive + false_negative + 1.0;
        (false_positive + false_negative / 2.0) / under
    }

    fn derivative(&self, sums: Sums) -> Sums {
        let Sums { true_positive, false_positive, false_negative } = sums;
        let under = true_positive + false_positive + false_negative + 1.0;
        let value = self.value(sums);
        Sums {
            true_positive: -value / under,
            false_positive: (1.0 - value) / under,
            false_negative: (0.5 - value) / under,
        }
    }
}

impl Source {
    fn loss(&self) -> Loss {
        let Element::Bce { logs, positive, smoothing, focal, alpha, negative } = &self.formula
        else {
            return match self.formula {
                Element::Kl => kl(self.activation),
                Element::Squared => squared(self.activation),
                Element::Absolute => absolute(self.activation),
                Element::Predicted => predicted(self.activation),
                _ => element("huber", self.activation, Huber),
            };
        };
        let mut options = Bce::new(self.activation);
        options = match *logs {
            Logs::Plain => options,
            Logs::Clip(clip) => options.clip(clip),
            Logs::Epsilon(epsilon) => options.epsilon(epsilon),
            Logs::Both(clip, epsilon) => options.clip(clip).epsilon(epsilon),
            Logs::Floor(floor) => options.log_floor(floor),
        };
        if let Some(weights) = positive {
            options = options.positive(weights.iter().copied());
        }
        if let Some(smoothing) = smoothing {
            options = options.smoothing(*smoothing);
        }
        if let Some(focus) = focal {
            let focal = Focal::new(focus.gamma).truth(focus.truth);
            options = options.focal(focus.threshold.map_or(focal, |r| focal.threshold(r)));
        }
        if let Some(alpha) = alpha {
            options = options.alpha(*alpha);
        }
        if *negative { bce(options) } else { cross_entropy(options) }
    }
}

impl Region {
    fn loss(&self) -> Loss {
        let terms = overlap(self.activation);
        let terms = self.clip.map_or(terms.clone(), |clip| terms.clip(clip));
        let terms = self.before.iter().fold(terms, |terms, link| match link {
            Link::Weigh(weight) => terms.weigh(weight.clone()),
            Link::Select(classes) => terms.select(classes.iter().copied()),
            Link::Without(classes) => terms.without(classes.iter().copied()),
            _ => terms,
        });
        let ratio = self.ratio.clone();
        let ratio = if self.carry { ratio.carry() } else { ratio };
        match self.formula {
            Formula::Dice => terms.dice(ratio),
            Formula::Jaccard => terms.jaccard(ratio),
            Formula::Tversky => terms.tversky(ratio),
            Formula::Lovasz => terms.lovasz(ratio),
            Formula::LovaszHinge => terms.lovasz_hinge(ratio),
            Formula::Own => terms.ratio("missed", ratio, Missed),
        }
    }
}

impl Chain {
    /// The crate's loss.
    pub fn loss(&self) -> Loss {
        let start = match &self.head {
            Head::Element(source) => source.loss(),
            Head::Overlap(region) => region.loss(),
            Head::Sum { terms, constant, .. } => {
                let terms = terms.iter().map(|(coefficient, term)| term.loss() * *coefficient);
                terms.reduce(|sum, term| sum + term).expect("a sum has a term") + *constant
            }
            Head::Quotient { over, under, constant, .. } => {
                over.loss() / (under.loss() + *constant)
            }
        };
        self.links.iter().fold(start, |loss, link| match link {
            Link::Step(step) => loss.reduce(step.clone().into()),
            Link::Scale(weight) => loss.scale(weight.clone()),
            Link::Weigh(weight) => loss.weigh(weight.clone()),
            Link::Map(map) => loss.map(*map),
            Link::Select(classes) => loss.select(classes.iter().copied()),
            Link::Without(classes) => loss.without(classes.iter().copied()),
        })
    }
}

/// The memory that holds an array, with `filler` in the places between.
pub fn memory<A: Clone>(array: &ArrayD<A>, lies: Lies, filler: A) -> ArrayD<A> {
    let mut memory = match lies {
        Lies::Straight => return array.clone(),
        Lies::Turned => array.t().as_standard_layout().into_owned(),
        Lies::Reversed => array.clone(),
        Lies::Wide => {
            let wide: Vec<usize> = array.shape().iter().map(|extent| 2 * extent).collect();
            Array::from_elem(IxDyn(&wide), filler)
        }
    };
    if lies != Lies::Turned {
        seen_mut(&mut memory, lies).assign(array);
    }
    memory
}

/// The array that memory holds.
pub fn seen<A>(memory: &ArrayD<A>, lies: Lies) -> ArrayViewD<'_, A> {
    let mut view = memory.view();
    match lies {
        Lies::Straight => {}
        Lies::Turned => view = view.reversed_axes(),
        Lies::Reversed => (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis))),
        Lies::Wide => {
            (0..view.ndim()).for_each(|axis| view.slice_axis_inplace(Axis(axis), every_other()));
        }
    }
    view
}

/// The same, to be written.
pub fn seen_mut<A>(memory: &mut ArrayD<A>, lies: Lies) -> ArrayViewMutD<'_, A> {
    let mut view = memory.view_mut();
    match lies {
        Lies::Straight => {}
        Lies::Turned => view = view.reversed_axes(),
        Lies::Reversed => (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis))),
        Lies::Wide => {
            (0..view.ndim()).for_each(|axis| view.slice_axis_inplace(Axis(axis), every_other()));
        }
    }
    view
}

fn every_other() -> Slice {
    Slice::new(0, None, 2)
}

/// Binds `$view` to an array in the memory and the element type that a container names.
macro_rules! contained {
    ($container:expr, $array:expr, $lies:expr, $view:ident => $body:expr) => {
        match $container {
            Container::F64 => {
                let memory = memory($array, $lies, f64::NAN);
                let $view = seen(&memory, $lies);
                $body
            }
            Container::F32 => {
                let memory = memory(&$array.mapv(f32::narrow), $lies, f32::NAN);
                let $view = seen(&memory, $lies);
                $body
            }
            Container::U8 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a case holds what a u8 holds"
                )]
                let memory = memory(&$array.mapv(|number| number as u8), $lies, 77);
                let $view = seen(&memory, $lies);
                $body
            }
            Container::Bool => {
                let memory = memory(&$array.mapv(|number| number == 1.0), $lies, true);
                let $view = seen(&memory, $lies);
                $body
            }
        }
    };
}

/// Looks at a batch with labels in the integer type that is named.
macro_rules! labelled {
    ($integer:expr, $labels:expr, $lies:expr, $view:ident => $body:expr,
     $($name:ident: $type:ty),*) => {
        match $integer {
            $(Integer::$name => {
                let number = |label: i64| <$type>::try_from(label).expect("a label that fits");
                let memory = memory(&$labels.mapv(number), $lies, <$type>::MAX);
                let $view = seen(&memory, $lies);
                $body
            })*
        }
    };
}

const FITS: &str = "the numbers of a case fit together";

impl Case {
    /// The crate's loss.
    pub fn loss(&self) -> Loss {
        self.chain.loss()
    }

    /// What `look` sees in the batch, whose prediction has the element type F.
    pub fn with_batch<F: Float, R>(&self, look: impl FnOnce(&Batch<'_, F, IxDyn>) -> R) -> R {
        let prediction = memory(&self.prediction.mapv(F::narrow), self.lies[0], F::nan());
        let prediction = seen(&prediction, self.lies[0]);
        match &self.target {
            Target::Dense(container, target) => {
                contained!(*container, target, self.lies[1], view => {
                    self.weighed(Batch::new(self.layout, prediction, view).expect(FITS), look)
                })
            }
            Target::Labels(integer, labels, ignored) => {
                labelled!(*integer, labels, self.lies[1], view => {
                    let labels = Labels::new(view);
                    let labels = ignored.map_or(labels.clone(), |ignored| labels.ignore(ignored));
                    self.weighed(Batch::new(self.layout, prediction, labels).expect(FITS), look)
                },
                U8: u8, U16: u16, U64: u64, Usize: usize, I8: i8, I16: i16, I32: i32, I64: i64)
            }
        }
    }

    /// Adds the weights that the loss names.
    fn weighed<F: Float, R>(
        &self,
        batch: Batch<'_, F, IxDyn>,
        look: impl FnOnce(&Batch<'_, F, IxDyn>) -> R,
    ) -> R {
        let named = self.chain.weights();
        let image = self.image.clone().into_dimensionality::<Ix1>().expect(FITS);
        let batch = if named.contains(&Weight::Image) {
            batch.with_image_weights(&image).expect(FITS)
        } else {
            batch
        };
        let (axes, container, map) = &self.map;
        if !named.contains(&Weight::Map) {
            return self.masked(batch, named.contains(&Weight::Mask), look);
        }
        contained!(*container, map, self.lies[2], view => {
            let batch = batch.with_map(*axes, view).expect(FITS);
            self.masked(batch, named.contains(&Weight::Mask), look)
        })
    }

    fn masked<F: Float, R>(
        &self,
        batch: Batch<'_, F, IxDyn>,
        named: bool,
        look: impl FnOnce(&Batch<'_, F, IxDyn>) -> R,
    ) -> R {
        if !named {
            return look(&batch);
        }
        let (axes, container, mask) = &self.mask;
        contained!(*container, mask, self.lies[3], view => {
            look(&batch.with_mask(*axes, view).expect(FITS))
        })
    }
}
