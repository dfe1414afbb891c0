//! The same cells in another layout, or behind other strides, have the same value to the bit.

use lossfold::Axis::{Class, Image, Pixel};
use lossfold::{Batch, Labels, Layout, Loss, Weight, bce, mean};
use ndarray::{
    Array, Array0, Array1, Array2, Array3, Array4, ArrayD, ArrayView, Axis, Dimension, IxDyn, s,
};

/// Losses that read every axis in their own way.
const LOSSES: [&str; 6] = [
    "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)",
    "bce(softmax) > max(class) > top(pixel; fraction=0.3) > mean(image)",
    "bce(sigmoid) > scale(target=[1, 2, 5]) > power(pixel; p=2) > sum(class) > mean(image)",
    "overlap(softmax) > dice(pixel; smooth=1) > mean(class) > mean(image)",
    "overlap(sigmoid) > weigh(volume=-1) > dice(class, pixel) > mean(image)",
    "((bce(sigmoid) > mean(class)) + (overlap(sigmoid) > jaccard(all; smooth=1))) \
     > mean(pixel, image)",
];

/// A number in (-4, 4) for every place.
fn logit(place: usize) -> f32 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (mixed as f32 / (1 << 24) as f32 - 0.5) * 8.0
}

/// Images of 4 · 5 pixels and 3 classes as NHWC, and which class is true.
fn nhwc() -> (Array4<f32>, Array4<u8>) {
    let shape = (3, 4, 5, 3);
    let place = |(n, h, w, c): (usize, usize, usize, usize)| ((n * 4 + h) * 5 + w) * 3 + c;
    let prediction = Array4::from_shape_fn(shape, |cell| logit(place(cell)));
    let target = Array4::from_shape_fn(shape, |(n, h, w, c)| u8::from((n + h * w) % 3 == c));
    (prediction, target)
}

/// The value of every loss, as bits, and its gradient.
fn results<D: Dimension>(
    layout: Layout,
    prediction: ArrayView<'_, f32, D>,
    target: ArrayView<'_, u8, D>,
) -> Vec<(u32, Array<f32, D>)> {
    let batch = Batch::new(layout, prediction, target).unwrap();
    let result = |text: &&str| {
        let loss: Loss = text.parse().unwrap();
        let (value, gradient) = loss.value_and_gradient(&batch).unwrap();
        (value.to_bits(), gradient)
    };
    LOSSES.iter().map(result).collect()
}

