//! The value and the gradient of typical losses, by engine, layout, target and size.
//!
//! `cargo bench` measures; an argument filters by id, `workload/engine/layout/target/dtype/size/function`.
//! `cargo bench -- --test` and `cargo test --benches` run each benchmark once, on small batches only.
//! Every call asserts its value against plain loops over the same data, and every gradient is held
//! once against a difference of theirs. At the end stand the ratios of the two engines.

mod data;
mod engine;
mod times;
mod workload;

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use lossfold::{Batch, Labels, Layout, Loss, Result};
use ndarray::{Array3, Array4, Ix4};

use data::{Data, Size};
use engine::Engine;
use times::Times;
use workload::{WORKLOADS, Workload};

const SMALL: [Size; 2] = [Size([2, 64, 64]), Size([4, 64, 64])];
const LARGE: Size = Size([16, 256, 256]);

/// Relative. The prediction is f32, and so are an engine's numbers per cell; sums are to be better.
const VALUE_TOLERANCE: f64 = 1e-5;
/// Relative, of the derivative along a direction in which no cell cancels another. The difference
/// itself is good to some 1e-6, and to less where a maximum or a top changes hands within its step.
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// A call that would take longer is not measured: a few of its kind would fill the whole run.
const LONGEST_CALL: f64 = 0.5;

/// One combination that is measured.
#[derive(Clone, Copy)]
struct Row<'a> {
    engine: Engine,
    layout: &'static str,
    target: &'static str,
    data: &'a LazyCell<Data, Box<dyn Fn() -> Data>>,
    size: Size,
}

impl Row<'_> {
    fn group(&self, workload: &str) -> String {
        let engine = self.engine.name();
        let (layout, target, size) = (self.layout, self.target, self.size.name());
        format!("{workload}/{engine}/{layout}/{target}/f32/{size}")
    }
}

enum Target {
    Floats(Array4<f32>),
    Bytes(Array4<u8>),
    Labels(Array3<u8>),
}

/// A row's arrays, in its layout.
struct Arrays {
    layout: Layout,
    prediction: Array4<f32>,
    target: Target,
}

/// The same array with its axes in the order of a layout, contiguous.
fn laid_out<A: Clone>(array: Array4<A>, layout: &str) -> Array4<A> {
    match layout {
        "nchw" => array.permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned(),
        _ => array,
    }
}

impl Arrays {
    fn new(row: Row<'_>, workload: &Workload) -> Self {
        Self {
            layout: if row.layout == "nchw" { Layout::NCHW } else { Layout::NHWC },
            prediction: laid_out(workload.prediction(row.data).clone(), row.layout),
            target: match row.target {
                "f32" => Target::Floats(laid_out(row.data.one_hot(0.0, 1.0), row.layout)),
                "u8" => Target::Bytes(laid_out(row.data.one_hot(0, 1), row.layout)),
                _ => Target::Labels(row.data.labels.clone()),
            },
        }
    }

    fn batch(&self) -> Batch<'_, f32, Ix4> {
        match &self.target {
            Target::Floats(target) => Batch::new(self.layout, &self.prediction, target),
            Target::Bytes(target) => Batch::new(self.layout, &self.prediction, target),
            Target::Labels(labels) => {
                Batch::new(self.layout, &self.prediction, Labels::new(labels))
            }
        }
        .expect("the shapes agree")
    }
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs()
}

