//! What would keep a node from starting is wrong with its configuration already.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::problems_with;
use ipv8::{Community, CommunityId, Launcher, Launchers, Routes, community_id, config::Layers};

#[derive(Default)]
struct Mine;

impl Community for Mine {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(_: &mut Routes<Self>) {}
}

#[derive(Default)]
struct Other;

impl Community for Other {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a6");

    fn routes(_: &mut Routes<Self>) {}
}

const MINE: &str = "default_bootstrap = false\nlisten = '127.0.0.1:0'\n[[overlay]]\nclass = 'Mine'\n";

fn after_discovery() -> Launchers {
    Launchers::standard().with(Launcher::of(Mine::default).after("DiscoveryCommunity"))
}

#[test]
fn one_that_waits_for_what_is_not_there_is_a_problem_at_its_place() {
    assert_eq!(
        problems_with("a.toml", MINE, &after_discovery()),
        [
            "a.toml:4:1: overlay[0].class: Mine is to be loaded after DiscoveryCommunity, which is not there: add it, or \
             take it from `after`"
        ]
    );
    // Without a list of overlays, all launchers are there.
    assert_eq!(problems_with("a.toml", "", &after_discovery()), [""; 0]);
    let alone = after_discovery().without("DiscoveryCommunity");
    assert!(problems_with("a.toml", "", &alone)[0].starts_with("overlay[1].class: Mine is to be loaded after"));
    // Nobody waits for one that is not to be loaded, and it waits for nobody.
    assert_eq!(problems_with("a.toml", &format!("{MINE}enabled = false\n"), &after_discovery()), [""; 0]);
    let never = Launchers::new().with(Launcher::of(Mine::default).after("DiscoveryCommunity").only_if(|| false));
    assert_eq!(problems_with("a.toml", MINE, &never), [""; 0]);
}

#[test]
fn those_that_wait_for_each_other_are_a_problem() {
    let launchers = Launchers::new()
        .with(Launcher::of(Mine::default).after("Other"))
        .with(Launcher::of(Other::default).after("Mine"));
    let found = problems_with("a.toml", &format!("{MINE}[[overlay]]\nclass = 'Other'\n"), &launchers);
    assert_eq!(
        found,
        ["a.toml:4:1: overlay[0].class: Mine, Other wait for each other: take one of these out of another's `after`"]
    );
}

#[tokio::test]
async fn one_that_is_not_enabled_counts_as_declared() {
    let text = format!("{MINE}[[overlay]]\nclass = 'DiscoveryCommunity'\nenabled = false\n");
    let config = Layers::new().text("a.toml", &text).read(&after_discovery()).unwrap();
    assert_eq!(config.overlays().collect::<Vec<_>>(), ["Mine"]);
    let service = config.into_builder().start().await.unwrap();
    assert!(service.handle::<Mine>().is_some());
    assert!(service.handle::<ipv8::discovery::DiscoveryCommunity>().is_none());
    let _ = service.stop().await;
}
