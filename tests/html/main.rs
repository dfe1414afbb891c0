//! The page of a report: its numbers, its pictures, its size, and how it fares in a browser.
//!
//! ```sh
//! cargo test --test html                # all that needs no browser
//! cargo test --test html -- --ignored   # in Chromium, headless; LOSSFOLD_CHROMIUM names another program
//! ```

mod browser;
mod fixture;
mod numbers;
mod pictures;
mod seen;
mod volume;
