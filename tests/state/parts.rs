//! A whole and its parts, on random nested losses.

use std::ops::Range;

use lossfold::{Axis, Batch, Float, Loss, Result, State};
use ndarray::{Axis as Along, IxDyn, Slice};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::apart::apart;
use super::strategy::nested::compare::reference;
use super::strategy::nested::data::case;
use super::strategy::nested::offend::Offender;
use super::strategy::random::config;
use super::{Ask, all_bits, ask, bits, drawn, evaluated, narrowed, observed};

type Test = Result<(), TestCaseError>;

/// How a batch comes in parts: where it is cut, which state sees which part and when, and which states
/// are merged in turn.
#[derive(Clone, Debug)]
pub struct Split {
    cuts: Vec<Index>,
    turns: Vec<(u8, Index)>,
    states: usize,
    merges: Vec<(Index, Index)>,
}

const MOST_PARTS: usize = 7;
const MOST_STATES: usize = 5;

fn split() -> impl Strategy<Value = Split> {
    (
        vec(any::<Index>(), 0..MOST_PARTS),
        vec(any::<(u8, Index)>(), MOST_PARTS),
        1..=MOST_STATES,
        vec(any::<(Index, Index)>(), MOST_STATES),
    )
        .prop_map(|(cuts, turns, states, merges)| Split { cuts, turns, states, merges })
}

impl Split {
    /// Ranges of images, one after the other; some are empty.
    pub fn parts<F: Float>(&self, batch: &Batch<'_, F, IxDyn>) -> Vec<Range<usize>> {
        let images = batch.extents().image;
        if !batch.layout().axes().contains(&Axis::Image) {
            return vec![Range { start: 0, end: 1 }];
        }
        let mut bounds: Vec<usize> = self.cuts.iter().map(|cut| cut.index(images + 1)).collect();
        bounds.extend([0, images]);
        bounds.sort_unstable();
        bounds.windows(2).map(|bounds| bounds[0]..bounds[1]).collect()
    }

    /// One state of what several have seen; those that have seen nothing are merged as well.
    pub fn merged<F: Float>(&self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Result<State> {
        let mut parts: Vec<_> = self.parts(batch).into_iter().zip(&self.turns).collect();
        parts.sort_by_key(|(_, (turn, _))| *turn);
        let mut states = vec![State::new(loss); self.states];
        for (part, (_, state)) in parts {
            states[state.index(self.states)].observe(&batch.images(part)?)?;
        }
        for (into, from) in &self.merges {
            if states.len() > 1 {
                let from = states.swap_remove(from.index(states.len()));
                let into = into.index(states.len());
                states[into].merge(&from)?;
            }
        }
        Ok(states.swap_remove(0))
    }
}

/// In one go, a state says what the loss says.
struct AtOnce;

impl Ask for AtOnce {
    type Answer = Test;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Test {
        let (value, both) = (loss.value(batch), evaluated(loss, batch));
        prop_assert_eq!(value.clone().map(bits), both.clone().map(|(value, _)| value));
        match observed(loss, batch) {
            None => {}
            Some(Err(error)) => prop_assert_eq!(value.unwrap_err(), error),
            Some(Ok(state)) => {
                prop_assert_eq!(state.images(), batch.extents().image as u64);
                prop_assert_eq!(narrowed::<F>(&state), value.map(bits));
                let gradient = state.gradient(batch).map(|gradient| all_bits(gradient.view()));
                prop_assert_eq!(gradient, both.map(|(_, gradient)| all_bits(gradient.view())));
            }
        }
        Ok(())
    }
}

/// In parts, too, and each part has its part of the gradient.
struct InParts(Split);

impl Ask for InParts {
    type Answer = Test;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Test {
        let Ok((value, gradient)) = evaluated(loss, batch) else { return Ok(()) };
        if observed(loss, batch).is_none() {
            return Ok(());
        }
        let fails = |error: lossfold::Error| TestCaseError::fail(error.to_string());
        let state = self.0.merged(loss, batch).map_err(fails)?;
        prop_assert_eq!(state.images(), batch.extents().image as u64);
        prop_assert_eq!(narrowed::<F>(&state).map_err(fails)?, value);
        let along = batch.layout().axes().iter().position(|&axis| axis == Axis::Image);
        for part in self.0.parts(batch) {
            let found = state.gradient(&batch.images(part.clone()).map_err(fails)?);
            let mut expected = gradient.view();
            if let Some(along) = along {
                expected.slice_axis_inplace(Along(along), Slice::from(part));
            }
            prop_assert_eq!(all_bits(found.map_err(fails)?.view()), all_bits(expected));
        }
        Ok(())
    }
}

/// Parts of a batch with a number that cannot be read say what the whole says, or are refused.
struct OrRefused(Split);

impl Ask for OrRefused {
    type Answer = Test;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Test {
        if let Ok(state) = self.0.merged(loss, batch)
            && let Ok(value) = narrowed::<F>(&state)
        {
            prop_assert_eq!(Ok(value), loss.value(batch).map(bits));
        }
        Ok(())
    }
}

/// a + b = b + a and (a + b) + c = a + (b + c), where a is what a part leaves.
struct AnyOrder(Split);

impl Ask for AnyOrder {
    type Answer = Test;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Test {
        if loss.value(batch).is_err() {
            return Ok(());
        }
        let state = |part| batch.images(part).ok().and_then(|part| observed(loss, &part)?.ok());
        let states: Option<Vec<State>> = self.0.parts(batch).into_iter().map(state).collect();
        let Some(states) = states else { return Ok(()) };
        let fails = |error: lossfold::Error| TestCaseError::fail(error.to_string());
        let plus = |a: &State, b: &State| {
            let mut sum = a.clone();
            sum.merge(b).map(|()| sum).map_err(fails)
        };
        // Parts without images may leave nothing to take a value of, in every order.
        let value = |state: State| narrowed::<F>(&state).map_err(|error| error.kind());
        for (a, b) in states.iter().zip(&states[1..]) {
            prop_assert_eq!(value(plus(a, b)?), value(plus(b, a)?));
            let c = &states[0];
            prop_assert_eq!(value(plus(&plus(a, b)?, c)?), value(plus(a, &plus(b, c)?)?));
            let nothing = State::new(loss);
            prop_assert_eq!(value(plus(a, &nothing)?), value(a.clone()));
            prop_assert_eq!(value(plus(&nothing, a)?), value(a.clone()));
        }
        Ok(())
    }
}

/// What a state that has seen this batch holds: how many images, and its value.
struct Before;

impl Ask for Before {
    type Answer = Option<State>;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Option<State> {
        loss.value(batch).ok()?;
        observed(loss, batch)?.ok()
    }
}

/// An observation that fails changes nothing; so does a gradient.
struct Fails<'a>(&'a mut State);

