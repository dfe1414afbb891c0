//! The laws of the algebra: each holds on random fields and batches under its condition, and each
//! condition is needed, as a counter-example with its numbers shows.

use approx::relative_eq;
use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{
    Activation, Aggregate, Axes, Axis, Batch, Empty, Equivalence, ErrorKind, Extents, Field, Loss,
    Over, Overlap, Ratio, Reduction, Setting, Step, Weight, bce, logmeanexp, max, mean, min,
    overlap, power, quantile, squared, sum, top_fraction, top_k,
};
use ndarray::Array3;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

/// Many cases: each is cheap, and a law fails only where steps, options and weights come together.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: 8 * default.cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        max_global_rejects: 1_000_000,
        ..default
    }
}

// Fields: up to three cells along each axis, and up to three weights, each with axes of its own.
// Weights are small whole numbers, so that no order changes their products and totals.

/// The most cells along an axis.
const MOST: usize = 3;
const CELLS: usize = MOST * MOST * MOST;

fn at(numbers: &[f64], (class, pixel, image): (usize, usize, usize)) -> f64 {
    numbers[(class * MOST + pixel) * MOST + image]
}

fn axis_sets() -> impl Strategy<Value = Axes> {
    proptest::sample::subsequence(vec![Class, Pixel, Image], 1..=3)
        .prop_map(|axes| axes.into_iter().collect())
}

fn extents() -> impl Strategy<Value = Extents> {
    (1..=MOST, 1..=MOST, 1..=MOST).prop_map(|(class, pixel, image)| Extents { class, pixel, image })
}

/// Values of at least 0, some of them equal.
fn values() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![0.0..8.0, select(vec![0.0, 1.0, 2.0, 4.0])], CELLS)
}

/// The axes and the numbers of some weights, two in five of them 0.
type Weights = Vec<(Axes, Vec<f64>)>;

fn weights() -> impl Strategy<Value = Weights> {
    let number = select(vec![0.0, 0.0, 1.0, 2.0, 3.0]);
    vec((axis_sets(), vec(number, CELLS)), 0..=3)
}

#[derive(Clone, Debug)]
struct Drawn {
    extents: Extents,
    values: Vec<f64>,
    weights: Weights,
}

impl Drawn {
    fn field(&self) -> Field {
        self.field_of(&self.values)
    }

    /// The field with other values and the same weights.
    fn field_of(&self, values: &[f64]) -> Field {
        let field = Field::from_fn(self.extents, |c, p, i| at(values, (c, p, i)));
        self.weights.iter().fold(field, |field, (axes, numbers)| {
            field.weighed(*axes, |c, p, i| at(numbers, (c, p, i)))
        })
    }

    /// The same with no weight of 0.
    fn without_empty_groups(mut self) -> Self {
        for (_, numbers) in &mut self.weights {
            for number in numbers {
                *number += 1.0;
            }
        }
        self
    }

    fn axes_of_weights(&self) -> Vec<Axes> {
        self.weights.iter().map(|(axes, _)| *axes).collect()
    }

    fn setting(&self) -> Setting {
        self.axes_of_weights().into_iter().fold(Setting::new(self.extents), Setting::weight)
    }

    /// The static condition: no single weight has axes in both steps.
    fn apart(&self, first: Axes, second: Axes) -> bool {
        !self.weights.iter().any(|(axes, _)| axes.meets(first) && axes.meets(second))
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (extents(), values(), weights()).prop_map(|(extents, values, weights)| Drawn {
        extents,
        values,
        weights,
    })
}

/// Two sets of axes that have none in common.
fn two_steps() -> impl Strategy<Value = (Axes, Axes)> {
    // Each axis goes to the first step, to the second or to none.
    let pairs = (0..27).map(|number| {
        let places = [number % 3, number / 3 % 3, number / 9];
        [1, 2].map(|step| {
            let axes = Axis::ALL.into_iter().zip(places).filter(|&(_, place)| place == step);
            axes.map(|(axis, _)| axis).collect::<Axes>()
        })
    });
    let pairs = pairs.filter(|pair| pair.iter().all(|axes| !axes.is_empty()));
    select(pairs.map(|[first, second]| (first, second)).collect::<Vec<_>>())
}

fn close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || relative_eq!(a, b, max_relative = 1e-11, epsilon = 1e-11)
}

fn agree(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(&a, &b)| close(a, b))
}

/// The values and masses of a field; a value of mass 0 does not count.
fn counted(field: &Field) -> (Vec<f64>, Vec<f64>) {
    let masses: Vec<f64> = field.mass().iter().copied().collect();
    let count = |(&value, &mass): (&f64, &f64)| if mass == 0.0 { 0.0 } else { value };
    (field.values().iter().zip(&masses).map(count).collect(), masses)
}

/// Both orders make the same of the field, in value and in mass, or both refuse it.
fn same(field: &Field, first: &Reduction, second: &Reduction) -> Result<(), TestCaseError> {
    match (first.apply(field), second.apply(field)) {
        (Ok(one), Ok(other)) => {
            prop_assert_eq!(one.axes(), other.axes());
            let ((a, masses_of_a), (b, masses_of_b)) = (counted(&one), counted(&other));
            prop_assert!(
                agree(&a, &b) && agree(&masses_of_a, &masses_of_b),
                "{} gives {:?} by {:?}, {} gives {:?} by {:?}",
                first,
                a,
                masses_of_a,
                second,
                b,
                masses_of_b
            );
        }
        (one, other) => prop_assert!(
            one.is_err() && other.is_err(),
            "{} gives {:?}, {} gives {:?}",
            first,
            one,
            second,
            other
        ),
    }
    Ok(())
}

fn policies() -> impl Strategy<Value = Empty> {
    select(vec![Empty::Skip, Empty::Zero, Empty::One, Empty::Nan, Empty::Error])
}

