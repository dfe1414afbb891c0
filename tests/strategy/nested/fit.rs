//! Makes a drawn expression one that can be carried out, by repair: a step goes over axes that are
//! there, an option stands where it belongs, the terms of a sum carry the same weights.

use lossfold::{Activation, Aggregate, Axes, Axis, Empty, Map, Over, Step, Weight};

use super::frame::Frame;
use super::{Chain, Element, Head, Link, Logs, Region, Repair};

/// What a part looks like from outside.
struct Outline {
    axes: Axes,
    classes: Vec<usize>,
    /// The weights that no step has consumed: a name, axes, and the weight where it has a word.
    pending: Vec<(String, Axes, Option<Weight>)>,
    /// Whether no value is below 0.
    least: bool,
    /// Whether no value is above 1.
    most: bool,
}

struct Fitting {
    frame: Frame,
    /// How many divisors are carried: no two are the same weight.
    carried: usize,
}

type Part = (Chain, Outline);

/// The expression that leaves none of the axes `wanted`; the last step goes over what is left of them.
pub fn fit(chain: Chain, last: Step, wanted: Axes, frame: Frame) -> Chain {
    let mut fitting = Fitting { frame, carried: 0 };
    let (mut chain, mut outline) = fitting.chain(chain);
    let left = wanted.without(wanted.without(outline.axes));
    // A step over all would go over the axes that were not wanted, too.
    let all = last.over == Over::All && left == outline.axes;
    let over = if all { Over::All } else { Over::Axes(left) };
    let carry = last.carry;
    fitting.push(Link::Step(Step { over, ..last }), &mut chain.links, &mut outline);
    if let Some(Link::Step(step)) = chain.links.last_mut() {
        // At the end a divisor without axes may be left.
        let can = matches!(step.aggregate, Aggregate::Mean) && step.empty == Empty::Skip;
        step.carry |= carry && can;
    }
    chain
}

impl Fitting {
    fn chain(&mut self, chain: Chain) -> Part {
        let (head, mut outline) = self.head(chain.head);
        let mut links = Vec::new();
        for link in chain.links {
            self.push(link, &mut links, &mut outline);
        }
        (Chain { head, links }, outline)
    }

    /// The outline of a source.
    fn source(&self) -> Outline {
        let ignored = ("ignored label".to_owned(), [Axis::Pixel, Axis::Image].into(), None);
        Outline {
            axes: Axes::ALL,
            classes: self.frame.all_classes(),
            pending: if self.frame.ignores { vec![ignored] } else { Vec::new() },
            least: true,
            most: false,
        }
    }

    fn head(&mut self, head: Head) -> (Head, Outline) {
        match head {
            Head::Element(mut source) => {
                let mut outline = self.source();
                if let Element::Bce { logs, positive, .. } = &mut source.formula {
                    if let Some(list) = positive.as_mut().filter(|list| list.len() > 1) {
                        list.truncate(self.frame.extents.class);
                    }
                    // ln(p + eps) may be above 0.
                    outline.least = !matches!(logs, Logs::Epsilon(_) | Logs::Both(..));
                }
                match source.formula {
                    // Below 0 where p is above t.
                    Element::Kl => outline.least = false,
                    Element::Predicted => {
                        outline.least = source.activation != Activation::Identity;
                        outline.most = outline.least;
                    }
                    _ => {}
                }
                (Head::Element(source), outline)
            }
            Head::Overlap(region) => self.region(region),
            Head::Sum { terms, constant, repair } => {
                let (factors, chains): (Vec<f64>, Vec<Chain>) = terms.into_iter().unzip();
                let parts = chains.into_iter().map(|term| self.chain(term)).collect();
                let (chains, mut outline, ends) = self.joined(parts, repair);
                let terms = || factors.iter().zip(&ends);
                // c + Σ k x is at least c plus what the negative k take off x of at most 1.
                let taken = terms().map(|(k, &(least, most))| match *k {
                    k if k >= 0.0 && least => 0.0,
                    k if k < 0.0 && most => k,
                    _ => f64::NEG_INFINITY,
                });
                outline.least = constant + taken.sum::<f64>() >= 0.0;
                outline.most = false;
                let terms = factors.into_iter().zip(chains).collect();
                (Head::Sum { terms, constant, repair }, outline)
            }
            Head::Quotient { over, under, constant, repair } => {
                let parts = vec![self.chain(*over), self.chain(*under)];
                let (mut chains, mut outline, ends) = self.joined(parts, repair);
                outline.least = ends.iter().all(|&(least, _)| least);
                outline.most = false;
                let under = Box::new(chains.pop().expect("two parts"));
                let over = Box::new(chains.pop().expect("two parts"));
                (Head::Quotient { over, under, constant, repair }, outline)
            }
        }
    }

