//! From pixels of classes to rows of pixels, one for each class, and back.

use super::real::Real;

/// Puts the numbers of each class into a row of `pixels` numbers.
#[inline(always)]
pub(crate) fn split<F: Real>(from: &[F], classes: usize, into: &mut [F]) {
    // With few classes, how many is known when the loop is compiled: it shuffles whole vectors.
    match classes {
        2 => split_few::<F, 2>(from, into),
        3 => split_few::<F, 3>(from, into),
        4 => split_few::<F, 4>(from, into),
        5 => split_few::<F, 5>(from, into),
        6 => split_few::<F, 6>(from, into),
        7 => split_few::<F, 7>(from, into),
        8 => split_few::<F, 8>(from, into),
        _ => {
            let pixels = from.len() / classes.max(1);
            for (class, row) in into.chunks_exact_mut(pixels.max(1)).enumerate() {
                let numbers = from[class..].iter().step_by(classes);
                row.iter_mut().zip(numbers).for_each(|(place, &number)| *place = number);
            }
        }
    }
}

#[inline(always)]
fn split_few<F: Real, const CLASSES: usize>(from: &[F], into: &mut [F]) {
    let pixels = from.as_chunks::<CLASSES>().0;
    let count = pixels.len();
    let mut rows = into.chunks_exact_mut(count.max(1));
    let rows: [&mut [F]; CLASSES] = std::array::from_fn(|_| rows.next().unwrap_or_default());
    if rows.iter().any(|row| row.len() != count) {
        return;
    }
    for pixel in 0..count {
        for class in 0..CLASSES {
            rows[class][pixel] = pixels[pixel][class];
        }
    }
}

/// The way back.
#[inline(always)]
pub(crate) fn join<F: Real>(from: &[F], classes: usize, into: &mut [F]) {
    match classes {
        2 => join_few::<F, 2>(from, into),
        3 => join_few::<F, 3>(from, into),
        4 => join_few::<F, 4>(from, into),
        5 => join_few::<F, 5>(from, into),
        6 => join_few::<F, 6>(from, into),
        7 => join_few::<F, 7>(from, into),
        8 => join_few::<F, 8>(from, into),
        _ => {
            let pixels = from.len() / classes.max(1);
            for (class, row) in from.chunks_exact(pixels.max(1)).enumerate() {
                let places = into[class..].iter_mut().step_by(classes);
                row.iter().zip(places).for_each(|(&number, place)| *place = number);
            }
        }
    }
}

#[inline(always)]
fn join_few<F: Real, const CLASSES: usize>(from: &[F], into: &mut [F]) {
    let pixels = into.as_chunks_mut::<CLASSES>().0;
    let count = pixels.len();
    let mut rows = from.chunks_exact(count.max(1));
    let rows: [&[F]; CLASSES] = std::array::from_fn(|_| rows.next().unwrap_or_default());
    if rows.iter().any(|row| row.len() != count) {
        return;
    }
    for pixel in 0..count {
        for class in 0..CLASSES {
            pixels[pixel][class] = rows[class][pixel];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_classes_are_split_and_joined() {
        for classes in [1, 2, 3, 4, 5, 6, 7, 8, 9, 21] {
            for pixels in [0, 1, 15, 256] {
                let cell = |class: usize, pixel: usize| (class * 1000 + pixel) as f64;
                let cells = 0..classes * pixels;
                let by_pixel: Vec<f64> =
                    cells.clone().map(|at| cell(at % classes, at / classes)).collect();
                let by_class: Vec<f64> =
                    cells.map(|at| cell(at / pixels.max(1), at % pixels.max(1))).collect();
                let mut found = vec![-1.0; classes * pixels];
                split(&by_pixel, classes, &mut found);
                assert_eq!(found, by_class, "{classes} classes, {pixels} pixels");
                join(&by_class, classes, &mut found);
                assert_eq!(found, by_pixel, "{classes} classes, {pixels} pixels");
            }
        }
    }
}