fn take(aggregate: Aggregate, over: Axes) -> Reduction {
    Step::new(aggregate, over).into()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuse_sum_and_swap_sum(drawn in drawn(), (a, b) in two_steps()) {
        let field = drawn.field();
        same(&field, &sum(a).then(sum(b)), &sum(a.with(b)))?;
        same(&field, &sum(a).then(sum(b)), &sum(b).then(sum(a)))?;
    }

    #[test]
    fn fuse_mean_and_swap_mean(drawn in drawn(), (a, b) in two_steps(), policy in policies()) {
        prop_assume!(drawn.apart(a, b));
        let field = drawn.field();
        let mean = |axes| mean(axes).empty(policy);
        same(&field, &mean(a).then(mean(b)), &mean(a.with(b)))?;
        same(&field, &mean(a).then(mean(b)), &mean(b).then(mean(a)))?;
    }

    #[test]
    fn fuse_power_and_logmeanexp_of_the_same_number(
        drawn in drawn(),
        (a, b) in two_steps(),
        policy in policies(),
        number in select(vec![-2.0, -1.0, 0.5, 1.0, 3.0]),
    ) {
        prop_assume!(drawn.apart(a, b));
        let field = drawn.field();
        for aggregate in [Aggregate::Power(number), Aggregate::LogMeanExp(number)] {
            let step = |axes| take(aggregate, axes).empty(policy);
            same(&field, &step(a).then(step(b)), &step(a.with(b)))?;
            same(&field, &step(a).then(step(b)), &step(b).then(step(a)))?;
        }
    }

    #[test]
    fn carry_fuses_any_mean(
        drawn in drawn(),
        (a, b) in two_steps(),
        policy in policies(),
        number in select(vec![-2.0, -1.0, 0.5, 1.0, 3.0]),
    ) {
        let field = drawn.field();
        let aggregates =
            [Aggregate::Mean, Aggregate::Power(number), Aggregate::LogMeanExp(number)];
        for aggregate in aggregates {
            let step = |axes| take(aggregate, axes);
            let once = step(a.with(b)).empty(policy);
            same(&field, &step(a).carry().then(step(b).empty(policy)), &once)?;
        }
    }

    #[test]
    fn swap_mixed(drawn in drawn(), (a, b) in two_steps(), policy in policies()) {
        prop_assume!(drawn.apart(a, b));
        prop_assume!(matches!(policy, Empty::Skip | Empty::Zero));
        let mean = mean(a).empty(policy);
        same(&drawn.field(), &mean.clone().then(sum(b)), &sum(b).then(mean))?;
    }

    #[test]
    fn fuse_max_and_swap_max_and_min(drawn in drawn(), (a, b) in two_steps(), policy in policies()) {
        prop_assume!(policy == Empty::Skip || drawn.apart(a, b));
        let field = drawn.field();
        for aggregate in [Aggregate::Max, Aggregate::Min] {
            let step = |axes| take(aggregate, axes).empty(policy);
            same(&field, &step(a).then(step(b)), &step(a.with(b)))?;
            same(&field, &step(a).then(step(b)), &step(b).then(step(a)))?;
        }
    }

    #[test]
    fn a_joint_weight_of_equal_totals_lets_means_fuse_and_no_other_does(
        values in values(),
        (pixel, image) in (1..=MOST, 2..=MOST),
        weight in vec(select(vec![0.0, 0.0, 1.0, 2.0]), CELLS),
    ) {
        let extents = Extents { class: 1, pixel, image };
        let field = Field::from_fn(extents, |_, p, i| at(&values, (0, p, i)))
            .weighed([Pixel, Image], |_, p, i| at(&weight, (0, p, i)));
        let total = |i| (0..pixel).map(|p| at(&weight, (0, p, i))).sum::<f64>();
        let mut totals: Vec<f64> = (0..image).map(total).filter(|&total| total > 0.0).collect();
        totals.dedup();
        let (apart, fused) = (mean(Pixel).then(mean(Image)), mean([Pixel, Image]));
        if totals.len() <= 1 {
            same(&field, &apart, &fused)?;
        } else {
            let (apart, fused) = (apart.coefficients(&field)?, fused.coefficients(&field)?);
            prop_assert!(apart.iter().zip(&fused).any(|(&a, &b)| !close(a, b)));
        }
    }
}

// Orders: every aggregate with every option, over some or all of the axes.

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop_oneof![
        4 => select(vec![Aggregate::Sum, Aggregate::Mean, Aggregate::Max, Aggregate::Min]),
        1 => select(vec![-1.0, 0.5, 2.0]).prop_map(Aggregate::Power),
        1 => select(vec![-1.0, 0.5, 2.0]).prop_map(Aggregate::LogMeanExp),
        1 => select(vec![0.0, 0.25, 0.5, 1.0]).prop_map(Aggregate::Quantile),
        1 => select(vec![0.25, 0.5, 1.0]).prop_map(Aggregate::TopFraction),
        1 => (1_usize..4).prop_map(Aggregate::TopK),
    ]
}

/// A step over the axes, with those of the options that it may have.
fn option_of(aggregate: Aggregate, over: Axes, policy: Empty, carry: bool) -> Step {
    let mut step = Step::new(aggregate, over);
    let divides =
        matches!(aggregate, Aggregate::Mean | Aggregate::Power(_) | Aggregate::LogMeanExp(_));
    step.carry = carry && divides && matches!(policy, Empty::Skip | Empty::Error);
    step.empty = if aggregate == Aggregate::Sum { Empty::Skip } else { policy };
    step
}

/// Orders of up to three steps, whose axes are drawn by the number of the step, 0 for none. A step
/// has often the aggregate and the policy of the step before, since laws ask for that.
fn orders(
    aggregate: impl Strategy<Value = Aggregate>,
    policy: impl Strategy<Value = Empty>,
) -> impl Strategy<Value = Reduction> {
    let step = (aggregate, policy, any::<bool>(), proptest::bool::weighted(0.7));
    (vec(0..=3, 3), vec(step, 3)).prop_map(|(places, mut steps)| {
        for later in 1..steps.len() {
            let (aggregate, policy, ..) = steps[later - 1];
            if steps[later].3 {
                (steps[later].0, steps[later].1) = (aggregate, policy);
            }
        }
        let axes_of = |number| {
            let axes = Axis::ALL.into_iter().zip(&places).filter(move |&(_, &at)| at == number);
            axes.map(|(axis, _)| axis).collect::<Axes>()
        };
        let steps = (1..).map(axes_of).zip(steps).filter(|(axes, _)| !axes.is_empty());
        steps
            .map(|(axes, (aggregate, policy, carry, _))| option_of(aggregate, axes, policy, carry))
            .collect()
    })
}

fn any_order() -> impl Strategy<Value = Reduction> {
    prop_oneof![orders(aggregate(), policies()), linear_order()]
}

