//! One expression's text to a program that is known to be sound.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::{Env, Program};

use super::check;
use super::pack::On;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4096;

/// The deepest nesting of operators, calls and lists in an expression. A chain of `&&` or `||`
/// counts little, because the parser balances it.
///
/// Evaluation recurses: a level takes up to 64 KB of stack without optimisation, and a thread of
/// the server may have 2 MB.
pub const MAX_DEPTH: usize = 16;

/// The parser recurses through every level of the grammar: the worst 4,096 bytes that we found take
/// between 16 and 32 MB of it without optimisation. Only what is touched becomes memory.
const PARSER_STACK_BYTES: usize = 64 << 20;

/// Something wrong in an expression, at this range of its bytes.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) range: Range<usize>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> Fault {
        Fault {
            range,
            message: message.into(),
        }
    }
}

/// The functions of CEL, without optional values: `check` does not know those.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> =
        LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));
    Arc::clone(&ENVIRONMENT)
}

pub(super) fn compile(expression: &str, on: On) -> Result<Program, Vec<Fault>> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        let message = format!(
            "the expression has {} bytes, more than {MAX_EXPRESSION_BYTES}; split the rule",
            expression.len()
        );
        return Err(vec![Fault::new(0..0, message)]);
    }
    let result = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("rules-compile".to_owned())
            .stack_size(PARSER_STACK_BYTES)
            .spawn_scoped(scope, || parse_and_check(expression, on))
            .map(|thread| thread.join())
    });
    match result {
        Ok(Ok(compiled)) => compiled,
        Ok(Err(_panic)) => Err(vec![Fault::new(0..0, "the expression crashes the parser")]),
        Err(error) => {
            let message = format!("cannot start a thread to parse the expression: {error}");
            Err(vec![Fault::new(0..0, message)])
        }
    }
}

fn parse_and_check(expression: &str, on: On) -> Result<Program, Vec<Fault>> {
    let program = environment().compile(expression).map_err(|errors| {
        // What follows the first error is mostly its echo.
        let fault = errors.errors.first().map_or_else(
            || Fault::new(0..0, "not an expression"),
            |error| Fault::new(range_of(expression, error.pos), plain(&error.msg)),
        );
        vec![fault]
    })?;
    let faults = check::check(&program, on);
    if faults.is_empty() {
        Ok(program)
    } else {
        Err(faults)
    }
}

/// The byte range of the character at a line and column, both from 1, columns in characters.
fn range_of(expression: &str, (line, column): (isize, isize)) -> Range<usize> {
    let line_idx = usize::try_from(line - 1).unwrap_or(0);
    let column_idx = usize::try_from(column - 1).unwrap_or(0);
    let line_start: usize = expression
        .split_inclusive('\n')
        .take(line_idx)
        .map(str::len)
        .sum();
    let start = expression[line_start..]
        .char_indices()
        .nth(column_idx)
        .map_or(expression.len(), |(at, _)| line_start + at);
    start..start
}

/// The parser's message without what only its authors need.
fn plain(message: &str) -> String {
    if message.contains("Recursion limit") {
        return "the expression nests too deeply; split the rule".to_owned();
    }
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = match message.split_once(" expecting {") {
        // A list of all that may start an expression helps nobody.
        Some((found, expected)) if expected.split(", ").count() > 4 => found,
        _ => message,
    };
    let message = message.replace("'<EOF>'", "the end of the expression");
    let message = message.replace("<EOF>", "the end of the expression");
    if let Some(found) = message.strip_prefix("token recognition error at: ") {
        return format!("{found} is not part of any expression");
    }
    [
        "mismatched input ",
        "extraneous input ",
        "no viable alternative at input ",
    ]
    .into_iter()
    .find_map(|prefix| message.strip_prefix(prefix))
    .map(|found| format!("{found} was not expected here"))
    .unwrap_or(message)
}
