//! Puts a peer's RTMP chunks together to messages (Adobe RTMP 1.0 §5.3).
//!
//! Bounded whatever comes: so many chunk streams, so many bytes a message; chunks of different
//! messages may interleave.

use bytes::{Buf, Bytes, BytesMut};
use std::collections::HashMap;

/// Chunk streams a peer may use. Servers use three or four.
const MAX_CHUNK_STREAMS: usize = 32;
/// Before a Set Chunk Size (§5.4.1).
const INITIAL_CHUNK_SIZE: usize = 128;
/// In the 24-bit field: the timestamp follows in 32 bits (§5.3.1.3).
const EXTENDED: u32 = 0xFF_FFFF;

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message type id (§5.4, §7.1).
    pub kind: u8,
    /// Message stream id.
    pub stream: u32,
    /// Milliseconds, wraps.
    pub timestamp: u32,
    pub payload: Bytes,
}

/// What no RTMP peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("a chunk refers to a chunk stream that never had a full header")]
    NoHeader,
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams are in use")]
    TooManyStreams,
    #[error("a message of {length} bytes is announced, at most {limit} are accepted")]
    TooLong { length: usize, limit: usize },
    #[error("the chunk size is set to {0}")]
    ChunkSize(u32),
}

/// The reader. Feed it bytes, ask for messages; apply Set Chunk Size and Abort before the next one.
pub struct ChunkReader {
    buffer: BytesMut,
    chunk_size: usize,
    limit: usize,
    streams: HashMap<u32, ChunkStream>,
    consumed: u64,
}

#[derive(Default)]
struct ChunkStream {
    timestamp: u32,
    /// The last header's 24-bit timestamp field or what stood in its place.
    step: u32,
    extended: bool,
    length: usize,
    kind: u8,
    stream: u32,
    payload: BytesMut,
}

/// A chunk's header, read but not yet applied.
struct Header {
    id: u32,
    format: u8,
    field: Option<u32>,
    length: Option<(usize, u8)>,
    stream: Option<u32>,
    bytes: usize,
}

impl ChunkReader {
    /// A reader that takes messages of up to `limit` payload bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            chunk_size: INITIAL_CHUNK_SIZE,
            limit,
            streams: HashMap::new(),
            consumed: 0,
        }
    }

    /// Adds received bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of all chunks read so far.
    pub const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The peer's Set Chunk Size. The top bit must be zero (§5.4.1); sizes beyond the message limit
    /// are harmless, since messages are bounded anyway.
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), ChunkError> {
        if size == 0 || size > 0x7FFF_FFFF {
            return Err(ChunkError::ChunkSize(size));
        }
        self.chunk_size = size as usize;
        Ok(())
    }

    /// The peer's Abort (§5.4.2): forgets the begun message of a chunk stream.
    pub fn abort(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.payload.clear();
        }
    }

    /// The next whole message, `None` when more bytes are needed.
    pub fn next_message(&mut self) -> Result<Option<Message>, ChunkError> {
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let Some(finished) = self.chunk(&header)? else { return Ok(None) };
            if let Some(message) = finished {
                return Ok(Some(message));
            }
        }
    }

    /// Reads a chunk header without consuming it.
    fn header(&self) -> Result<Option<Header>, ChunkError> {
        let mut input: &[u8] = &self.buffer;
        let Ok(first) = input.try_get_u8() else { return Ok(None) };
        let format = first >> 6;
        let id = match first & 0x3F {
            0 => input.try_get_u8().map(|id| u32::from(id) + 64),
            1 => input.try_get_u16_le().map(|id| u32::from(id) + 64),
            id => Ok(u32::from(id)),
        };
        let Ok(id) = id else { return Ok(None) };
        let known = self.streams.get(&id);
        if known.is_none() {
            if format != 0 {
                return Err(ChunkError::NoHeader);
            }
            if self.streams.len() >= MAX_CHUNK_STREAMS {
                return Err(ChunkError::TooManyStreams);
            }
        }
        // Type 0 has 11 bytes of message header, type 1 seven, type 2 three, type 3 none (§5.3.1.2).
        let needed = [11, 7, 3, 0][usize::from(format)];
        if input.len() < needed {
            return Ok(None);
        }
        let mut field = (format < 3).then(|| input.get_uint(3) as u32);
        let length = (format < 2).then(|| (input.get_uint(3) as usize, input.get_u8()));
        let stream = (format == 0).then(|| input.get_u32_le());
        let extended = match field {
            Some(field) => field == EXTENDED,
            None => known.is_some_and(|known| known.extended),
        };
        if extended {
            let Ok(time) = input.try_get_u32() else { return Ok(None) };
            field = field.map(|_| time);
        }
        if let Some((length, _)) = length
            && length > self.limit
        {
            return Err(ChunkError::TooLong { length, limit: self.limit });
        }
        Ok(Some(Header { id, format, field, length, stream, bytes: self.buffer.len() - input.len() }))
    }

    /// Consumes a chunk once all of it is there. `Some(None)`: its message goes on.
    fn chunk(&mut self, header: &Header) -> Result<Option<Option<Message>>, ChunkError> {
        let known = self.streams.get(&header.id);
        let length = match (header.length, known) {
            (Some((length, _)), _) => length,
            (None, Some(known)) => known.length,
            (None, None) => return Err(ChunkError::NoHeader),
        };
        // A new header in the middle of a message starts a new message: what was begun is lost.
        let begun = known.map_or(0, |known| known.payload.len());
        let starts = begun == 0 || header.format != 3;
        let wanted = (length - if starts { 0 } else { begun }).min(self.chunk_size);
        if self.buffer.len() < header.bytes + wanted {
            return Ok(None);
        }
        self.buffer.advance(header.bytes);
        let payload = self.buffer.split_to(wanted);
        self.consumed += (header.bytes + wanted) as u64;

        let stream = self.streams.entry(header.id).or_default();
        if starts {
            stream.payload.clear();
            stream.apply(header);
        }
        stream.payload.extend_from_slice(&payload);
        Ok(Some((stream.payload.len() >= stream.length).then(|| stream.take())))
    }
}

