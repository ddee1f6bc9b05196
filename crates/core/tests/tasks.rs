//! Tasks as others see them: results, names, lists, counts, and what panics and destructors do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
};

use common::{Diary, ms, note, notes, scene};
use ipv8_core::{Handle, HandleError, JoinError, Schedule, Sleep};

fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_can_be_awaited_from_outside_and_from_another_task() {
    let scene = scene();
    let diary = scene.diary.clone();
    let mut answer = scene
        .diary
        .spawn(async move {
            diary.sleep(ms(10)).await;
            42
        })
        .unwrap();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    assert!(Pin::new(&mut answer).poll(&mut TaskContext::from_waker(&waker)).is_pending());
    scene.run_to(ms(10));
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert_eq!(ready(&mut answer), Some(Ok(42)));

    let diary = scene.diary.clone();
    let outer = scene
        .diary
        .spawn(async move {
            let inner = diary.clone();
            let inner = diary
                .spawn(async move {
                    inner.sleep(ms(5)).await;
                    7
                })
                .unwrap();
            inner.await.map(|number| number + 1)
        })
        .unwrap();
    scene.run_to(ms(15));
    assert_eq!(ready(outer), Some(Ok(Ok(8))));
}

#[test]
fn whoever_waits_learns_why_there_is_no_result() {
    let scene = scene();
    let (panics, cancelled, replaced, unloaded) = scene
        .diary
        .with(|_, cx| {
            let panics = cx.spawn_named("panics", false, async { panic!("on purpose, {}", 1) }).unwrap();
            let cancelled = cx.spawn(pending::<()>());
            let replaced = cx.spawn_named("twice", false, pending::<()>()).unwrap();
            let unloaded = cx.spawn_named("twice", true, pending::<u8>()).unwrap();
            assert!(cx.cancel(&cancelled));
            (panics, cancelled, replaced, unloaded)
        })
        .unwrap();
    scene.run_to(ms(0));
    let said = JoinError::Panicked { task: "panics".into(), message: "on purpose, 1".into() };
    assert_eq!(ready(panics), Some(Err(said)));
    assert!(matches!(ready(cancelled), Some(Err(JoinError::Cancelled { .. }))));
    assert_eq!(ready(replaced), Some(Err(JoinError::Cancelled { task: "twice".into() })));
    scene.node.unload(&scene.diary).unwrap();
    assert_eq!(ready(unloaded), Some(Err(JoinError::Cancelled { task: "twice".into() })));
    assert!(matches!(scene.diary.spawn(async {}), Err(HandleError::Unloaded)));
}

#[test]
fn whoever_waits_learns_that_the_node_is_gone() {
    let scene = scene();
    let task = scene.diary.spawn(pending::<()>()).unwrap();
    drop(scene);
    assert!(matches!(ready(task), Some(Err(JoinError::Cancelled { .. }))));
}

#[test]
fn a_task_is_cancelled_by_whoever_waits_for_it_even_by_itself() {
    let scene = scene();
    let task = scene.diary.spawn(pending::<()>()).unwrap();
    task.cancel();
    task.cancel();
    scene.run_to(ms(0));
    assert_eq!(scene.node.pending().0, 0);

    // In the middle of a poll: it ends when that returns, and is not polled again.
    let polls = Arc::new(AtomicUsize::new(0));
    let (diary, counted) = (scene.diary.clone(), polls.clone());
    let named = scene.diary.with(|_, cx| {
        cx.spawn_named(
            "self",
            false,
            std::future::poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::SeqCst);
                cx.waker().wake_by_ref();
                assert!(diary.with(|_, cx| cx.cancel_named("self")).unwrap());
                assert!(diary.with(|_, cx| cx.task("self").is_none()).unwrap(), "its name is free at once");
                Poll::<()>::Pending
            }),
        )
    });
    scene.run_to(ms(5));
    assert_eq!((polls.load(Ordering::SeqCst), scene.node.pending().0), (1, 0));
    assert_eq!(ready(named.unwrap().unwrap()), Some(Err(JoinError::Cancelled { task: "self".into() })));
}

async fn look_up_something(diary: Handle<Diary>) {
    diary.sleep(ms(100)).await;
}

