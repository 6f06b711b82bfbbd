//! What a gang's conductor has said and the client has not taken: in memory while it is little, then on disk.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::cluster::link::{MOST_PAYLOAD, Parcel, ParcelKind};

/// So many bytes stay in memory.
const MEMORY: usize = 128 * 1024;
/// A file on disk has so many bytes, and a parcel more: it goes when all of it is read.
const SEGMENT: u64 = 8 * 1024 * 1024;
/// The bytes before a parcel: its kind and its length.
const HEADER: usize = 5;

/// Parcels in order, first in first out.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// The oldest parcels.
    memory: VecDeque<Parcel>,
    memory_bytes: usize,
    /// The others, the oldest file first.
    segments: VecDeque<Segment>,
    /// How many files there have been.
    count: u64,
}

/// One file of parcels: the last one is written, the first one is read.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    written: u64,
    reader: Option<BufReader<File>>,
    read: u64,
}

impl Spool {
    /// Makes a spool whose files lie in a folder, which need not be there before there is one.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, memory: VecDeque::new(), memory_bytes: 0, segments: VecDeque::new(), count: 0 }
    }

    /// Keeps a parcel. One that cannot be kept leaves the spool as it was.
    pub(super) fn push(&mut self, parcel: &Parcel) -> io::Result<()> {
        let is_little = self.memory_bytes + parcel.bytes.len() <= MEMORY;
        if self.segments.is_empty() && (is_little || self.memory.is_empty()) {
            self.memory_bytes += parcel.bytes.len();
            self.memory.push_back(parcel.clone());
            return Ok(());
        }
        match self.segments.back_mut().filter(|segment| segment.written < SEGMENT) {
            Some(segment) => segment.write(parcel),
            None => {
                let path = self.folder.join(self.count.to_string());
                let mut segment = Segment::create(&self.folder, path)?;
                segment.write(parcel)?;
                self.count += 1;
                self.segments.push_back(segment);
                Ok(())
            }
        }
    }

    /// Takes the oldest parcel.
    pub(super) fn pop(&mut self) -> io::Result<Option<Parcel>> {
        if let Some(parcel) = self.memory.pop_front() {
            self.memory_bytes -= parcel.bytes.len();
            return Ok(Some(parcel));
        }
        let Some(segment) = self.segments.front_mut() else { return Ok(None) };
        let parcel = segment.read()?;
        if segment.read == segment.written {
            self.segments.pop_front();
        }
        Ok(Some(parcel))
    }
}

impl Segment {
    fn create(folder: &Path, path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = File::create(&path)?;
        Ok(Self { path, file, written: 0, reader: None, read: 0 })
    }

    fn write(&mut self, parcel: &Parcel) -> io::Result<()> {
        let kind = match parcel.kind {
            ParcelKind::Part => 0,
            ParcelKind::Last => 1,
            ParcelKind::End => 2,
        };
        let length = u32::try_from(parcel.bytes.len()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(HEADER + parcel.bytes.len());
        record.push(kind);
        record.extend(length.to_be_bytes());
        record.extend_from_slice(&parcel.bytes);
        if let Err(error) = self.file.write_all(&record) {
            // A part of a record would be taken for the next one.
            self.file.set_len(self.written)?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.written))?;
            return Err(error);
        }
        self.written += record.len() as u64;
        Ok(())
    }

    fn read(&mut self) -> io::Result<Parcel> {
        if self.reader.is_none() {
            self.reader = Some(BufReader::with_capacity(16 * 1024, File::open(&self.path)?));
        }
        let reader = self.reader.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        let [kind, length @ ..] = header;
        let kind = match kind {
            0 => ParcelKind::Part,
            1 => ParcelKind::Last,
            2 => ParcelKind::End,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
        if length > MOST_PAYLOAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        self.read += (HEADER + length) as u64;
        Ok(Parcel { kind, bytes: bytes.into() })
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // The whole store goes with the hub.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parcel(number: usize, length: usize) -> Parcel {
        let kind = [ParcelKind::Part, ParcelKind::Last, ParcelKind::End][number % 3];
        Parcel {
            kind,
            bytes: number.to_le_bytes().into_iter().cycle().take(length).collect::<Vec<u8>>().into(),
        }
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn it_gives_what_it_got_in_order(acts in prop::collection::vec(prop::option::of(0_usize..MOST_PAYLOAD), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = Spool::new(folder.path().join("spool"));
            let mut model = VecDeque::new();
            for (number, act) in acts.into_iter().enumerate() {
                match act {
                    Some(length) => {
                        spool.push(&parcel(number, length)).unwrap();
                        model.push_back(parcel(number, length));
                    }
                    None => prop_assert_eq!(spool.pop().unwrap(), model.pop_front()),
                }
                prop_assert!(spool.memory_bytes <= MEMORY.max(MOST_PAYLOAD));
            }
            while let Some(expected) = model.pop_front() {
                prop_assert_eq!(spool.pop().unwrap(), Some(expected));
            }
            prop_assert_eq!(spool.pop().unwrap(), None);
            prop_assert_eq!(files(&folder.path().join("spool")), 0);
        }
    }

    #[test]
    fn files_go_as_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path().to_owned());
        let count = 40 * 1024 * 1024 / MOST_PAYLOAD;
        (0..count).for_each(|number| spool.push(&parcel(number, MOST_PAYLOAD)).unwrap());
        assert_eq!(files(folder.path()), 5);
        (0..count / 2).for_each(|number| assert!(spool.pop().unwrap() == Some(parcel(number, MOST_PAYLOAD))));
        assert_eq!(files(folder.path()), 3);
        drop(spool);
        assert_eq!(files(folder.path()), 0);
    }
}
