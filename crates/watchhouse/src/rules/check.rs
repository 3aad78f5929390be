//! The type checker of conditions: finds before the first upload what would fail on one.
//!
//! A name that does not exist, a comparison that can never be true (`match.kind == "sha-256"`) and a
//! value used where it may be null are all refused. What passes here can still fail in evaluation
//! only through arithmetic: overflow and division by zero.

use std::ops::Range;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use cel::{Context, ExecutionError, Program, Value};

use super::compile::{Fault, MAX_DEPTH, environment};
use super::pack::On;
use super::schema::{Kind, Object, variables_of};

mod calls;
mod nulls;

pub(super) fn check(program: &Program, on: On) -> Vec<Fault> {
    let mut checker = Checker {
        source: program.source_info(),
        on,
        bound: Vec::new(),
        known: Vec::new(),
        depth: 0,
        is_too_deep: false,
        faults: Vec::new(),
    };
    let root = program.expression();
    let found = checker.infer(root);
    if !matches!(found.kind, Kind::Bool | Kind::Unknown) || found.is_nullable {
        checker.fault(
            root,
            format!("a condition gives true or false, but this gives {found}"),
        );
    }
    checker.faults
}

/// The type of an expression, and whether it may be null all the same.
#[derive(Clone, Debug, PartialEq)]
struct Type {
    kind: Kind,
    is_nullable: bool,
}

impl Type {
    const UNKNOWN: Type = Type::of(Kind::Unknown);

    const fn of(kind: Kind) -> Type {
        Type {
            kind,
            is_nullable: false,
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = &self.kind;
        match kind {
            Kind::Bool | Kind::Null | Kind::Text | Kind::OneOf(_) => write!(f, "{kind}")?,
            Kind::Unknown | Kind::Object(_) => write!(f, "an {kind}")?,
            Kind::Int | Kind::Double | Kind::List(_) => write!(f, "a {kind}")?,
        }
        if self.is_nullable {
            f.write_str(" or null")?;
        }
        Ok(())
    }
}

struct Checker<'a> {
    source: &'a SourceInfo,
    on: On,
    /// The variables of comprehensions, innermost last.
    bound: Vec<(&'a str, Type)>,
    /// The nullable fields that are known not to be null here.
    known: Vec<String>,
    depth: usize,
    is_too_deep: bool,
    faults: Vec<Fault>,
}

impl<'a> Checker<'a> {
    fn infer(&mut self, expr: &'a IdedExpr) -> Type {
        if self.depth == MAX_DEPTH {
            if !self.is_too_deep {
                self.is_too_deep = true;
                let message = format!("nests deeper than {MAX_DEPTH} levels; split the rule");
                self.fault(expr, message);
            }
            return Type::UNKNOWN;
        }
        self.depth += 1;
        let found = self.infer_inner(expr);
        self.depth -= 1;
        found
    }

    fn infer_inner(&mut self, expr: &'a IdedExpr) -> Type {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(name) => self.variable(expr, name),
            Expr::Select(select) if select.test => {
                self.fault(
                    expr,
                    "`has` is not needed: every field is there; compare it with null",
                );
                self.infer(&select.operand);
                Type::of(Kind::Bool)
            }
            Expr::Select(select) => self.select(expr, &select.operand, &select.field),
            Expr::List(list) => self.list(&list.elements),
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(comprehension) => self.comprehension(expr, comprehension),
            Expr::Map(_) | Expr::Struct(_) => {
                self.fault(expr, "maps and messages cannot be written in a condition");
                Type::UNKNOWN
            }
            Expr::Unspecified => Type::UNKNOWN,
        }
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Type {
        let kind = match literal {
            LiteralValue::Boolean(_) => Kind::Bool,
            LiteralValue::Int(_) => Kind::Int,
            LiteralValue::Double(_) => Kind::Double,
            LiteralValue::String(_) => Kind::Text,
            LiteralValue::Null => Kind::Null,
            LiteralValue::UInt(_) => {
                self.fault(
                    expr,
                    "there are no unsigned numbers here; leave out the `u`",
                );
                Kind::Unknown
            }
            LiteralValue::Bytes(_) => {
                self.fault(expr, "there are no bytes here; leave out the `b`");
                Kind::Unknown
            }
        };
        Type::of(kind)
    }

    fn variable(&mut self, expr: &IdedExpr, name: &str) -> Type {
        if let Some((_, found)) = self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            return found.clone();
        }
        let variables = variables_of(self.on);
        if let Some(variable) = variables.iter().find(|variable| variable.name == name) {
            return Type {
                kind: variable.kind.clone(),
                is_nullable: variable.is_nullable && !self.is_known(name),
            };
        }
        let mut message = format!("there is no variable `{name}`");
        if name == "match" {
            message.push_str("; it is there for rules with on = \"match\"");
        } else {
            let names = variables.iter().map(|variable| variable.name);
            message.push_str(&format!("; there are {}", names_in_words(names)));
        }
        self.fault(expr, message);
        Type::UNKNOWN
    }

