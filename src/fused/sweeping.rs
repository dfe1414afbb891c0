//! One chunk of an image through the kernels: the sums of its leaves, its gradient, or both.

use std::ops::Range;

use crate::kernel::{
    Activated, Cells, Extreme, Into, Isa, Job, LANES, MOST_SUMS, Memory, Numbers, PART, Real,
    Recipe, Softmax, join, part, share,
};

use super::digest::Digest;
use super::grid::pairwise;
use super::leaf::{Leaves, Weighted};
use super::places::Places;
use super::stream::{Order, Stream, Tile, tiles};

/// What came back to the numbers of the leaves: by recipe, class and number.
pub(super) type Slopes = Vec<Vec<[f64; MOST_SUMS]>>;

/// A chunk, and what is asked of it.
pub(super) struct Sweeping<'s, 'b, F> {
    pub(super) stream: &'s Stream<'b, F>,
    pub(super) leaves: &'s Leaves,
    /// By recipe: for all classes, or by class.
    pub(super) numbers: &'s [Vec<Numbers<F>>],
    pub(super) image: usize,
    pub(super) pixels: Range<usize>,
    /// Where the gradient goes, where it is asked for.
    pub(super) places: Option<Places<'s, F>>,
}

impl<F: Real> Stream<'_, F> {
    /// The order in which the cells of a recipe lie.
    fn order_of(&self, recipe: &Weighted) -> Order {
        match recipe.recipe.activated {
            _ if recipe.extreme.is_some() => Order::ByClass,
            Activated::Coupled => Order::ByClass,
            _ => self.order,
        }
    }

    /// What the cells of a part stand for, by recipe: for all classes, or by class.
    pub(super) fn numbers(&self, leaves: &Leaves, slopes: Option<&Slopes>) -> Vec<Vec<Numbers<F>>> {
        let of_recipe = |(place, recipe): (usize, &Weighted)| {
            let order = self.order_of(recipe);
            let row = order.row(self.classes).max(1);
            let length = if row <= PART { part(row) } else { row };
            let of = |class: usize| -> Numbers<F> {
                let fill = |of_class: &dyn Fn(usize) -> f64| -> Vec<F> {
                    let of_class = |class| F::from_f64(of_class(class));
                    match order {
                        Order::ByClass => vec![of_class(class); length],
                        Order::ByPixel => {
                            let of_pixel: Vec<F> = (0..self.classes).map(of_class).collect();
                            of_pixel.iter().copied().cycle().take(length).collect()
                        }
                    }
                };
                let slope = |number: usize| match slopes {
                    Some(slopes) if number < recipe.recipe.sums() => {
                        fill(&|class| slopes[place][class][number])
                    }
                    _ => Vec::new(),
                };
                Numbers {
                    weight: fill(&|class| recipe.positive.as_ref().map_or(1.0, |w| w[class])),
                    slopes: std::array::from_fn(slope),
                }
            };
            let count = if order == Order::ByPixel { 1 } else { self.classes };
            (0..count).map(of).collect()
        };
        leaves.recipes.iter().enumerate().map(of_recipe).collect()
    }
}

/// Memory for a chunk.
struct Scratch<F> {
    tile: Tile<F>,
    softmax: Softmax<F>,
    memory: Memory<F>,
    /// By sum; the lanes of all classes.
    lanes: [Vec<f64>; MOST_SUMS],
    slopes: Vec<F>,
}

impl<F: Real> Job for Sweeping<'_, '_, F> {
    /// The sums; none where a cell cannot be read, or where a sum is not finite. Those of recipes whose
    /// gradient is made without them are 0.
    type Output = Option<Digest>;

