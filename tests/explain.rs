//! The report: its parts add up, and it finds the drowned class of a real batch.

mod strategy;

use approx::assert_relative_eq;
use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{
    Activation, Batch, Empty, ErrorKind, Labels, Layout, Loss, Map, Over, Ratio, Report, Weight,
    bce, max, mean, overlap, squared, sum,
};
use ndarray::{Array3, Array4, array};
use ndarray_npy::read_npy;
use proptest::prelude::*;

use strategy::random::{config, smooth_case};

/// How far the parts of a report are from its value, by class and by image, relative to their size.
fn gaps(report: &Report) -> [f64; 2] {
    let rest = report.constant + report.remainder;
    let by_class: Vec<f64> = report.classes.iter().map(|class| class.contribution).collect();
    let by_image: Vec<f64> = report.images.iter().map(|image| image.contribution).collect();
    [by_class, by_image].map(|parts| {
        let size: f64 = parts.iter().map(|part| part.abs()).sum::<f64>() + rest.abs();
        (parts.iter().sum::<f64>() + rest - report.value).abs() / size.max(1.0)
    })
}

/// A part is a product of at most ten rounded numbers, and at most 96 of them are added.
const ROUNDING: f64 = 1000.0 * f64::EPSILON;

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn contributions_add_up_to_the_value(case in smooth_case()) {
        let report = case.with_batch(&case.predicted(), |batch| case.loss().explain(batch));
        if let Ok(report) = report {
            prop_assume!(report.value.is_finite());
            for gap in gaps(&report) {
                prop_assert!(gap <= ROUNDING, "{}: {gap}", report.loss);
            }
        }
    }

    #[test]
    fn contributions_of_sums_and_quotients_add_up(
        case in smooth_case(),
        (factor, constant) in (-2.0..2.0_f64, -3.0..3.0_f64),
    ) {
        // The second loss reads the same batch; it names the same weights by naming the first.
        let other = squared(Activation::Identity).reduce(sum(Class).then(mean([Pixel, Image])));
        let loss = factor * case.loss() + (0.5 * other.clone()) / (other + 1.0) + constant;
        let report = case.with_batch(&case.predicted(), |batch| loss.explain(batch));
        if let Ok(report) = report {
            prop_assume!(report.value.is_finite());
            for gap in gaps(&report) {
                prop_assert!(gap <= ROUNDING, "{}: {gap}", report.loss);
            }
        }
    }
}

#[test]
fn a_report_that_hides_its_remainder_does_not_add_up() {
    let (prediction, target) = (array![[[0.5], [0.25]]], array![[[1.0], [0.0]]]);
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let smoothed = overlap(Activation::Probability)
        .dice(Ratio::over(Pixel).smooth_denominator(1.0))
        .reduce(mean([Class, Image]));
    let mut report = smoothed.explain(&batch).unwrap();
    // 1 - 2·0.5 / (0.75 + 1 + 1): 0.25 of false positives, 0.5 of false negatives and the smoothing 1.
    assert_relative_eq!(report.value, 1.75 / 2.75);
    assert_relative_eq!(report.classes[0].contribution, 0.75 / 2.75);
    assert_relative_eq!(report.remainder, 1.0 / 2.75);
    assert!(gaps(&report).iter().all(|gap| *gap <= ROUNDING));
    report.remainder = 0.0;
    assert!(gaps(&report).iter().all(|gap| *gap > 0.3));
}

#[test]
fn constants_maps_and_policies_stand_apart_from_the_cells() {
    let (prediction, target) = (array![[3.0, 1.0]], array![[0.0, 0.0]]);
    let none = array![[false, false]];
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let all = |loss: Loss| loss.reduce(mean(Over::All));

    let report = (all(squared(Activation::Identity)) - 2.0).explain(&batch).unwrap();
    assert_eq!((report.value, report.constant, report.remainder), (3.0, -2.0, 0.0));
    assert_eq!(report.classes[0].contribution, 4.5); // 9 / 2
    assert_eq!(report.classes[0].share_of_total, 0.9);

    // x² is 2 x · x by Euler, which is twice too much: the remainder takes it back.
    let report = all(squared(Activation::Identity)).map(Map::Power(2.0)).explain(&batch).unwrap();
    assert_eq!((report.value, report.remainder), (25.0, -25.0));

    let masked = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let masked = masked.with_mask([Class, Image], &none).unwrap();
    let one =
        squared(Activation::Identity).weigh(Weight::Mask).reduce(mean(Over::All).empty(Empty::One));
    let report = one.explain(&masked).unwrap();
    assert_eq!((report.value, report.remainder, report.classes[0].contribution), (1.0, 1.0, 0.0));
}

