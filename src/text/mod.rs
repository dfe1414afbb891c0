//! The text language: what `Display` prints, `FromStr` reads.
//!
//! ```text
//! loss      = sum
//! sum       = ["-"] term { ("+" | "-") term }
//! term      = number | [ number "*" ] operand [ "/" operand ]
//! operand   = "(" sum ")" [ steps ] | source [ steps ]
//! steps     = { ">" step }
//! source    = ( "bce" | "cross_entropy" ) "(" activation [ ";" options ] ")"
//!           | ( "kl" | "squared" | "absolute" | "predicted" ) "(" activation ")"
//!           | "overlap" "(" activation [ "; clip=" number ] ")"
//! step      = aggregate | ratio | "scale" "(" weight ")" | "weigh" "(" weight ")"
//!           | "map" "(" function ")" | ( "select" | "without" ) "(" "[" classes "]" ")"
//! aggregate = name "(" over [ ";" options ] ")"          name: sum mean max min power logmeanexp quantile top
//! ratio     = name "(" over [ ";" options ] ")"          name: dice jaccard tversky lovasz lovasz_hinge
//! over      = "all" | axis { "," axis }                  axis: class pixel image
//! options   = option { "," option }                      option: key [ "=" value ]
//! weight    = "class=" list | "target=" list | "image" | "map" | "mask" | "positives" | "negatives"
//!           | "presence" [ "(" over ")" ] | "balance" [ "(" over ")" ]
//!           | "volume" [ "(" over [ "; absent=" ( "zero" | "largest" ) | "; epsilon=" number ] ")" ] "=" number
//! function  = "-ln(x)" | "x^" number
//! ```
//!
//! The options of `bce` and `cross_entropy` are those of [`Bce`](crate::Bce): numbers `clip`, `epsilon`,
//! `log_floor`, `focal`, `threshold` and `alpha`, a list `positive`, `smoothing=half(0.1)` (`half`, `classes`,
//! `flip`) and `truth=loss` (`mixed`, `terms`, `loss`, `logit`). `truth` and `threshold` need `focal`.
//!
//! `>` binds tighter than `*` and `/`, then `+` and `-`; in a sum, a loss with steps stands in
//! parentheses. White space is free.

mod bce;
mod cursor;
mod loss;
mod ratio;
mod reduction;
#[cfg(feature = "serde")]
mod saved;
mod weight;

pub(crate) use cursor::Cursor;
