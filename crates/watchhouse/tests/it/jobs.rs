//! Jobs: what is done by the clock.

use std::time::Duration;

use crate::app::TestApp;

#[tokio::test]
async fn old_checkpoints_are_forgotten_but_the_last() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for name in ["one", "two", "three"] {
        admin.bank(name).await;
        app.settle().await;
    }
    let newest = admin.get("/api/v1/ledger").await.expect(200)["size"]
        .as_i64()
        .unwrap();
    assert!(app.count("ledger_checkpoints").await > 2);

    app.advance(Duration::from_hours(49));

    for _ in 0..2_000 {
        if app.count("ledger_checkpoints").await == 1 {
            break;
        }
        app.app.wake();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sizes = app.number("SELECT MAX(size) FROM ledger_checkpoints").await;
    assert_eq!(sizes, newest);
    admin.bank("four").await;
    app.settle().await;
    assert_eq!(
        admin.get("/api/v1/ledger").await.expect(200)["size"],
        newest + 1
    );
}
