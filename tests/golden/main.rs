//! The golden rows: what frameworks computed, and what the same losses compute as lossfold
//! expressions.
//!
//! Every line of every `*.jsonl` in the directory `LOSSFOLD_GOLDEN`, or else in `tests/golden`, is
//! one run of one framework: its arguments, its data, its value and its gradient. A module per
//! framework translates the arguments, with the framework's own defaults, into an expression:
//! [`torch`], [`keras`], [`monai`]. A row that has no translation is skipped, with a line that says
//! why: what is not copied has a name in the table of [`difference`]. More than 5 % of rows that are skipped are
//! a failure. Nothing in a translation looks at a row's number or at its expected value.
//!
//! The lines `SKIP id reason`, `FAIL id got .. expected ..` and the last line
//! `golden: P passed, F failed, S skipped` go to the standard output, also where a test harness
//! keeps back what tests print.

mod call;
mod case;
mod compare;
mod detectron2;
mod difference;
mod ignore;
mod keras;
mod keras_fit;
mod keras_weight;
mod kornia;
mod levels;
mod literature;
mod mmseg;
mod monai;
mod nnunet;
mod optax;
mod paddleseg;
mod row;
mod rust;
mod smp;
mod torch;
mod weight;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

use case::Case;
use compare::agree;
use row::Row;

/// What came of a row.
#[derive(Debug, PartialEq)]
enum Verdict {
    Passed,
    /// What was got and what was expected.
    Failed(String),
    /// Why there is nothing to compare.
    Skipped(String),
}

/// The expression for the row, by its framework; or why there is none.
fn translate(row: &Row) -> Result<Case, String> {
    if row.has("error") {
        return Err("the framework raised an error".into());
    }
    let framework = row.text("framework")?;
    let translated = match framework {
        "torch" => Some(torch::translate(row)?),
        "keras" | "keras-tf" | "tf_keras" => Some(keras::translate(row)?),
        "keras-kaggle" => Some(keras::notebook(row)?),
        "burn" | "candle" => Some(rust::translate(row)?),
        "flux" => Some(literature::flux(row)?),
        "literature" => Some(literature::translate(row)?),
        "kornia" => Some(kornia::translate(row)?),
        "optax" => Some(optax::translate(row)?),
        "smp" => Some(smp::translate(row)?),
        "mmseg" => Some(mmseg::translate(row)?),
        "paddleseg" => Some(paddleseg::translate(row)?),
        "detectron2" => Some(detectron2::translate(row)?),
        "monai" => Some(monai::translate(row)?),
        "nnunet" | "nnunetv2" => Some(nnunet::translate(row)?),
        _ => None,
    };
    translated.ok_or_else(|| match row.text("loss") {
        Ok(loss) => format!("{framework} {loss} is not translated yet"),
        Err(why) => why,
    })
}

/// How many rows of a hundred may have nothing to compare.
const MOST_SKIPPED: usize = 5;

/// Values, and the gradient of their sum.
type Evaluated = (Vec<f64>, Vec<f64>);

/// The values and the gradient of a row's loss; or why there are none.
fn evaluate(row: &Row) -> Result<lossfold::Result<Evaluated>, String> {
    let single = row.text("dtype").is_ok_and(|dtype| dtype == "float32");
    if levels::has_levels(row) {
        let levels = levels::translate(row)?;
        return Ok(if single { levels.evaluate::<f32>() } else { levels.evaluate::<f64>() });
    }
    if keras_fit::trains(row) {
        let training = keras_fit::translate(row)?;
        let value = if single { training.evaluate::<f32>() } else { training.evaluate::<f64>() };
        return Ok(value.map(|value| (vec![value], Vec::new())));
    }
    let case = translate(row)?;
    Ok(if single { case.evaluate::<f32>() } else { case.evaluate::<f64>() })
}

/// Evaluates the row as it is translated, and compares value and gradient.
fn judge(row: &Row) -> Verdict {
    let prepared = evaluate(row).and_then(|evaluated| {
        let gradient = if row.has("grad") { Some(row.numbers("grad")?) } else { None };
        Ok((evaluated, row.numbers("expected")?, gradient, row.number("tol")?))
    });
    let (evaluated, expected, expected_gradient, tolerance) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Verdict::Skipped(why),
    };
    let (values, gradient) = match evaluated {
        Ok(evaluated) => evaluated,
        Err(error) => return Verdict::Failed(format!("got error ({error}) expected {expected:?}")),
    };
    if let Err(difference) = agree("value", &values, &expected, tolerance) {
        return Verdict::Failed(difference);
    }
    // A value that is not a number has no derivative to compare.
    let comparable = expected_gradient.filter(|_| !expected.iter().any(|value| value.is_nan()));
    match comparable.map(|expected| agree("gradient", &gradient, &expected, tolerance)) {
        Some(Err(difference)) => Verdict::Failed(difference),
        _ => Verdict::Passed,
    }
}