#[test]
fn the_loss_of_a_class_alone_is_the_order_over_that_class() {
    let prediction = array![[0.8, 0.4], [0.6, 0.1]];
    let target = array![[1.0, 1.0], [1.0, 0.0]];
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss = bce(Activation::Probability).reduce(mean(Class).then(mean(Image)));
    let report = loss.explain(&batch).unwrap();
    let alone = -(0.4_f64.ln() + 0.9_f64.ln()) / 2.0;
    assert_relative_eq!(report.classes[1].own.unwrap(), alone, max_relative = 1e-14);
    // Class 1 is the truth in the first image only.
    assert_relative_eq!(
        report.classes[1].own_where_true.unwrap(),
        -0.4_f64.ln(),
        max_relative = 1e-14
    );
    assert_eq!((report.classes[1].pixels, report.images[1].image), (0.5, 1));
    let image = -(0.6_f64.ln() + 0.9_f64.ln()) / 2.0;
    assert_relative_eq!(report.images[1].own.unwrap(), image, max_relative = 1e-14);
}

#[test]
fn where_a_class_is_the_truth_a_cross_entropy_is_divided_by_its_pixels() {
    let prediction = array![[0.75, 0.25], [0.5, 0.5], [0.875, 0.125], [0.875, 0.125]];
    let labels = array![0_u8, 0, 0, 1];
    let batch = Batch::new(Layout::NC, &prediction, Labels::new(&labels)).unwrap();
    let loss: Loss = "cross_entropy(probability) > sum(class) > mean(image)".parse().unwrap();
    let report = loss.explain(&batch).unwrap();
    // Only the last image is of class 1.
    assert_relative_eq!(report.classes[1].own_where_true.unwrap(), 8_f64.ln());
    assert_relative_eq!(report.classes[1].own.unwrap(), 8_f64.ln() / 4.0);
    assert_relative_eq!(report.where_true.unwrap(), report.value);

    // A term that has spent its pixels takes no weight of pixels: the positives alone tell.
    let sum: Loss =
        "((bce(probability) > mean(class)) + (overlap(probability) > dice(all))) > mean(image)"
            .parse()
            .unwrap();
    assert!(sum.explain(&batch).unwrap().classes[1].own_where_true.is_some());
}

#[test]
fn a_rare_class_drowns_in_a_cross_entropy() {
    let (logit, label) = brain();
    let batch = Batch::new(Layout::NHWC, &logit, Labels::new(&label)).unwrap();
    let loss: Loss = "cross_entropy(softmax) > sum(class) > mean(pixel, image)".parse().unwrap();
    let report = loss.explain(&batch).unwrap();
    // The mean over the ventricles' pixels, computed elsewhere.
    assert_relative_eq!(
        report.classes[4].own_where_true.unwrap(),
        1.634_570_408_7,
        max_relative = 1e-6
    );
    let drowned: Vec<usize> = report.drowned.iter().map(|drowned| drowned.class).collect();
    assert_eq!(drowned, [4, 3]);
}