fn bits<D: Dimension>(gradient: &Array<f32, D>) -> Vec<u32> {
    gradient.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn channels_last_and_channels_first_agree() {
    let (prediction, target) = nhwc();
    let last = results(Layout::NHWC, prediction.view(), target.view());
    let order = [0, 3, 1, 2];
    let first_prediction = prediction.view().permuted_axes(order).as_standard_layout().into_owned();
    let first_target = target.view().permuted_axes(order).as_standard_layout().into_owned();
    let first = results(Layout::NCHW, first_prediction.view(), first_target.view());
    for ((value, gradient), (other, other_gradient)) in last.iter().zip(&first) {
        assert_eq!(value, other);
        let back = other_gradient.view().permuted_axes([0, 2, 3, 1]).to_owned();
        assert_eq!(bits(gradient), bits(&back));
    }
}

#[test]
fn every_permutation_of_the_axes_agrees() {
    let (prediction, target) = nhwc();
    let expected = results(Layout::NHWC, prediction.view(), target.view());
    let axes = [Image, Pixel, Pixel, Class];
    // The pixel axes keep their order: another order would be other pixels.
    for order in [[3, 0, 1, 2], [1, 2, 3, 0], [1, 3, 2, 0], [3, 1, 0, 2], [1, 0, 2, 3]] {
        let layout = Layout::new(&order.map(|axis| axes[axis])).unwrap();
        let found = results(
            layout,
            prediction.view().permuted_axes(order),
            target.view().permuted_axes(order),
        );
        for ((value, gradient), (other, other_gradient)) in expected.iter().zip(&found) {
            assert_eq!(value, other, "{layout}");
            assert_eq!(
                bits(&gradient.view().permuted_axes(order).to_owned()),
                bits(other_gradient)
            );
        }
    }
}

#[test]
fn negative_and_wide_strides_are_read_where_they_lie() {
    let (prediction, target) = nhwc();
    let expected = results(Layout::NHWC, prediction.view(), target.view());

    let mirrored = |(n, h, w, c): (usize, usize, usize, usize)| [2 - n, 3 - h, w, 2 - c];
    let mut backwards = Array4::from_shape_fn((3, 4, 5, 3), |cell| prediction[mirrored(cell)]);
    let mut backwards_target = Array4::from_shape_fn((3, 4, 5, 3), |cell| target[mirrored(cell)]);
    for axis in [0, 1, 3] {
        backwards.invert_axis(Axis(axis));
        backwards_target.invert_axis(Axis(axis));
    }
    assert!(backwards.strides().iter().any(|&stride| stride < 0));

    let mut wide = Array4::<f32>::from_elem((6, 4, 10, 6), f32::NAN);
    wide.slice_mut(s![..;2, .., 1..;2, ..;2]).assign(&prediction);
    let wide = wide.slice(s![..;2, .., 1..;2, ..;2]);

    for (view, target) in [(backwards.view(), backwards_target.view()), (wide, target.view())] {
        assert_eq!(results(Layout::NHWC, view, target), expected);
    }
}

#[test]
fn another_order_of_the_cells_is_another_value() {
    let (prediction, target) = nhwc();
    let right = results(Layout::NHWC, prediction.view(), target.view());
    let mirrored = results(Layout::NHWC, prediction.slice(s![.., ..;-1, .., ..]), target.view());
    assert!(right.iter().zip(&mirrored).all(|((value, _), (other, _))| value != other));
}

/// The value of a mean over everything in a tensor of these axes.
fn mean_of(layout: &str, shape: &[usize]) -> f64 {
    let cells: usize = shape.iter().product();
    let prediction: ArrayD<f64> = Array::from_iter((0..cells).map(|place| f64::from(logit(place))))
        .into_shape_with_order(shape)
        .unwrap();
    let target = prediction.mapv(|x| x > 1.0);
    let batch = Batch::new(layout.parse().unwrap(), &prediction, &target).unwrap();
    let loss: Loss = "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".parse().unwrap();
    loss.value(&batch).unwrap()
}

#[test]
fn any_number_of_spatial_axes_and_none_are_pixels() {
    let flat = mean_of("image pixel class", &[2, 24, 3]);
    assert_eq!(mean_of("NHWC", &[2, 4, 6, 3]).to_bits(), flat.to_bits());
    assert_eq!(mean_of("NDHWC", &[2, 2, 3, 4, 3]).to_bits(), flat.to_bits());
    assert_eq!(
        mean_of("image pixel pixel pixel pixel class", &[2, 2, 3, 2, 2, 3]).to_bits(),
        flat.to_bits()
    );
    let none = mean_of("NC", &[48, 3]);
    assert!((none - flat).abs() <= 1e-15);
}

#[test]
fn a_missing_axis_is_an_axis_of_one() {
    assert_eq!(mean_of("HWC", &[4, 6, 3]).to_bits(), mean_of("NHWC", &[1, 4, 6, 3]).to_bits());
    assert_eq!(mean_of("NHW", &[2, 4, 6]).to_bits(), mean_of("NHWC", &[2, 4, 6, 1]).to_bits());
    assert_eq!(mean_of("pixel", &[24]).to_bits(), mean_of("NHWC", &[1, 4, 6, 1]).to_bits());

    let (prediction, target) = (Array0::from_elem((), 0.0), Array0::from_elem((), true));
    let batch = Batch::new(Layout::new(&[]).unwrap(), &prediction, &target).unwrap();
    let loss: Loss = "bce(sigmoid)".parse().unwrap();
    assert_eq!(loss.value(&batch).unwrap(), 2_f64.ln());
}

#[test]
fn maps_and_masks_follow_the_layout_of_the_batch() {
    let (prediction, target) = nhwc();
    let map = Array3::from_shape_fn((3, 4, 5), |(n, h, w)| 1.0 + (n * 20 + h * 5 + w) as f64);
    let mask = Array2::from_shape_fn((4, 5), |(h, w)| (h + w) % 3 != 0);
    let image = Array1::from(vec![1.0, 2.0, 4.0]);
    let loss: Loss = "bce(sigmoid) > weigh(mask) > scale(map) > mean(class, pixel) > weigh(image) \
                      > mean(image)"
        .parse()
        .unwrap();
    let nhwc = Batch::new(Layout::NHWC, &prediction, &target).unwrap();
    let nhwc = nhwc.with_map([Pixel, Image], &map).unwrap();
    let nhwc = nhwc.with_mask(Pixel, &mask).unwrap().with_image_weights(&image).unwrap();
    // Height, class, width, image.
    let layout: Layout = "pixel class pixel image".parse().unwrap();
    let order = [1, 3, 2, 0];
    let moved = Batch::new(
        layout,
        prediction.view().permuted_axes(order),
        target.view().permuted_axes(order),
    );
    let moved =
        moved.unwrap().with_map([Image, Pixel], map.view().permuted_axes([1, 2, 0])).unwrap();
    let moved = moved.with_mask(Pixel, &mask).unwrap().with_image_weights(&image).unwrap();
    assert_eq!(loss.value(&nhwc).unwrap().to_bits(), loss.value(&moved).unwrap().to_bits());
}

#[test]
fn every_container_of_a_target_of_0_and_1_agrees() {
    let (prediction, target) = nhwc();
    let labels = Array3::from_shape_fn((3, 4, 5), |(n, h, w)| {
        (0..3).find(|&c| target[[n, h, w, c]] == 1).unwrap()
    });
    let loss: Loss = LOSSES[2].parse().unwrap();
    let value =
        |batch: lossfold::Result<Batch<'_, f32, _>>| loss.value(&batch.unwrap()).unwrap().to_bits();
    let expected = value(Batch::new(Layout::NHWC, &prediction, &target));
    macro_rules! dense {
        ($($convert:expr),*) => {
            $(assert_eq!(expected, value(Batch::new(Layout::NHWC, &prediction, &target.mapv($convert))));)*
        };
    }
    dense!(f32::from, f64::from, |t| t == 1);
    macro_rules! label {
        ($($type:ty),*) => {
            $(let of_type = labels.mapv(|class: usize| <$type>::try_from(class).unwrap());
            assert_eq!(expected, value(Batch::new(Layout::NHWC, &prediction, Labels::new(&of_type))));)*
        };
    }
    label!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);
}

