//! The text language: what prints is what parses, and nothing that is parsed panics.

use lossfold::{
    Absent, AbsentVolume, Activation, Aggregate, Axes, Axis, Batch, Bce, Empty, ErrorKind, Focal,
    Layout, Loss, Map, Over, Overlap, Ratio, Reduction, Smoothing, SoftOverlap, Step, Truth,
    Weight, absolute, bce, cross_entropy, kl, overlap, predicted, squared,
};
use ndarray::{Array1, Array3};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// The number of classes for which the lists of the random losses are written.
const CLASSES: usize = 3;

/// A finite number above 0, of any magnitude.
fn positive() -> impl Strategy<Value = f64> {
    prop_oneof![
        select(vec![0.1, 0.5, 1.0, 2.0, 1000.0, 1e-7, 1e15, 1e16, 123_456_789.0, 5e-324, f64::MAX]),
        proptest::num::f64::POSITIVE | proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL,
    ]
}

/// A finite number of at least 0.
fn not_negative() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 4 => positive()]
}

fn not_zero() -> impl Strategy<Value = f64> {
    (positive(), any::<bool>()).prop_map(|(number, minus)| if minus { -number } else { number })
}

fn per_class(numbers: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<f64>> {
    vec(numbers, CLASSES)
}

fn axes() -> impl Strategy<Value = Axes> {
    let all = [Axis::Class, Axis::Pixel, Axis::Image];
    proptest::sample::subsequence(all.to_vec(), 1..=3).prop_map(|axes| axes.into_iter().collect())
}

fn over() -> impl Strategy<Value = Over> {
    prop_oneof![4 => axes().prop_map(Over::Axes), 1 => Just(Over::All)]
}

fn activation() -> impl Strategy<Value = Activation> {
    select(Activation::ALL.to_vec())
}

fn empty() -> impl Strategy<Value = Empty> {
    select(vec![Empty::Skip, Empty::Zero, Empty::One, Empty::Nan, Empty::Error])
}

fn weight() -> impl Strategy<Value = Weight> {
    let rule = select(vec![AbsentVolume::Error, AbsentVolume::Zero, AbsentVolume::Largest]);
    prop_oneof![
        per_class(not_negative()).prop_map(Weight::class),
        per_class(not_negative()).prop_map(Weight::target),
        Just(Weight::Image),
        Just(Weight::Map),
        Just(Weight::Mask),
        Just(Weight::Positives),
        Just(Weight::Negatives),
        Just(Weight::presence()),
        axes().prop_map(|axes| Weight::presence().over(axes)),
        not_zero().prop_map(Weight::volume),
        (not_zero(), axes(), rule)
            .prop_map(|(power, axes, rule)| Weight::volume(power).over(axes).absent(rule)),
        (not_zero(), axes(), select(vec![1e-7, 1.0, 1e300])).prop_map(|(power, axes, epsilon)| {
            Weight::volume(-power.abs()).over(axes).epsilon(epsilon)
        }),
        Just(Weight::balance()),
        axes().prop_map(|axes| Weight::balance().over(axes)),
    ]
}

/// Steps that pass their check, with every aggregate and every option that it has.
fn step() -> impl Strategy<Value = Step> {
    let aggregate = prop_oneof![
        Just(Aggregate::Sum),
        Just(Aggregate::Mean),
        Just(Aggregate::Max),
        Just(Aggregate::Min),
        not_zero().prop_map(Aggregate::Power),
        not_zero().prop_map(Aggregate::LogMeanExp),
        (0.0..=1.0).prop_map(Aggregate::Quantile),
        (1e-9..=1.0).prop_map(Aggregate::TopFraction),
        (1_usize..1_000_000).prop_map(Aggregate::TopK),
    ];
    let by = option::of(vec(weight(), 0..3));
    (aggregate, over(), by, any::<bool>(), empty()).prop_map(
        |(aggregate, over, by, carry, empty)| {
            let mut step = Step::new(aggregate, over);
            let divides = matches!(
                aggregate,
                Aggregate::Mean | Aggregate::Power(_) | Aggregate::LogMeanExp(_)
            );
            step.by = by.filter(|_| aggregate == Aggregate::Mean);
            step.carry = carry && divides;
            step.empty = match empty {
                _ if aggregate == Aggregate::Sum => Empty::Skip,
                Empty::Zero | Empty::One | Empty::Nan if step.carry => Empty::Error,
                empty => empty,
            };
            step
        },
    )
}

/// Orders that pass their check: steps over axes that are gone are left out.
fn reduction() -> impl Strategy<Value = Reduction> {
    vec(step(), 0..4).prop_map(|steps| {
        steps.into_iter().fold(Reduction::Keep, |order, step| {
            let longer = order.clone().then(step.into());
            if longer.check().is_ok() { longer } else { order }
        })
    })
}

fn layout() -> impl Strategy<Value = Layout> {
    let once = [Axis::Class, Axis::Image];
    (proptest::sample::subsequence(once.to_vec(), 0..=2), 0_usize..=6)
        .prop_map(|(mut axes, pixels)| {
            axes.extend(std::iter::repeat_n(Axis::Pixel, pixels));
            axes
        })
        .prop_shuffle()
        .prop_map(|axes| Layout::new(&axes).expect("at most eight axes, each named once"))
}

/// A factor that a loss of the activation may have, of one term or two.
fn focal(activation: Activation, terms: usize) -> impl Strategy<Value = Focal> {
    let possible = |truth: &Truth| match truth {
        Truth::Mixed | Truth::Loss => true,
        Truth::Logit => terms == 2 && activation == Activation::Sigmoid,
        _ => terms == 2,
    };
    let truths: Vec<Truth> = Truth::ALL.into_iter().filter(possible).collect();
    let threshold = option::of(select(vec![5e-324, 0.1, 0.5, 1.0]));
    (not_negative(), select(truths), threshold).prop_map(|(gamma, truth, threshold)| {
        let focal = Focal::new(gamma).truth(truth);
        threshold.map_or(focal, |threshold| focal.threshold(threshold))
    })
}

/// Cross-entropies with focal factors and balances.
fn focused() -> impl Strategy<Value = Loss> {
    let activations = select(vec![
        Activation::Probability,
        Activation::Sigmoid,
        Activation::Softmax,
        Activation::Normalize,
    ]);
    (activations, 1_usize..=2).prop_flat_map(|(activation, terms)| {
        (option::of(focal(activation, terms)), option::of(0.0..=1.0)).prop_map(
            move |(focal, alpha)| {
                let mut options = Bce::new(activation).clip(1e-7);
                options = focal.map_or(options.clone(), |focal| options.focal(focal));
                match alpha {
                    Some(alpha) if terms == 2 => bce(options.alpha(alpha)),
                    _ if terms == 2 => bce(options),
                    _ => cross_entropy(options),
                }
            },
        )
    })
}

fn element() -> impl Strategy<Value = Loss> {
    let smoothing = prop_oneof![
        (0.0..=1.0).prop_map(Smoothing::Half),
        (0.0..=1.0).prop_map(Smoothing::Classes),
        (0.0..=1.0).prop_map(Smoothing::Flip),
    ];
    let probability = select(vec![
        Activation::Probability,
        Activation::LogProbability,
        Activation::Sigmoid,
        Activation::Softmax,
        Activation::Normalize,
    ]);
    let kls = probability.clone().prop_map(kl);
    let clip = option::of(select(vec![1e-7, 0.25, 1e-300]));
    let bces = (
        probability,
        (clip, option::of(positive()), option::of(positive()), any::<bool>()),
        option::of(prop_oneof![per_class(not_negative()), vec(not_negative(), 1)]),
        option::of(smoothing),
    )
        .prop_map(|(activation, (clip, epsilon, floor, floored), positive, smoothing)| {
            let mut options = Bce::new(activation);
            match floor {
                Some(floor) if floored => options = options.log_floor(-floor),
                _ => {
                    options = clip.map_or(options.clone(), |clip| options.clip(clip));
                    options = epsilon.map_or(options.clone(), |epsilon| options.epsilon(epsilon));
                }
            }
            options = positive.map_or(options.clone(), |weights| options.positive(weights));
            bce(smoothing.map_or(options.clone(), |smoothing| options.smoothing(smoothing)))
        });
    prop_oneof![
        2 => bces,
        2 => focused(),
        1 => kls,
        1 => activation().prop_map(squared),
        1 => activation().prop_map(absolute),
        1 => activation().prop_map(predicted),
    ]
}

fn classes() -> impl Strategy<Value = Vec<usize>> {
    vec(0..CLASSES, 1..4)
}

fn ratio() -> impl Strategy<Value = Ratio> {
    let smooth = (not_negative(), not_negative(), any::<bool>());
    let floors = (not_negative(), option::of(not_negative()), option::of(not_negative()));
    let formula = (select(vec![1.0, 1.5, 2.0]), any::<bool>(), not_negative(), not_negative());
    let absent = select(vec![Absent::Keep, Absent::Skip, Absent::Zero]);
    (over(), smooth, floors, formula, (absent, empty(), any::<bool>())).prop_map(
        |(
            over,
            (numerator, denominator, same),
            (floor, least, score_floor),
            (exponent, distance, false_positive, false_negative),
            (absent, empty, carry),
        )| {
            let mut ratio = Ratio::over(over)
                .smooth_numerator(numerator)
                .smooth_denominator(if same { numerator } else { denominator })
                .floor(floor)
                .exponent(exponent)
                .absent(absent);
            if let Some(least) = least {
                ratio = ratio.true_positive_floor(least);
            }
            if let Some(floor) = score_floor {
                ratio = ratio.score_floor(floor);
            }
            if distance {
                ratio = ratio.soft(SoftOverlap::Distance);
            }
            if same {
                ratio = ratio.false_positive(false_positive).false_negative(false_negative);
            }
            if carry && matches!(empty, Empty::Skip | Empty::Error) {
                ratio = ratio.carry();
            }
            ratio.empty(empty)
        },
    )
}

type Formula = fn(Overlap, Ratio) -> Loss;

/// A Lovász step with the slots that it has, and what it takes the prediction for.
fn lovasz() -> impl Strategy<Value = (Activation, Formula, Ratio)> {
    let absent = select(vec![Absent::Keep, Absent::Skip, Absent::Zero]);
    (activation(), over(), absent, empty()).prop_map(|(activation, over, absent, empty)| {
        let formula: Formula = match activation {
            Activation::Identity => |o, r| o.lovasz_hinge(r),
            _ => |o, r| o.lovasz(r),
        };
        (activation, formula, Ratio::over(over).absent(absent).empty(empty))
    })
}

fn region() -> impl Strategy<Value = Loss> {
    let before = vec!["weigh", "select", "without"];
    let steps = vec((select(before), weight(), classes()), 0..3);
    let formulas: Vec<Formula> = vec![|o, r| o.dice(r), |o, r| o.jaccard(r), |o, r| o.tversky(r)];
    let clip = option::of(select(vec![1e-7, 0.25, 1e-300]));
    let clipped = (activation(), clip).prop_map(|(activation, clip)| {
        let terms = overlap(activation);
        clip.map_or(terms.clone(), |clip| terms.clip(clip))
    });
    let ratios = (clipped, select(formulas), ratio());
    let sorted =
        lovasz().prop_map(|(activation, formula, ratio)| (overlap(activation), formula, ratio));
    (prop_oneof![3 => ratios, 1 => sorted], steps).prop_map(|((terms, formula, ratio), steps)| {
        let terms = steps.into_iter().fold(terms, |terms, (step, weight, classes)| match step {
            "weigh" => terms.weigh(weight),
            "select" => terms.select(classes),
            _ => terms.without(classes),
        });
        formula(terms, ratio)
    })
}

/// What may stand behind `>` in a loss.
#[derive(Clone, Debug)]
enum Link {
    Step(Step),
    Scale(Weight),
    Weigh(Weight),
    Map(Map),
    Select(Vec<usize>),
    Without(Vec<usize>),
}

impl Link {
    fn behind(self, loss: Loss) -> Loss {
        match self {
            Self::Step(step) => loss.reduce(step.into()),
            Self::Scale(weight) => loss.scale(weight),
            Self::Weigh(weight) => loss.weigh(weight),
            Self::Map(map) => loss.map(map),
            Self::Select(classes) => loss.select(classes),
            Self::Without(classes) => loss.without(classes),
        }
    }
}

fn link() -> impl Strategy<Value = Link> {
    let map = prop_oneof![Just(Map::NegativeLog), positive().prop_map(Map::Power)];
    prop_oneof![
        3 => step().prop_map(Link::Step),
        1 => weight().prop_map(Link::Scale),
        1 => weight().prop_map(Link::Weigh),
        1 => map.prop_map(Link::Map),
        1 => classes().prop_map(Link::Select),
        1 => classes().prop_map(Link::Without),
    ]
}

fn coefficient() -> impl Strategy<Value = f64> {
    prop_oneof![select(vec![1.0, -1.0, 0.5, -0.5, 2.0, 0.0, -0.0]), -1e3..1e3]
}

/// Losses that pass their check: links that do not fit are left out.
fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![element(), region()].prop_recursive(4, 24, 3, |inner| {
        let chain = (inner.clone(), vec(link(), 1..5)).prop_map(|(loss, links)| {
            links.into_iter().fold(loss, |loss, link| {
                let longer = link.behind(loss.clone());
                if longer.check().is_ok() { longer } else { loss }
            })
        });
        let sum = (
            vec((coefficient(), inner.clone(), any::<bool>()), 1..4),
            prop_oneof![Just(0.0), coefficient()],
        )
            .prop_map(|(terms, constant)| {
                let mut terms =
                    terms.into_iter().map(
                        |(coefficient, loss, plain)| {
                            if plain { loss } else { coefficient * loss }
                        },
                    );
                let first = terms.next().expect("there is at least one term");
                terms.fold(first, |total, term| total + term) + constant
            });
        let quotient = (inner.clone(), inner).prop_map(|(over, under)| over / under);
        prop_oneof![3 => chain, 2 => sum, 1 => quotient]
    })
}

