//! The decoding children: what befalls one befalls one input, and none is left behind.

mod cage;
mod input;
mod lie;
mod memory;
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use image::{GrayImage, ImageFormat};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use watchhouse::sandbox::{Media, Refusal, Sandbox, SandboxSettings};
use watchhouse_match::{Limits, inspect};

use crate::make;
use input::{Chance, FORMATS, encoded, hostile, picture};
use program::Program;

const PROGRAM: &str = env!("CARGO_BIN_EXE_watchhouse");

#[tokio::test]
async fn children_answer_what_the_decoder_answers() {
    let sandbox = Sandbox::new(settings()).expect("a sandbox");
    for format in FORMATS {
        let picture = encoded(7, format);
        let direct = inspect(&picture, &Limits::default()).expect("a picture");
        let answer = sandbox.inspect(picture).await;
        assert_eq!(answer, Ok(Media::Picture(direct)), "{format:?}");
    }
    // These have decoders of their own, none of which may need more than the cage allows.
    let names = ["animated.jxl", "tiled.avif", "animated.avif"];
    for name in make::STORED.into_iter().chain(names) {
        let picture = Bytes::from(make::stored(name));
        let direct = inspect(&picture, &Limits::default()).expect("a picture");
        let answer = sandbox.inspect(picture).await;
        assert_eq!(answer, Ok(Media::Picture(direct)), "{name}");
    }
    for bytes in [&b""[..], b"plain text", &picture(1)[..500]] {
        let direct = inspect(bytes, &Limits::default()).expect_err("no picture");
        let refusal = sandbox
            .inspect(Bytes::copy_from_slice(bytes))
            .await
            .expect_err("no picture");
        assert_eq!(
            (refusal.code, refusal.message),
            (direct.code(), direct.to_string())
        );
    }
}

#[tokio::test]
async fn a_decoder_that_ends_its_process_costs_one_input() {
    let whole = make::stored("plain.avif");
    let mut fatal = whole.clone();
    let coded = fatal.len() - 600;
    fatal[coded..].fill(0x55);
    let sandbox = Sandbox::new(settings()).expect("a sandbox");

    let refusal = sandbox
        .inspect(fatal.into())
        .await
        .expect_err("it is broken");

    assert_eq!(refusal.code, Refusal::DIED);
    assert!(sandbox.inspect(whole.into()).await.is_ok());
}

#[tokio::test]
async fn an_input_over_the_limit_is_not_sent() {
    let limits = Limits {
        bytes: 1000,
        ..Limits::default()
    };
    let sandbox = Sandbox::new(SandboxSettings {
        limits,
        ..settings()
    })
    .expect("a sandbox");
    let bytes = Bytes::from(vec![b'x'; 1001]);

    let refusal = sandbox.inspect(bytes.clone()).await.expect_err("too long");

    let direct = inspect(&bytes, &limits).expect_err("too long");
    assert_eq!(refusal.code, direct.code());
    assert_eq!(sandbox.status().children, [0; 0]);
}

#[tokio::test]
async fn a_killed_child_costs_the_input_it_had() {
    let sandbox = Sandbox::new(settings()).expect("a sandbox");
    sandbox.inspect(picture(0)).await.expect("a picture");
    let child = sandbox.status().children[0];
    signal(child, Signal::SIGSTOP);

    let (mut answers, ()) = tokio::join!(
        join_all((1..=5).map(|n| sandbox.inspect(picture(n)))),
        async {
            until(|| sandbox.status().decoding == 1 && sandbox.status().waiting == 4).await;
            signal(child, Signal::SIGKILL);
        }
    );

    let refusal = answers.remove(0).expect_err("its child was killed");
    assert_eq!(refusal.code, Refusal::DIED);
    assert!(refusal.message.ends_with("signal SIGKILL"), "{refusal}");
    for answer in answers {
        answer.expect("another child's");
    }
    assert_ne!(sandbox.status().children, [child]);
}

#[tokio::test]
async fn children_killed_under_load_cost_no_more_than_their_inputs() {
    let sandbox = Sandbox::new(SandboxSettings {
        children: 2,
        ..settings()
    })
    .expect("a sandbox");
    const INPUTS: usize = 200;
    const KILLED: usize = 5;

    let (answers, ()) = tokio::join!(
        join_all((0..INPUTS).map(|n| sandbox.inspect(picture(n as u32)))),
        async {
            for n in 1..=KILLED {
                let part = INPUTS - n * INPUTS / (KILLED + 1);
                until(|| sandbox.status().waiting < part && !sandbox.status().children.is_empty())
                    .await;
                let child = sandbox.status().children.first().copied();
                // It may be the one before, on its way out.
                let child = child.expect("there is a child");
                let _ = kill(Pid::from_raw(child as i32), Signal::SIGKILL);
            }
        }
    );

    let refusals: Vec<&Refusal> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    assert!(refusals.len() <= KILLED, "{refusals:?}");
    assert!(
        refusals.iter().all(|refusal| refusal.code == Refusal::DIED),
        "{refusals:?}"
    );
}

