//! What the encoder remembers of what it sent, for the policy to judge by.

use alloc::boxed::Box;

const FIELDS: usize = 128;
const NAMES: usize = 256;
const SCORE_MAX: i8 = 16;
/// Places of each table that are taken, and the highest score, before there are tables.
const TAKEN_MAX: usize = 7;
const EARLY_SCORE_MAX: i8 = 8;

/// What was sent before, by hashes: small tables in which what is new takes the place of what is
/// old. A collision makes a worse guess, nothing else.
#[derive(Clone, Default)]
pub(crate) struct History(Memory);

#[derive(Clone, Default)]
enum Memory {
    #[default]
    Empty,
    Few(Box<Few>),
    Full(Box<Tables>),
}

#[derive(Clone)]
struct Tables {
    fields: [u16; FIELDS],
    names: [i8; NAMES],
}

/// The same while little was sent, which on many connections is always.
#[derive(Clone, Default)]
struct Few {
    fields: Taken<u16>,
    names: Taken<i8>,
}

/// The places of a table that are not 0, in no order.
#[derive(Clone, Default)]
struct Taken<T> {
    values: [T; TAKEN_MAX],
    places: [u8; TAKEN_MAX],
    count: u8,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self(Memory::Empty)
    }

    pub(crate) const fn memory_bytes(&self) -> usize {
        match self.0 {
            Memory::Empty => 0,
            Memory::Few(_) => size_of::<Few>(),
            Memory::Full(_) => size_of::<Tables>(),
        }
    }

    /// The table held the field.
    #[inline]
    pub(crate) fn hit(&mut self, name_hash: u64) {
        let place = name_place(name_hash);
        if let Memory::Full(tables) = &mut self.0 {
            let score = &mut tables.names[place];
            *score = (*score + 1).min(SCORE_MAX);
        } else {
            self.0.hit_early(place);
        }
    }

    /// Whether a field was sent not long ago, and how its name did until now.
    #[inline]
    pub(crate) fn sighting(&self, name_hash: u64, field_hash: u64) -> (bool, i8) {
        let again = self.0.tag(field_place(field_hash)) == field_tag(field_hash);
        (again, self.0.score(name_place(name_hash)))
    }

    /// The table did not hold the field, which was sent not long ago all the same, or was not.
    #[inline]
    pub(crate) fn miss(&mut self, name_hash: u64, field_hash: u64, again: bool) {
        self.0.set_tag(field_place(field_hash), field_tag(field_hash));
        let place = name_place(name_hash);
        let change = if again { 1 } else { -1 };
        let score = self.0.score(place) + change;
        self.0.set_score(place, score.clamp(-SCORE_MAX, SCORE_MAX));
    }
}

impl Memory {
    #[inline]
    fn tag(&self, place: usize) -> u16 {
        match self {
            Self::Empty => 0,
            Self::Few(few) => few.fields.get(place),
            Self::Full(tables) => tables.fields[place],
        }
    }

    #[inline]
    fn score(&self, place: usize) -> i8 {
        match self {
            Self::Empty => 0,
            Self::Few(few) => few.names.get(place),
            Self::Full(tables) => tables.names[place],
        }
    }

    fn set_tag(&mut self, place: usize, tag: u16) {
        loop {
            match self {
                Self::Few(few) if few.fields.has_room(place) => return few.fields.set(place, tag),
                Self::Full(tables) => return tables.fields[place] = tag,
                _ => self.grow(),
            }
        }
    }

    fn set_score(&mut self, place: usize, score: i8) {
        loop {
            match self {
                Self::Few(few) if few.names.has_room(place) => return few.names.set(place, score),
                Self::Full(tables) => return tables.names[place] = score,
                _ => self.grow(),
            }
        }
    }

    /// A hit before there are tables.
    #[inline(never)]
    fn hit_early(&mut self, place: usize) {
        let score = self.score(place) + 1;
        self.set_score(place, score);
        if score >= EARLY_SCORE_MAX {
            // It is in use: tables cost less time.
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        match self {
            Self::Empty => *self = Self::Few(Box::default()),
            Self::Few(few) => {
                let mut tables = Box::new(Tables { fields: [0; FIELDS], names: [0; NAMES] });
                few.fields.spread(&mut tables.fields);
                few.names.spread(&mut tables.names);
                *self = Self::Full(tables);
            }
            Self::Full(_) => {}
        }
    }
}

impl<T: Copy + Default> Taken<T> {
    #[inline]
    fn find(&self, place: usize) -> Option<usize> {
        let taken = self.places.iter().take(usize::from(self.count));
        taken.copied().position(|it| usize::from(it) == place)
    }

    #[inline]
    fn get(&self, place: usize) -> T {
        self.find(place).map_or_else(T::default, |at| self.values[at])
    }

    /// Whether this place can be set.
    #[inline]
    fn has_room(&self, place: usize) -> bool {
        usize::from(self.count) < TAKEN_MAX || self.find(place).is_some()
    }

    #[inline]
    fn set(&mut self, place: usize, value: T) {
        let at = self.find(place).unwrap_or_else(|| usize::from(self.count));
        self.count = self.count.max(at as u8 + 1);
        self.places[at] = place as u8;
        self.values[at] = value;
    }

    fn spread(&self, table: &mut [T]) {
        for (&place, &value) in self.places.iter().zip(&self.values).take(usize::from(self.count)) {
            table[usize::from(place)] = value;
        }
    }
}

const fn name_place(name_hash: u64) -> usize {
    (name_hash >> 40) as usize % NAMES
}

const fn field_place(field_hash: u64) -> usize {
    (field_hash >> 40) as usize % FIELDS
}

/// Never 0, which marks a place that is empty.
const fn field_tag(field_hash: u64) -> u16 {
    field_hash as u16 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many names and fields there are, what is remembered is what whole tables hold.
    #[test]
    fn a_small_history_is_like_a_large_one() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for hashes in 1..20 {
            let mut small = History::new();
            let mut large = History::new();
            large.0.grow();
            large.0.grow();
            for _ in 0..500 {
                // Some of them have the same place.
                let name_hash = (next(hashes) * 3) << 45;
                let field_hash = (next(hashes) << 46) | (next(2) << 1);
                let (again, score) = small.sighting(name_hash, field_hash);
                assert_eq!((again, score), large.sighting(name_hash, field_hash));
                for history in [&mut small, &mut large] {
                    match again {
                        true => history.hit(name_hash),
                        false => history.miss(name_hash, field_hash, again),
                    }
                }
            }
        }
    }
}
