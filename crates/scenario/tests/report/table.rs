//! The summary.

use ipv8_scenario::{Ended, report::table};

use crate::sample;

#[test]
fn a_summary_is_aligned_and_has_units() {
    let expected = "\
partition: 100 nodes, seed 7, 2 min of virtual time: the time was over

time until the median node knows 10 peers  12.3 s
requests answered                          87.3 %

sent        123,456 packets, 20.1 MB
delivered   120,000 packets, 19.5 MB
duplicated  12 packets
lost        3,456 packets: link 3,000, partition 456
events      400,000, 300,000 turns of nodes
trace hash  0123456789abcdef

at the end            least    10 %   median    90 %    most  mean of run
Peers known            14.2    16.2     18.2    20.2    26.2         15.7
Bytes sent                           97 kB/s                      95 kB/s
Request latency       80 ms  100 ms   120 ms  140 ms  200 ms       164 ms
Requests that failed                     1 %                       12.7 %

what happened
  30 s   partition into 2 parts
  33 s   tracker down
  60 s   heal
  118 s  flash crowd of 50 nodes <&>
";
    assert_eq!(table(&sample::outcome()), expected);
}

#[test]
fn what_there_is_none_of_is_left_out() {
    let mut outcome = sample::outcome();
    outcome.ended = Ended::Interrupted;
    outcome.facts.clear();
    outcome.series.clear();
    outcome.marks.clear();
    outcome.totals.lost.clear();
    let text = table(&outcome);
    assert!(text.starts_with("partition: 100 nodes, seed 7, 2 min of virtual time: INTERRUPTED\n\nsent  "), "{text}");
    assert!(text.contains("\nlost        0 packets\n") && text.ends_with("\ntrace hash  0123456789abcdef\n"), "{text}");
}
