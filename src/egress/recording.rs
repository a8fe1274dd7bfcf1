//! Recordings: a program as one MP4 file and a VOD playlist into it.
//!
//! A frame's way: the hub's reader → [`fragmenter`] (decides the cuts, makes the bytes) → [`output`] (the
//! actor that appends them to a file). What was written so far is a fragmented MP4, playable at every
//! moment; a crash costs the fragment that was not complete. At the end [`finish`] reads the fragments'
//! headers ([`fragments`]), makes sample tables of them ([`tables`]) and puts those in front: the file is a
//! plain MP4 then, and the fragments inside its `mdat` are what the [`playlist`] names
//! (docs/adr/006-recordings.md).
//!
//! The [`library`] knows all recordings, those of former runs too; it finishes, uploads ([`remote`]) and
//! lets expire ([`retention`]) what is not being made.

pub mod finish;
pub mod fragmenter;
pub mod fragments;
pub mod library;
pub mod output;
pub mod playlist;
pub mod record;
pub mod remote;
pub mod retention;
pub mod tables;

pub use library::RecordingLibrary;
pub use output::RecordingOutput;
