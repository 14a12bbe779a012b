//! The fields of an answer with those behind them that the driver adds, walked as often as the machine likes.

use std::marker::PhantomData;
use std::slice;

use crate::head::Field;

/// See the module.
#[derive(Clone)]
pub(crate) struct With<'f, 'd, I> {
    fields: I,
    added: &'d [Field<'d>],
    lifetime: PhantomData<&'f ()>,
}

impl<'d, I> With<'_, 'd, I> {
    pub(crate) fn new(fields: I, added: &'d [Field<'d>]) -> Self {
        Self { fields, added, lifetime: PhantomData }
    }
}

impl<'f: 'd, 'd, I> IntoIterator for With<'f, 'd, I>
where
    I: IntoIterator,
    I::Item: Into<Field<'f>>,
{
    type Item = Field<'d>;
    type IntoIter = Iter<'f, 'd, I::IntoIter>;

    fn into_iter(self) -> Self::IntoIter {
        let fields = self.fields.into_iter();
        Iter { fields, added: self.added.iter(), lifetime: PhantomData }
    }
}

/// See [`With`].
pub(crate) struct Iter<'f, 'd, I> {
    fields: I,
    added: slice::Iter<'d, Field<'d>>,
    lifetime: PhantomData<&'f ()>,
}

impl<'f: 'd, 'd, I> Iterator for Iter<'f, 'd, I>
where
    I: Iterator,
    I::Item: Into<Field<'f>>,
{
    type Item = Field<'d>;

    #[inline]
    fn next(&mut self) -> Option<Field<'d>> {
        match self.fields.next() {
            Some(field) => Some(field.into()),
            None => self.added.next().copied(),
        }
    }
}
