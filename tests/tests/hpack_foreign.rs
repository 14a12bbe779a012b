//! HPACK of others and ours in the life of a connection: whole scripts, with secrets and with
//! tables that change their size, in both directions.

use hpack::{Field, FieldBuf};
use tests::headers::Block;
use tests::hpack_peers::{Encode, Nghttp2Decoder, Nghttp2Encoder};
use tests::hpack_script::{Coder, OurDecoder, OurEncoder, Step, scripts};

/// What a peer decodes that tells no secrets from other fields.
fn without_secrets(steps: &[Step<FieldBuf>]) -> Vec<Step<FieldBuf>> {
    let one = |step: &Step<FieldBuf>| match step {
        Step::Size(size) => Step::Size(*size),
        Step::Block(fields) => {
            let plain = fields.iter().map(|field| Field { sensitive: false, ..field });
            Step::Block(plain.collect())
        }
    };
    steps.iter().map(one).collect()
}

mod nghttp2 {
    use super::*;

    #[derive(Default)]
    struct Encoder(Nghttp2Encoder);

    impl Coder for Encoder {
        type From = FieldBuf;
        type To = Vec<u8>;

        fn resize(&mut self, table_bytes_max: usize) {
            self.0.set_peer_table_bytes_max(table_bytes_max);
        }

        fn code(&mut self, fields: &FieldBuf) -> Vec<u8> {
            let block: Block =
                fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
            let mut prepared = Nghttp2Encoder::prepare(&block);
            let sensitive = fields.iter().enumerate().filter(|(_, field)| field.sensitive);
            sensitive.for_each(|(index, _)| prepared.mark_sensitive(index));
            let mut out = Vec::new();
            self.0.encode(&mut prepared, &mut out);
            out
        }
    }

    #[derive(Default)]
    struct Decoder(Nghttp2Decoder);

    impl Coder for Decoder {
        type From = Vec<u8>;
        type To = FieldBuf;

        fn resize(&mut self, table_bytes_max: usize) {
            self.0.set_table_bytes_max(table_bytes_max);
        }

        fn code(&mut self, block: &Vec<u8>) -> FieldBuf {
            let mut fields = FieldBuf::new();
            self.0.decode_fields(block, |field| fields.push(field)).expect("a good block");
            fields
        }
    }

    #[test]
    fn understands_us() {
        for script in scripts() {
            assert_eq!(Decoder::default().run(&OurEncoder::default().run(&script)), script);
        }
    }

    #[test]
    fn is_understood() {
        for script in scripts() {
            assert_eq!(OurDecoder::default().run(&Encoder::default().run(&script)), script);
        }
    }
}

mod httlib {
    use httlib_hpack::{Decoder as TheirDecoder, Encoder as TheirEncoder};

    use super::*;

    /// It says what it is told to say, so the lowest size and the last (RFC 7541 §4.2) are picked here.
    #[derive(Default)]
    struct Encoder {
        encoder: TheirEncoder<'static>,
        sizes: Vec<usize>,
    }

    impl Coder for Encoder {
        type From = FieldBuf;
        type To = Vec<u8>;

        fn resize(&mut self, table_bytes_max: usize) {
            self.sizes.push(table_bytes_max);
        }

        fn code(&mut self, fields: &FieldBuf) -> Vec<u8> {
            let mut out = Vec::new();
            let (lowest, last) = (self.sizes.iter().min(), self.sizes.last());
            for &size in lowest.filter(|_| lowest != last).into_iter().chain(last) {
                let size = u32::try_from(size).expect("a small table");
                self.encoder.update_max_dynamic_size(size, &mut out).expect("a small number");
            }
            self.sizes.clear();
            for field in fields {
                let indexing = if field.sensitive {
                    TheirEncoder::NEVER_INDEXED
                } else {
                    TheirEncoder::BEST_FORMAT | TheirEncoder::WITH_INDEXING
                };
                let flags = indexing | TheirEncoder::HUFFMAN_NAME | TheirEncoder::HUFFMAN_VALUE;
                let field = (field.name.to_vec(), field.value.to_vec(), flags);
                self.encoder.encode(field, &mut out).expect("a good field");
            }
            out
        }
    }

    #[derive(Default)]
    struct Decoder(TheirDecoder<'static>);

    impl Coder for Decoder {
        type From = Vec<u8>;
        type To = FieldBuf;

        fn resize(&mut self, table_bytes_max: usize) {
            self.0.set_max_dynamic_size(u32::try_from(table_bytes_max).expect("a small table"));
        }

        fn code(&mut self, block: &Vec<u8>) -> FieldBuf {
            let mut decoded = Vec::new();
            self.0.decode(&mut block.clone(), &mut decoded).expect("a good block");
            let mut fields = FieldBuf::new();
            for (name, value, flags) in &decoded {
                let sensitive = flags & TheirDecoder::NEVER_INDEXED != 0;
                fields.push(Field { name, value, sensitive });
            }
            fields
        }
    }

    #[test]
    fn understands_us() {
        for script in scripts() {
            assert_eq!(Decoder::default().run(&OurEncoder::default().run(&script)), script);
        }
    }

    #[test]
    fn is_understood() {
        for script in scripts() {
            assert_eq!(OurDecoder::default().run(&Encoder::default().run(&script)), script);
        }
    }
}

/// Its encoder says nothing of sizes and knows no secrets, so it is heard without either.
mod loona {
    use super::*;

    #[derive(Default)]
    struct Encoder(loona_hpack::Encoder<'static>);

    impl Coder for Encoder {
        type From = FieldBuf;
        type To = Vec<u8>;

        fn resize(&mut self, _: usize) {
            panic!("this encoder has no way to say so");
        }

        fn code(&mut self, fields: &FieldBuf) -> Vec<u8> {
            self.0.encode(fields.iter().map(|field| (field.name, field.value)))
        }
    }

    #[derive(Default)]
    struct Decoder(loona_hpack::Decoder<'static>);

    impl Coder for Decoder {
        type From = Vec<u8>;
        type To = FieldBuf;

        fn resize(&mut self, table_bytes_max: usize) {
            self.0.set_max_allowed_table_size(table_bytes_max);
        }

        fn code(&mut self, block: &Vec<u8>) -> FieldBuf {
            self.0.decode(block).expect("a good block").iter().collect()
        }
    }

    /// Some of the scripts: it looks every bit of Huffman code up in a map.
    #[test]
    fn understands_us() {
        for script in scripts().into_iter().step_by(5) {
            let decoded = Decoder::default().run(&OurEncoder::default().run(&script));
            assert_eq!(decoded, without_secrets(&script));
        }
    }

    #[test]
    fn is_understood() {
        for script in scripts() {
            let mut script = without_secrets(&script);
            script.retain(|step| matches!(step, Step::Block(_)));
            assert_eq!(OurDecoder::default().run(&Encoder::default().run(&script)), script);
        }
    }
}