#[test]
fn a_class_without_a_value_has_none() {
    let (prediction, target) = (array![[0.8, 0.4]], array![[1_u8, 0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let loss = bce(Activation::Probability).select([0]).reduce(max(Over::All));
    let report = loss.explain(&batch).unwrap();
    assert_eq!(report.classes[1].own, None);
    assert_eq!(report.classes[1].own_where_true, None);
}

#[test]
fn ignored_and_masked_cells_are_not_scored() {
    let prediction = array![[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]];
    let (labels, mask) = (array![0_u8, 1, 255], array![true, false, true]);
    let batch = Batch::new(Layout::NC, &prediction, Labels::new(&labels).ignore(255)).unwrap();
    let batch = batch.with_mask(Image, &mask).unwrap();
    let loss = bce(Activation::Probability).weigh(Weight::Mask).reduce(mean(Over::All));
    let report = loss.explain(&batch).unwrap();
    assert_eq!((report.classes[0].iou, report.classes[0].pixels), (Some(1.0), 1.0));
    assert_eq!(report.classes[1].iou, None);
}

#[test]
fn what_cannot_be_evaluated_cannot_be_explained() {
    let (prediction, target) = (array![[0.8, f64::NAN]], array![[1_u8, 0]]);
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let error = bce(Activation::Probability).reduce(mean(Over::All)).explain(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Domain);
    // What is wrong with every batch is said before what is wrong with this one.
    let error = bce(Activation::Probability).reduce(mean(Class)).explain(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Order);
}

/// The bundled batch: 16 brain slices of 5 classes, predicted by a network that lost the fifth.
fn brain() -> (Array4<f32>, Array3<u8>) {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/brain");
    let logit = read_npy(format!("{data}/eval_logit.npy")).expect("the bundled logits");
    let label = read_npy(format!("{data}/eval_label.npy")).expect("the bundled labels");
    (logit, label)
}

#[test]
fn the_brain_batch_has_the_values_that_were_computed_elsewhere() {
    let (logit, label) = brain();
    let batch = Batch::new(Layout::NHWC, &logit, Labels::new(&label)).unwrap();
    for (text, expected) in [
        ("bce(sigmoid) > mean(class) > mean(pixel) > mean(image)", 0.067_134_821_2),
        ("bce(sigmoid) > max(class) > mean(pixel) > mean(image)", 0.194_035_141_5),
        ("overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)", 0.284_072_576_3),
    ] {
        let value = text.parse::<Loss>().unwrap().value(&batch).unwrap();
        assert_relative_eq!(f64::from(value), expected, max_relative = 1e-6);
    }
}

#[test]
fn the_fifth_class_of_the_brain_batch_is_drowned() {
    let (logit, label) = brain();
    let batch = Batch::new(Layout::NHWC, &logit, Labels::new(&label)).unwrap();
    let loss: Loss = "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".parse().unwrap();
    let report = loss.explain(&batch).unwrap();
    for (class, iou) in [0.996, 0.836, 0.844, 0.486, 0.233].into_iter().enumerate() {
        assert_relative_eq!(report.classes[class].iou.unwrap(), iou, epsilon = 5e-4);
    }
    assert_relative_eq!(report.classes[4].own.unwrap(), 0.033_011_41, max_relative = 1e-6);
    assert_relative_eq!(report.classes[1].own.unwrap(), 0.141_402_85, max_relative = 1e-6);
    assert_relative_eq!(report.classes[4].share_of_total, 0.098_343_63, max_relative = 1e-6);
    assert_relative_eq!(report.classes[4].share_of_gradient, 0.084_817_35, max_relative = 1e-6);
    let drowned: Vec<usize> = report.drowned.iter().map(|drowned| drowned.class).collect();
    assert_eq!(drowned, [4, 3]);
    assert!(report.would_show.iter().any(|order| order.share_of_total > 0.5));

    let text = report.name_classes(["air", "grey", "white", "fluid", "ventricles"]).to_string();
    for line in [
        "mean(pixel)    image 16                                 7680",
        "Drowned: ventricles. Where it is the truth its loss is 1.786, 10.2 times",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn classes_that_may_be_true_together_are_decided_one_by_one() {
    let prediction = array![[-1.0, -2.0], [-3.0, -2.0], [-1.0, 3.0], [2.0, 3.0]];
    let target = array![[0_u8, 0], [0, 0], [0, 1], [1, 1]];
    let batch = Batch::new(Layout::NC, &prediction, &target).unwrap();
    let report = bce(Activation::Sigmoid).reduce(mean(Over::All)).explain(&batch).unwrap();
    assert_eq!(report.classes[0].iou, Some(1.0));
    assert_eq!(report.classes[1].dice, Some(1.0));
}

#[test]
fn a_lovasz_loss_stems_from_the_errors_of_its_cells() {
    // Of class 0: 0.5 (1 - 1/2) + 0.25 / 2. Of class 1 nothing is true, so its worst cell is all of it.
    let prediction = array![[[0.75, 0.5], [0.5, 0.75]]];
    let target = array![[[1_u8, 0], [0, 0]]];
    let batch = Batch::new("image pixel class".parse().unwrap(), &prediction, &target).unwrap();
    let explain = |text: &str| text.parse::<Loss>().unwrap().explain(&batch).unwrap();
    let report = explain("overlap(probability) > lovasz(pixel) > mean(class, image)");
    assert_eq!(report.classes[0].contribution, 0.375 / 2.0);
    assert_eq!(report.classes[1].contribution, 0.75 / 2.0);
    assert_eq!((report.classes[1].own, report.remainder), (Some(0.75), 0.0));

    // What a policy adds is no cell's.
    let text =
        "overlap(probability) > weigh(positives) > lovasz(pixel; empty=one) > mean(class, image)";
    let report = explain(text);
    assert_eq!(report.value, f64::midpoint(0.25, 1.0));
    assert_eq!((report.classes[0].contribution, report.classes[1].contribution), (0.125, 0.0));
    assert_eq!(report.remainder, 0.5);

    // A hinge decides at a logit of 0.
    let report = explain("overlap(identity) > lovasz_hinge(all)");
    assert_eq!((report.classes[0].iou, report.remainder), (Some(0.5), 0.0));
    let parts: f64 = report.classes.iter().map(|class| class.contribution).sum();
    assert_eq!(parts, report.value);
}
