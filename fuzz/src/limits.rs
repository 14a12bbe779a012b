//! Configurations that a short input can exhaust.

use h1_proto::Config;

/// The configuration that two bits of an input choose.
pub(crate) fn config(small: bool, lenient: bool) -> Config {
    let mut config = Config::default();
    if small {
        config.start_line_bytes_max = 48;
        config.method_bytes_max = 8;
        config.head_bytes_max = 160;
        config.fields_max = 5;
        config.field_bytes_max = 64;
        config.trailers_bytes_max = 48;
        config.trailers_max = 2;
        config.empty_lines_max = 1;
        config.chunk_line_bytes_max = 16;
        config.chunk_extension_bytes_max = 8;
        config.chunk_extension_body_ratio = 2;
        config.body_bytes_max = 64;
        config.informational_max = 2;
        config.informational_bytes_max = 96;
        config.requests_max = Some(3);
        config.unread_body_bytes_max = 24;
    }
    if lenient {
        config.leniency.bare_lf = true;
        config.leniency.content_length_with_transfer_encoding = true;
        config.leniency.repeated_content_length = true;
    }
    config
}
