//! Where two losses part, and whether they can still agree.

mod display;
mod lines;
mod situation;

pub use lines::Line;
pub use situation::Situation;

use crate::axis::Axis::{Image, Pixel};
use crate::axis::Extents;
use crate::error::Result;
use crate::loss::{Loss, Node};
use crate::reduction::{Reduction, Step};
use crate::reference::{Equivalence, Factor, Setting};

/// Two losses side by side.
///
/// ```
/// use lossfold::preset::{self, Agreement};
///
/// let torch = preset::parse("torch.nn.CrossEntropyLoss(weight=[1, 1, 5])")?;
/// let keras = preset::parse("torch.nn.CrossEntropyLoss()")?;
/// let diff = preset::diff(&torch, &keras)?;
/// assert_eq!(diff.parts_at(), Some(2)); // after the source and the sum over class
/// assert_eq!(diff.first()[2].text, "weigh(target=[1, 1, 5])");
/// assert_eq!(*diff.agreement(), Agreement::Differ);
/// let apart = diff.situations().iter().find(|situation| situation.differs()).unwrap();
/// assert_eq!(apart.name, "classes of one size");
/// # Ok::<(), lossfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Difference {
    first: Vec<Line>,
    second: Vec<Line>,
    agreement: Agreement,
    situations: Vec<Situation>,
}

/// Whether two losses agree.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Agreement {
    /// On all data: by their texts, or by the laws of their steps.
    Same,
    /// Up to this factor on all data, by the laws; the extents are those of the situations.
    Factor(Factor),
    /// On all data that were tried.
    SameOnTrial,
    /// Up to this factor on all data that were tried.
    FactorOnTrial(f64),
    /// Not on all data; the situations say on which.
    Differ,
}

/// Compares two losses: their steps in the order of execution, by the laws of the algebra where both have the same
/// source and nothing but aggregates behind it, and on small batches on which orders tend to part. Both
/// see the same probabilities, each in the form that its source expects.
///
/// **Errors**: those of [`Loss::check`], and [`ErrorKind::Weight`](crate::ErrorKind::Weight) if their class lists have different lengths.
pub fn diff(first: &Loss, second: &Loss) -> Result<Difference> {
    first.check()?;
    second.check()?;
    let trial = situation::Trial::of([first, second])?;
    let situations = trial.situations([first, second]);
    let agreement = match by_the_laws(first, second, trial.extents())? {
        Some(agreement) => agreement,
        None => on_trial(&situations),
    };
    Ok(Difference { first: lines::of(first), second: lines::of(second), agreement, situations })
}

/// What the texts or the laws say, where they decide.
fn by_the_laws(first: &Loss, second: &Loss, extents: Extents) -> Result<Option<Agreement>> {
    if first == second {
        return Ok(Some(Agreement::Same));
    }
    let ((of_first, steps_of_first), (of_second, steps_of_second)) = (chain(first), chain(second));
    let element = matches!(of_first.node(), Node::Element(_));
    if !element || of_first != of_second {
        return Ok(None);
    }
    // Labels can be ignored, which is a weight per pixel.
    let setting = Setting::new(extents).weight([Pixel, Image]);
    Ok(match steps_of_first.equivalent(&steps_of_second, &setting)? {
        Equivalence::Same => Some(Agreement::Same),
        Equivalence::Factor(factor) => Some(Agreement::Factor(factor)),
        Equivalence::Different(_) => None,
    })
}

/// A loss as what stands before its last aggregates, and these.
fn chain(loss: &Loss) -> (Loss, Reduction) {
    let mut steps: Vec<Step> = Vec::new();
    let mut inner = loss.clone();
    while let Node::Step(child, step) = inner.node() {
        steps.push(step.clone());
        inner = child.clone();
    }
    (inner, steps.into_iter().rev().collect())
}

fn on_trial(situations: &[Situation]) -> Agreement {
    if !situations.iter().any(Situation::differs) {
        return Agreement::SameOnTrial;
    }
    let mut factors = situations.iter().filter(|tried| tried.compares()).map(Situation::factor);
    match factors.next().flatten() {
        Some(factor)
            if factors.all(|other| other.is_some_and(|other| situation::near(other, factor))) =>
        {
            Agreement::FactorOnTrial(factor)
        }
        _ => Agreement::Differ,
    }
}

impl Difference {
    /// The steps of the first loss, in the order of execution.
    pub fn first(&self) -> &[Line] {
        &self.first
    }

    /// The steps of the second loss.
    pub fn second(&self) -> &[Line] {
        &self.second
    }

    /// The place of the first step at which they part; none if all steps are the same.
    pub fn parts_at(&self) -> Option<usize> {
        let same =
            self.first.iter().zip(&self.second).take_while(|(one, other)| one == other).count();
        (same < self.first.len() || same < self.second.len()).then_some(same)
    }

    /// Whether they can still agree.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// What both make of small batches.
    pub fn situations(&self) -> &[Situation] {
        &self.situations
    }
}
