//! Grey JPEG files of many pixels and few bytes, written after ITU-T Recommendation T.81: blocks of one
//! brightness, most of them as bright as the one before, which takes two bits or one.

/// Of so many squares a picture is made in either direction.
const SQUARES: usize = 8;

/// A square picture in one scan.
pub(super) fn baseline(side: usize) -> Vec<u8> {
    let mut file = start(0xc0, side);
    segment(&mut file, 0xda, &[1, 1, 0x00, 0, 63, 0]);
    let mut bits = Bits::default();
    for difference in differences(side) {
        bits.difference(difference);
        // The end of the block.
        bits.push(0b0, 1);
    }
    end(file, bits)
}

/// A square picture of which the first scan has the blocks' brightness and the second nothing.
pub(super) fn progressive(side: usize) -> Vec<u8> {
    let mut file = start(0xc2, side);
    segment(&mut file, 0xda, &[1, 1, 0x00, 0, 0, 0]);
    let mut bits = Bits::default();
    for difference in differences(side) {
        bits.difference(difference);
    }
    file.extend(bits.finish());
    segment(&mut file, 0xda, &[1, 1, 0x00, 1, 63, 0]);
    let mut bits = Bits::default();
    let n_blocks = (side / 8).pow(2);
    let runs = n_blocks >> 14;
    for run in 0..runs {
        // So many blocks and 2^14 are empty.
        let n_more = if run + 1 == runs {
            n_blocks % (1 << 14)
        } else {
            0
        };
        bits.push(0b10, 2);
        bits.push(n_more as u32, 14);
    }
    end(file, bits)
}

fn start(kind: u8, side: usize) -> Vec<u8> {
    assert_eq!(side % 8, 0);
    let mut file = vec![0xff, 0xd8];
    segment(&mut file, 0xdb, &[&[0][..], &[4; 64]].concat());
    let side = (side as u16).to_be_bytes();
    segment(
        &mut file,
        kind,
        &[8, side[0], side[1], side[0], side[1], 1, 1, 0x11, 0],
    );
    // Of brightness: no difference, and one of eight bits.
    segment(&mut file, 0xc4, &table(0x00, &[0, 8]));
    // Of everything else: the end of a block, and that of 2^14 blocks or more.
    segment(&mut file, 0xc4, &table(0x10, &[0x00, 0xe0]));
    file
}

/// Codes of one bit and of two.
fn table(class: u8, symbols: &[u8; 2]) -> Vec<u8> {
    let lengths = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    [&[class][..], &lengths, symbols].concat()
}

fn segment(file: &mut Vec<u8>, kind: u8, content: &[u8]) {
    file.extend([0xff, kind]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

fn end(mut file: Vec<u8>, bits: Bits) -> Vec<u8> {
    file.extend(bits.finish());
    file.extend([0xff, 0xd9]);
    file
}

/// By how much each block is brighter than the one before.
fn differences(side: usize) -> impl Iterator<Item = i32> {
    let across = side / 8;
    let level = move |at: usize| {
        let square = across / SQUARES;
        let (x, y) = (at % across / square, at / across / square);
        let is_dark = (x * 37 + y * 101 + x * x * y * 13) % 7 < 3;
        if is_dark { -180 } else { 0 }
    };
    let mut before = 0;
    (0..across * across).map(move |at| level(at) - std::mem::replace(&mut before, level(at)))
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u32,
    n_waiting: u32,
}

impl Bits {
    fn difference(&mut self, difference: i32) {
        if difference == 0 {
            return self.push(0b0, 1);
        }
        self.push(0b10, 2);
        // A negative one is written less one.
        let bits = if difference < 0 {
            difference - 1
        } else {
            difference
        };
        self.push(bits as u32 & 0xff, 8);
    }

    fn push(&mut self, bits: u32, n_bits: u32) {
        self.waiting = self.waiting << n_bits | bits;
        self.n_waiting += n_bits;
        while self.n_waiting >= 8 {
            self.n_waiting -= 8;
            let byte = (self.waiting >> self.n_waiting) as u8;
            self.bytes.push(byte);
            // Or it would begin a marker.
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.push(0x7f, 7);
        self.bytes
    }
}
