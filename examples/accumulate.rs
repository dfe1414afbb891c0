//! Micro-batches, epochs and ranks: the loss of the whole, beside what means of means make of it.
//!
//! ```text
//! cargo run --release --example accumulate
//! ```

use std::error::Error;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use lossfold::Axis::{Image, Pixel};
use lossfold::{Across, Batch, Labels, Layout, Loss, State};
use ndarray::{Array1, Array3, Array4, ArrayView4, Axis, Ix4, concatenate};
use ndarray_npy::{ReadNpyExt, ReadableElement};

type Failure = Box<dyn Error>;

/// How the 16 slices are split: what it is called, the sizes of the batches of each part, and what the
/// framework does with the parts.
const SPLITS: [(&str, &[&[usize]], Across); 5] = [
    ("accumulation over 6 + 6 + 4, loss / steps", &[&[6], &[6], &[4]], Across::Evenly),
    ("accumulation over 6 + 6 + 4, not divided", &[&[6], &[6], &[4]], Across::Sum),
    ("epoch of batches of 5, 5, 5 and 1", &[&[5], &[5], &[5], &[1]], Across::ByImages),
    ("3 ranks of two micro-batches each", &[&[3, 3], &[3, 2], &[3, 2]], Across::Evenly),
    ("4 shards of 4", &[&[4], &[4], &[4], &[4]], Across::Evenly),
];

/// The label of pixels that nobody has labelled.
const UNLABELLED: u8 = 255;

fn main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("accumulate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<(), Failure> {
    let logits: Array4<f32> = read("eval_logit.npy")?;
    let labels: Array3<u8> = read("eval_label.npy")?;
    println!(
        "16 brain slices, observed in parts. Merged states are the loss of the whole, to the bit, in value\n\
         and in gradient; a mean of the parts' means is something else.\n"
    );

    let batch = Batch::new(Layout::NHWC, &logits, Labels::new(&labels))?;
    compare("overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)", &batch)?;

    // The later a slice, the fewer of its rows are labelled; a mask leaves out every third column of the
    // odd slices; and the last slices count more.
    let mut partly = labels.clone();
    for (slice, mut rows) in partly.outer_iter_mut().enumerate() {
        rows.slice_mut(ndarray::s![96 - 5 * slice.., ..]).fill(UNLABELLED);
    }
    let mask =
        Array3::from_shape_fn(labels.dim(), |(slice, _, column)| slice % 2 == 0 || column % 3 != 0);
    let weights = Array1::linspace(1.0, 4.0, 16);
    let batch = Batch::new(Layout::NHWC, &logits, Labels::new(&partly).ignore(UNLABELLED))?
        .with_mask([Pixel, Image], &mask)?
        .with_image_weights(&weights)?;
    compare("bce(sigmoid) > weigh(mask) > weigh(image) > mean(all)", &batch)
}

/// Prints the splits of a batch, and asserts that merged states are the whole.
fn compare(loss: &str, batch: &Batch<'_, f32, Ix4>) -> Result<(), Failure> {
    let loss: Loss = loss.parse()?;
    let (_, gradient) = loss.value_and_gradient(batch)?;
    let mut all = State::new(&loss);
    all.observe(batch)?;
    let whole = all.value()?;
    println!("{loss}\n  the whole: {whole:.6}\n");
    println!(
        "  {:<42} {:>8}   {:<15} {:>8} {:>9}   {:>12}",
        "", "merged", "the framework's", "", "off by", "gradient off"
    );
    for (name, sizes, rule) in SPLITS {
        let parts = parts(batch, sizes)?;
        let mut states = vec![State::new(&loss); parts.len()];
        for (state, batches) in states.iter_mut().zip(&parts) {
            batches.iter().try_for_each(|batch| state.observe(batch))?;
        }
        let merged = State::merged(&states)?;
        assert_eq!(merged.value()?.to_bits(), whole.to_bits(), "{name}: merged is the whole");
        let right = joined(&parts, |_, batch| merged.gradient(batch))?;
        assert_eq!(right, gradient, "{name}: the merged gradient is that of the whole");

        let value = rule.value(&states)?;
        let means = joined(&parts, |part, batch| rule.gradient(&states, part, batch))?;
        println!(
            "  {name:<42} {:>8.6}   {rule:<15} {value:>8.6} {:>+7.2} %   {:>10.1} %",
            merged.value()?,
            100.0 * (value - whole) / whole,
            100.0 * length(&(&means - &gradient)) / length(&gradient),
        );
    }
    println!();
    Ok(())
}

/// The batches of each part, one after another.
fn parts<'a>(
    batch: &Batch<'a, f32, Ix4>,
    sizes: &[&[usize]],
) -> lossfold::Result<Vec<Vec<Batch<'a, f32, Ix4>>>> {
    let mut start = 0;
    let mut next = |size: &usize| -> Range<usize> {
        start += size;
        start - size..start
    };
    sizes.iter().map(|part| part.iter().map(|size| batch.images(next(size))).collect()).collect()
}

/// The gradients of all batches as one array.
fn joined(
    parts: &[Vec<Batch<'_, f32, Ix4>>],
    gradient: impl Fn(usize, &Batch<'_, f32, Ix4>) -> lossfold::Result<Array4<f32>>,
) -> Result<Array4<f32>, Failure> {
    let batches = parts
        .iter()
        .enumerate()
        .flat_map(|(part, batches)| batches.iter().map(move |batch| (part, batch)));
    let gradients =
        batches.map(|(part, batch)| gradient(part, batch)).collect::<lossfold::Result<Vec<_>>>()?;
    let views: Vec<_> = gradients.iter().map(ArrayView4::from).collect();
    Ok(concatenate(Axis(0), &views)?)
}

fn length(gradient: &Array4<f32>) -> f64 {
    gradient.iter().map(|&slope| f64::from(slope).powi(2)).sum::<f64>().sqrt()
}

fn read<A: ReadableElement, D: ndarray::Dimension>(
    name: &str,
) -> Result<ndarray::Array<A, D>, Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/brain").join(name);
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(ndarray::Array::read_npy(file)?)
}
