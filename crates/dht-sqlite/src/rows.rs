//! Rows as they are in the tables.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_crypto::PublicKey;
use ipv8_dht::{
    keep::{Rows, Saved, SavedNode, SavedPublication, SavedValue},
    store::{Entry, Source},
};
use rusqlite::{Connection, Error, Result, Row, Transaction, params, types::Type};

/// The table of the values of a family.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    V4,
    V6,
}

macro_rules! of_table {
    ($table:expr, $before:literal, $after:literal) => {
        match $table {
            Table::V4 => concat!($before, "value4", $after),
            Table::V6 => concat!($before, "value6", $after),
        }
    };
}

/// All that a file holds.
pub(crate) fn read(connection: &Connection) -> Result<Saved> {
    Ok(Saved {
        v4: read_values(connection, Table::V4)?,
        v6: read_values(connection, Table::V6)?,
        publications: read_publications(connection)?,
        nodes: read_nodes(connection)?,
    })
}

fn read_values(connection: &Connection, table: Table) -> Result<BTreeMap<u64, SavedValue>> {
    let mut select = connection.prepare(of_table!(
        table,
        "SELECT serial, key, id, value, version, max_age, expires, source FROM ",
        " ORDER BY serial"
    ))?;
    let value = |row: &Row<'_>| {
        let entry = Entry {
            key: row.get(1)?,
            id: row.get(2)?,
            value: row.get(3)?,
            version: row.get(4)?,
            max_age: time(row, 5)?,
            source: source(row, 7)?,
        };
        Ok((serial(row)?, SavedValue { entry, expires: time(row, 6)? }))
    };
    select.query_map([], value)?.collect()
}

fn read_publications(connection: &Connection) -> Result<BTreeMap<u64, SavedPublication>> {
    let mut select = connection.prepare("SELECT serial, key, value, due FROM publication ORDER BY serial")?;
    let publication = |row: &Row<'_>| {
        Ok((serial(row)?, SavedPublication { key: row.get(1)?, value: row.get(2)?, due: time(row, 3)? }))
    };
    select.query_map([], publication)?.collect()
}

fn read_nodes(connection: &Connection) -> Result<Vec<SavedNode>> {
    let mut select = connection.prepare("SELECT ip, port, key FROM node ORDER BY rowid")?;
    let node = |row: &Row<'_>| {
        let (ip, port) = (ip(row.get_ref(0)?.as_blob()?), row.get(1)?);
        // A key of a curve that this program was built without is of no use.
        let key = PublicKey::from_bytes(row.get_ref(2)?.as_blob()?).ok();
        Ok(ip.zip(key).map(|(ip, key)| SavedNode { address: SocketAddr::new(ip, port), key }))
    };
    select.query_map([], node)?.filter_map(Result::transpose).collect()
}

fn serial(row: &Row<'_>) -> Result<u64> {
    let serial: i64 = row.get(0)?;
    // Half of what there is, so that we never run out.
    let usable = u64::try_from(serial).ok().filter(|serial| *serial < 1 << 62);
    usable.ok_or(Error::IntegralValueOutOfRange(0, serial))
}

fn time(row: &Row<'_>, column: usize) -> Result<Duration> {
    let nanos: i64 = row.get(column)?;
    let nanos = u64::try_from(nanos).map_err(|_| Error::IntegralValueOutOfRange(column, nanos))?;
    Ok(Duration::from_nanos(nanos))
}

fn source(row: &Row<'_>, column: usize) -> Result<Source> {
    let octets = row.get_ref(column)?.as_blob()?;
    if octets.is_empty() {
        return Ok(Source::Own);
    }
    let no_source = || Error::InvalidColumnType(column, "source".to_owned(), Type::Blob);
    ip(octets).map(Source::Network).ok_or_else(no_source)
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Far beyond any time that means something, it is cut off, which is 2262.
fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn stored(serial: u64) -> Result<i64> {
    i64::try_from(serial).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

pub(crate) fn write_values(to: &Transaction<'_>, table: Table, rows: &Rows<SavedValue>) -> Result<()> {
    let mut delete = to.prepare_cached(of_table!(table, "DELETE FROM ", " WHERE serial = ?1"))?;
    for serial in &rows.removed {
        delete.execute([stored(*serial)?])?;
    }
    let mut insert =
        to.prepare_cached(of_table!(table, "INSERT OR REPLACE INTO ", " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?;
    for (serial, SavedValue { entry, expires }) in &rows.put {
        let source = match entry.source {
            Source::Own => Vec::new(),
            Source::Network(ip) => octets(ip),
        };
        let Entry { key, id, value, version, max_age, source: _ } = entry;
        insert.execute(params![stored(*serial)?, key, id, value, version, nanos(*max_age), nanos(*expires), source])?;
    }
    Ok(())
}

pub(crate) fn write_publications(to: &Transaction<'_>, rows: &Rows<SavedPublication>) -> Result<()> {
    let mut delete = to.prepare_cached("DELETE FROM publication WHERE serial = ?1")?;
    for serial in &rows.removed {
        delete.execute([stored(*serial)?])?;
    }
    let mut insert = to.prepare_cached("INSERT OR REPLACE INTO publication VALUES (?1, ?2, ?3, ?4)")?;
    for (serial, SavedPublication { key, value, due }) in &rows.put {
        insert.execute(params![stored(*serial)?, key, value, nanos(*due)])?;
    }
    Ok(())
}

pub(crate) fn write_nodes(to: &Transaction<'_>, nodes: &[SavedNode]) -> Result<()> {
    to.execute("DELETE FROM node", [])?;
    let mut insert = to.prepare_cached("INSERT INTO node VALUES (?1, ?2, ?3)")?;
    for SavedNode { address, key } in nodes {
        insert.execute(params![octets(address.ip()), address.port(), key.as_bytes()])?;
    }
    Ok(())
}
