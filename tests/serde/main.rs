//! States are saved and read: every bit survives, and no text, however broken, panics.

#[path = "../strategy/mod.rs"]
mod strategy;

mod broken;
mod form;

use lossfold::{Axis, Batch, Loss, State};
use ndarray::IxDyn;
use proptest::prelude::*;
use proptest::sample::Index;

use strategy::nested::Case;
use strategy::nested::data::case;
use strategy::random::config;

type Said = Result<(u64, Vec<u64>, u64), String>;

/// The bits of the value and of the gradient with respect to a batch, and the number of images.
fn said(state: &State, batch: &Batch<'_, f64, IxDyn>) -> Said {
    let value = state.value().map_err(|error| error.to_string())?;
    let gradient = state.gradient(batch).map_err(|error| error.to_string())?;
    let gradient = gradient.iter().map(|number| number.to_bits()).collect();
    Ok((value.to_bits(), gradient, state.images()))
}

/// The states of the first images of a case and of the others; none where it cannot be made of parts.
fn parts(case: &Case, batch: &Batch<'_, f64, IxDyn>, cut: Index) -> Option<[State; 2]> {
    let images = batch.extents().image;
    let has_images = case.layout.axes().contains(&Axis::Image);
    let cut = if has_images { cut.index(images + 1) } else { 0 };
    let ranges = if has_images { [0..cut, cut..images] } else { [0..1, 0..1] };
    let observed = |range| {
        let mut state = State::new(&case.loss());
        state.observe(&batch.images(range).ok()?).ok()?;
        Some(state)
    };
    let [one, other] = ranges;
    Some([observed(one)?, observed(other)?])
}

fn saved_and_read(state: &State) -> State {
    let text = serde_json::to_string(state).expect("a loss with a text");
    serde_json::from_str(&text).expect("what was saved can be read")
}

/// Whether a loss is one that can be saved.
fn has_text(loss: &Loss) -> bool {
    loss.to_string().parse::<Loss>().is_ok()
}

/// Holds states against what is read of what is saved of them; whether there were any to save.
fn survives(case: &Case, cut: Index) -> Result<bool, TestCaseError> {
    case.with_batch::<f64, _>(|batch| {
        let Some([one, other]) = parts(case, batch, cut) else { return Ok(false) };
        if !has_text(one.loss()) {
            let error = serde_json::to_string(&one).expect_err("an own formula").to_string();
            prop_assert!(error.starts_with("text: `"), "{}", error);
            return Ok(false);
        }
        let read = saved_and_read(&one);
        prop_assert_eq!(said(&read, batch), said(&one, batch));
        prop_assert_eq!(read.keeps_images(), one.keeps_images());
        let merged = |one: &State, other: &State| {
            let mut all = one.clone();
            all.merge(other).map_err(|error| error.to_string())?;
            said(&all, batch)
        };
        let expected = merged(&one, &other);
        prop_assert_eq!(&merged(&read, &other), &expected);
        prop_assert_eq!(&merged(&one, &saved_and_read(&other)), &expected);
        if let (Ok(one), Ok(read)) = (one.to_flat(), read.to_flat()) {
            prop_assert_eq!(one.len(), read.len());
        }
        Ok(true)
    })
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn what_is_saved_is_read_to_the_bit(case in case(), cut in any::<Index>()) {
        // Most random cases have to be read as a whole: a test below counts those that do not.
        survives(&case, cut)?;
    }
}
