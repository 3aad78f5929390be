//! What a tiled log serves, by path: the one place that reads and writes those paths.
//!
//! Reading is strict: for every resource there is exactly one path, so that a cache in front of us
//! cannot be made to hold two copies, and a path never escapes the directory it is joined to.

use super::{
    bundle::Bundle,
    tile::{FULL_WIDTH, Tile},
};

/// The path of the latest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// Something that a tiled log serves below its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Checkpoint,
    Tile(Tile),
    Bundle(Bundle),
}

impl Resource {
    /// None when the path names nothing that a tiled log has.
    pub fn parse(path: &str) -> Option<Resource> {
        if path == CHECKPOINT {
            return Some(Resource::Checkpoint);
        }
        let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = parse_place(place)?;
        if level == "entries" {
            return Some(Resource::Bundle(Bundle { index, width }));
        }
        let level = u8::try_from(parse_decimal(level)?).ok()?;
        (level <= 63).then_some(Resource::Tile(Tile {
            level,
            index,
            width,
        }))
    }

    pub fn path(&self) -> String {
        match self {
            Resource::Checkpoint => CHECKPOINT.to_owned(),
            Resource::Tile(tile) => tile.path(),
            Resource::Bundle(bundle) => bundle.path(),
        }
    }
}

/// Index and width as they stand in a path: `x001/x234/067`, and `x001/x234/067.p/89` when partial.
pub(super) fn print_place(index: u64, width: u16) -> String {
    let mut place = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        place.insert_str(0, &format!("x{:03}/", rest % 1000));
        rest /= 1000;
    }
    if width < FULL_WIDTH {
        place.push_str(&format!(".p/{width}"));
    }
    place
}

fn parse_place(place: &str) -> Option<(u64, u16)> {
    let (index, width) = match place.split_once(".p/") {
        None => (place, FULL_WIDTH),
        Some((index, width)) => {
            let width = u16::try_from(parse_decimal(width)?).ok()?;
            // A partial tile of width 256 would be a second name of the full one.
            if width == 0 || width >= FULL_WIDTH {
                return None;
            }
            (index, width)
        }
    };
    let index = parse_groups(index)?;
    // Beyond this, what is in it could not be numbered in 64 bits.
    (index <= u64::MAX / u64::from(FULL_WIDTH)).then_some((index, width))
}

fn parse_groups(text: &str) -> Option<u64> {
    let mut index = 0u64;
    let mut groups = text.split('/').peekable();
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last {
            group
        } else {
            group.strip_prefix('x')?
        };
        if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        // `x000/001` would be a second name of `001`.
        if is_first && !is_last && digits == "000" {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        is_first = false;
    }
    Some(index)
}

/// A number as C2SP writes them all: ASCII digits without a sign and without leading zeros.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}