#[tokio::test]
async fn a_child_that_died_idle_costs_nothing() {
    let sandbox = Sandbox::new(settings()).expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    let child = sandbox.status().children[0];
    signal(child, Signal::SIGKILL);
    until(|| is_dead(child)).await;

    sandbox
        .inspect(picture(2))
        .await
        .expect("a new child's answer");
}

#[tokio::test]
async fn a_child_that_hangs_is_given_up() {
    let sandbox = Sandbox::new(SandboxSettings {
        time_limit: Duration::from_secs(2),
        ..settings()
    })
    .expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    let child = sandbox.status().children[0];
    signal(child, Signal::SIGSTOP);

    let refusal = sandbox.inspect(picture(2)).await.expect_err("it hangs");

    assert_eq!(refusal.code, Refusal::TIMED_OUT);
    assert!(is_gone(child));
    sandbox.inspect(picture(2)).await.expect("a picture");
}

#[tokio::test]
async fn an_input_larger_than_the_pipe_times_out_too() {
    let sandbox = Sandbox::new(SandboxSettings {
        time_limit: Duration::from_secs(2),
        ..settings()
    })
    .expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    signal(sandbox.status().children[0], Signal::SIGSTOP);

    let refusal = sandbox.inspect(Bytes::from(vec![0; 5 << 20])).await;

    assert_eq!(refusal.expect_err("it hangs").code, Refusal::TIMED_OUT);
}

#[tokio::test]
async fn a_thousand_hostile_inputs_leave_a_working_sandbox() {
    let sandbox = Sandbox::new(SandboxSettings {
        children: 2,
        ..settings()
    })
    .expect("a sandbox");
    let mut chance = Chance(0x5eed);
    let inputs: Vec<Bytes> = (0..1000).map(|n| hostile(n, &mut chance)).collect();

    let answers = join_all(inputs.iter().map(|input| sandbox.inspect(input.clone()))).await;

    for (n, answer) in answers.into_iter().enumerate() {
        if let Err(refusal) = answer {
            let is_of_ours =
                [Refusal::LIED, Refusal::TIMED_OUT, Refusal::UNAVAILABLE].contains(&refusal.code);
            assert!(!is_of_ours, "input {n}: {refusal}");
        }
    }
    let good = picture(1);
    let direct = inspect(&good, &Limits::default()).expect("a picture");
    assert_eq!(sandbox.inspect(good).await, Ok(Media::Picture(direct)));
}

#[tokio::test]
async fn what_takes_too_much_memory_ends_its_child() {
    // 36 million pixels in a few kilobytes.
    let bomb = GrayImage::new(6000, 6000);
    let mut bytes = Cursor::new(Vec::new());
    bomb.write_to(&mut bytes, ImageFormat::Png)
        .expect("a picture is written");
    let bytes = Bytes::from(bytes.into_inner());
    assert!(bytes.len() < 200_000, "{} bytes", bytes.len());
    let sandbox = Sandbox::new(SandboxSettings {
        memory_bytes: 32 << 20,
        ..settings()
    })
    .expect("a sandbox");

    let refusal = sandbox.inspect(bytes).await.expect_err("too large");

    assert_eq!(refusal.code, Refusal::DIED);
    assert!(refusal.message.ends_with("signal SIGABRT"), "{refusal}");
    sandbox.inspect(picture(1)).await.expect("a picture");
}

#[tokio::test]
async fn a_picture_that_claims_to_be_huge_is_refused() {
    let mut bomb = picture(1).to_vec();
    bomb[18..22].copy_from_slice(&500_000u32.to_le_bytes());
    bomb[22..26].copy_from_slice(&500_000u32.to_le_bytes());
    let sandbox = Sandbox::new(settings()).expect("a sandbox");

    let refusal = sandbox.inspect(bomb.into()).await.expect_err("too large");

    assert_eq!(refusal.code, "too_many_pixels");
}

#[tokio::test]
async fn children_are_replaced_after_their_inputs() {
    let sandbox = Sandbox::new(SandboxSettings {
        replace_after: 3,
        ..settings()
    })
    .expect("a sandbox");
    let mut seen = BTreeSet::new();
    for n in 0..9 {
        sandbox.inspect(picture(n)).await.expect("a picture");
        until(|| sandbox.status().children.len() == 1).await;
        seen.extend(sandbox.status().children);
    }

    // The fourth is started when the third has had its inputs.
    assert_eq!(seen.len(), 4);
    let alive: Vec<u32> = seen.into_iter().filter(|child| !is_gone(*child)).collect();
    assert_eq!(alive, sandbox.status().children);
}

