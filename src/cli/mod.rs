//! Flags in, text out.
