//! Signed notes: the published example, and everything that must not pass for one.

use watchhouse::ledger::note::{
    MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, Signature, Signer, Verifier,
};

use super::{ORIGIN, signer, verifiers};

const VERIFIER: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const TESSERA_SIGNER: &str =
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
const TESSERA_VERIFIER: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

fn example() -> Verifier {
    Verifier::parse(VERIFIER).expect("the specification's key")
}

fn parse(note: &str) -> Note {
    Note::parse(note.as_bytes()).expect("the note is well formed")
}

#[test]
fn the_published_note_verifies_and_prints_as_it_came() {
    let note = parse(NOTE);
    assert_eq!(note.text, "This is an example message.\n");
    assert_eq!(note.verify(&[example()]), Ok(vec![&example()]));
    assert_eq!(note.to_string(), NOTE);
    assert_eq!(example().to_string(), VERIFIER);
}

#[test]
fn every_flipped_bit_of_a_note_is_noticed() {
    for at in 0..NOTE.len() {
        for bit in 0..8 {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let verdict = Note::parse(&bytes).and_then(|note| {
                note.verify(&[example()])?;
                Ok(())
            });
            assert!(verdict.is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn text_may_have_blank_lines_and_is_split_at_the_last() {
    let text = "one\n\ntwo\n";
    let note = Note::sign(text, &signer()).expect("the text can be signed");
    let read = parse(&note.to_string());
    assert_eq!(read.text, text);
    assert_eq!(read, note);
    assert!(read.verify(&verifiers()).is_ok());
}

#[test]
fn signatures_by_strangers_are_passed_over() {
    let mut note = parse(NOTE);
    let own = note.signatures[0].clone();
    let stranger = Signature {
        name: "witness.example".to_owned(),
        key_id: 0x0405_0607,
        bytes: vec![1; 2428],
    };
    let namesake = Signature {
        key_id: own.key_id + 1,
        ..own.clone()
    };
    note.signatures = vec![stranger.clone(), namesake.clone(), own];
    let read = parse(&note.to_string());
    assert_eq!(read, note);
    assert_eq!(read.verify(&[example()]), Ok(vec![&example()]));

    note.signatures = vec![stranger, namesake];
    assert_eq!(
        note.verify(&[example()]).map_err(|error| error.to_string()),
        Err(
            "none of the signatures is by a known key; the note has those of \
            \"witness.example\", \"example.com/foo\""
                .to_owned()
        )
    );
}

#[test]
fn a_repeated_signature_counts_once() {
    let mut note = parse(NOTE);
    note.signatures.extend(note.signatures.clone());
    assert_eq!(note.verify(&[example()]), Ok(vec![&example()]));
}

#[test]
fn a_wrong_signature_by_a_known_key_spoils_the_note() {
    let mut note = parse(NOTE);
    let mut forged = note.signatures[0].clone();
    forged.bytes[0] ^= 1;
    note.signatures.push(forged);
    assert_eq!(
        note.verify(&[example()]),
        Err(NoteError::WrongSignature("example.com/foo".to_owned()))
    );
}

#[test]
fn a_malformed_note_is_refused_by_the_line() {
    let line = "— a AAAAAAA=\n";
    let cases = [
        ("", NoteError::NoSignatures),
        ("text\n", NoteError::NoSignatures),
        ("text\n\n", NoteError::NoSignatures),
        ("text\n— a AAAAAAA=\n", NoteError::NoSignatures),
        ("text\n\n— a AAAAAAA=", NoteError::CutOff),
        ("text\n\n- a AAAAAAA=\n", NoteError::BadSignatureLine(3)),
        ("text\n\n– a AAAAAAA=\n", NoteError::BadSignatureLine(3)),
        ("text\n\n—  AAAAAAA=\n", NoteError::BadSignatureLine(3)),
        ("text\n\n— a b AAAAAAA=\n", NoteError::BadSignatureLine(3)),
        ("text\n\n— a+b AAAAAAA=\n", NoteError::BadSignatureLine(3)),
        (
            "text\n\n— a\u{a0}b AAAAAAA=\n",
            NoteError::BadSignatureLine(3),
        ),
        ("text\n\n— a AAAAAAA\n", NoteError::BadSignatureLine(3)),
        ("text\n\n— a AAAAAA==\n", NoteError::BadSignatureLine(3)),
        ("text\n\n— a AAAAAAB=\n", NoteError::BadSignatureLine(3)),
        ("a\r\n\n— a AAAAAAA=\n", NoteError::ControlCharacter(1)),
        ("a\n\tb\n\n— a AAAAAAA=\n", NoteError::ControlCharacter(2)),
    ];
    for (note, error) in cases {
        assert_eq!(Note::parse(note.as_bytes()), Err(error), "{note:?}");
    }
    assert_eq!(Note::parse(b"te\xff"), Err(NoteError::NotUtf8(2)));

    let most = format!("text\n\n{}", line.repeat(MAX_SIGNATURES));
    assert_eq!(parse(&most).signatures.len(), MAX_SIGNATURES);
    assert_eq!(
        Note::parse(format!("{most}{line}").as_bytes()),
        Err(NoteError::TooManySignatures)
    );
    let long = vec![b'a'; MAX_NOTE_BYTES + 1];
    assert_eq!(Note::parse(&long), Err(NoteError::TooLong(long.len())));
}

#[test]
fn only_what_reads_back_is_signed() {
    assert_eq!(Note::sign("text", &signer()), Err(NoteError::NoNewline));
    assert_eq!(
        Note::sign("a\nb\r\n", &signer()),
        Err(NoteError::ControlCharacter(2))
    );
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "a\u{1c}b"] {
        let error = Signer::from_seed(name, &[7; 32]).expect_err(name);
        assert_eq!(error, NoteError::BadName(name.to_owned()));
    }
}

#[test]
fn keys_print_as_they_were_read() {
    let signer = Signer::parse(TESSERA_SIGNER).expect("the published key");
    assert_eq!(signer.secret_text(), TESSERA_SIGNER);
    assert_eq!(signer.verifier().to_string(), TESSERA_VERIFIER);
    assert_eq!(signer.verifier().name(), "example.com/log/testdata");
    assert_eq!(signer.verifier().key_id(), 0x33d7_b496);
    assert_eq!(
        Verifier::parse(TESSERA_VERIFIER).as_ref(),
        Ok(signer.verifier())
    );

    let own = Signer::from_seed(ORIGIN, &[7; 32]).expect("the origin is a key name");
    let again = Signer::parse(&own.secret_text()).expect("it was just printed");
    assert_eq!(again.verifier(), own.verifier());
}

#[test]
fn a_signer_does_not_show_its_key() {
    let signer = signer();
    let shown = format!("{signer:?}");
    let (_, secret) = signer
        .secret_text()
        .rsplit_once('+')
        .map(|(front, key)| (front.to_owned(), key.to_owned()))
        .expect("the text has a key");
    assert!(
        !shown.contains(&secret) && !shown.contains("7, 7, 7"),
        "{shown}"
    );
}

#[test]
fn a_malformed_key_is_refused() {
    let bad = [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903g+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AQ==",
        TESSERA_SIGNER,
    ];
    for text in bad {
        assert_eq!(
            Verifier::parse(text),
            Err(NoteError::BadVerifierKey),
            "{text}"
        );
        if text != TESSERA_SIGNER {
            let error = Signer::parse(&format!("PRIVATE+KEY+{text}")).expect_err(text);
            assert_eq!(error, NoteError::BadSignerKey);
        }
    }
    assert_eq!(
        Signer::parse(TESSERA_VERIFIER).expect_err("it is not secret"),
        NoteError::BadSignerKey
    );
    let wrong_id = VERIFIER.replace("530d903a", "530d903b");
    assert_eq!(
        Verifier::parse(&wrong_id).map_err(|error| error.to_string()),
        Err(
            "the key of \"example.com/foo\" has the id 530d903a, but its text says 530d903b"
                .to_owned()
        )
    );
}
