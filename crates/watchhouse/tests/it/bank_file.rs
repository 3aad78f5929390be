//! Bank files: what is read from them, and what is said about the lines that cannot be.

use std::io::{self, BufReader, Read};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use watchhouse::bank_file::{Format, MAX_LINE_BYTES, ReadError, Reader, Record};
use watchhouse_match::{Hash, HashKind};

const MD5: &str = "6a1847cb3cd37a7c8b1206f6ce72a66a";
const SHA1: &str = "7ef791f2299577a080de5c6719e99efe82510b69";
const SHA256: &str = "4f187313847b62e4f7c191abe0ccf4e797c026adcc4332da5a9c5932eae0e306";
const PDQ: &str = "f8f8f0f0f8f8f0f0f8f8f0f0f8f8f0f00f0f07070f0f07070f0f07070f0f0707";

/// What a file gives, a line each, with hashes cut to a few digits.
fn told(format: Format, file: &[u8]) -> String {
    let mut told = String::new();
    for result in Reader::new(format, file) {
        told += &match result {
            Ok(record) => shown(&record),
            Err(error @ ReadError::Line(_)) => format!("bad: {error}"),
            Err(error) => format!("fatal: {error}"),
        };
        told.push('\n');
    }
    told
}

fn shown(record: &Record) -> String {
    let hashes: Vec<_> = record
        .hashes
        .iter()
        .map(|hash| format!("{}:{}", hash.kind(), &hash.to_string()[..4]))
        .collect();
    let text = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    format!(
        "{}: {} {:?} {:?} {:?}",
        record.line,
        hashes.join("+"),
        text(&record.category),
        text(&record.source),
        text(&record.external_id)
    )
}

fn check(format: Format, file: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&told(format, file.as_ref()));
}

