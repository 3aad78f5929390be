//! Letterboxes and frames: plain lines at the edges of a picture, which are not part of it.
//!
//! A line is plain when almost all of its luma is that of the outermost line. Only luma is looked at,
//! for PDQ sees nothing else.

use crate::picture::{Picture, Row};
use crate::variant::Area;

/// How far a plain line may be from the outermost one, in steps of 255.
const STRICT: Tolerance = Tolerance { mean: 3, pixel: 12 };
/// And within a block of where JPEG's picture begins, which rings into the border.
const LOOSE: Tolerance = Tolerance { mean: 9, pixel: 32 };
const BLOCK: usize = 8;
/// Of so many pixels in a line, one may be further away.
const PIXELS_PER_STAIN: usize = 50;
/// A border that takes less than this part of either side changes no hash much.
const LEAST_PART: usize = 50;
/// Less than this part of the picture is no picture with a border.
const LEAST_LEFT: usize = 4;
/// Nor is one with a side below this, in pixels.
const LEAST_SIDE: usize = 32;
/// How often all sides are looked at: what lies within a letterbox may have a frame.
const ROUNDS: usize = 3;

/// The part of a picture within its plain border. None if it has none, or little else.
pub(crate) fn find(picture: &Picture<'_>) -> Option<Area> {
    let (full_width, full_height) = (picture.width(), picture.height());
    let (mut columns, mut rows) = (0..full_width, 0..full_height);
    for _ in 0..ROUNDS {
        let before = (columns.clone(), rows.clone());
        let row = |y, line: &mut Vec<u8>| line.extend(picture.luma(y, columns.clone()));
        rows.start += n_plain(rows.clone(), row);
        rows.end -= n_plain(rows.clone().rev(), row);
        let column = |x, line: &mut Vec<u8>| {
            line.extend(rows.clone().flat_map(|y| picture.luma(y, x..x + 1)));
        };
        columns.start += n_plain(columns.clone(), column);
        columns.end -= n_plain(columns.clone().rev(), column);
        if (&columns, &rows) == (&before.0, &before.1) {
            break;
        }
    }
    let (width, height) = (columns.len(), rows.len());
    let is_thin = |inner: usize, full: usize| (full - inner) * LEAST_PART < full;
    if width < LEAST_SIDE
        || height < LEAST_SIDE
        || width * height * LEAST_LEFT < full_width * full_height
        || (is_thin(width, full_width) && is_thin(height, full_height))
    {
        return None;
    }
    Some(Area {
        left: columns.start as u32,
        top: rows.start as u32,
        width: width as u32,
        height: height as u32,
    })
}

/// The outermost lines of a picture that comes row by row: without a plain one, [`find`] would find
/// nothing.
pub(crate) struct Edges {
    height: usize,
    n_rows: usize,
    has_plain_row: bool,
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Edges {
    pub(crate) fn new(height: usize) -> Edges {
        Edges {
            height,
            n_rows: 0,
            has_plain_row: false,
            left: Vec::with_capacity(height),
            right: Vec::with_capacity(height),
        }
    }

    /// Takes the next row, from the top.
    pub(crate) fn push(&mut self, row: &Row<'_>) {
        self.n_rows += 1;
        if self.n_rows == 1 || self.n_rows == self.height {
            let line: Vec<u8> = (0..row.width()).map(|x| row.luma(x)).collect();
            self.has_plain_row |= STRICT.allows(&line, mean(&line));
        }
        if let Some(last) = row.width().checked_sub(1) {
            self.left.push(row.luma(0));
            self.right.push(row.luma(last));
        }
    }

    pub(crate) fn may_be_border(&self) -> bool {
        let mut columns = [&self.left, &self.right].into_iter();
        self.has_plain_row || columns.any(|line| STRICT.allows(line, mean(line)))
    }
}

struct Tolerance {
    mean: u8,
    pixel: u8,
}

/// How many of these lines are plain, from the first on. `luma` appends a line's samples.
fn n_plain(lines: impl Iterator<Item = usize>, luma: impl Fn(usize, &mut Vec<u8>)) -> usize {
    let mut line = Vec::new();
    let mut outermost = None;
    let (mut n_strict, mut n_loose) = (0, 0);
    for at in lines {
        line.clear();
        luma(at, &mut line);
        let color = *outermost.get_or_insert_with(|| mean(&line));
        if n_loose == 0 && STRICT.allows(&line, color) {
            n_strict += 1;
        } else if n_strict >= BLOCK && n_loose < BLOCK && LOOSE.allows(&line, color) {
            n_loose += 1;
        } else {
            break;
        }
    }
    n_strict + n_loose
}

impl Tolerance {
    fn allows(&self, line: &[u8], color: u8) -> bool {
        let stains = line.iter().filter(|luma| luma.abs_diff(color) > self.pixel);
        mean(line).abs_diff(color) <= self.mean && stains.count() * PIXELS_PER_STAIN <= line.len()
    }
}

fn mean(line: &[u8]) -> u8 {
    let sum: usize = line.iter().map(|luma| usize::from(*luma)).sum();
    (sum / line.len().max(1)) as u8
}
