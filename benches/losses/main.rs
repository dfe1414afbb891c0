//! The value and the gradient of typical losses, by engine, layout, target and size.
//!
//! `cargo bench --bench losses` measures each by itself, `workload/engine/layout/target/dtype/size/function`,
//! and the limit beside them, and prints tables of ratios at the end. A name after `--` filters, and then
//! there are no tables; `-- tables` measures these alone, which takes a minute or two.
//! `cargo bench -- --test` and `cargo test --benches` run everything once, on small batches only. Every
//! value is held to plain loops over the same data, and every gradient once to a difference of theirs.
//! `-- call workload layout function calls` calls one loss, for `benches/instructions.sh`.

mod arrays;
mod call;
mod case;
mod data;
mod engine;
mod limit;
mod named;
mod plain;
mod subject;
mod table;
mod tables;
mod workload;

use data::{LazyData, Size};
use tables::Tables;
use workload::Workload;

const SMALL: [Size; 2] = [Size([2, 64, 64, 5]), Size([4, 64, 64, 5])];
const LARGE: Size = Size([16, 256, 256, 5]);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |argument: &str| arguments.iter().any(|given| given == argument);
    // As criterion tells the modes apart.
    let measured = given("--bench") && !given("--test");
    let all = arguments.iter().all(|argument| argument == "--bench" || argument == "--test");
    // Unmeasured runs check every combination on the smallest batches.
    let (small, large) = if measured { (&SMALL[..], LARGE) } else { (&SMALL[..1], SMALL[1]) };
    let small: Vec<_> = small.iter().copied().map(LazyData::new).collect();
    let large = LazyData::new(large);
    let workloads = Workload::all();
    if let Some(at) = arguments.iter().position(|argument| argument == "call") {
        return call::run(&workloads, &arguments[at + 1..]);
    }
    if !given("tables") {
        named::run(&workloads, &small, &large);
    }
    if all || given("tables") {
        Tables { workloads: &workloads, small: &small[0], large: &large, measured }.print();
    }
}
