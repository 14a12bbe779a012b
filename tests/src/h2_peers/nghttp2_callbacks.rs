//! What nghttp2 calls: each goes to the [`Handler`] of the session.

use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;

use libnghttp2_sys::{
    NGHTTP2_DATA_FLAG_EOF, NGHTTP2_DATA_FLAG_NO_COPY, NGHTTP2_DATA_FLAG_NO_END_STREAM,
    NGHTTP2_ERR_DEFERRED, nghttp2_data_provider2, nghttp2_data_source, nghttp2_frame,
    nghttp2_session, nghttp2_session_callbacks, nghttp2_session_callbacks_new,
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback,
    nghttp2_session_callbacks_set_on_frame_recv_callback,
    nghttp2_session_callbacks_set_on_header_callback,
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback,
    nghttp2_session_callbacks_set_on_stream_close_callback,
    nghttp2_session_callbacks_set_select_padding_callback2,
    nghttp2_session_callbacks_set_send_data_callback,
};

use super::nghttp2::Handler;
use super::nghttp2_wire::{Calls, Content, Received, Room};

/// How nghttp2 gets content; one function for all streams.
pub(super) type Provider = nghttp2_data_provider2;

/// The provider of a handler.
pub(super) fn provider<H: Handler>() -> Provider {
    let source = nghttp2_data_source { ptr: ptr::null_mut() };
    nghttp2_data_provider2 { source, read_callback: Some(on_read::<H>) }
}

/// The callbacks of a handler, to be given back.
pub(super) fn callbacks<H: Handler>() -> *mut nghttp2_session_callbacks {
    let mut callbacks = ptr::null_mut();
    // SAFETY: it writes a pointer to where we have one, which is valid for the calls that follow.
    unsafe {
        assert_eq!(nghttp2_session_callbacks_new(&raw mut callbacks), 0, "out of memory");
        nghttp2_session_callbacks_set_on_header_callback(callbacks, Some(on_header::<H>));
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Some(on_frame::<H>));
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Some(on_data::<H>));
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Some(on_close::<H>));
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
            callbacks,
            Some(on_invalid::<H>),
        );
        if H::PADS {
            let on_padding = Some(on_padding::<H> as _);
            nghttp2_session_callbacks_set_select_padding_callback2(callbacks, on_padding);
        }
        if H::SPLICES {
            nghttp2_session_callbacks_set_send_data_callback(callbacks, Some(on_splice::<H>));
        }
    }
    callbacks
}

/// The handler and the session, in a callback.
///
/// # Safety
/// Both are those of a [`Session`](super::nghttp2::Session) that runs, with handlers of this type.
unsafe fn parts<'a, H: Handler>(
    session: *mut nghttp2_session,
    user: *mut c_void,
) -> (&'a mut H, Calls<'a>) {
    // SAFETY: the session runs, so nobody else uses either; its calls call nobody.
    unsafe {
        let session = NonNull::new_unchecked(session);
        (&mut *user.cast::<H>(), Calls::new(session, provider::<H>()))
    }
}

// Of all that follows: nghttp2 calls with the session that runs, the handler that was given with it,
// and pointers that are valid during the call. A panic does not get out of a function of C: it aborts.

unsafe extern "C" fn on_header<H: Handler>(
    session: *mut nghttp2_session,
    frame: *const nghttp2_frame,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
    _flags: u8,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        let (handler, _) = parts::<H>(session, user);
        let name = slice::from_raw_parts(name, name_len);
        let value = slice::from_raw_parts(value, value_len);
        handler.field(Received(&*frame).stream(), name, value);
    }
    0
}

unsafe extern "C" fn on_frame<H: Handler>(
    session: *mut nghttp2_session,
    frame: *const nghttp2_frame,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        let (handler, session) = parts::<H>(session, user);
        handler.frame(session, Received(&*frame));
    }
    0
}

unsafe extern "C" fn on_invalid<H: Handler>(
    session: *mut nghttp2_session,
    frame: *const nghttp2_frame,
    error: c_int,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe { parts::<H>(session, user).0.invalid(Received(&*frame).stream(), error) };
    0
}

unsafe extern "C" fn on_data<H: Handler>(
    session: *mut nghttp2_session,
    _flags: u8,
    stream: i32,
    data: *const u8,
    len: usize,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        let (handler, session) = parts::<H>(session, user);
        handler.data(session, stream as u32, slice::from_raw_parts(data, len));
    }
    0
}

unsafe extern "C" fn on_close<H: Handler>(
    session: *mut nghttp2_session,
    stream: i32,
    code: u32,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above.
    unsafe { parts::<H>(session, user).0.closed(stream as u32, code) };
    0
}

unsafe extern "C" fn on_padding<H: Handler>(
    session: *mut nghttp2_session,
    frame: *const nghttp2_frame,
    payload_max: usize,
    user: *mut c_void,
) -> isize {
    // SAFETY: see above.
    let (handler, length) = unsafe { (parts::<H>(session, user).0, (*frame).hd.length) };
    (length + handler.padding(payload_max.saturating_sub(length))) as isize
}

unsafe extern "C" fn on_read<H: Handler>(
    session: *mut nghttp2_session,
    stream: i32,
    room: *mut u8,
    room_len: usize,
    flags: *mut u32,
    _source: *mut nghttp2_data_source,
    user: *mut c_void,
) -> isize {
    // SAFETY: see above; the room may hold anything.
    let content = unsafe {
        let (handler, session) = parts::<H>(session, user);
        let room = slice::from_raw_parts_mut(room.cast::<MaybeUninit<u8>>(), room_len);
        handler.content(session, stream as u32, Room(room))
    };
    let no_copy = if H::SPLICES { NGHTTP2_DATA_FLAG_NO_COPY } else { 0 };
    let (octets, more) = match content {
        Content::More(octets) => (octets, 0),
        Content::End(octets) => (octets, NGHTTP2_DATA_FLAG_EOF),
        Content::BeforeTrailers(octets) => {
            (octets, NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM)
        }
        Content::Wait => return NGHTTP2_ERR_DEFERRED as isize,
    };
    assert!(octets <= room_len, "more than there is room for");
    // SAFETY: see above.
    unsafe { *flags = no_copy | more };
    octets as isize
}

unsafe extern "C" fn on_splice<H: Handler>(
    session: *mut nghttp2_session,
    _frame: *mut nghttp2_frame,
    header: *const u8,
    len: usize,
    _source: *mut nghttp2_data_source,
    user: *mut c_void,
) -> c_int {
    // SAFETY: see above; a header has nine octets.
    unsafe { parts::<H>(session, user).0.splice(slice::from_raw_parts(header, 9), len) };
    0
}
