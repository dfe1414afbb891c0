//! Where does a loss come from? On the bundled brain batch, or on a user's own arrays.
//!
//! ```text
//! cargo run --release --example explain
//! cargo run --release --example explain -- --prediction p.npy --target t.npy \
//!     --layout "image pixel pixel class" --loss "bce(sigmoid) > mean(all)" [--ignore 255] [--json]
//! ```

mod arguments;
mod arrays;
mod orders;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::Arguments;
use lossfold::{Loss, Report};
use serde_json::json;

fn main() -> ExitCode {
    match answer() {
        // A reader that closes the pipe early has read enough.
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&error),
            _ => ExitCode::SUCCESS,
        },
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("explain: {error}");
    ExitCode::FAILURE
}

fn answer() -> Result<String, Box<dyn Error>> {
    let Some(arguments) = Arguments::parse()? else {
        return Ok(format!("{}\n", arguments::HELP));
    };
    let loss: Loss = arguments.loss.parse()?;
    let arrays = arrays::read(&arguments)?;
    if arguments.json {
        Ok(format!("{}\n", as_json(&arrays.explain(&loss)?)))
    } else if arguments.bundled {
        orders::answer(&arrays, &loss)
    } else {
        Ok(arrays.explain(&loss)?.to_string())
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let classes = report.classes.iter().map(|class| {
        json!({
            "class": class.class,
            "pixels": class.pixels,
            "own": class.own,
            "own_where_true": class.own_where_true,
            "dice": class.dice,
            "iou": class.iou,
            "contribution": class.contribution,
            "share_of_total": class.share_of_total,
            "share_of_gradient": class.share_of_gradient,
        })
    });
    let images = report.images.iter().map(|image| {
        json!({
            "image": image.image,
            "own": image.own,
            "contribution": image.contribution,
            "share_of_total": image.share_of_total,
            "share_of_gradient": image.share_of_gradient,
        })
    });
    json!({
        "loss": report.loss,
        "value": report.value,
        "classes": classes.collect::<Vec<_>>(),
        "images": images.collect::<Vec<_>>(),
        "constant": report.constant,
        "remainder": report.remainder,
        "drowned": report.drowned.iter().map(|drowned| drowned.class).collect::<Vec<_>>(),
    })
}
