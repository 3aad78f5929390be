//! Keyset pages: the next page begins after the last id of this one, so that pages stay right
//! while things are added.

use crate::id::Name;

/// Which part of a list is asked for, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The last id already seen.
    pub after: Option<String>,
    /// At most so many; 1 to 200.
    pub limit: u32,
}

impl Page {
    /// The id that every id of this page is below, if there is a bound.
    pub(super) fn below(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// One more than is asked for tells whether there is a next page.
    pub(super) fn probe(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts rows fetched with `probe` down to a page.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, name: impl Fn(&T) -> String) -> PageOf<T> {
        let has_next = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let next = has_next.then(|| rows.last().map(name)).flatten();
        PageOf { rows, next }
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct PageOf<T> {
    pub rows: Vec<T>,
    /// What to give as `after` to get the next page; None on the last.
    pub next: Option<String>,
}

impl<T> PageOf<T> {
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> PageOf<U> {
        PageOf {
            rows: self.rows.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

/// The text by which an id is paged.
pub(super) fn name_of<T: Name>(id: &T) -> String {
    id.as_str().to_owned()
}
