//! The end of a connection of HTTP/1.1.

use std::future::{Future, poll_fn};
use std::sync::Mutex;
use std::task::Poll;

use h1_proto::NextStep;

use super::link::{Link, lock};
use crate::wire::Closing;

/// Writes what is left and closes the transport as the machine says.
pub(super) fn close(link: &Mutex<Link>) -> impl Future<Output = ()> + Send {
    let mut closing: Option<Closing> = None;
    poll_fn(move |cx| {
        let link = &mut *lock(link);
        loop {
            link.answer_broken();
            match link.conn.next_step() {
                _ if link.wire.dead => return Poll::Ready(()),
                NextStep::HandOver => return Poll::Ready(()),
                // What is unsent now stays so: the client did not take it in time.
                NextStep::Close if link.conn.unsent() > 0 => return Poll::Ready(()),
                NextStep::Linger { .. } | NextStep::Close => {
                    let closing = closing.get_or_insert_with(|| link.closing());
                    return link.wire.poll_close(cx, closing);
                }
                _ => {}
            }
            let flushed = link.poll_flush(cx).is_ready();
            let step = link.conn.next_step();
            if flushed && !matches!(step, NextStep::Linger { .. } | NextStep::Close) {
                // Nothing is unsent, and the machine knows of nothing else to do.
                return Poll::Ready(());
            }
            if !flushed && link.poll_watch(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
}