#[test]
fn tasks_are_listed_under_readable_names() {
    let scene = scene();
    let diary = scene.diary.clone();
    let infos = scene
        .diary
        .with(|_, cx| {
            cx.spawn(look_up_something(diary));
            cx.spawn_named("named", false, pending::<()>()).unwrap();
            cx.schedule(Schedule::every(ms(40)).named("beat"), |_: &mut Diary, _| ()).unwrap();
            cx.schedule(Schedule::once().after(ms(30)), |_: &mut Diary, _| ()).unwrap();
            cx.tasks()
        })
        .unwrap();
    let seen: Vec<_> = infos.iter().map(|task| (&*task.name, task.named, task.period)).collect();
    assert_eq!(
        seen,
        [
            ("beat", true, Some(ms(40))),
            ("tasks::tasks_are_listed_under_readable_names 1", false, None),
            ("tasks::look_up_something 0", false, None),
            ("named", true, None),
        ]
    );
    assert_eq!(infos[1].due.map(|at| at.since_origin()), Some(ms(30)));
    scene.run_to(ms(150));
    let left: Vec<_> = scene.diary.with(|_, cx| cx.tasks()).unwrap().into_iter().map(|task| task.name).collect();
    assert_eq!(left.iter().map(|name| &**name).collect::<Vec<_>>(), ["beat", "named"]);
}

#[test]
fn the_report_counts_tasks_by_name() {
    let scene = scene();
    for round in 0..3 {
        let (diary, clock) = (scene.diary.clone(), scene.clock());
        scene.diary.spawn(look_up_something(diary.clone())).unwrap();
        scene
            .diary
            .with(|_, cx| {
                cx.spawn_named("busy", true, async move {
                    // As if the poll took so long.
                    clock.fetch_add(2_000_000 * (round + 1), Ordering::SeqCst);
                    diary.sleep(ms(1_000)).await;
                })
            })
            .unwrap()
            .unwrap();
        scene.jump(scene.now().since_origin());
    }
    scene.diary.spawn(async { panic!("on purpose") }).unwrap();
    scene.jump(scene.now().since_origin());
    let report = scene.node.report();
    let tasks: Vec<_> =
        report.overlays[0].tasks.iter().map(|t| (&*t.name, t.live, t.runs, t.panics, t.longest)).collect();
    assert_eq!(
        tasks,
        [
            ("busy", 1, 3, 0, ms(6)),
            ("tasks::look_up_something", 3, 3, 0, ms(0)),
            ("tasks::the_report_counts_tasks_by_name", 0, 1, 1, ms(0)),
        ]
    );
    let table = report.to_string();
    let row =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.first() == Some(&"busy"));
    assert_eq!(row, Some(vec!["busy", "1", "3", "0", "6.000"]), "{table}");
}

/// Keeps something in a function until that is dropped.
fn uses<T>(_: &T) {}

/// Polled once, so that it has a timer, and dropped wherever its holder is dropped.
fn begun(handle: &Handle<Diary>) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(handle.sleep(ms(1_000_000)));
    assert!(ready(sleep.as_mut()).is_none());
    sleep
}

#[test]
fn a_sleep_that_is_dropped_anywhere_leaves_no_timer_behind() {
    let scene = scene();
    let (outside, inside, in_task) = (begun(&scene.diary), begun(&scene.diary), begun(&scene.diary));
    assert_eq!(scene.node.report().queues.timers, 3);
    drop(outside);
    scene.diary.with(move |_, _| drop(inside)).unwrap();
    scene.diary.spawn(async move { drop(in_task) }).unwrap();
    scene.jump(ms(0));
    assert_eq!(scene.node.report().queues.timers, 0);

    // In what is refused, in a function that is replaced, and in one that goes with its community.
    let (refused, replaced, unloaded) = (begun(&scene.diary), begun(&scene.diary), begun(&scene.diary));
    scene
        .diary
        .with(|_, cx| {
            cx.schedule(Schedule::every(ms(10)).named("beat"), move |_: &mut Diary, _| uses(&replaced)).unwrap();
            let again = Schedule::every(ms(10)).named("beat");
            cx.schedule(again.clone(), move |_: &mut Diary, _| uses(&refused)).unwrap_err();
            cx.schedule(again.replacing(), move |_: &mut Diary, _| uses(&unloaded)).unwrap();
        })
        .unwrap();
    scene.jump(ms(0));
    assert_eq!(scene.node.report().queues.timers, 2, "the one of the beat, and the sleep that it holds");
    scene.node.unload(&scene.diary).unwrap();
    scene.jump(ms(0));
    assert_eq!(scene.node.report().queues.timers, 0);
}

