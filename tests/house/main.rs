//! The house itself: documents that are true, laws that are kept, packages that are named.

mod docs;
mod doctor;
mod laws;
