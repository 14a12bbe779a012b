//! Dynamic tables of HPACK as harnesses choose and compare them.

use hpack::{DynamicTable, FieldBuf, FieldLimits};

/// Sizes of tables, in octets: none, about one entry, a few, about the default, many.
pub(crate) const SIZES: [usize; 16] =
    [0, 31, 32, 34, 64, 100, 128, 200, 500, 1 << 10, 4095, 4096, 4097, 8 << 10, 16 << 10, 64 << 10];

/// Limits beyond all that a harness chooses. There have to be some: one octet may stand for an
/// entry of the table.
pub(crate) const AMPLE: FieldLimits =
    FieldLimits { section_bytes_max: 1 << 18, fields_max: usize::MAX };

/// A table as it was at some time.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) size_max: usize,
    pub(crate) size: usize,
    /// The newest first.
    pub(crate) entries: FieldBuf,
}

impl Snapshot {
    /// What the table says of itself must fit what is in it.
    pub(crate) fn of(table: &DynamicTable) -> Self {
        let mut entries = FieldBuf::new();
        table.entries(&mut entries);
        assert_eq!((table.len(), table.size()), (entries.len(), entries.section_bytes()));
        assert_eq!(table.is_empty(), entries.is_empty());
        assert!(table.size() <= table.size_max());
        Self { size_max: table.size_max(), size: table.size(), entries }
    }
}

/// The octets that a table of this size may have allocated: that many for its octets, as many for
/// its list of entries, and what a small one begins with.
pub(crate) fn memory_max(size_max: usize) -> usize {
    2 * size_max + 256
}