impl ChunkStream {
    fn apply(&mut self, header: &Header) {
        if let Some(field) = header.field {
            self.step = field;
            self.extended = field >= EXTENDED;
        }
        self.timestamp = if header.format == 0 { self.step } else { self.timestamp.wrapping_add(self.step) };
        if let Some((length, kind)) = header.length {
            self.length = length;
            self.kind = kind;
        }
        if let Some(stream) = header.stream {
            self.stream = stream;
        }
    }

    fn take(&mut self) -> Message {
        Message {
            kind: self.kind,
            stream: self.stream,
            timestamp: self.timestamp,
            payload: self.payload.split().freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rml_rtmp::{chunk_io::ChunkSerializer, messages::MessagePayload, time::RtmpTimestamp};

    const LIMIT: usize = 65_536;

    fn drain(reader: &mut ChunkReader) -> Result<Vec<Message>, ChunkError> {
        let mut messages = Vec::new();
        while let Some(message) = reader.next_message()? {
            messages.push(message);
        }
        Ok(messages)
    }

    #[test]
    fn interleaved_messages_come_out_whole() {
        let mut reader = ChunkReader::new(LIMIT);
        // Two messages of 130 bytes on chunk streams 3 and 4, their chunks taking turns.
        for (id, kind) in [(3, 20), (4, 9)] {
            reader.feed(&[id, 0, 0, 5, 0, 0, 130, kind, 1, 0, 0, 0]);
            reader.feed(&[kind; 128]);
        }
        reader.feed(&[0xC3, 20, 20, 0xC4, 9, 9]);
        let messages = drain(&mut reader).unwrap();
        assert_eq!(
            messages.iter().map(|m| (m.kind, m.payload.len())).collect::<Vec<_>>(),
            [(20, 130), (9, 130)]
        );
        assert!(messages.iter().all(|m| m.payload.iter().all(|b| *b == m.kind)));
    }

    #[test]
    fn bad_headers_are_errors() {
        let error = |bytes: &[u8]| {
            let mut reader = ChunkReader::new(LIMIT);
            reader.feed(bytes);
            drain(&mut reader).unwrap_err()
        };
        assert_eq!(error(&[0xC3]), ChunkError::NoHeader);
        assert_eq!(
            error(&[3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0]),
            ChunkError::TooLong { length: 0xFF_FFFF, limit: LIMIT }
        );
        let many: Vec<u8> = (2..40).flat_map(|id| [id, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0]).collect();
        assert_eq!(error(&many), ChunkError::TooManyStreams);
        let mut reader = ChunkReader::new(LIMIT);
        assert_eq!(reader.set_chunk_size(0), Err(ChunkError::ChunkSize(0)));
        assert_eq!(reader.set_chunk_size(0x8000_0000), Err(ChunkError::ChunkSize(0x8000_0000)));
        assert_eq!(reader.set_chunk_size(0x7FFF_FFFF), Ok(()));
    }

    #[test]
    fn an_abort_forgets_the_begun_message() {
        let mut reader = ChunkReader::new(LIMIT);
        reader.feed(&[3, 0, 0, 0, 0, 0, 200, 20, 0, 0, 0, 0]);
        reader.feed(&[1; 128]);
        assert_eq!(drain(&mut reader), Ok(vec![]));
        reader.abort(3);
        reader.feed(&[3, 0, 0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 7]);
        assert_eq!(drain(&mut reader).unwrap()[0].payload, [7][..]);
    }

    prop_compose! {
        fn message()(kind in prop::sample::select(vec![1u8, 8, 9, 18, 20]), time in prop_oneof![0u32..100_000, any::<u32>()],
                     data in prop::collection::vec(any::<u8>(), 1..700)) -> (u8, u32, Vec<u8>) {
            (kind, time, data)
        }
    }

    proptest! {
        #[test]
        fn what_a_writer_wrote_comes_back(mut messages in prop::collection::vec(message(), 1..8), step in 1usize..300) {
            // A writer's time never goes back.
            messages.sort_by_key(|(_, time, _)| *time);
            let mut writer = ChunkSerializer::new();
            let mut bytes = Vec::new();
            for (kind, time, data) in &messages {
                let payload = MessagePayload {
                    timestamp: RtmpTimestamp::new(*time), type_id: *kind, message_stream_id: 1, data: data.clone().into(),
                };
                bytes.extend(writer.serialize(&payload, false, false).unwrap().bytes);
            }
            let mut reader = ChunkReader::new(LIMIT);
            let mut read = Vec::new();
            for piece in bytes.chunks(step) {
                reader.feed(piece);
                read.extend(drain(&mut reader).unwrap());
            }
            prop_assert_eq!(reader.consumed(), bytes.len() as u64);
            let read: Vec<_> = read.iter().map(|m| (m.kind, m.timestamp, m.payload.to_vec())).collect();
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), step in 1usize..50) {
            let mut reader = ChunkReader::new(1000);
            for piece in bytes.chunks(step) {
                reader.feed(piece);
                if drain(&mut reader).is_err() { break }
            }
        }
    }
}
