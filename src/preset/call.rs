//! A call in Python's syntax: a dotted name and its arguments, once or twice in parentheses.

use crate::error::{Error, Result};
use crate::text::Cursor;

/// `keras==3.15.1 keras.losses.Dice(axis=None)(y_true, y_pred)`, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Call<'t> {
    pub(super) text: &'t str,
    /// `keras` and `3.15.1`, and where they stand.
    pub(super) version: Option<(&'t str, &'t str, usize)>,
    pub(super) name: &'t str,
    pub(super) at: usize,
    /// The arguments of every pair of parentheses.
    pub(super) groups: Vec<Vec<Written<'t>>>,
}

/// An argument as it was written: with its name, or by its place.
#[derive(Clone, Debug)]
pub(super) struct Written<'t> {
    pub(super) name: Option<&'t str>,
    pub(super) at: usize,
    pub(super) value: Value<'t>,
}

#[derive(Clone, Debug)]
pub(super) struct Value<'t> {
    pub(super) at: usize,
    pub(super) what: What<'t>,
}

/// What stands for an argument.
#[derive(Clone, Debug)]
pub(super) enum What<'t> {
    None,
    Bool(bool),
    Number(f64),
    Text(&'t str),
    List(Vec<Value<'t>>),
    /// A name that Python would look up: a constant of the framework, or data.
    Name(&'t str),
    /// A call that is a loss itself; the dict `{'a': 1}` is the call `dict(a=1)`.
    Call(Box<Call<'t>>),
}

/// Functions that make a tensor of the list that they are given, and methods that leave it one.
const TENSORS: [&str; 8] =
    ["tensor", "Tensor", "FloatTensor", "as_tensor", "array", "asarray", "constant", "list"];
const METHODS: [&str; 6] = ["cuda", "cpu", "to", "float", "double", "half"];

/// Python's function that makes a dict of its named arguments.
pub(super) const DICT: &str = "dict";

impl<'t> Call<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self> {
        Cursor::whole_text(text, "the end of the text", |cursor| {
            let version = version(text, cursor)?;
            let mut call = call(text, cursor, 0)?;
            call.version = version;
            Ok(call)
        })
    }

    pub(super) fn error_at(&self, at: usize, message: impl std::fmt::Display) -> Error {
        Error::parse(self.text, at, message)
    }
}

/// How deep lists and calls may stand in each other.
const MOST_DEPTH: usize = 32;

/// Reads `package==1.2.3` if that comes next.
fn version<'t>(
    text: &'t str,
    cursor: &mut Cursor<'t>,
) -> Result<Option<(&'t str, &'t str, usize)>> {
    let at = cursor.at();
    let Some(package) = cursor.peek_word() else { return Ok(None) };
    let Some(rest) = text[at + package.len()..].trim_start().strip_prefix("==") else {
        return Ok(None);
    };
    cursor.word("a package")?;
    cursor.takes_text("==");
    let found = rest.trim_start();
    let end = found.find(|c: char| !(c.is_ascii_alphanumeric() || ".+-_".contains(c)));
    let number = &found[..end.unwrap_or(found.len())];
    if number.is_empty() {
        return Err(cursor.expected("a version"));
    }
    cursor.takes_text(number);
    Ok(Some((package, number, at)))
}

/// Reads `name.of.a.loss(arguments)`, with what is assigned to before it, if anything.
fn call<'t>(text: &'t str, cursor: &mut Cursor<'t>, depth: usize) -> Result<Call<'t>> {
    let mut at = cursor.at();
    let mut name = dotted(text, cursor)?;
    if depth == 0 && cursor.takes('=') {
        at = cursor.at();
        name = dotted(text, cursor)?;
    }
    let mut groups = Vec::new();
    while groups.len() < 2 && cursor.takes('(') {
        groups.push(arguments(text, cursor, depth)?);
    }
    if groups.is_empty() {
        return Err(cursor.expected("`(` and the arguments of a call"));
    }
    Ok(Call { text, version: None, name, at, groups })
}

fn dotted<'t>(text: &'t str, cursor: &mut Cursor<'t>) -> Result<&'t str> {
    let start = cursor.at();
    let mut end = start + cursor.word("the name of a loss, as in `torch.nn.BCELoss()`")?.len();
    while cursor.takes('.') {
        let at = cursor.at();
        end = at + cursor.word("a name")?.len();
    }
    Ok(&text[start..end])
}