/// Uses a handle when it is dropped.
struct Last(Handle<Diary>, &'static str);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.with(|diary, cx| diary.note(cx, self.1));
    }
}

#[test]
fn destructors_of_tasks_may_use_handles() {
    let scene = scene();
    let (cancelled, ended) = (Last(scene.diary.clone(), "cancelled"), Last(scene.diary.clone(), "function"));
    let task = scene
        .diary
        .spawn(async move {
            let _last = cancelled;
            pending::<()>().await
        })
        .unwrap();
    scene.diary.with(|_, cx| cx.schedule(Schedule::once(), move |_: &mut Diary, _| uses(&ended))).unwrap().unwrap();
    scene.jump(ms(0));
    assert_eq!(notes(&scene.diary), [(0, "function")]);
    task.cancel();
    scene.jump(ms(0));
    assert_eq!(notes(&scene.diary)[1..], [(0, "cancelled")]);
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a destructor, on purpose");
    }
}

#[test]
fn destructors_that_panic_end_nothing_else() {
    let scene = scene();
    let held = PanicsWhenDropped;
    let task = scene
        .diary
        .spawn(async move {
            let _held = held;
            pending::<()>().await
        })
        .unwrap();
    scene.diary.spawn(async { std::panic::panic_any(PanicsWhenDropped) }).unwrap();
    scene.jump(ms(0));
    task.cancel();
    scene.jump(ms(0));
    note(&scene.diary, "goes on");
    let held = PanicsWhenDropped;
    scene
        .diary
        .spawn(async move {
            let _held = held;
            pending::<()>().await
        })
        .unwrap();
    scene.jump(ms(0));
    assert_eq!(notes(&scene.diary), [(0, "goes on")]);
    drop(scene);
}

#[test]
fn a_wake_up_that_another_thread_takes_in_the_middle_of_a_poll_is_not_lost() {
    let scene = scene();
    let (node, polls) = (scene.node.clone(), Arc::new(Mutex::new(0)));
    let counted = polls.clone();
    let task = std::future::poll_fn(move |cx| {
        let mut polls = counted.lock().unwrap();
        *polls += 1;
        if *polls == 2 {
            return Poll::Ready(());
        }
        drop(polls);
        cx.waker().wake_by_ref();
        let node = node.clone();
        // Takes the wake-up out of the queue, and finds the task taken.
        std::thread::Builder::new().spawn(move || node.poll(node_time())).unwrap().join().unwrap();
        Poll::Pending
    });
    scene.diary.spawn(task).unwrap();
    scene.jump(ms(0));
    assert_eq!((*polls.lock().unwrap(), scene.node.pending().0), (2, 0));
}

fn node_time() -> ipv8_core::Time {
    ipv8_core::Time::ZERO
}

#[test]
fn a_turn_inside_a_handler_does_nothing_and_a_turn_is_due_after_it() {
    let scene = scene();
    let polled = Arc::new(AtomicUsize::new(0));
    let (node, counted) = (scene.node.clone(), polled.clone());
    scene
        .diary
        .with(|_, cx| {
            cx.spawn_named("once", false, async move { counted.fetch_add(1, Ordering::SeqCst) }).unwrap();
            node.poll(node_time());
            assert_eq!(polled.load(Ordering::SeqCst), 0);
        })
        .unwrap();
    assert!(scene.node.needs_turn());
    scene.jump(ms(0));
    assert_eq!(polled.load(Ordering::SeqCst), 1);
    scene.diary.with(|_, cx| cx.spawn_named("once", false, async {})).unwrap().unwrap();
}

#[test]
fn a_handler_may_wait_for_a_thread_that_drops_a_sleep_or_cancels_a_task() {
    let scene = scene();
    let (sleep, task) = (begun(&scene.diary), scene.diary.spawn(pending::<()>()).unwrap());
    scene
        .diary
        .with(|_, _| {
            let end = move || {
                drop(sleep);
                task.cancel();
            };
            // Would wait for ever if either wanted the node.
            std::thread::Builder::new().spawn(end).unwrap().join().unwrap();
        })
        .unwrap();
    scene.jump(ms(0));
    assert_eq!((scene.node.report().queues.timers, scene.node.pending().0), (0, 0));
}
