//! The losses that are known, and which of them a name means.

use std::fmt;

use super::call::Call;
use super::signature::{Arguments, Signature, near};
use super::{
    Given, burn, candle, detectron2, flux, kaggle, keras, kornia, mmseg, mmseg_0_30, monai, nnunet,
    optax, paddleseg, paper, smp, tf_keras, torch,
};
use crate::error::Result;
use crate::loss::Loss;

/// A framework's loss: its full name, its version and its signature with the defaults.
///
/// ```
/// let known: Vec<String> = lossfold::preset::list().map(|entry| entry.to_string()).collect();
/// let dice = "Flux==0.16 Flux.Losses.dice_coeff_loss(y_hat, y, *, smooth=1)".to_owned();
/// assert!(known.contains(&dice));
/// ```
pub struct Entry {
    pub(super) path: &'static str,
    pub(super) version: &'static str,
    pub(super) usual: Given,
    pub(super) signature: Signature,
    pub(super) read: fn(&Arguments<'_, '_>, &Given) -> Result<Loss>,
    pub(super) defaults: fn() -> Vec<(&'static str, String)>,
}

/// Every loss that [`parse`](super::parse) knows, framework by framework. Of several versions the first is taken
/// where a call names none.
pub fn list() -> impl Iterator<Item = &'static Entry> {
    [
        torch::ALL,
        burn::ALL,
        candle::ALL,
        detectron2::ALL,
        flux::ALL,
        kaggle::ALL,
        keras::ALL,
        kornia::ALL,
        mmseg::ALL,
        mmseg_0_30::ALL,
        monai::ALL,
        nnunet::ALL,
        optax::ALL,
        paddleseg::ALL,
        paper::ALL,
        smp::ALL,
        tf_keras::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
    .flatten()
}

/// What people write for the beginning of a name.
const CUSTOMS: [(&str, &str); 10] = [
    ("nn.", "torch.nn."),
    ("F.", "torch.nn.functional."),
    ("smp.", "segmentation_models_pytorch."),
    ("tf.keras.", "keras."),
    ("tensorflow.keras.", "keras."),
    ("mmseg.models.losses.", "mmseg."),
    ("mmseg.models.", "mmseg."),
    ("paddleseg.models.losses.", "paddleseg."),
    ("paddleseg.models.", "paddleseg."),
    ("monai.losses.dice.", "monai.losses."),
];

impl Entry {
    /// The full name: `torch.nn.BCELoss`.
    pub fn name(&self) -> &'static str {
        self.path
    }

    /// The package, as in a list of requirements: `torch`.
    pub fn package(&self) -> &'static str {
        self.version.split_once("==").map_or(self.version, |(package, _)| package)
    }

    /// The version that was run.
    pub fn version(&self) -> &'static str {
        self.version.split_once("==").map_or("", |(_, version)| version)
    }

    /// The same loss as another version has it.
    pub(super) const fn in_version(&self, version: &'static str) -> Self {
        let Self { path, signature: Signature(signature), read, defaults, .. } = *self;
        let Given { layout, classes, labels } = self.usual;
        let usual = Given { layout, classes, labels };
        Self { path, version, usual, signature: Signature(signature), read, defaults }
    }

    pub(super) fn loss(&self, call: &Call<'_>, given: &Given) -> Result<Loss> {
        (self.read)(&self.signature.bind(call)?, given)
    }

    fn last(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

/// The entry that a call means.
pub(super) fn find(call: &Call<'_>) -> Result<&'static Entry> {
    let mut known: Vec<&Entry> = list().collect();
    if let Some((package, version, at)) = call.version {
        known.retain(|entry| entry.package() == package);
        if known.is_empty() {
            let packages = list().map(Entry::package);
            return Err(call.error_at(
                at,
                format!("no package `{package}` is known{}", hint(package, packages)),
            ));
        }
        let versions: Vec<&str> = unique(known.iter().map(|entry| entry.version()));
        known.retain(|entry| entry.version() == version);
        if known.is_empty() {
            let versions = versions.join(", ");
            let why = format!("version {version} of {package} was not run; known are {versions}");
            return Err(call.error_at(at, why));
        }
    }
    let full = CUSTOMS
        .iter()
        .find_map(|(short, long)| Some([long, call.name.strip_prefix(short)?].concat()));
    let full = full.as_deref().unwrap_or(call.name);
    let exact = |name: &str| known.iter().copied().find(|entry| entry.path == name);
    if let Some(entry) = exact(full).or_else(|| exact(call.name)) {
        return Ok(entry);
    }
    // The beginning may be left out, and what stands between the framework and the loss.
    let (first, last) = (full.split('.').next(), full.rsplit('.').next());
    let fits = |entry: &&Entry| {
        Some(entry.last()) == last
            && (entry.path.ends_with(&format!(".{full}")) || first == entry.path.split('.').next())
    };
    let found = || known.iter().copied().filter(fits);
    let paths = unique(found().map(|entry| entry.path));
    match (found().next(), &paths[..]) {
        (Some(entry), [_]) => Ok(entry),
        (None, _) => {
            let names = known.iter().flat_map(|entry| [entry.path, entry.last()]);
            let near = hint(call.name, names.clone());
            let near = if near.is_empty() { hint(last.unwrap_or_default(), names) } else { near };
            Err(call.error_at(call.at, format!("no loss `{}` is known{near}", call.name)))
        }
        (Some(_), paths) => Err(call.error_at(
            call.at,
            format!("`{}` is a loss of several frameworks: {}", call.name, paths.join(", ")),
        )),
    }
}

fn hint<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let near = near(name, known);
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

fn unique<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.path)?;
        let defaults = (self.defaults)();
        let mut shown = String::new();
        for part in self.signature.0.split_inclusive(['(', ')', ',']) {
            let name = part.trim_end_matches(['(', ')', ',']).trim();
            match defaults.iter().find(|(known, _)| *known == name) {
                Some((_, default)) => {
                    shown += &part.replacen(name, &format!("{name}={default}"), 1);
                }
                // What must be given has no default, and no mark in Python.
                None => shown += &part.replacen('!', "", 1),
            }
        }
        f.write_str(&shown)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
