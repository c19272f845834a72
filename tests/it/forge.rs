//! Pull requests, made, changed and closed over the API of each forge.

mod client;
