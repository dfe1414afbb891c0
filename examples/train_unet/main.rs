//! The original question, answered to the end: a network whose fifth class was lost under the default order
//! of its loss finds it when the order is changed.
//!
//! ```text
//! cargo run --release --features burn --example train_unet
//! cargo run --release --features burn --example train_unet -- --seeds 1 \
//!     --loss "bce(sigmoid) > max(class) > mean(pixel, image)" \
//!     --preset "keras.losses.BinaryCrossentropy(from_logits=True)"
//! ```

mod arguments;
mod data;
mod live;
mod net;
mod orders;
mod random;
mod score;
mod table;
mod train;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use arguments::Arguments;
use live::Live;
use orders::Order;
use train::{Outcome, Setting};

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closes the pipe early has read enough.
        Err(error) if closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train_unet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn closed(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn compare() -> Result<(), Box<dyn Error>> {
    let Some(Arguments { orders, seeds, steps }) = Arguments::parse()? else {
        return Ok(writeln!(io::stdout(), "{}", arguments::HELP)?);
    };
    let setting = Setting::new(steps)?;
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); orders.len()];
    // Seed by seed, so that whoever stops early has seen all orders from the seeds that are done.
    for seed in 0..seeds {
        for place in 0..orders.len() {
            let first = if place > 0 { outcomes[0].last() } else { None };
            let outcome = run(&setting, &orders[place], seed, first)?;
            outcomes[place].push(outcome);
        }
    }
    Ok(writeln!(io::stdout(), "\n{}", table::table(&orders, &outcomes))?)
}

fn run(
    setting: &Setting,
    order: &Order,
    seed: u64,
    first: Option<&Outcome>,
) -> Result<Outcome, Box<dyn Error>> {
    let started = Instant::now();
    let mut live = Live::new(setting.steps(), order, seed, first);
    let outcome =
        setting.train(&order.loss, seed, |step, loss, outcome| live.show(step, loss, outcome));
    live.clear();
    let outcome = outcome.map_err(|error| format!("{}, seed {seed}: {error}", order.name))?;
    writeln!(
        io::stdout(),
        "{}, seed {seed}: {}, {:.0} s",
        order.name,
        table::line(&outcome),
        started.elapsed().as_secs_f64()
    )?;
    Ok(outcome)
}
