//! Banks: what the hashes of a list have in common.
//!
//! Rows hold a bank's slot, a small number, so that changing a bank touches no row.

use std::collections::BTreeMap;
use std::io;

use super::Index;
use super::stream::{LoadError, Plain, Sink, Source};

/// The caller's name for a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BankId(pub u32);

/// How a bank matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankSettings {
    /// The most bits by which a PDQ hash may differ, a video's frames' included, 0 to 63. Digests match
    /// exactly or not at all.
    pub threshold: u32,
    /// The least percent of a listed video's frames that an upload must have, 0 to 100, where 0 is any
    /// frame at all.
    pub of_known: u32,
    /// The least percent of the upload's frames that must be in the listed video, likewise.
    pub of_upload: u32,
    /// A disabled bank keeps its hashes and never hits.
    pub is_enabled: bool,
}

/// What the field's tools take for a match: a known video inside a longer upload, too.
impl Default for BankSettings {
    fn default() -> BankSettings {
        BankSettings {
            threshold: 31,
            of_known: 80,
            of_upload: 0,
            is_enabled: true,
        }
    }
}

/// A bank's place in `Banks`. Every row has one, so it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u16);

/// Banks with thresholds alike, whose hashes lie together: how far a lookup must reach decides what it
/// costs, and a narrow bank's hashes must not be searched as far as a wide one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u32);

/// What a scan needs to know about the bank of a row.
#[derive(Clone, Copy)]
pub(crate) struct Bank {
    pub(super) id: BankId,
    pub(super) settings: BankSettings,
}

impl Slot {
    /// There MUST be [`Banks::MOST`] places at most.
    pub(super) fn at(place: usize) -> Slot {
        Slot(u16::try_from(place).expect("a place is free below the most"))
    }

    pub(super) fn place(self) -> usize {
        self.0.into()
    }
}

impl Class {
    /// Among 10 million hashes a lookup takes 20 us within 31 bits and less within fewer, and with each
    /// eight bits more it takes four times as long.
    const NARROWEST: u32 = 31 / 8;

    pub(super) fn all() -> impl Iterator<Item = Class> {
        (Class::NARROWEST..=Index::WIDEST_THRESHOLD / 8).map(Class)
    }

    fn of(settings: BankSettings) -> Class {
        Class((settings.threshold / 8).max(Class::NARROWEST))
    }
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
            self.by_slot[slot.place()] = bank;
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
        self.slots.insert(id, Slot::at(place));
        true
    }

    /// The bank's rows MUST be gone already: its slot will be another bank's.
    pub(super) fn remove(&mut self, id: BankId) {
        if let Some(slot) = self.slots.remove(&id) {
            self.by_slot[slot.place()] = None;
        }
    }

    pub(super) fn slot(&self, id: BankId) -> Option<Slot> {
        self.slots.get(&id).copied()
    }

    pub(super) fn settings(&self, id: BankId) -> Option<BankSettings> {
        let slot = self.slot(id)?;
        self.by_slot[slot.place()].map(|bank| bank.settings)
    }

    /// The bank at a slot, if it is enabled.
    pub(super) fn enabled(&self, slot: Slot) -> Option<&Bank> {
        let bank = self.by_slot[slot.place()].as_ref()?;
        bank.settings.is_enabled.then_some(bank)
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.by_slot.get(slot.place()).is_some_and(Option::is_some)
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        to.put(self.by_slot.len() as u32)?;
        for bank in &self.by_slot {
            to.put(bank.map_or(0, |bank| bank.id.0))?;
            for setting in [
                |settings: BankSettings| settings.threshold,
                |settings: BankSettings| settings.of_known,
                |settings: BankSettings| settings.of_upload,
            ] {
                to.put(bank.map_or(0, |bank| setting(bank.settings)))?;
            }
            to.put(bank.map_or(0, |bank| 1 + u8::from(bank.settings.is_enabled)))?;
        }
        Ok(())
    }

    pub(super) fn load(from: &mut Source<'_>) -> Result<Banks, LoadError> {
        let mut banks = Banks::default();
        let n_slots: u32 = from.take()?;
        for place in 0..n_slots as usize {
            let id = BankId(from.take()?);
            let (threshold, of_known, of_upload): (u32, u32, u32) =
                (from.take()?, from.take()?, from.take()?);
            let is_enabled = match from.take::<u8, 1>()? {
                0 => {
                    banks.by_slot.push(None);
                    continue;
                }
                enabled => enabled == 2,
            };
            let is_new = !banks.slots.contains_key(&id);
            let are_thresholds =
                threshold <= Index::WIDEST_THRESHOLD && of_known.max(of_upload) <= 100;
            if place >= Banks::MOST || !are_thresholds || !is_new {
                return Err(LoadError::Contradictory("banks"));
            }
            let settings = BankSettings {
                threshold,
                of_known,
                of_upload,
                is_enabled,
            };
            banks.by_slot.push(Some(Bank { id, settings }));
            banks.slots.insert(id, Slot::at(place));
        }
        Ok(banks)
    }

    /// The class of each slot's bank.
    pub(super) fn classes(&self) -> Vec<Class> {
        let class =
            |bank: &Option<Bank>| bank.map_or(Class(Class::NARROWEST), |b| Class::of(b.settings));
        self.by_slot.iter().map(class).collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // A B-tree node is at least half full, hence twice the size of its pairs.
        self.by_slot.capacity() * size_of::<Option<Bank>>()
            + self.slots.len() * 2 * size_of::<(BankId, Slot)>()
    }
}

impl Plain<2> for Slot {
    #[inline]
    fn to_bytes(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    #[inline]
    fn from_bytes(bytes: [u8; 2]) -> Slot {
        Slot(u16::from_le_bytes(bytes))
    }
}
