//! The command line.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

/// What `--help` prints.
pub const HELP: &str = "\
explain: where does a loss come from?

  cargo run --release --example explain
      on the bundled brain batch: what Keras computes, ten orders side by side, the drowned class

  cargo run --release --example explain -- [options]
      --prediction FILE.npy   f32 or f64, any number of axes
      --target FILE.npy       dense values with the shape of the prediction, or class labels with the
                              shape of the prediction without its class axis
      --layout TEXT           NHWC, NCHW, or words: \"image pixel pixel class\" (default)
      --loss TEXT             default: bce(sigmoid) > mean(class) > mean(pixel) > mean(image)
      --ignore LABEL          the label that does not count
      --classes NAMES         \"background,grey,white,fluid,ventricles\"
      --html FILE             write the report as a page with pictures, too
      --pictures K            of the K worst images (default: 6)
      --png FILE              write a chart, too: own loss against share of the loss, per class;
                              needs `--features png`
      --json                  print {\"loss\": text, \"value\": number, ...}
      --help                  print this";

/// What was asked for.
pub struct Arguments {
    /// Where the prediction lies.
    pub prediction: PathBuf,
    /// Where the target lies.
    pub target: PathBuf,
    /// Which axis is which.
    pub layout: String,
    /// The loss.
    pub loss: String,
    /// The label that does not count.
    pub ignore: Option<i128>,
    /// The names of the classes.
    pub classes: Option<Vec<String>>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// How many images it shows.
    pub pictures: usize,
    /// Where the chart goes.
    pub png: Option<PathBuf>,
    /// Whether to print JSON.
    pub json: bool,
    /// Whether the whole answer to the original question is wanted: no loss or file was named.
    pub bundled: bool,
    /// Whether the arrays are the bundled ones.
    pub brain: bool,
}

impl Arguments {
    /// Reads the command line; none if help was asked for.
    pub fn parse() -> Result<Option<Self>, lexopt::Error> {
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/brain");
        let (mut prediction, mut target) = (None, None);
        let mut layout = None;
        let mut loss = None;
        let mut ignore = None;
        let mut json = false;
        let (mut classes, mut html, mut pictures, mut png) = (None, None, 6, None);
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("prediction") => prediction = Some(PathBuf::from(parser.value()?)),
                Arg::Long("target") => target = Some(PathBuf::from(parser.value()?)),
                Arg::Long("layout") => layout = Some(parser.value()?.string()?),
                Arg::Long("loss") => loss = Some(parser.value()?.string()?),
                Arg::Long("ignore") => ignore = Some(parser.value()?.parse()?),
                Arg::Long("classes") => {
                    let names = parser.value()?.string()?;
                    classes = Some(names.split(',').map(|name| name.trim().to_owned()).collect());
                }
                Arg::Long("html") => html = Some(parser.value()?.into()),
                Arg::Long("pictures") => pictures = parser.value()?.parse()?,
                Arg::Long("png") => png = Some(parser.value()?.into()),
                Arg::Long("json") => json = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        if prediction.is_some() != target.is_some() {
            return Err("--prediction and --target belong together; one of them is missing".into());
        }
        let brain = prediction.is_none();
        let bundled = prediction.is_none() && loss.is_none();
        Ok(Some(Self {
            prediction: prediction.unwrap_or_else(|| data.join("eval_logit.npy")),
            target: target.unwrap_or_else(|| data.join("eval_label.npy")),
            layout: layout.unwrap_or_else(|| "image pixel pixel class".into()),
            loss: loss
                .unwrap_or_else(|| "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".into()),
            ignore,
            classes,
            html,
            pictures,
            png,
            json,
            bundled,
            brain,
        }))
    }
}