    fn run<I: Isa>(mut self, isa: I) -> Option<Digest> {
        let classes = self.stream.classes;
        let mut digest = Digest::new(classes, self.pixels.len());
        let mut scratch = Scratch {
            tile: Tile::default(),
            softmax: Softmax::new(),
            memory: Memory::new(0),
            lanes: std::array::from_fn(|_| Vec::new()),
            slopes: Vec::new(),
        };
        for (number, (recipe, numbers)) in self.leaves.recipes.iter().zip(self.numbers).enumerate()
        {
            let order = self.stream.order_of(recipe);
            scratch.memory = Memory::new(order.row(classes));
            for lanes in &mut scratch.lanes {
                lanes.clear();
                lanes.resize(classes * LANES, 0.0);
            }
            let mut places = self.places.take();
            let good = match (recipe.extreme, recipe.recipe.activated) {
                (None, Activated::Coupled) => {
                    self.coupled(isa, (recipe, numbers), &mut scratch, &mut places, number > 0)
                }
                (None, _) => {
                    self.plain(isa, (recipe, numbers), &mut scratch, &mut places, number > 0)
                }
                (Some(extreme), _) => {
                    let recipe = (recipe, extreme, &numbers[..]);
                    self.extreme(isa, recipe, &mut scratch, &mut places, number > 0)
                }
            };
            self.places = places;
            if !good {
                return None;
            }
            for lanes in &scratch.lanes[..recipe.recipe.sums()] {
                for class in 0..classes {
                    let of_pixel: [f64; LANES] =
                        std::array::from_fn(|pixel| lanes[order.place(classes, class, pixel)]);
                    digest.push(pairwise(&of_pixel));
                }
            }
        }
        digest.is_finite().then_some(digest)
    }
}

/// The cells of one class of a tile that lies class by class.
fn cells_of<'t, F: Real>(
    recipe: Recipe,
    tile: &'t Tile<F>,
    softmax: &'t Softmax<F>,
    of: Range<usize>,
) -> Cells<'t, F> {
    let (x, t) = (&tile.x[of.clone()], &tile.t[of.clone()]);
    if recipe.activated != Activated::Coupled {
        return Cells { x, q: x, cost: x, t };
    }
    let (x, q) = (&softmax.p[of.clone()], &softmax.q[of.clone()]);
    Cells { x, q, cost: &softmax.cost[of], t }
}

impl<F: Real> Sweeping<'_, '_, F> {
    /// Gathers a tile class by class, and the softmax of it where a recipe asks for that. Whether all labels
    /// are classes, and then all logits finite.
    fn gather<I: Isa>(
        &self,
        isa: I,
        recipe: Recipe,
        pixels: Range<usize>,
        tile: &mut Tile<F>,
        softmax: &mut Softmax<F>,
    ) -> bool {
        let size = pixels.len();
        let labels = self.stream.gather(isa, self.image, pixels, tile);
        if recipe.activated != Activated::Coupled {
            return labels;
        }
        softmax.resize(self.stream.classes, size);
        let finite = isa.run(
            #[inline(always)]
            || softmax.fill::<I>(&tile.x),
        );
        labels && finite
    }

    /// A recipe that takes every cell by itself.
    fn plain<I: Isa>(
        &self,
        isa: I,
        (recipe, numbers): (&Weighted, &[Numbers<F>]),
        scratch: &mut Scratch<F>,
        places: &mut Option<Places<'_, F>>,
        add: bool,
    ) -> bool {
        let recipe = recipe.recipe;
        let Scratch { tile, memory, lanes, slopes: made, .. } = scratch;
        let mut good = true;
        let labels = self.stream.pieces(isa, self.image, self.pixels.clone(), tile, &mut |piece| {
            let classes = piece.classes;
            let numbers = if numbers.len() == 1 { &numbers[0] } else { &numbers[classes.start] };
            let lanes = lanes
                .each_mut()
                .map(|lanes| &mut lanes[classes.start * LANES..classes.end * LANES]);
            let Some(places) = places else {
                let into = Into { lanes, slopes: &mut [] };
                good &= recipe.add(isa, piece.cells, numbers, memory, into);
                return;
            };
            let places = places.of(&classes, &piece.pixels);
            if !add {
                let into = Into { lanes, slopes: places };
                good &= recipe.pull(isa, piece.cells, numbers, memory, into);
                return;
            }
            made.resize(places.len(), F::ZERO);
            let into = Into { lanes, slopes: made };
            good &= recipe.pull(isa, piece.cells, numbers, memory, into);
            places.iter_mut().zip(&*made).for_each(|(place, &made)| *place = *place + made);
        });
        labels && good
    }

