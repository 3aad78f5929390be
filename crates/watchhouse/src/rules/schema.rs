//! The variables of a condition and their types. `values` MUST give every field named here.

use std::fmt;

use watchhouse_match::HashKind;

use super::pack::On;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Already reported as wrong; fits everywhere, so that one mistake is one problem.
    Unknown,
    Bool,
    Int,
    Double,
    Text,
    /// Text that is always one of these.
    OneOf(&'static [&'static str]),
    Null,
    Object(&'static Object),
    List(Box<Kind>),
}

#[derive(Debug, PartialEq)]
pub(super) struct Object {
    pub(super) fields: &'static [Field],
}

#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_nullable: bool,
}

const fn always(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_nullable: false,
    }
}

const fn maybe(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_nullable: true,
    }
}

const SURFACES: &[&str] = &["public", "private", "direct"];
const TRANSFORMS: &[&str] = &[
    "original",
    "rotate_90",
    "rotate_180",
    "rotate_270",
    "flip_x",
    "flip_y",
    "transpose",
    "anti_transpose",
];

static ITEM: Object = Object {
    fields: &[
        always("external_id", Kind::Text),
        always("kind", Kind::Text),
        always("surface", Kind::OneOf(SURFACES)),
        always("has_account", Kind::Bool),
        maybe("text", Kind::Text),
    ],
};

static ACCOUNT: Object = Object {
    fields: &[always("external_id", Kind::Text)],
};

static MEDIA: Object = Object {
    fields: &[
        maybe("format", Kind::Text),
        maybe("width", Kind::Int),
        maybe("height", Kind::Int),
        always("size_bytes", Kind::Int),
        always("sha256", Kind::Text),
        always("frames", Kind::Int),
        maybe("quality", Kind::Int),
    ],
};

static MATCH: Object = Object {
    fields: &[
        always("kind", Kind::OneOf(HashKind::NAMES)),
        always("distance", Kind::Int),
        always("threshold", Kind::Int),
        always("transform", Kind::OneOf(TRANSFORMS)),
        maybe("quality", Kind::Int),
        maybe("frame", Kind::Int),
        always("bank", Kind::Object(&BANK)),
        always("hash", Kind::Object(&HASH)),
    ],
};

static BANK: Object = Object {
    fields: &[
        always("id", Kind::Text),
        always("name", Kind::Text),
        maybe("category", Kind::Text),
        maybe("owner", Kind::Text),
    ],
};

static HASH: Object = Object {
    fields: &[
        maybe("source", Kind::Text),
        maybe("external_id", Kind::Text),
        maybe("category", Kind::Text),
        always("age_days", Kind::Int),
    ],
};

static ITEM_VARIABLES: &[Field] = &[
    always("item", Kind::Object(&ITEM)),
    maybe("account", Kind::Object(&ACCOUNT)),
    always("media", Kind::Object(&MEDIA)),
];

static MATCH_VARIABLES: &[Field] = &[
    always("match", Kind::Object(&MATCH)),
    always("item", Kind::Object(&ITEM)),
    maybe("account", Kind::Object(&ACCOUNT)),
    always("media", Kind::Object(&MEDIA)),
];

pub(super) fn variables_of(on: On) -> &'static [Field] {
    match on {
        On::Match => MATCH_VARIABLES,
        On::Item => ITEM_VARIABLES,
    }
}

/// Every field that a condition `on` this may use, with its type in words, such as
/// `("match.quality", "whole number or null")`.
pub fn variables(on: On) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for variable in variables_of(on) {
        list(variable, "", &mut all);
    }
    all
}

fn list(field: &Field, prefix: &str, all: &mut Vec<(String, String)>) {
    let path = format!("{prefix}{}", field.name);
    if let Kind::Object(object) = &field.kind {
        if field.is_nullable {
            all.push((path.clone(), "all of the following, or null".to_owned()));
        }
        let prefix = format!("{path}.");
        for field in object.fields {
            list(field, &prefix, all);
        }
        return;
    }
    let mut words = match &field.kind {
        Kind::OneOf(names) => names.join(", "),
        kind => kind.to_string(),
    };
    if field.is_nullable {
        words.push_str(" or null");
    }
    all.push((path, words));
}

impl Kind {
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Kind::Text | Kind::OneOf(_) | Kind::Unknown)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Kind::Int | Kind::Double | Kind::Unknown)
    }

    /// Whether a value of one can ever equal one of the other.
    pub(super) fn can_equal(&self, other: &Kind) -> bool {
        match (self, other) {
            (Kind::Unknown, _) | (_, Kind::Unknown) => true,
            (Kind::List(one), Kind::List(two)) => one.can_equal(two),
            _ => {
                self == other
                    || (self.is_text() && other.is_text())
                    || (self.is_number() && other.is_number())
            }
        }
    }
}

/// In words, without an article.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Unknown => f.write_str("unknown"),
            Kind::Bool => f.write_str("true or false"),
            Kind::Int => f.write_str("whole number"),
            Kind::Double => f.write_str("number with a point"),
            Kind::Text | Kind::OneOf(_) => f.write_str("text"),
            Kind::Null => f.write_str("null"),
            Kind::Object(_) => f.write_str("object"),
            Kind::List(kind) if **kind == Kind::Unknown => f.write_str("list"),
            Kind::List(kind) => match **kind {
                Kind::Int => f.write_str("list of whole numbers"),
                Kind::Double => f.write_str("list of numbers with a point"),
                _ => write!(f, "list of {kind}"),
            },
        }
    }
}
