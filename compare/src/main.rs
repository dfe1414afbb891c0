//! The Rust engines as a worker of `run.py`: `compare FOLDER IMAGES HEIGHT WIDTH`.
//!
//! It writes the data and what is expected of them into the folder and prints its cells, as one line of
//! JSON. Then each number of a cell on standard input is answered by a row: calls for 20 ms, then a
//! timed one, which is checked. A wrong result ends the program. `RAYON_NUM_THREADS` says on how many threads.

mod cell;
mod data;
mod engine;
mod workload;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Value, json};

use cell::{Call, Cell, Mode, Tolerance};
use data::{Data, Layout};
use engine::Arrays;
use workload::{Expected, WORKLOADS};

/// Every cell that there is.
fn cells(arrays: &[Rc<Arrays>]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for arrays in arrays {
        let layout = arrays.layout;
        let candle = engine::candle::Tensors::new(arrays);
        let burn = engine::burn::devices()
            .map(|(name, device)| (name, engine::burn::Tensors::new(arrays, device)));
        for (workload, mode) in WORKLOADS.iter().flat_map(|w| Mode::ALL.map(|mode| (w, mode))) {
            let mut push = |engine, package, tolerance, call: Box<dyn Call>| {
                let version = engine::version(package);
                cells.push(Cell { workload, mode, layout, engine, version, tolerance, call });
            };
            if let Some(call) = engine::lossfold::call(workload, mode, arrays) {
                push("lossfold", "lossfold", Tolerance::WIDE_SUMS, call);
            }
            if mode == Mode::Value {
                let call = engine::plain::call(workload, arrays);
                push("ndarray", "ndarray", Tolerance::NARROW_SUMS, call);
            }
            for (name, tensors) in &burn {
                let call = engine::burn::call(workload, mode, tensors);
                push(name, "burn", Tolerance::NARROW_SUMS, call);
            }
            let call = engine::candle::call(workload, mode, &candle);
            push("candle", "candle-core", Tolerance::NARROW_SUMS, call);
        }
    }
    cells
}

fn describe(cell: &Cell) -> Value {
    json!({
        "workload": cell.workload.name,
        "mode": cell.mode.name(),
        "layout": cell.layout.name(),
        "engine": cell.engine,
        "version": cell.version,
        "threads": rayon::current_num_threads(),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, size @ ..] = arguments.as_slice() else {
        return Err("usage: compare FOLDER IMAGES HEIGHT WIDTH".into());
    };
    let size: Vec<usize> = size.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
    let data = Data::new(size.as_slice().try_into()?);
    let expected: Vec<Expected> = WORKLOADS.iter().map(|w| w.expected(&data)).collect();
    let folder = Path::new(folder);
    data.write(folder)?;
    let written: Vec<_> = WORKLOADS
        .iter()
        .zip(&expected)
        .map(|(w, e)| json!({"workload": w.name, "value": e.value, "slope": e.slope}))
        .collect();
    std::fs::write(folder.join("expected.json"), json!(written).to_string())?;

    for workload in &WORKLOADS {
        if let Err(error) = workload.text.parse::<lossfold::Loss>() {
            eprintln!("lossfold: {} is skipped: {error}", workload.name);
        }
    }
    let arrays = Layout::ALL.map(|layout| Rc::new(Arrays::new(&data, layout)));
    let mut cells = cells(&arrays);
    println!("{}", cells.iter().map(describe).collect::<Value>());
    for line in std::io::stdin().lines() {
        let cell = &mut cells[line?.trim().parse::<usize>()?];
        let at = WORKLOADS.iter().position(|w| w.kind == cell.workload.kind).expect("one of them");
        let layout = arrays.iter().find(|arrays| arrays.layout == cell.layout);
        let direction = &layout.expect("one of the two").direction;
        let ms = cell.timed(expected[at], direction);
        let ms = ms.map_err(|wrong| format!("{}: {wrong}", cell.id()))?;
        let mut row = describe(cell);
        row["ms"] = json!(ms);
        println!("{row}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
