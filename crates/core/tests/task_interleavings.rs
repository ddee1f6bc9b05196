//! Whatever happens to tasks in whatever order: nothing is left, nothing is polled that was cancelled, no name stays taken.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use common::{Diary, Scene, ms, scene};
use ipv8_core::{Handle, Schedule, Sleep, Task, TaskRef};
use proptest::prelude::*;

/// What the test knows of a task, and the task of what is to happen to it.
#[derive(Default)]
struct Fate {
    /// It must not be polled or called any more.
    over: AtomicBool,
    touched_after_end: AtomicUsize,
    end: AtomicBool,
    panic: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// Sleeps again and again until its fate is to end.
struct Subject {
    fate: Arc<Fate>,
    diary: Handle<Diary>,
    sleep: Pin<Box<Sleep>>,
    pause: Duration,
    _alive: Arc<()>,
}

impl Future for Subject {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.fate.over.load(Ordering::SeqCst) {
            self.fate.touched_after_end.fetch_add(1, Ordering::SeqCst);
        }
        assert!(!self.fate.panic.load(Ordering::SeqCst), "on purpose");
        if self.fate.end.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *self.fate.waker.lock().unwrap() = Some(cx.waker().clone());
        while self.sleep.as_mut().poll(cx).is_ready() {
            self.sleep = Box::pin(self.diary.sleep(self.pause));
        }
        Poll::Pending
    }
}

#[derive(Clone, Debug)]
enum Step {
    Spawn { name: Option<u8>, replace: bool, pause: u64 },
    Function { name: Option<u8>, replace: bool, period: u64, once: bool },
    Futures { name: Option<u8>, replace: bool, period: u64, once: bool },
    AtUnload { pause: u64 },
    Wake(usize),
    Cancel(usize),
    CancelName(u8),
    CancelInside(usize),
    End(usize),
    Panic(usize),
    Jump(u64),
    Turn,
    Unload { limit: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::option::of(0_u8..4);
    prop_oneof![
        4 => (name(), any::<bool>(), 1_u64..300).prop_map(|(name, replace, pause)| Step::Spawn { name, replace, pause }),
        2 => (name(), any::<bool>(), 1_u64..300, any::<bool>())
            .prop_map(|(name, replace, period, once)| Step::Function { name, replace, period, once }),
        2 => (name(), any::<bool>(), 1_u64..300, any::<bool>())
            .prop_map(|(name, replace, period, once)| Step::Futures { name, replace, period, once }),
        1 => (1_u64..300).prop_map(|pause| Step::AtUnload { pause }),
        3 => any::<usize>().prop_map(Step::Wake),
        2 => any::<usize>().prop_map(Step::Cancel),
        1 => (0_u8..4).prop_map(Step::CancelName),
        1 => any::<usize>().prop_map(Step::CancelInside),
        2 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Panic),
        3 => prop_oneof![5 => 0_u64..200, 1 => 0_u64..4_000_000].prop_map(Step::Jump),
        3 => Just(Step::Turn),
        1 => (0_u64..500).prop_map(|limit| Step::Unload { limit }),
    ]
}

struct Known {
    fate: Arc<Fate>,
    task: TaskRef,
    join: Option<Task<()>>,
}

struct Run {
    scene: Scene,
    known: Vec<Known>,
    fates: Vec<Arc<Fate>>,
    alive: Arc<()>,
    now: u64,
}

impl Run {
    fn name(number: Option<u8>) -> Option<String> {
        number.map(|number| format!("name {number}"))
    }

    fn subject(&mut self, pause: u64) -> (Arc<Fate>, Subject) {
        let fate = Arc::<Fate>::default();
        self.fates.push(fate.clone());
        let diary = self.scene.diary.clone();
        let (sleep, pause) = (Box::pin(diary.sleep(ms(pause))), ms(pause));
        (fate.clone(), Subject { fate, diary, sleep, pause, _alive: self.alive.clone() })
    }

    fn schedule(name: Option<u8>, replace: bool, period: u64, once: bool) -> Schedule {
        let mut schedule = if once { Schedule::once().after(ms(period)) } else { Schedule::every(ms(period)) };
        if let Some(name) = Self::name(name) {
            schedule = schedule.named(name);
        }
        if replace { schedule.replacing() } else { schedule }
    }

    /// Notes which tasks are over: they must not be touched from here on.
    fn look(&self) {
        let all_over = !self.scene.diary.is_loaded();
        for known in &self.known {
            let dead = all_over || self.scene.diary.with(|_, cx| !cx.is_alive(known.task)).unwrap_or(true);
            if dead {
                known.fate.over.store(true, Ordering::SeqCst);
            }
        }
    }

    fn choose(&self, number: usize) -> Option<&Known> {
        self.known.get(number % self.known.len().max(1))
    }

    fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::Spawn { name, replace, pause } => {
                let (fate, subject) = self.subject(pause);
                let task = self.scene.diary.with(|_, cx| match Self::name(name) {
                    None => Ok(cx.spawn(subject)),
                    Some(name) => cx.spawn_named(name, replace, subject),
                });
                if let Ok(Ok(join)) = task {
                    self.known.push(Known { fate, task: join.task_ref(), join: Some(join) });
                }
            }
            Step::Function { name, replace, period, once } => {
                let fate = Arc::<Fate>::default();
                self.fates.push(fate.clone());
                let (seen, held) = (fate.clone(), self.alive.clone());
                let function = move |_: &mut Diary, _: &mut ipv8_core::Context<'_>| {
                    let _held = &held;
                    if seen.over.load(Ordering::SeqCst) {
                        seen.touched_after_end.fetch_add(1, Ordering::SeqCst);
                    }
                    assert!(!seen.panic.load(Ordering::SeqCst), "on purpose");
                };
                let schedule = Self::schedule(name, replace, period, once);
                if let Ok(Ok(task)) = self.scene.diary.with(|_, cx| cx.schedule(schedule, function)) {
                    self.known.push(Known { fate, task, join: None });
                }
            }
            Step::Futures { name, replace, period, once } => {
                let (fate, alive) = (Arc::<Fate>::default(), self.alive.clone());
                self.fates.push(fate.clone());
                let seen = fate.clone();
                let make = move |diary: Handle<Diary>| {
                    let sleep = Box::pin(diary.sleep(ms(period)));
                    Subject { fate: seen.clone(), diary, sleep, pause: ms(period), _alive: alive.clone() }
                };
                let schedule = Self::schedule(name, replace, period, once);
                if let Ok(Ok(task)) = self.scene.diary.with(|_, cx| cx.schedule_async(schedule, make)) {
                    self.known.push(Known { fate, task, join: None });
                }
            }
            Step::AtUnload { pause } => {
                let (_, subject) = self.subject(pause);
                let _ = self.scene.diary.with(|_, cx| cx.at_unload("last", subject));
            }
            Step::Wake(number) => {
                let waker = self.choose(number).and_then(|known| known.fate.waker.lock().unwrap().clone());
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Step::Cancel(number) => match self.choose(number) {
                Some(Known { join: Some(join), .. }) => join.cancel(),
                Some(known) => drop(self.scene.diary.with(|_, cx| cx.cancel(known.task))),
                None => {}
            },
            Step::CancelName(name) => {
                let _ = self.scene.diary.with(|_, cx| cx.cancel_named(&format!("name {name}")));
            }
            Step::CancelInside(number) => {
                if let Some(task) = self.choose(number).map(|known| known.task) {
                    let diary = self.scene.diary.clone();
                    let _ = self.scene.diary.spawn(async move { diary.with(|_, cx| cx.cancel(task)) });
                }
            }
            Step::End(number) => {
                if let Some(known) = self.choose(number) {
                    known.fate.end.store(true, Ordering::SeqCst);
                }
            }
            Step::Panic(number) => {
                if let Some(known) = self.choose(number) {
                    known.fate.panic.store(true, Ordering::SeqCst);
                }
            }
            Step::Jump(by) => {
                self.now += by;
                self.scene.jump(ms(self.now));
            }
            Step::Turn => self.scene.jump(ms(self.now)),
            Step::Unload { limit } => drop(self.scene.node.unload_within(&self.scene.diary, ms(limit))),
        }
        self.look();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tasks_leave_nothing_behind(steps in prop::collection::vec(step(), 1..80)) {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let outcome = std::panic::catch_unwind(|| {
            let mut run =
                Run { scene: scene(), known: Vec::new(), fates: Vec::new(), alive: Arc::new(()), now: 0 };
            for step in &steps {
                run.take(step);
            }
            // Every name is free, or a task that lives has it.
            if run.scene.diary.is_loaded() {
                let free = run.scene.diary.with(|_, cx| {
                    for number in 0..4 {
                        let name = format!("name {number}");
                        let alive = cx.tasks().iter().any(|task| task.named && *task.name == name);
                        assert_eq!(cx.task(&name).is_some(), alive, "{name}");
                        cx.cancel_named(&name);
                    }
                    cx.is_unloading() || (0..4).all(|n| cx.spawn_named(format!("name {n}"), false, async {}).is_ok())
                });
                assert!(free.unwrap());
            }
            run.look();
            drop(run.scene.node.unload_within(&run.scene.diary, ms(700)));
            run.now += 701;
            run.scene.jump(ms(run.now));
            run.look();
            // The wake-ups that others kept do nothing.
            for fate in &run.fates {
                if let Some(waker) = fate.waker.lock().unwrap().take() {
                    waker.wake();
                }
            }
            run.scene.jump(ms(run.now));
            assert!(!run.scene.diary.is_loaded());
            assert_eq!((run.scene.node.pending(), run.scene.node.report().queues.timers), ((0, 0), 0));
            assert_eq!(Arc::strong_count(&run.alive), 1, "a future or function was not dropped");
            for (number, fate) in run.fates.iter().enumerate() {
                assert_eq!(fate.touched_after_end.load(Ordering::SeqCst), 0, "task {number} after its end");
            }
            for (number, known) in run.known.iter_mut().enumerate() {
                if let Some(join) = &mut known.join {
                    let cx = &mut TaskContext::from_waker(Waker::noop());
                    assert!(Pin::new(join).poll(cx).is_ready(), "nobody tells who waits for task {number}");
                }
            }
        });
        std::panic::set_hook(quiet);
        if let Err(panic) = outcome {
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "see above".to_owned());
            return Err(TestCaseError::fail(said));
        }
    }
}