/// Orders of sums and means. A policy that makes 1 or NaN of nothing has no coefficients.
fn linear_order() -> impl Strategy<Value = Reduction> {
    let policy = select(vec![Empty::Skip, Empty::Zero, Empty::Error]);
    orders(select(vec![Aggregate::Sum, Aggregate::Mean]), policy)
}

/// Whether a step counts a group of which a step before skipped everything; see
/// `where_nothing_has_mass_a_fused_step_may_leave_nothing_or_a_0_to_count`.
fn counts_what_was_skipped(order: &Reduction) -> bool {
    let skips = |step: &Step| step.aggregate != Aggregate::Sum && step.empty == Empty::Skip;
    order.steps().iter().skip_while(|step| !skips(step)).any(|step| !skips(step))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_normal_form_makes_the_same_of_every_field(drawn in drawn(), order in any_order()) {
        let drawn =
            if counts_what_was_skipped(&order) { drawn.without_empty_groups() } else { drawn };
        let normal = order.normal_form(&drawn.axes_of_weights())?;
        same(&drawn.field(), &order, &normal)?;
    }

    #[test]
    fn the_normal_form_of_a_normal_form_is_itself(drawn in drawn(), order in any_order()) {
        let normal = order.normal_form(&drawn.axes_of_weights())?;
        prop_assert_eq!(normal.normal_form(&drawn.axes_of_weights())?, normal);
    }

    #[test]
    fn an_order_is_equivalent_to_its_normal_form(drawn in drawn(), order in any_order()) {
        let normal = order.normal_form(&drawn.axes_of_weights())?;
        prop_assert_eq!(order.equivalent(&normal, &drawn.setting())?, Equivalence::Same);
    }

    #[test]
    fn what_equivalent_answers_holds_on_every_field(
        drawn in drawn(),
        one in linear_order(),
        other in linear_order(),
    ) {
        prop_assume!(one.keeps() == other.keeps());
        // Groups without mass: the laws know them all, the trial fields show some.
        let normal = |order: &Reduction| order.normal_form(&drawn.axes_of_weights());
        let counts = counts_what_was_skipped(&one) || counts_what_was_skipped(&other);
        let by_law = normal(&one)? == normal(&other)?;
        let drawn = if by_law && !counts { drawn } else { drawn.without_empty_groups() };
        let back = other.equivalent(&one, &drawn.setting())?;
        let factor = match one.equivalent(&other, &drawn.setting())? {
            Equivalence::Same => {
                prop_assert_eq!(back, Equivalence::Same);
                1.0
            }
            Equivalence::Factor(factor) => {
                let Equivalence::Factor(back) = back else {
                    return Err(TestCaseError::fail("the factor has an inverse"));
                };
                let inverse = (back.denominator, back.numerator);
                prop_assert_eq!((factor.numerator, factor.denominator), inverse);
                prop_assert_ne!(factor.numerator, factor.denominator);
                factor.numerator as f64 / factor.denominator as f64
            }
            Equivalence::Different(_) => {
                prop_assert!(matches!(back, Equivalence::Different(_)));
                return Ok(());
            }
        };
        let field = drawn.field();
        match (one.apply(&field), other.apply(&field)) {
            (Ok(one), Ok(other)) => {
                let (values, others) = (counted(&one).0, counted(&other).0);
                let scaled: Vec<f64> = others.iter().map(|other| factor * other).collect();
                prop_assert!(agree(&values, &scaled), "{:?} is not {:?}", values, scaled);
            }
            (one, other) => prop_assert!(one.is_err() && other.is_err()),
        }
    }

    #[test]
    fn a_witness_reproduces_and_differs(
        drawn in drawn(),
        one in any_order(),
        other in any_order(),
    ) {
        let Equivalence::Different(witness) = one.equivalent(&other, &drawn.setting())? else {
            return Ok(());
        };
        let of = |order: &Reduction| order.apply(&witness.field);
        // As texts, so that NaN is NaN.
        let (first, second) = (format!("{:?}", witness.first), format!("{:?}", witness.second));
        prop_assert_eq!(format!("{:?}", of(&one)), first.clone());
        prop_assert_eq!(format!("{:?}", of(&other)), second.clone());
        prop_assert_ne!(first, second);
    }

    #[test]
    fn top_and_quantile_stay_where_they_stand(
        drawn in drawn(),
        (a, b) in two_steps(),
        fraction in 0.1..0.9,
    ) {
        for aggregate in [Aggregate::TopFraction(fraction), Aggregate::Quantile(fraction)] {
            let order = take(aggregate, a).then(take(aggregate, b));
            prop_assert_eq!(&order.normal_form(&drawn.axes_of_weights())?, &order);
            let mixed = take(aggregate, a).then(mean(b));
            prop_assert_eq!(&mixed.normal_form(&drawn.axes_of_weights())?, &mixed);
        }
    }

    #[test]
    fn a_linear_order_is_the_sum_of_coefficients_times_values(
        drawn in drawn(),
        others in values(),
        order in linear_order(),
    ) {
        let Ok(coefficients) = order.coefficients(&drawn.field()) else {
            prop_assert!(order.apply(&drawn.field()).is_err());
            return Ok(());
        };
        let field = drawn.field_of(&others);
        let result = order.apply(&field)?;
        let mut totals = Array3::<f64>::zeros(result.shape());
        let place = |axis, at| if result.axes().contains(axis) { at } else { 0 };
        for ((class, pixel, image), coefficient) in coefficients.indexed_iter() {
            totals[[place(Class, class), place(Pixel, pixel), place(Image, image)]] +=
                coefficient * field.at(class, pixel, image);
        }
        for (&total, &value) in totals.iter().zip(result.values()) {
            prop_assert!(close(total, value), "Σ coefficient · v = {}, apply = {}", total, value);
        }
    }

    #[test]
    fn then_is_a_monoid(a in any_order(), b in any_order(), c in any_order()) {
        let keep = Reduction::Keep;
        prop_assert_eq!(&keep.clone().then(a.clone()), &a);
        prop_assert_eq!(&a.clone().then(keep), &a);
        let left = a.clone().then(b.clone()).then(c.clone());
        prop_assert_eq!(left, a.then(b.then(c)));
    }

    #[test]
    fn then_is_one_after_the_other(drawn in drawn(), a in any_order(), b in any_order()) {
        let field = drawn.field();
        let joined = a.clone().then(b.clone());
        prop_assume!(joined.check().is_ok());
        let (Ok(after), Ok(joined)) = (a.apply(&field), joined.apply(&field)) else {
            return Ok(());
        };
        let ((one, masses), (other, others)) = (counted(&b.apply(&after)?), counted(&joined));
        prop_assert!(agree(&one, &other) && agree(&masses, &others));
    }
}

