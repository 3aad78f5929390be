//! The saved index: it is used when it fits, noticed when it does not, and never believed instead of the
//! database.

use std::fs;
use std::path::PathBuf;

use crate::client::Client;
use crate::make;
use crate::process::{Place, Server};

const LOADED: &str = "loaded the saved index of";
const NOT_USED: &str = "the saved index is not used, and all hashes are read instead: ";

/// The bank and the hash of a picture, which is listed in it.
async fn list(admin: &Client, bank: &str, picture: u64) -> String {
    admin
        .add_pdq(bank, &make::pdq(&make::picture(picture)))
        .await
}

async fn matches(server: &Server, picture: u64) -> bool {
    let admin = server.ready().await;
    let item = format!("{}-{picture}", server.process_id());
    let scan = admin.scan(&item, make::picture(picture)).await.expect(200);
    !scan["matches"].as_array().unwrap().is_empty()
}

fn file(place: &Place) -> PathBuf {
    place.data.join("index/snapshot")
}

/// A place whose server listed a picture and was stopped, and the bank's id.
async fn stopped() -> (Place, String) {
    let place = Place::new().await;
    let server = place.start().await;
    let admin = server.ready().await;
    let bank = admin.bank("list").await;
    list(&admin, &bank, 1).await;
    server.stop().await;
    (place, bank)
}

#[tokio::test]
async fn a_start_loads_what_the_stop_saved_and_reads_what_others_changed_since() {
    let (mut place, bank) = stopped().await;
    let server = place.start().await;
    let admin = server.ready().await;
    let removed = list(&admin, &bank, 2).await;
    server.stop().await;
    // Another node, with a directory of its own.
    let (first, second) = (place.data.clone(), place.path().join("second"));
    fs::create_dir(&second).unwrap();
    let mode = fs::metadata(&first).unwrap().permissions();
    fs::set_permissions(&second, mode).unwrap();
    fs::copy(first.join("secrets.key"), second.join("secrets.key")).unwrap();
    place.set_data(&second);
    let server = place.start().await;
    assert!(!server.log_text().contains(LOADED));
    let admin = server.ready().await;
    list(&admin, &bank, 3).await;
    let path = format!("/api/v1/banks/{bank}/hashes/{removed}");
    admin.delete(&path).await.expect(204);
    server.stop().await;

    place.set_data(&first);
    let server = place.start().await;

    assert!(matches(&server, 1).await);
    assert!(!matches(&server, 2).await);
    assert!(matches(&server, 3).await);
    let log = server.log_text();
    assert!(log.contains(&format!("{LOADED} 2 hashes")), "{log}");
    assert!(!log.contains(NOT_USED), "{log}");
    let metrics = server.admin().get("/metrics").await.text();
    let is_there = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name));
        line.is_some_and(|line| !line.ends_with(" 0") && !line.ends_with(" 0.0"))
    };
    assert!(
        is_there("watchhouse_index_snapshot_time_seconds"),
        "{metrics}"
    );
    assert!(is_there("watchhouse_index_load_seconds"), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_noticed_and_the_lists_match_all_the_same() {
    let (place, _) = stopped().await;
    let whole = fs::read(file(&place)).unwrap();
    let mut altered = whole.clone();
    // The end of the last picture's hash, before the number of those removed, the numbers of videos,
    // addresses and terms, and the checksum.
    altered[whole.len() - 24] ^= 1;
    let cut = whole[..whole.len() - 9].to_vec();
    for (bytes, reason) in [
        (altered, "its checksum does not fit: it was altered"),
        (cut, "it ends too early"),
        (Vec::new(), "reading its beginning"),
    ] {
        fs::write(file(&place), bytes).unwrap();

        let server = place.start().await;

        assert!(matches(&server, 1).await);
        let log = server.log_text();
        assert!(log.contains(&format!("{NOT_USED}{reason}")), "{log}");
        server.stop().await;
        // The stop saved a whole one.
        let server = place.start().await;
        assert!(matches(&server, 1).await);
        assert!(server.log_text().contains(LOADED));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_snapshot_that_the_database_does_not_know_is_not_used() {
    let (place, bank) = stopped().await;
    let before = fs::read(file(&place)).unwrap();
    let server = place.start().await;
    let admin = server.ready().await;
    list(&admin, &bank, 2).await;
    server.stop().await;
    // As if the data directory were restored from a backup, and the database not.
    fs::write(file(&place), before).unwrap();

    let server = place.start().await;

    assert!(matches(&server, 1).await);
    assert!(matches(&server, 2).await);
    let log = server.log_text();
    let reason = "it was saved for another database, or for this one at another time";
    assert!(log.contains(&format!("{NOT_USED}{reason}")), "{log}");
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_saved_where_the_settings_say_so() {
    let mut place = Place::new().await;
    place.set("banks.snapshot_minutes", "0");
    let server = place.start().await;
    let admin = server.ready().await;
    let bank = admin.bank("list").await;
    list(&admin, &bank, 1).await;
    server.stop().await;

    assert!(!file(&place).exists());
}
