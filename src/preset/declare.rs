//! How a framework's loss is declared: its call, its arguments, its defaults.

/// Declares a struct with a framework's arguments, and the entries by which its calls are parsed.
///
/// A call is given as Python declares it, every name in its place; the fields are the names on which the loss
/// depends. What a call cannot say, since it is a function without it, stands behind it: `{ reduction = Kept }`.
/// The loss itself is the method `order`, which stands beside the declaration.
macro_rules! declare {
    ($(#[$doc:meta])* $name:ident: $version:literal
        $($path:literal $signature:literal $({ $($fixed:ident = $value:expr),+ })?),+; $given:expr; {
        $($(#[$of:meta])* $field:ident: $type:ty = $default:expr),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[$of])* pub $field: $type),* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl $crate::preset::Preset for $name {
            fn loss_for(&self, given: &$crate::preset::Given) -> $crate::error::Result<$crate::loss::Loss> {
                self.order(given)
            }

            fn loss(&self) -> $crate::error::Result<$crate::loss::Loss> {
                self.order(&$given)
            }
        }

        impl $name {
            pub(in $crate::preset) const ENTRIES: &'static [$crate::preset::Entry] = &[$(
                $crate::preset::Entry {
                    path: $path,
                    version: $version,
                    usual: $given,
                    signature: $crate::preset::signature::Signature($signature),
                    read: |arguments, given| {
                        let preset = Self::of(arguments)?;
                        $(let preset = Self { $($fixed: $value,)+ ..preset };)?
                        preset.order(given).map_err(|error| arguments.refuse(error))
                    },
                    defaults: Self::defaults,
                },
            )+];

            #[allow(unused_variables, reason = "there are losses without arguments")]
            pub(in $crate::preset) fn of(
                arguments: &$crate::preset::signature::Arguments<'_, '_>,
            ) -> $crate::error::Result<Self> {
                Ok(Self {
                    $($field: arguments.read(
                        stringify!($field).trim_start_matches("r#"),
                        Self::default().$field,
                    )?),*
                })
            }

            fn defaults() -> Vec<(&'static str, String)> {
                vec![$((
                    stringify!($field).trim_start_matches("r#"),
                    $crate::preset::argument::Argument::show(&Self::default().$field),
                )),*]
            }
        }
    };
}
pub(super) use declare;
