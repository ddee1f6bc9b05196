//! Tasks that run again and again: on a grid, never twice at once, never in a burst.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Diary, Scene, ms, note, notes, scene};
use ipv8_core::{Handle, Schedule, TaskRef};
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn every(scene: &Scene, schedule: Schedule) -> TaskRef {
    scene.diary.with(|_, cx| cx.schedule(schedule, |d: &mut Diary, cx| d.note(cx, "beat"))).unwrap().unwrap()
}

/// Each run takes some time, and notes when it begins and ends.
fn every_async(scene: &Scene, schedule: Schedule, takes: Duration) -> TaskRef {
    let make = move |diary: Handle<Diary>| async move {
        note(&diary, "begin");
        diary.sleep(takes).await;
        note(&diary, "end");
    };
    scene.diary.with(|_, cx| cx.schedule_async(schedule, make)).unwrap().unwrap()
}

fn times(scene: &Scene, of: &str) -> Vec<u64> {
    notes(&scene.diary).into_iter().filter(|(_, what)| *what == of).map(|(at, _)| at).collect()
}

#[test]
fn an_hour_of_sleep_is_made_up_for_by_one_run_and_the_grid_goes_on() {
    let scene = scene();
    every(&scene, Schedule::every(ms(700)).after(ms(100)));
    scene.run_to(ms(900));
    scene.jump(HOUR + ms(10));
    scene.run_to(HOUR + ms(1_500));
    let beats = [100, 800, 3_600_010, 3_600_200, 3_600_900];
    assert_eq!(times(&scene, "beat"), beats);
    assert!(beats[3..].iter().all(|beat| (beat - 100) % 700 == 0));
}

#[test]
fn runs_of_futures_do_not_overlap_and_keep_to_the_grid() {
    let scene = scene();
    every_async(&scene, Schedule::every(ms(100)).named("slow"), ms(250));
    scene.run_to(ms(1_000));
    assert_eq!(times(&scene, "begin"), [100, 400, 700, 1_000]);
    assert_eq!(times(&scene, "end"), [350, 650, 950]);
    let report = scene.node.report();
    let slow = report.overlays[0].task("slow").unwrap();
    assert_eq!((slow.live, slow.runs, slow.skipped), (1, 4, 6));
}

#[test]
fn a_run_that_is_quick_enough_takes_place_on_every_beat() {
    let scene = scene();
    every_async(&scene, Schedule::every(ms(100)).after(ms(0)), ms(99));
    scene.run_to(ms(400));
    assert_eq!(times(&scene, "begin"), [0, 100, 200, 300, 400]);
}

#[test]
fn an_hour_of_sleep_makes_one_run_of_a_future_too() {
    let scene = scene();
    every_async(&scene, Schedule::every(ms(100)), ms(10));
    scene.run_to(ms(105));
    scene.jump(HOUR + ms(5));
    scene.run_to(HOUR + ms(200));
    // The run of 100 ms was asleep as well, so that the beat in which it woke was left out.
    assert_eq!(times(&scene, "begin"), [100, 3_600_100, 3_600_200]);
    assert_eq!(times(&scene, "end"), [3_600_005, 3_600_110]);
}

#[test]
fn cancelling_ends_the_run_that_is_under_way() {
    let scene = scene();
    let task = every_async(&scene, Schedule::every(ms(100)).named("beat"), ms(50));
    scene.run_to(ms(120));
    assert_eq!(
        scene.diary.with(|_, cx| (cx.is_alive(task), cx.cancel(task), cx.cancel(task))).unwrap(),
        (true, true, false)
    );
    scene.run_to(ms(1_000));
    assert_eq!(notes(&scene.diary), [(100, "begin")]);
    assert_eq!((scene.node.pending(), scene.node.report().queues.timers), ((0, 0), 0));
    every_async(&scene, Schedule::once().named("beat"), ms(50));
}

#[test]
fn a_future_may_begin_later_and_keeps_its_name_until_it_ends() {
    let scene = scene();
    let task = every_async(&scene, Schedule::once().after(ms(100)).named("later"), ms(100));
    for at in [0, 100, 150, 199] {
        scene.run_to(ms(at));
        assert_eq!(scene.diary.with(|_, cx| cx.task("later")).unwrap(), Some(task), "at {at}");
    }
    scene.run_to(ms(200));
    assert_eq!(scene.diary.with(|_, cx| (cx.task("later"), cx.is_alive(task))).unwrap(), (None, false));
    assert_eq!(notes(&scene.diary), [(100, "begin"), (200, "end")]);
    assert_eq!((scene.node.pending(), scene.node.report().queues.timers), ((0, 0), 0));
}

#[test]
fn what_panics_runs_again_on_its_next_beat() {
    let scene = scene();
    let calls = Arc::new(AtomicUsize::new(0));
    let (function, future) = (calls.clone(), calls.clone());
    scene
        .diary
        .with(|_, cx| {
            cx.schedule(Schedule::every(ms(100)).named("function"), move |_: &mut Diary, _| {
                assert!(function.fetch_add(1, Ordering::SeqCst) != 0, "on purpose");
            })
            .unwrap();
            cx.schedule_async(Schedule::every(ms(100)).named("future"), move |_: Handle<Diary>| {
                let calls = future.clone();
                async move { assert!(calls.fetch_add(1, Ordering::SeqCst) != 1, "on purpose") }
            })
            .unwrap();
        })
        .unwrap();
    scene.run_to(ms(500));
    assert_eq!(calls.load(Ordering::SeqCst), 10);
    let report = scene.node.report();
    for name in ["function", "future"] {
        let task = report.overlays[0].task(name).unwrap();
        assert_eq!((task.runs, task.panics), (5, 1), "{name}");
    }
    assert_eq!(report.totals.panics, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever time does: no beat twice, none in a burst, and always on the grid unless time jumped over it.
    #[test]
    fn intervals_neither_drift_nor_pile_up(
        period in 1_u64..500,
        delay in 0_u64..500,
        jumps in prop::collection::vec(prop_oneof![4 => 0_u64..400, 1 => 0_u64..5_000_000], 1..40),
    ) {
        let scene = scene();
        every(&scene, Schedule::every(ms(period)).after(ms(delay)));
        let (mut now, mut expected) = (0, Vec::new());
        let mut due = delay;
        for jump in jumps {
            now += jump;
            scene.jump(ms(now));
            if due <= now {
                expected.push(now);
                due += ((now - due) / period + 1) * period;
            }
        }
        prop_assert_eq!(times(&scene, "beat"), expected);
        prop_assert_eq!(scene.node.next_deadline(), Some(ipv8_core::Time::from_duration(ms(due))));
        scene.run_to(ms(due + 3 * period));
        let beats = times(&scene, "beat");
        prop_assert_eq!(&beats[beats.len() - 4..], &[due, due + period, due + 2 * period, due + 3 * period]);
    }
}
