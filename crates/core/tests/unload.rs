//! How a community ends: in order, with its last tasks, and within a time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll, Waker},
    thread,
    time::Duration,
};

use common::{Diary, Scene, config, ms, note, notes, scene, scene_of};
use ipv8_core::{
    Community, Context, DEFAULT_UNLOAD_LIMIT, Handle, HandleError, JoinError, LoadError, Routes, Schedule, TaskError,
    UnloadReport, Unloading,
    wire::{CommunityId, community_id},
};

fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A last task that waits, then notes what it is.
fn last(diary: &Handle<Diary>, wait: Duration, what: &'static str) -> impl Future<Output = ()> + Send + 'static {
    let diary = diary.clone();
    async move {
        diary.sleep(wait).await;
        note(&diary, what);
    }
}

fn register(scene: &Scene, wait: Duration, what: &'static str) {
    let future = last(&scene.diary, wait, what);
    scene.diary.with(|_, cx| cx.at_unload(what, future)).unwrap().unwrap();
}

fn unload(scene: &Scene, limit: Duration) -> Unloading {
    scene.node.unload_within(&scene.diary, limit).unwrap()
}

fn names(of: &[ipv8_core::LastTask]) -> Vec<(&str, &str)> {
    of.iter().map(|last| (last.community, &*last.task)).collect()
}

#[test]
fn last_tasks_run_side_by_side_after_the_others_ended() {
    let scene = scene();
    let diary = scene.diary.clone();
    scene
        .diary
        .with(|_, cx| cx.schedule(Schedule::every(ms(10)), |d: &mut Diary, cx| d.note(cx, "beat")))
        .unwrap()
        .unwrap();
    scene
        .diary
        .with(|_, cx| {
            cx.spawn(async move {
                diary.sleep(ms(50)).await;
                note(&diary, "too late")
            })
        })
        .unwrap();
    register(&scene, ms(300), "slow");
    register(&scene, ms(100), "quick");
    register(&scene, ms(100), "quick too");
    scene.run_to(ms(25));
    let mut unloading = unload(&scene, DEFAULT_UNLOAD_LIMIT);
    scene.run_to(ms(124));
    assert!(ready(&mut unloading).is_none());
    assert_eq!(notes(&scene.diary), [(10, "beat"), (20, "beat"), (25, "stopping")]);
    scene.run_to(ms(324));
    assert_eq!(notes(&scene.diary)[3..], [(125, "quick"), (125, "quick too")]);
    scene.run_to(ms(325));
    let report = ready(&mut unloading).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.took, ms(300));
    assert_eq!(scene.diary.with(|_, _| ()), Err(HandleError::Unloaded));
    assert_eq!((scene.node.pending(), scene.node.report().queues.timers), ((0, 0), 0));
}

#[test]
fn a_community_without_last_tasks_is_gone_at_once() {
    let scene = scene();
    let mut unloading = unload(&scene, DEFAULT_UNLOAD_LIMIT);
    assert_eq!(ready(&mut unloading), Some(UnloadReport::default()));
    assert!(!scene.diary.is_loaded());
    assert!(matches!(scene.node.unload_within(&scene.diary, ms(1)), Err(HandleError::Unloaded)));
}

#[test]
fn what_does_not_end_is_dropped_at_the_limit_and_named() {
    let scene = scene();
    let canary = Arc::new(());
    let held = canary.clone();
    scene
        .diary
        .with(|_, cx| {
            cx.at_unload("stuck", async move {
                let _held = held;
                pending().await
            })
        })
        .unwrap()
        .unwrap();
    register(&scene, ms(100), "quick");
    scene.diary.with(|_, cx| cx.at_unload("broken", async { panic!("on purpose") })).unwrap().unwrap();
    let mut unloading = unload(&scene, ms(2_000));
    scene.run_to(ms(1_999));
    assert!(ready(&mut unloading).is_none() && scene.diary.is_loaded());
    assert_eq!(notes(&scene.diary), [(0, "stopping"), (100, "quick")]);
    scene.run_to(ms(2_000));
    let report = ready(&mut unloading).unwrap();
    assert_eq!(names(&report.unfinished), [("Diary", "stuck")]);
    assert_eq!(names(&report.panicked), [("Diary", "broken")]);
    assert_eq!((report.took, Arc::strong_count(&canary)), (ms(2_000), 1));
    assert_eq!((scene.node.pending(), scene.node.report().queues.timers), ((0, 0), 0));
    assert_eq!(scene.node.stats().panics, 1);
}

#[test]
fn the_limit_of_the_node_holds_for_whoever_names_none() {
    let mut config = config();
    config.unload_limit = ms(700);
    let scene = scene_of(config, Diary::default());
    scene.diary.with(|_, cx| cx.at_unload("stuck", pending())).unwrap().unwrap();
    scene.node.unload(&scene.diary).unwrap();
    scene.run_to(ms(699));
    assert!(scene.diary.is_loaded());
    scene.run_to(ms(700));
    assert!(!scene.diary.is_loaded());
}

#[test]
fn a_limit_of_zero_drops_them_at_once_and_a_second_unload_may_shorten_the_first() {
    let scene = scene();
    register(&scene, ms(10), "never");
    let mut patient = unload(&scene, ms(60_000));
    let mut hasty = unload(&scene, ms(500));
    let mut patient_again = unload(&scene, ms(60_000));
    assert_eq!(scene.node.report().queues.timers, 1, "the limit, once");
    scene.jump(ms(0));
    let mut at_once = unload(&scene, ms(0));
    scene.jump(ms(0));
    for unloading in [&mut patient, &mut hasty, &mut patient_again, &mut at_once] {
        assert_eq!(names(&ready(unloading).unwrap().unfinished), [("Diary", "never")]);
    }
    assert_eq!((scene.node.pending(), scene.node.report().queues.timers), ((0, 0), 0));
}

