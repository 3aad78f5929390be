//! Roots and proofs: RFC 6962's example tree, the published cases, and random trees.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use serde_json::Value;
use watchhouse::ledger::{
    merkle::{
        EMPTY_ROOT, MAX_PROOF_HASHES, NodeHash, ProofError, TreeHead, leaf_hash, node_hash,
        root_of, verify_consistency, verify_inclusion,
    },
    plan::Plan,
};

use super::{Rows, bytes, hash, leaves, naive, reference};

const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const LEAVES: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
    "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const NODE_2_3: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const NODE_4_5: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const NODE_4_7: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const NODE_6_7: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

/// The example tree's tiles.
fn example() -> Rows {
    let leaves: Vec<_> = INPUTS.iter().map(|hex| leaf_hash(&bytes(hex))).collect();
    let mut rows = Rows::default();
    rows.append(0, &leaves);
    rows
}

fn compute(rows: &Rows, plan: &Plan) -> Vec<NodeHash> {
    plan.hashes(&rows.only(plan.tiles()))
        .expect("the plan names every tile that it reads")
}

fn head(leaves: &[NodeHash]) -> TreeHead {
    TreeHead {
        size: leaves.len() as u64,
        root: naive::root(leaves),
    }
}

#[test]
fn the_example_tree_has_its_published_hashes_and_roots() {
    for (input, leaf) in INPUTS.iter().zip(LEAVES) {
        assert_eq!(leaf_hash(&bytes(input)), hash(leaf), "leaf {input}");
    }
    let rows = example();
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(
            compute(&rows, &Plan::root(size)),
            [hash(root)],
            "size {size}"
        );
    }
    assert_eq!(compute(&rows, &Plan::root(0)), [EMPTY_ROOT]);
    assert_eq!(root_of(&[]), naive::root(&[]));
    assert_eq!(
        node_hash(&hash(LEAVES[0]), &hash(LEAVES[1])),
        hash(ROOTS[1])
    );
}

#[test]
fn the_example_tree_has_its_published_proofs() {
    let rows = example();
    let inclusion = |index, size| Plan::inclusion(index, size).expect("the leaf is in the tree");
    let consistency = |old, new| Plan::consistency(old, new).expect("the tree grew");
    let cases = [
        (inclusion(0, 8), vec![LEAVES[1], NODE_2_3, NODE_4_7]),
        (inclusion(5, 8), vec![LEAVES[4], NODE_6_7, ROOTS[3]]),
        (inclusion(2, 3), vec![ROOTS[1]]),
        (inclusion(1, 5), vec![LEAVES[0], NODE_2_3, LEAVES[4]]),
        (inclusion(0, 1), vec![]),
        (consistency(1, 8), vec![LEAVES[1], NODE_2_3, NODE_4_7]),
        (consistency(6, 8), vec![NODE_4_5, NODE_6_7, ROOTS[3]]),
        (consistency(2, 5), vec![NODE_2_3, LEAVES[4]]),
        (consistency(0, 8), vec![]),
        (consistency(8, 8), vec![]),
    ];
    for (plan, hashes) in cases {
        let expected: Vec<_> = hashes.into_iter().map(hash).collect();
        assert_eq!(compute(&rows, &plan), expected, "{plan:?}");
    }
    assert_eq!(Plan::inclusion(8, 8), None);
    assert_eq!(Plan::consistency(8, 7), None);
}

#[test]
fn published_inclusion_cases_are_judged_as_published() {
    let Some(directory) = reference("inclusion") else {
        return;
    };
    let cases = json_cases(&directory);
    assert_eq!(cases.len(), 98);
    for (name, case) in cases {
        let verdict = (|| {
            let leaf = node(&case["leafHash"])?;
            let root = node(&case["root"])?;
            let proof = nodes(&case["proof"])?;
            let (index, size) = (number(&case["leafIdx"]), number(&case["treeSize"]));
            verify_inclusion(&leaf, index, size, &proof, &root).ok()
        })();
        assert_eq!(verdict.is_none(), case["wantErr"], "{name}");
    }
}

#[test]
fn published_consistency_cases_are_judged_as_published() {
    let Some(directory) = reference("consistency") else {
        return;
    };
    let cases = json_cases(&directory);
    assert_eq!(cases.len(), 98);
    for (name, case) in cases {
        let verdict = (|| {
            let old = TreeHead {
                size: number(&case["size1"]),
                root: any_root(&case["root1"]),
            };
            let new = TreeHead {
                size: number(&case["size2"]),
                root: any_root(&case["root2"]),
            };
            verify_consistency(old, new, &nodes(&case["proof"])?).ok()
        })();
        assert_eq!(verdict.is_none(), case["wantErr"], "{name}");
    }
}

#[test]
fn a_proof_from_an_empty_tree_is_refused() {
    let old = head(&[]);
    let new = head(&leaves(3));
    assert_eq!(
        verify_consistency(old, new, &[]),
        Err(ProofError::FromEmpty)
    );
    assert_eq!(
        verify_consistency(old, old, &[]),
        Err(ProofError::FromEmpty)
    );
}

#[test]
fn a_proof_that_no_tree_could_need_is_refused_unread() {
    let proof = [[0; 32]; MAX_PROOF_HASHES + 1];
    let too_long = Err(ProofError::WrongLength { found: 65 });
    assert_eq!(
        verify_inclusion(&[0; 32], 0, u64::MAX, &proof, &[0; 32]),
        too_long
    );
    let old = TreeHead {
        size: 1,
        root: [0; 32],
    };
    let new = TreeHead {
        size: u64::MAX,
        root: [0; 32],
    };
    assert_eq!(verify_consistency(old, new, &proof), too_long);
}