/// The verdict on one line of a file, with the name of the row.
fn judge_line(place: &str, line: &str) -> (String, Verdict) {
    match Row::parse(line) {
        Ok(row) => (row.text("id").unwrap_or(place).to_owned(), judge(&row)),
        Err(why) => (place.to_owned(), Verdict::Failed(format!("got {why} expected a row"))),
    }
}

fn directory() -> PathBuf {
    env::var_os("LOSSFOLD_GOLDEN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), PathBuf::from)
}

/// Every line that is not blank, with its place, in the order of the files' names.
fn lines() -> io::Result<Vec<(String, String)>> {
    let entries = fs::read_dir(directory())?.collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (number, line) in fs::read_to_string(&file)?.lines().enumerate() {
            if !line.trim().is_empty() {
                lines.push((format!("{name}:{}", number + 1), line.to_owned()));
            }
        }
    }
    Ok(lines)
}

/// How many rows came out how, and a line for every one that did not pass.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    said: Vec<String>,
}

impl Tally {
    fn of(lines: &[(String, String)]) -> Self {
        let mut tally = Self::default();
        for (place, line) in lines {
            let (id, verdict) = judge_line(place, line);
            let said = match verdict {
                Verdict::Passed => {
                    tally.passed += 1;
                    continue;
                }
                Verdict::Failed(difference) => {
                    tally.failed += 1;
                    format!("FAIL {id} {difference}")
                }
                Verdict::Skipped(reason) => {
                    tally.skipped += 1;
                    format!("SKIP {id} {reason}")
                }
            };
            tally.said.push(said.replace('\n', " "));
        }
        tally
    }

    /// Why these rows do not show that the frameworks are reproduced.
    fn check(&self) -> Result<(), String> {
        let Self { passed, failed, skipped, .. } = *self;
        let rows = passed + failed + skipped;
        if rows == 0 {
            return Err("no row".into());
        }
        if failed > 0 {
            return Err(format!("{failed} rows differ from what their frameworks computed"));
        }
        if 100 * skipped > MOST_SKIPPED * rows {
            return Err(format!(
                "{skipped} of {rows} rows are skipped, more than {MOST_SKIPPED} %"
            ));
        }
        Ok(())
    }
}

#[test]
fn frameworks_are_reproduced() -> io::Result<()> {
    let tally = Tally::of(&lines()?);
    // Not `println`, which the harness would keep back from a test that passes.
    let mut out = io::stdout().lock();
    writeln!(out)?;
    for said in &tally.said {
        writeln!(out, "{said}")?;
    }
    let Tally { passed, failed, skipped, .. } = tally;
    writeln!(out, "golden: {passed} passed, {failed} failed, {skipped} skipped")?;
    assert_eq!(tally.check(), Ok(()), "{}", directory().display());
    Ok(())
}

/// The twin of the count: with one more row that fails or is skipped it does not pass.
#[test]
fn too_many_rows_that_are_skipped_fail() {
    let row = |changes: &[(&str, Value)]| {
        let mut row = two_cells();
        for (field, value) in changes {
            row[*field] = value.clone();
        }
        ("here".to_owned(), row.to_string())
    };
    let (same, skipped) = (row(&[]), row(&[("framework", json!("theano"))]));
    let check = |rows: &[&(String, String)]| {
        Tally::of(&rows.iter().map(|&row| row.clone()).collect::<Vec<_>>()).check()
    };
    let mut rows = vec![&same; 19];
    rows.push(&skipped);
    assert_eq!(check(&rows), Ok(()));
    rows.push(&skipped);
    assert!(check(&rows).is_err_and(|why| why.contains("2 of 21 rows are skipped")));
    let moved = row(&[("expected", json!(7))]);
    assert!(check(&[&same, &moved]).is_err_and(|why| why.contains("1 rows differ")));
    assert!(check(&[]).is_err());
}

#[test]
fn a_row_that_is_not_copied_is_skipped_by_the_name_of_its_difference() {
    let flat = [
        ("loss", json!("binary_cross_entropy_with_logit")),
        ("framework", json!("candle")),
        ("pred", json!([40.0, 0.5])),
        ("args", json!({})),
    ];
    assert_eq!(verdict_with(&flat), Verdict::Skipped(difference::CANDLE_SIGMOID.into()));
    let refused = [("loss", json!("KLDivLoss")), ("args", json!({"log_target": true}))];
    let Verdict::Skipped(why) = verdict_with(&refused) else { panic!("not skipped") };
    assert!(why.contains("a target that is a logarithm (torch)"), "{why}");
}

