//! The value and the gradient of typical losses, by engine, layout, target and size.
//!
//! `cargo bench` measures; an argument filters by id, `workload/engine/layout/target/dtype/size/function`.
//! `limit/...` stands beside them: what it costs to read the arrays at all.
//! `cargo bench -- --test` and `cargo test --benches` run everything once, on small batches only. Every
//! value is held to plain loops over the same data, and every gradient once to a difference of theirs.

mod arrays;
mod case;
mod data;
mod engine;
mod limit;
mod named;
mod plain;
mod subject;
mod workload;

use data::{LazyData, Size};
use workload::Workload;

const SMALL: [Size; 2] = [Size([2, 64, 64, 5]), Size([4, 64, 64, 5])];
const LARGE: Size = Size([16, 256, 256, 5]);

fn main() {
    let given = |argument: &str| std::env::args().any(|given| given == argument);
    // As criterion tells the modes apart.
    let measured = given("--bench") && !given("--test");
    // Unmeasured runs check every combination on the smallest batches.
    let (small, large) = if measured { (&SMALL[..], LARGE) } else { (&SMALL[..1], SMALL[1]) };
    let small: Vec<_> = small.iter().copied().map(LazyData::new).collect();
    named::run(&Workload::all(), &small, &LazyData::new(large));
}
