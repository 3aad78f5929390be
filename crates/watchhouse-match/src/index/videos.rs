//! Videos: found by the share of their frames that an upload has.
//!
//! Every listed video is compared, frame by frame, so a lookup takes time in proportion to the frames of
//! all of them. Whoever must not keep changes waiting takes [`ListedVideos`] and compares with those.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::bank::{Bank, Banks, Slot};
use super::columns::PdqColumns;
use super::rows::Owners;
use super::stream::{LoadError, Sink, Source};
use super::table::Table;
use super::{EntryId, Hit};
use crate::hash::{HashKind, VideoHash};
use crate::vpdq::compare_with;

#[derive(Clone, Default)]
pub(crate) struct VideoTable(BTreeMap<EntryId, Row>);

#[derive(Clone)]
struct Row {
    slot: Slot,
    /// Those that are compared.
    frames: Arc<PdqColumns>,
}

/// The videos of all enabled banks at a moment. Taking them takes some nanoseconds for each.
pub struct ListedVideos(Vec<(EntryId, Bank, Arc<PdqColumns>)>);

impl ListedVideos {
    /// Every video of which the upload has the share that its bank asks for, and the other way round.
    /// Those of which most is found come first, then by bank and entry.
    pub fn meet(&self, upload: &VideoHash) -> Vec<Hit> {
        let mut hits = Vec::new();
        let upload = upload.distinct();
        for (entry, bank, known) in &self.0 {
            let settings = bank.settings;
            let shares = compare_with(known, &upload, settings.threshold);
            if shares.reach(settings.of_known, settings.of_upload) {
                hits.push(Hit {
                    entry: *entry,
                    bank: bank.id,
                    kind: HashKind::Vpdq,
                    distance: shares.of_known.percent_missed(),
                    threshold: 100 - settings.of_known,
                });
            }
        }
        hits.sort_unstable_by_key(|hit| (hit.distance, hit.bank, hit.entry));
        hits
    }
}

impl VideoTable {
    pub(super) fn listed(&self, banks: &Banks) -> ListedVideos {
        let rows = self.0.iter();
        let listed = rows.filter_map(|(entry, row)| {
            let bank = banks.enabled(row.slot)?;
            Some((*entry, *bank, Arc::clone(&row.frames)))
        });
        ListedVideos(listed.collect())
    }
}

impl Table<VideoHash> for VideoTable {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, video: &VideoHash, _: &Banks) {
        let mut frames = PdqColumns::default();
        for hash in video.distinct() {
            frames.push(&hash);
        }
        let frames = Arc::new(frames);
        self.0.insert(entry, Row { slot, frames });
    }

    fn remove(&mut self, entry: EntryId, _: &Banks) -> bool {
        self.0.remove(&entry).is_some()
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        let n_before = self.0.len();
        self.0.retain(|_, row| row.slot != slot);
        n_before - self.0.len()
    }

    fn lookup(&self, video: &VideoHash, _: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        hits.extend(self.listed(banks).meet(video));
    }

    fn copied(&self) -> VideoTable {
        self.clone()
    }

    fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        let mut owners = Owners::with_capacity(self.0.len());
        for (entry, row) in &self.0 {
            owners.push(*entry, row.slot);
        }
        to.put(self.0.len() as u32)?;
        owners.save(to)?;
        for row in self.0.values() {
            to.put(row.frames.len() as u32)?;
            row.frames.save(to)?;
        }
        Ok(())
    }

    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<VideoTable, LoadError> {
        let n_rows = from.take::<u32, 4>()? as usize;
        let owners = Owners::load(from, n_rows, banks)?;
        let mut table = VideoTable::default();
        for row in 0..n_rows {
            let n_frames = from.take::<u32, 4>()? as usize;
            let frames = Arc::new(PdqColumns::load(from, n_frames)?);
            let slot = owners.slot(row);
            table.0.insert(owners.entry(row), Row { slot, frames });
        }
        Ok(table)
    }

    fn memory_bytes(&self) -> usize {
        let frames = self.0.values().map(|row| row.frames.memory_bytes());
        // A B-tree node is at least half full.
        frames.sum::<usize>() + self.0.len() * 2 * size_of::<(EntryId, Row)>()
    }
}