    fn region(&mut self, mut region: Region) -> (Head, Outline) {
        let mut outline = self.source();
        let mut before = Vec::new();
        for link in region.before {
            self.push(link, &mut before, &mut outline);
        }
        region.before = before;
        region.carry &= region.over != Axes::ALL;
        self.leave(&mut outline, region.over, region.carry);
        (outline.least, outline.most) = (region.unit, region.unit);
        (Head::Overlap(region), outline)
    }

    /// Takes axes away, with the weights that are consumed over them.
    fn leave(&mut self, outline: &mut Outline, over: Axes, carry: bool) {
        outline.axes = outline.axes.without(over);
        outline.pending.retain(|(_, axes, _)| !axes.meets(over));
        if carry {
            self.carried += 1;
            outline.pending.push((format!("divisor {}", self.carried), outline.axes, None));
        }
        if over.contains(Axis::Class) {
            outline.classes.clear();
        }
    }

    /// Adds the repaired link, or nothing where it has no place.
    fn push(&mut self, link: Link, links: &mut Vec<Link>, outline: &mut Outline) {
        let widen = |weight: Weight, outline: &mut Outline| {
            let (weight, axes) = (self.frame.weight(weight.clone()), self.frame.axes(&weight));
            if axes.contains(Axis::Class) && !outline.axes.contains(Axis::Class) {
                outline.classes = self.frame.all_classes();
            }
            outline.axes = outline.axes.with(axes);
            (weight, axes)
        };
        let fitted = match link {
            Link::Step(step) => match self.step(step, outline) {
                Some(step) => Link::Step(step),
                None => return,
            },
            Link::Scale(weight) => {
                outline.most = false;
                Link::Scale(widen(weight, outline).0)
            }
            Link::Weigh(weight) => {
                let (weight, axes) = widen(weight, outline);
                outline.pending.push((weight.to_string(), axes, Some(weight.clone())));
                Link::Weigh(weight)
            }
            Link::Map(_) if !outline.least => return,
            Link::Map(map) => {
                if map == Map::NegativeLog {
                    (outline.least, outline.most) = (outline.most, false);
                }
                Link::Map(map)
            }
            Link::Select(mut list) => {
                list.retain(|class| outline.classes.contains(class));
                if list.is_empty() || !outline.axes.contains(Axis::Class) {
                    return;
                }
                outline.classes.retain(|class| list.contains(class));
                Link::Select(list)
            }
            Link::Without(mut list) => {
                list.retain(|class| outline.classes.contains(class));
                let stays = |class: &usize| !list.contains(class);
                if list.is_empty() || !outline.classes.iter().any(stays) {
                    return;
                }
                outline.classes.retain(stays);
                Link::Without(list)
            }
        };
        links.push(fitted);
    }

