//! States are saved and read: every bit survives, and no text, however broken, panics.

mod strategy;

use lossfold::{Axis, Batch, Layout, Loss, Reduction, State};
use ndarray::{Array3, IxDyn, array};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

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
            drop(items.remove(key.parse().expect("a place")))
        }
        (Some(Value::Array(items)), _) => {
            let item = items[key.parse::<usize>().expect("a place")].clone();
            items.push(item);
        }
        (Some(Value::Object(items)), Change::Drop) => drop(items.remove(key)),
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
    fn what_is_saved_is_read_to_the_bit(case in case(), cut in any::<Index>()) {
        // Most random cases have to be read as a whole: a test below counts those that do not.
        survives(&case, cut)?;
    }

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
            changes.iter().for_each(|(at, change)| changed(&mut value, *at, change));
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

fn observed(loss: &str) -> State {
    let prediction = array![[[0.5, -1.0], [2.0, 0.1]], [[1.0, 0.3], [-2.0, 0.7]]];
    let target = array![[[1_u8, 0], [0, 1]], [[0, 1], [0, 0]]];
    let mut state = State::new(&loss.parse().expect("a loss"));
    state.observe(&Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap()).unwrap();
    state
}

/// The error of reading a state of which one place is another.
fn error(of: &State, at: &str, with: Value) -> String {
    let mut value = serde_json::to_value(of).unwrap();
    *value.pointer_mut(at).expect(at) = with;
    serde_json::from_value::<State>(value).expect_err(at).to_string()
}

const DICE: &str = "overlap(sigmoid) > dice(pixel, image; smooth=1) > mean(class)";
const MAX: &str = "bce(sigmoid) > mean(class, pixel) > max(image)";

#[test]
fn the_form_is_as_it_is_documented() {
    let prediction = array![[[0.5, 1.0]], [[0.25, 0.0]]];
    let target = array![[[1_u8, 1]], [[1, 0]]];
    let mut state = State::new(
        &"absolute(identity) > mean(pixel) > mean(image) > mean(class)".parse().unwrap(),
    );
    state.observe(&Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap()).unwrap();
    let sums = json!([[["1.25"], []], [["2.0"], ["2.0"]], [["2.0"], ["2.0"]]]);
    assert_eq!(
        serde_json::to_value(&state).unwrap(),
        json!({
            "version": 1,
            "loss": "absolute(identity) > mean(pixel) > mean(image) > mean(class)",
            "seen": {
                "images": 2, "unread": false, "classes": 2, "layout": "class, pixel, image", "image_weights": false,
                "map": null, "mask": null, "spatial": [1], "volumes": [[], []], "given": [],
                "pools": [{"sums": {"touched": "", "read": [], "waiting": [], "sums": sums}}],
            },
        })
    );
}

