//! What can go wrong between us and the database.

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something with this name is there already.
    #[error("{0} is there already")]
    Conflict(String),
    /// The database is busy, starting or gone; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk or the tablespace is full: nothing of the transaction was kept.
    #[error("the database's disk is full")]
    Full,
    /// A row does not hold what the schema promises.
    #[error("the database holds what it should not: {0}")]
    Corrupt(String),
    #[error(transparent)]
    Driver(sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default();
                match code.as_ref() {
                    // Dialect: SQLite's extended result codes; PostgreSQL's SQLSTATE.
                    "2067" | "1555" | "2579" | "23505" => {
                        Error::Conflict(inner.message().to_owned())
                    }
                    "13" | "53100" => Error::Full,
                    // A write that the file system refused part way, as a full disk does.
                    "778" | "4874" => Error::Full,
                    "5" | "517" | "6" | "40001" | "40P01" | "53300" | "55P03" | "57P01"
                    | "57P03" => Error::Unavailable(inner.message().to_owned()),
                    _ => Error::Driver(error),
                }
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                Error::Unavailable(error.to_string())
            }
            _ => Error::Driver(error),
        }
    }
}
