//! Events of the machine, on their way to the exchanges.

use std::mem;

use h2_proto::{ConnectionError, Event};

use super::asked::Arrival;
use super::shared::State;
use crate::scratch::Buffers;

/// What came out of the machine, for the driver.
pub(crate) enum Pulled {
    Request(Arrival),
    /// A task whose stream is gone.
    Stop(u32),
    Other,
    Nothing,
    Error(ConnectionError),
}

/// The next event. `task`: who answers, if it is a request.
pub(crate) fn pull(state: &mut State, buffers: &mut Buffers, task: u32) -> Pulled {
    let State { conn, out, .. } = state;
    let Buffers { input, used, fields, out: spare, exchanges, .. } = buffers;
    if out.capacity() == 0 {
        *out = mem::take(spare);
    }
    let mut rest = input.get(*used..).unwrap_or_default();
    let event = conn.next_event(&mut rest, fields, out);
    *used = input.len() - rest.len();
    match event {
        Ok(Some(Event::Request { stream, head, end_stream, began })) => {
            let (method, pseudo) = (head.method(), head.pseudo_fields());
            let (is_head, is_connect) = (method == b"HEAD", method == b"CONNECT");
            exchanges.leave_to(&mut state.exchanges);
            let exchange = state.exchanges.open(stream);
            exchange.task = task;
            exchange.is_head = is_head;
            exchange.is_connect = is_connect;
            if end_stream {
                exchange.end = Some(Ok(()));
            }
            let fields = mem::replace(fields, state.exchanges.take_fields());
            return Pulled::Request(Arrival { stream, fields, pseudo, end_stream, began });
        }
        Ok(Some(Event::Data { stream, data, end_stream, .. })) => {
            state.received(stream, data, end_stream);
        }
        Ok(Some(Event::Trailers { stream, .. })) => state.received_trailers(stream, fields),
        Ok(Some(Event::Reset { stream, code, .. })) => {
            if let Some(task) = state.reset(stream, code) {
                return Pulled::Stop(task);
            }
        }
        Ok(Some(_)) => {}
        Ok(None) => return Pulled::Nothing,
        Err(error) => return Pulled::Error(error),
    }
    Pulled::Other
}
