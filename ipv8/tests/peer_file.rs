//! Peers are kept in a file that is never half written, and a damaged one is set aside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{fs, net::SocketAddr, time::Duration};

use ipv8::{
    Community, CommunityId, Curve, LoadedPeers, Node, PeerFile, PeerFileError, PrivateKey, Routes,
    core::{NodeConfig, PeerRecord, Time, network::Addresses},
};
use rand::{SeedableRng, rngs::StdRng};
use tempfile::TempDir;

struct Plain;

impl Community for Plain {
    const ID: CommunityId = CommunityId([1; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

fn node() -> Node {
    let node = Node::new(NodeConfig::new(key(99), [99; 32]));
    node.load(Plain).unwrap();
    node
}

fn add(node: &Node, number: u8) {
    node.find::<Plain>()
        .unwrap()
        .with(|_, cx| {
            let mut addresses = Addresses::default();
            addresses.set(address(number));
            let record = PeerRecord::new(key(number).public().clone(), addresses, Time::ZERO);
            assert!(cx.network_mut().add_verified(&record));
            cx.network_mut().discover_services(&record.mid(), &[Plain::ID]);
        })
        .unwrap();
}

fn walkable(node: &Node) -> Vec<SocketAddr> {
    node.find::<Plain>().unwrap().with(|_, cx| cx.walkable()).unwrap()
}

fn names(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn peers_come_back() {
    let directory = TempDir::new().unwrap();
    let file = PeerFile::new(directory.path().join("peers"));
    let first = node();
    assert_eq!(file.load(&first).unwrap(), LoadedPeers::default(), "no file yet");
    add(&first, 2);
    file.save(&first).unwrap();
    add(&first, 3);
    file.save(&first).unwrap();
    assert_eq!(names(&directory), ["peers"], "and nothing else");

    let second = node();
    assert_eq!(file.load(&second).unwrap(), LoadedPeers { peers: 2, set_aside: None });
    assert_eq!(walkable(&second).len(), 2);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peers");
    fs::write(&path, b"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    PeerFile::new(&path).save(&node()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn damaged_files_are_set_aside_and_nothing_is_lost() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peers");
    let file = PeerFile::new(&path);
    let first = node();
    add(&first, 2);
    file.save(&first).unwrap();
    let good = fs::read(&path).unwrap();
    let mut newer = good.clone();
    newer[9] = 9;
    let cut = good[..good.len() - 3].to_vec();
    for (number, bad) in [cut, newer, b"hello".to_vec()].into_iter().enumerate() {
        fs::write(&path, &bad).unwrap();
        let loaded = file.load(&first).unwrap();
        let aside = directory.path().join(format!("peers.damaged-{}", number + 1));
        assert_eq!(loaded, LoadedPeers { peers: 0, set_aside: Some(aside.clone()) });
        assert_eq!(fs::read(aside).unwrap(), bad);
        assert!(!path.exists());
        file.save(&first).unwrap();
    }
    assert_eq!(names(&directory), ["peers", "peers.damaged-1", "peers.damaged-2", "peers.damaged-3"]);
}

#[test]
fn a_file_of_the_reference_is_taken_and_a_part_of_one_as_well() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peers");
    let file = PeerFile::new(&path);
    let addresses = [1, 10, 0, 0, 2, 0x1F, 0x9A, 1, 10, 0, 0, 3, 0x1F, 0x9A];
    fs::write(&path, addresses).unwrap();
    assert_eq!(file.load(&node()).unwrap(), LoadedPeers { peers: 2, set_aside: None });
    fs::write(&path, &addresses[..9]).unwrap();
    let second = node();
    let loaded = file.load(&second).unwrap();
    assert_eq!((loaded.peers, walkable(&second)), (1, vec![address(2)]));
    assert!(loaded.set_aside.unwrap().ends_with("peers.damaged-1"));
}

#[test]
fn a_huge_file_is_not_read_into_memory() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peers");
    // Sparse: it takes no room on the disk.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let loaded = PeerFile::new(&path).load(&node()).unwrap();
    assert_eq!((loaded.peers, loaded.set_aside.is_some()), (0, true));
}

#[test]
fn what_is_no_file_is_an_error_that_names_it() {
    let directory = TempDir::new().unwrap();
    let error = PeerFile::new(directory.path()).load(&node()).unwrap_err();
    assert!(matches!(&error, PeerFileError::NotAFile(path) if path == directory.path()), "{error}");
    let missing = directory.path().join("missing/peers");
    let error = PeerFile::new(&missing).save(&node()).unwrap_err();
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
}

#[test]
fn a_handler_is_told_that_it_cannot_save() {
    let directory = TempDir::new().unwrap();
    let file = PeerFile::new(directory.path().join("peers"));
    let node = node();
    file.save(&node).unwrap();
    let error = node.find::<Plain>().unwrap().with(|_, _| (file.save(&node), file.load(&node))).unwrap();
    assert!(matches!(error, (Err(PeerFileError::Reentrant), Err(PeerFileError::Reentrant))), "{error:?}");
    assert!(file.path().exists(), "and the file is as it was");
}

#[tokio::test(start_paused = true)]
async fn peers_are_saved_at_intervals() {
    let directory = TempDir::new().unwrap();
    let file = PeerFile::new(directory.path().join("peers"));
    let node = node();
    add(&node, 2);
    let saving = tokio::spawn(file.keep_saved(node.clone(), Duration::from_secs(60)));
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!file.path().exists());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = fs::read(file.path()).unwrap();
    add(&node, 3);
    // A saving that fails is not the last one.
    fs::remove_file(file.path()).unwrap();
    fs::create_dir(file.path()).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    fs::remove_dir(file.path()).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(fs::read(file.path()).unwrap().len() > first.len());
    saving.abort();
}
