//! Where each node of a loss is evaluated, and whether its parts over images can be merged.

use std::sync::Arc;

use crate::axis::Axis;
use crate::loss::{Loss, Node};
use crate::weight::Weight;

use super::plan::{Named, Place, Plan, Spot, is_linear};

/// Why a loss has to read all cells of a batch at once.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) node: Loss,
    pub(super) why: &'static str,
}

/// What of a node's field is not known in the pass over the images.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
struct Nature {
    /// Evaluated after the images.
    global: bool,
    /// Whether pixels were consumed anywhere below, so that the node needs whole images.
    past_pixels: bool,
    /// Whether its value has a factor that is known only after the images.
    factor: bool,
    /// Whether such a factor, or a deferred weight that rides on the field, differs by class.
    by_class: bool,
}

struct Assigner {
    pools: usize,
    cuts: usize,
    informed: bool,
    /// Whether the layout has spatial axes.
    pixels: bool,
}

/// Gives every node its place.
pub(super) fn assign(plan: &mut Plan) {
    let mut assigner = Assigner {
        pools: 0,
        cuts: 0,
        informed: plan.informed,
        pixels: plan.facts.layout.contains(Axis::Pixel),
    };
    match assigner.node(&mut plan.root) {
        Ok(_) => (plan.pools, plan.cuts) = (assigner.pools, assigner.cuts),
        Err(whole) => {
            nothing_waits(&mut plan.root);
            plan.whole = Some(whole);
        }
    }
}

/// Where all cells are at hand, every weight is known and every node is evaluated in its turn.
fn nothing_waits(spot: &mut Spot) {
    spot.place = Place::Image;
    spot.weights.iter_mut().for_each(|named| Arc::make_mut(named).deferred = false);
    spot.parts.iter_mut().for_each(nothing_waits);
}

/// Marks a weight that is counted over images; only one per class, or for all, can wait for them.
fn defer(loss: &Loss, named: &mut Named, informed: bool) -> Result<(), Whole> {
    let over = match &named.weight {
        Weight::Presence { over } | Weight::Volume { over, .. } | Weight::Balance { over } => *over,
        _ => return Ok(()),
    };
    if !over.contains(Axis::Image) {
        return Ok(());
    }
    let why = match &named.weight {
        _ if informed && over.contains(Axis::Pixel) => return Ok(()),
        Weight::Balance { .. } => {
            "the share of positives over images is known when all have been seen, and every cell's weight depends on it"
        }
        _ if !over.contains(Axis::Pixel) => {
            "a volume over images, but not over pixels, is a number for every pixel"
        }
        _ => {
            named.deferred = true;
            return Ok(());
        }
    };
    Err(Whole { node: loss.clone(), why })
}

impl Assigner {
    fn node(&mut self, spot: &mut Spot) -> Result<Nature, Whole> {
        for named in &mut spot.weights {
            defer(&spot.loss, Arc::make_mut(named), self.informed)?;
        }
        let mut below = Vec::new();
        for part in &mut spot.parts {
            below.push(self.node(part)?);
        }
        let loss = spot.loss.clone();
        let whole = |why| Err(Whole { node: loss.clone(), why });
        let nature = match loss.node() {
            Node::Element(_) => Nature::default(),
            Node::Region { .. } => return self.region(spot),
            Node::Step(..) => return self.step(spot, below[0]),
            Node::Scale(..) | Node::Weigh(..) => {
                let scales = matches!(loss.node(), Node::Scale(..));
                let named = &spot.weights[0];
                let child = below[0];
                let by_class = named.deferred && named.axes.contains(Axis::Class);
                if !child.global {
                    Nature {
                        factor: child.factor || scales && named.deferred,
                        by_class: child.by_class || by_class,
                        ..child
                    }
                } else if !named.axes.contains(Axis::Image) && is_known_after(named) {
                    child
                } else if spot.parts[0].axes.is_empty() && is_plain(&spot.parts[0]) {
                    Nature { factor: true, ..Nature::default() }
                } else {
                    return whole(
                        "a value per class or pixel that is known after all images is weighted by a cell's weight",
                    );
                }
            }
            Node::Map(..) if below[0].factor => {
                return whole("a map needs a value that is known only after all images");
            }
            Node::Map(..) | Node::Select(..) => below[0],
            Node::Sum { .. } | Node::Quotient(..) if counts_apart(spot) => {
                return whole("its terms have one weight that is counted over different classes");
            }
            Node::Sum { .. } => {
                let global = below.iter().filter(|nature| nature.global).count();
                if global == below.len() {
                    Nature { global: true, ..Nature::default() }
                } else {
                    let mut terms = spot.parts.iter().zip(&below);
                    if terms.any(|(part, nature)| {
                        nature.global && !(part.axes.is_empty() && is_plain(part))
                    }) {
                        return whole(
                            "a value per class or pixel that is known after all images is added to one per image",
                        );
                    }
                    Nature {
                        global: false,
                        past_pixels: below.iter().any(|nature| nature.past_pixels),
                        factor: global > 0 || below.iter().any(|nature| nature.factor),
                        by_class: below.iter().any(|nature| nature.by_class),
                    }
                }
            }
            Node::Quotient(..) => match (below[0].global, below[1].global) {
                (true, true) => below[0],
                (false, false) if !below[0].factor && !below[1].factor => Nature {
                    past_pixels: below[0].past_pixels || below[1].past_pixels,
                    by_class: below[0].by_class || below[1].by_class,
                    ..Nature::default()
                },
                _ => return whole("a quotient needs a value that is known only after all images"),
            },
            Node::TooLarge => Nature { global: true, ..Nature::default() },
        };
        spot.place = match nature {
            Nature { global: true, .. } => Place::Fold,
            Nature { past_pixels: true, .. } => Place::Image,
            _ => Place::Pixels,
        };
        Ok(nature)
    }

