use proptest::prelude::*;
use watchhouse_match::{Digester, Digests, Hash, HashKind};

#[test]
fn digests_of_a_word_are_the_published_examples() {
    let digests = Digests::of(b"watchhouse");
    let texts = digests.hashes().map(|hash| hash.to_string());
    let kinds = [HashKind::Md5, HashKind::Sha1, HashKind::Sha256];
    assert_eq!(texts, kinds.map(|kind| kind.example().to_owned()));
}

#[test]
fn digests_of_nothing_are_the_ones_that_no_index_takes() {
    for hash in Digests::of(b"").hashes() {
        assert_eq!(
            hash.check_indexable().map_err(|why| why.code()),
            Err("empty_input"),
            "{hash:?}"
        );
    }
    assert_eq!(
        Hash::Sha256(Digests::of(b"\0").sha256).check_indexable(),
        Ok(())
    );
}

proptest! {
    #[test]
    fn pieces_give_the_digests_of_the_whole(
        bytes in proptest::collection::vec(any::<u8>(), 0..40_000),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (start, end) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut digester = Digester::default();
        digester.update(start);
        digester.update(end);
        prop_assert_eq!(digester.finish(), Digests::of(&bytes));
    }
}