/// The twin of the comparison: every row that passes would fail with another value or gradient.
#[test]
fn a_row_that_is_moved_fails() -> io::Result<()> {
    for (place, line) in lines()? {
        let (id, verdict) = judge_line(&place, &line);
        if verdict != Verdict::Passed {
            continue;
        }
        let row: Value = serde_json::from_str(&line)?;
        for field in ["expected", "grad"] {
            let compared = field == "expected" || !row["expected"].is_string();
            if !row[field].is_null() && compared {
                let moved = moved(&row, field).to_string();
                let (_, verdict) = judge_line(&place, &moved);
                assert!(matches!(verdict, Verdict::Failed(_)), "{id}: {field} moved, {verdict:?}");
            }
        }
    }
    Ok(())
}

/// The row with the last number of a field moved by two tolerances.
fn moved(row: &Value, field: &str) -> Value {
    let mut row = row.clone();
    let tolerance = row["tol"].as_f64().unwrap_or_default();
    let numbers = &mut row[field];
    let last = match numbers {
        Value::Array(list) => list.last_mut(),
        number => Some(number),
    };
    if let Some(last) = last {
        let number = last.as_f64().unwrap_or_default();
        *last = json!(number + 2.0 * tolerance * number.abs().max(1.0));
    }
    row
}

/// A row of two cells, each of which loses ln 2.
fn two_cells() -> Value {
    json!({
        "framework": "torch", "version": "2", "loss": "BCELoss", "args": {"reduction": "mean"},
        "layout": "NC", "shape": [1, 2], "pred_kind": "probs", "pred": [0.5, 0.5],
        "target_shape": [1, 2], "target": [1.0, 0.0], "weights": {}, "dtype": "float64",
        "tol": 1e-9, "expected": 2.0_f64.ln(), "expected_shape": [], "grad": [-1.0, 1.0],
        "note": "", "id": "two-cells",
    })
}

fn verdict_with(changes: &[(&str, Value)]) -> Verdict {
    let mut row = two_cells();
    for (field, value) in changes {
        row[*field] = value.clone();
    }
    judge_line("here", &row.to_string()).1
}

#[test]
fn a_wrong_divisor_fails() {
    let ln2 = 2.0_f64.ln();
    assert_eq!(verdict_with(&[]), Verdict::Passed);
    // The mean of the framework against a sum, in the value, in the gradient, and the other way.
    let wrong = [
        verdict_with(&[("expected", json!(2.0 * ln2))]),
        verdict_with(&[("grad", json!([-2.0, 2.0]))]),
        verdict_with(&[("args", json!({"reduction": "sum"}))]),
        verdict_with(&[("args", json!({"reduction": "none"}))]),
        verdict_with(&[("expected", json!("nan"))]),
    ];
    for verdict in wrong {
        assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    }
    let summed = [("expected", json!(2.0 * ln2)), ("grad", json!([-2.0, 2.0]))];
    let sum = ("args", json!({"reduction": "sum"}));
    assert_eq!(verdict_with(&[summed[0].clone(), summed[1].clone(), sum]), Verdict::Passed);
}

#[test]
fn a_row_without_translation_is_skipped_and_a_broken_one_does_not_panic() {
    let skipped = [
        verdict_with(&[("framework", json!("theano"))]),
        verdict_with(&[("loss", json!("HuberLoss"))]),
        verdict_with(&[("loss", Value::Null)]),
        verdict_with(&[("args", json!({"margin": 1.0}))]),
        verdict_with(&[("args", json!([1]))]),
        verdict_with(&[("shape", json!([3]))]),
        verdict_with(&[("shape", json!(["two"]))]),
        verdict_with(&[("shape", json!([0, 2])), ("pred", json!([]))]),
        verdict_with(&[("target_shape", json!([2, 1]))]),
        verdict_with(&[("weights", json!({"weight": {"shape": [3], "data": [1, 2, 3]}}))]),
        verdict_with(&[("weights", json!({"weight": {}}))]),
        verdict_with(&[("expected", Value::Null)]),
        verdict_with(&[("tol", json!("tight"))]),
        verdict_with(&[("error", json!("ValueError"))]),
    ];
    for verdict in skipped {
        assert!(matches!(verdict, Verdict::Skipped(_)), "{verdict:?}");
    }
    for line in ["", "[]", "{", "7"] {
        assert!(matches!(judge_line("here", line).1, Verdict::Failed(_)), "{line}");
    }
}
