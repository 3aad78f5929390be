//! How many rows of each bank a part holds: that says how far the part must be searched.

use super::bank::{Banks, Class, Slot};

#[derive(Clone, Default)]
pub(super) struct Members {
    /// By the banks' slots.
    n_rows: Vec<u32>,
}

impl Members {
    /// True if it is the bank's first row here.
    pub(super) fn add(&mut self, slot: Slot) -> bool {
        if self.n_rows.len() <= slot.place() {
            self.n_rows.resize(slot.place() + 1, 0);
        }
        let n_rows = &mut self.n_rows[slot.place()];
        *n_rows += 1;
        *n_rows == 1
    }

    /// True if it was the bank's last row here. It MUST have one.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let n_rows = &mut self.n_rows[slot.place()];
        *n_rows -= 1;
        *n_rows == 0
    }

    /// Removes all rows of a bank. Answers how many those were.
    pub(super) fn remove_all(&mut self, slot: Slot) -> usize {
        let n_rows = self.n_rows.get_mut(slot.place());
        n_rows.map_or(0, std::mem::take) as usize
    }

    /// The widest threshold of any enabled bank that has rows here; None if there is no such bank.
    pub(super) fn reach(&self, banks: &Banks) -> Option<u32> {
        let enabled = self.slots().filter_map(|slot| banks.enabled(slot));
        enabled.map(|bank| bank.settings.threshold).max()
    }

    /// The class of all banks that have rows here; None if there are several.
    pub(super) fn class(&self, classes: &[Class]) -> Option<Class> {
        let mut present = self.slots().map(|slot| classes[slot.place()]);
        let class = present.next()?;
        present.all(|other| other == class).then_some(class)
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        let present = self.n_rows.iter().enumerate().filter(|(_, n)| **n > 0);
        present.map(|(place, _)| Slot::at(place))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.n_rows.capacity() * size_of::<u32>()
    }
}
