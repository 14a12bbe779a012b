//! What goes between nghttp2 and who uses it: calls, fields, frames and content.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::ptr::{self, NonNull};

use libnghttp2_sys::{
    NGHTTP2_FLAG_NONE, NGHTTP2_NV_FLAG_NO_COPY_NAME, NGHTTP2_NV_FLAG_NO_COPY_VALUE, nghttp2_frame,
    nghttp2_nv, nghttp2_session, nghttp2_session_resume_data, nghttp2_session_terminate_session,
    nghttp2_settings_entry, nghttp2_submit_goaway, nghttp2_submit_headers, nghttp2_submit_ping,
    nghttp2_submit_request2, nghttp2_submit_response2, nghttp2_submit_rst_stream,
    nghttp2_submit_settings, nghttp2_submit_shutdown_notice, nghttp2_submit_trailer,
    nghttp2_submit_window_update,
};

use super::nghttp2_callbacks::Provider;

/// Fields of a section, pseudo-fields first, as nghttp2 takes them.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    pairs: Vec<nghttp2_nv>,
    _borrowed: PhantomData<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Fields that are copied by each call.
    pub fn of<N: AsRef<[u8]> + ?Sized + 'a, V: AsRef<[u8]> + ?Sized + 'a>(
        fields: impl IntoIterator<Item = (&'a N, &'a V)>,
    ) -> Self {
        Self::with(0, fields.into_iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
    }

    fn with(flags: u32, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let pairs = fields.map(|(name, value)| nghttp2_nv {
            name: name.as_ptr().cast_mut(),
            value: value.as_ptr().cast_mut(),
            namelen: name.len(),
            valuelen: value.len(),
            flags: flags as u8,
        });
        Self { pairs: pairs.collect(), _borrowed: PhantomData }
    }
}

impl Fields<'static> {
    /// Fields that stay where they are, so that nothing is copied.
    #[must_use]
    pub fn constant(fields: &[(&'static str, &'static str)]) -> Self {
        let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
        Self::with(flags, fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }
}

/// What may be asked of a session, also while it calls its handler: it takes note, and calls nobody.
#[allow(missing_debug_implementations, reason = "there is nothing to show")]
pub struct Calls<'s> {
    session: NonNull<nghttp2_session>,
    content: Provider,
    _session: PhantomData<&'s mut ()>,
}

fn check(status: c_int) {
    assert!(status >= 0, "nghttp2 refuses the call: {status}");
}

impl Calls<'_> {
    /// # Safety
    /// The session is valid for as long as this lives, and so long used by nobody else.
    pub(super) unsafe fn new(session: NonNull<nghttp2_session>, content: Provider) -> Self {
        Self { session, content, _session: PhantomData }
    }

    fn session(&self) -> *mut nghttp2_session {
        self.session.as_ptr()
    }

    fn provider(&self, content: bool) -> *const Provider {
        if content { &raw const self.content } else { ptr::null() }
    }

    /// A request, on which stream; without content it is complete.
    ///
    /// # Panics
    /// If nghttp2 refuses; so do the other calls.
    pub fn request(&mut self, fields: &Fields<'_>, content: bool) -> u32 {
        let Fields { pairs, .. } = fields;
        let (session, provider) = (self.session(), self.provider(content));
        // SAFETY: the session is valid; it copies the pairs and the provider, and what they point
        // to, or that lives for ever.
        let stream = unsafe {
            nghttp2_submit_request2(
                session,
                ptr::null(),
                pairs.as_ptr(),
                pairs.len(),
                provider,
                ptr::null_mut(),
            )
        };
        u32::try_from(stream).expect("a stream")
    }

    /// A final response; without content it is complete.
    pub fn response(&mut self, stream: u32, fields: &Fields<'_>, content: bool) {
        let Fields { pairs, .. } = fields;
        let (session, provider) = (self.session(), self.provider(content));
        // SAFETY: as for a request.
        check(unsafe {
            nghttp2_submit_response2(session, stream as i32, pairs.as_ptr(), pairs.len(), provider)
        });
    }

    /// An interim response.
    pub fn informational(&mut self, stream: u32, fields: &Fields<'_>) {
        let Fields { pairs, .. } = fields;
        // SAFETY: as for a request.
        check(unsafe {
            nghttp2_submit_headers(
                self.session(),
                NGHTTP2_FLAG_NONE as u8,
                stream as i32,
                ptr::null(),
                pairs.as_ptr(),
                pairs.len(),
                ptr::null_mut(),
            )
        });
    }

    /// Trailers, which end a message whose content was [`Content::BeforeTrailers`].
    pub fn trailers(&mut self, stream: u32, fields: &Fields<'_>) {
        let Fields { pairs, .. } = fields;
        // SAFETY: as for a request.
        check(unsafe {
            nghttp2_submit_trailer(self.session(), stream as i32, pairs.as_ptr(), pairs.len())
        });
    }

    /// There is content again for a stream that had to wait; nothing if none waits there.
    pub fn resume(&mut self, stream: u32) {
        // SAFETY: the session is valid. That nothing waits is an error, which changes nothing.
        unsafe { nghttp2_session_resume_data(self.session(), stream as i32) };
    }

    /// RST_STREAM.
    pub fn reset(&mut self, stream: u32, code: u32) {
        // SAFETY: the session is valid.
        check(unsafe { nghttp2_submit_rst_stream(self.session(), 0, stream as i32, code) });
    }

    /// PING.
    pub fn ping(&mut self, data: [u8; 8]) {
        // SAFETY: the session is valid and copies eight octets.
        check(unsafe { nghttp2_submit_ping(self.session(), 0, data.as_ptr()) });
    }

    /// SETTINGS; the first are its greeting.
    pub fn settings(&mut self, entries: &[(u16, u32)]) {
        let entry = |&(id, value): &(u16, u32)| nghttp2_settings_entry {
            settings_id: i32::from(id),
            value,
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        // SAFETY: the session is valid and copies the entries.
        check(unsafe {
            nghttp2_submit_settings(self.session(), 0, entries.as_ptr(), entries.len())
        });
    }

    /// WINDOW_UPDATE, besides those that nghttp2 sends by itself.
    pub fn window_update(&mut self, stream: u32, octets: u32) {
        // SAFETY: the session is valid.
        check(unsafe {
            nghttp2_submit_window_update(self.session(), 0, stream as i32, octets as i32)
        });
    }

    /// GOAWAY, after which the streams that are open go on.
    pub fn goaway(&mut self, last_stream: u32, code: u32, debug_data: &[u8]) {
        // SAFETY: the session is valid and copies the data.
        check(unsafe {
            nghttp2_submit_goaway(
                self.session(),
                0,
                last_stream as i32,
                code,
                debug_data.as_ptr(),
                debug_data.len(),
            )
        });
    }

    /// The GOAWAY of a server that announces a shutdown.
    pub fn announce_shutdown(&mut self) {
        // SAFETY: the session is valid.
        check(unsafe { nghttp2_submit_shutdown_notice(self.session()) });
    }

    /// GOAWAY, after which nothing goes on.
    pub fn terminate(&mut self, code: u32) {
        // SAFETY: the session is valid.
        check(unsafe { nghttp2_session_terminate_session(self.session(), code) });
    }
}

