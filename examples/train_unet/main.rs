//! The original question, answered to the end: a network whose fifth class was lost under the default order
//! of its loss finds it when the order is changed.
//!
//! ```text
//! cargo run --release --features burn --example train_unet
//! cargo run --release --features burn --example train_unet -- --loss "bce(sigmoid) > max(class) > mean(pixel, image)"
//! ```

mod arguments;
mod data;
mod net;
mod orders;
mod random;
mod score;
mod table;
mod train;

use std::error::Error;
use std::process::ExitCode;

use arguments::Arguments;
use data::{CLASSES, TISSUES};
use indicatif::{ProgressBar, ProgressStyle};
use orders::Order;
use train::{Outcome, Setting};

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train_unet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Box<dyn Error>> {
    let Some(Arguments { orders, seeds, steps }) = Arguments::parse()? else {
        println!("{}", arguments::HELP);
        return Ok(());
    };
    let setting = Setting::new(steps)?;
    let mut outcomes = vec![Vec::new(); orders.len()];
    // Seed by seed, so that whoever stops early has all orders of the seeds that are done.
    for seed in 0..seeds {
        for (order, outcomes) in orders.iter().zip(&mut outcomes) {
            let started = std::time::Instant::now();
            let outcome = watched(&setting, order, seed)?;
            let seconds = started.elapsed().as_secs_f64();
            println!("{}, seed {seed}: {} in {seconds:.0} s", order.name, line(&outcome));
            outcomes.push(outcome);
        }
    }
    println!("\n{}", table::table(&orders, &outcomes));
    Ok(())
}

fn watched(setting: &Setting, order: &Order, seed: u64) -> Result<Outcome, Box<dyn Error>> {
    let bar = ProgressBar::new(setting.steps() as u64);
    bar.set_style(ProgressStyle::with_template(
        "{prefix}\n{wide_bar} {pos}/{len} steps, {eta} left\n{msg}",
    )?);
    bar.set_prefix(format!("{}, seed {seed}\n  {}", order.name, order.loss));
    let mut scores = String::new();
    let outcome = setting.train(&order.loss, seed, |step, loss, outcome| {
        if let Some(outcome) = outcome {
            scores = line(outcome);
            if std::env::var("TRACE").is_ok() { println!("  {step}: {loss:.4} {scores}"); }
        }
        bar.set_message(format!("loss {loss:.4}; held out: {scores}"));
        bar.set_position(step as u64);
    });
    bar.finish_and_clear();
    outcome.map_err(|error| format!("{}, seed {seed}: {error}", order.name).into())
}

fn line(outcome: &Outcome) -> String {
    let scores: [String; CLASSES] =
        std::array::from_fn(|class| format!("{} {:.3}", TISSUES[class], outcome.iou[class]));
    format!("loss {:.4}, IoU {}", outcome.loss, scores.join(", "))
}
