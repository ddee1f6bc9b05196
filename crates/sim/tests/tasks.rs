//! Tasks: scheduled functions and futures, under names and without, and how they end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;

use common::{ms, secs};
use ipv8_core::{
    Community, Context, Handle, HandleError, Routes, Schedule, TaskError, Time,
    wire::{CommunityId, community_id},
};
use ipv8_sim::{CompleteError, NodeId, NodeOptions, World};

/// Notes when its tasks ran, in milliseconds.
#[derive(Default)]
struct Diary {
    ran: Vec<u64>,
}

impl Community for Diary {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000001");

    fn routes(_: &mut Routes<Self>) {}
}

impl Diary {
    fn note(&mut self, cx: &mut Context<'_>) {
        self.ran.push(millis(cx.now()));
    }
}

struct Neighbour(u32);

impl Community for Neighbour {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000002");

    fn routes(r: &mut Routes<Self>) {
        r.every(secs(1), |neighbour: &mut Self, _: &mut Context<'_>| neighbour.0 += 1);
    }
}

fn millis(time: Time) -> u64 {
    u64::try_from(time.since_origin().as_millis()).unwrap()
}

fn scene() -> (World, NodeId, Handle<Diary>) {
    let mut world = World::new(1);
    let id = world.add_node(NodeOptions::default());
    let diary = world.node(id).load(Diary::default()).unwrap();
    (world, id, diary)
}

fn ran(diary: &Handle<Diary>) -> Vec<u64> {
    diary.with(|diary, _| diary.ran.clone()).unwrap()
}

/// Its drop is seen by whoever holds the other reference.
type Canary = Arc<()>;

#[test]
fn a_function_runs_once_at_once_or_later() {
    let (mut world, _, diary) = scene();
    diary.with(|_, cx| cx.schedule(Schedule::once(), Diary::note)).unwrap().unwrap();
    let later = diary.with(|_, cx| cx.schedule(Schedule::once().after(secs(3)), Diary::note)).unwrap().unwrap();
    world.run_for(secs(2));
    assert_eq!(ran(&diary), [0]);
    assert!(diary.with(|_, cx| cx.is_alive(later)).unwrap());
    world.run_for(secs(10));
    assert_eq!(ran(&diary), [0, 3_000]);
    assert!(!diary.with(|_, cx| cx.is_alive(later)).unwrap());
}

#[test]
fn a_function_runs_at_intervals_that_do_not_drift() {
    let (mut world, _, diary) = scene();
    let every = Schedule::every(ms(700)).after(ms(100));
    diary.with(|_, cx| cx.schedule(every, Diary::note)).unwrap().unwrap();
    world.run_for(secs(3));
    assert_eq!(ran(&diary), [100, 800, 1_500, 2_200, 2_900]);
}

#[test]
fn a_name_is_for_one_task_until_it_is_replaced_or_over() {
    let (mut world, _, diary) = scene();
    let add = |schedule: Schedule| diary.with(|_, cx| cx.schedule(schedule, Diary::note)).unwrap();
    let slow = add(Schedule::every(secs(5)).named("beat")).unwrap();
    assert_eq!(diary.with(|_, cx| cx.task("beat")).unwrap(), Some(slow));
    assert!(matches!(add(Schedule::once().named("beat")), Err(TaskError::NameTaken(name)) if &*name == "beat"));
    let quick = add(Schedule::once().after(secs(2)).named("beat").replacing()).unwrap();
    assert!(diary.with(|_, cx| !cx.is_alive(slow) && cx.task("beat") == Some(quick)).unwrap());
    world.run_for(secs(20));
    assert_eq!(ran(&diary), [2_000]);
    assert_eq!(diary.with(|_, cx| cx.task("beat")).unwrap(), None);
    add(Schedule::once().named("beat")).unwrap();
}

#[test]
fn a_future_has_a_name_until_it_ends() {
    let (mut world, _, diary) = scene();
    let spawn = |replace: bool, wait: u64| {
        let handle = diary.clone();
        diary
            .with(|_, cx| {
                cx.spawn_named("wait", replace, async move {
                    handle.sleep(secs(wait)).await;
                    handle.with(Diary::note).unwrap();
                })
            })
            .unwrap()
    };
    spawn(false, 5).unwrap();
    assert!(spawn(false, 1).is_err());
    spawn(true, 2).unwrap();
    world.run_for(secs(1));
    assert!(diary.with(|_, cx| cx.task("wait").is_some()).unwrap());
    world.run_for(secs(10));
    assert_eq!(ran(&diary), [2_000]);
    assert!(diary.with(|_, cx| cx.task("wait").is_none()).unwrap());
    spawn(false, 1).unwrap();
}

#[test]
fn a_cancelled_task_runs_no_more_and_is_dropped() {
    let (mut world, id, diary) = scene();
    let canary = Canary::default();
    let (handle, held) = (diary.clone(), canary.clone());
    let (function, future) = diary
        .with(|_, cx| {
            let function = cx.schedule(Schedule::every(secs(1)), Diary::note).unwrap();
            let future = cx.spawn(async move {
                let _held = held;
                handle.sleep(ms(1_500)).await;
                handle.with(Diary::note).unwrap();
            });
            (function, future.task_ref())
        })
        .unwrap();
    world.run_for(ms(1_200));
    assert_eq!(Arc::strong_count(&canary), 2);
    assert_eq!(diary.with(|_, cx| (cx.cancel(function), cx.cancel(future))).unwrap(), (true, true));
    assert_eq!(diary.with(|_, cx| (cx.cancel(function), cx.cancel(future))).unwrap(), (false, false));
    world.run_for(secs(5));
    assert_eq!(ran(&diary), [1_000]);
    assert_eq!((Arc::strong_count(&canary), world.node(id).pending()), (1, (0, 0)));
}

#[test]
fn sleeps_and_time_limits_follow_virtual_time() {
    let (mut world, _, diary) = scene();
    let handle = diary.clone();
    let task = async move {
        let now = || handle.with(|_, cx| millis(cx.now())).unwrap();
        handle.sleep(ms(0)).await;
        let mut seen = vec![now()];
        handle.sleep(ms(250)).await;
        seen.push(now());
        assert!(handle.timeout(secs(1), handle.sleep(secs(60))).await.is_err());
        seen.push(now());
        assert!(handle.timeout(secs(60), handle.sleep(secs(1))).await.is_ok());
        seen.push(now());
        seen
    };
    assert_eq!(world.complete(&diary, secs(100), task), Ok(vec![0, 250, 1_250, 2_250]));
    assert_eq!(millis(world.now()), 2_250);
    assert_eq!(world.complete(&diary, secs(1), diary.sleep(secs(2))), Err(CompleteError::TimedOut(secs(1))));
}

#[test]
fn a_day_of_sleep_costs_nothing() {
    let (mut world, _, diary) = scene();
    let before = world.metrics().events;
    assert_eq!(world.complete(&diary, secs(100_000), diary.sleep(secs(86_400))), Ok(()));
    assert!(world.metrics().events - before < 10, "{:?}", world.metrics());
}

#[test]
fn a_task_that_is_never_done_does_not_stop_time() {
    let (mut world, _, diary) = scene();
    diary
        .with(|_, cx| {
            cx.spawn(std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::task::Poll::<()>::Pending
            }))
        })
        .unwrap();
    world.run_for(ms(1));
    assert_eq!(millis(world.now()), 1);
}

