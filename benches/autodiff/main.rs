//! A step of training, value and gradient, through the autodiff of burn and of candle on a CPU: the loss as one
//! operation, lowered to the library's operations, and written by hand with these.
//!
//! `cargo bench --features burn,candle --bench autodiff` measures each by itself, `workload/engine`, and prints a
//! table of ratios at the end, for which they take turns. A name after `--` filters, and then there is no table.
//! `-- --test` runs everything once, on a small batch. Every value is held to that of `Loss::value`.

mod burn;
mod candle;
#[path = "../losses/table.rs"]
mod table;

use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use lossfold::{Batch, Layout, Loss};
use ndarray::Array4;

use table::{Cell, Table};

/// A loss that libraries have, and that is written by hand for each.
#[derive(Clone, Copy)]
enum Kind {
    Bce,
    BceDice,
    CrossEntropy,
    SoftmaxDice,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Bce, Self::BceDice, Self::CrossEntropy, Self::SoftmaxDice];

    fn name(self) -> &'static str {
        match self {
            Self::Bce => "bce_sigmoid",
            Self::BceDice => "bce_dice_sigmoid",
            Self::CrossEntropy => "cross_entropy",
            Self::SoftmaxDice => "dice_softmax",
        }
    }

    fn loss(self) -> Loss {
        let text = match self {
            Self::Bce => "bce(sigmoid) > mean(all)",
            Self::BceDice => {
                "(bce(sigmoid) > mean(all)) \
                 + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class, image))"
            }
            Self::CrossEntropy => "cross_entropy(softmax) > sum(class) > mean(pixel, image)",
            Self::SoftmaxDice => "overlap(softmax) > dice(pixel; smooth=1) > mean(class, image)",
        };
        text.parse().expect("a loss")
    }
}

/// Logits and a target of 0 and 1, image class row column.
struct Data {
    logits: Array4<f32>,
    target: Array4<f32>,
}

impl Data {
    fn new(shape: [usize; 4]) -> Self {
        // A multiplicative hash of the place: the same numbers everywhere, without a dependency.
        let hash = |place: usize| (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let [_, classes, rows, columns] = shape;
        let target = Array4::from_shape_fn(shape, |(image, class, row, column)| {
            let pixel = (image * rows + row / 16) * columns + column / 16;
            f32::from(u8::from(hash(pixel) % classes as u64 == class as u64))
        });
        let mut place = 0;
        let logits = target.mapv(|truth| {
            place += 1;
            hash(place) as f32 / (1_u32 << 24) as f32 * 6.0 - 4.0 + 3.0 * truth
        });
        Self { logits, target }
    }
}

/// A way to value and gradient, by name: the value that it returns is checked.
type Way<'a> = (&'static str, Box<dyn FnMut() -> f32 + 'a>);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |argument: &str| arguments.iter().any(|given| given == argument);
    // As criterion tells the modes apart.
    let measured = given("--bench") && !given("--test");
    let all = arguments.iter().all(|argument| argument == "--bench" || argument == "--test");
    let data = Data::new(if measured { [8, 5, 256, 256] } else { [2, 5, 16, 16] });
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .without_plots()
        .configure_from_args();
    let title = format!("value and gradient, {:?}, over those by hand", data.logits.shape());
    let mut table = Table::new(title, measured);
    for kind in Kind::ALL {
        let loss = kind.loss();
        let ways = || -> [Way<'_>; 5] {
            let [operation, lowered, by_hand] = burn::ways(kind, &loss, &data);
            let [of_candle, candle_by_hand] = candle::ways(kind, &loss, &data);
            [operation, lowered, by_hand, of_candle, candle_by_hand]
        };
        check(&loss, &data, ways());
        let mut group = criterion.benchmark_group(kind.name());
        group.sampling_mode(SamplingMode::Flat);
        for (name, mut way) in ways() {
            group.bench_function(name, |bencher| bencher.iter(&mut way));
        }
        group.finish();
        if all {
            let names = ways().map(|(name, _)| format!("{}, {name}", kind.name()));
            let cells = ways().map(|(_, mut way)| {
                Cell::new(data.logits.len(), move || {
                    way();
                })
            });
            let times = table.times(cells);
            for (way, base) in [(0, 2), (1, 2), (3, 4)] {
                table.line(&names[way], &times[way], &times[base]);
            }
        }
    }
    criterion.final_summary();
    table.print();
}

/// The libraries sum in f32: of some millions of cells, three digits are left.
fn check(loss: &Loss, data: &Data, ways: [Way<'_>; 5]) {
    let batch = Batch::new(Layout::NCHW, &data.logits, &data.target).expect("the shapes agree");
    let expected = loss.value(&batch).expect("a value");
    for (name, mut way) in ways {
        let found = way();
        assert!((found - expected).abs() <= 1e-3 * expected, "{name}: {found}, not {expected}");
    }
}
