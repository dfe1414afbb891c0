//! What a value and a gradient allocate: no copy of the prediction or the target, no one-hot classes,
//! nothing that grows with the batch. The reference, which materialises every field, is the twin that
//! shows what the measurement would catch.

mod counting;

use std::hint::black_box;

use lossfold::Axis::{Image, Pixel};
use lossfold::{Batch, Labels, Layout, Loss};
use ndarray::{Array3, Array4, Ix4};

use counting::{Bytes, allocated, alone};

const CLASSES: usize = 5;
const SHAPE: [usize; 3] = [8, 192, 192];

const LOSSES: [&str; 5] = [
    "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
    "(bce(sigmoid) > weigh(class=[1, 2, 3, 4, 5]) > mean(all)) \
     + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image))",
    "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)",
    "bce(sigmoid) > weigh(mask) > mean(all)",
    "overlap(sigmoid) > weigh(mask) > dice(pixel, image; smooth=1) > mean(class)",
];

/// One batch with its target in every form that is smaller than floats.
struct Arrays {
    prediction: Array4<f32>,
    bytes: Array4<u8>,
    bools: Array4<bool>,
    byte_labels: Array3<u8>,
    wide_labels: Array3<i64>,
    mask: Array3<bool>,
}

impl Arrays {
    fn new([images, height, width]: [usize; 3]) -> Self {
        let class = |n: usize, h: usize, w: usize| (n + h / 7 + w / 11) % CLASSES;
        let dense = (images, height, width, CLASSES);
        let prediction = Array4::from_shape_fn(dense, |(n, h, w, c)| {
            let wobble = ((n + 31 * h + 17 * w + 7 * c) % 101) as f32 / 50.0 - 1.0;
            if class(n, h, w) == c { 1.0 + wobble } else { wobble - 1.0 }
        });
        let bools = Array4::from_shape_fn(dense, |(n, h, w, c)| class(n, h, w) == c);
        // Some pixels are to be ignored.
        let wide_labels = Array3::from_shape_fn((images, height, width), |(n, h, w)| {
            if (h + w) % 13 == 0 { -100 } else { i64::try_from(class(n, h, w)).expect("small") }
        });
        Self {
            prediction,
            bytes: bools.mapv(u8::from),
            bools,
            byte_labels: wide_labels.mapv(|label| u8::try_from(label).unwrap_or(255)),
            wide_labels,
            mask: Array3::from_shape_fn((images, height, width), |(_, h, w)| (h * w) % 3 != 0),
        }
    }

    /// The batches of a loss, by the form of the target.
    fn batches<'a>(&'a self, loss: &str) -> Vec<(&'static str, Batch<'a, f32, Ix4>)> {
        let prediction = &self.prediction;
        let labels = |labels| Batch::new(Layout::NHWC, prediction, labels);
        let forms = [
            ("dense u8", Batch::new(Layout::NHWC, prediction, &self.bytes)),
            ("dense bool", Batch::new(Layout::NHWC, prediction, &self.bools)),
            ("u8 labels", labels(Labels::new(&self.byte_labels).ignore(255))),
            ("i64 labels", labels(Labels::new(&self.wide_labels).ignore(-100))),
        ];
        let masked = |batch: Batch<'a, f32, Ix4>| batch.with_mask([Pixel, Image], &self.mask);
        let carries = loss.contains("mask");
        forms
            .into_iter()
            .map(|(form, batch)| (form, if carries { batch.and_then(masked) } else { batch }))
            .map(|(form, batch)| (form, batch.expect("the shapes agree")))
            .collect()
    }

    /// Half a byte per element of the prediction: a one-hot target has at least a byte per element, a
    /// copy in floats has four. Each thread holds the numbers of one block of pixels, whatever the batch.
    fn limit(&self) -> usize {
        self.prediction.len() / 2
    }
}