#[test]
fn panics_end_what_panicked_and_nothing_else() {
    let (mut world, id, diary) = scene();
    diary.with(|_, cx| cx.schedule(Schedule::every(secs(1)), Diary::note)).unwrap().unwrap();
    diary
        .with(|_, cx| {
            cx.spawn(async { panic!("a task of the test") });
            cx.schedule(Schedule::once().after(ms(500)), |_: &mut Diary, _| -> () { panic!("a function of the test") })
        })
        .unwrap()
        .unwrap();
    world.run_for(ms(2_500));
    assert_eq!(ran(&diary), [1_000, 2_000]);
    assert_eq!(world.node(id).stats().panics, 2);
    assert_eq!(world.node(id).pending(), (0, 0));
    let panics = async {
        if true {
            panic!("another task of the test")
        }
    };
    assert_eq!(world.complete(&diary, secs(1), panics), Err(CompleteError::Ended));
}

#[test]
fn unloading_ends_all_tasks_of_one_community_only() {
    let (mut world, id, diary) = scene();
    let neighbour = world.node(id).load(Neighbour(0)).unwrap();
    let canary = Canary::default();
    for name in [None, Some("named")] {
        let (handle, held) = (diary.clone(), canary.clone());
        let task = async move {
            let _held = held;
            loop {
                handle.sleep(secs(1)).await;
            }
        };
        diary
            .with(|_, cx| match name {
                None => Ok(cx.spawn(task)),
                Some(name) => cx.spawn_named(name, false, task),
            })
            .unwrap()
            .unwrap();
    }
    let held = canary.clone();
    let beat = move |_: &mut Diary, _: &mut Context<'_>| assert!(Arc::strong_count(&held) > 0);
    diary.with(|_, cx| cx.schedule(Schedule::every(secs(1)), beat)).unwrap().unwrap();
    world.run_for(ms(3_500));
    assert_eq!((Arc::strong_count(&canary), world.node(id).pending().0), (4, 2));

    world.node(id).unload(&diary).unwrap();
    assert_eq!((Arc::strong_count(&canary), world.node(id).pending().0), (1, 0));
    assert_eq!(diary.with(|_, _| ()), Err(HandleError::Unloaded));
    world.run_for(secs(3));
    assert_eq!(neighbour.with(|neighbour, _| neighbour.0).unwrap(), 6);
}

#[test]
fn a_node_that_is_often_woken_early_leaves_nothing_behind() {
    let (mut world, _, diary) = scene();
    diary.with(|_, cx| cx.schedule(Schedule::every(secs(86_400)), Diary::note)).unwrap().unwrap();
    let handle = diary.clone();
    let task = async move {
        for _ in 0..1_000 {
            handle.sleep(ms(1)).await;
        }
    };
    assert_eq!(world.complete(&diary, secs(10), task), Ok(()));
    assert!(world.waiting() < 5, "{} events wait", world.waiting());
}
