//! The decoder of nghttp2, as safe to use as ours.

use core::ffi::c_int;
use core::ptr::{self, NonNull};
use core::slice;

use hpack::{Field, FieldBuf};
use libnghttp2_sys as sys;

use crate::table::Snapshot;

/// nghttp2's `nghttp2_hd_inflater`, with a table of 4,096 octets at the beginning.
pub(crate) struct Inflater(NonNull<sys::nghttp2_hd_inflater>);

/// The block was refused; so will be every other.
#[derive(Debug)]
pub(crate) struct Refused;

/// The number of entries in the static table; those of the dynamic table follow.
const STATIC_ENTRIES: usize = 61;

impl Inflater {
    pub(crate) fn new() -> Self {
        let mut inflater = ptr::null_mut();
        // SAFETY: the pointer is written to a place of ours.
        let status = unsafe { sys::nghttp2_hd_inflate_new(&raw mut inflater) };
        assert_eq!(status, 0, "no memory");
        Self(NonNull::new(inflater).expect("it was made"))
    }

    /// The peer has acknowledged another bound of the table.
    pub(crate) fn set_table_bytes_max(&mut self, table_bytes_max: usize) {
        // SAFETY: the inflater lives, and no block is under way: `decode` ends each.
        let status =
            unsafe { sys::nghttp2_hd_inflate_change_table_size(self.0.as_ptr(), table_bytes_max) };
        assert_eq!(status, 0, "a block is under way");
    }

    /// Decodes a block and hands its fields out one by one.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the inflater changes behind its pointer")]
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        mut each: impl FnMut(Field<'_>),
    ) -> Result<(), Refused> {
        let inflater = self.0.as_ptr();
        let mut rest = block;
        loop {
            let mut nv = sys::nghttp2_nv {
                name: ptr::null_mut(),
                value: ptr::null_mut(),
                namelen: 0,
                valuelen: 0,
                flags: 0,
            };
            let mut flags: c_int = 0;
            // SAFETY: the inflater lives; all that is written to is ours; `rest` is as long as said.
            let used = unsafe {
                let (nv, flags) = (&raw mut nv, &raw mut flags);
                sys::nghttp2_hd_inflate_hd3(inflater, nv, flags, rest.as_ptr(), rest.len(), 1)
            };
            let Ok(used) = usize::try_from(used) else {
                // SAFETY: the inflater lives.
                unsafe { sys::nghttp2_hd_inflate_end_headers(inflater) };
                return Err(Refused);
            };
            rest = &rest[used..];
            if flags & sys::NGHTTP2_HD_INFLATE_EMIT as c_int != 0 {
                // SAFETY: a field was emitted, and it lives until the inflater is called again.
                each(unsafe { field(&nv) });
            }
            if flags & sys::NGHTTP2_HD_INFLATE_FINAL as c_int != 0 {
                // SAFETY: the inflater lives.
                unsafe { sys::nghttp2_hd_inflate_end_headers(inflater) };
                return Ok(());
            }
        }
    }

    /// The dynamic table.
    pub(crate) fn table(&self) -> Snapshot {
        let inflater = self.0.as_ptr();
        let mut entries = FieldBuf::new();
        // SAFETY: the inflater lives. An entry with an index in the tables is one, and lives as long
        // as nothing is decoded.
        unsafe {
            let count = sys::nghttp2_hd_inflate_get_num_table_entries(inflater);
            for index in STATIC_ENTRIES + 1..=count {
                let entry = sys::nghttp2_hd_inflate_get_table_entry(inflater, index);
                entries.push(field(&*entry));
            }
            Snapshot {
                size_max: sys::nghttp2_hd_inflate_get_max_dynamic_table_size(inflater),
                size: sys::nghttp2_hd_inflate_get_dynamic_table_size(inflater),
                entries,
            }
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it was made by `nghttp2_hd_inflate_new`, and nobody else has it.
        unsafe { sys::nghttp2_hd_inflate_del(self.0.as_ptr()) }
    }
}

/// # Safety
/// `nv` is as nghttp2 made it, and its name and value live as long as it does.
unsafe fn field(nv: &sys::nghttp2_nv) -> Field<'_> {
    // SAFETY: promised; nghttp2 ends every string with a zero, so empty ones have an address, too.
    let (name, value) = unsafe {
        (slice::from_raw_parts(nv.name, nv.namelen), slice::from_raw_parts(nv.value, nv.valuelen))
    };
    let sensitive = u32::from(nv.flags) & sys::NGHTTP2_NV_FLAG_NO_INDEX != 0;
    Field { name, value, sensitive }
}
