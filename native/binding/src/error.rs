//! Errors as JSON in the message: Node-API errors have no fields of their own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ima_assay_core::error::Explain;
use ima_assay_core::path::Escaped;
use serde_json::{Map, Value, json};

/// The error that JavaScript sees for a typed error of the core.
pub(crate) fn explained(error: &dyn Explain) -> napi::Error {
    napi::Error::from_reason(to_json(error).to_string())
}

/// Code, problem, hint and place of a typed error.
pub(crate) fn to_json(error: &dyn Explain) -> Value {
    let place = error.place();
    let mut at = Map::new();
    let mut set = |key: &str, value: Option<Value>| value.map(|value| at.insert(key.to_owned(), value));
    set(
        "input",
        place.input.map(|input| String::from_utf8_lossy(&input).into()),
    );
    set("path", place.path.map(|path| Escaped(&path).to_string().into()));
    set("offsetBytes", place.offset_bytes.map(Value::from));
    set("line", place.line.map(Value::from));
    set("entry", place.entry.map(Value::from));
    json!({"code": error.code(), "problem": error.to_string(), "hint": error.hint(), "at": at})
}

/// An error of the boundary itself.
pub(crate) fn plain(code: &str, problem: &str, hint: Option<&str>) -> napi::Error {
    napi::Error::from_reason(json!({"code": code, "problem": problem, "hint": hint, "at": {}}).to_string())
}

/// Runs `work`; a panic becomes the error `INTERNAL`, since it must never end the host process.
pub(crate) fn guarded<T>(work: impl FnOnce() -> napi::Result<T>) -> napi::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(panic.as_ref())))
}

fn internal(panic: &(dyn Any + Send)) -> napi::Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    plain(
        "INTERNAL",
        &format!("a fault of ima-assay: {text}"),
        Some("please report it, with the input if you can"),
    )
}
