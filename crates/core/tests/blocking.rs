//! Work that takes long, under a driver without threads and under one with threads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, Waker},
};

use common::{Diary, Scene, config, ms, note, notes, scene_of};
use ipv8_core::{Blocking, BlockingError, BlockingJob, Task, blocking::MOST_WAITING};

fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Work takes 100 milliseconds, two pieces at once.
fn inline() -> Scene {
    let mut config = config();
    config.blocking = Blocking::Inline(ms(100));
    config.most_blocking = 2;
    scene_of(config, Diary::default())
}

type Jobs = Arc<Mutex<Vec<BlockingJob>>>;

/// The test does the work, when it likes.
fn elsewhere(most: usize) -> (Scene, Jobs) {
    let jobs = Jobs::default();
    let mut config = config();
    let taken = jobs.clone();
    config.blocking = Blocking::Elsewhere(Arc::new(move |job| taken.lock().unwrap().push(job)));
    config.most_blocking = most;
    (scene_of(config, Diary::default()), jobs)
}

fn begin(scene: &Scene, work: impl FnOnce() -> u32 + Send + 'static) -> Task<Result<u32, BlockingError>> {
    let diary = scene.diary.clone();
    let task = scene.diary.spawn(async move {
        let result = diary.blocking(work).await;
        note(&diary, "done");
        result
    });
    let task = task.unwrap();
    scene.jump(scene.now().since_origin());
    task
}

#[test]
fn work_is_done_at_a_time_that_repeats_and_so_much_of_it_at_once() {
    let scene = inline();
    let tasks: Vec<_> = (0..5).map(|number| begin(&scene, move || number)).collect();
    scene.run_to(ms(1_000));
    assert_eq!(notes(&scene.diary).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [100, 100, 200, 200, 300]);
    let results: Vec<_> = tasks.into_iter().map(|task| ready(task).unwrap().unwrap()).collect();
    assert_eq!(results, [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
    assert_eq!(scene.node.report().queues.timers, 0);
}

#[test]
fn a_panic_of_the_work_is_an_error_and_gives_its_place_free() {
    let scene = inline();
    let outcomes: Vec<_> = (0..4).map(|_| begin(&scene, || panic!("on purpose"))).collect();
    scene.run_to(ms(1_000));
    for outcome in outcomes {
        assert_eq!(ready(outcome), Some(Ok(Err(BlockingError::Panicked("on purpose".to_owned())))));
    }
    assert_eq!(scene.node.stats().panics, 0, "it is the caller's");

    let (scene, jobs) = elsewhere(1);
    let outcome = begin(&scene, || panic!("on purpose"));
    jobs.lock().unwrap().pop().unwrap().run();
    scene.jump(ms(0));
    assert_eq!(ready(outcome), Some(Ok(Err(BlockingError::Panicked("on purpose".to_owned())))));
}

#[test]
fn a_driver_gets_no_more_at_once_than_the_limit_and_the_rest_in_order() {
    let (scene, jobs) = elsewhere(2);
    let tasks: Vec<_> = (0..5).map(|number| begin(&scene, move || number)).collect();
    let mut done = 0;
    while let Some(job) = { jobs.lock().unwrap().pop() } {
        assert!(jobs.lock().unwrap().len() < 2);
        job.run();
        scene.jump(ms(0));
        done += 1;
        assert_eq!(notes(&scene.diary).len(), done);
    }
    assert_eq!(done, 5);
    assert!(tasks.into_iter().zip(0..).all(|(task, number)| ready(task) == Some(Ok(Ok(number)))));
}

#[test]
fn work_that_nobody_waits_for_is_not_begun_and_its_result_is_dropped() {
    let (scene, jobs) = elsewhere(1);
    let (ran, result) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let counted = ran.clone();
    let given_up = begin(&scene, move || {
        counted.fetch_add(1, Ordering::SeqCst);
        0
    });
    given_up.cancel();
    scene.jump(ms(0));
    let job = { jobs.lock().unwrap().pop() };
    job.unwrap().run();
    assert_eq!(ran.load(Ordering::SeqCst), 0);

    // Given up while it runs: it counts until it ends.
    let (held, diary) = (result.clone(), scene.diary.clone());
    let task = Arc::new(Mutex::new(None::<Task<()>>));
    let canceller = task.clone();
    *task.lock().unwrap() = Some(
        scene
            .diary
            .spawn(async move {
                let _ = diary
                    .blocking(move || {
                        canceller.lock().unwrap().take().unwrap().cancel();
                        held
                    })
                    .await;
            })
            .unwrap(),
    );
    scene.jump(ms(0));
    let next = begin(&scene, || 7);
    assert_eq!(jobs.lock().unwrap().len(), 1, "the next one waits");
    let job = { jobs.lock().unwrap().pop() };
    job.unwrap().run();
    scene.jump(ms(0));
    assert_eq!(Arc::strong_count(&result), 1);
    let job = { jobs.lock().unwrap().pop() };
    job.unwrap().run();
    scene.jump(ms(0));
    assert_eq!(ready(next), Some(Ok(Ok(7))));
}

#[test]
fn work_that_is_lost_or_too_much_is_an_error() {
    let (scene, jobs) = elsewhere(1);
    let lost = begin(&scene, || 1);
    let waiting: Vec<_> = (0..MOST_WAITING)
        .map(|_| {
            let diary = scene.diary.clone();
            scene.diary.spawn(async move { diary.blocking(|| 2).await }).unwrap()
        })
        .collect();
    scene.jump(ms(0));
    assert_eq!(ready(begin(&scene, || 3)), Some(Ok(Err(BlockingError::TooMany(MOST_WAITING)))));
    let job = jobs.lock().unwrap().pop();
    drop(job);
    scene.jump(ms(0));
    assert_eq!(ready(lost), Some(Ok(Err(BlockingError::Lost))));
    assert_eq!(jobs.lock().unwrap().len(), 1, "the next one has its place");
    // Those that wait can go in any order.
    for task in waiting.iter().rev() {
        task.cancel();
    }
    scene.jump(ms(0));
    let job = jobs.lock().unwrap().pop();
    drop(job);
    let after = begin(&scene, || 4);
    { jobs.lock().unwrap().pop() }.unwrap().run();
    scene.jump(ms(0));
    assert_eq!(ready(after), Some(Ok(Ok(4))));
}

#[test]
fn nobody_waits_for_a_community_that_is_gone() {
    let (scene, jobs) = elsewhere(1);
    let task = begin(&scene, || 1);
    scene.node.unload(&scene.diary).unwrap();
    assert!(matches!(ready(task), Some(Err(_))));
    { jobs.lock().unwrap().pop() }.unwrap().run();
    assert_eq!(ready(scene.diary.blocking(|| 1)), Some(Err(BlockingError::Unloaded)));
}

#[test]
fn work_can_be_given_from_outside_the_node() {
    let (scene, jobs) = elsewhere(1);
    let mut outside = Box::pin(scene.diary.blocking(|| 5));
    assert_eq!(ready(outside.as_mut()), None);
    { jobs.lock().unwrap().pop() }.unwrap().run();
    assert_eq!(ready(outside), Some(Ok(5)));
}
