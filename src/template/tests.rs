//! What comes out of templates, and what it may cost.

mod budget;
mod reference;
mod values;
