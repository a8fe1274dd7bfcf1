//! Bytes on their way to the socket.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;

#[derive(Default)]
pub(in crate::egress::rtmp) struct SendQueue {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl SendQueue {
    pub(in crate::egress::rtmp) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How many bytes wait.
    pub(in crate::egress::rtmp) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::egress::rtmp) fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    pub(in crate::egress::rtmp) fn front(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    /// `length` bytes of the front part are gone.
    pub(in crate::egress::rtmp) fn advance(&mut self, length: usize) {
        if let Some(part) = self.parts.front_mut() {
            let length = length.min(part.len());
            part.advance(length);
            self.bytes -= length;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}
