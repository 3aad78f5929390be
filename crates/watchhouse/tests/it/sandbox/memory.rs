//! Resident memory after many hostile inputs is what it was after a thousand, in the process that
//! hands them out and in those that decode them.

use std::fs;

use bytes::Bytes;
use futures::future::join_all;
use tokio::process::Command;
use watchhouse::sandbox::{Refusal, Sandbox, SandboxSettings};
use watchhouse_match::Limits;

use super::input::{Chance, hostile};
use super::settings;

/// Set in the process that is measured.
const ALONE: &str = "WATCHHOUSE_TEST_ALONE";

/// Sets how many inputs there are: some thousands by default, and a million for whoever has the time.
const INPUTS: &str = "WATCHHOUSE_TEST_HOSTILE_INPUTS";

/// After so many, buffers are as large and the program's pages as many as they get.
const WARM: usize = 1_000;

/// What decoding one input may take. The allocator keeps about as much for the next.
const DECODED_BYTES: u64 = 1 << 20;

/// What the allocator may keep more at one moment than at another.
const SLACK_KIB: u64 = 2 << 10;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are worth knowing")]
async fn hostile_inputs_leave_memory_as_it_was() {
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own, for the tests beside this one take memory as well.
        let name = "sandbox::memory::hostile_inputs_leave_memory_as_it_was";
        let mut command = Command::new(std::env::current_exe().expect("its path is known"));
        command.args([name, "--exact", "--nocapture"]);
        let output = command.env(ALONE, "").kill_on_drop(true).output().await;
        let output = output.expect("the tests start");
        let (out, err) = (&output.stdout, &output.stderr);
        let told = [out, err].map(|text| String::from_utf8_lossy(text));
        println!("{}", told.concat());
        assert!(output.status.success() && told.concat().contains("1 passed"));
        return;
    }
    let n_inputs = std::env::var(INPUTS).map_or(6 * WARM, |n| n.parse().expect("a number"));
    let sandbox = Sandbox::new(SandboxSettings {
        children: 2,
        // A new child would have a new one's memory.
        replace_after: u32::MAX,
        limits: Limits {
            decoded_bytes: DECODED_BYTES,
            ..Limits::default()
        },
        ..settings()
    })
    .expect("a sandbox");
    let mut chance = Chance(0x5eed);

    feed(&sandbox, 0..WARM, &mut chance).await;
    let children = sandbox.status().children;
    let processes = [&[std::process::id()], &children[..]].concat();
    let before: Vec<u64> = processes.iter().map(|id| resident_kib(*id)).collect();
    feed(&sandbox, WARM..n_inputs, &mut chance).await;
    let after: Vec<u64> = processes.iter().map(|id| resident_kib(*id)).collect();

    println!("KiB after {WARM} and after {n_inputs} inputs: {before:?}, {after:?}");
    assert_eq!(sandbox.status().children, children, "a child died");
    for (before, after) in before.iter().zip(&after) {
        assert!(*after <= before + SLACK_KIB, "{before} KiB, then {after}");
    }
}

async fn feed(sandbox: &Sandbox, numbers: std::ops::Range<usize>, chance: &mut Chance) {
    let numbers: Vec<usize> = numbers.collect();
    for numbers in numbers.chunks(100) {
        let inputs: Vec<Bytes> = numbers.iter().map(|n| hostile(*n, chance)).collect();
        let answers = join_all(inputs.into_iter().map(|input| sandbox.inspect(input))).await;
        for (n, answer) in numbers.iter().zip(answers) {
            let is_told = !answer.is_err_and(|refusal| refusal.code == Refusal::UNAVAILABLE);
            assert!(is_told, "input {n}");
        }
    }
}

/// What a process has in memory, its program's pages included.
fn resident_kib(process_id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.and_then(|n| n.parse().ok()).expect("so many kB")
}
