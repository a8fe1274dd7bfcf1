//! Both directions of a connection behind the handshake, whichever end we are: the peer's messages with
//! its protocol control answered (RTMP 1.0 §5.4, §7.1.7), and our messages in chunks. Sans-IO.

use super::{
    amf0::{self, Value},
    chunk_reader::{ChunkError, ChunkReader, Message},
};
use bytes::Bytes;
use rml_rtmp::{
    chunk_io::{ChunkSerializationError, ChunkSerializer},
    messages::MessagePayload,
    time::RtmpTimestamp,
};

/// Our chunks. Tencent alarms beyond 8192, nginx and OBS use 4096.
pub(super) const CHUNK_SIZE: u32 = 4096;
/// The window we ask the peer to acknowledge, bytes: what Adobe's encoder sends.
pub(super) const WINDOW: u32 = 2_500_000;

// Message type ids, RTMP 1.0 §5.4 and §7.1.
pub(super) const SET_CHUNK_SIZE: u8 = 1;
pub(super) const ABORT: u8 = 2;
pub(super) const ACKNOWLEDGEMENT: u8 = 3;
pub(super) const USER_CONTROL: u8 = 4;
pub(super) const WINDOW_ACK_SIZE: u8 = 5;
pub(super) const SET_PEER_BANDWIDTH: u8 = 6;
pub(super) const DATA_AMF0: u8 = 18;
pub(super) const COMMAND_AMF3: u8 = 17;
pub(super) const COMMAND_AMF0: u8 = 20;

// User control events, §7.1.7.
pub(super) const PING_REQUEST: u16 = 6;
pub(super) const PING_RESPONSE: u16 = 7;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("the peer's bytes are not RTMP")]
    Chunk(#[from] ChunkError),
    #[error("a message could not be written")]
    Write(#[from] ChunkSerializationError),
}

pub(super) struct Link {
    input: ChunkReader,
    chunks: ChunkSerializer,
    ack_window: Option<u32>,
    acked: u64,
    announced_window: u32,
}

impl Link {
    /// Takes messages of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            input: ChunkReader::new(limit),
            chunks: ChunkSerializer::new(),
            ack_window: None,
            acked: 0,
            announced_window: WINDOW,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.input.feed(bytes);
    }

    /// The peer's next whole message. [`control`](Self::control) it before the next one.
    pub(super) fn next_message(&mut self) -> Result<Option<Message>, LinkError> {
        Ok(self.input.next_message()?)
    }

    /// Does what a message says about the connection itself; gives the answer, if one is due.
    pub(super) fn control(&mut self, message: &Message) -> Result<Option<Bytes>, LinkError> {
        let number = number(&message.payload);
        match message.kind {
            SET_CHUNK_SIZE => {
                if let Some(size) = number {
                    self.input.set_chunk_size(size)?;
                }
            }
            ABORT => number.into_iter().for_each(|id| self.input.abort(id)),
            USER_CONTROL => return self.pong(&message.payload),
            // A window of zero would ask for an answer to every message, and to every answer.
            WINDOW_ACK_SIZE => self.ack_window = number.filter(|size| *size > 0),
            SET_PEER_BANDWIDTH => {
                if let Some(size) = number.filter(|size| *size != self.announced_window) {
                    return self.announce_window(size).map(Some);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn pong(&mut self, payload: &[u8]) -> Result<Option<Bytes>, LinkError> {
        match payload.split_first_chunk::<2>() {
            Some((event, data)) if u16::from_be_bytes(*event) == PING_REQUEST && data.len() >= 4 => {
                self.user_control(PING_RESPONSE, &data[..4]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// §5.4.3: the running total, once a window is full.
    pub(super) fn acknowledge(&mut self) -> Result<Option<Bytes>, LinkError> {
        let total = self.input.consumed();
        match self.ack_window {
            Some(window) if total - self.acked >= u64::from(window) => {
                self.acked = total;
                // The sequence number wraps at 2³².
                let payload = (total as u32).to_be_bytes().to_vec();
                self.write(ACKNOWLEDGEMENT, 0, 0, payload.into()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Bytes of all chunks read so far.
    #[cfg(test)]
    pub(super) fn consumed(&self) -> u64 {
        self.input.consumed()
    }

    /// The window the peer is to acknowledge.
    pub(super) fn announce_window(&mut self, size: u32) -> Result<Bytes, LinkError> {
        self.announced_window = size;
        self.write(WINDOW_ACK_SIZE, 0, 0, size.to_be_bytes().to_vec().into())
    }

    /// Our chunks' size from here on.
    pub(super) fn announce_chunk_size(&mut self) -> Result<Bytes, LinkError> {
        Ok(self.chunks.set_max_chunk_size(CHUNK_SIZE, RtmpTimestamp::new(0))?.bytes.into())
    }

    pub(super) fn user_control(&mut self, event: u16, data: &[u8]) -> Result<Bytes, LinkError> {
        let payload = [&event.to_be_bytes(), data].concat();
        self.write(USER_CONTROL, 0, 0, payload.into())
    }

    pub(super) fn command<const N: usize>(
        &mut self,
        name: &str,
        transaction: f64,
        stream: u32,
        arguments: [Value; N],
    ) -> Result<Bytes, LinkError> {
        let mut values = vec![Value::string(name), Value::Number(transaction)];
        values.extend(arguments);
        self.write(COMMAND_AMF0, stream, 0, amf0::write_all(&values).into())
    }

    pub(super) fn write(
        &mut self,
        kind: u8,
        stream: u32,
        timestamp: u32,
        payload: Bytes,
    ) -> Result<Bytes, LinkError> {
        let message = MessagePayload {
            timestamp: RtmpTimestamp::new(timestamp),
            type_id: kind,
            message_stream_id: stream,
            data: payload,
        };
        // Some peers want their first control messages uncompressed. Never asked for a message of
        // several chunks: the writer of rml_rtmp 0.8.0 then repeats the whole header in each of them.
        let whole_header = message.data.len() <= 16;
        Ok(self.chunks.serialize(&message, whole_header, false)?.bytes.into())
    }
}

/// The number that most control messages begin with.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A command's values; AMF3 commands hold AMF0 values behind one byte, as everybody writes them.
pub(super) fn command_values(message: &Message) -> Option<Vec<Value>> {
    match message.kind {
        COMMAND_AMF0 => Some(amf0::read_all(&message.payload)),
        COMMAND_AMF3 => Some(amf0::read_all(message.payload.get(1..).unwrap_or_default())),
        _ => None,
    }
}
