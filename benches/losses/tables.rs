//! The tables of ratios: what a loss costs against the limit, and against another layout, type or size.

use rayon::ThreadPoolBuilder;

use crate::arrays::{Arrays, Kind, Number, Order};
use crate::case::Case;
use crate::data::{Data, LazyData, Size};
use crate::engine::Engine;
use crate::limit;
use crate::subject::Subject;
use crate::table::{Cell, Table};
use crate::workload::{Scores, Workload};

/// The counts of classes that are compared.
const CLASSES: [usize; 7] = [1, 2, 3, 5, 19, 21, 150];

/// What all tables have in common.
pub struct Tables<'a> {
    pub workloads: &'a [Workload],
    pub small: &'a LazyData,
    pub large: &'a LazyData,
    pub measured: bool,
}

fn contiguous<'s, F: Number>(subject: &'s Subject<'_>, order: Order, kind: Kind) -> Case<'s, F> {
    let id = format!("{} {} {}", subject.workload.name, order.name(), F::NAME);
    subject.case(&id, Engine::Fused, |scores, data| Arrays::new(scores, data, order, kind))
}

fn value<'c, F: Number>(case: &'c Case<'_, F>) -> Cell<'c> {
    Cell::new(case.elements(), || case.value())
}

fn gradient<'c, F: Number>(case: &'c Case<'_, F>) -> Cell<'c> {
    let mut buffer = case.buffer();
    Cell::new(case.elements(), move || case.gradient_into(&mut buffer))
}

fn read_2<'c, F: Number>(case: &'c Case<'_, F>) -> Cell<'c> {
    let (prediction, target) = case.slices();
    Cell::new(case.elements(), limit::reads_2(prediction, target))
}

fn read_2_write_1<'c, F: Number>(case: &'c Case<'_, F>) -> Cell<'c> {
    let (prediction, target) = case.slices();
    Cell::new(case.elements(), limit::reads_2_writes_1(prediction, target))
}

impl Table {
    /// Value and gradient of a case over those of another.
    fn compare<F: Number, G: Number>(
        &mut self,
        name: &str,
        case: &Case<'_, F>,
        base: &Case<'_, G>,
    ) {
        let [times, of_base] = self.times([value(case), value(base)]);
        self.line(&format!("{name} value"), &times, &of_base);
        let [times, of_base] = self.times([gradient(case), gradient(base)]);
        self.line(&format!("{name} gradient_into"), &times, &of_base);
    }
}

