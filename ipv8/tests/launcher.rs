//! Launchers: several overlays in their order, each only if it is wanted, named and adjusted by a configuration.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::sync::{Arc, Mutex, OnceLock};

use common::problems_with;
use ipv8::{
    Community, CommunityId, Context, Curve, Handle, KeySource, Launcher, Launchers, MaxPeers, RandomWalk, Routes,
    StartError, Strategy, Target, community_id,
    config::Layers,
    core::{StrategyCatalog, settings::Value},
};

/// A community that notes what happens to it.
struct Noting<const N: u8> {
    notes: Notes,
    size: usize,
}

type Notes = Arc<Mutex<Vec<String>>>;

impl<const N: u8> Community for Noting<N> {
    const ID: CommunityId = {
        let CommunityId(mut id) = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c800");
        id[19] = N;
        CommunityId(id)
    };

    fn routes(_: &mut Routes<Self>) {}

    fn available_strategies() -> StrategyCatalog {
        StrategyCatalog::new().with("Idle", "Does nothing.", &[], |_| Ok(Box::new(Idle)))
    }

    fn started(&mut self, _: &mut Context<'_>) {
        self.notes.lock().unwrap().push(format!("{N} loaded with {}", self.size));
    }
}

struct Idle;

impl Strategy for Idle {
    fn name(&self) -> &'static str {
        "Idle"
    }

    fn step(&mut self, _: &mut Context<'_>) {}
}

/// A launcher named by its number.
fn launcher<const N: u8>(notes: &Notes) -> Launcher<Noting<N>> {
    let notes = notes.clone();
    Launcher::new(move |settings| {
        let size = settings.take_usize("size").unwrap_or(usize::from(N));
        Ok(Noting { notes: notes.clone(), size })
    })
    .name(N.to_string())
    .no_bootstrappers()
    .on_start(|community, _| community.notes.lock().unwrap().push(format!("{N} started")))
}

fn builder() -> ipv8::Builder {
    ipv8::builder().listen("127.0.0.1:0".parse().unwrap()).no_default_bootstrap()
}

fn taken(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut notes.lock().unwrap())
}

#[tokio::test]
async fn they_are_loaded_in_the_order_that_they_give_and_started_when_all_are_there() {
    let notes = Notes::default();
    let launchers = Launchers::new()
        .with(launcher::<1>(&notes).after("3").after("2"))
        .with(launcher::<2>(&notes))
        .with(launcher::<3>(&notes).after("2").setting("size", 33));
    builder().launchers(&launchers).start().await.unwrap().stop().await;
    assert_eq!(
        taken(&notes),
        ["2 loaded with 2", "3 loaded with 33", "1 loaded with 1", "2 started", "3 started", "1 started"]
    );
}

#[tokio::test]
async fn one_is_loaded_only_if_its_conditions_hold_and_is_not_waited_for_otherwise() {
    let notes = Notes::default();
    let service = builder()
        .launch(&launcher::<1>(&notes).after("2"))
        .launch(&launcher::<2>(&notes).only_if(|| true).only_if(|| false))
        .start()
        .await
        .unwrap();
    assert_eq!(taken(&notes), ["1 loaded with 1", "1 started"]);
    assert!(service.handle::<Noting<1>>().is_some() && service.handle::<Noting<2>>().is_none());
}

#[tokio::test]
async fn those_that_wait_for_each_other_are_named() {
    let notes = Notes::default();
    let circle = builder()
        .launch(&launcher::<1>(&notes).after("2"))
        .launch(&launcher::<2>(&notes).after("3"))
        .launch(&launcher::<3>(&notes).after("2"));
    let error = circle.start().await.unwrap_err().to_string();
    assert_eq!(error, "2, 3 wait for each other: take one of these out of another's `after`");
    let alone = builder().launch(&launcher::<1>(&notes).after("9")).start().await.unwrap_err().to_string();
    assert_eq!(alone, "1 is to be loaded after 9, which is not there: add it, or take it from `after`");
    assert!(taken(&notes).is_empty());
}

#[tokio::test]
async fn a_session_can_keep_the_handle() {
    let notes = Notes::default();
    let kept: Arc<OnceLock<Handle<Noting<1>>>> = Arc::default();
    let keep = kept.clone();
    let service = builder()
        .launch(&launcher::<1>(&notes).loaded(move |handle| drop(keep.set(handle.clone()))))
        .start()
        .await
        .unwrap();
    assert_eq!(kept.get().unwrap().with(|community, _| community.size), Ok(1));
    service.stop().await;
}

