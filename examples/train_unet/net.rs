//! A small U-Net (Ronneberger et al. 2015): three levels of two convolutions each; what comes up is put beside
//! what went down.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};

use crate::data::CLASSES;
use crate::random::Random;

/// The channels of the first level; each level below has twice as many.
const WIDTH: usize = 8;

/// The slope below 0.
const LEAK: f64 = 0.1;

/// From an image of one channel to a logit per class.
#[derive(Module, Debug)]
pub struct Net {
    down: Vec<Block>,
    narrow: Vec<Conv2d>,
    up: Vec<Block>,
    head: Conv2d,
}

#[derive(Module, Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
}

impl Net {
    /// The net with which a seed begins.
    pub fn new(seed: u64, device: &Device) -> Self {
        let random = &mut Random::new(seed, 0);
        let mut layer = |channels, size| convolution(channels, size, random, device);
        let mut block =
            |from, to| Block { first: layer([from, to], 3), second: layer([to, to], 3) };
        let [fine, middle, coarse] = [WIDTH, 2 * WIDTH, 4 * WIDTH];
        let down = vec![block(1, fine), block(fine, middle), block(middle, coarse)];
        let up = vec![block(2 * middle, middle), block(2 * fine, fine)];
        let narrow = vec![layer([coarse, middle], 1), layer([middle, fine], 1)];
        Self { down, narrow, up, head: layer([fine, CLASSES], 1) }
    }

    /// The logits, image class pixel pixel.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut skips = Vec::new();
        let mut x = image;
        for (level, block) in self.down.iter().enumerate() {
            if level > 0 {
                skips.push(x.clone());
                x = max_pool2d(x, MaxPoolOptions::new([2, 2]));
            }
            x = block.forward(x);
        }
        for ((narrow, block), skip) in self.narrow.iter().zip(&self.up).zip(skips.into_iter().rev())
        {
            x = block.forward(Tensor::cat(vec![skip, twice(narrow.forward(x))], 1));
        }
        self.head.forward(x)
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        leaky(self.second.forward(leaky(self.first.forward(x))))
    }
}

/// The rectifier with a slope below 0, so that no channel is lost for good whatever the loss. burn's own
/// `leaky_relu` would do, but its way back makes a step several times as long on this backend.
fn leaky(x: Tensor<4>) -> Tensor<4> {
    x.clone() * LEAK + relu(x) * (1.0 - LEAK)
}

/// Twice as many rows and columns, each pixel four times.
fn twice(x: Tensor<4>) -> Tensor<4> {
    let [images, channels, rows, columns] = x.dims();
    x.reshape([images, channels, rows, 1, columns, 1])
        .expand([images, channels, rows, 2, columns, 2])
        .reshape([images, channels, 2 * rows, 2 * columns])
}

/// A convolution that keeps the size. It begins with weights of mean 0 and variance 2 / (numbers that enter),
/// as He et al. (2015) have it for what a rectifier follows, and without bias.
fn convolution(channels: [usize; 2], size: usize, random: &mut Random, device: &Device) -> Conv2d {
    let [from, to] = channels;
    let around = size / 2;
    let mut layer = Conv2dConfig::new(channels, [size, size])
        .with_padding(PaddingConfig2d::Explicit(around, around, around, around))
        .init(device);
    let deviation = (2.0 / (from * size * size) as f32).sqrt();
    let weight = (0..to * from * size * size).map(|_| deviation * random.normal()).collect();
    let weight = TensorData::new(weight, [to, from, size, size]);
    layer.weight = Param::from_tensor(Tensor::from_data(weight, device));
    layer.bias = Some(Param::from_tensor(Tensor::zeros([to], device)));
    layer
}
