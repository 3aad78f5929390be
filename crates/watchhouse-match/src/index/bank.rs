//! Banks: what the hashes of a list have in common.
//!
//! Rows hold a bank's slot, a small number, so that changing a bank touches no row.

use std::collections::BTreeMap;

/// The caller's name for a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BankId(pub u32);

/// How a bank matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankSettings {
    /// The most bits by which a PDQ hash may differ, 0 to 63. Digests match exactly or not at all.
    pub threshold: u32,
    /// A disabled bank keeps its hashes and never hits.
    pub is_enabled: bool,
}

/// A bank's place in `Banks`. Every row has one, so it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u16);

/// What a scan needs to know about the bank of a row.
#[derive(Clone, Copy)]
pub(crate) struct Bank {
    pub(super) id: BankId,
    pub(super) settings: BankSettings,
}

#[derive(Clone, Default)]
pub(crate) struct Banks {
    /// None where a bank was removed; the slot is then reused.
    by_slot: Vec<Option<Bank>>,
    slots: BTreeMap<BankId, Slot>,
}

impl Banks {
    /// How many there can be at a time.
    pub(super) const MOST: usize = 1 << 16;

    /// False if it would be one too many.
    pub(super) fn set(&mut self, id: BankId, settings: BankSettings) -> bool {
        let bank = Some(Bank { id, settings });
        if let Some(slot) = self.slot(id) {
            self.by_slot[usize::from(slot.0)] = bank;
            return true;
        }
        if self.slots.len() == Banks::MOST {
            return false;
        }
        let place = if self.slots.len() < self.by_slot.len() {
            let free = self.by_slot.iter().position(Option::is_none);
            free.expect("there are fewer banks than places")
        } else {
            self.by_slot.push(None);
            self.by_slot.len() - 1
        };
        self.by_slot[place] = bank;
        let slot = u16::try_from(place).expect("a place is free below the most");
        self.slots.insert(id, Slot(slot));
        true
    }

    /// The bank's rows MUST be gone already: its slot will be another bank's.
    pub(super) fn remove(&mut self, id: BankId) {
        if let Some(slot) = self.slots.remove(&id) {
            self.by_slot[usize::from(slot.0)] = None;
        }
    }

    pub(super) fn slot(&self, id: BankId) -> Option<Slot> {
        self.slots.get(&id).copied()
    }

    pub(super) fn settings(&self, id: BankId) -> Option<BankSettings> {
        let slot = self.slot(id)?;
        self.by_slot[usize::from(slot.0)].map(|bank| bank.settings)
    }

    /// The bank at a slot, if it is enabled.
    pub(super) fn enabled(&self, slot: Slot) -> Option<&Bank> {
        let bank = self.by_slot[usize::from(slot.0)].as_ref()?;
        bank.settings.is_enabled.then_some(bank)
    }

    /// The widest threshold of any enabled bank; None if no bank is enabled.
    pub(super) fn widest_threshold(&self) -> Option<u32> {
        let enabled = self
            .by_slot
            .iter()
            .flatten()
            .filter(|bank| bank.settings.is_enabled);
        enabled.map(|bank| bank.settings.threshold).max()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // A B-tree node is at least half full, hence twice the size of its pairs.
        self.by_slot.capacity() * size_of::<Option<Bank>>()
            + self.slots.len() * 2 * size_of::<(BankId, Slot)>()
    }
}
