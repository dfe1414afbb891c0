//! Losses, reductions and layouts are saved as their texts.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::layout::Layout;
use crate::loss::Loss;
use crate::reduction::Reduction;

macro_rules! saved_as_text {
    ($type:ty, $example:literal) => {
        /// As its text.
        ///
        /// **Errors**: a text that does not parse back, of an own formula or a number that is none.
        ///
        /// ```
        #[doc = concat!("use lossfold::", stringify!($type), ";\n")]
        #[doc = concat!("let one: ", stringify!($type), " = \"", $example, "\".parse()?;")]
        #[doc = concat!("assert_eq!(serde_json::to_string(&one)?, r#\"\"", $example, "\"\"#);")]
        #[doc = concat!("assert_eq!(serde_json::from_str::<", stringify!($type), ">(r#\"\"", $example, "\"\"#)?, one);")]
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = self.to_string();
                match text.parse::<Self>() {
                    Ok(same) if same == *self => serializer.serialize_str(&text),
                    Ok(_) => Err(S::Error::custom(format!("text: `{text}` is read as another"))),
                    Err(error) => Err(S::Error::custom(format!(
                        "text: `{text}` cannot be saved, since it would not be read: {error}"
                    ))),
                }
            }
        }

        /// From its text.
        ///
        /// **Errors**: those of its `FromStr`, as the text of the format's own error.
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

saved_as_text!(Loss, "bce(sigmoid) > mean(class) > mean(pixel, image)");
saved_as_text!(Reduction, "mean(class) > max(pixel)");
saved_as_text!(Layout, "image class pixel pixel");