impl Tables<'_> {
    pub fn print(&self) {
        self.workloads();
        self.labels();
        self.views();
        self.class_counts();
        self.orders();
        self.engines();
        self.types();
        self.sizes();
        self.threads();
    }

    fn table(&self, title: &str) -> Table {
        Table::new(title, self.measured)
    }

    fn of<'s>(&'s self, name: &str, data: &'s LazyData) -> Subject<'s> {
        let workload = self.workloads.iter().find(|workload| workload.name == name);
        Subject::new(workload.expect("a workload"), data)
    }

    /// Each workload in both layouts against the limit, and one layout against the other.
    fn workloads(&self) {
        let mut limits = self.table("over read_2 (value), over read_2_write_1 (gradient_into)");
        let mut layouts = self.table("nhwc over nchw");
        for workload in self.workloads {
            let subject = Subject::new(workload, self.large);
            let [nhwc, nchw] =
                Order::ALL.map(|order| contiguous::<f32>(&subject, order, Kind::Floats));
            let values = limits.times([read_2(&nhwc), value(&nhwc), value(&nchw)]);
            let gradients = limits.times([read_2_write_1(&nhwc), gradient(&nhwc), gradient(&nchw)]);
            for (function, [limit, nhwc, nchw]) in [("value", values), ("gradient_into", gradients)]
            {
                let name = |order| format!("{} {order} {function}", workload.name);
                limits.line(&name("nhwc"), &nhwc, &limit);
                limits.line(&name("nchw"), &nchw, &limit);
                layouts.line(&format!("{} {function}", workload.name), &nhwc, &nchw);
            }
        }
        limits.print();
        layouts.print();
    }

    fn labels(&self) {
        let mut table = self.table("weighted_bce_dice with u8 labels");
        let subject = self.of("weighted_bce_dice", self.large);
        let (prediction, labels) = self.large.get().slices();
        for order in Order::ALL {
            let dense = contiguous::<f32>(&subject, order, Kind::Floats);
            let with_labels = contiguous::<f32>(&subject, order, Kind::Labels);
            let read_labels = limit::reads_labels(prediction, labels);
            let [read_2, read_labels, of_dense, of_labels] = table.times([
                read_2(&dense),
                Cell::new(dense.elements(), read_labels),
                value(&dense),
                value(&with_labels),
            ]);
            let name = |base| format!("{} value / {base}", order.name());
            table.line(&name("read_2 of the dense arrays"), &of_labels, &read_2);
            table.line(&name("read_labels"), &of_labels, &read_labels);
            table.line(&name("value of the dense target"), &of_labels, &of_dense);
        }
        table.print();
    }

    fn views(&self) {
        let mut table = self.table("views over their contiguous copies");
        for name in ["bce_sigmoid", "weighted_bce_dice"] {
            let subject = self.of(name, self.large);
            let mut compare =
                |view: &str, order, arrays: fn(Scores, &Data, Order) -> Arrays<f32>| {
                    let copy = contiguous::<f32>(&subject, order, Kind::Floats);
                    let view = format!("{name} {view}");
                    let viewed = subject
                        .case(&view, Engine::Fused, |scores, data| arrays(scores, data, order));
                    table.compare(&view, &viewed, &copy);
                };
            compare("nchw seen as nhwc", Order::Nhwc, |scores, data, _| {
                Arrays::permuted(scores, data)
            });
            compare("nhwc, every second column", Order::Nhwc, Arrays::strided);
            compare("nchw, every second column", Order::Nchw, Arrays::strided);
        }
        table.print();
    }

    /// As many elements of as many classes each, per element, over the cheapest.
    fn class_counts(&self) {
        let mut table = self.table("weighted_bce_dice by classes, over the cheapest");
        let images = self.large.size.0[0];
        let of_image = self.large.size.elements() / images;
        let subjects = CLASSES.map(|classes| {
            let side = (of_image / classes).isqrt();
            let data = LazyData::new(Size([images, side, side, classes]));
            (Workload::weighted_bce_dice(classes).expect("a loss of any classes"), data)
        });
        let subjects = subjects.each_ref().map(|(workload, data)| Subject::new(workload, data));
        for order in Order::ALL {
            let cases = subjects.each_ref();
            let cases = cases.map(|subject| contiguous::<f32>(subject, order, Kind::Floats));
            for (function, times) in [
                ("value", table.times(cases.each_ref().map(value))),
                ("gradient_into", table.times(cases.each_ref().map(gradient))),
            ] {
                let medians = times.iter().min_by(|a, b| a.median().total_cmp(&b.median()));
                let cheapest = medians.expect("counts of classes");
                for (classes, times) in CLASSES.iter().zip(&times) {
                    let name = format!("{} {function}, {classes} classes", order.name());
                    table.line(&name, times, cheapest);
                }
            }
        }
        table.print();
    }

    /// An order that needs all classes of a pixel against a sum.
    fn orders(&self) {
        let mut table = self.table("bce_max_class over bce_sigmoid");
        let [largest, sum] = ["bce_max_class", "bce_sigmoid"].map(|name| self.of(name, self.large));
        for order in Order::ALL {
            let largest = contiguous::<f32>(&largest, order, Kind::Floats);
            let sum = contiguous::<f32>(&sum, order, Kind::Floats);
            table.compare(order.name(), &largest, &sum);
        }
        table.print();
    }

    fn engines(&self) {
        let mut table = self.table(&format!("reference over fused, {}", self.small.size.name()));
        for workload in self.workloads {
            let subject = Subject::new(workload, self.small);
            let fused = contiguous::<f32>(&subject, Order::Nhwc, Kind::Floats);
            let reference = subject.case("reference", Engine::Reference, |scores, data| {
                Arrays::<f32>::new(scores, data, Order::Nhwc, Kind::Floats)
            });
            table.compare(workload.name, &reference, &fused);
        }
        table.print();
    }

    fn types(&self) {
        let mut table = self.table("f64 over f32");
        for name in ["bce_sigmoid", "weighted_bce_dice"] {
            let subject = self.of(name, self.large);
            for order in Order::ALL {
                let double = contiguous::<f64>(&subject, order, Kind::Floats);
                let single = contiguous::<f32>(&subject, order, Kind::Floats);
                let name = format!("{name} {}", order.name());
                let [of_double, of_single] = table.times([read_2(&double), read_2(&single)]);
                table.line(&format!("{name} read_2"), &of_double, &of_single);
                table.compare(&name, &double, &single);
            }
        }
        table.print();
    }

    fn sizes(&self) {
        let mut table = self.table("weighted_bce_dice per element, over many images");
        let Size([images, height, width, classes]) = self.large.size;
        let side = images.isqrt();
        let one = LazyData::new(Size([1, side * height, side * width, classes]));
        let many = self.of("weighted_bce_dice", self.large);
        for data in [&one, self.small] {
            let other = self.of("weighted_bce_dice", data);
            for order in Order::ALL {
                let other = contiguous::<f32>(&other, order, Kind::Floats);
                let many = contiguous::<f32>(&many, order, Kind::Floats);
                let names = [order.name(), &data.size.name(), "over", &self.large.size.name()];
                table.compare(&names.join(" "), &other, &many);
            }
        }
        table.print();
    }

    fn threads(&self) {
        let mut table = self.table("one thread over two");
        let pools = [1, 2]
            .map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("threads"));
        for name in ["bce_sigmoid", "weighted_bce_dice"] {
            let subject = self.of(name, self.large);
            let case = contiguous::<f32>(&subject, Order::Nhwc, Kind::Floats);
            let [one, two] = table.times(
                pools
                    .each_ref()
                    .map(|pool| Cell::new(case.elements(), || pool.install(|| case.value()))),
            );
            table.line(&format!("{name} nhwc value"), &one, &two);
            let [one, two] = table.times(pools.each_ref().map(|pool| {
                let (mut buffer, case) = (case.buffer(), &case);
                Cell::new(case.elements(), move || pool.install(|| case.gradient_into(&mut buffer)))
            }));
            table.line(&format!("{name} nhwc gradient_into"), &one, &two);
        }
        table.print();
    }
}
