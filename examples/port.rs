//! What does this call compute? And where does it part from that one?
//!
//! ```sh
//! cargo run --release --example port -- "torch.nn.CrossEntropyLoss(weight=[1, 1, 5])"
//! cargo run --release --example port -- "torch.nn.CrossEntropyLoss()" "keras.losses.CategoricalCrossentropy()"
//! cargo run --release --example port -- --list dice
//! ```

use std::error::Error;
use std::process::ExitCode;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use lossfold::Layout;
use lossfold::preset::{self, Given};

const USAGE: &str = "\
port [options] CALL [CALL]    the order of a framework's loss, or of two side by side
  --dense LAYOUT, --labels LAYOUT   what the framework sees of the target, and the layout of the prediction
  --classes N                       the number of classes
  --list [WORD]                     the losses that are known, or those with the word";

struct Options {
    given: Option<Given>,
    classes: Option<usize>,
    calls: Vec<String>,
    list: bool,
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options { given: None, classes: None, calls: Vec::new(), list: false };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("dense") => {
                options.given = Some(Given::dense(parser.value()?.parse::<Layout>()?));
            }
            Long("labels") => {
                options.given = Some(Given::labels(parser.value()?.parse::<Layout>()?));
            }
            Long("classes") => options.classes = Some(parser.value()?.parse()?),
            Long("list") => options.list = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Value(call) => options.calls.push(call.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

fn run() -> Result<(), Box<dyn Error>> {
    let Options { given, classes, calls, list } = options()?;
    let parse = |call: &str| match (&given, classes) {
        (None, None) => preset::parse(call),
        (given, classes) => {
            let given = given.clone().unwrap_or(Given::dense(Layout::NCHW));
            preset::parse_for(
                call,
                &classes.map_or(given.clone(), |classes| given.classes(classes)),
            )
        }
    };
    match &calls[..] {
        words if list => {
            for entry in preset::list() {
                let entry = entry.to_string();
                if words.iter().all(|word| entry.to_lowercase().contains(&word.to_lowercase())) {
                    println!("{entry}");
                }
            }
        }
        [call] => println!("{}", parse(call)?),
        [first, second] => {
            println!("first   {first}\nsecond  {second}\n");
            print!("{}", preset::diff(&parse(first)?, &parse(second)?)?);
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
