//! What of a state is saved.

use crate::fused::exact::Exact;
use crate::fused::field::Mass;
use crate::fused::given::terms_of;
use crate::fused::plan::Spot;
use crate::fused::pool::Pool;
use crate::fused::seen::Seen;
use crate::fused::state::State;

use super::number::{Number, Set, numbers};
use super::{Saved, SavedGiven, SavedPool, SavedSeen, SavedWeight, Sum, Version};

impl Saved {
    pub(super) fn of(state: &State) -> Self {
        let seen = state.seen().ok().map(SavedSeen::of);
        Self { version: Version, loss: state.loss().clone(), seen }
    }
}

impl SavedSeen {
    fn of(seen: &Seen) -> Self {
        let facts = &seen.plan.facts;
        let pools = seen.pools.iter().zip(seen.plan.pool_spots());
        Self {
            images: seen.images,
            unread: seen.unread,
            classes: facts.classes,
            layout: Set(facts.layout),
            image_weights: facts.image,
            map: facts.map.map(Set),
            mask: facts.mask.map(Set),
            spatial: seen.spatial.clone(),
            volumes: seen.volumes.iter().map(sum).collect(),
            given: seen
                .given
                .iter()
                .map(|(named, grid)| SavedGiven {
                    weight: named.text.to_string(),
                    cells: numbers(&grid.cells),
                })
                .collect(),
            pools: pools.map(|(pool, spot)| SavedPool::of(pool, spot)).collect(),
        }
    }
}

impl SavedPool {
    fn of(pool: &Pool, spot: &Spot) -> Self {
        let rest = pool.rest();
        let (touched, waiting) =
            (Set(rest.touched), rest.waiting.iter().map(SavedWeight::of).collect());
        match pool {
            Pool::Sums { sums, .. } => Self::Sums {
                touched,
                // Windows take down the terms of other pools, too, which nothing asks for.
                read: terms_of(spot).iter().map(|term| rest.read.contains(&term.id)).collect(),
                waiting,
                sums: sums.iter().map(|sums| sums.iter().map(sum).collect()).collect(),
            },
            Pool::Kept { rows, .. } => {
                let all = rows.iter().flat_map(|(row, &times)| std::iter::repeat_n(row, times));
                let number = |&bits: &u64| Number(f64::from_bits(bits));
                let rows = all.map(|row| row.iter().map(number).collect()).collect();
                Self::Kept { touched, waiting, rows }
            }
        }
    }
}

impl SavedWeight {
    fn of(mass: &Mass) -> Self {
        let shape = mass.grid.shape;
        Self {
            name: mass.name.to_string(),
            axes: Set(mass.axes),
            deferred: mass.deferred.is_some(),
            depends: mass.depends,
            skips: mass.skips,
            class: shape.class,
            pixel: shape.pixel,
            cells: numbers(&mass.grid.cells),
        }
    }
}

/// The parts of a sum; what lies beyond the finite is one of them.
fn sum(sum: &Exact) -> Sum {
    let (parts, beyond) = sum.parts();
    let beyond = (beyond != 0.0).then_some(&beyond);
    numbers(parts.iter().chain(beyond))
}