/// Every loss with every form of the target, with what it allocates under `evaluate`.
fn measured(
    arrays: &Arrays,
    losses: &[&str],
    mut evaluate: impl FnMut(&Loss, &Batch<'_, f32, Ix4>) -> lossfold::Result<f32>,
) -> Vec<(String, Bytes)> {
    let mut rows = Vec::new();
    for &text in losses {
        let loss: Loss = text.parse().expect("the text is a loss");
        for (form, batch) in arrays.batches(text) {
            let (value, bytes) = allocated(|| evaluate(&loss, &batch));
            assert!(value.is_ok_and(|value| value > 0.0), "{text}");
            rows.push((format!("{form}: {text}"), bytes));
        }
    }
    rows
}

fn assert_none(expected: &str, found: &[String]) {
    let some = found.iter().take(8).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    assert!(found.is_empty(), "expected {expected}, not so {} times:\n  {some}", found.len());
}

fn assert_small(arrays: &Arrays, rows: Vec<(String, Bytes)>) {
    let limit = arrays.limit();
    let over: Vec<String> = rows
        .into_iter()
        .filter(|(_, bytes)| bytes.peak >= limit)
        .map(|(row, bytes)| format!("{} at peak: {row}", bytes.peak))
        .collect();
    assert_none(&format!("less than {limit} bytes"), &over);
}

#[test]
fn a_value_copies_nothing() {
    let _alone = alone();
    let arrays = Arrays::new(SHAPE);
    assert_small(&arrays, measured(&arrays, &LOSSES, Loss::value));
}

#[test]
fn a_gradient_into_a_buffer_copies_nothing() {
    let _alone = alone();
    let arrays = Arrays::new(SHAPE);
    let mut buffer = Array4::zeros(arrays.prediction.raw_dim());
    let rows =
        measured(&arrays, &LOSSES, |loss, batch| loss.value_and_gradient_into(batch, &mut buffer));
    assert_small(&arrays, rows);
}

/// Partial sums per chunk and per image may grow with the batch, at most by a byte per 8 elements: no
/// array with as many numbers as there are elements, or pixels, is among them.
#[test]
fn what_is_held_does_not_grow_with_images_or_pixels() {
    let _alone = alone();
    let [images, height, width] = SHAPE;
    let peaks = |shape| {
        let arrays = Arrays::new(shape);
        let mut buffer = Array4::zeros(arrays.prediction.raw_dim());
        let mut rows = measured(&arrays, &LOSSES[3..], Loss::value);
        rows.extend(measured(&arrays, &LOSSES[3..], |loss, batch| {
            loss.value_and_gradient_into(batch, &mut buffer)
        }));
        (arrays.prediction.len(), rows)
    };
    let (elements, before) = peaks(SHAPE);
    let mut grown = Vec::new();
    for (what, shape) in [
        ("images", [2 * images, height, width]),
        ("rows", [images, 2 * height, width]),
        ("columns", [images, height, 2 * width]),
    ] {
        let (more, after) = peaks(shape);
        for ((row, before), (_, after)) in before.iter().zip(&after) {
            if after.peak > before.peak + (more - elements) / 8 {
                grown.push(format!("{} to {} by twice the {what}: {row}", before.peak, after.peak));
            }
        }
    }
    assert_none("no growth", &grown);
}

#[test]
fn the_reference_is_far_over_the_limit() {
    let _alone = alone();
    let arrays = Arrays::new([2, 64, 64]);
    for (row, bytes) in measured(&arrays, &LOSSES, |loss, batch| loss.reference().value(batch)) {
        // At least the target and the prediction in f64.
        assert!(bytes.peak >= 16 * arrays.prediction.len(), "{}: {row}", bytes.peak);
        assert!(bytes.peak > 20 * arrays.limit() && bytes.total >= bytes.peak, "{row}");
    }
}

#[test]
fn a_copy_on_any_thread_is_counted() {
    let _alone = alone();
    let arrays = Arrays::new(SHAPE);
    let elements = arrays.prediction.len();
    // The harness and a thread's start may add a little.
    let close = |found: usize, expected: usize| (expected..expected + 4096).contains(&found);

    let (_, none) = allocated(|| black_box(arrays.bytes.iter().filter(|&&t| t == 1).count()));
    assert!(close(none.peak, 0) && close(none.total, 0), "{none:?}");

    let (_, copy) = allocated(|| black_box(arrays.bytes.to_owned()));
    assert!(close(copy.peak, elements) && close(copy.total, elements), "{copy:?}");

    let twice = || (0..2).for_each(|_| drop(black_box(arrays.bytes.to_owned())));
    let ((), freed) = allocated(twice);
    assert!(close(freed.peak, elements) && close(freed.total, 2 * elements), "{freed:?}");

    let ((), elsewhere) =
        allocated(|| std::thread::scope(|scope| scope.spawn(twice).join().expect("it ran")));
    assert!(close(elsewhere.peak, elements), "{elsewhere:?}");
    assert!(close(elsewhere.total, 2 * elements), "{elsewhere:?}");
}