#[test]
fn tasks_are_refused_while_a_community_is_unloaded() {
    let scene = scene();
    let held = Arc::new(());
    register(&scene, ms(100), "last");
    let mut unloading = unload(&scene, ms(1_000));
    scene.run_to(ms(50));
    let canary = held.clone();
    let (spawned, named, scheduled, last) = scene
        .diary
        .with(|_, cx| {
            assert!(cx.is_unloading());
            (
                cx.spawn(async move { drop(canary) }),
                cx.spawn_named("named", true, async {}).err(),
                cx.schedule(Schedule::every(ms(1)).named("beat"), |_: &mut Diary, _| ()).err(),
                cx.at_unload("later", async {}).err(),
            )
        })
        .unwrap();
    assert!(matches!(ready(spawned), Some(Err(JoinError::Refused { .. }))));
    assert_eq!(named, Some(TaskError::Unloading("named".into())));
    assert_eq!(scheduled, Some(TaskError::Unloading("beat".into())));
    assert_eq!(last, Some(TaskError::Unloading("later".into())));
    assert!(last.unwrap().to_string().contains("at_unload"), "says what to do");
    scene.run_to(ms(100));
    assert!(ready(&mut unloading).unwrap().is_clean());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn last_words_may_register_last_tasks_but_no_others() {
    let last_words = |_: &mut Diary, cx: &mut Context<'_>| {
        let diary = cx.handle::<Diary>().unwrap();
        let wave = last(&diary, ms(5), "wave");
        cx.at_unload("wave", wave).unwrap();
        assert!(cx.spawn_named("late", false, async {}).is_err());
    };
    let scene = scene_of(config(), Diary { last_words: Some(last_words), ..Diary::default() });
    let mut unloading = unload(&scene, ms(1_000));
    scene.run_to(ms(4));
    assert_eq!(notes(&scene.diary), [(0, "stopping")]);
    scene.run_to(ms(5));
    assert_eq!(ready(&mut unloading).unwrap().took, ms(5));
}

#[test]
fn a_community_can_be_loaded_again_once_it_is_gone() {
    let scene = scene();
    register(&scene, ms(10), "last");
    scene.node.unload(&scene.diary).unwrap();
    assert!(matches!(scene.node.load(Diary::default()), Err(LoadError::Loaded { .. })));
    scene.run_to(ms(10));
    let again = scene.node.load(Diary::default()).unwrap();
    assert!(notes(&again).is_empty());
}

struct Other;

impl Community for Other {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000002");

    fn routes(_: &mut Routes<Self>) {}
}

#[test]
fn all_communities_end_side_by_side_in_one_report() {
    let scene = scene();
    let other = scene.node.load(Other).unwrap();
    register(&scene, ms(30), "quick");
    other.with(|_, cx| cx.at_unload("stuck", pending())).unwrap().unwrap();
    let mut unloading = scene.node.unload_all_within(ms(40));
    scene.run_to(ms(30));
    assert!(!scene.diary.is_loaded() && other.is_loaded());
    scene.run_to(ms(40));
    let report = ready(&mut unloading).unwrap();
    assert_eq!((names(&report.unfinished), report.took), (vec![("Other", "stuck")], ms(40)));
    assert_eq!(ready(scene.node.unload_all_within(ms(40))), Some(UnloadReport::default()), "nothing is left");
}

#[test]
fn a_task_that_unloads_its_own_community_ends_with_it() {
    let scene = scene();
    let (node, diary) = (scene.node.clone(), scene.diary.clone());
    let canary = Arc::new(());
    let held = canary.clone();
    scene
        .diary
        .with(|_, cx| {
            cx.spawn(async move {
                let _held = held;
                node.unload(&diary).unwrap();
                pending::<()>().await;
            })
        })
        .unwrap();
    scene.run_to(ms(0));
    assert_eq!((Arc::strong_count(&canary), scene.diary.is_loaded(), scene.node.pending().0), (1, false, 0));
}

/// Waits in its destructor for a thread that uses a handle.
struct Joins {
    thread: Option<thread::JoinHandle<()>>,
    handle: Arc<Mutex<Option<Handle<Joins>>>>,
}

impl Community for Joins {
    const ID: CommunityId = community_id!("aa00000000000000000000000000000000000003");

    fn routes(_: &mut Routes<Self>) {}
}

impl Drop for Joins {
    fn drop(&mut self) {
        let handle = self.handle.lock().unwrap().take();
        // Would wait for ever if the node were locked.
        self.thread =
            Some(thread::Builder::new().spawn(move || assert_eq!(handle.map(|h| h.is_loaded()), Some(false))).unwrap());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_destructor_may_wait_for_a_thread_that_uses_a_handle() {
    let scene = scene();
    let slot = Arc::new(Mutex::new(None));
    let joins = scene.node.load(Joins { thread: None, handle: slot.clone() }).unwrap();
    *slot.lock().unwrap() = Some(joins.clone());
    scene.node.unload(&joins).unwrap();
    assert!(slot.lock().unwrap().is_none(), "its destructor ran");
}
