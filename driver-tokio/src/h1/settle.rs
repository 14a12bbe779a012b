//! The end of an exchange of HTTP/1.1, whatever became of its handler.

use h1_proto::SendError;

use super::link::{Link, error_fields};
use crate::date;
use crate::error::HandlerError;
use crate::gate::Gate;
use crate::outcome::Outcome;

/// What became of a handler.
pub(super) enum Handled {
    Returned(Result<(), HandlerError>),
    Panicked,
    /// The connection ended before the handler did.
    Cut,
}

/// Brings an exchange to its end, whatever the handler left of it.
pub(super) fn settle(link: &mut Link, handled: Handled, gate: &Gate) {
    let failure = match handled {
        Handled::Cut => {
            link.answer_broken();
            return;
        }
        Handled::Returned(Ok(())) => match link.conn.finish(&mut link.wire.out) {
            // Finished now, or the handler did it itself.
            Ok(()) => return,
            Err(SendError::WrongState) if !link.conn.owes_answer() => return,
            Err(SendError::Closed) => return,
            Err(error) => HandlerError::Send(error.into()),
        },
        Handled::Returned(Err(error)) => error,
        Handled::Panicked => HandlerError::Application("the handler panicked".into()),
    };
    if link.wire.dead {
        return;
    }
    if link.broken.is_some() {
        // Whatever the handler made of it, the fault is the client's.
        link.answer_broken();
        return;
    }
    tracing::error!(error = %failure, "a handler failed");
    gate.count_failed();
    if link.conn.owes_answer() {
        let date = link.date_time().map(date::at);
        let (fields, content) = (error_fields(date.as_ref()), b"500 Internal Server Error\n");
        let sent = link.conn.respond(500, fields, content, &mut link.wire.out);
        debug_assert!(sent.is_ok());
    } else if !link.conn.is_answered() {
        link.conn.abort_response();
        link.wire.ends_by(Outcome::HandlerError);
    }
}
