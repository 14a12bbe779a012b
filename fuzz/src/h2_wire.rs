//! Frames of HTTP/2: as an input writes them in short, and as they stand in an output.

use h2_proto::testing::Frame;

/// The frames of an output.
///
/// # Panics
/// If it does not end where a frame does, or one is malformed.
pub(crate) fn frames(mut octets: &[u8]) -> impl Iterator<Item = Frame> {
    core::iter::from_fn(move || {
        if octets.is_empty() {
            return None;
        }
        let frame = Frame::read(&mut octets).expect("a whole frame");
        assert_eq!(frame.fault(), None, "{frame}");
        Some(frame)
    })
}

/// Appends a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Octets that an input may become.
const EXPANDED_MAX: usize = 256 << 10;

/// Frames whose headers are written in short, so that their lengths are right:
///
/// ```text
/// type, flags, stream, length            so many octets are the payload, up to 0xdf
/// type, flags, stream, 0xe0 to 0xff, x   x so often: 1 to 16 KiB, and an octet more or less of it
/// ```
pub(crate) fn expand(mut octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((&[kind, flags, stream, length], rest)) = octets.split_first_chunk()
        && out.len() < EXPANDED_MAX
    {
        let repeated;
        let payload;
        if length < 0xE0 {
            (payload, octets) = rest.split_at(usize::from(length).min(rest.len()));
        } else {
            let filler = rest.first().copied().unwrap_or_default();
            octets = rest.get(1..).unwrap_or_default();
            let times = (usize::from(length & 0x0F) + 1) << 10;
            repeated = vec![filler; times - usize::from(length < 0xF0)];
            payload = &repeated;
        }
        frame(kind, flags, stream.into(), payload, &mut out);
    }
    out
}
