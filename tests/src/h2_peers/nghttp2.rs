//! A session of nghttp2, in C, on buffers in memory: all that is unsafe of the peers of HTTP/2 is
//! here and in the files beside that begin with its name.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;

use libnghttp2_sys::{
    nghttp2_mem, nghttp2_session, nghttp2_session_callbacks_del, nghttp2_session_client_new3,
    nghttp2_session_del, nghttp2_session_mem_recv2, nghttp2_session_mem_send2,
    nghttp2_session_server_new3, nghttp2_session_want_read, nghttp2_session_want_write,
};

use super::nghttp2_callbacks::{callbacks, provider};
use super::nghttp2_memory::Memory;
use super::nghttp2_wire::{Calls, Content, Received, Room};

/// What uses a session.
pub trait Handler {
    /// Whether [`padding`](Self::padding) is asked.
    const PADS: bool = false;
    /// Whether content is not put into the room, but written in [`splice`](Self::splice).
    const SPLICES: bool = false;

    /// Octets to send.
    fn output(&mut self, octets: &[u8]);
    /// A field of the section that is received.
    fn field(&mut self, stream: u32, name: &[u8], value: &[u8]) {
        let _ = (stream, name, value);
    }
    /// A frame was received, all its fields or content before it.
    fn frame(&mut self, session: Calls<'_>, frame: Received<'_>);
    /// A piece of content.
    fn data(&mut self, session: Calls<'_>, stream: u32, data: &[u8]) {
        let _ = (session, stream, data);
    }
    /// A frame was received that is not fine: the error of nghttp2.
    fn invalid(&mut self, stream: u32, error: i32) {
        let _ = (stream, error);
    }
    /// A stream is over.
    fn closed(&mut self, stream: u32, code: u32) {
        let _ = (stream, code);
    }
    /// Content to send on a stream.
    fn content(&mut self, session: Calls<'_>, stream: u32, room: Room<'_>) -> Content;
    /// The header of a frame, and behind it so many octets that are the handler's to write.
    fn splice(&mut self, header: &[u8], octets: usize) {
        let _ = (header, octets);
    }
    /// Octets of padding for a frame, at most `octets_max`.
    fn padding(&mut self, octets_max: usize) -> usize {
        let _ = octets_max;
        0
    }
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Role {
    /// Sends requests.
    Client,
    /// Answers them.
    Server,
}

/// One end of a connection. It greets with the first [`Calls::settings`].
pub struct Session<H: Handler> {
    session: NonNull<nghttp2_session>,
    /// From a box. The session points to it, so it is never borrowed while the session runs.
    handler: NonNull<H>,
    memory: Rc<Memory>,
    _owned: PhantomData<H>,
}

impl<H: Handler> fmt::Debug for Session<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl<H: Handler> Drop for Session<H> {
    fn drop(&mut self) {
        // SAFETY: both were made in `make` and are used no more. The session goes first; its hooks
        // and their memory outlive it.
        unsafe {
            nghttp2_session_del(self.session.as_ptr());
            drop(Box::from_raw(self.handler.as_ptr()));
        }
    }
}

impl<H: Handler> Session<H> {
    /// A session with the memory of C.
    pub fn new(role: Role, handler: H) -> Self {
        Self::make(role, handler, false)
    }

    /// A session whose memory is counted.
    pub fn counted(role: Role, handler: H) -> Self {
        Self::make(role, handler, true)
    }

    fn make(role: Role, handler: H, counted: bool) -> Self {
        let memory = Rc::new(Memory::default());
        let handler = NonNull::from(Box::leak(Box::new(handler)));
        let callbacks = callbacks::<H>();
        let mut hooks = memory.hooks();
        let hooks: *mut nghttp2_mem = if counted { &raw mut hooks } else { ptr::null_mut() };
        let mut session = ptr::null_mut();
        let new = match role {
            Role::Client => nghttp2_session_client_new3,
            Role::Server => nghttp2_session_server_new3,
        };
        // SAFETY: it writes a pointer to where we have one, and copies the callbacks and the hooks;
        // the handler and the memory live longer than the session.
        let status = unsafe {
            new(&raw mut session, callbacks, handler.as_ptr().cast(), ptr::null(), hooks)
        };
        // SAFETY: they are ours and used no more.
        unsafe { nghttp2_session_callbacks_del(callbacks) };
        assert_eq!(status, 0, "out of memory");
        let session = NonNull::new(session).expect("a session");
        Self { session, handler, memory, _owned: PhantomData }
    }

    /// What may be asked of it.
    pub fn calls(&mut self) -> Calls<'_> {
        // SAFETY: the session is valid and borrowed for as long.
        unsafe { Calls::new(self.session, provider::<H>()) }
    }

    /// Its handler.
    pub fn handler(&mut self) -> &mut H {
        // SAFETY: it is valid, and the session does not run.
        unsafe { self.handler.as_mut() }
    }

    /// Its handler, to be looked at.
    pub fn seen(&self) -> &H {
        // SAFETY: it is valid, and the session does not run.
        unsafe { self.handler.as_ref() }
    }

    /// Its memory, if it is counted.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Octets were received.
    ///
    /// # Errors
    /// The error of nghttp2 after which the connection is lost.
    ///
    /// # Panics
    /// If it takes only some of them, for which nobody asked.
    pub fn receive(&mut self, octets: &[u8]) -> Result<(), i32> {
        // SAFETY: the session is valid and reads as many octets as there are.
        let taken = unsafe {
            nghttp2_session_mem_recv2(self.session.as_ptr(), octets.as_ptr(), octets.len())
        };
        let taken = usize::try_from(taken).map_err(|_| taken as i32)?;
        assert_eq!(taken, octets.len());
        Ok(())
    }

    /// Gives all that is to be sent to [`Handler::output`].
    ///
    /// # Errors
    /// The error of nghttp2 after which the connection is lost.
    pub fn send(&mut self) -> Result<(), i32> {
        loop {
            let mut octets = ptr::null();
            // SAFETY: the session is valid and writes a pointer to where we have one.
            let len = unsafe { nghttp2_session_mem_send2(self.session.as_ptr(), &raw mut octets) };
            match usize::try_from(len) {
                Err(_) => return Err(len as i32),
                Ok(0) => return Ok(()),
                Ok(len) => {
                    // SAFETY: so many octets are there until the next call.
                    let octets = unsafe { slice::from_raw_parts(octets, len) };
                    self.handler().output(octets);
                }
            }
        }
    }

    /// Whether anything is left to read or to write; if not, the connection is over.
    pub fn is_over(&self) -> bool {
        let session = self.session.as_ptr();
        // SAFETY: the session is valid.
        unsafe {
            nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
        }
    }
}
