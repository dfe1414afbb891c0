//! A signature, and the arguments of a call brought to its names.

use super::argument::{Argument, found};
use super::call::{Call, DICT, Value, What};
use crate::error::{Error, Result};

/// The names that a framework's function takes, as Python writes them: `(weight, reduction)(input, target)`.
///
/// A name that the loss does not depend on is taken and left aside; `name=None` takes nothing but None, and `name!`
/// must be given. What stands behind `*` is given by its name.
pub(super) struct Signature(pub(super) &'static str);

#[derive(Clone, Copy)]
struct Parameter {
    name: &'static str,
    by_place: bool,
    only_none: bool,
    needed: bool,
}

impl Signature {
    /// The parameters of each pair of parentheses.
    fn groups(&self) -> Vec<Vec<Parameter>> {
        let group = |text: &'static str| {
            let mut by_place = true;
            let mut parameters = Vec::new();
            for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                if name == "*" {
                    by_place = false;
                    continue;
                }
                let (name, only_none) = match name.strip_suffix("=None") {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                let (name, needed) = match name.strip_suffix('!') {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                parameters.push(Parameter { name, by_place, only_none, needed });
            }
            parameters
        };
        let inner = |text: &'static str| text.trim_end_matches(')');
        self.0.split('(').skip(1).map(|text| group(inner(text))).collect()
    }

    /// Brings the arguments of a call to their names.
    pub(super) fn bind<'c, 't>(&self, call: &'c Call<'t>) -> Result<Arguments<'c, 't>> {
        let mut bound: Vec<(&'static str, &'c Value<'t>)> = Vec::new();
        let groups = self.groups();
        if call.groups.len() > groups.len() {
            let at = call.groups[groups.len()].first().map_or(call.at, |given| given.at);
            return Err(call.error_at(at, format!("`{}` is called once", call.name)));
        }
        for (parameters, given) in groups.iter().zip(&call.groups) {
            for (place, argument) in given.iter().enumerate() {
                let parameter = match argument.name {
                    Some(name) => parameters.iter().find(|parameter| parameter.name == name),
                    None => parameters.get(place).filter(|parameter| parameter.by_place),
                };
                let Some(parameter) = parameter else {
                    let known: Vec<&str> = parameters.iter().map(|known| known.name).collect();
                    return Err(call
                        .error_at(argument.at, unknown(call.name, argument.name, place, &known)));
                };
                if bound.iter().any(|(name, _)| *name == parameter.name) {
                    let why = format!("the argument `{}` is given twice", parameter.name);
                    return Err(call.error_at(argument.at, why));
                }
                if parameter.only_none && !matches!(argument.value.what, What::None) {
                    let why = format!(
                        "{}: {} is not supported here, leave it out",
                        parameter.name,
                        found(&argument.value)
                    );
                    return Err(call.error_at(argument.value.at, why));
                }
                bound.push((parameter.name, &argument.value));
            }
        }
        let given = |name| bound.iter().any(|(bound, _)| *bound == name);
        let mut parameters = groups.iter().flatten();
        if let Some(missing) = parameters.find(|known| known.needed && !given(known.name)) {
            let why = format!("`{}` needs the argument `{}`", call.name, missing.name);
            return Err(call.error_at(call.at, why));
        }
        Ok(Arguments { call, bound })
    }
}

fn unknown(call: &str, name: Option<&str>, place: usize, known: &[&str]) -> String {
    match name {
        None => format!("`{call}` takes no argument {} by its place", place + 1),
        Some(name) => {
            let near = near(name, known.iter().copied());
            let near = if near.is_empty() {
                format!("known are {}", known.join(", "))
            } else {
                format!("did you mean {}?", near.join(" or "))
            };
            format!("`{call}` has no argument `{name}`; {near}")
        }
    }
}

/// The known names that a reader may have meant, the nearest first.
pub(super) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut found: Vec<(f64, String)> = known
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), format!("`{known}`")))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found.dedup_by(|(_, one), (_, other)| one == other);
    found.into_iter().take(4).map(|(_, known)| known).collect()
}

/// A loss whose arguments are a dict inside the call of another: `{'smooth': 1}` or `dict(smooth=1)`.
pub(super) fn keywords<T>(
    value: &Value<'_>,
    signature: &Signature,
    of: fn(&Arguments<'_, '_>) -> Result<T>,
) -> Result<T, String> {
    let What::Call(call) = &value.what else {
        return Err(format!("expected a dict of arguments, found {}", found(value)));
    };
    if call.name != DICT {
        return Err(format!("expected a dict of arguments, found a call of `{}`", call.name));
    }
    signature.bind(call).and_then(|arguments| of(&arguments)).map_err(|error| {
        // The place is shown by the call around it.
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default();
        message.trim_start_matches("text: ").to_owned()
    })
}

/// The arguments of a call, by name.
pub(super) struct Arguments<'c, 't> {
    call: &'c Call<'t>,
    bound: Vec<(&'static str, &'c Value<'t>)>,
}

impl Arguments<'_, '_> {
    /// The argument, or its default.
    pub(super) fn read<T: Argument>(&self, name: &str, default: T) -> Result<T> {
        let Some((_, value)) = self.bound.iter().find(|(bound, _)| *bound == name) else {
            return Ok(default);
        };
        T::read(value).map_err(|why| self.call.error_at(value.at, format!("{name}: {why}")))
    }

    /// The call that stands for an argument which must be given.
    pub(super) fn call_of(&self, name: &str) -> Result<&Call<'_>> {
        match self.bound.iter().find(|(bound, _)| *bound == name) {
            Some((_, Value { what: What::Call(inner), .. })) => Ok(inner),
            Some((_, other)) => {
                let why = format!("{name}: expected the call of a loss, found {}", found(other));
                Err(self.call.error_at(other.at, why))
            }
            None => Err(self.error(format!("`{}` needs the argument `{name}`", self.call.name))),
        }
    }

    /// An error that is shown at the call.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        self.call.error_at(self.call.at, why)
    }

    /// An error of the loss that was called, shown at the call.
    pub(super) fn refuse(&self, error: Error) -> Error {
        error.within(format_args!("`{}`", self.call.name))
    }
}
