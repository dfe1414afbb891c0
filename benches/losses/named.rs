//! The benchmarks of criterion, by name.

use std::cell::LazyCell;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};

use crate::arrays::{Arrays, Kind, Number, Order};
use crate::data::LazyData;
use crate::engine::Engine;
use crate::limit;
use crate::subject::Subject;
use crate::workload::{Scores, Workload};

/// One combination that is measured.
#[derive(Clone, Copy)]
struct Row {
    engine: Engine,
    order: Order,
    kind: Kind,
}

/// Small sizes are measured by both engines, the large one by the fused engine. Only a measured run
/// needs every size: another checks all that there is on the first one.
pub fn run(workloads: &[Workload], small: &[LazyData], large: &LazyData) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .nresamples(1001)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .without_plots()
        .configure_from_args();
    let row = |engine, order, kind| Row { engine, order, kind };
    for workload in workloads {
        for data in small {
            let subject = Subject::new(workload, data);
            for engine in [Engine::Reference, Engine::Fused] {
                measure::<f32>(&mut criterion, &subject, row(engine, Order::Nhwc, Kind::Floats));
            }
        }
        let subject = Subject::new(workload, large);
        let all_kinds = workload.name == "weighted_bce_dice";
        for order in Order::ALL {
            measure::<f32>(&mut criterion, &subject, row(Engine::Fused, order, Kind::Floats));
            if all_kinds {
                for kind in [Kind::Bytes, Kind::Labels] {
                    measure::<f32>(&mut criterion, &subject, row(Engine::Fused, order, kind));
                }
                measure::<f64>(&mut criterion, &subject, row(Engine::Fused, order, Kind::Floats));
            }
        }
    }
    limits::<f32>(&mut criterion, large);
    limits::<f64>(&mut criterion, large);
    limit_of_labels(&mut criterion, large);
    criterion.final_summary();
}

/// Measures one row.
fn measure<F: Number>(criterion: &mut Criterion, subject: &Subject<'_>, row: Row) {
    let (name, size) = (subject.workload.name, subject.data.size);
    let Row { engine, order, kind } = row;
    let names = [name, engine.name(), order.name(), kind.name::<F>(), F::NAME, &size.name()];
    let id = names.join("/");
    let mut group = criterion.benchmark_group(&id);
    group.throughput(Throughput::Elements(size.elements() as u64));
    group.sampling_mode(SamplingMode::Flat);
    let case = LazyCell::new(|| {
        subject.case::<F>(&id, engine, |scores, data| Arrays::new(scores, data, order, kind))
    });
    group.bench_function("value", |bencher| {
        LazyCell::force(&case);
        bencher.iter(|| case.value());
    });
    let mut buffer = LazyCell::new(|| case.buffer());
    group.bench_function("gradient_into", |bencher| {
        let buffer = &mut *buffer;
        bencher.iter(|| case.gradient_into(buffer));
    });
    let fresh = ["bce_sigmoid", "weighted_bce_dice"].contains(&name) && F::NAME == "f32";
    if fresh && engine == Engine::Fused && order == Order::Nhwc && kind == Kind::Floats {
        group.bench_function("gradient_fresh", |bencher| {
            LazyCell::force(&case);
            bencher.iter(|| case.gradient_fresh());
        });
    }
    group.finish();
}

/// Measures reading the arrays of a size, and writing one.
fn limits<F: Number>(criterion: &mut Criterion, data: &LazyData) {
    let arrays =
        LazyCell::new(|| Arrays::<F>::new(Scores::Sigmoid, data.get(), Order::Nhwc, Kind::Floats));
    let slices = LazyCell::new(|| arrays.slices());
    let name = format!("{}/{}", F::NAME, data.size.name());
    let mut group = criterion.benchmark_group("limit");
    group.throughput(Throughput::Elements(data.size.elements() as u64));
    group.bench_function(format!("read_2/{name}"), |bencher| {
        let (prediction, target) = *slices;
        bencher.iter(limit::reads_2(prediction, target));
    });
    group.bench_function(format!("read_2_write_1/{name}"), |bencher| {
        let (prediction, target) = *slices;
        bencher.iter(limit::reads_2_writes_1(prediction, target));
    });
    group.finish();
}

fn limit_of_labels(criterion: &mut Criterion, data: &LazyData) {
    let mut group = criterion.benchmark_group("limit");
    group.throughput(Throughput::Elements(data.size.elements() as u64));
    group.bench_function(format!("read_labels/f32/{}", data.size.name()), |bencher| {
        let (prediction, labels) = data.get().slices();
        bencher.iter(limit::reads_labels(prediction, labels));
    });
    group.finish();
}
