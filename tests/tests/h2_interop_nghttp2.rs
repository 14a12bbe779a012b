//! nghttp2 at the other end of a connection in memory, in both roles, with every write cut by chance:
//! what it takes for HTTP/2 and what we take for it is the same.

use h2_proto::{ClientConnection, Config, ErrorCode, ServerConnection};
use tests::frames::{Frame, PREFACE, flag, kind};
use tests::h2::parse;
use tests::h2_peers::talk::{Ask, End, Message, Talk, many_fields, pattern};
use tests::h2_peers::{Ours, Role, Theirs};
use tests::rng::Rng;

/// The window that both begin with, and the connection's of nghttp2 for good.
const WINDOW: usize = 65_535;
const STREAMS_MAX: (u16, u32) = (3, 100);

type OurClient = Talk<Ours<ClientConnection>, Theirs>;
type OurServer = Talk<Theirs, Ours<ServerConnection>>;

/// Takes more fields than by default, and more requests that wait.
fn config() -> Config {
    let mut config = Config::default();
    config.section_bytes_max = 128 << 10;
    config.block_bytes_max = 64 << 10;
    config.pending_max = 150;
    config.pending_bytes_max = 256 << 10;
    config
}

fn our_client(seed: u64, piece_max: usize, padding: bool) -> OurClient {
    let theirs = Theirs::new(Role::Server, &[STREAMS_MAX], padding.then_some(seed));
    Talk::new(Ours::client(config()), theirs, seed, piece_max)
}

fn our_server(seed: u64, piece_max: usize, padding: bool) -> OurServer {
    let theirs = Theirs::new(Role::Client, &[], padding.then_some(seed));
    Talk::new(theirs, Ours::server(config()), seed, piece_max)
}

/// Runs a test with our client, then with our server, in several cuts.
macro_rules! both {
    ($test:expr) => {
        for (seed, piece_max) in [(1, 1), (2, 9), (3, 100), (4, 5_000), (5, 100_000)] {
            $test(our_client(seed, piece_max, false));
            $test(our_server(seed, piece_max, false));
        }
    };
}

/// The same where octets are too many for single ones.
macro_rules! both_at_large {
    ($padding:expr, $test:expr) => {
        for (seed, piece_max) in [(1, 1_000), (2, 5_000), (3, 100_000)] {
            $test(our_client(seed, piece_max, $padding));
            $test(our_server(seed, piece_max, $padding));
        }
    };
}

/// Asks, runs to the end, and asserts that all is well.
#[track_caller]
fn converse<C: End, S: End>(talk: &mut Talk<C, S>, asks: &[Ask]) {
    let streams: Vec<_> = asks.iter().map(|ask| talk.client.ask(ask)).collect();
    talk.run();
    for (&stream, ask) in streams.iter().zip(asks) {
        talk.assert_answered(stream, ask);
    }
    assert_eq!((talk.client.open(), talk.server.open()), (0, 0));
}

/// All frames that one way took.
fn frames(octets: &[u8]) -> Vec<Frame> {
    parse(octets.strip_prefix(PREFACE).unwrap_or(octets))
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_get_is_answered() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let mut ask = Ask::get("/");
        ask.fields = vec![field("user-agent", "a test"), field("cookie", "a=1; b=2")];
        converse(&mut talk, &[ask.clone()]);
        // The second block is mostly from the tables.
        converse(&mut talk, &[ask.clone(), ask]);
    }
    both!(test);
}

#[test]
fn content_is_echoed() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let asks = [1, 100, 3_000].map(|octets| Ask::post(pattern(octets), false));
        converse(&mut talk, &asks);
    }
    both!(test);
}

#[test]
fn content_larger_than_the_windows_flows_both_ways() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let sizes = [WINDOW - 1, WINDOW, WINDOW + 1, 10 * WINDOW];
        converse(&mut talk, &sizes.map(|octets| Ask::post(pattern(octets), false)));
        converse(&mut talk, &[Ask::post(pattern(20 * WINDOW), true)]);
    }
    both_at_large!(false, test);
}

#[test]
fn many_streams_are_open_at_once() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        // Before the SETTINGS of the server, and more than it allows then.
        let asks: Vec<_> = (0..150)
            .map(|number| {
                if number % 3 == 0 {
                    Ask::post(pattern(number * 10 + 1), false)
                } else {
                    Ask::get("/")
                }
            })
            .collect();
        converse(&mut talk, &asks);
    }
    both!(test);
}

#[test]
fn trailers_go_both_ways() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        converse(&mut talk, &[Ask::post(pattern(500), true), Ask::post(Vec::new(), true)]);
    }
    both!(test);
}

#[test]
fn an_interim_response_comes_first() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        converse(&mut talk, &[Ask::get("/early"), Ask::get("/"), Ask::get("/early")]);
    }
    both!(test);
}

