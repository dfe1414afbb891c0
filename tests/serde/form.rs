//! The form of what is saved, and what is said about another.

use lossfold::{Axis, Batch, Layout, Loss, Reduction, State};
use ndarray::{Array3, array};
use serde_json::{Value, json};

use super::saved_and_read;

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