    fn select(&mut self, expr: &IdedExpr, operand: &'a IdedExpr, name: &str) -> Type {
        let whole = self.infer(operand);
        let object = match whole.kind {
            Kind::Unknown => return Type::UNKNOWN,
            Kind::Object(object) => object,
            _ => {
                let message = format!("`{name}` cannot be a field of {whole}");
                self.faults
                    .push(Fault::new(self.field_range(expr, name), message));
                return Type::UNKNOWN;
            }
        };
        self.require_not_null(operand, &whole);
        let Some(field) = object.fields.iter().find(|field| field.name == name) else {
            let message = no_such_field(&spell(operand), object, name);
            self.faults
                .push(Fault::new(self.field_range(expr, name), message));
            return Type::UNKNOWN;
        };
        Type {
            kind: field.kind.clone(),
            is_nullable: field.is_nullable && !self.is_known(&spell(expr)),
        }
    }

    fn list(&mut self, elements: &'a [IdedExpr]) -> Type {
        let mut all = Kind::Unknown;
        for element in elements {
            let found = self.infer(element);
            self.require_not_null(element, &found);
            if matches!(found.kind, Kind::Null | Kind::Object(_) | Kind::List(_)) {
                self.fault(element, format!("a list cannot have {found} as an element"));
            } else if !all.can_equal(&found.kind) {
                let all = Type::of(all.clone());
                let message = format!("{found} in a list that starts with {all}");
                self.fault(element, message);
            } else if all == Kind::Unknown {
                all = found.kind;
            }
        }
        // What is fixed about one element says nothing about the others.
        if let Kind::OneOf(_) = all {
            all = Kind::Text;
        }
        Type::of(Kind::List(Box::new(all)))
    }

    fn comprehension(&mut self, expr: &'a IdedExpr, over: &'a ComprehensionExpr) -> Type {
        let range = self.infer(&over.iter_range);
        let element = match range.kind {
            Kind::List(element) => Type::of(*element),
            Kind::Unknown => Type::UNKNOWN,
            _ => {
                self.fault(
                    &over.iter_range,
                    format!("only a list has elements to go through, and this is {range}"),
                );
                Type::UNKNOWN
            }
        };
        if !self.bound.is_empty() {
            self.fault(
                expr,
                "one `all`, `exists`, `exists_one`, `filter` or `map` inside another takes too long",
            );
            return Type::UNKNOWN;
        }
        let start = self.infer(&over.accu_init);
        self.bound.push((&over.iter_var, element));
        self.bound.push((&over.accu_var, start));
        self.infer(&over.loop_cond);
        let step = self.infer(&over.loop_step);
        self.bound.clear();
        self.bound.push((&over.accu_var, step));
        let result = self.infer(&over.result);
        self.bound.clear();
        result
    }

    fn is_known(&self, path: &str) -> bool {
        self.known.iter().any(|known| known == path)
    }

    fn require_not_null(&mut self, expr: &IdedExpr, found: &Type) {
        if found.is_nullable {
            let path = spell(expr);
            let message = format!("`{path}` may be null; guard it with `{path} != null && …`");
            self.fault(expr, message);
        }
    }

    fn fault(&mut self, expr: &IdedExpr, message: impl Into<String>) {
        let range = match &expr.expr {
            Expr::Select(select) if !select.test => {
                let end = self.field_range(expr, &select.field).end;
                self.start_of(expr)..end
            }
            _ => self.range_of(expr),
        };
        self.faults.push(Fault::new(range, message));
    }

    /// Where the node's own token is: the operator of an operation, the name of a call, the dot of
    /// a selection.
    fn range_of(&self, expr: &IdedExpr) -> Range<usize> {
        // The parser counts bytes, and its ends are the last byte of the token.
        let Some((start, stop)) = self.source.offset_for(expr.id) else {
            return 0..0;
        };
        let (start, end) = (start as usize, stop as usize + 1);
        let (before, token) = (
            &self.source.source[..start],
            &self.source.source[start..end],
        );
        if token != "(" {
            return start..end;
        }
        // It places calls at their parenthesis.
        let name_end = before.trim_end().len();
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let name_start = before[..name_end].trim_end_matches(is_part).len();
        name_start..name_end
    }

    /// Where a chain like `match.hash.source` starts.
    fn start_of(&self, expr: &IdedExpr) -> usize {
        match &expr.expr {
            Expr::Select(select) if !select.test => self.start_of(&select.operand),
            _ => self.range_of(expr).start,
        }
    }

    /// Where the name of a selected field is: behind the dot and any white space.
    fn field_range(&self, select: &IdedExpr, name: &str) -> Range<usize> {
        let dot = self.range_of(select).start;
        let start = self.source.source[dot..]
            .find(name)
            .map_or(dot, |at| dot + at);
        start..start + name.len()
    }
}

/// `match.hash.source` for the expression that is written so.
fn spell(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", spell(&select.operand), select.field),
        _ => "…".to_owned(),
    }
}

fn no_such_field(path: &str, object: &Object, name: &str) -> String {
    let names = names_in_words(object.fields.iter().map(|field| field.name));
    format!("`{path}` has no field `{name}`; it has {names}")
}

fn names_in_words(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
