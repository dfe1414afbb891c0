//! Training with one loss from one seed.

use std::error::Error;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use lossfold::{Layout, Loss};

use crate::data::{CLASSES, Slices, Tensors};
use crate::net::Net;
use crate::random::Random;
use crate::score;

/// The slices, and where the net lives.
pub struct Setting {
    device: Device,
    training: Slices,
    held_out: Slices,
    steps: usize,
}

/// How a net fares on the held-out slices.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The value of the loss that it was trained with.
    pub loss: f32,
    /// The intersection over union of each class.
    pub iou: [f64; CLASSES],
}

/// How long a net is trained, unless the command line says otherwise: until the default order has learnt the
/// common classes. It is slower with the rare one, not blind to it: from some seeds it has it by now, from others
/// it would after a few hundred steps more.
pub const STEPS: usize = 300;

/// Adam's learning rate until the last third, in which it falls to 0 so that a run does not end on a bad step.
const RATE: f64 = 4e-3;

/// How many steps lie between two looks at the held-out slices.
const LOOK: usize = 20;

impl Setting {
    /// The bundled slices on the device that burn chooses, a CPU unless a backend of burn's is enabled.
    pub fn new(steps: usize) -> Result<Self, Box<dyn Error>> {
        let (training, held_out) = (Slices::read("train")?, Slices::read("eval")?);
        Ok(Self { device: Device::default(), training, held_out, steps })
    }

    /// How many steps a net is trained for.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Trains a net. Its beginning, batches, noise and mirroring depend on the seed alone, so that two losses
    /// meet the same ones.
    pub fn train(
        &self,
        loss: &Loss,
        seed: u64,
        mut show: impl FnMut(usize, f32, Option<&Outcome>),
    ) -> Result<Outcome, Box<dyn Error>> {
        let device = self.device.clone().autodiff();
        let held_out = self.held_out.all(&self.device);
        let random = &mut Random::new(seed, 1);
        let mut net = Net::new(seed, &device);
        // The gradient of a mean over all cells is small; 1e-5, burn's default, would not be beside it.
        let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        let mut outcome = self.look(&net, loss, &held_out)?;
        for step in 1..=self.steps {
            let Tensors { image, target } = self.training.draw(random, &device);
            let value = loss.forward(net.forward(image), target, Layout::NCHW)?;
            let gradients = GradientsParams::from_grads(value.backward(), &net);
            let left = (self.steps + 1 - step) as f64 / self.steps as f64;
            let rate = RATE * (3.0 * left).min(1.0);
            net = optimizer.step(rate, net, gradients);
            let looked = step % LOOK == 0 || step == self.steps;
            if looked {
                outcome = self.look(&net, loss, &held_out)?;
            }
            show(step, value.into_scalar(), looked.then_some(&outcome));
        }
        Ok(outcome)
    }

    fn look(&self, net: &Net, loss: &Loss, held_out: &Tensors) -> Result<Outcome, Box<dyn Error>> {
        let logits: Tensor<4> = net.valid().forward(held_out.image.clone());
        let value = loss.forward(logits.clone(), held_out.target.clone(), Layout::NCHW)?;
        Ok(Outcome { loss: value.into_scalar(), iou: score::iou(logits, self.held_out.labels())? })
    }
}