    fn step(&mut self, mut step: Step, outline: &mut Outline) -> Option<Step> {
        let over = match step.over {
            Over::All => outline.axes,
            Over::Axes(axes) => axes.without(axes.without(outline.axes)),
        };
        if over.is_empty() {
            return None;
        }
        if step.over != Over::All {
            step.over = Over::Axes(over);
        }
        if matches!(step.aggregate, Aggregate::Power(_)) && !outline.least {
            step.aggregate = Aggregate::Mean;
        }
        // A divisor without axes is consumed by no step, and no sum could have it.
        step.carry = step.carry
            && over != outline.axes
            && matches!(
                step.aggregate,
                Aggregate::Mean | Aggregate::Power(_) | Aggregate::LogMeanExp(_)
            );
        if step.aggregate == Aggregate::Sum || step.carry && step.empty != Empty::Error {
            step.empty = Empty::Skip;
        }
        let by = step.by.take().filter(|_| step.aggregate == Aggregate::Mean);
        step.by = by.map(|by| {
            let there = by.into_iter().map(|weight| self.frame.weight(weight));
            there.filter(|weight| outline.axes.contains_all(self.frame.axes(weight))).collect()
        });
        outline.most &= step.aggregate != Aggregate::Sum && step.by.is_none();
        self.leave(outline, over, step.carry);
        Some(step)
    }

    /// Parts that stand together in a sum or a quotient: they have the same classes and the same
    /// weights. With each, whether it is at least 0 and at most 1.
    fn joined(
        &mut self,
        mut parts: Vec<Part>,
        repair: Repair,
    ) -> (Vec<Chain>, Outline, Vec<(bool, bool)>) {
        let mean = |over: Axes| Link::Step(Step::new(Aggregate::Mean, over));
        let has_classes = |(_, outline): &&Part| outline.axes.contains(Axis::Class);
        let mut classes = parts.iter().find(has_classes).map(|(_, part)| part.classes.clone());
        if repair != Repair::Leave {
            for (chain, outline) in &mut parts {
                let other = Some(&outline.classes) != classes.as_ref();
                if outline.axes.contains(Axis::Class) && other {
                    self.push(mean(Axis::Class.into()), &mut chain.links, outline);
                }
            }
            while let Some((owner, other, (_, axes, weight))) = conflict(&parts) {
                // No mean consumes a weight without axes, a map of one number.
                let shared = repair == Repair::Weigh || axes.is_empty();
                if let Some(weight) = weight.filter(|_| shared) {
                    let (chain, outline) = &mut parts[other];
                    self.push(Link::Weigh(weight), &mut chain.links, outline);
                } else {
                    let (chain, outline) = &mut parts[owner];
                    self.push(mean(axes), &mut chain.links, outline);
                }
            }
        }
        let axes = parts.iter().fold(Axes::NONE, |axes, (_, part)| axes.with(part.axes));
        if !axes.contains(Axis::Class) {
            classes = None;
        }
        let mut outline = self.source();
        outline.axes = axes;
        outline.pending = common(&parts);
        outline.classes = classes.unwrap_or_default();
        let ends = parts.iter().map(|(_, part)| (part.least, part.most)).collect();
        (parts.into_iter().map(|(chain, _)| chain).collect(), outline, ends)
    }
}

type Pending = (String, Axes, Option<Weight>);

fn times(part: &Part, weight: &Pending) -> usize {
    part.1.pending.iter().filter(|(name, ..)| *name == weight.0).count()
}

/// The weights that a sum of the parts has: each as often as in the part that has it most often.
fn common(parts: &[Part]) -> Vec<Pending> {
    let mut found: Vec<Pending> = Vec::new();
    for part in parts {
        for weight in &part.1.pending {
            let known = found.iter().filter(|(name, ..)| *name == weight.0).count();
            if known < times(part, weight) {
                found.push(weight.clone());
            }
        }
    }
    found
}

/// A weight that one part has and another, though it has its axes, has not.
fn conflict(parts: &[Part]) -> Option<(usize, usize, Pending)> {
    let of = |weight: &Pending| {
        let owner = (0..parts.len()).max_by_key(|&part| times(&parts[part], weight))?;
        let other = (0..parts.len()).find(|&other| {
            let lacks = times(&parts[other], weight) < times(&parts[owner], weight);
            lacks && parts[other].1.axes.contains_all(weight.1)
        })?;
        Some((owner, other, weight.clone()))
    };
    let repairable = |(_, axes, weight): &&Pending| !axes.is_empty() || weight.is_some();
    common(parts).iter().filter(repairable).find_map(of)
}
