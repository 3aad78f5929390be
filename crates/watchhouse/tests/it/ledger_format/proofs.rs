//! Proofs to hand out: their text, and what they prove.

use expect_test::expect;
use proptest::prelude::*;
use watchhouse::ledger::{
    checkpoint::{Checkpoint, CheckpointError, print_node_hash},
    merkle::{ProofError, TreeHead, leaf_hash},
    plan::Plan,
    proof::{Proof, ProofFileError},
};

use super::{
    ORIGIN, Rows,
    checkpoints::{TESSERA_ENTRIES, TESSERA_ORIGIN, tessera_signer},
    entry, leaves, naive, signer, verifiers,
};

fn proof_of(index: usize, size: usize) -> Proof {
    let leaves = leaves(size);
    let head = TreeHead {
        size: size as u64,
        root: naive::root(&leaves),
    };
    let note = Checkpoint::new(ORIGIN, head).sign(&signer());
    Proof {
        extra: None,
        index: index as u64,
        hashes: naive::path(index, &leaves),
        checkpoint: note.expect("the origin can be printed").to_string(),
    }
}

#[test]
fn a_proof_is_the_text_that_others_read() {
    let leaves: Vec<_> = TESSERA_ENTRIES
        .iter()
        .map(|entry| leaf_hash(entry.as_bytes()))
        .collect();
    let head = TreeHead {
        size: 15,
        root: naive::root(&leaves),
    };
    let mut rows = Rows::default();
    rows.append(0, &leaves);
    let plan = Plan::inclusion(5, 15).expect("the leaf is in the tree");
    let note = Checkpoint::new(TESSERA_ORIGIN, head).sign(&tessera_signer());
    let proof = Proof {
        extra: Some(b"salt".to_vec()),
        index: 5,
        hashes: plan
            .hashes(&rows.only(plan.tiles()))
            .expect("all tiles are kept"),
        checkpoint: note.expect("the origin can be printed").to_string(),
    };

    let text = proof.to_string();
    expect![[r#"
        c2sp.org/tlog-proof@v1
        extra c2FsdA==
        index 5
        zMKa4OAqd7D0V4wawXST15z0JiEEkprIBPkfxOesWvA=
        nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=
        zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=
        5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=

        example.com/log/testdata
        15
        rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

        — example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
    "#]]
    .assert_eq(&text);
    assert_eq!(text.parse(), Ok(proof.clone()));
    let known = [tessera_signer().verifier().clone()];
    let checkpoint = proof
        .verify(b"six", TESSERA_ORIGIN, &known)
        .expect("the proof holds");
    assert_eq!(checkpoint.head, head);

    let plan = Plan::consistency(7, 15).expect("the tree grew");
    let hashes = plan
        .hashes(&rows.only(plan.tiles()))
        .expect("all tiles are kept");
    let lines: Vec<_> = hashes.iter().map(print_node_hash).collect();
    expect![[r#"
        2Q0P5jSR+TdkwdXWyx+GbBWX0KZbNZkWzCjyTPSozsw=
        ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=
        ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=
        zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=
        5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks="#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_proof_proves_nothing_else() {
    let proof = proof_of(4, 9);
    assert!(proof.verify(&entry(4), ORIGIN, &verifiers()).is_ok());

    let wrong_root = Err(ProofFileError::Inclusion(ProofError::WrongRoot));
    assert_eq!(proof.verify(&entry(5), ORIGIN, &verifiers()), wrong_root);
    let elsewhere = Proof {
        index: 5,
        ..proof.clone()
    };
    assert_eq!(
        elsewhere.verify(&entry(4), ORIGIN, &verifiers()),
        wrong_root
    );
    let outside = Proof {
        index: 9,
        ..proof.clone()
    };
    assert_eq!(
        outside.verify(&entry(4), ORIGIN, &verifiers()),
        Err(ProofFileError::Inclusion(ProofError::NoSuchLeaf {
            index: 9,
            size: 9
        }))
    );
    assert!(matches!(
        proof.verify(&entry(4), TESSERA_ORIGIN, &verifiers()),
        Err(ProofFileError::Checkpoint(
            CheckpointError::WrongOrigin { .. }
        ))
    ));
    assert!(matches!(
        proof.verify(&entry(4), ORIGIN, &[tessera_signer().verifier().clone()]),
        Err(ProofFileError::Checkpoint(CheckpointError::Note(_)))
    ));
}

#[test]
fn a_malformed_proof_is_refused_by_the_line() {
    let good = proof_of(1, 2).to_string();
    let first_hash = good.lines().nth(2).expect("the proof has a hash");
    let cases = [
        (good.replace("@v1", "@v2"), ProofFileError::NotAProof),
        (
            good.replace("index", "extra !\nindex"),
            ProofFileError::BadExtra,
        ),
        (
            good.replace("index 1", "index 01"),
            ProofFileError::BadIndex(2),
        ),
        (
            good.replace("index 1", "extra \nindex -1"),
            ProofFileError::BadIndex(3),
        ),
        (good.replace("index 1\n", ""), ProofFileError::BadIndex(2)),
        (good.replace(first_hash, "AAAA"), ProofFileError::BadHash(3)),
        (
            good.replace("\n\nwatch", "\nwatch"),
            ProofFileError::BadHash(4),
        ),
        (
            good.replace(first_hash, [first_hash; 65].join("\n").as_str()),
            ProofFileError::TooManyHashes,
        ),
        (
            "c2sp.org/tlog-proof@v1\nindex 0\n".to_owned(),
            ProofFileError::CutOff,
        ),
        (String::new(), ProofFileError::CutOff),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Proof>(), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn proofs_read_back_as_they_were_written(
        size in 1usize..40,
        index in any::<prop::sample::Index>(),
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
    ) {
        let index = index.index(size);
        let proof = Proof { extra, ..proof_of(index, size) };
        let read = proof.to_string().parse::<Proof>();
        prop_assert_eq!(&read, &Ok(proof));
        let read = read.expect("it was just compared");
        prop_assert!(read.verify(&entry(index), ORIGIN, &verifiers()).is_ok());
    }
}