// Batches: laws in which sources, weights, ratios and sums have a part.

#[derive(Clone, Debug)]
struct DrawnBatch {
    extents: Extents,
    prediction: Vec<f64>,
    target: Vec<f64>,
    map: (Axes, Vec<f64>),
    mask: (Axes, Vec<f64>),
}

fn drawn_batch() -> impl Strategy<Value = DrawnBatch> {
    let bits = || vec(select(vec![0.0, 1.0]), CELLS);
    let map = (axis_sets(), vec(select(vec![0.0, 1.0, 2.0, 3.0]), CELLS));
    (extents(), vec(0.05..0.95, CELLS), bits(), map, (axis_sets(), bits())).prop_map(
        |(extents, prediction, target, map, mask)| DrawnBatch {
            extents,
            prediction,
            target,
            map,
            mask,
        },
    )
}

impl DrawnBatch {
    /// An array of some of the axes in the order image, pixel, class.
    fn array(&self, axes: Axes, numbers: &[f64]) -> ndarray::ArrayD<f64> {
        let kept: Vec<Axis> =
            [Image, Pixel, Class].into_iter().filter(|&axis| axes.contains(axis)).collect();
        let shape: Vec<usize> = kept.iter().map(|&axis| self.extents.of(axis)).collect();
        ndarray::ArrayD::from_shape_fn(shape, |index| {
            let place =
                |axis| kept.iter().position(|&known| known == axis).map_or(0, |at| index[at]);
            at(numbers, (place(Class), place(Pixel), place(Image)))
        })
    }

    /// The values of a loss and their masses. The batch carries the map and the mask that it names.
    fn values(&self, loss: &Loss) -> lossfold::Result<(Vec<f64>, Vec<f64>)> {
        let prediction = self.array(Axes::ALL, &self.prediction);
        let target = self.array(Axes::ALL, &self.target);
        let map = self.array(self.map.0, &self.map.1);
        let mask = self.array(self.mask.0, &self.mask.1);
        let mut batch = Batch::new("NLC".parse()?, &prediction, &target)?;
        if loss.to_string().contains("(map)") {
            batch = batch.with_map(self.map.0, &map)?;
        }
        if loss.to_string().contains("(mask)") {
            batch = batch.with_mask(self.mask.0, &mask)?;
        }
        let values = loss.values(&batch)?;
        let plain = |cells: ndarray::ArrayD<f64>| cells.into_iter().collect();
        Ok((plain(values.values), plain(values.mass)))
    }

    fn same(&self, first: &Loss, second: &Loss) -> Result<(), TestCaseError> {
        match (self.values(first), self.values(second)) {
            (Ok((a, masses_of_a)), Ok((b, masses_of_b))) => {
                prop_assert!(
                    agree(&a, &b) && agree(&masses_of_a, &masses_of_b),
                    "{} gives {:?} by {:?}, {} gives {:?} by {:?}",
                    first,
                    a,
                    masses_of_a,
                    second,
                    b,
                    masses_of_b
                );
            }
            (one, other) => prop_assert!(
                one.is_err() && other.is_err(),
                "{} gives {:?}, {} gives {:?}",
                first,
                one,
                second,
                other
            ),
        }
        Ok(())
    }
}

/// Sources with a value of at least 0 in every cell, some of them masked.
fn source() -> impl Strategy<Value = Loss> {
    let sources = select(vec![
        bce(Activation::Probability),
        squared(Activation::Probability),
        1.0 - squared(Activation::Probability),
    ]);
    (sources, any::<bool>())
        .prop_map(|(loss, masked)| if masked { loss.weigh(Weight::Mask) } else { loss })
}

/// A source, a step behind it and whether a weight per class or the map passes that step.
#[derive(Clone, Debug)]
struct Hoist {
    source: Loss,
    step: Step,
    by_class: bool,
}

fn hoist() -> impl Strategy<Value = Hoist> {
    let policy = select(vec![Empty::Skip, Empty::Zero, Empty::One, Empty::Nan]);
    let step = (aggregate(), axis_sets(), policy, any::<bool>())
        .prop_map(|(aggregate, over, policy, carry)| option_of(aggregate, over, policy, carry));
    (source(), step, any::<bool>()).prop_map(|(source, step, by_class)| Hoist {
        source,
        step,
        by_class,
    })
}

impl Hoist {
    /// The weight that passes the step, if it lacks the axes of the step.
    fn weight(&self, batch: &DrawnBatch) -> Option<Weight> {
        let per_class = || Weight::class([0, 2, 5].into_iter().take(batch.extents.class));
        let (weight, axes) =
            if self.by_class { (per_class(), Class.into()) } else { (Weight::Map, batch.map.0) };
        matches!(self.step.over, Over::Axes(over) if !over.meets(axes)).then_some(weight)
    }
}

