//! A subscriber of `tracing` that keeps all that it is told, for tests on one thread.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Subscriber};
use tracing::{Event, Metadata};

/// What was said so far.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    spans: Vec<Span>,
    /// Those that are entered, by their places.
    entered: Vec<usize>,
    events: Vec<String>,
}

struct Span {
    text: String,
    place: String,
    parent: Option<usize>,
    references: usize,
}

/// Whose words count: not those of tokio and others.
const TARGETS: [&str; 2] = ["driver_tokio", "driver_seeing"];

impl Recorder {
    /// Hears what this thread says, as long as what is returned lives.
    pub(crate) fn listen(&self) -> DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    /// The events with this message, each with its spans from the outermost.
    pub(crate) fn lines(&self, message: &str) -> Vec<String> {
        self.lock().events.iter().filter(|it| it.contains(message)).cloned().collect()
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Vec<String> {
        let recorded = self.lock();
        recorded.spans.iter().map(|it| format!("{} {}", it.place, it.text)).collect()
    }

    /// Whether all spans are closed.
    pub(crate) fn all_left(&self) -> bool {
        let recorded = self.lock();
        recorded.entered.is_empty() && recorded.spans.iter().all(|it| it.references == 0)
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap()
    }
}

fn place(metadata: &Metadata<'_>) -> String {
    format!("{} {}", metadata.level(), metadata.target())
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        TARGETS.contains(&metadata.target().split("::").next().unwrap_or_default())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut recorded = self.lock();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = match attributes.parent() {
            Some(parent) => Some(index(parent)),
            None if attributes.is_contextual() => recorded.entered.last().copied(),
            None => None,
        };
        let text = format!("{}{{{}}}", attributes.metadata().name(), fields.0.trim_start());
        let place = place(attributes.metadata());
        recorded.spans.push(Span { text, place, parent, references: 1 });
        Id::from_u64(recorded.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut recorded = self.lock();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = format!("{}{}", place(event.metadata()), fields.0);
        let (mut spans, mut next) = (Vec::new(), recorded.entered.last());
        while let Some(span) = next.map(|place| &recorded.spans[*place]) {
            spans.push(&*span.text);
            next = span.parent.as_ref();
        }
        for span in spans.iter().rev() {
            let _ = write!(line, " in {span}");
        }
        recorded.events.push(line);
    }

    fn enter(&self, id: &Id) {
        self.lock().entered.push(index(id));
    }

    fn exit(&self, id: &Id) {
        let left = self.lock().entered.pop();
        assert_eq!(left, Some(index(id)), "spans are left in their order");
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.lock().spans[index(id)].references += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let references = &mut self.lock().spans[index(&id)].references;
        *references -= 1;
        *references == 0
    }
}

/// The message, then each field.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(self.0, " {value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
