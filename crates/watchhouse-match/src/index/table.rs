//! Tables: where the hashes of one kind lie, each kind in the way that finds it fastest.

use std::io;

use super::bank::{Banks, Slot};
use super::stream::{LoadError, Sink, Source};
use super::{EntryId, Hit};
use crate::hash::{self, Hash, HashKind, Signal, for_each_kind};

/// A kind of hash as the index knows it.
pub(crate) trait Indexed: Signal {
    type Table: Table<Self::Value>;
}

/// All listed hashes of one kind.
pub(crate) trait Table<V>: Default {
    fn len(&self) -> usize;

    /// The entry MUST NOT be listed yet.
    fn insert(&mut self, entry: EntryId, slot: Slot, value: &V, banks: &Banks);

    /// False if the entry is not in this table.
    fn remove(&mut self, entry: EntryId, banks: &Banks) -> bool;

    /// Forgets all hashes of a bank. Answers how many those were.
    fn remove_slot(&mut self, slot: Slot) -> usize;

    /// Appends every enabled bank's hashes that `value` meets, in no particular order.
    fn lookup(&self, value: &V, kind: HashKind, banks: &Banks, hits: &mut Vec<Hit>);

    /// What is listed now, to be saved beside lookups and changes.
    fn copied(&self) -> Self;

    fn save(&self, to: &mut Sink<'_>) -> io::Result<()>;

    /// # Errors
    /// If these are not the bytes that [`Table::save`] wrote.
    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<Self, LoadError>;

    /// The memory that is allocated, in bytes, spare capacity included.
    fn memory_bytes(&self) -> usize;
}

macro_rules! define {
    ($($(#[$doc:meta])* $kind:ident $table:ident,)*) => {
        /// One table a kind.
        #[derive(Default)]
        pub(super) struct Tables {
            $(pub(super) $table: <hash::$kind as Indexed>::Table,)*
        }

        impl Tables {
            pub(super) fn len_of(&self, kind: HashKind) -> usize {
                match kind { $(HashKind::$kind => Table::len(&self.$table),)* }
            }

            /// The entry MUST NOT be listed yet.
            pub(super) fn insert(&mut self, entry: EntryId, slot: Slot, hash: &Hash, banks: &Banks) {
                match hash {
                    $(Hash::$kind(value) => {
                        Table::insert(&mut self.$table, entry, slot, value, banks);
                    })*
                }
            }

            pub(super) fn remove(&mut self, entry: EntryId, banks: &Banks) -> bool {
                false $(|| Table::remove(&mut self.$table, entry, banks))*
            }

            pub(super) fn remove_slot(&mut self, slot: Slot) -> usize {
                0 $(+ Table::remove_slot(&mut self.$table, slot))*
            }

            pub(super) fn lookup(&self, hash: &Hash, banks: &Banks, hits: &mut Vec<Hit>) {
                match hash {
                    $(Hash::$kind(value) => {
                        Table::lookup(&self.$table, value, HashKind::$kind, banks, hits);
                    })*
                }
            }

            pub(super) fn copied(&self) -> Tables {
                Tables { $($table: Table::copied(&self.$table),)* }
            }

            pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
                $(Table::save(&self.$table, to)?;)*
                Ok(())
            }

            pub(super) fn load(from: &mut Source<'_>, banks: &Banks) -> Result<Tables, LoadError> {
                Ok(Tables { $($table: Table::load(from, banks)?,)* })
            }

            pub(super) fn memory_bytes(&self) -> usize {
                0 $(+ Table::memory_bytes(&self.$table))*
            }
        }
    };
}
for_each_kind!(define);
