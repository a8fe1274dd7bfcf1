//! Signalling: the WebSocket by which clients come into conferences, hear what happens there, and call each
//! other (contract, "Signalling WebSocket").
//!
//! [`socket`] is one WebSocket; [`message`] is what goes over it; [`switchboard`] knows who is signed in and
//! whose calls there are. What happens in a conference goes from its actor straight to the sockets' queues.

pub mod message;
pub mod queue;
pub mod socket;
pub mod switchboard;
pub mod wire;

pub use switchboard::Switchboard;
