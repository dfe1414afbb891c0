//! Random losses made ones that can be made of parts. What is drawn has seven weights of ten kinds and
//! every aggregate over every axis, so that most of it has to read all cells at once.

use lossfold::{Aggregate, Axes, Axis, Batch, Float, Loss, Over, Step, Weight};
use ndarray::IxDyn;

use super::strategy::nested::{Case, Chain, Head, Link};
use super::{Ask, ask, observed};

struct IsMergeable;

impl Ask for IsMergeable {
    type Answer = bool;

    fn ask<F: Float>(self, loss: &Loss, batch: &Batch<'_, F, IxDyn>) -> bool {
        observed(loss, batch).is_some()
    }
}

/// The case itself where that can be made of parts, or one as near to it as may be.
pub fn apart(case: &Case) -> Case {
    let changes = [
        |_: &mut Chain| {},
        |chain: &mut Chain| each_weight(chain, count_pixels),
        split,
        mean_over_images,
        one_kind_of_terms,
    ];
    let mut case = case.clone();
    for change in changes {
        case.chain.each(&mut |chain| change(chain));
        if ask(&case, IsMergeable) {
            break;
        }
    }
    case
}

fn each_weight(chain: &mut Chain, change: fn(&mut Weight)) {
    let mut of_link = |link: &mut Link| match link {
        Link::Scale(weight) | Link::Weigh(weight) => change(weight),
        Link::Step(step) => step.by.iter_mut().flatten().for_each(change),
        Link::Map(_) | Link::Select(_) | Link::Without(_) => {}
    };
    if let Head::Overlap(region) = &mut chain.head {
        region.before.iter_mut().for_each(&mut of_link);
    }
    chain.links.iter_mut().for_each(of_link);
}

/// What is counted over images is counted over pixels, too, and a balance over pixels only.
fn count_pixels(weight: &mut Weight) {
    match weight {
        Weight::Balance { over } => *over = Axis::Pixel.into(),
        Weight::Presence { over } | Weight::Volume { over, .. } if over.contains(Axis::Image) => {
            *over = over.with(Axis::Pixel);
        }
        _ => {}
    }
}

fn is_linear(step: &Step) -> bool {
    matches!(step.aggregate, Aggregate::Sum | Aggregate::Mean)
}

/// `max(pixel, image)` becomes `max(pixel) > max(image)`.
fn split(chain: &mut Chain) {
    let links = std::mem::take(&mut chain.links);
    for link in links {
        if let Link::Step(step) = &link
            && let Over::Axes(axes) = step.over
            && axes.contains(Axis::Image)
            && axes != Axes::from(Axis::Image)
            && !is_linear(step)
        {
            for axes in [axes.without(Axis::Image), Axis::Image.into()] {
                chain.links.push(Link::Step(Step { over: Over::Axes(axes), ..step.clone() }));
            }
        } else {
            chain.links.push(link);
        }
    }
}

fn mean_over_images(chain: &mut Chain) {
    for link in &mut chain.links {
        if let Link::Step(step) = link {
            let over_images = match step.over {
                Over::All => true,
                Over::Axes(axes) => axes.contains(Axis::Image),
            };
            if over_images && !is_linear(step) {
                step.aggregate = Aggregate::Mean;
            }
        }
    }
}

/// Terms that end in one number for the batch are left out beside others, and a quotient is its numerator.
fn one_kind_of_terms(chain: &mut Chain) {
    match &mut chain.head {
        Head::Sum { terms, .. } => terms.truncate(1),
        Head::Quotient { over, .. } => {
            let over = (**over).clone();
            chain.links.splice(0..0, over.links);
            chain.head = over.head;
        }
        Head::Element(_) | Head::Overlap(_) => {}
    }
}