#[test]
fn a_state_that_has_seen_nothing_is_saved() {
    let state = State::new(&DICE.parse().unwrap());
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(text, format!(r#"{{"version":1,"loss":"{DICE}","seen":null}}"#));
    assert_eq!(saved_and_read(&state).images(), 0);
}

#[test]
fn what_is_wrong_is_named() {
    let (dice, max) = (observed(DICE), observed(MAX));
    let cases = [
        (&dice, "/version", json!(2), "state: is of version 2, expected 1"),
        (&dice, "/loss", json!("dize"), "text: "),
        (
            &dice,
            "/loss",
            json!(MAX),
            "state: a pool of `bce(sigmoid) > mean(class, pixel) > max(image)`: ",
        ),
        (
            &dice,
            "/loss",
            json!("bce(sigmoid) > weigh(map) > mean(all)"),
            "weight `map`: the loss names it",
        ),
        (
            &dice,
            "/loss",
            json!("bce(sigmoid) > mean(class)"),
            "value: `bce(sigmoid) > mean(class)` leaves pixel, image, ",
        ),
        (&dice, "/loss", json!("bce(sigmoid) > max(image) > mean(all)"), "state: `"),
        (
            &dice,
            "/seen/classes",
            json!(3),
            "state: sums of targets, one per class: there are 2, expected 3",
        ),
        (
            &dice,
            "/seen/classes",
            json!(u64::MAX),
            "state: sums of targets, one per class: there are 2",
        ),
        (&dice, "/seen/layout", json!("class, image"), "state: the images have the extents [2], "),
        (&dice, "/seen/layout", json!("image, class"), "state: `image, class` names no axes; "),
        (&dice, "/seen/spatial", json!([1_u64 << 40, 1_u64 << 40, 0]), "state: extents "),
        (&dice, "/seen/images", json!(u64::MAX), "state: 18446744073709551615 images were seen, "),
        (&dice, "/seen/map", json!("pixel"), "weight `map`: the batch carries it"),
        (&dice, "/seen/pools", json!([]), "state: pools: there are 0, expected 1"),
        (&dice, "/seen/pools/0/sums/touched", json!("x"), "state: `x` names no axes; "),
        (&dice, "/seen/pools/0/sums/read", json!([true]), "state: terms of `overlap(sigmoid) > "),
        (
            &dice,
            "/seen/pools/0/sums/sums",
            json!([]),
            "state: lists of sums of `overlap(sigmoid) > ",
        ),
        (
            &dice,
            "/seen/pools/0/sums/sums/0",
            json!([["1.0"]]),
            "state: sums of `overlap(sigmoid) > ",
        ),
        (&dice, "/seen/pools/0/sums/sums/0/0", json!(["one"]), "state: `one` is no number; "),
        (
            &max,
            "/seen/images",
            json!(3),
            "state: rows of `bce(sigmoid) > mean(class, pixel) > max(image)`: there are 2 of 3 images",
        ),
        (
            &max,
            "/seen/pools/0/kept/rows/1",
            json!(["1.0"]),
            "state: numbers in a row of `bce(sigmoid) > ",
        ),
        (
            &max,
            "/seen/pools/0/kept/rows/1/0",
            json!("NaN(3ff)"),
            "state: `NaN(3ff)` is no number; ",
        ),
    ];
    for (state, at, with, expected) in cases {
        let found = error(state, at, with);
        assert!(found.starts_with(expected), "{at}: {found}");
    }
    let deep = format!(r#"{{"version":1,"loss":"{}","seen":null}}"#, "(".repeat(100_000));
    assert!(serde_json::from_str::<State>(&deep).is_err());
    let other = r#"{"version":1,"loss":"bce(sigmoid) > mean(all)","seen":null,"more":1}"#;
    assert!(
        serde_json::from_str::<State>(other).unwrap_err().to_string().starts_with("unknown field")
    );
}

#[test]
fn a_number_that_is_changed_changes_the_value() {
    // The twin of the round trip: it does not hold by ignoring what is read.
    for (state, at) in [
        (observed(DICE), "/seen/pools/0/sums/sums/0/0"),
        (observed(MAX), "/seen/pools/0/kept/rows/1/0"),
    ] {
        let mut value = serde_json::to_value(&state).unwrap();
        let place = value.pointer_mut(at).unwrap();
        *place = if place.is_array() { json!(["0.5"]) } else { json!("9.5") };
        let other: State = serde_json::from_value(value).unwrap();
        assert_ne!(other.value().unwrap(), state.value().unwrap());
    }
}

#[test]
fn what_is_not_finite_survives() {
    let prediction = Array3::from_shape_fn((3, 1, 1), |(image, ..)| [-1e300, 0.0, 1e300][image]);
    let target = Array3::<u8>::zeros((3, 1, 1));
    let batch = Batch::new("NLC".parse().unwrap(), &prediction, &target).unwrap();
    let texts = [
        "squared(identity) > mean(pixel, image) > mean(class)",
        "squared(identity) > mean(class, pixel) > max(image)",
        "absolute(identity) > weigh(positives) > mean(class, pixel; empty=nan) > max(image)",
        "absolute(identity) > weigh(positives) > mean(class, pixel; empty=nan) > mean(image)",
    ];
    for text in texts {
        let mut state = State::new(&text.parse().unwrap());
        state.observe(&batch).unwrap();
        let value = state.value().unwrap();
        assert!(!value.is_finite(), "{text}: {value}");
        assert_eq!(saved_and_read(&state).value().unwrap().to_bits(), value.to_bits());
    }
}

#[test]
fn small_values_are_texts() {
    let (layout, text) = (Layout::NHWC, r#""image pixel pixel class""#);
    assert_eq!(serde_json::to_string(&layout).unwrap(), text);
    assert_eq!(serde_json::from_str::<Layout>(r#""NHWC""#).unwrap(), layout);
    for reduction in [Reduction::Keep, lossfold::power(Axis::Image, 2.5)] {
        let text = serde_json::to_string(&reduction).unwrap();
        assert_eq!(serde_json::from_str::<Reduction>(&text).unwrap(), reduction);
    }
    let error = serde_json::from_str::<Loss>(r#""bce(sigmoid) > mean(pixels)""#).unwrap_err();
    assert!(error.to_string().starts_with("text: expected an axis (class, pixel, image) or all"));
    assert!(serde_json::to_string(&lossfold::power(Axis::Image, f64::NAN)).is_err());
    assert!(serde_json::to_string(&(f64::NAN * DICE.parse::<Loss>().unwrap())).is_err());
}
