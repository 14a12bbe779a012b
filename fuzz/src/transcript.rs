//! What a run of a connection came to, in a form that does not depend on how its input was cut.

use h1_proto::{BodyLength, Config, ConnectionError, Event, NextStep, OwnedEvent};

/// Events with adjacent data joined, the error, the output and what is to be done next.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    pub(crate) events: Vec<OwnedEvent>,
    pub(crate) error: Option<ConnectionError>,
    pub(crate) out: Vec<u8>,
    pub(crate) next: Option<NextStep>,
    /// What was not used of the input, where that is promised: behind a switch of protocols.
    pub(crate) left: Vec<u8>,
    content: Content,
}

/// Where in a message the events are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Content {
    #[default]
    Between,
    /// Octets still to come, if their number was told, and octets seen.
    Inside(Option<u64>, u64),
    Upgraded,
}

impl Transcript {
    /// Takes an event down; its place and its sizes must be possible.
    pub(crate) fn push(&mut self, event: &Event<'_, '_>, config: &Config) {
        self.content = match (self.content, event) {
            (Content::Between, Event::Head { head, body, .. }) => {
                assert!(head.raw().len() <= config.head_bytes_max);
                assert!(head.fields().len() <= config.fields_max);
                Content::Inside(
                    match body {
                        BodyLength::None => Some(0),
                        BodyLength::Known(octets) => Some(*octets),
                        BodyLength::Chunked | BodyLength::UntilClose => None,
                    },
                    0,
                )
            }
            (Content::Between, Event::Informational(head)) => {
                assert!((100..200).contains(&head.status()) && head.status() != 101);
                Content::Between
            }
            (Content::Inside(left, seen), Event::Data(data)) => {
                assert!(!data.is_empty(), "empty data");
                let (octets, seen) = (data.len() as u64, seen + data.len() as u64);
                assert!(seen <= config.body_bytes_max);
                let left = left.map(|left| left.checked_sub(octets).expect("more than announced"));
                Content::Inside(left, seen)
            }
            (Content::Inside(None | Some(0), _), Event::End { trailers }) => {
                assert!(trailers.raw().len() <= config.trailers_bytes_max);
                assert!(trailers.fields().len() <= config.trailers_max);
                Content::Between
            }
            (Content::Between, Event::Upgraded) => Content::Upgraded,
            (place, event) => panic!("{event} in {place:?}"),
        };
        if let (Event::Data(data), Some(OwnedEvent::Data(before))) = (event, self.events.last_mut())
        {
            before.extend_from_slice(data);
        } else {
            self.events.push(event.to_owned());
        }
    }

    /// The rest of the message is not surfaced.
    pub(crate) fn abandon(&mut self) {
        self.content = Content::Between;
    }

    /// The message before the last event is complete.
    pub(crate) fn is_between(&self) -> bool {
        self.content == Content::Between
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.content == Content::Upgraded
    }
}