impl Ask for Fails<'_> {
    type Answer = bool;

    fn ask<F: Float>(self, _: &Loss, batch: &Batch<'_, F, IxDyn>) -> bool {
        let _ = self.0.gradient(batch);
        let mut other = self.0.clone();
        if other.observe(batch).is_ok() {
            return false;
        }
        *self.0 = other;
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 1 << 14, ..config(512) })]

    #[test]
    fn at_once_a_state_says_what_the_loss_says(case in case()) {
        ask(&case, AtOnce)?;
        ask(&apart(&case), AtOnce)?;
    }

    #[test]
    fn the_parts_are_the_whole(case in case(), split in split()) {
        ask(&apart(&case), InParts(split))?;
    }

    #[test]
    fn parts_with_a_bad_number_are_the_whole_or_refused(
        case in case(),
        split in split(),
        spot in any::<Index>(),
    ) {
        let offended = apart(&case).offended(Offender::Prediction(f64::NAN), spot.index(1 << 16));
        if let Some((offended, _)) = offended {
            ask(&offended, OrRefused(split))?;
        }
    }

    #[test]
    fn merging_has_no_order(case in case(), split in split()) {
        ask(&apart(&case), AnyOrder(split))?;
    }

    #[test]
    fn after_an_error_a_state_is_as_it_was(case in case(), spot in any::<Index>()) {
        let case = apart(&case);
        let offended = case.offended(Offender::Prediction(f64::NAN), spot.index(1 << 16));
        if let Some((mut state, (offended, _))) = ask(&case, Before).zip(offended) {
            let before = (state.images(), state.value().map(bits));
            if ask(&offended, Fails(&mut state)) {
                prop_assert_eq!(before, (state.images(), state.value().map(bits)));
            }
        }
    }
}

/// How many images a case has that can be made of parts, none if it cannot or has no value.
struct Images;

impl Ask for Images {
    type Answer = Option<usize>;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> Option<usize> {
        loss.value(batch).ok()?;
        observed(loss, batch).map(|_| batch.extents().image)
    }
}

#[test]
fn most_losses_can_be_made_of_parts() {
    let (mut all, mut before, mut after, mut several, mut kept, mut failed) = (0, 0, 0, 0, 0, 0);
    for case in drawn(2000) {
        before += usize::from(ask(&case, Images).is_some());
        let case = apart(&case);
        all += usize::from(reference(&case).is_ok());
        if let Some(images) = ask(&case, Images) {
            after += 1;
            several += usize::from(images > 1);
            kept += usize::from(ask(&case, Before).is_some_and(|state| state.keeps_images()));
            let offended = case.offended(Offender::Prediction(f64::NAN), 0);
            if let Some((mut state, (offended, _))) = ask(&case, Before).zip(offended) {
                failed += usize::from(ask(&offended, Fails(&mut state)));
            }
        }
    }
    println!(
        "{all} of 2000 have a value, {after} of these ({:.1} %) can be made of parts, {before} as they \
         were drawn; {several} have several images, {kept} keep them, {failed} refuse a NaN",
        100.0 * after as f64 / all as f64
    );
    assert!(after * 2 > all && all > 1200, "{after} of {all}");
    assert!(several * 2 > after && kept > 50, "{several} and {kept} of {after}");
    assert!(failed * 2 > after, "{failed} of {after} refuse a NaN");
}