fn overlaps(masked: bool) -> Overlap {
    let terms = overlap(Activation::Probability);
    if masked { terms.weigh(Weight::Mask) } else { terms }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hoist_weigh(batch in drawn_batch(), case in hoist()) {
        let Some(weight) = case.weight(&batch) else { return Ok(()) };
        let Hoist { source, step, .. } = case;
        let before = source.clone().weigh(weight.clone()).reduce(step.clone().into());
        let after = source.reduce(step.into()).weigh(weight);
        batch.same(&before, &after)?;
        batch.same(&before.reduce(mean(Over::All)), &after.reduce(mean(Over::All)))?;
    }

    #[test]
    fn hoist_scale(batch in drawn_batch(), case in hoist()) {
        let Some(weight) = case.weight(&batch) else { return Ok(()) };
        let Hoist { source, step, .. } = case;
        // What scales with its values: not logmeanexp, and neither 1 nor NaN for a group without mass.
        prop_assume!(!matches!(step.aggregate, Aggregate::LogMeanExp(_)));
        prop_assume!(!matches!(step.empty, Empty::One | Empty::Nan));
        let before = source.clone().scale(weight.clone()).reduce(step.clone().into());
        let after = source.reduce(step.into()).scale(weight);
        batch.same(&before, &after)?;
        batch.same(&before.reduce(mean(Over::All)), &after.reduce(mean(Over::All)))?;
    }

    #[test]
    fn weigh_is_scale_before_a_sum_over_an_axis_of_the_weight(
        batch in drawn_batch(),
        source in source(),
        over in axis_sets(),
    ) {
        let weight = Weight::Map;
        prop_assume!(over.meets(batch.map.0));
        let weighed = source.clone().weigh(weight.clone()).reduce(sum(over));
        batch.same(&weighed, &source.scale(weight).reduce(sum(over)))?;
    }

    #[test]
    fn select_is_a_weight_of_0_and_1_per_class(
        batch in drawn_batch(),
        source in source(),
        kept in vec(any::<bool>(), MOST),
        order in any_order(),
    ) {
        // An error names a group of a class that is not there, too.
        prop_assume!(order.steps().iter().all(|step| step.empty != Empty::Error));
        prop_assume!(order.removes().contains(Class));
        let kept = &kept[..batch.extents.class];
        prop_assume!(kept.contains(&true));
        let classes = (0..kept.len()).filter(|&class| kept[class]);
        let selected = source.clone().select(classes).reduce(order.clone());
        let weighed = source.weigh(Weight::class(kept.iter().map(|&kept| f64::from(kept))));
        batch.same(&selected, &weighed.reduce(order))?;
    }

    #[test]
    fn a_ratio_that_carries_its_denominator_is_no_barrier(
        batch in drawn_batch(),
        masked in any::<bool>(),
        (inside, outside) in two_steps(),
        (false_positive, false_negative, exponent) in prop_oneof![
            (0.0..2.0, 0.0..2.0, Just(1.0)),
            Just((1.0, 1.0, 2.0)),
        ],
    ) {
        let formulas: [fn(Overlap, Ratio) -> Loss; 3] =
            [|o, r| o.dice(r), |o, r| o.jaccard(r), |o, r| o.tversky(r)];
        for formula in formulas {
            let ratio = |over: Axes| {
                Ratio::over(over)
                    .false_positive(false_positive)
                    .false_negative(false_negative)
                    .exponent(exponent)
            };
            let apart = formula(overlaps(masked), ratio(inside).carry()).reduce(mean(outside));
            batch.same(&apart, &formula(overlaps(masked), ratio(inside.with(outside))))?;
        }
    }

    #[test]
    fn linear_blend(
        batch in drawn_batch(),
        order in linear_order(),
        (a, b) in (-3.0..3.0_f64, -3.0..3.0_f64),
        masked in any::<bool>(),
    ) {
        let terms = |masked: bool| {
            [bce(Activation::Probability), squared(Activation::Probability)]
                .map(|term| if masked { term.weigh(Weight::Mask) } else { term })
        };
        let [one, other] = terms(masked);
        let blended = (a * one.clone() + b * other.clone()).reduce(order.clone());
        let apart = a * one.reduce(order.clone()) + b * other.reduce(order.clone());
        batch.same(&blended, &apart)?;
        if masked {
            let [one, other] = terms(false);
            let sum = (a * one + b * other).weigh(Weight::Mask).reduce(order);
            batch.same(&blended, &sum)?;
        }
    }
}

// The counter-examples: what a condition is for.

/// A field of one class; rows are images, columns are pixels.
fn images<const I: usize, const P: usize>(rows: [[f64; P]; I]) -> Field {
    Field::from_fn(Extents { class: 1, pixel: P, image: I }, |_, p, i| rows[i][p])
}

/// A field of one image; rows are classes, columns are pixels.
fn classes<const C: usize, const P: usize>(rows: [[f64; P]; C]) -> Field {
    Field::from_fn(Extents { class: C, pixel: P, image: 1 }, |c, p, _| rows[c][p])
}

#[track_caller]
fn gives(field: &Field, order: &Reduction, expected: f64) {
    let value = order.apply(field).unwrap().scalar().unwrap();
    assert!(close(value, expected), "{order} gives {value}, expected {expected}");
}

/// The value on one image; rows are classes, columns are pixels.
#[track_caller]
fn costs<const C: usize, const P: usize>(
    loss: &str,
    prediction: [[f64; P]; C],
    target: [[f64; P]; C],
    expected: f64,
) {
    let (prediction, target) = (ndarray::arr2(&prediction), ndarray::arr2(&target));
    let batch = Batch::new("class pixel".parse().unwrap(), &prediction, &target).unwrap();
    let value = loss.parse::<Loss>().unwrap().value(&batch).unwrap();
    assert!(close(value, expected), "{loss} is {value}, expected {expected}");
}

fn keep(order: Reduction) -> Reduction {
    order.then(mean(Over::All))
}

#[test]
fn a_joint_mask_keeps_means_from_fusing_and_swapping() {
    let mask = [[1.0, 0.0], [1.0, 1.0]];
    let field = images([[6.0, 0.0], [0.0, 0.0]]).weighed([Pixel, Image], |_, p, i| mask[i][p]);
    gives(&field, &keep(mean(Pixel).then(mean(Image))), 3.0); // (6 + 0) / 2
    gives(&field, &keep(mean(Image).then(mean(Pixel))), 1.5); // (3 + 0) / 2
    gives(&field, &keep(mean([Pixel, Image])), 2.0); // 6 / 3
}

#[test]
fn a_weight_per_class_lets_means_over_class_and_pixel_fuse_and_swap() {
    let field = classes([[1.0, 3.0], [5.0, 9.0]]).weighed(Class, |c, _, _| [1.0, 2.0][c]);
    for order in
        [mean(Pixel).then(mean(Class)), mean([Class, Pixel]), mean(Class).then(mean(Pixel))]
    {
        gives(&field, &order.then(mean(Image)), 16.0 / 3.0);
    }
}

#[test]
fn masks_of_equal_totals_fuse_numerically() {
    let mask = [[1.0, 0.0], [0.0, 1.0]];
    let field = images([[6.0, 0.0], [0.0, 2.0]]).weighed([Pixel, Image], |_, p, i| mask[i][p]);
    gives(&field, &keep(mean(Pixel).then(mean(Image))), 4.0);
    gives(&field, &keep(mean([Pixel, Image])), 4.0);
}