/// A frame that was received whole and is fine.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "what it shows depends on its type")]
pub struct Received<'a>(pub(super) &'a nghttp2_frame);

impl Received<'_> {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> u8 {
        // SAFETY: every frame begins with its header.
        unsafe { self.0.hd.type_ }
    }

    /// Its flags.
    #[must_use]
    pub fn flags(&self) -> u8 {
        // SAFETY: the same.
        unsafe { self.0.hd.flags }
    }

    /// Its stream, or 0.
    #[must_use]
    pub fn stream(&self) -> u32 {
        // SAFETY: the same.
        unsafe { self.0.hd.stream_id as u32 }
    }

    /// Of a RST_STREAM or GOAWAY: its code.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        // SAFETY: the type says which it is.
        match self.kind() {
            3 => Some(unsafe { self.0.rst_stream.error_code }),
            7 => Some(unsafe { self.0.goaway.error_code }),
            _ => None,
        }
    }

    /// Of a GOAWAY: the last stream.
    #[must_use]
    pub fn last_stream(&self) -> Option<u32> {
        // SAFETY: the type says that it is one.
        if self.kind() == 7 { Some(unsafe { self.0.goaway.last_stream_id as u32 }) } else { None }
    }

    /// Of a PING: what it carries.
    #[must_use]
    pub fn opaque(&self) -> Option<[u8; 8]> {
        // SAFETY: the type says that it is one.
        if self.kind() == 6 { Some(unsafe { self.0.ping.opaque_data }) } else { None }
    }
}

/// Where content goes that is to be sent.
#[derive(Debug)]
pub struct Room<'a>(pub(super) &'a mut [MaybeUninit<u8>]);

impl Room<'_> {
    /// How much fits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the beginning of `content` there: how many octets that are.
    pub fn put(self, content: &[u8]) -> usize {
        let octets = content.len().min(self.0.len());
        // SAFETY: both are that long, and what is borrowed mutably is apart from the rest.
        unsafe { ptr::copy_nonoverlapping(content.as_ptr(), self.0.as_mut_ptr().cast(), octets) };
        octets
    }
}

/// What there is to send now on a stream, in octets; they were put into the [`Room`], or are
/// written by the handler.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a test makes them")]
pub enum Content {
    /// So many, and more to come.
    More(usize),
    /// The last.
    End(usize),
    /// The last but for trailers.
    BeforeTrailers(usize),
    /// None until [`Calls::resume`].
    Wait,
}
