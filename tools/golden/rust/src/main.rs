//! Golden rows in, what burn or candle compute out: one JSON object a line, both ways.
//!
//! The answer to a row is `{id, expected, expected_shape, grad}` or `{id, error}`. The rows of
//! these two frameworks have no gradient; `grad` is null.

mod burn_loss;
mod candle_loss;
mod row;

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use row::Row;

fn loss(row: &Row) -> Result<f32, String> {
    match row.text("framework")? {
        "burn" => burn_loss::loss(row),
        "candle" => candle_loss::loss(row),
        framework => Err(format!("{framework} is not run here")),
    }
}

/// The number, or as text what JSON lacks, as the file has it.
fn number(value: f32) -> Value {
    if value.is_nan() {
        json!("nan")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "inf" } else { "-inf" })
    } else {
        json!(value)
    }
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let row = Row::parse(&line?)?;
        let id = row.field("id");
        let answer = match loss(&row) {
            Ok(value) => {
                json!({"id": id, "expected": number(value), "expected_shape": [], "grad": null})
            }
            Err(error) => json!({"id": id, "error": error}),
        };
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}