    fn region(&mut self, spot: &mut Spot) -> Result<Nature, Whole> {
        let Node::Region { region, .. } = spot.loss.node() else { return Ok(Nature::default()) };
        let sorts = region.errors().is_some();
        if sorts && spot.over.contains(Axis::Image) {
            let why = "a Lovász step over images sorts the cells of all of them";
            return Err(Whole { node: spot.loss.clone(), why });
        }
        let deferred = spot.weights.iter().filter(|named| named.deferred);
        let consumed = deferred.clone().any(|named| named.axes.meets(spot.over));
        if spot.over.contains(Axis::Image) {
            let cut = spot.over.contains(Axis::Pixel).then(|| self.cut());
            spot.place = Place::Pool(self.pool(), cut);
            return Ok(Nature { global: true, ..Nature::default() });
        }
        if consumed {
            return Err(Whole {
                node: spot.loss.clone(),
                why: "a ratio per image has weights inside its sums that are counted over images",
            });
        }
        let by_class = deferred.clone().any(|named| named.axes.contains(Axis::Class));
        let past_pixels = spot.over.contains(Axis::Pixel);
        spot.place = match past_pixels {
            true if sorts => Place::Image,
            true => Place::Cut(self.cut()),
            false => Place::Pixels,
        };
        Ok(Nature { past_pixels, by_class, ..Nature::default() })
    }

    fn step(&mut self, spot: &mut Spot, child: Nature) -> Result<Nature, Whole> {
        let whole = |why| Err(Whole { node: spot.loss.clone(), why });
        let Node::Step(_, step) = spot.loss.node() else { return Ok(child) };
        let linear = is_linear(step);
        if child.global {
            spot.place = Place::Fold;
            return Ok(child);
        }
        if child.factor && !linear {
            return whole(
                "an aggregate that is no sum or mean needs a value that is known only after all images",
            );
        }
        let takes_pixels = spot.over.contains(Axis::Pixel);
        if spot.over.contains(Axis::Image) {
            if !linear && spot.parts[0].axes.contains(Axis::Pixel) && self.pixels {
                return whole(
                    "an aggregate over images that is no sum or mean comes before the pixels are consumed",
                );
            }
            let cut = (linear && takes_pixels && !child.past_pixels).then(|| self.cut());
            spot.place = Place::Pool(self.pool(), cut);
            return Ok(Nature { global: true, ..Nature::default() });
        }
        let by_deferred = spot.weights.iter().any(|named| named.deferred);
        if by_deferred || child.by_class && spot.over.contains(Axis::Class) {
            return whole("a step inside an image needs a weight that is counted over images");
        }
        spot.place = if linear && takes_pixels && !child.past_pixels {
            Place::Cut(self.cut())
        } else if child.past_pixels || takes_pixels {
            Place::Image
        } else {
            Place::Pixels
        };
        Ok(Nature { past_pixels: child.past_pixels || takes_pixels, ..child })
    }

    fn cut(&mut self) -> usize {
        self.cuts += 1;
        self.cuts - 1
    }

    fn pool(&mut self) -> usize {
        self.pools += 1;
        self.pools - 1
    }
}

/// Whether a weight is known where no image is at hand: a list per class, one that waits for the
/// images, or one of the batch that has no image axis.
fn is_known_after(named: &Named) -> bool {
    match named.weight {
        Weight::Class(_) | Weight::Map | Weight::Mask => true,
        Weight::Presence { .. } | Weight::Volume { .. } => named.over_images(),
        _ => false,
    }
}

/// Whether a weight that waits for the images is counted over different classes in two places: whether
/// it is the same weight is known only when the images have been seen.
fn counts_apart(spot: &Spot) -> bool {
    let mut deferred: Vec<&Arc<Named>> = Vec::new();
    spot.visit(&mut |spot| deferred.extend(spot.weights.iter().filter(|named| named.deferred)));
    deferred.iter().any(|one| {
        deferred.iter().any(|other| one.text == other.text && one.classes != other.classes)
    })
}

/// Whether a value without axes that is known after the images leaves nothing behind but whether it
/// was skipped: no weight without axes, which no step could consume.
fn is_plain(spot: &Spot) -> bool {
    let mut plain = true;
    spot.visit(&mut |spot| {
        plain &= match spot.loss.node() {
            Node::Step(_, step) => !(step.carry && spot.axes.is_empty()),
            Node::Region { region, .. } => {
                let never_consumed = spot.weights.iter().any(|named| named.axes.is_empty());
                !(never_consumed || region.ratio.carry && spot.axes.is_empty())
            }
            Node::Weigh(..) => !spot.weights[0].axes.is_empty(),
            _ => true,
        };
    });
    plain
}
