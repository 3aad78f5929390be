//! That the parent believes nothing that no sound child says.

use proptest::prelude::*;
use watchhouse::sandbox::protocol::{self, Answer, Header, Hello, Kind, Landlock};
use watchhouse::sandbox::{Refusal, Sandbox, SandboxSettings, video};
use watchhouse_match::{Limits, inspect};

use super::input::picture;
use super::program::{Program, sound_hello};

#[tokio::test]
async fn a_child_that_lies_is_not_believed() {
    let frame = |kind: Kind, body: &[u8]| [&protocol::header(kind, body.len()), body].concat();
    let good = inspect(&picture(1), &Limits::default());
    let (kind, body) = protocol::answer_body(&good);
    let changed = |at: usize, to: u8| {
        let mut body = body.clone();
        body[at] = to;
        frame(kind, &body)
    };
    let longer = [&body[..], b"x"].concat();
    for (lie, says) in [
        (b"\xff\xff\xff\xff\xff".to_vec(), "unknown kind 255"),
        (protocol::header(kind, 1 << 31).to_vec(), "2147483648 bytes"),
        (frame(Kind::Hello, b""), "Hello in place of an answer"),
        (frame(Kind::Inspected, b"\x00\x01"), "breaks off"),
        (frame(kind, &longer), "1 bytes too many"),
        (changed(0, 9), "unknown format"),
        (changed(1, 0), "impossible size of 0 by 96"),
        (changed(4, 0xff), "impossible size of 4278190176 by 96"),
        (changed(9, 0), "0 frames"),
        (changed(12, 0xff), "4278190081 frames"),
        (changed(17, 4), "impossible variant 4"),
        (changed(17, 3), "impossible variant 3"),
        (changed(18, 1), "impossible variant 0"),
        (changed(34, 101), "quality of 101"),
        (changed(67, !body[67]), "differs from itself unturned"),
        (frame(Kind::Refused, b"\xffwhatever"), "unknown reason"),
    ] {
        let liar = Program::liar(&sound_hello(), &lie);
        let sandbox = Sandbox::new(liar.settings()).expect("a sandbox");

        let refusal = sandbox.inspect(picture(1)).await.expect_err("a lie");

        assert_eq!(refusal.code, Refusal::LIED, "{refusal}");
        assert!(refusal.message.contains(says), "{refusal}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_thrown_away_with_its_child() {
    let (kind, body) = protocol::answer_body(&inspect(&picture(1), &Limits::default()));
    let answer = [&protocol::header(kind, body.len())[..], &body].concat();
    let hasty = Program::liar(&sound_hello(), &[&answer[..], &answer].concat());
    let sandbox = Sandbox::new(hasty.settings()).expect("a sandbox");

    sandbox.inspect(picture(1)).await.expect("its first answer");
    sandbox.inspect(picture(2)).await.expect("a new child's");

    assert!(hasty.starts() >= 2);
}

#[tokio::test]
async fn a_child_without_seccomp_is_used_only_if_that_is_allowed() {
    let bare = Hello {
        seccomp: false,
        landlock: Landlock::None,
        ..sound_hello()
    };
    let (kind, body) = protocol::answer_body(&inspect(&picture(1), &Limits::default()));
    let answer = [&protocol::header(kind, body.len())[..], &body].concat();
    let program = Program::liar(&bare, &answer);

    let strict = Sandbox::new(program.settings()).expect("a sandbox");
    let lenient = Sandbox::new(SandboxSettings {
        require_cage: false,
        ..program.settings()
    })
    .expect("a sandbox");

    let refusal = strict.inspect(picture(1)).await.expect_err("no cage");
    assert_eq!(refusal.code, Refusal::UNAVAILABLE);
    assert!(refusal.message.contains("seccomp"), "{refusal}");
    lenient.inspect(picture(1)).await.expect("an answer");
}

proptest! {
    #[test]
    fn no_answer_makes_the_parent_panic(kind in 0u8..12, body in prop::collection::vec(any::<u8>(), 0..700)) {
        if let Ok(header) = Header::parse([kind, 0, 0, 0, 0]) {
            let _ = protocol::parse_answer(header.kind, &body, &Limits::default());
            let _ = video::protocol::parse(header.kind, &body, &Limits::default());
            let _ = Hello::parse(header.kind, &body);
        }
    }

    #[test]
    fn a_changed_answer_is_refused_or_within_the_limits(at in 0usize..2000, to in any::<u8>()) {
        let limits = Limits::default();
        let (kind, mut body) = protocol::answer_body(&inspect(&picture(3), &limits));
        let at = at % body.len();
        body[at] = to;
        if let Ok(Ok(Answer::Picture(inspection))) = protocol::parse_answer(kind, &body, &limits) {
            prop_assert!(u64::from(inspection.width) * u64::from(inspection.height) <= limits.pixels);
            prop_assert!(inspection.frames.len() == 1);
            prop_assert!(inspection.frames.iter().all(|frame| frame.pdq.quality <= 100));
        }
    }
}
