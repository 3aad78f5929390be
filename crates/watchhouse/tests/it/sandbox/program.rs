//! Programs in the place of the real one: careless, broken and lying ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use watchhouse::sandbox::SandboxSettings;
use watchhouse::sandbox::protocol::{self, Hello, Kind, Landlock};

use super::settings;

/// A script in the place of the program, in a directory of its own.
pub(super) struct Program(tempfile::TempDir);

impl Program {
    pub(super) fn script(lines: &str) -> Program {
        let program = Program(tempfile::tempdir().expect("a directory"));
        let draft = program.path().with_file_name("draft");
        fs::write(&draft, format!("#!/bin/sh\n{lines}\n")).expect("a script");
        // Copied by another process: a file that this one has just written may for a moment be
        // open in a child that another test is starting, and then it cannot be run.
        let copied = Command::new("cp").arg(draft).arg(program.path()).status();
        assert!(copied.expect("cp starts").success());
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
        program
    }

    /// Says `hello`, waits for the first byte of an input, says `answer`, and reads on.
    pub(super) fn liar(hello: &Hello, answer: &[u8]) -> Program {
        let program = Program::script(
            "cd \"$(dirname \"$0\")\"; echo started >> starts; cat hello; head -c 1 >/dev/null; cat answer; exec cat >/dev/null",
        );
        let body = hello.to_body();
        let hello = [&protocol::header(Kind::Hello, body.len())[..], &body].concat();
        fs::write(program.path().with_file_name("hello"), hello).expect("its hello");
        fs::write(program.path().with_file_name("answer"), answer).expect("its answer");
        program
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("program")
    }

    /// How often it was started, if its script writes that down.
    pub(super) fn starts(&self) -> usize {
        let starts = fs::read_to_string(self.path().with_file_name("starts")).expect("starts");
        starts.lines().count()
    }

    pub(super) fn settings(&self) -> SandboxSettings {
        SandboxSettings {
            program: self.path(),
            ..settings()
        }
    }
}

pub(super) fn sound_hello() -> Hello {
    Hello {
        version: protocol::VERSION,
        seccomp: true,
        landlock: Landlock::Full,
        open_files: vec![0, 1, 2],
        variables: 0,
    }
}
