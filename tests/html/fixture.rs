//! The brain batch, its report and its page.

use std::sync::LazyLock;

use lossfold::{Batch, Explain, Labels, Layout, Loss, Report};
use ndarray::{Array3, Array4};
use ndarray_npy::read_npy;

pub const TISSUES: [&str; 5] = ["background", "grey", "white", "<fluid>", "ventricles"];

pub struct Brain {
    pub logits: Array4<f32>,
    pub labels: Array3<u8>,
    pub report: Report,
    pub page: String,
}

impl Brain {
    pub fn batch(&self) -> Batch<'_, f32, ndarray::Ix4> {
        Batch::new(Layout::NHWC, &self.logits, Labels::new(&self.labels)).unwrap()
    }
}

pub fn loss() -> Loss {
    "bce(sigmoid) > mean(class) > mean(pixel) > mean(image)".parse().unwrap()
}

/// The page shows the three worst images and two orders beside the loss.
pub static BRAIN: LazyLock<Brain> = LazyLock::new(|| {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/brain");
    let logits: Array4<f32> = read_npy(format!("{data}/eval_logit.npy")).unwrap();
    let labels: Array3<u8> = read_npy(format!("{data}/eval_label.npy")).unwrap();
    let loss = loss();
    let dice: Loss =
        "overlap(sigmoid) > dice(pixel; smooth=1) > mean(class) > mean(image)".parse().unwrap();
    let worst: Loss = "bce(sigmoid) > mean(class, pixel) > max(image)".parse().unwrap();
    let asked = Explain::new(&loss).beside("Dice", &dice).beside("worst image", &worst).pictures(3);
    let batch = Batch::new(Layout::NHWC, &logits, Labels::new(&labels)).unwrap();
    let report = asked.on(&batch).unwrap().name_classes(TISSUES);
    let page = report.to_html();
    Brain { logits, labels, report, page }
});
