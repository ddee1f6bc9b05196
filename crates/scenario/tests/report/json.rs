//! JSON for programs.

use std::time::Duration;

use ipv8_scenario::{Ended, report::json};
use serde_json::{Value, json as value};

use crate::sample;

#[test]
fn everything_is_in_it() {
    let outcome = sample::outcome();
    let text = json(&outcome);
    assert_eq!(text.lines().count(), 1);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&read["scenario"], &read["seed"], &read["ended"]),
        (&value!("partition"), &value!(7), &value!("time_limit"))
    );
    assert_eq!((&read["virtual_time"], &read["trace_hash"]), (&value!(120.0), &value!("0123456789abcdef")));
    assert_eq!(read["totals"]["lost"], value!([["link", 3000], ["partition", 456], ["no host", 0]]));
    assert_eq!(
        read["facts"][0],
        value!({"name": "t10", "title": "time until the median node knows 10 peers", "value": 12.34, "unit": "seconds"})
    );
    assert_eq!(read["marks"][3], value!({"at": 118.0, "text": "flash crowd of 50 nodes <&>"}));
    assert_eq!(read["series"].as_array().unwrap().len(), outcome.series.len());
    assert_eq!(read["series"][0]["points"].as_array().unwrap().len(), 121);
    assert_eq!(read["histograms"][0]["counts"][0], value!([3, 2]));
    assert_eq!(read["graphs"][0]["nodes"][0], value!([0, "tracker"]));
    assert_eq!(read["graphs"][0]["edges"].as_array().unwrap().len(), outcome.graphs[0].edges.len());
}

#[test]
fn numbers_have_six_decimals_and_what_is_none_is_null() {
    let mut outcome = sample::outcome();
    outcome.ended = Ended::Interrupted;
    outcome.virtual_time = Duration::from_nanos(1_234_567_891);
    outcome.series[0].points.truncate(1);
    let point = &mut outcome.series[0].points[0];
    (point.min, point.low, point.median) = (f64::NAN, f64::NEG_INFINITY, 1.0 / 3.0);
    (point.high, point.max, point.mean) = (1e300, -0.0, 2.0 / 3.0e7);
    let read: Value = serde_json::from_str(&json(&outcome)).unwrap();
    assert_eq!((&read["ended"], &read["virtual_time"]), (&value!("interrupted"), &value!(1.234568)));
    let expected = r#"{"at":0.0,"high":1e+300,"low":null,"max":0.0,"mean":0.0,"median":0.333333,"min":null}"#;
    assert_eq!(read["series"][0]["points"][0].to_string(), expected);
    assert_eq!(read["series"][0]["points"][0]["max"].as_f64().unwrap().to_bits(), 0, "no sign of zero");
}