#[test]
fn what_has_no_content_ends_with_its_head() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let mut head = Ask::get("/");
        head.method = "HEAD";
        converse(&mut talk, &[head, Ask::get("/204"), Ask::get("/304"), Ask::get("/")]);
    }
    both!(test);
}

#[test]
fn sections_of_many_fields_are_continued() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let mut ask = Ask::get("/fields");
        ask.fields = many_fields();
        converse(&mut talk, &[ask.clone(), ask]);
        for sent in &talk.sent {
            let continued = frames(sent).iter().filter(|it| it.kind == kind::CONTINUATION).count();
            assert!(continued >= 4, "{continued}");
        }
    }
    both_at_large!(false, test);
    both_at_large!(true, test);
}

#[test]
fn a_reset_by_the_server_ends_the_stream_alone() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let post = Ask::post(pattern(1_000), false);
        let reset = talk.client.ask(&Ask::get("/reset"));
        converse(&mut talk, std::slice::from_ref(&post));
        let message = talk.client.message(reset);
        assert_eq!((message.reset, message.sections.len()), (Some(ErrorCode::CANCEL.0), 0));
        converse(&mut talk, &[post]);
    }
    both!(test);
}

#[test]
fn a_reset_by_the_client_ends_the_stream_alone() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let endless = talk.client.ask(&Ask::get("/endless"));
        talk.run();
        assert_eq!(talk.client.message(endless).data, pattern(10));
        assert_eq!((talk.client.open(), talk.server.open()), (1, 1));
        talk.client.reset(endless, ErrorCode::CANCEL.0);
        converse(&mut talk, &[Ask::post(pattern(1_000), false)]);
        assert_eq!(talk.server.message(endless).reset, Some(ErrorCode::CANCEL.0));
    }
    both!(test);
}

#[test]
fn a_reset_amid_content_leaves_the_windows_to_the_others() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        // Each leaves much in flight, and all together more than the connection's window.
        for round in 0..12 {
            let stream = talk.client.ask(&Ask::post(pattern(3 * WINDOW), false));
            while talk.client.message(stream).data.len() < 10_000 {
                assert!(talk.step());
            }
            if round % 2 == 0 {
                talk.client.reset(stream, ErrorCode::CANCEL.0);
            } else {
                talk.server.reset(stream, ErrorCode::INTERNAL_ERROR.0);
            }
        }
        converse(&mut talk, &[Ask::post(pattern(5 * WINDOW), false)]);
    }
    both_at_large!(false, test);
}

#[test]
fn a_ping_is_answered_by_either() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        talk.client.ping(*b"client's");
        talk.run();
        talk.server.ping(*b"server's");
        talk.run();
        assert_eq!(talk.client.pongs(), [*b"client's"]);
        assert_eq!(talk.server.pongs(), [*b"server's"]);
    }
    both!(test);
}

/// A window of nghttp2 only grows: it takes less than what it has received for the fault of the sender
/// (it checks that again when a WINDOW_UPDATE goes that waited while the change was acknowledged).
#[test]
fn settings_change_while_streams_are_open() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let asks: Vec<_> = (0..6).map(|number| Ask::post(pattern(WINDOW * number), true)).collect();
        let streams: Vec<_> = asks.iter().map(|ask| talk.client.ask(ask)).collect();
        let tables_and_frames = [(0, 16_384), (4_096, 65_536), (100, 16_384), (8_192, 30_000)];
        for (number, (table, frame)) in tables_and_frames.into_iter().enumerate() {
            talk.steps(30);
            talk.client.settings(table, talk.client.windows()[number], frame);
            talk.steps(30);
            talk.server.settings(table, talk.server.windows()[number], frame);
        }
        talk.run();
        for (&stream, ask) in streams.iter().zip(&asks) {
            talk.assert_answered(stream, ask);
        }
        converse(&mut talk, &[Ask::get("/"), Ask::get("/early"), asks[3].clone()]);
    }
    both_at_large!(false, test);
    both_at_large!(true, test);
}

/// nghttp2 sends frames of at most 16,384 octets, whatever it may.
#[test]
fn we_send_larger_frames_where_we_may() {
    let largest = |sent: &[u8]| frames(sent).iter().map(|it| it.payload.len()).max().unwrap();
    let (mut client, mut server) = (our_client(1, 50_000, false), our_server(1, 50_000, false));
    client.server.settings(4_096, 100_000, 40_000);
    server.client.settings(4_096, 100_000, 40_000);
    client.run();
    server.run();
    converse(&mut client, &[Ask::post(pattern(3 * WINDOW), false)]);
    converse(&mut server, &[Ask::post(pattern(3 * WINDOW), false)]);
    assert_eq!(largest(&client.sent[0]), 40_000);
    // An echo sends what is there.
    assert!((16_385..=40_000).contains(&largest(&server.sent[1])));
}