#[test]
fn plans_of_the_largest_trees_do_not_overflow() {
    for size in [u64::MAX, 1 << 63, (1 << 63) + 1] {
        let plan = Plan::inclusion(size - 1, size).expect("the last leaf is in the tree");
        assert!(!plan.tiles().is_empty());
        let plan = Plan::consistency(size - 1, size).expect("the tree grew");
        assert!(!plan.tiles().is_empty());
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    FlipBit { at: prop::sample::Index, bit: u8 },
    Drop { at: prop::sample::Index },
    Insert { at: prop::sample::Index },
    WrongRoot { bit: u8 },
}

impl Mutation {
    /// False when there is nothing to change, as in an empty proof.
    fn apply(&self, proof: &mut Vec<NodeHash>, root: &mut NodeHash) -> bool {
        match self {
            Mutation::FlipBit { .. } | Mutation::Drop { .. } if proof.is_empty() => return false,
            Mutation::FlipBit { at, bit } => flip(at.get_mut(proof), *bit),
            Mutation::Drop { at } => {
                proof.remove(at.index(proof.len()));
            }
            Mutation::Insert { at } => proof.insert(at.index(proof.len() + 1), [0x5a; 32]),
            Mutation::WrongRoot { bit } => flip(root, *bit),
        }
        true
    }
}

fn flip(hash: &mut NodeHash, bit: u8) {
    hash[usize::from(bit / 8)] ^= 1 << (bit % 8);
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bit)| Mutation::FlipBit { at, bit }),
        at().prop_map(|at| Mutation::Drop { at }),
        at().prop_map(|at| Mutation::Insert { at }),
        any::<u8>().prop_map(|bit| Mutation::WrongRoot { bit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn inclusion_proofs_are_the_oracles_and_mutated_ones_fail(
        batches in prop::collection::vec(0usize..700, 1..4),
        size in any::<prop::sample::Index>(),
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        mutation in mutations(),
    ) {
        let grown = batches.iter().sum::<usize>();
        prop_assume!(grown > 0);
        let size = size.index(grown) + 1;
        let leaves = leaves(size);
        let (index, other) = (index.index(size), other.index(size));
        let mut root = naive::root(&leaves);

        let plan = Plan::inclusion(index as u64, size as u64).expect("the leaf is in the tree");
        let mut proof = compute(&Rows::grown_by(&batches), &plan);

        let verify = |index: usize, proof: &[NodeHash], root: &NodeHash| {
            verify_inclusion(&leaves[index], index as u64, size as u64, proof, root)
        };
        prop_assert_eq!(&proof, &naive::path(index, &leaves));
        prop_assert_eq!(verify(index, &proof, &root), Ok(()));
        if other != index {
            prop_assert!(verify(other, &proof, &root).is_err());
        }
        if mutation.apply(&mut proof, &mut root) {
            prop_assert!(verify(index, &proof, &root).is_err(), "{:?}", mutation);
        }
    }

    #[test]
    fn consistency_proofs_are_the_oracles_and_mutated_ones_fail(
        batches in prop::collection::vec(0usize..700, 1..4),
        new in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
        mutation in mutations(),
    ) {
        let grown = batches.iter().sum::<usize>();
        prop_assume!(grown > 0);
        let new = new.index(grown) + 1;
        let old = old.index(new) + 1;
        let leaves = leaves(new);
        let (old_head, mut new_head) = (head(&leaves[..old]), head(&leaves));

        let plan = Plan::consistency(old as u64, new as u64).expect("the tree grew");
        let mut proof = compute(&Rows::grown_by(&batches), &plan);

        prop_assert_eq!(&proof, &naive::subproof(old, &leaves, true));
        prop_assert_eq!(verify_consistency(old_head, new_head, &proof), Ok(()));
        let wrong_old = TreeHead { root: [1; 32], ..old_head };
        prop_assert!(verify_consistency(wrong_old, new_head, &proof).is_err());
        if mutation.apply(&mut proof, &mut new_head.root) {
            prop_assert!(verify_consistency(old_head, new_head, &proof).is_err(), "{:?}", mutation);
        }
    }
}

fn json_cases(directory: &Path) -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for item in fs::read_dir(directory).expect("the directory can be listed") {
        let path = item.expect("the directory can be listed").path();
        if path.is_dir() {
            cases.extend(json_cases(&path));
        } else if path.extension().is_some_and(|ext| ext == "json") {
            let text = fs::read_to_string(&path).expect("the case can be read");
            let case = serde_json::from_str(&text).expect("the case is JSON");
            cases.push((path.display().to_string(), case));
        }
    }
    cases
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a size or an index")
}

/// None when it is not a whole hash, which the cases use as a wrong one.
fn node(value: &Value) -> Option<NodeHash> {
    let text = value.as_str().expect("a hash in base64");
    let bytes = BASE64_STANDARD.decode(text).expect("a hash in base64");
    bytes.try_into().ok()
}

/// Cases in which the root does not matter have a few words in its place.
fn any_root(value: &Value) -> NodeHash {
    let text = value.as_str().expect("a hash in base64");
    node(value).unwrap_or_else(|| leaf_hash(text.as_bytes()))
}

fn nodes(value: &Value) -> Option<Vec<NodeHash>> {
    let proof = value.as_array().map_or(&[][..], Vec::as_slice);
    proof.iter().map(node).collect()
}