    /// A recipe whose activation couples the classes of a pixel.
    fn coupled<I: Isa>(
        &self,
        isa: I,
        (recipe, numbers): (&Weighted, &[Numbers<F>]),
        scratch: &mut Scratch<F>,
        places: &mut Option<Places<'_, F>>,
        add: bool,
    ) -> bool {
        let recipe = recipe.recipe;
        let classes = self.stream.classes;
        let Scratch { tile, softmax, memory, lanes, slopes: made } = scratch;
        for pixels in tiles(self.pixels.clone()) {
            let size = pixels.len();
            let mut good = self.gather(isa, recipe, pixels.clone(), tile, softmax);
            if places.is_some() {
                made.resize(classes * size, F::ZERO);
            }
            for class in 0..classes {
                let of = class * size..(class + 1) * size;
                let cells = cells_of(recipe, tile, softmax, of.clone());
                let numbers = &numbers[class];
                let lanes =
                    lanes.each_mut().map(|lanes| &mut lanes[class * LANES..(class + 1) * LANES]);
                good &= if places.is_some() {
                    let into = Into { lanes, slopes: &mut made[of] };
                    recipe.pull(isa, cells, numbers, memory, into)
                } else {
                    recipe.add(isa, cells, numbers, memory, Into { lanes, slopes: &mut [] })
                };
            }
            if !good {
                return false;
            }
            let Some(places) = places else { continue };
            isa.run(
                #[inline(always)]
                || softmax.pull::<I>(made),
            );
            self.put(isa, pixels, made, places, add);
        }
        true
    }

    /// Puts down what was made class by class.
    fn put<I: Isa>(
        &self,
        isa: I,
        pixels: Range<usize>,
        made: &[F],
        places: &mut Places<'_, F>,
        add: bool,
    ) {
        let (classes, size) = (self.stream.classes, pixels.len());
        let place = pixels.start - self.pixels.start..pixels.end - self.pixels.start;
        if let (Some(places), false) = (places.by_pixel(classes, &place), add) {
            return isa.run(
                #[inline(always)]
                || join(made, classes, places),
            );
        }
        for class in 0..classes {
            let made = &made[class * size..(class + 1) * size];
            places.put(classes, class, place.clone(), made, add);
        }
    }

    /// A recipe of which one value over the classes of a pixel is summed.
    fn extreme<I: Isa>(
        &self,
        isa: I,
        (recipe, extreme, numbers): (&Weighted, Extreme, &[Numbers<F>]),
        scratch: &mut Scratch<F>,
        places: &mut Option<Places<'_, F>>,
        add: bool,
    ) -> bool {
        let recipe = recipe.recipe;
        let classes = self.stream.classes;
        let Scratch { tile, softmax, memory, lanes, slopes: made } = scratch;
        let (mut values, mut extremes, mut ties) = (Vec::new(), Vec::new(), Vec::new());
        for pixels in tiles(self.pixels.clone()) {
            let size = pixels.len();
            let mut good = self.gather(isa, recipe, pixels.clone(), tile, softmax);
            let cells =
                |class: usize| cells_of(recipe, tile, softmax, class * size..(class + 1) * size);
            values.resize(classes * size, F::ZERO);
            for (class, row) in values.chunks_exact_mut(size).enumerate() {
                good &= recipe.values(isa, cells(class), &numbers[class], row);
            }
            if !good {
                return false;
            }
            extremes.resize(size, F::ZERO);
            isa.run(
                #[inline(always)]
                || {
                    extreme.fill(&values, &mut extremes);
                    memory.add(&extremes, &mut lanes[0][..LANES]);
                },
            );
            let Some(places) = places else { continue };
            made.resize(classes * size, F::ZERO);
            for (class, row) in made.chunks_exact_mut(size).enumerate() {
                // The sums of the cells themselves are nobody's.
                let mut sums = [[0.0; LANES]; MOST_SUMS];
                let lanes = sums.each_mut().map(|sums| &mut sums[..]);
                let into = Into { lanes, slopes: row };
                recipe.pull(isa, cells(class), &numbers[class], memory, into);
            }
            ties.resize(size, F::ZERO);
            isa.run(
                #[inline(always)]
                || share(&values, &extremes, &mut ties, made),
            );
            if recipe.activated == Activated::Coupled {
                isa.run(
                    #[inline(always)]
                    || softmax.pull::<I>(made),
                );
            }
            self.put(isa, pixels, made, places, add);
        }
        true
    }
}