#[test]
fn padding_is_left_out_and_its_windows_given_back() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        converse(&mut talk, &[Ask::get("/"), Ask::post(pattern(20 * WINDOW), true)]);
        let small: Vec<_> = (0..50).map(|octets| Ask::post(pattern(octets), false)).collect();
        converse(&mut talk, &small);
        let padded = |sent: &[u8], kind: u8| {
            frames(sent).iter().any(|it| it.kind == kind && it.flags & flag::PADDED != 0)
        };
        let either = |kind: u8| talk.sent.iter().any(|sent| padded(sent, kind));
        assert!(either(kind::HEADERS) && either(kind::DATA));
    }
    both_at_large!(true, test);
}

#[test]
fn a_shutdown_by_the_server_lets_open_streams_end() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let ask = Ask::post(pattern(2 * WINDOW), false);
        let stream = talk.client.ask(&ask);
        while talk.client.message(stream).data.is_empty() {
            assert!(talk.step());
        }
        talk.server.shutdown();
        talk.run();
        talk.assert_answered(stream, &ask);
        let goaways = talk.client.goaways();
        assert!(!goaways.is_empty() && goaways.iter().all(|&code| code == 0), "{goaways:?}");
        assert!(talk.server.is_over());
        assert!(talk.client.is_over());
    }
    both_at_large!(false, test);
}

#[test]
fn a_shutdown_by_the_client_lets_open_streams_end() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>) {
        let ask = Ask::post(pattern(2 * WINDOW), false);
        let stream = talk.client.ask(&ask);
        while talk.client.message(stream).data.is_empty() {
            assert!(talk.step());
        }
        talk.client.shutdown();
        talk.run();
        talk.assert_answered(stream, &ask);
        let goaways = talk.server.goaways();
        assert!(!goaways.is_empty() && goaways.iter().all(|&code| code == 0), "{goaways:?}");
        assert!(talk.client.is_over());
    }
    both_at_large!(false, test);
}

/// Whatever is asked, with whatever settings, cuts and padding, and some of it given up.
#[test]
fn any_conversation_comes_through() {
    fn test<C: End, S: End>(mut talk: Talk<C, S>, seed: u64) {
        const PATHS: [&str; 6] = ["/", "/early", "/204", "/304", "/reset", "/fields"];
        let mut rng = Rng::new(seed);
        let mut asked: Vec<(u32, Ask, bool)> = Vec::new();
        for number in 0..40 {
            let path = PATHS[rng.below(PATHS.len())];
            let mut ask = match rng.below(3) {
                0 => Ask::get(path),
                _ => Ask::post(pattern(rng.below(3 * WINDOW) >> rng.below(18)), rng.once_in(2)),
            };
            for name in 0..rng.below(5) {
                let value = "v".repeat(rng.below(100));
                ask.fields.push(field(&format!("x-{name}"), &value));
            }
            asked.push((talk.client.ask(&ask), ask, false));
            if rng.once_in(5) {
                let (table, window) = (rng.below(5_000) as u32, number / 10);
                talk.server.settings(table, talk.server.windows()[window], 16_384 + table);
            }
            if rng.once_in(5) {
                let (table, window) = (rng.below(5_000) as u32, number / 10);
                talk.client.settings(table, talk.client.windows()[window], 16_384 + table);
            }
            if rng.once_in(6) {
                let (stream, _, given_up) = &mut asked[rng.below(number + 1)];
                let message = talk.client.message(*stream);
                if !*given_up && !message.ended && message.reset.is_none() {
                    talk.client.reset(*stream, ErrorCode::CANCEL.0);
                    *given_up = true;
                }
            }
            talk.steps(20 + rng.below(60));
        }
        talk.run();
        // The window may be closed still.
        talk.client.settings(4_096, talk.client.windows()[3], 16_384);
        talk.server.settings(4_096, talk.server.windows()[3], 16_384);
        talk.run();
        for (stream, ask, given_up) in &asked {
            if *given_up {
                continue;
            }
            if ask.path == "/reset" {
                let reset = Some(ErrorCode::CANCEL.0);
                assert_eq!(talk.client.message(*stream), Message { reset, ..Message::default() });
            } else {
                talk.assert_answered(*stream, ask);
            }
        }
        assert_eq!((talk.client.open(), talk.server.open()), (0, 0));
    }
    for seed in 0..60 {
        // In smaller ones an echo is of many small frames, and nghttp2 takes them for a flood where
        // they come on a stream that it has reset.
        let piece_max = [1_000, 5_000, 30_000][seed as usize % 3];
        test(our_client(seed, piece_max, seed % 2 == 0), seed);
        test(our_server(seed, piece_max, seed % 2 == 0), seed);
    }
}
