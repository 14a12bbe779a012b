//! The generated tables and the generator agree.

#[path = "../examples/huffman_tables.rs"]
mod generator;

#[test]
fn table_rs_is_what_the_generator_makes() {
    let generated = generator::tables(include_str!("../huffman_code.txt"));
    assert!(
        generated == include_str!("../src/huffman/table.rs"),
        "see hpack/examples/huffman_tables.rs"
    );
}

/// Symbol by symbol against the code of RFC 7541 Appendix B.
#[test]
fn appendix_b() {
    let mut symbols = 0;
    for line in include_str!("../huffman_code.txt").lines().filter(|it| !it.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let code = u64::from_str_radix(words[1], 16).unwrap();
        let bits: u32 = words[2].parse().unwrap();
        let octets = bits.div_ceil(8);
        let padding = octets * 8 - bits;
        let coded = (code << padding | ((1 << padding) - 1)).to_be_bytes();
        let coded = &coded[8 - octets as usize..];
        let mut decoded = Vec::new();
        let result = hpack::huffman::decode(coded, &mut decoded);
        if words[0] == "256" {
            assert_eq!(result.unwrap_err().kind, hpack::huffman::HuffmanErrorKind::Eos);
        } else {
            result.unwrap();
            assert_eq!(decoded, [words[0].parse().unwrap()]);
            let mut encoded = Vec::new();
            hpack::huffman::encode(&decoded, &mut encoded);
            assert_eq!(encoded, coded);
        }
        symbols += 1;
    }
    assert_eq!(symbols, 257);
}
