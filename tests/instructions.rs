//! Every set of instructions of this machine, asked for by name: the bits of one with a fused multiply-add are
//! those of all, and what all give is what the reference says.
//!
//! Which set is used is decided once in a process, so each has a process of its own: this test, run again.

use std::collections::BTreeMap;
use std::process::Command;

use lossfold::{Batch, Float, Layout, Loss};
use ndarray::{Array4, Ix4};

const LOSSES: [&str; 9] = [
    "bce(sigmoid) > mean(all)",
    "bce(sigmoid; positive=[1, 2, 3], smoothing=half(0.1)) > mean(pixel) > max(class) > mean(image)",
    "bce(probability) > mean(all)",
    "bce(probability; log_floor=-100) > mean(all)",
    "bce(probability; clip=1e-7) > mean(all)",
    "squared(identity) > mean(class) > mean(pixel, image)",
    "bce(sigmoid) > max(class) > mean(pixel, image)",
    "cross_entropy(softmax) > weigh(class=[1, 2, 3]) > mean(all)",
    "(bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(all))",
];

const SETS: [&str; 4] = ["baseline", "neon", "avx2", "avx512"];

/// More pixels than a block has, and not as many as a multiple of sixteen.
fn arrays(probabilities: bool) -> (Array4<f64>, Array4<f64>) {
    let shape = (2, 37, 29, 3);
    let logit = |(n, h, w, c): (usize, usize, usize, usize)| {
        let mixed = (n * 7919 + h * 104_729 + w * 1_299_709 + c * 15_485_863) % 2003;
        (mixed as f64 - 1001.0) / 100.0
    };
    let prediction = Array4::from_shape_fn(shape, |at| {
        let x = logit(at);
        f64::from(f32::narrow(if probabilities { 1.0 / (1.0 + (-x).exp()) } else { x }))
    });
    let target = Array4::from_shape_fn(shape, |(n, h, w, c)| {
        f64::from(u8::from((n + h / 5 + w / 3) % 3 == c))
    });
    (prediction, target)
}

fn is_of_probabilities(text: &str) -> bool {
    text.contains("(probability")
}

/// The value and a sum over the gradient that tells its cells apart.
fn results<F: Float>(text: &str) -> (f64, f64) {
    let (prediction, target) = arrays(is_of_probabilities(text));
    let (prediction, target) = (prediction.mapv(F::narrow), target.mapv(F::narrow));
    let loss: Loss = text.parse().expect("a loss");
    let batch: Batch<'_, F, Ix4> = Batch::new(Layout::NHWC, &prediction, &target).expect("a batch");
    let (value, gradient) = loss.value_and_gradient(&batch).expect("a value");
    let weighed = gradient.iter().enumerate().map(|(at, &slope)| {
        let slope: f64 = slope.into();
        slope * (1.0 + (at % 7) as f64)
    });
    (value.into(), weighed.sum())
}

#[test]
#[ignore = "prints what the other test reads"]
fn prints_its_results() {
    for text in LOSSES {
        for (kind, (value, slopes)) in
            [("f32", results::<f32>(text)), ("f64", results::<f64>(text))]
        {
            println!("{kind} {text} = {:016x} {:016x}", value.to_bits(), slopes.to_bits());
        }
    }
}

/// What a process that is asked for a set finds, by element type and loss.
fn asked_for(set: &str) -> BTreeMap<String, [u64; 2]> {
    let test = std::env::current_exe().expect("this test");
    let output = Command::new(test)
        .args(["prints_its_results", "--exact", "--ignored", "--nocapture"])
        .env("LOSSFOLD_INSTRUCTIONS", set)
        .output()
        .expect("this test runs");
    assert!(output.status.success(), "{set}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let bits = |word: &str| u64::from_str_radix(word, 16).expect("bits");
    let found: BTreeMap<_, _> = lines
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, numbers)| {
            let (value, slopes) = numbers.split_once(' ').expect("two numbers");
            (name.to_owned(), [bits(value), bits(slopes)])
        })
        .collect();
    assert_eq!(found.len(), 2 * LOSSES.len(), "{set}: {lines}");
    found
}

/// The reference's value and sum over the gradient.
fn expected(text: &str) -> [f64; 2] {
    let (prediction, target) = arrays(is_of_probabilities(text));
    let batch = Batch::new(Layout::NHWC, &prediction, &target).expect("a batch");
    let loss: Loss = text.parse().expect("a loss");
    let (value, gradient) = loss.reference().value_and_gradient(&batch).expect("a value");
    let weighed = gradient.iter().enumerate().map(|(at, &slope)| slope * (1.0 + (at % 7) as f64));
    [value, weighed.sum()]
}

/// Whether numbers agree with the reference's; those of both signs cancel in the second.
fn agrees(name: &str, found: [u64; 2], expected: [f64; 2]) -> bool {
    let unit = if name.starts_with("f32") { f64::from(f32::EPSILON) } else { f64::EPSILON } / 2.0;
    let near = |found: u64, expected: f64, size: f64| {
        (f64::from_bits(found) - expected).abs() <= (64.0 * unit + 1e-13) * size
    };
    near(found[0], expected[0], expected[0].abs()) && near(found[1], expected[1], 10.0)
}

#[test]
fn all_sets_agree() {
    let found = SETS.map(asked_for);
    let [baseline, neon, avx2, avx512] = &found;
    assert_eq!(avx2, avx512);
    assert_eq!(avx2, neon, "as strong as avx2, which stands for it");
    for (name, &numbers) in found.iter().flatten() {
        let (_, text) = name.split_once(' ').expect("a name");
        let expected = expected(text);
        assert!(agrees(name, numbers, expected), "{name}");
        let wrong = [numbers[0], (f64::from_bits(numbers[1]) + 0.01).to_bits()];
        assert!(!agrees(name, wrong, expected), "{name}");
        let wrong = [(f64::from_bits(numbers[0]) * (1.0 + 1e-4)).to_bits(), numbers[1]];
        assert!(!agrees(name, wrong, expected), "{name}");
    }
    // Where there is a fused multiply-add, it shows.
    if cfg!(target_arch = "x86_64") && std::arch::is_x86_feature_detected!("fma") {
        assert_ne!(baseline, avx2);
    }
}