/// Measures one row. `expected` is the value and the derivative along the data's direction.
fn measure(
    criterion: &mut Criterion,
    times: &Times,
    workload: &Workload,
    row: Row<'_>,
    expected: &dyn Fn() -> (f64, f64),
) {
    let id = row.group(workload.name);
    let loss: Loss = workload.text.parse().expect("the text is a loss");
    let mut group = criterion.benchmark_group(&id);
    group.throughput(Throughput::Elements(row.size.elements() as u64));
    group.sampling_mode(SamplingMode::Flat);
    // Made when the first function runs: a filter may leave none. The gradient is checked here, once.
    let arrays = LazyCell::new(|| {
        let arrays = Arrays::new(row, workload);
        let (_, slope) = expected();
        // What the buffer held before must not matter.
        let mut gradient = Array4::from_elem(arrays.prediction.raw_dim(), f32::NAN);
        row.engine.gradient_into(&loss, &arrays.batch(), &mut gradient).expect("a good batch");
        let direction = laid_out(row.data.direction.clone(), row.layout);
        let products = gradient.iter().zip(&direction);
        let found: f64 = products.map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
        assert!(close(found, slope, GRADIENT_TOLERANCE), "{id}: slope {found}, expected {slope}");
        arrays
    });
    let check = |value: f32| {
        let (found, expected) = (f64::from(value), expected().0);
        assert!(close(found, expected, VALUE_TOLERANCE), "{id}: {found}, expected {expected}");
    };

    let mut time = |name: &str, call: &mut dyn FnMut(&Batch<'_, f32, Ix4>) -> Result<f32>| {
        let small = Row { size: SMALL[1], layout: "nhwc", target: "f32", ..row };
        let ratio = row.size.elements() as f64 / small.size.elements() as f64;
        let small = times.median(&format!("{}/{name}", small.group(workload.name)));
        if let Some(seconds) = small.map(|small| small * ratio).filter(|&s| s > LONGEST_CALL) {
            println!("{id}/{name}: not measured, a call would take some {seconds:.1} s");
            return;
        }
        one(&mut group, times, &format!("{id}/{name}"), name, &mut || {
            // Views are made anew, as in a training loop.
            check(call(black_box(&arrays.batch())).expect("a good batch"));
        });
    };
    time("value", &mut |batch| row.engine.value(&loss, batch));
    let mut buffer = LazyCell::new(|| Array4::zeros(arrays.prediction.raw_dim()));
    time("gradient_into", &mut |batch| row.engine.gradient_into(&loss, batch, &mut buffer));
    let fresh = ["bce_sigmoid", "weighted_bce_dice"].contains(&workload.name);
    if fresh && (row.engine, row.layout, row.target) == (Engine::Fused, "nhwc", "f32") {
        time("gradient_fresh", &mut |batch| {
            let (value, gradient) = row.engine.gradient(&loss, batch)?;
            black_box(gradient);
            Ok(value)
        });
    }
    group.finish();
}

/// Measures one function of a group.
fn one(
    group: &mut BenchmarkGroup<'_, WallTime>,
    times: &Times,
    id: &str,
    name: &str,
    call: &mut dyn FnMut(),
) {
    let mut first = true;
    group.bench_function(name, |bencher| {
        if std::mem::take(&mut first) {
            call(); // makes the arrays
        }
        bencher.iter_custom(|iterations| times.timed(id, iterations, call));
    });
}

fn main() {
    // As criterion tells the modes apart.
    let given = |flag: &str| std::env::args().any(|argument| argument == flag);
    let measured = given("--bench") && !given("--test");
    let mut criterion = Criterion::default()
        .sample_size(times::SAMPLES)
        .nresamples(1001)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .without_plots()
        .configure_from_args();
    let times = Times::default();

    // Unmeasured runs check every combination on the smallest batch.
    let (small, large) = if measured { (&SMALL[..], LARGE) } else { (&SMALL[..1], SMALL[0]) };
    let made = |size: Size| LazyCell::new(Box::new(move || Data::new(size)) as Box<dyn Fn() -> _>);
    let small: Vec<_> = small.iter().map(|&size| (size, made(size))).collect();
    let large = (large, made(large));
    for workload in &WORKLOADS {
        for (size, data) in &small {
            let expected = LazyCell::new(|| workload.expected(data));
            for engine in [Engine::Reference, Engine::Fused] {
                let row = Row { engine, layout: "nhwc", target: "f32", data, size: *size };
                measure(&mut criterion, &times, workload, row, &|| *expected);
            }
        }
        let (size, data) = &large;
        let expected = LazyCell::new(|| workload.expected(data));
        let targets = if workload.name == "weighted_bce_dice" { 3 } else { 1 };
        for (layout, target) in
            ["f32", "u8", "labels"][..targets].iter().flat_map(|&t| [("nhwc", t), ("nchw", t)])
        {
            if !measured && (layout, target) == ("nhwc", "f32") {
                continue; // the small row
            }
            let row = Row { engine: Engine::Fused, layout, target, data, size: *size };
            measure(&mut criterion, &times, workload, row, &|| *expected);
        }
    }
    criterion.final_summary();
    if measured {
        times.print();
    }
}