#[test]
fn carry_counts_cells_under_a_joint_mask_and_a_sum_has_nothing_to_carry() {
    let mask = [[1.0, 0.0], [1.0, 1.0]];
    let field = images([[6.0, 0.0], [0.0, 0.0]]).weighed([Pixel, Image], |_, p, i| mask[i][p]);
    gives(&field, &keep(mean(Pixel).carry().then(mean(Image))), 2.0); // (1 · 6 + 2 · 0) / 3
    gives(&field, &keep(mean(Image).carry().then(mean(Pixel))), 2.0); // (2 · 3 + 1 · 0) / 3
    assert_eq!(sum(Pixel).carry().check().unwrap_err().kind(), ErrorKind::Order);
}

#[test]
fn a_mean_and_a_sum_do_not_swap_where_valid_pixels_differ_per_class() {
    let mask = [[1.0, 0.0], [1.0, 1.0]];
    let field = classes([[6.0, 0.0], [2.0, 4.0]]).weighed([Class, Pixel], |c, p, _| mask[c][p]);
    gives(&field, &keep(mean(Pixel).then(sum(Class))), 9.0); // 6 + 3
    gives(&field, &keep(sum(Class).then(mean(Pixel))), 6.0); // (8 + 4) / 2
}

#[test]
fn a_mean_that_makes_one_of_nothing_does_not_swap_with_a_sum() {
    let field = classes([[6.0, 0.0], [2.0, 4.0]]).weighed(Pixel, |_, _, _| 0.0);
    let mean = mean(Pixel).empty(Empty::One);
    gives(&field, &keep(mean.clone().then(sum(Class))), 2.0);
    gives(&field, &keep(sum(Class).then(mean)), 1.0);
}

#[test]
fn max_and_mean_do_not_swap() {
    let field = classes([[1.0, 5.0], [3.0, 1.0]]);
    gives(&field, &keep(max(Class).then(mean(Pixel))), 4.0); // (3 + 5) / 2
    gives(&field, &keep(mean(Pixel).then(max(Class))), 3.0);
    gives(&field, &keep(min(Class).then(mean(Pixel))), 1.0);
    gives(&field, &keep(mean(Pixel).then(min(Class))), 2.0);
}

#[test]
fn powers_of_another_number_and_means_do_not_swap_with_a_power() {
    let field = classes([[1.0, 7.0], [5.0, 1.0]]);
    gives(&field, &keep(power(Pixel, 2.0).then(mean(Class))), f64::midpoint(5.0, 13_f64.sqrt()));
    gives(&field, &keep(mean(Class).then(power(Pixel, 2.0))), 12.5_f64.sqrt()); // 3, 4
    gives(
        &field,
        &keep(power(Pixel, 2.0).then(power(Class, 1.0))),
        f64::midpoint(5.0, 13_f64.sqrt()),
    );
    gives(&field, &keep(power([Class, Pixel], 2.0)), 19_f64.sqrt());
}

#[test]
fn logmeanexp_of_another_number_does_not_fuse() {
    let ln = f64::ln;
    let field = classes([[ln(2.0), ln(4.0)], [ln(5.0), ln(13.0)]]);
    gives(&field, &keep(logmeanexp(Pixel, 1.0).then(logmeanexp(Class, 1.0))), ln(6.0)); // 3, 9
    gives(&field, &keep(logmeanexp(Pixel, 1.0).then(logmeanexp(Class, 2.0))), ln(45.0) / 2.0);
    gives(&field, &keep(logmeanexp(Pixel, 1.0).then(mean(Class))), ln(27.0) / 2.0);
}

#[test]
fn top_and_quantile_neither_fuse_nor_swap() {
    let field = classes([[8.0, 0.0], [6.0, 4.0]]);
    gives(&field, &keep(top_fraction(Pixel, 0.5).then(top_fraction(Class, 0.5))), 8.0);
    gives(&field, &keep(top_fraction([Class, Pixel], 0.5)), 7.0);
    gives(&field, &keep(top_k(Pixel, 1).then(mean(Class))), 7.0);
    gives(&field, &keep(mean(Class).then(top_k(Pixel, 1))), 7.0); // 7, 2
    gives(&field, &keep(top_k(Class, 1).then(mean(Pixel))), 6.0); // 8, 4
    let median = |over: Axes| quantile(over, 0.5);
    gives(&field, &keep(median(Pixel.into()).then(median(Class.into()))), 0.0);
    gives(&field, &keep(median(Class.into()).then(median(Pixel.into()))), 0.0); // 6, 0
    gives(&field, &keep(median([Class, Pixel].into())), 4.0);
    gives(&field, &keep(max(Pixel).then(median(Class.into()))), 6.0);
    gives(&field, &keep(median(Class.into()).then(max(Pixel))), 6.0);
    gives(&field, &keep(mean(Pixel).then(median(Class.into()))), 4.0);
    gives(&field, &keep(median(Class.into()).then(mean(Pixel))), 3.0);
}

