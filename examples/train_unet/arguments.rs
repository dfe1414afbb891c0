//! The command line.

use std::error::Error;
use std::str::FromStr;

use lexopt::{Arg, Parser, ValueExt};

use crate::orders::{self, Order};
use crate::train::STEPS;

/// What `--help` prints.
pub const HELP: &str = "\
train_unet: the same small U-Net under several orders of its loss, on a CPU

  cargo run --release --features burn --example train_unet
      several named orders, from three seeds each; then a table
  cargo run --release --features burn --example train_unet -- [options]
      --loss TEXT      train with this loss instead, as \"bce(sigmoid) > mean(all)\"; may be repeated
      --preset CALL    train with what this call computes, as
                       \"keras.losses.BinaryCrossentropy(from_logits=True)\"; may be repeated
      --seeds COUNT    from how many seeds (default: 3)
      --steps COUNT    for how many steps (default: 300)
      --help           print this";

/// What was asked for.
pub struct Arguments {
    /// The losses to train with.
    pub orders: Vec<Order>,
    /// How many seeds there are.
    pub seeds: u64,
    /// How many steps a net is trained for.
    pub steps: usize,
}

impl Arguments {
    /// Reads the command line; none if help was asked for.
    pub fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        let mut orders = Vec::new();
        let (mut seeds, mut steps) = (3, STEPS);
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("loss") => orders.push(orders::written(&parser.value()?.string()?)?),
                Arg::Long("preset") => orders.push(orders::called(&parser.value()?.string()?)?),
                Arg::Long("seeds") => seeds = count("--seeds", &mut parser)?,
                Arg::Long("steps") => steps = count("--steps", &mut parser)?,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            }
        }
        if seeds == 0 {
            return Err("--seeds: expected at least 1, found 0".into());
        }
        if orders.is_empty() {
            orders = orders::named()?;
        }
        Ok(Some(Self { orders, seeds, steps }))
    }
}

/// A number; an error names its option.
fn count<T: FromStr<Err: Error + Send + Sync + 'static>>(
    option: &str,
    parser: &mut Parser,
) -> Result<T, Box<dyn Error>> {
    let value = parser.value()?;
    Ok(value.parse().map_err(|error| format!("{option}: {error}"))?)
}