#[test]
fn a_plain_list_is_a_kind_and_a_hash_a_line() {
    let file = format!(
        "# our own list\n\npdq {PDQ}\n  MD5\t{MD5}  \r\nsha1 {SHA1}\n   # more\nsha256 {}",
        SHA256.to_uppercase()
    );
    check(
        Format::Plain,
        file,
        expect![[r#"
        3: pdq:f8f8 "-" "-" "-"
        4: md5:6a18 "-" "-" "-"
        5: sha1:7ef7 "-" "-" "-"
        7: sha256:4f18 "-" "-" "-"
    "#]],
    );
}

#[test]
fn a_bad_plain_line_is_said_and_the_others_are_read() {
    let file = format!(
        "pdq {PDQ}\n{SHA256}\n{MD5}\nhello\npdq\nphash {PDQ}\npdq {PDQ} # mine\npdq {}\nmd5 {MD5}\n",
        &PDQ[..61]
    );
    check(
        Format::Plain,
        file,
        expect![[r#"
        1: pdq:f8f8 "-" "-" "-"
        bad: line 2: a hash of 64 digits without its kind; write "sha256 …" or "pdq …"
        bad: line 3: a hash of 32 digits without its kind; write "md5 …"
        bad: line 4: expected a kind and a hash, such as "md5 6a18…"
        bad: line 5: PDQ without a hash behind it
        bad: line 6: "phash" is not a hash kind: expected md5, sha1, sha256, pdq, vpdq, url or text
        bad: line 7: more than a kind and a hash; put comments on lines of their own
        bad: line 8: "f8f8…" is not a PDQ hash: 61 hex digits, expected 64
        9: md5:6a18 "-" "-" "-"
    "#]],
    );
}

#[test]
fn csv_columns_may_come_in_any_order_and_case() {
    let file = format!(
        "Source, PDQ,id,category,MD5,sha256,SHA1\n\
         hotline,{PDQ},17,memes,{MD5},{SHA256},{SHA1}\n\
         ,{PDQ},,,,,\n\
         \n\
         \"a, b\",,\"say \"\"hi\"\"\", cats and dogs ,{MD5},,\n"
    );
    check(
        Format::Csv,
        file,
        expect![[r#"
        2: pdq:f8f8+md5:6a18+sha256:4f18+sha1:7ef7 "memes" "hotline" "17"
        3: pdq:f8f8 "-" "-" "-"
        5: md5:6a18 "cats and dogs" "a, b" "say \"hi\""
    "#]],
    );
}

#[test]
fn csv_lines_are_counted_as_an_editor_does() {
    let file = format!(
        "md5,category\r\n{MD5},\"two\r\nlines\"\r\n\r\nbad,x\r\n{MD5},\"three\n\nlines\"\r\nbad,y"
    );
    check(
        Format::Csv,
        file,
        expect![[r#"
        2: md5:6a18 "two\nlines" "-" "-"
        bad: line 5: "bad" is not an MD5 hash: 3 hex digits, expected 32
        6: md5:6a18 "three\n\nlines" "-" "-"
        bad: line 9: "bad" is not an MD5 hash: 3 hex digits, expected 32
    "#]],
    );
}

#[test]
fn a_bad_csv_row_is_said_and_the_others_are_read() {
    let file = format!(
        "md5,pdq,id\n{MD5},,1\n{MD5},2\n,,3\n{},,4\n{MD5},,\"5\"x\n{MD5},{PDQ},6,\n{MD5},,7\n",
        &MD5[..31]
    );
    check(
        Format::Csv,
        file,
        expect![[r#"
        2: md5:6a18 "-" "-" "1"
        bad: line 3: 2 fields, expected 3 as in the header
        bad: line 4: no hash in any of the hash columns
        bad: line 5: "6a18…" is not an MD5 hash: 31 hex digits, expected 32
        bad: line 6: text behind a closing quote; write a quote in a field twice
        bad: line 7: 4 fields, expected 3 as in the header
        8: md5:6a18 "-" "-" "7"
    "#]],
    );
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    let file = format!("md5,id\n{MD5},\"1\n{MD5},2\n{MD5},\"3\"\n{MD5},\"4\n{MD5},5");
    check(
        Format::Csv,
        &file,
        expect![[r#"
        bad: line 2: text behind a closing quote; write a quote in a field twice
        3: md5:6a18 "-" "-" "2"
        4: md5:6a18 "-" "-" "3"
        bad: line 5: a quote that is never closed
        6: md5:6a18 "-" "-" "5"
    "#]],
    );

    let mut long = format!("md5,id\n{MD5},\"1\n");
    for id in 2..5000 {
        long += &format!("{MD5},{id}\n");
    }
    let results: Vec<_> = Reader::new(Format::Csv, long.as_bytes()).collect();
    assert_eq!(results.len(), 4999);
    assert!(matches!(&results[0], Err(ReadError::Line(error)) if error.line == 2));
    for (result, line) in results[1..].iter().zip(3..) {
        let record = result.as_ref().expect("the line is fine");
        assert_eq!(record.line, line);
        assert_eq!(record.external_id, Some((line - 1).to_string()));
    }
}

#[test]
fn a_header_that_cannot_be_used_ends_it() {
    for (file, expected) in [
        (
            "md5,name\nx,y\n".to_owned(),
            expect![[r#"
            fatal: line 1: "name" is not a column; expected some of md5, sha1, sha256, pdq, vpdq, url, text, category, source, id
        "#]],
        ),
        (
            format!("{MD5},memes\n{MD5},memes\n"),
            expect![[r#"
                fatal: line 1: a hash where the header should be; expected some of md5, sha1, sha256, pdq, vpdq, url, text, category, source, id
            "#]],
        ),
        (
            "category,source\na,b\n".to_owned(),
            expect![[r#"
            fatal: line 1: no hash column; expected at least one of md5, sha1, sha256, pdq, vpdq, url and text
        "#]],
        ),
        (
            "md5,MD5\na,b\n".to_owned(),
            expect![[r#"
            fatal: line 1: the column "MD5" is there twice
        "#]],
        ),
        (
            "md5,\n".to_owned(),
            expect![[r#"
            fatal: line 1: "" is not a column; expected some of md5, sha1, sha256, pdq, vpdq, url, text, category, source, id
        "#]],
        ),
        (
            "\"md5\n".to_owned(),
            expect![[r#"
            fatal: line 1: a quote that is never closed
        "#]],
        ),
        (
            "\n\n".to_owned(),
            expect![[r#"
            fatal: line 1: the file is empty; expected a header with some of md5, sha1, sha256, pdq, vpdq, url, text, category, source, id
        "#]],
        ),
    ] {
        check(Format::Csv, file, expected);
    }
}

#[test]
fn json_lines_have_the_same_names() {
    let file = format!(
        "{{\"pdq\":\"{PDQ}\",\"md5\":\"{MD5}\",\"category\":\"caf\\u00e9\",\"source\":\"s\",\"id\":\"1\"}}\r\n\
         \n\
         {{\"sha1\":\"{SHA1}\",\"md5\":null,\"category\":\"\"}}\n\
         {{\"sha256\":\"{SHA256}\"}}"
    );
    check(
        Format::JsonLines,
        file,
        expect![[r#"
        1: md5:6a18+pdq:f8f8 "café" "s" "1"
        3: sha1:7ef7 "-" "-" "-"
        4: sha256:4f18 "-" "-" "-"
    "#]],
    );
}

#[test]
fn a_bad_json_line_is_said_and_the_others_are_read() {
    let file = format!(
        "{{\"md5\":\"{MD5}\"}}\n\
         {{\"md5\":\"{MD5}\"\n\
         {{\"md5\":\"{MD5}\",\"name\":\"x\"}}\n\
         {{\"md5\":\"{MD5}\",\"id\":7}}\n\
         {{\"md5\":\"{MD5}\",\"md5\":\"{MD5}\"}}\n\
         [\"{MD5}\"]\n\
         {{}}\n\
         {{\"md5\":\"\"}}\n\
         {{\"md5\":\"{MD5}\"}} {{}}\n\
         {{\"md5\":\"{MD5}\"}}\n"
    );
    check(
        Format::JsonLines,
        file,
        expect![[r#"
            1: md5:6a18 "-" "-" "-"
            bad: line 2: EOF while parsing an object, at column 41
            bad: line 3: unknown field `name`, expected one of `md5`, `sha1`, `sha256`, `pdq`, `vpdq`, `url`, `text`, `category`, `source`, `id`, at column 48
            bad: line 4: invalid type: integer `7`, expected a string, at column 48
            bad: line 5: duplicate field `md5`, at column 47
            bad: line 6: not a JSON object, such as {"md5":"6a18…"}
            bad: line 7: no hash; expected md5, sha1, sha256, pdq, vpdq, url or text
            bad: line 8: "" is not an MD5 hash: 0 hex digits, expected 32
            bad: line 9: trailing characters, at column 44
            10: md5:6a18 "-" "-" "-"
        "#]],
    );
}

#[test]
fn a_hash_that_would_match_anything_is_refused_with_the_reason() {
    let file = format!(
        "pdq {}\npdq {}\nmd5 {}\nmd5 d41d8cd98f00b204e9800998ecf8427e\npdq {PDQ}\n",
        "0".repeat(64),
        "f".repeat(64),
        "0".repeat(32)
    );
    check(
        Format::Plain,
        file,
        expect![[r#"
        bad: line 1: PDQ: the hash is all zeros, so it fingerprints nothing
        bad: line 2: PDQ: 256 of 256 bits are set, more than 192, so it would match blank pictures
        bad: line 3: MD5: the hash is all zeros, so it fingerprints nothing
        bad: line 4: MD5: the hash is the digest of empty input, so it would match every empty file
        5: pdq:f8f8 "-" "-" "-"
    "#]],
    );
    check(
        Format::Csv,
        format!("md5,pdq\n{MD5},{}\n", "0".repeat(64)),
        expect![[r#"
            bad: line 2: PDQ: the hash is all zeros, so it fingerprints nothing
        "#]],
    );
}

#[test]
fn an_empty_file_has_no_records() {
    check(Format::Plain, "", expect![[""]]);
    check(Format::JsonLines, "", expect![[""]]);
    check(
        Format::Csv,
        "",
        expect![[r#"
        fatal: line 1: the file is empty; expected a header with some of md5, sha1, sha256, pdq, vpdq, url, text, category, source, id
    "#]],
    );
    check(Format::Csv, "md5,pdq\n", expect![[""]]);
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_line() {
    let mark = "\u{feff}";
    check(
        Format::Plain,
        format!("{mark}md5 {MD5}\n"),
        expect![[r#"
            1: md5:6a18 "-" "-" "-"
        "#]],
    );
    check(
        Format::Csv,
        format!("{mark}md5\n{MD5}\n"),
        expect![[r#"
        2: md5:6a18 "-" "-" "-"
    "#]],
    );
    check(
        Format::JsonLines,
        format!("{mark}{{\"md5\":\"{MD5}\"}}\n"),
        expect![[r#"
            1: md5:6a18 "-" "-" "-"
        "#]],
    );
}

#[test]
fn what_is_not_utf_8_is_said() {
    let line =
        |before: &str, after: &str| [before.as_bytes(), b"caf\xe9", after.as_bytes()].concat();
    let good = format!("md5 {MD5}\n");
    let file = [line("# ", "\n"), good.into_bytes()].concat();
    check(
        Format::Plain,
        file,
        expect![[r#"
        bad: line 1: not UTF-8; save the file as UTF-8
        2: md5:6a18 "-" "-" "-"
    "#]],
    );

    let good = format!("{MD5},b\n");
    let file = [
        b"md5,category\n".to_vec(),
        line(&format!("{MD5},"), "\n"),
        good.into_bytes(),
    ]
    .concat();
    check(
        Format::Csv,
        file,
        expect![[r#"
        bad: line 2: not UTF-8; save the file as UTF-8
        3: md5:6a18 "b" "-" "-"
    "#]],
    );
    // Half a letter before a comma and the rest behind it.
    check(
        Format::Csv,
        b"md5,\xc3,\xa9",
        expect![[r#"
            fatal: line 1: not UTF-8; save the file as UTF-8
        "#]],
    );
    let halves = [
        &b"md5,category,source\n"[..],
        MD5.as_bytes(),
        b",\xc3,\xa9\n",
    ];
    check(
        Format::Csv,
        halves.concat(),
        expect![[r#"
            bad: line 2: not UTF-8; save the file as UTF-8
        "#]],
    );
    check(
        Format::JsonLines,
        line("{\"id\":\"", "\"}"),
        expect![[r#"
            bad: line 1: not UTF-8; save the file as UTF-8
        "#]],
    );
}

#[test]
fn a_line_that_is_too_long_is_said_and_the_next_one_is_read() {
    let fits = format!("#{}", "x".repeat(MAX_LINE_BYTES - 1));
    let file = format!("{fits}\r\n{fits}x\r\n{fits}{fits}{fits}\nmd5 {MD5}\n{fits}x");
    check(
        Format::Plain,
        file,
        expect![[r#"
        bad: line 2: longer than 65536 bytes
        bad: line 3: longer than 65536 bytes
        4: md5:6a18 "-" "-" "-"
        bad: line 5: longer than 65536 bytes
    "#]],
    );

    let wide = "x".repeat(MAX_LINE_BYTES / 2);
    let file = format!("md5,category\n{MD5},\"{wide}\n{wide}\"\n{MD5},a\n");
    check(
        Format::Csv,
        file,
        expect![[r#"
            bad: line 2: a quote that is not closed within 65536 bytes
            bad: line 3: 1 field, expected 2 as in the header
            4: md5:6a18 "a" "-" "-"
        "#]],
    );
}

/// Gives some bytes, then fails.
struct Breaking<'a>(&'a [u8]);

impl Read for Breaking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the line dropped"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn a_file_that_cannot_be_read_on_ends_it() {
    for format in Format::ALL {
        let file = match format {
            Format::Plain => format!("md5 {MD5}\nmd5 {}", &MD5[..9]),
            Format::Csv => format!("md5\n{MD5}\n{}", &MD5[..9]),
            Format::JsonLines => format!("{{\"md5\":\"{MD5}\"}}\n{{"),
        };
        let input = BufReader::new(Breaking(file.as_bytes()));
        let results: Vec<_> = Reader::new(format, input).collect();
        assert_eq!(results.len(), 2, "{format}");
        assert!(results[0].is_ok());
        let error = results[1].as_ref().expect_err("the line dropped");
        assert!(matches!(error, ReadError::Io { .. }) && error.is_fatal());
        assert!(error.to_string().ends_with("the line dropped"), "{error}");
    }
}

#[test]
fn one_bad_line_among_many_is_found() {
    let mut file = String::new();
    for n in 1..=20_000 {
        if n == 12_345 {
            file += "md5 oops\n";
        } else {
            file += &format!("md5 {n:032x}\n");
        }
    }
    let mut n_read = 0;
    let mut bad = Vec::new();
    for result in Reader::new(Format::Plain, file.as_bytes()) {
        match result {
            Ok(_) => n_read += 1,
            Err(error) => bad.push(error.to_string()),
        }
    }
    assert_eq!(n_read, 19_999);
    expect![[r#"
        [
            "line 12345: \"oops\" is not an MD5 hash: 'o' at position 1 is not a hex digit",
        ]
    "#]]
    .assert_debug_eq(&bad);
}

#[test]
fn the_name_of_a_file_suggests_its_format() {
    assert_eq!(Format::guess("list.csv"), Some(Format::Csv));
    assert_eq!(Format::guess("a/b.JSONL"), Some(Format::JsonLines));
    assert_eq!(Format::guess("b.ndjson"), Some(Format::JsonLines));
    assert_eq!(Format::guess("b.txt"), Some(Format::Plain));
    assert_eq!(Format::guess("hashes"), None);
    assert_eq!(Format::guess("b.xlsx"), None);
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    let error = "xml"
        .parse::<Format>()
        .expect_err("there is no such format");
    expect!["\"xml\" is not a format of bank files: expected plain, csv or jsonl"]
        .assert_eq(&error.to_string());
}

fn any_hash(kind: HashKind) -> impl Strategy<Value = Hash> {
    let text = match kind {
        HashKind::Url => "(https://)?[a-z]{1,9}\\.example(/[a-z%?=&,]{0,9}){0,2}".boxed(),
        HashKind::Text => "[a-zé]{2,9}( [!-~]{1,9}){0,2}".boxed(),
        HashKind::Vpdq => "(0,100,[0-9a-f]{64},[1-9][0-9]{0,3}\\.[0-9]{3}\n){1,3}".boxed(),
        _ => {
            let n_digits = 2 * kind.size_bytes().expect("of a size");
            prop::collection::vec(
                prop::char::ranges(vec!['0'..='9', 'a'..='f'].into()),
                n_digits,
            )
            .prop_map(|digits| digits.into_iter().collect())
            .boxed()
        }
    };
    text.prop_map(move |text| Hash::parse(kind, &text).expect("well formed"))
        .prop_filter("fit for an index", |hash| hash.check_indexable().is_ok())
}

/// Any text with something to see at both ends.
fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[!-~é][ -~é\n\u{1F600}]{0,12}[!-~]")
}

/// With lines left to be filled in.
fn any_record() -> impl Strategy<Value = Record> {
    let all = HashKind::all().map(|kind| prop::option::of(any_hash(kind)));
    (all, any_text(), any_text(), any_text())
        .prop_map(|(hashes, category, source, external_id)| Record {
            hashes: hashes.into_iter().flatten().collect(),
            category,
            source,
            external_id,
            line: 0,
        })
        .prop_filter("has a hash", |record| !record.hashes.is_empty())
}

fn digits(record: &Record, kind: HashKind) -> Option<String> {
    let hash = record.hashes.iter().find(|hash| hash.kind() == kind)?;
    Some(hash.to_string())
}

fn read_all(format: Format, file: &[u8]) -> Vec<Record> {
    // Small steps, so that lines straddle the reader's buffer.
    Reader::new(format, BufReader::with_capacity(7, file))
        .map(|result| result.expect("the file is fine"))
        .collect()
}

proptest! {
    /// Written by another's hand, so that both would have to be wrong alike.
    #[test]
    fn csv_gives_back_what_was_written(mut records in prop::collection::vec(any_record(), 0..8)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record([
                "id", "sha256", "pdq", "category", "md5", "source", "text", "sha1", "url", "vpdq",
            ])
            .expect("memory takes it");
        let mut line = 2;
        for record in &mut records {
            let fields = [
                record.external_id.clone(),
                digits(record, HashKind::Sha256),
                digits(record, HashKind::Pdq),
                record.category.clone(),
                digits(record, HashKind::Md5),
                record.source.clone(),
                digits(record, HashKind::Text),
                digits(record, HashKind::Sha1),
                digits(record, HashKind::Url),
                digits(record, HashKind::Vpdq),
            ]
            .map(Option::unwrap_or_default);
            record.line = line;
            line += 1 + fields.concat().matches('\n').count() as u64;
            record.hashes.sort_by_key(|hash| {
                let order = [
                    HashKind::Sha256,
                    HashKind::Pdq,
                    HashKind::Md5,
                    HashKind::Text,
                    HashKind::Sha1,
                    HashKind::Url,
                    HashKind::Vpdq,
                ];
                order.iter().position(|kind| *kind == hash.kind())
            });
            writer.write_record(fields).expect("memory takes it");
        }
        let file = writer.into_inner().expect("memory takes it");
        prop_assert_eq!(read_all(Format::Csv, &file), records);
    }

    #[test]
    fn json_lines_give_back_what_was_written(mut records in prop::collection::vec(any_record(), 0..8)) {
        let mut file = String::new();
        for (record, line) in records.iter_mut().zip(1..) {
            let object = serde_json::json!({
                "md5": digits(record, HashKind::Md5),
                "sha1": digits(record, HashKind::Sha1),
                "sha256": digits(record, HashKind::Sha256),
                "pdq": digits(record, HashKind::Pdq),
                "vpdq": digits(record, HashKind::Vpdq),
                "url": digits(record, HashKind::Url),
                "text": digits(record, HashKind::Text),
                "category": record.category,
                "source": record.source,
                "id": record.external_id,
            });
            file += &format!("{object}\n");
            record.line = line;
        }
        prop_assert_eq!(read_all(Format::JsonLines, file.as_bytes()), records);
    }

    #[test]
    fn a_plain_list_gives_back_what_was_written(
        hashes in prop::collection::vec(prop::sample::select(HashKind::all().to_vec()).prop_flat_map(any_hash), 0..8)
    ) {
        let file: String = hashes.iter().map(|hash| format!("{} {hash}\n", hash.kind())).collect();
        let records = read_all(Format::Plain, file.as_bytes());
        let read: Vec<Hash> = records.into_iter().flat_map(|record| record.hashes).collect();
        prop_assert_eq!(read, hashes);
    }

    /// And every line that is neither blank nor a comment is answered for, in order.
    #[test]
    fn any_bytes_are_records_or_errors(
        words in prop::collection::vec(prop::sample::select(vec![
            &b"md5,pdq,id\n"[..], MD5.as_bytes(), PDQ.as_bytes(), b"md5 ", b"\n", b"\r\n", b"\r", b"\"", b",",
            b"{\"md5\":\"", b"\"}", b"\xff", b"\xef\xbb\xbf", b"#", b" ", b"\0", b"x",
        ]), 0..40)
    ) {
        let file = words.concat();
        let n_lines = file.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        for format in Format::ALL {
            let mut last = 0;
            for result in Reader::new(format, BufReader::with_capacity(5, file.as_slice())) {
                let line = match &result {
                    Ok(record) => record.line,
                    Err(ReadError::Line(error) | ReadError::Header(error)) => error.line,
                    Err(ReadError::Io { .. }) => panic!("memory cannot fail"),
                };
                prop_assert!(line > last || (line == 1 && last == 0));
                prop_assert!(line <= n_lines);
                last = line;
            }
        }
    }

    #[test]
    fn random_bytes_are_records_or_errors(file in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::ALL {
            Reader::new(format, file.as_slice()).for_each(drop);
        }
    }
}
