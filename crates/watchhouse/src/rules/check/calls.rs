//! Operators and functions: which there are, and what they take.

use super::nulls::proven_by;
use super::*;

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, expr: &'a IdedExpr, call: &'a CallExpr) -> Type {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [one, two]) => self.logical(one, two, true),
            (operators::LOGICAL_OR, [one, two]) => self.logical(one, two, false),
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [inner]) => {
                self.require_bool(inner);
                Type::of(Kind::Bool)
            }
            (operators::CONDITIONAL, [condition, one, two]) => {
                self.conditional(expr, condition, one, two)
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, two]) => {
                self.equality(expr, one, two)
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [one, two],
            ) => self.order(expr, one, two),
            (operators::IN, [one, list]) => self.membership(expr, one, list),
            (operators::ADD, [one, two]) => self.addition(expr, one, two),
            (
                operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
                [one, two],
            ) => self.arithmetic(expr, one, two),
            (operators::NEGATE, [inner]) => self.number(inner),
            (operators::INDEX, _) => {
                self.fault(expr, "`[…]` cannot take an element; write `object.field`");
                Type::UNKNOWN
            }
            _ => self.function(expr, call),
        }
    }

    fn logical(&mut self, one: &'a IdedExpr, two: &'a IdedExpr, is_and: bool) -> Type {
        self.require_bool(one);
        // The second side counts only where the first did not settle it.
        self.knowing(proven_by(one, is_and), |checker| checker.require_bool(two));
        Type::of(Kind::Bool)
    }

    fn conditional(
        &mut self,
        expr: &IdedExpr,
        condition: &'a IdedExpr,
        one: &'a IdedExpr,
        two: &'a IdedExpr,
    ) -> Type {
        self.require_bool(condition);
        let first = self.knowing(proven_by(condition, true), |checker| checker.infer(one));
        let second = self.knowing(proven_by(condition, false), |checker| checker.infer(two));
        let is_nullable = first.is_nullable
            || second.is_nullable
            || first.kind == Kind::Null
            || second.kind == Kind::Null;
        let kind = match (first.kind, second.kind) {
            (Kind::Unknown | Kind::Null, kind) | (kind, Kind::Unknown | Kind::Null) => kind,
            (first, second) if first == second => first,
            (first, second) if first.is_text() && second.is_text() => Kind::Text,
            (Kind::List(first), Kind::List(second)) if first.can_equal(&second) => {
                let kind = if *first == Kind::Unknown {
                    second
                } else {
                    first
                };
                Kind::List(kind)
            }
            (first, second) => {
                let (first, second) = (Type::of(first), Type::of(second));
                self.fault(expr, format!("one side gives {first}, the other {second}"));
                Kind::Unknown
            }
        };
        Type { kind, is_nullable }
    }

    fn equality(&mut self, expr: &IdedExpr, one: &'a IdedExpr, two: &'a IdedExpr) -> Type {
        let (first, second) = (self.infer(one), self.infer(two));
        match (&first.kind, &second.kind) {
            (Kind::Null, Kind::Null) => self.fault(expr, "null is always equal to null"),
            (Kind::Null, _) => self.null_comparison(two, &second),
            (_, Kind::Null) => self.null_comparison(one, &first),
            (Kind::Object(_), _) | (_, Kind::Object(_)) => {
                self.fault(expr, "an object can only be compared with null");
            }
            (first_kind, second_kind) if !first_kind.can_equal(second_kind) => {
                self.fault(expr, format!("{first} is never equal to {second}"));
            }
            _ => {
                self.possible_value(&first.kind, one, two);
                self.possible_value(&second.kind, two, one);
            }
        }
        Type::of(Kind::Bool)
    }

    fn null_comparison(&mut self, expr: &IdedExpr, found: &Type) {
        let path = spell(expr);
        // Inside its own guard a field was nullable a moment ago: needless, but not wrong.
        if !found.is_nullable && found.kind != Kind::Unknown && !self.is_known(&path) {
            self.fault(expr, format!("`{path}` is never null"));
        }
    }

    /// Refuses `item.surface == "pubilc"`.
    fn possible_value(&mut self, kind: &Kind, field: &IdedExpr, value: &IdedExpr) {
        if let (Kind::OneOf(names), Expr::Literal(LiteralValue::String(text))) = (kind, &value.expr)
            && !names.contains(&text.inner())
        {
            let message = format!(
                "`{}` is never {:?}; it is one of {}",
                spell(field),
                text.inner(),
                names.join(", ")
            );
            self.fault(value, message);
        }
    }

    fn order(&mut self, expr: &IdedExpr, one: &'a IdedExpr, two: &'a IdedExpr) -> Type {
        let (first, second) = (self.infer(one), self.infer(two));
        self.require_not_null(one, &first);
        self.require_not_null(two, &second);
        let are_numbers = first.kind.is_number() && second.kind.is_number();
        let are_texts = first.kind.is_text() && second.kind.is_text();
        if !are_numbers && !are_texts {
            let message = format!("{first} and {second} have no order");
            self.fault(expr, message);
        }
        Type::of(Kind::Bool)
    }

    fn membership(&mut self, expr: &IdedExpr, one: &'a IdedExpr, list: &'a IdedExpr) -> Type {
        let (element, all) = (self.infer(one), self.infer(list));
        match &all.kind {
            Kind::Unknown => {}
            Kind::List(kind) if element.kind.can_equal(kind) => {
                if let Expr::List(list) = &list.expr {
                    for value in &list.elements {
                        self.possible_value(&element.kind, one, value);
                    }
                }
            }
            Kind::List(_) => self.fault(expr, format!("{element} is never in {all}")),
            _ => self.fault(expr, format!("`in` looks into a list, and this is {all}")),
        }
        Type::of(Kind::Bool)
    }

    fn addition(&mut self, expr: &IdedExpr, one: &'a IdedExpr, two: &'a IdedExpr) -> Type {
        let (first, second) = (self.infer(one), self.infer(two));
        self.require_not_null(one, &first);
        self.require_not_null(two, &second);
        match (&first.kind, &second.kind) {
            (Kind::Unknown, _) | (_, Kind::Unknown) => Type::UNKNOWN,
            (Kind::Int, Kind::Int) | (Kind::Double, Kind::Double) => first,
            (one, two) if one.is_text() && two.is_text() => Type::of(Kind::Text),
            (Kind::List(one), Kind::List(two)) if one.can_equal(two) => {
                let kind = if **one == Kind::Unknown { two } else { one };
                Type::of(Kind::List(kind.clone()))
            }
            _ => {
                let message = format!("{first} and {second} cannot be added");
                self.fault(expr, message);
                Type::UNKNOWN
            }
        }
    }

    fn arithmetic(&mut self, expr: &IdedExpr, one: &'a IdedExpr, two: &'a IdedExpr) -> Type {
        let (first, second) = (self.number(one), self.number(two));
        match (&first.kind, &second.kind) {
            (Kind::Unknown, _) | (_, Kind::Unknown) => Type::UNKNOWN,
            (one, two) if one == two => first,
            _ => {
                self.fault(
                    expr,
                    format!("{first} and {second} do not mix; make both `double(…)`"),
                );
                Type::UNKNOWN
            }
        }
    }

    fn function(&mut self, expr: &IdedExpr, call: &'a CallExpr) -> Type {
        let name = call.func_name.as_str();
        // CEL has `size` and `matches` in both forms: `size(x)` and `x.size()`.
        let has_both_forms = matches!(name, "size" | "matches");
        let operands: Vec<&'a IdedExpr> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        let is_member = call.target.is_some();
        match (name, operands.as_slice()) {
            ("size", [inner]) => {
                let found = self.infer(inner);
                self.require_not_null(inner, &found);
                if !found.kind.is_text() && !matches!(found.kind, Kind::List(_)) {
                    self.fault(inner, format!("{found} has no size"));
                }
                Type::of(Kind::Int)
            }
            ("contains" | "startsWith" | "endsWith", [text, part]) if is_member => {
                self.require_text(text);
                self.require_text(part);
                Type::of(Kind::Bool)
            }
            ("matches", [text, pattern]) => {
                self.require_text(text);
                self.pattern(pattern);
                Type::of(Kind::Bool)
            }
            ("double", [number]) if !is_member => {
                self.number(number);
                Type::of(Kind::Double)
            }
            ("size" | "contains" | "startsWith" | "endsWith" | "matches" | "double", _) => {
                let form = match name {
                    "size" => "text.size()",
                    "double" => "double(number)",
                    _ => &format!("text.{name}(\"…\")"),
                };
                let or = if has_both_forms { "for example " } else { "" };
                self.fault(expr, format!("`{name}` is called as {or}`{form}`"));
                Type::UNKNOWN
            }
            _ => {
                self.fault(
                    expr,
                    format!(
                        "there is no function `{name}`; there are size, contains, startsWith, \
                         endsWith, matches, double, all, exists, exists_one, filter and map"
                    ),
                );
                Type::UNKNOWN
            }
        }
    }

    /// A regular expression is tried out now, because it would fail on the first upload.
    fn pattern(&mut self, pattern: &'a IdedExpr) {
        let Expr::Literal(LiteralValue::String(_)) = &pattern.expr else {
            self.fault(
                pattern,
                "the pattern of `matches` must be written out, in quotes",
            );
            return;
        };
        let empty = Expr::Literal(LiteralValue::String("".into()));
        let trial = IdedExpr {
            id: 0,
            expr: Expr::Call(CallExpr {
                func_name: "matches".to_owned(),
                target: Some(Box::new(IdedExpr { id: 0, expr: empty })),
                args: vec![pattern.clone()],
            }),
        };
        if let Err(error) = Value::resolve(&trial, &Context::with_env(environment())) {
            let why = match &error {
                ExecutionError::FunctionError { message, .. } => {
                    let last_line = message.lines().last().unwrap_or(message);
                    last_line.strip_prefix("error: ").unwrap_or(last_line)
                }
                _ => "it cannot be used",
            };
            self.fault(pattern, format!("not a regular expression: {why}"));
        }
    }

    fn number(&mut self, expr: &'a IdedExpr) -> Type {
        let found = self.infer(expr);
        self.require_not_null(expr, &found);
        if !found.kind.is_number() {
            self.fault(expr, format!("expected a number, found {found}"));
            return Type::UNKNOWN;
        }
        found
    }

    fn require_text(&mut self, expr: &'a IdedExpr) {
        let found = self.infer(expr);
        self.require_not_null(expr, &found);
        if !found.kind.is_text() {
            self.fault(expr, format!("expected text, found {found}"));
        }
    }

    fn require_bool(&mut self, expr: &'a IdedExpr) {
        let found = self.infer(expr);
        self.require_not_null(expr, &found);
        if !matches!(found.kind, Kind::Bool | Kind::Unknown) {
            self.fault(expr, format!("expected true or false, found {found}"));
        }
    }

    /// Does something where these fields are known not to be null.
    fn knowing<T>(&mut self, fields: Vec<String>, infer: impl FnOnce(&mut Self) -> T) -> T {
        let n_known = self.known.len();
        self.known.extend(fields);
        let result = infer(self);
        self.known.truncate(n_known);
        result
    }
}
