//! Pull requests, made, changed and closed over the API of each forge.

mod app;
mod client;
mod description;
mod faults;
mod secrets;
