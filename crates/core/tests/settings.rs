//! Settings tell everything that is wrong with them, each with its place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use ipv8_core::settings::{KeyPath, Settings, Value, closest};

fn text(settings: &mut Settings) -> String {
    settings.finish().unwrap_err().to_string()
}

#[test]
fn values_are_taken_by_type() {
    let mut settings = Settings::new([
        ("flag", Value::from(true)),
        ("text", "word".into()),
        ("number", 7.into()),
        ("size", 8.into()),
        ("whole", 3.into()),
        ("broken", 0.25.into()),
        ("choice", "b".into()),
        ("list", vec![1.into(), 2.into()].into()),
    ]);
    assert_eq!(settings.take_bool("flag"), Some(true));
    assert_eq!(settings.take_text("text").as_deref(), Some("word"));
    assert_eq!(settings.take_integer("number"), Some(7));
    assert_eq!(settings.take_usize_within("size", 1..=8), Some(8));
    assert_eq!(settings.take_duration("whole"), Some(Duration::from_secs(3)));
    assert_eq!(settings.take_duration("broken"), Some(Duration::from_millis(250)));
    assert_eq!(settings.take_choice("choice", &["a", "b"]), Some("b"));
    assert_eq!(settings.take_each("list", |value| Ok(value.clone())).unwrap().len(), 2);
    assert_eq!(settings.take_text("nothing"), None);
    assert_eq!(settings.finish(), Ok(()));
}

#[test]
fn all_problems_come_at_once_in_order() {
    let mut settings = Settings::new([
        ("timeout", Value::from("soon")),
        ("size", (-1).into()),
        ("chance", 256.into()),
        ("pause", (-0.5).into()),
        ("forever", f64::INFINITY.into()),
        ("level", "inof".into()),
        ("items", vec![1.into(), "two".into(), true.into()].into()),
        ("tiemout", 3.into()),
        ("colour", "red".into()),
    ]);
    assert_eq!(settings.take_duration("timeout"), None);
    assert_eq!(settings.take_usize("size"), None);
    assert_eq!(settings.take_integer_within("chance", 0..=255), None);
    assert_eq!(settings.take_duration("pause"), None);
    assert_eq!(settings.take_duration("forever"), None);
    assert_eq!(settings.take_choice("level", &["debug", "info"]), None);
    let items = settings.take_each("items", |value| match value {
        Value::Integer(number) => Ok(*number),
        other => Err(format!("must be a whole number, not {}", other.kind())),
    });
    assert_eq!(items, None);
    assert_eq!(
        text(&mut settings).lines().collect::<Vec<_>>(),
        [
            "`timeout` must be a number, not text",
            "`size` must not be negative, and is -1",
            "`chance` must be from 0 to 255, not 256",
            "`pause` must be from 0 to 31622400 seconds, not -0.5",
            "`forever` must be a finite number, not inf",
            "`level` must be one of debug, info, not `inof`, did you mean `info`?",
            "`items[1]` must be a whole number, not text",
            "`items[2]` must be a whole number, not true or false",
            "`tiemout` is not known here, did you mean `timeout`?",
            "`colour` is not known here",
        ]
    );
    assert_eq!(settings.finish(), Ok(()), "problems are told once");
}

#[test]
fn problems_name_the_place_in_the_whole_file() {
    let path = KeyPath::default().key("overlays").index(2).key("init");
    let mut settings = Settings::new([(
        "nested",
        Value::Table([("inner".to_owned(), Value::from(1)), ("other".to_owned(), 2.into())].into_iter().collect()),
    )])
    .at(path.clone());
    assert_eq!(settings.take_table("nested", |nested| nested.take_text("inner")), None);
    let error = settings.finish().unwrap_err();
    assert_eq!(error.problems[0].path, path.key("nested").key("inner"));
    assert_eq!(error.problems[0].path.to_string(), "overlays[2].init.nested.inner");
    assert_eq!(error.problems[1].to_string(), "`overlays[2].init.nested.other` is not known here");
    assert_eq!(error.problems.len(), 2);
}

#[test]
fn only_similar_words_are_suggested() {
    let words = ["timeout", "window_size", "on"];
    assert_eq!(closest("Window-Size", words), Some("window_size"));
    assert_eq!(closest("timeuot", words), Some("timeout"));
    assert_eq!(closest("no", words), Some("on"));
    assert_eq!(closest("colour", words), None);
}