#[test]
fn a_scale_does_not_pass_a_logmeanexp() {
    // A field cannot be scaled, so a batch is: absolute errors 1 and 3 of two pixels, classes 1 and 2.
    let (prediction, target) = ([[1.0, 3.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]);
    let soft = |a: f64, b: f64| f64::midpoint(a.exp(), b.exp()).ln();
    costs(
        "absolute(identity) > scale(class=[1, 2]) > logmeanexp(pixel; t=1) > sum(class, image)",
        prediction,
        target,
        soft(1.0, 3.0) + soft(2.0, 6.0),
    );
    costs(
        "absolute(identity) > logmeanexp(pixel; t=1) > scale(class=[1, 2]) > sum(class, image)",
        prediction,
        target,
        soft(1.0, 3.0) + 2.0 * soft(1.0, 3.0),
    );
}

#[test]
fn a_weight_is_no_scale_before_a_mean() {
    let (prediction, target) = ([[1.0], [4.0]], [[0.0], [0.0]]);
    let [weighed, scaled] = ["weigh", "scale"]
        .map(|word| format!("absolute(identity) > {word}(class=[1, 2]) > mean(all)"));
    costs(&weighed, prediction, target, 3.0); // (1 + 8) / 3
    costs(&scaled, prediction, target, 4.5); // (1 + 8) / 2
}

#[test]
fn select_is_no_mask_for_a_sum_that_counts_an_absent_class() {
    let (prediction, target) =
        (ndarray::arr2(&[[1.0, 3.0], [5.0, 7.0]]), ndarray::arr2(&[[0.0; 2]; 2]));
    let second_class = ndarray::arr2(&[[0.0, 0.0], [1.0, 1.0]]);
    let batch = Batch::new("class pixel".parse().unwrap(), &prediction, &target).unwrap();
    let order = "sum(pixel) > mean(class, image)";
    let selected: Loss = format!("absolute(identity) > select([1]) > {order}").parse().unwrap();
    assert_eq!(selected.value(&batch).unwrap(), 12.0);
    let masked: Loss = format!("absolute(identity) > weigh(mask) > {order}").parse().unwrap();
    let batch = batch.with_mask([Class, Pixel], &second_class).unwrap();
    assert_eq!(masked.value(&batch).unwrap(), 6.0); // (0 + 12) / 2
}

#[test]
fn batch_dice_is_not_the_mean_of_image_dice() {
    // The second image is empty, and a little is predicted there.
    let prediction = ndarray::arr2(&[[1.0, 0.0], [0.5, 0.0]]);
    let target = ndarray::arr2(&[[1.0, 0.0], [0.0, 0.0]]);
    let batch = Batch::new("image pixel".parse().unwrap(), &prediction, &target).unwrap();
    let value = |text: &str| {
        let loss: Loss = format!("overlap(probability) > {text} > mean(all)").parse().unwrap();
        loss.value(&batch).unwrap()
    };
    assert_eq!(value("dice(pixel)"), 0.5); // (0 + 1) / 2
    assert!(close(value("dice(pixel, image)"), 0.2)); // 1 - 2 / (1.5 + 1)
    assert!(close(value("dice(pixel; carry)"), 0.2)); // (2 · 0 + 0.5 · 1) / 2.5
    assert!(close(value("dice(pixel; smooth=1, carry)"), 1.0 / 9.0)); // (3 · 0 + 1.5 · 1/3) / 4.5
    assert!(close(value("dice(pixel, image; smooth=1)"), 1.0 / 7.0)); // 1 - 3 / 3.5
    assert!(close(value("dice(pixel; floor=1, carry)"), 1.0 / 3.0)); // (2 · 0 + 1 · 1) / 3
}

#[test]
fn a_maximum_does_not_blend() {
    // Absolute errors 1 and 3, squared errors 1 and 9.
    let (prediction, target) = ([[1.0, 3.0]], [[0.0, 0.0]]);
    let blend = "(absolute(identity) - squared(identity)) > max(pixel) > mean(class, image)";
    costs(blend, prediction, target, 0.0); // max(0, -6)
    let apart = "(absolute(identity) > max(pixel) > mean(class, image)) \
                 - (squared(identity) > max(pixel) > mean(class, image))";
    costs(apart, prediction, target, -6.0); // 3 - 9
}

#[test]
fn a_term_without_the_weight_does_not_blend() {
    let (prediction, target) = ([[1.0], [3.0]], [[0.0], [0.0]]);
    let blend = "(absolute(identity) + squared(identity)) > weigh(class=[1, 3]) > mean(all)";
    costs(blend, prediction, target, 9.5); // (2 + 3 · 12) / 4
    let apart = "(absolute(identity) > weigh(class=[1, 3]) > mean(all)) \
                 + (squared(identity) > mean(all))";
    costs(apart, prediction, target, 7.5); // (1 + 3 · 3) / 4 + (1 + 9) / 2
}

#[test]
fn a_constant_does_not_blend_under_a_sum() {
    let (prediction, target) = ([[1.0], [3.0]], [[0.0], [0.0]]);
    costs("(absolute(identity) + 1) > sum(all)", prediction, target, 6.0); // 2 + 4
    costs("(absolute(identity) > sum(all)) + 1", prediction, target, 5.0);
    costs("(absolute(identity) + 1) > mean(all)", prediction, target, 3.0);
    costs("(absolute(identity) > mean(all)) + 1", prediction, target, 3.0);
}

#[test]
fn skip_leaves_a_joint_weight_behind() {
    // Class 1 of image 0 is masked altogether. Its means per class and image are 6 and none, 0 and 0.
    let field = Field::from_fn(Extents { class: 2, pixel: 2, image: 2 }, |c, _, i| {
        if (c, i) == (0, 0) { 6.0 } else { 0.0 }
    })
    .weighed(Axes::ALL, |c, _, i| if (c, i) == (1, 0) { 0.0 } else { 1.0 });
    gives(&field, &mean(Pixel).then(mean(Class)).then(mean(Image)), 3.0); // (6 + 0) / 2
    gives(&field, &mean(Pixel).then(mean(Image)).then(mean(Class)), 1.5); // (3 + 0) / 2
    gives(&field, &mean(Pixel).then(mean([Class, Image])), 2.0); // 6 / 3
    let zero = || mean(Pixel).empty(Empty::Zero);
    gives(&field, &zero().then(mean(Class)).then(mean(Image)), 1.5); // all four means count
    gives(&field, &zero().then(mean(Image)).then(mean(Class)), 1.5);
    gives(&field, &zero().then(mean([Class, Image])), 1.5);
    // So the axes of the weight stay joint in the normal form.
    let order = mean(Pixel).then(mean(Class)).then(mean(Image));
    assert_eq!(order.normal_form(&[Axes::ALL]).unwrap(), order);
    assert_eq!(order.normal_form(&[]).unwrap(), mean([Class, Pixel, Image]));
}

#[test]
fn a_sum_is_the_number_of_cells_times_a_mean() {
    let extents = Extents { class: 6, pixel: 10, image: 4 };
    let of = |one: &Reduction, other: &Reduction| match one
        .equivalent(other, &Setting::new(extents))
        .unwrap()
    {
        Equivalence::Factor(factor) => factor.to_string(),
        other => format!("{other:?}"),
    };
    let all = mean(Over::All);
    assert_eq!(of(&sum(Over::All), &all), "240");
    assert_eq!(of(&all, &sum(Over::All)), "1/240");
    assert_eq!(of(&sum([Class, Pixel]).then(mean(Image)), &all), "60");
    assert_eq!(
        of(&sum(Class).then(mean([Pixel, Image])), &sum(Image).then(mean([Class, Pixel]))),
        "3/2"
    );
    assert_eq!(
        of(&sum(Class).then(max([Pixel, Image])), &mean(Class).then(max([Pixel, Image]))),
        "6"
    );
    let soft = |first: Reduction| first.then(logmeanexp([Pixel, Image], 1.0));
    let plain = Setting::new(extents);
    let answer = soft(sum(Class)).equivalent(&soft(mean(Class)), &plain).unwrap();
    assert!(matches!(answer, Equivalence::Different(_)));
    let weighed = plain.weight(Class);
    let answer = sum(Over::All).equivalent(&all, &weighed).unwrap();
    assert!(matches!(answer, Equivalence::Different(_)));
}

#[test]
fn a_later_weight_of_0_does_not_bring_back_a_masked_class() {
    // Class 1 is masked altogether, class 0 weighs 0: nothing is left.
    let (prediction, target) = (ndarray::arr2(&[[1.0], [4.0]]), ndarray::arr2(&[[0.0], [0.0]]));
    let batch = Batch::new("class pixel".parse().unwrap(), &prediction, &target).unwrap();
    let nothing = ndarray::arr1(&[0.0]);
    let batch = batch.with_mask(Pixel, &nothing).unwrap();
    let loss = "absolute(identity) > weigh(mask) > mean(pixel) > weigh(class=[0, 2]) > mean(all)";
    let error = loss.parse::<Loss>().unwrap().value(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Empty);
}

#[test]
fn a_later_scale_by_0_leaves_the_carried_mass() {
    let (prediction, target) = ([[1.0], [4.0]], [[0.0], [0.0]]);
    let scaled = "absolute(identity) > mean(pixel; carry) > scale(class=[0, 1]) > mean(all)";
    costs(scaled, prediction, target, 2.0); // (0 + 4) / 2
}

#[test]
fn orders_that_differ_on_a_masked_image_are_different() {
    let setting = Setting::new(Extents { class: 2, pixel: 100, image: 4 });
    let different = |one: Reduction, other: Reduction, setting: &Setting| {
        matches!(one.equivalent(&other, setting).unwrap(), Equivalence::Different(_))
    };
    let per_image = |policy| mean([Class, Pixel]).empty(policy).then(mean(Image));
    let masked = setting.clone().weight([Pixel, Image]);
    assert!(different(per_image(Empty::Skip), per_image(Empty::Zero), &masked));
    // What skip leaves is joint in class and image.
    let masked = setting.weight(Axes::ALL);
    let (class_first, image_first) = (
        mean(Pixel).then(mean(Class)).then(mean(Image)),
        mean(Pixel).then(mean(Image)).then(mean(Class)),
    );
    assert!(different(class_first, image_first, &masked));
}

#[test]
fn a_policy_of_one_does_not_scale() {
    let setting = Setting::new(Extents { class: 3, pixel: 2, image: 2 }).weight([Pixel, Image]);
    let rest = || mean(Pixel).empty(Empty::One).then(mean(Image));
    let answer = sum(Class).then(rest()).equivalent(&mean(Class).then(rest()), &setting).unwrap();
    assert!(matches!(answer, Equivalence::Different(_)), "{answer:?}");
}

#[test]
fn a_sum_of_nothing_keeps_a_nan_out() {
    // Both weights of class 0 are 0: sum(image) of the NaNs of mean(pixel) reads none of them.
    let weights = [Axes::from([Class, Pixel]), Axes::from([Class, Image])];
    let of_class = |c: usize, _: usize, _: usize| [0.0, 1.0][c];
    let field = Field::from_fn(Extents { class: 2, pixel: 1, image: 1 }, |_, _, _| 1.0)
        .weighed(weights[0], of_class)
        .weighed(weights[1], of_class);
    let order = sum(Image).then(mean(Pixel).empty(Empty::Nan));
    let normal = order.normal_form(&weights).unwrap();
    let text = |order: &Reduction| format!("{:?}", order.apply(&field).unwrap().values());
    assert_eq!(text(&order), text(&normal), "{order} and {normal}");
}

#[test]
fn where_nothing_has_mass_a_fused_step_may_leave_nothing_or_a_0_to_count() {
    let field = Field::from_fn(Extents { class: 1, pixel: 1, image: 1 }, |_, _, _| 1.0);
    let (pixel, joint) = (Axes::from(Pixel), Axes::from([Class, Image]));
    let carried = field.clone().weighed(pixel, |_, _, _| 0.0);
    let masked = carried.clone().weighed(joint, |_, _, _| 1.0);
    let mass = |field: &Field, order: Reduction| order.apply(field).unwrap().mass()[[0, 0, 0]];
    // The carried divisor is per class and image, the mask per pixel: a sum over image consumes one.
    let rest = || mean(Class).then(sum(Image));
    assert_eq!(mass(&carried, mean(Pixel).carry().then(rest())), 1.0);
    assert_eq!(mass(&carried, mean([Class, Pixel]).then(sum(Image))), 0.0);
    // Fused, the step consumes the joint weight as well, and what it leaves is per class.
    for last in [sum(Class), mean(Class).empty(Empty::Zero)] {
        assert_eq!(mass(&masked, max(Pixel).then(max(Image)).then(last.clone())), 0.0);
        assert_eq!(mass(&masked, max([Pixel, Image]).then(last)), 1.0);
    }
}

// What is not yet so.

#[test]
fn orders_that_differ_on_a_masked_class_are_different() {
    let setting = Setting::new(Extents { class: 2, pixel: 100, image: 4 })
        .weight([Class, Pixel])
        .weight(Class);
    let rest = || mean([Class, Image]);
    let (skip, zero) = (mean(Pixel).then(rest()), mean(Pixel).empty(Empty::Zero).then(rest()));
    assert!(matches!(skip.equivalent(&zero, &setting).unwrap(), Equivalence::Different(_)));
}

#[test]
fn nothing_left_and_a_0_that_counts_are_different() {
    let setting = Setting::new(Extents { class: 1, pixel: 4, image: 1 }).weight(Pixel);
    let (skip, zero) = (mean(Over::All), mean(Over::All).empty(Empty::Zero));
    assert!(matches!(skip.equivalent(&zero, &setting).unwrap(), Equivalence::Different(_)));
}

#[test]
fn orders_that_keep_different_axes_are_different() {
    let setting = Setting::new(Extents { class: 1, pixel: 1, image: 1 });
    let answer = mean(Class).equivalent(&mean([Class, Pixel]), &setting).unwrap();
    assert!(matches!(answer, Equivalence::Different(_)), "{answer:?}");
}
