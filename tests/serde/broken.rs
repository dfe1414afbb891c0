//! Saved states that somebody changed.

use lossfold::{Batch, State};
use ndarray::IxDyn;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::strategy::nested::data::case;
use super::strategy::random::config;
use super::{parts, survives};

/// What may stand in a place of a saved state and should not.
fn wrong() -> impl Strategy<Value = Value> {
    let texts =
        ["", "NaN", "inf", "-1e308", "NaN(0)", "NaN(fff8000000000001)", "class", "x", "pixel"];
    prop_oneof![
        4 => select(texts.to_vec()).prop_map(Value::from),
        2 => select(vec![0, 1, 2, 3, 7, u64::MAX, 1 << 40, 1 << 53]).prop_map(Value::from),
        1 => Just(json!(-1)),
        1 => Just(json!(0.5)),
        1 => any::<bool>().prop_map(Value::from),
        1 => select(vec![json!(null), json!([]), json!({}), json!([[]]), json!(["1.0"])]),
    ]
}

/// What is done to a place: it is replaced, dropped, doubled, or exchanged with another.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Drop,
    Double,
    From(Index),
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        4 => wrong().prop_map(Change::Replace),
        1 => Just(Change::Drop),
        1 => Just(Change::Double),
        2 => any::<Index>().prop_map(Change::From),
    ];
    (any::<Index>(), change)
}

/// The pointers of all places of a value but its root.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: String, child: &Value| {
        let at = format!("{at}/{key}");
        found.push(at.clone());
        places(child, &at, found);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(key, item)| below(key.to_string(), item));
        }
        Value::Object(items) => items.iter().for_each(|(key, item)| below(key.clone(), item)),
        _ => {}
    }
}

fn changed(value: &mut Value, at: Index, change: &Change) {
    let mut all = Vec::new();
    places(value, "", &mut all);
    if all.is_empty() {
        return;
    }
    let at = &all[at.index(all.len())];
    let (above, key) = at.rsplit_once('/').expect("a pointer");
    let other = match change {
        Change::From(other) => value.pointer(&all[other.index(all.len())]).cloned(),
        Change::Replace(other) => Some(other.clone()),
        _ => None,
    };
    if let (Some(other), Some(place)) = (other, value.pointer_mut(at)) {
        *place = other;
        return;
    }
    match (value.pointer_mut(above), change) {
        (Some(Value::Array(items)), Change::Drop) => {
            items.remove(key.parse().expect("a place"));
        }
        (Some(Value::Array(items)), _) => {
            let item = items[key.parse::<usize>().expect("a place")].clone();
            items.push(item);
        }
        (Some(Value::Object(items)), Change::Drop) => {
            items.remove(key);
        }
        _ => {}
    }
}

/// Uses all that a state can do, none of which may panic; whether the text was read.
fn used(text: &str, of: &State, batch: &Batch<'_, f64, IxDyn>) -> bool {
    let Ok(mut state) = serde_json::from_str::<State>(text) else { return false };
    let _ = (state.images(), state.keeps_images(), state.value(), state.gradient(batch));
    let _ = serde_json::to_string(&state).map(|text| serde_json::from_str::<State>(&text).is_ok());
    let _ = of.clone().merge(&state).is_ok();
    let _ = state.to_flat().map(|flat| state.with_flat(&flat).is_ok());
    let _ = state.merge(of).is_ok() && state.value().is_ok();
    let _ = state.observe(batch).is_ok() && state.gradient(batch).is_ok();
    true
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn no_text_panics(
        case in case(),
        cut in any::<Index>(),
        changes in prop::collection::vec(change(), 1..4),
        bytes in prop::collection::vec((any::<Index>(), any::<char>()), 1..3),
    ) {
        case.with_batch::<f64, _>(|batch| {
            let Some([state, _]) = parts(&case, batch, cut) else { return };
            let Ok(mut value) = serde_json::to_value(&state) else { return };
            let mut text: Vec<char> = value.to_string().chars().collect();
            for (at, change) in &changes {
                changed(&mut value, *at, change);
            }
            used(&value.to_string(), &state, batch);
            for (at, with) in &bytes {
                let at = at.index(text.len());
                text[at] = *with;
            }
            used(&text.iter().collect::<String>(), &state, batch);
        });
    }
}

#[test]
fn many_cases_are_saved_and_many_changes_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut saved, mut kept, mut read, mut refused) = (0, 0, 0, 0);
    for _ in 0..2000 {
        let (case, cut, change) =
            (case(), any::<Index>(), change()).new_tree(&mut runner).expect("a case").current();
        saved += usize::from(survives(&case, cut).expect("every bit survives"));
        case.with_batch::<f64, _>(|batch| {
            let Some([state, _]) = parts(&case, batch, cut) else { return };
            kept += usize::from(state.keeps_images());
            let Ok(mut value) = serde_json::to_value(&state) else { return };
            let before = value.clone();
            changed(&mut value, change.0, &change.1);
            if value != before {
                let is_read = used(&value.to_string(), &state, batch);
                *(if is_read { &mut read } else { &mut refused }) += 1;
            }
        });
    }
    println!("{saved} saved, {kept} keep images; changed: {read} read, {refused} refused");
    assert!(saved > 300 && kept > 50 && refused > 150 && read > 20);
}
