//! Counts of connections.

/// Connection counts. They are read one by one while connections are taken, so they are approximate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open and idle.
    pub idle: usize,
    /// In use.
    pub used: usize,
    /// Maximum.
    pub max: usize,
}

impl Connections {
    #[cfg(test)]
    pub(crate) const fn open(self) -> usize {
        self.idle + self.used
    }
}