#[tokio::test]
async fn each_signs_with_the_key_that_it_names() {
    let notes = Notes::default();
    let service = builder()
        .key_as("mine", KeySource::Fresh(Curve::Curve25519))
        .launch(&launcher::<1>(&notes).key_alias("mine"))
        .launch(&launcher::<2>(&notes).key_alias("mine"))
        .launch(&launcher::<3>(&notes))
        .start()
        .await
        .unwrap();
    let mine = service.handle::<Noting<1>>().unwrap().with(|_, cx| cx.my_mid()).unwrap();
    assert_eq!(service.handle::<Noting<2>>().unwrap().with(|_, cx| cx.my_mid()), Ok(mine));
    assert_eq!(service.handle::<Noting<3>>().unwrap().with(|_, cx| cx.my_mid()), Ok(service.mid()));
    assert_ne!(mine, service.mid());
    let error = builder().launch(&launcher::<1>(&notes).key_alias("other")).start().await.unwrap_err();
    assert!(
        matches!(&error, StartError::UnknownKey { launcher, alias } if launcher == "1" && alias == "other"),
        "{error}"
    );
}

#[tokio::test]
async fn strategies_are_made_anew_for_each_node() {
    let notes = Notes::default();
    let launcher = launcher::<1>(&notes).strategy(RandomWalk::default, Target::Peers(3)).named_strategy(
        "Idle",
        Target::Always,
        [],
    );
    for _ in 0..2 {
        let service = builder().launch(&launcher).start().await.unwrap();
        let names = service
            .handle::<Noting<1>>()
            .unwrap()
            .with(|_, cx| cx.strategies().iter().map(|strategy| strategy.name.to_owned()).collect::<Vec<_>>());
        assert_eq!(names.unwrap(), ["RandomWalk", "Idle"]);
        service.stop().await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_settings_keeps_the_node_from_starting() {
    let notes = Notes::default();
    let error = builder().launch(&launcher::<1>(&notes).setting("siz", 1)).start().await.unwrap_err().to_string();
    assert_eq!(error, "1 cannot be made: `siz` is not known here, did you mean `size`?");
}

#[tokio::test]
async fn a_configuration_names_and_adjusts_them() {
    let notes = Notes::default();
    let with_method = launcher::<2>(&notes).method("count", |community, _, arguments| match arguments {
        [Value::Integer(number)] => {
            community.notes.lock().unwrap().push(format!("2 counts {number}"));
            Ok(())
        }
        _ => Err("give one number".to_owned()),
    });
    let launchers = Launchers::new().with(launcher::<1>(&notes).after("2").setting("size", 5)).with(with_method);
    let text = "
        listen = '127.0.0.1:0'
        default_bootstrap = false
        [[overlay]]
        class = '1'
        max_peers = 7
        settings = { size = 50 }
        walkers = [{ strategy = 'Idle', peers = 'always' }]
        [[overlay]]
        class = '2'
        id = '00000000000000000000000000000000000000ff'
        on_start = [['count', 3]]
        [[overlay]]
        class = '2'
        enabled = false
        ";
    let config = Layers::new().text("a.toml", text).read(&launchers).unwrap();
    let service = config.into_builder().start().await.unwrap();
    assert_eq!(taken(&notes), ["2 loaded with 2", "1 loaded with 50", "2 started", "2 counts 3", "1 started"]);
    let ff = service.handle::<Noting<2>>().unwrap().with(|_, cx| cx.community_id()).unwrap();
    assert_eq!(ff.to_string(), "00000000000000000000000000000000000000ff");
    service.stop().await;

    // Without a word about overlays all are loaded as they are.
    let config = Layers::new().text("a.toml", "listen = '127.0.0.1:0'").read(&launchers).unwrap();
    assert_eq!(config.overlays().collect::<Vec<_>>(), ["1", "2"]);

    let wrong = "[[overlay]]\nclass = '2'\non_start = ['coumt']\nsettings = { size = -1, x = 2 }";
    assert_eq!(
        problems_with("a.toml", wrong, &launchers),
        [
            "a.toml:3:13: overlay[0].on_start[0]: 2 has no method `coumt` to call at the start, there are count, did you \
             mean `count`?",
            "a.toml:4:14: overlay[0].settings.size: must not be negative, and is -1",
            "a.toml:4:25: overlay[0].settings.x: is not known here",
        ]
    );
    let fails = "listen = '127.0.0.1:0'\n[[overlay]]\nclass = '2'\non_start = ['count']";
    let config = Layers::new().text("a.toml", fails).read(&launchers).unwrap();
    let error = config.into_builder().start().await.unwrap_err().to_string();
    assert_eq!(error, "2 does not start: count: give one number");
}

#[test]
fn limits_are_taken_from_the_nearest() {
    let launchers = Launchers::standard();
    let config = Layers::new().text("a.toml", "max_peers = -1").read(&launchers).unwrap();
    assert_eq!(config.max_peers, MaxPeers::Unlimited);
}
