//! How a body ended.

use std::any::{Any, TypeId};
use std::fmt;

/// How a body ended: a panic is an outcome like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It returned this.
    Returned(T),
    /// It panicked.
    Panicked(Panicked),
}

/// A panic. Two are equal if their messages are, or, where they have none, if their payloads are of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    message: Result<String, TypeId>,
}

impl<T> Outcome<T> {
    pub(super) fn new(result: Result<T, Box<dyn Any + Send>>) -> Self {
        match result {
            Ok(value) => Self::Returned(value),
            Err(payload) => Self::Panicked(Panicked::new(payload)),
        }
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// The panic.
    pub fn into_result(self) -> Result<T, Panicked> {
        match self {
            Self::Returned(value) => Ok(value),
            Self::Panicked(panic) => Err(panic),
        }
    }
}

impl Panicked {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast::<String>() {
            Ok(text) => Ok(*text),
            Err(payload) => match payload.downcast_ref::<&'static str>() {
                Some(text) => Ok((*text).to_owned()),
                None => Err((*payload).type_id()),
            },
        };
        Self { message }
    }

    /// What it said; `None` if its payload is no text.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref().ok()
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("a panic whose payload is no text"))
    }
}

impl std::error::Error for Panicked {}
