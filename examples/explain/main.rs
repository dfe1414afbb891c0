//! Where does a loss come from? On the bundled brain batch, or on a user's own arrays.
//!
//! ```text
//! cargo run --release --example explain
//! cargo run --release --example explain -- --prediction p.npy --target t.npy \
//!     --layout "image pixel pixel class" --loss "bce(sigmoid) > mean(all)" [--ignore 255] [--json] \
//!     [--classes "background,grey,white,fluid,ventricles"] [--html report.html] [--png chart.png]
//! ```

mod arguments;
mod arrays;
mod orders;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;
use indicatif::{ProgressBar, ProgressStyle};
use lossfold::{Explain, Loss, Report};
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
    let bar = ProgressBar::new(1000);
    bar.set_style(ProgressStyle::with_template("explaining {wide_bar} {percent} %")?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share lies in [0, 1]"
    )]
    let told = |share: f64| bar.set_position((1000.0 * share) as u64);
    let mut asked = Explain::new(&loss).progress(told);
    if arguments.bundled && !arguments.json {
        asked = orders::beside(asked)?;
    }
    if arguments.html.is_some() {
        asked = asked.pictures(arguments.pictures);
    }
    let report = arrays.explain(&asked)?;
    bar.finish_and_clear();
    let report = named(report, &arguments)?;
    if let Some(path) = &arguments.html {
        write(path, report.to_html().as_bytes())?;
    }
    if let Some(path) = &arguments.png {
        write(path, &chart(&report)?)?;
    }
    if arguments.json {
        Ok(format!("{}\n", as_json(&report)))
    } else if arguments.bundled {
        orders::answer(&report)
    } else {
        Ok(report.to_string())
    }
}

/// The classes by the names that were given, or that the brain batch has.
fn named(report: Report, arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let classes = report.classes.len();
    match &arguments.classes {
        Some(names) if names.len() == classes => Ok(report.name_classes(names)),
        Some(names) => Err(format!("--classes: {} names, expected {classes}", names.len()).into()),
        None if arguments.brain => Ok(report.name_classes(orders::TISSUES)),
        None => Ok(report),
    }
}

#[cfg(feature = "png")]
fn chart(report: &Report) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(report.to_png()?)
}

#[cfg(not(feature = "png"))]
fn chart(_: &Report) -> Result<Vec<u8>, Box<dyn Error>> {
    Err("--png: needs the feature: cargo run --release --features png --example explain".into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()).into())
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
