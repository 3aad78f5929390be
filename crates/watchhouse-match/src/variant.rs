//! A frame can be looked at in more than one way, and each way gives a picture with a hash of its
//! own: what was listed may be one of them, and what slips by in one is met in another.

/// Which picture was made of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The samples as they are, alpha dropped.
    #[default]
    AsStored,
    /// Grey of 16 bits with all above 255 made white, as the tools read it that made the lists.
    Clipped,
    /// On a white page, where alpha lets it shine through.
    OverWhite,
    /// What is left of one of the others without a plain border around it.
    WithoutBorder(Area),
}

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

impl Variant {
    /// How many a frame has at most: three, each with a border and without.
    pub const MOST: u32 = 6;

    /// The name in the API. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Variant::AsStored => "as_stored",
            Variant::Clipped => "clipped",
            Variant::OverWhite => "over_white",
            Variant::WithoutBorder(_) => "without_border",
        }
    }
}

/// In words, for people.
impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Variant::AsStored => "as stored",
            Variant::Clipped => "clipped to 8 bits",
            Variant::OverWhite => "over white",
            Variant::WithoutBorder(_) => "without its border",
        })
    }
}