/// A batch of three classes, two pixels and two images that carries the chosen weights.
fn on_batches(loss: &Loss) -> Vec<String> {
    let prediction = Array3::from_shape_fn((2, 2, CLASSES), |(image, pixel, class)| {
        [0.5, 0.25, 0.75, 0.125][(image + 2 * pixel + class) % 4]
    });
    let target = Array3::from_shape_fn((2, 2, CLASSES), |(image, pixel, class)| {
        u8::from((image + pixel) % CLASSES == class)
    });
    let weights = Array1::from(vec![1.0, 3.0]);
    let layout = "NLC".parse().expect("a layout");
    let plain = Batch::new(layout, &prediction, &target).expect("shapes fit");
    let carried = |choice: usize| {
        let mut batch = plain.clone();
        if choice & 1 == 1 {
            batch = batch.with_image_weights(&weights)?;
        }
        if choice & 2 == 2 {
            batch = batch.with_map(Axis::Image, &weights)?;
        }
        if choice & 4 == 4 {
            batch = batch.with_mask(Axes::ALL, &target)?;
        }
        let mut values = loss.values(&batch)?;
        values.values += 0.0; // -0 is 0
        Ok::<_, lossfold::Error>(values)
    };
    (0..8).map(|choice| format!("{:?}", carried(choice))).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_reduction_prints_what_it_parses(order in reduction()) {
        let text = order.to_string();
        let parsed: Reduction = text.parse()?;
        prop_assert_eq!(&parsed, &order);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn a_layout_prints_what_it_parses(layout in layout()) {
        let text = layout.to_string();
        let parsed: Layout = text.parse()?;
        prop_assert_eq!(parsed, layout);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn a_loss_prints_what_it_parses(loss in loss()) {
        let text = loss.to_string();
        let parsed: Loss = text.parse()?;
        prop_assert_eq!(&parsed, &loss);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn what_parses_has_the_values_of_what_was_printed(loss in loss()) {
        let parsed: Loss = loss.to_string().parse()?;
        prop_assert_eq!(on_batches(&parsed), on_batches(&loss));
    }

    #[test]
    fn white_space_around_signs_is_free(
        loss in loss(),
        spaces in vec(select(vec!["", " ", "\n", "\t  ", "\u{a0}"]), 1..20),
    ) {
        let mut spaces = spaces.into_iter().cycle();
        let mut space = || spaces.next().unwrap_or_default();
        let mut text = space().to_owned();
        for letter in loss.to_string().chars() {
            match letter {
                ' ' => text.push_str(space()),
                '(' | ')' | '[' | ']' | ',' | ';' | '=' | '>' | '*' | '/' | '^' => {
                    text.extend([space(), &letter.to_string(), space()]);
                }
                _ => text.push(letter),
            }
        }
        prop_assert_eq!(text.parse::<Loss>()?, loss);
    }

    #[test]
    fn words_of_the_language_in_any_order_never_panic(
        words in vec(select(WORDS.to_vec()), 0..24),
        spaced in any::<bool>(),
    ) {
        never_panics(&words.join(if spaced { " " } else { "" }))?;
    }

    #[test]
    fn any_characters_never_panic(text in vec(any::<char>(), 0..64)) {
        never_panics(&String::from_iter(text))?;
    }

    #[test]
    fn a_text_with_a_wrong_place_never_panics(
        loss in loss(),
        place in any::<proptest::sample::Index>(),
        wrong in select(WORDS.to_vec()),
        cut in any::<bool>(),
    ) {
        let mut text = loss.to_string();
        let mut places = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        places.push(text.len());
        let at = *place.get(&places);
        if cut {
            text.truncate(at);
        }
        text.insert_str(at, wrong);
        never_panics(&text)?;
    }
}

const WORDS: [&str; 97] = [
    "bce",
    "kl",
    "predicted",
    "squared",
    "absolute",
    "overlap",
    "dice",
    "jaccard",
    "tversky",
    "lovasz",
    "lovasz_hinge",
    "sum",
    "mean",
    "max",
    "min",
    "power",
    "logmeanexp",
    "quantile",
    "top",
    "scale",
    "weigh",
    "map",
    "select",
    "without",
    "keep",
    "class",
    "pixel",
    "image",
    "all",
    "mask",
    "target",
    "positives",
    "negatives",
    "presence",
    "volume",
    "balance",
    "sigmoid",
    "softmax",
    "probability",
    "log_probability",
    "normalize",
    "identity",
    "carry",
    "empty",
    "skip",
    "zero",
    "nan",
    "error",
    "by",
    "smooth",
    "floor",
    "tp_floor",
    "exponent",
    "fp",
    "fn",
    "absent",
    "largest",
    "clip",
    "epsilon",
    "log_floor",
    "positive",
    "smoothing",
    "half",
    "focal",
    "truth",
    "threshold",
    "alpha",
    "terms",
    "logit",
    "fraction",
    "k",
    "p",
    "q",
    "t",
    "x",
    "ln",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "=",
    ">",
    "*",
    "/",
    "+",
    "-",
    "^",
    "0",
    "1",
    "2",
    "0.5",
    "1e-7",
    "1e999",
    "bce(sigmoid)",
    "overlap(softmax) > dice(pixel)",
];

/// Reads the text as everything that reads texts; what can be read prints what it parses.
fn never_panics(text: &str) -> Result<(), TestCaseError> {
    if let Ok(loss) = text.parse::<Loss>() {
        let printed = loss.to_string();
        prop_assert_eq!(printed.parse::<Loss>()?.to_string(), printed);
    }
    if let Ok(order) = text.parse::<Reduction>() {
        prop_assert_eq!(order.to_string().parse::<Reduction>()?, order);
    }
    if let Ok(layout) = text.parse::<Layout>() {
        prop_assert_eq!(layout.to_string().parse::<Layout>()?, layout);
    }
    Ok(())
}

#[test]
fn the_lines_of_the_design_print_as_they_stand() {
    for line in
        ["mean(class) > mean(pixel) > mean(image)", "sum(class, pixel) > top(image; fraction=0.25)"]
    {
        assert_eq!(line.parse::<Reduction>().unwrap().to_string(), line);
    }
    for line in [
        "bce(sigmoid) > scale(target=[1, 1, 1, 1, 1000]) > mean(class) > mean(pixel, image)",
        "bce(probability; clip=1e-7) > weigh(class=[1, 2]) > weigh(mask) > mean(all; empty=zero)",
        "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        "0.5 * (bce(sigmoid) > mean(all)) + 0.5 * (overlap(sigmoid) > dice(pixel, image) > mean(class))",
        "((bce(probability) > mean(class)) + (overlap(probability) > dice(all; smooth=1)) - 2) \
         > scale(target=[1, 1, 1, 1, 1000]) > mean(pixel, image)",
    ] {
        assert_eq!(line.parse::<Loss>().unwrap().to_string(), line);
    }
}

#[test]
fn a_default_that_is_named_does_not_print() {
    for (text, printed) in [
        (
            "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class; empty=skip) > mean(image)",
            "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)",
        ),
        (
            "overlap(sigmoid) > dice(all; absent=keep, soft=product, exponent=1, fp=1, fn=1, floor=0)",
            "overlap(sigmoid) > dice(all)",
        ),
        ("overlap(sigmoid) > tversky(all; fp=1, fn=1)", "overlap(sigmoid) > jaccard(all)"),
        (
            "overlap(sigmoid) > tversky(all; fp=0.3)",
            "overlap(sigmoid) > tversky(all; fp=0.3, fn=1)",
        ),
        // A floor of 0 is not none.
        (
            "overlap(sigmoid) > dice(all; score_floor=0, tp_floor=0)",
            "overlap(sigmoid) > dice(all; tp_floor=0, score_floor=0)",
        ),
        ("bce(sigmoid) > weigh(presence(pixel))", "bce(sigmoid) > weigh(presence)"),
        ("bce(sigmoid) > weigh(balance(all))", "bce(sigmoid) > weigh(balance)"),
        ("bce(sigmoid) > weigh(volume(pixel; absent=error)=-2)", "bce(sigmoid) > weigh(volume=-2)"),
        (
            "bce(sigmoid) > weigh(volume(pixel; absent=error, epsilon=1)=-2)",
            "bce(sigmoid) > weigh(volume(pixel; epsilon=1)=-2)",
        ),
    ] {
        assert_eq!(text.parse::<Loss>().unwrap().to_string(), printed, "{text}");
    }
}

#[test]
fn axes_print_in_the_order_class_pixel_image() {
    let order: Reduction = "mean(image, class) > sum(pixel)".parse().unwrap();
    assert_eq!(order.to_string(), "mean(class, image) > sum(pixel)");
}

#[test]
fn sums_print_with_as_few_signs_as_they_need() {
    let b = || bce(Activation::Sigmoid);
    for (loss, text) in [
        (1.0 - b(), "1 - bce(sigmoid)"),
        (b() - 1.0, "bce(sigmoid) - 1"),
        (-b(), "-1 * bce(sigmoid)"),
        (-(b() - 2.0), "2 - bce(sigmoid)"),
        (b() + (b() + 1.0) + 1.0, "bce(sigmoid) + bce(sigmoid) + 2"),
        (2.0 * (b() - 0.5 * b()), "2 * bce(sigmoid) - bce(sigmoid)"),
        (2.0 * (b() / b()), "2 * (bce(sigmoid) / bce(sigmoid))"),
        ((b() + 1.0) / b().reduce(Reduction::Keep), "(bce(sigmoid) + 1) / bce(sigmoid)"),
        (0.5 * (2.0 * b()), "bce(sigmoid)"),
    ] {
        assert_eq!(loss.to_string(), text);
        assert_eq!(text.parse::<Loss>().unwrap(), loss);
    }
}

#[test]
fn ten_thousand_parentheses_are_an_error() {
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    let minus = "-(".repeat(10_000);
    let times = "2 * (".repeat(10_000);
    let over = "bce(sigmoid) / (".repeat(10_000);
    for text in [
        open.clone(),
        close.clone(),
        format!("{open}bce(sigmoid){close}"),
        format!("{minus}bce(sigmoid){close}"),
        format!("{times}bce(sigmoid){close}"),
        format!("{over}bce(sigmoid){close}"),
        format!("bce{open}sigmoid{close}"),
        format!("bce(sigmoid) > weigh{open}mask{close}"),
    ] {
        assert_eq!(text.parse::<Loss>().unwrap_err().kind(), ErrorKind::Parse);
        assert_eq!(text.parse::<Reduction>().unwrap_err().kind(), ErrorKind::Parse);
    }
}

#[test]
fn a_hundred_thousand_steps_are_an_error() {
    for link in [
        " > weigh(mask)",
        " > scale(map)",
        " > map(x^2)",
        " > select([0])",
        " > without([1])",
        " > mean(pixel)",
    ] {
        let text = format!("bce(sigmoid){}", link.repeat(100_000));
        assert_eq!(text.parse::<Loss>().unwrap_err().kind(), ErrorKind::Parse, "{link}");
    }
    let text = vec!["mean(pixel)"; 100_000].join(" > ");
    assert_eq!(text.parse::<Reduction>().unwrap_err().kind(), ErrorKind::Parse);
    let text = format!("overlap(sigmoid){}", " > weigh(mask)".repeat(100_000));
    assert_eq!(text.parse::<Loss>().unwrap_err().kind(), ErrorKind::Parse);
}

#[test]
fn an_expression_that_nests_too_deep_is_built_and_refused() {
    let deep = (0..100_000).fold(bce(Activation::Sigmoid), |loss, _| loss.weigh(Weight::Mask));
    assert_eq!(deep.check().unwrap_err().kind(), ErrorKind::Order);
    let deep = (0..100_000).fold(bce(Activation::Sigmoid), |loss, _| {
        loss.map(Map::Power(2.0)) + bce(Activation::Sigmoid)
    });
    assert_eq!(deep.check().unwrap_err().kind(), ErrorKind::Order);
}

#[test]
fn whatever_passes_its_check_parses_back() {
    for depth in [64, 65, 100, 127] {
        let source = || bce(Activation::Sigmoid);
        let quotients = (0..depth).fold(source(), |loss, _| loss / source());
        let sums = (0..depth / 2).fold(source(), |loss, _| (loss + source()).weigh(Weight::Mask));
        for loss in [quotients, sums] {
            loss.check().unwrap();
            assert_eq!(loss.to_string().parse::<Loss>().unwrap(), loss);
        }
    }
}

#[test]
fn a_large_k_parses_back() {
    let step = Step::new(Aggregate::TopK(1_000_000_000_000_000), Axis::Class);
    let order = Reduction::from(step);
    order.check().unwrap();
    assert_eq!(order.to_string().parse::<Reduction>().unwrap(), order);
}

#[test]
fn a_weight_counted_over_no_axes_is_refused() {
    for weight in [Weight::presence(), Weight::volume(-2.0), Weight::balance()] {
        let loss = bce(Activation::Sigmoid).weigh(weight.over(Axes::NONE));
        assert_eq!(loss.check().unwrap_err().kind(), ErrorKind::Weight, "{loss}");
    }
}

#[test]
fn a_sum_of_a_hundred_thousand_terms_is_read_in_a_moment() {
    let text = vec!["bce(sigmoid)"; 100_000].join(" + ");
    let start = std::time::Instant::now();
    text.parse::<Loss>().unwrap();
    assert!(start.elapsed().as_secs() < 10);
}