/// Reads `value, name=value, ...)`.
fn arguments<'t>(text: &'t str, cursor: &mut Cursor<'t>, depth: usize) -> Result<Vec<Written<'t>>> {
    let mut given: Vec<Written<'t>> = Vec::new();
    while !cursor.takes(')') {
        let at = cursor.at();
        let name = cursor.peek_word().filter(|word| {
            let rest = text[at + word.len()..].trim_start();
            rest.starts_with('=') && !rest.starts_with("==")
        });
        if name.is_some() {
            cursor.word("a name")?;
            cursor.expect('=')?;
        } else if given.last().is_some_and(|last| last.name.is_some()) {
            return Err(cursor
                .expected("`name=value`: an argument by its place comes before all named ones"));
        }
        given.push(Written { name, at, value: value(text, cursor, depth + 1)? });
        if !cursor.takes(',') && !cursor.sees(')') {
            return Err(cursor.expected("`,` or `)`"));
        }
    }
    Ok(given)
}

fn value<'t>(text: &'t str, cursor: &mut Cursor<'t>, depth: usize) -> Result<Value<'t>> {
    let at = cursor.at();
    if depth > MOST_DEPTH {
        return Err(cursor.error_at(at, format!("nested deeper than {MOST_DEPTH}")));
    }
    let what = if let Some(quote) = ['\'', '"'].into_iter().find(|&quote| cursor.sees(quote)) {
        What::Text(quoted(text, cursor, quote)?)
    } else if cursor.takes('[') {
        What::List(items(text, cursor, ']', depth)?)
    } else if cursor.takes('(') {
        What::List(items(text, cursor, ')', depth)?)
    } else if cursor.takes('{') {
        let groups = vec![entries(text, cursor, depth)?];
        What::Call(Box::new(Call { text, version: None, name: DICT, at, groups }))
    } else if cursor.sees_number() || cursor.sees('-') {
        let number = cursor.number("a number")?;
        What::Number(if cursor.takes('/') { number / cursor.number("a number")? } else { number })
    } else if cursor.peek_word().is_some() {
        named(text, cursor, depth)?
    } else {
        return Err(
            cursor.expected("a value: a number, a text, a list, a dict, None, True or False")
        );
    };
    Ok(Value { at, what })
}

/// Reads `'name': value, ...}`.
fn entries<'t>(text: &'t str, cursor: &mut Cursor<'t>, depth: usize) -> Result<Vec<Written<'t>>> {
    let mut given = Vec::new();
    while !cursor.takes('}') {
        let at = cursor.at();
        let Some(quote) = ['\'', '"'].into_iter().find(|&quote| cursor.sees(quote)) else {
            return Err(cursor.expected("a key, as in `{'smooth': 1}`"));
        };
        let name = Some(quoted(text, cursor, quote)?);
        cursor.expect(':')?;
        given.push(Written { name, at, value: value(text, cursor, depth + 1)? });
        if !cursor.takes(',') && !cursor.sees('}') {
            return Err(cursor.expected("`,` or `}`"));
        }
    }
    Ok(given)
}

fn items<'t>(
    text: &'t str,
    cursor: &mut Cursor<'t>,
    end: char,
    depth: usize,
) -> Result<Vec<Value<'t>>> {
    let mut items = Vec::new();
    while !cursor.takes(end) {
        items.push(value(text, cursor, depth + 1)?);
        if !cursor.takes(',') && !cursor.sees(end) {
            return Err(cursor.expected(format!("`,` or `{end}`")));
        }
    }
    Ok(items)
}

fn quoted<'t>(text: &'t str, cursor: &mut Cursor<'t>, quote: char) -> Result<&'t str> {
    let start = cursor.at() + 1;
    let Some(length) = text[start..].find(quote) else {
        return Err(cursor.error_at(start - 1, format!("a text without its closing `{quote}`")));
    };
    cursor.advance(length + 2);
    Ok(&text[start..start + length])
}

/// Reads a constant, a name, a tensor made of a list, or a loss.
fn named<'t>(text: &'t str, cursor: &mut Cursor<'t>, depth: usize) -> Result<What<'t>> {
    let start = cursor.at();
    let name = dotted(text, cursor)?;
    if !cursor.sees('(') {
        return Ok(match name {
            "None" => What::None,
            "True" => What::Bool(true),
            "False" => What::Bool(false),
            name => What::Name(name),
        });
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    if !TENSORS.contains(&last) {
        let mut inner = Call { text, version: None, name, at: start, groups: Vec::new() };
        while inner.groups.len() < 2 && cursor.takes('(') {
            inner.groups.push(arguments(text, cursor, depth)?);
        }
        return Ok(What::Call(Box::new(inner)));
    }
    cursor.takes('(');
    let first = arguments(text, cursor, depth)?.into_iter().next();
    let Some(Written { name: None, value, .. }) = first else {
        return Err(cursor.error_at(start, format!("`{name}` without a list of numbers")));
    };
    while cursor.takes('.') {
        let words = METHODS.map(|method| (method, ()));
        cursor.one_of("a method that leaves a tensor as it is", &words)?;
        cursor.expect('(')?;
        arguments(text, cursor, depth)?;
    }
    Ok(value.what)
}