#[test]
fn the_values_that_remain_have_the_layout_of_the_batch() {
    let (prediction, target) = nhwc();
    let order = [3, 0, 1, 2];
    let layout = Layout::new(&[Class, Image, Pixel, Pixel]).unwrap();
    let (p, t) = (prediction.view().permuted_axes(order), target.view().permuted_axes(order));
    let loss = bce(lossfold::Activation::Sigmoid).reduce(mean(Image));
    let here = loss.values(&Batch::new(Layout::NHWC, &prediction, &target).unwrap()).unwrap();
    let there = loss.values(&Batch::new(layout, p, t).unwrap()).unwrap();
    assert_eq!(here.values.shape(), [4, 5, 3]);
    assert_eq!(there.layout.to_string(), "class pixel pixel");
    assert_eq!(here.values.permuted_axes(IxDyn(&[2, 0, 1])), there.values);
}

#[test]
fn a_value_per_masked_cell_is_0_by_mass_0() {
    let (prediction, target) = nhwc();
    let mask = Array1::from(vec![true, false, true]);
    let batch = Batch::new(Layout::NHWC, &prediction, &target).unwrap();
    let batch = batch.with_mask(Image, &mask).unwrap();
    let loss = bce(lossfold::Activation::Sigmoid).weigh(Weight::Mask).reduce(mean([Class, Pixel]));
    let values = loss.values(&batch).unwrap();
    assert_eq!((values.values[1], values.mass[1]), (0.0, 0.0));
    assert!(values.values[0] > 0.0 && values.mass[0] == 1.0);
}

#[test]
fn a_map_keeps_an_axis_that_the_layout_lacks() {
    let (prediction, target) = (Array2::<f64>::ones((2, 3)), Array2::<f64>::zeros((2, 3)));
    let loss: Loss = "squared(identity) > weigh(map) > sum(all)".parse().unwrap();
    let map = Array0::from_elem((), 2.0);
    let batch = Batch::new("pixel class".parse().unwrap(), &prediction, &target).unwrap();
    // Without an image axis there is one image, and its weight counts for all six cells.
    assert_eq!(loss.value(&batch.with_map(Image, &map).unwrap()).unwrap(), 12.0);
}

/// With more than sixteen classes a row of lanes is longer than what a loop takes at once.
#[test]
fn many_classes_agree_in_both_layouts_and_with_the_reference() {
    let losses = [
        "(bce(sigmoid) > mean(all)) + (overlap(sigmoid) > dice(pixel; smooth=1) > mean(class, image))",
        "bce(sigmoid; positive=[2]) > mean(all)",
        "cross_entropy(softmax) > sum(class) > mean(pixel, image)",
        "squared(identity) > max(class) > mean(pixel, image)",
    ];
    for (classes, text) in [16, 17, 21, 150].into_iter().flat_map(|c| losses.map(|l| (c, l))) {
        // More pixels than a block has, and not as many as a multiple of sixteen.
        let shape = (2, 13, 23, classes);
        let prediction = Array4::from_shape_fn(shape, |(n, h, w, c)| {
            f64::from(logit(((n * 13 + h) * 23 + w) * classes + c))
        });
        let target = Array4::from_shape_fn(shape, |(n, h, w, c)| {
            f64::from(u8::from((n + h * w) % classes == c))
        });
        let loss: Loss = text.parse().unwrap();
        let last = Batch::new(Layout::NHWC, &prediction, &target).unwrap();
        let (value, gradient) = loss.value_and_gradient(&last).unwrap();

        let order = [0, 3, 1, 2];
        let first = [&prediction, &target]
            .map(|array| array.view().permuted_axes(order).as_standard_layout().into_owned());
        let batch = Batch::new(Layout::NCHW, &first[0], &first[1]).unwrap();
        let (other, other_gradient) = loss.value_and_gradient(&batch).unwrap();
        assert_eq!(value.to_bits(), other.to_bits(), "{classes} classes: {loss}");
        assert_eq!(gradient.view().permuted_axes(order), other_gradient, "{classes}: {loss}");

        let (expected, slopes) = loss.reference().value_and_gradient(&last).unwrap();
        assert!((value - expected).abs() <= 1e-12 * expected, "{classes} classes: {loss}");
        let size = slopes.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-11 * size;
        assert!(gradient.iter().zip(&slopes).all(near), "{classes} classes: {loss}");
        // A gradient whose rows are one class off is another.
        let wrong = gradient.iter().skip(1).zip(&slopes);
        assert!(!wrong.into_iter().all(near), "{classes} classes: {loss}");
    }
}