#[tokio::test]
async fn a_caller_that_goes_away_costs_nothing() {
    let sandbox = Sandbox::new(settings()).expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    let child = sandbox.status().children[0];
    signal(child, Signal::SIGSTOP);
    let patience = Duration::from_millis(50);
    for n in 0..3 {
        let answer = tokio::time::timeout(patience, sandbox.inspect(picture(n))).await;
        answer.expect_err("the child is stopped");
    }
    signal(child, Signal::SIGCONT);

    sandbox.inspect(picture(5)).await.expect("a picture");

    assert_eq!(sandbox.status().children, [child]);
}

#[tokio::test]
async fn dropping_the_sandbox_leaves_no_process() {
    let sandbox = Sandbox::new(SandboxSettings {
        children: 3,
        time_limit: Duration::from_secs(600),
        ..settings()
    })
    .expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    until(|| sandbox.status().children.len() == 3).await;
    let children = sandbox.status().children;
    // One that would hang for ten minutes, with an input.
    for child in &children {
        signal(*child, Signal::SIGSTOP);
    }
    let patience = Duration::from_millis(50);
    let hung = tokio::time::timeout(patience, sandbox.inspect(picture(2))).await;
    hung.expect_err("the child is stopped");

    drop(sandbox);

    assert!(children.into_iter().all(is_gone));
}

#[tokio::test]
async fn shutdown_finishes_what_is_decoded_and_refuses_the_rest() {
    let sandbox = Sandbox::new(settings()).expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    let child = sandbox.status().children[0];
    signal(child, Signal::SIGSTOP);

    let (answers, (), ()) = tokio::join!(
        join_all((1..=3).map(|n| sandbox.inspect(picture(n)))),
        async {
            until(|| sandbox.status().decoding == 1 && sandbox.status().waiting == 2).await;
            sandbox.shutdown().await;
        },
        async {
            until(|| sandbox.status().decoding == 1 && sandbox.status().waiting == 0).await;
            signal(child, Signal::SIGCONT);
        }
    );

    assert!(is_gone(child));
    let codes: Vec<Option<&str>> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(|refusal| refusal.code))
        .collect();
    let unavailable = Some(Refusal::UNAVAILABLE);
    assert_eq!(codes, [None, unavailable, unavailable]);
    let late = sandbox.inspect(picture(1)).await.expect_err("it is closed");
    assert_eq!(late.code, Refusal::UNAVAILABLE);
}

#[tokio::test]
async fn a_program_that_does_not_start_is_reported_and_not_hammered() {
    let broken = Program::script("echo started >> \"$(dirname \"$0\")/starts\"; exit 3");
    let sandbox = Sandbox::new(broken.settings()).expect("a sandbox");

    let refusals = join_all((0..500).map(|n| sandbox.inspect(picture(n)))).await;
    for refusal in refusals {
        let refusal = refusal.expect_err("no child");
        assert_eq!(refusal.code, Refusal::UNAVAILABLE);
        assert!(refusal.message.ends_with("exit code 3"), "{refusal}");
    }
    let (before, since) = (broken.starts(), Instant::now());
    until(|| broken.starts() >= before + 3).await;
    let (starts, took) = (broken.starts() - before, since.elapsed());
    // Tries are 100 ms, 200 ms, 400 ms … apart.
    let most = 1 + took.as_millis() / 100;
    assert!(starts as u128 <= most, "{starts} starts in {took:?}");

    let missing = Sandbox::new(SandboxSettings::new("/no/such/program")).expect("a sandbox");
    let refusal = missing.inspect(picture(1)).await.expect_err("no child");
    assert_eq!(refusal.code, Refusal::UNAVAILABLE);
    assert!(refusal.message.contains("/no/such/program"), "{refusal}");
}

#[test]
fn settings_without_children_are_refused() {
    for settings in [
        SandboxSettings {
            children: 0,
            ..settings()
        },
        SandboxSettings {
            replace_after: 0,
            ..settings()
        },
    ] {
        let error = Sandbox::new(settings).err().expect("out of range");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

/// One child of the program under test, with time for a loaded machine.
fn settings() -> SandboxSettings {
    SandboxSettings {
        children: 1,
        time_limit: Duration::from_secs(60),
        ..SandboxSettings::new(PROGRAM)
    }
}

fn signal(process_id: u32, signal: Signal) {
    kill(Pid::from_raw(process_id as i32), signal).expect("the process is ours");
}

/// Whether nothing is left of the process, not even its exit status.
fn is_gone(process_id: u32) -> bool {
    !Path::new(&format!("/proc/{process_id}")).exists()
}

/// Whether it no longer runs.
fn is_dead(process_id: u32) -> bool {
    match fs::read_to_string(format!("/proc/{process_id}/stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "it never was so");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
