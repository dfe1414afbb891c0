//! The reference engine on one realistic batch, by loss. Every benchmark asserts its result.
//!
//! Run with `cargo bench`; `cargo test --benches` runs each once.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lossfold::{Batch, Layout, Loss};
use ndarray::Array4;

/// What is measured: a name, and the loss.
const WORKLOADS: [(&str, &str); 3] = [
    ("bce", "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)"),
    ("dice", "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)"),
    (
        "weighted_bce_dice",
        "(bce(sigmoid) > weigh(class=[1, 2, 3, 4, 5]) > mean(all)) \
         + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image))",
    ),
];

fn losses(criterion: &mut Criterion) {
    let shape = (4, 64, 64, 5);
    // Logits of 0 make every value known: ln 2 per cell, and p = 1/2.
    let prediction = Array4::<f32>::zeros(shape);
    let target = Array4::from_shape_fn(shape, |(n, h, w, c)| u8::from((n + h + w) % 5 == c));
    let batch = Batch::new(Layout::NHWC, &prediction, &target).expect("the shapes agree");
    let pixels = 64.0 * 64.0_f32;
    for (name, text) in WORKLOADS {
        let loss: Loss = text.parse().expect("the text is a loss");
        let expected = match name {
            "bce" => 2.0_f32.ln(),
            // A class is a fifth of the pixels: 2 P/10 + 1 over P/2 + P/5 + 1, on average.
            "dice" => 1.0 - (0.2 * pixels + 1.0) / (0.7 * pixels + 1.0),
            _ => 2.0_f32.ln() + 1.0 - (0.2 * pixels + 1.0) / (0.7 * pixels + 1.0),
        };
        let check = |value: f32| assert!((value - expected).abs() < 1e-4, "{name}: {value}");
        let mut group =
            criterion.benchmark_group(format!("{name}/reference/nhwc/u8/f32/4x64x64x5"));
        group.sample_size(10).throughput(Throughput::Elements(prediction.len() as u64));
        group.bench_function("value", |bencher| {
            bencher.iter(|| check(loss.value(black_box(&batch)).expect("the batch is good")));
        });
        group.bench_function("value_and_gradient", |bencher| {
            bencher.iter(|| {
                let (value, _) =
                    loss.value_and_gradient(black_box(&batch)).expect("the batch is good");
                check(value);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, losses);
criterion_main!(benches);
