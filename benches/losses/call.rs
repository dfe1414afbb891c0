//! One loss, called so many times on one thread: for tools that count what a call executes.

use crate::arrays::{Arrays, Kind, Order};
use crate::data::{LazyData, Size};
use crate::engine::Engine;
use crate::subject::Subject;
use crate::workload::Workload;

/// As large as an image of the large batch; the preparation is slow under such tools.
const SIZE: Size = Size([1, 256, 256, 5]);

/// Runs what `workload layout function calls` says, and prints the number of elements.
pub fn run(workloads: &[Workload], arguments: &[String]) {
    let [name, layout, function, calls] = arguments else {
        panic!("expected a workload, a layout, a function and a number of calls");
    };
    // The main thread is the pool: nobody waits for another, and every call executes the same.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("no pool yet");
    let workload = workloads.iter().find(|workload| workload.name == name).expect("a workload");
    let order = Order::ALL.into_iter().find(|order| order.name() == layout).expect("a layout");
    let data = LazyData::new(SIZE);
    let subject = Subject::new(workload, &data);
    let case = subject.case::<f32>(name, Engine::Fused, |scores, data| {
        Arrays::new(scores, data, order, Kind::Floats)
    });
    let mut buffer = case.buffer();
    for _ in 0..calls.parse().expect("a number of calls") {
        match function.as_str() {
            "value" => case.value(),
            "gradient_into" => case.gradient_into(&mut buffer),
            _ => panic!("expected value or gradient_into, found {function}"),
        }
    }
    println!("elements {}", case.elements());
}
