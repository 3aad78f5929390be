//! The fields of one TOML table: each read once, each fault kept with its place.

use std::ops::{Range, RangeInclusive};

use super::*;
use toml::de::DeValue;

pub(super) struct Fields<'a> {
    pub(super) source: Source<'a>,
    table: &'a DeTable<'a>,
    /// Where the table starts: the place of what is missing.
    span: Range<usize>,
    asked_for: Vec<&'static str>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(source: Source<'a>, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Fields {
            source,
            table,
            span,
            asked_for: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The value as given, if the field was there.
    pub(super) fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        if !self.table.contains_key(name) {
            let span = self.span.clone();
            self.problem(&span, format!("`{name}` is missing"));
        }
        value
    }

    pub(super) fn text(&mut self, name: &'static str, max_chars: usize) -> Option<String> {
        let (span, value) = self.take(name)?;
        let DeValue::String(text) = value else {
            return self.expected(&span, name, "text", value);
        };
        let n_chars = text.chars().count();
        if text.trim().is_empty() {
            self.problem(&span, format!("`{name}` is empty"));
            None
        } else if n_chars > max_chars {
            let message = format!("`{name}` has {n_chars} characters, more than {max_chars}");
            self.problem(&span, message);
            None
        } else {
            Some(text.to_string())
        }
    }

    pub(super) fn slug(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name, usize::MAX)?;
        if is_slug(&text) {
            return Some(text);
        }
        let span = self.span_of(name);
        self.problem(&span, format!(
            "{text:?} cannot be a {name}; use lower-case letters, digits and single dashes, at most {MAX_SLUG_CHARS}"
        ));
        None
    }

    pub(super) fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let (span, value) = self.take(name)?;
        let DeValue::Integer(digits) = value else {
            return self.expected(&span, name, "a whole number", value);
        };
        let integer = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        if let Some(integer) = integer.filter(|integer| range.contains(integer)) {
            return Some(integer);
        }
        let message = format!("`{name}` is from {} to {}", range.start(), range.end());
        self.problem(&span, message);
        None
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            (_, DeValue::Boolean(value)) => Some(*value),
            (span, value) => self.expected(&span, name, "true or false", value),
        }
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Option<T> {
        let (span, value) = self.take(name)?;
        self.choice(&span, name, value, all, as_str)
    }

    pub(super) fn some_of<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Option<Vec<T>> {
        let (span, value) = self.take(name)?;
        let DeValue::Array(elements) = value else {
            return self.expected(&span, name, "a list", value);
        };
        if elements.is_empty() {
            self.problem(
                &span,
                format!("`{name}` is empty, so the rule would never fire; leave it out for all"),
            );
        }
        Some(
            elements
                .iter()
                .filter_map(|element| {
                    self.choice(&element.span(), name, element.get_ref(), all, as_str)
                })
                .collect(),
        )
    }

    /// `[[name]]`: every table with its place.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<(Range<usize>, &'a DeTable<'a>)> {
        let table = self.table;
        let elements: &'a DeArray<'a> = match self.take(name) {
            None => return Vec::new(),
            Some((_, DeValue::Array(_))) => table
                .get(name)
                .and_then(|value| value.get_ref().as_array())
                .expect("the field was just taken, and is an array"),
            Some((span, value)) => {
                self.expected::<()>(&span, name, &format!("a table in [[{name}]]"), value);
                return Vec::new();
            }
        };
        elements
            .iter()
            .filter_map(|element| match element.get_ref() {
                DeValue::Table(table) => Some((element.span(), table)),
                value => {
                    let span = element.span();
                    self.expected(&span, name, &format!("a table in [[{name}]]"), value)
                }
            })
            .collect()
    }

    /// The text of a field that was asked for before, whatever else is wrong with it.
    pub(super) fn text_if_any(&self, name: &str) -> Option<String> {
        match self.table.get(name)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        }
    }

    /// Where a field's value is; where the table starts, if it is not there.
    pub(super) fn span_of(&self, name: &str) -> Range<usize> {
        self.table
            .get(name)
            .map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(super) fn problem(&mut self, span: &Range<usize>, message: String) {
        self.problems.push(Problem::new(self.source, span, message));
    }

    /// Refuses the fields that nobody asked for: a misspelt `surface` would open a rule to all.
    pub(super) fn finish(&mut self, whole: &str) {
        for key in self.table.keys() {
            if !self.asked_for.iter().any(|name| name == key.get_ref()) {
                let message = format!(
                    "{whole} has no field `{}`; it has {}",
                    key.get_ref(),
                    self.asked_for.join(", ")
                );
                self.problem(&key.span(), message);
            }
        }
    }

    fn take(&mut self, name: &'static str) -> Option<(Range<usize>, &'a DeValue<'a>)> {
        self.asked_for.push(name);
        let value = self.table.get(name)?;
        Some((value.span(), value.get_ref()))
    }

    fn choice<T: Copy>(
        &mut self,
        span: &Range<usize>,
        name: &str,
        value: &DeValue<'_>,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Option<T> {
        let DeValue::String(text) = value else {
            return self.expected(span, name, "text", value);
        };
        let found = all.iter().copied().find(|one| as_str(*one) == text);
        if found.is_none() {
            let names: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
            self.problem(
                span,
                format!("`{name}` cannot be {text:?}; it is {}", names.join(", ")),
            );
        }
        found
    }

    fn expected<T>(
        &mut self,
        span: &Range<usize>,
        name: &str,
        what: &str,
        found: &DeValue<'_>,
    ) -> Option<T> {
        let found = match found {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(span, format!("`{name}` is {what}, not {found}"));
        None
    }
}
