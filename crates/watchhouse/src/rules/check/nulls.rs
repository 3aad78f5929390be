//! What a condition proves about null: behind `x != null &&`, `x` is not null.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::spell;

/// The fields that are not null wherever `expr` is `outcome`.
pub(super) fn proven_by(expr: &IdedExpr, outcome: bool) -> Vec<String> {
    let Expr::Call(call) = &expr.expr else {
        return Vec::new();
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_NOT, [inner]) => proven_by(inner, !outcome),
        (operators::LOGICAL_AND, [one, two]) if outcome => both(one, two, outcome),
        (operators::LOGICAL_OR, [one, two]) if !outcome => both(one, two, outcome),
        (operators::NOT_EQUALS, [one, two]) => compared(one, two, !outcome),
        (operators::EQUALS, [one, two]) => compared(one, two, outcome),
        _ => Vec::new(),
    }
}

fn both(one: &IdedExpr, two: &IdedExpr, outcome: bool) -> Vec<String> {
    let mut proven = proven_by(one, outcome);
    proven.extend(proven_by(two, outcome));
    proven
}

/// A field that equals some literal is not null, and so is one that does not equal null.
fn compared(one: &IdedExpr, two: &IdedExpr, are_equal: bool) -> Vec<String> {
    let (field, literal) = match (&one.expr, &two.expr) {
        (Expr::Literal(literal), _) => (two, literal),
        (_, Expr::Literal(literal)) => (one, literal),
        _ => return Vec::new(),
    };
    let is_path = matches!(field.expr, Expr::Ident(_) | Expr::Select(_));
    let is_null = matches!(literal, LiteralValue::Null);
    if is_path && are_equal != is_null {
        vec![spell(field)]
    } else {
        Vec::new()
    }
}
