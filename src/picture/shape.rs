//! How large pictures are.

/// How many slices are shown of a volume, at most.
const MOST_SLICES: usize = 48;

/// How many pixels all pictures of whole slices have together, at most, and how many those of single classes.
/// A pixel takes a byte at most, and 4/3 of one in a data URI, and a picture a kilobyte and a half besides: so
/// that six images of 19 classes stay below ten million bytes, even if they are noise.
const PIXELS: [usize; 2] = [1_200_000, 5_700_000];

/// The longest side of a picture, at most.
const LONGEST: usize = 768;

/// The extents of a slice, and how many pixels of it, in each direction, are one of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) slices: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// In pictures of whole slices.
    pub(crate) shrink: usize,
    /// In pictures of classes: a multiple of the other.
    pub(crate) shrink_classes: usize,
}

impl Shape {
    /// The last two spatial axes are a slice, those before them number the slices.
    pub(crate) fn new(spatial: &[usize], images: usize, classes: usize) -> Self {
        let (slices, height, width) = match spatial {
            [] => (1, 1, 1),
            [width] => (1, 1, *width),
            [before @ .., height, width] => (before.iter().product(), *height, *width),
        };
        let fits = |shrink: usize, pictures: usize, pixels: usize| {
            let (height, width) = (height.div_ceil(shrink), width.div_ceil(shrink));
            height.max(width) <= LONGEST && height * width * pictures <= pixels
        };
        // Beyond the longest side a picture is one pixel.
        let longest = height.max(width).max(1);
        let least = |pictures, pixels, step: usize| {
            let mut steps = (step..=longest).step_by(step);
            steps
                .find(|&shrink| fits(shrink, pictures, pixels))
                .unwrap_or(longest.next_multiple_of(step))
        };
        let shrink = least(3 * images * slices.min(MOST_SLICES), PIXELS[0], 1);
        let shrink_classes = least(3 * images * classes, PIXELS[1], shrink);
        Self { slices, height, width, shrink, shrink_classes }
    }

    /// Height and width of a picture of a whole slice.
    pub(super) fn size(self, shrink: usize) -> (usize, usize) {
        (self.height.div_ceil(shrink), self.width.div_ceil(shrink))
    }

    /// The slices of a volume that are shown, the worst among them.
    pub(super) fn shown_slices(self, worst: usize) -> Vec<usize> {
        let stride = self.slices.div_ceil(MOST_SLICES).max(1);
        (0..self.slices).filter(|slice| slice % stride == worst % stride).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_any_batch_fit() {
        for spatial in
            [vec![], vec![7], vec![96, 80], vec![512, 512], vec![300, 512, 512], vec![0, 4]]
        {
            for images in [0, 1, 6, 500] {
                for classes in [1, 5, 19, 300] {
                    let shape = Shape::new(&spatial, images, classes);
                    let pixels = |shrink, pictures| {
                        let (height, width) = shape.size(shrink);
                        height * width * pictures
                    };
                    let slices = shape.shown_slices(shape.slices / 2);
                    assert!(slices.len() <= MOST_SLICES);
                    assert!(shape.slices == 0 || slices.contains(&(shape.slices / 2)));
                    assert!(pixels(shape.shrink, 3 * images * slices.len()) <= PIXELS[0]);
                    assert!(pixels(shape.shrink_classes, 3 * images * classes) <= PIXELS[1]);
                    assert_eq!(shape.shrink_classes % shape.shrink, 0);
                }
            }
        }
    }

    #[test]
    fn a_small_batch_is_shown_as_it_is() {
        let shape = Shape::new(&[96, 80], 6, 5);
        assert_eq!((shape.shrink, shape.shrink_classes), (1, 1));
        let shape = Shape::new(&[512, 512], 6, 19);
        assert_eq!((shape.shrink, shape.shrink_classes), (2, 4));
    }
}
