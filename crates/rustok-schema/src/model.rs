//! Tables, columns and constraints, independent of a database.

/// A type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// An id.
    Uuid,
    /// Text of people, compared as the database does.
    Text,
    /// Text that is compared and sorted by its bytes.
    Word,
    /// A JSON document.
    Json,
    /// A time, in microseconds.
    Time,
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// Bytes.
    Bytes,
}

impl Type {
    const ALL: [(&'static str, Self); 8] = [
        ("uuid", Self::Uuid),
        ("text", Self::Text),
        ("word", Self::Word),
        ("json", Self::Json),
        ("time", Self::Time),
        ("bool", Self::Bool),
        ("int", Self::Int),
        ("bytes", Self::Bytes),
    ];

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            format!("`{text}` is not a type: {names}")
        })
    }

    pub(crate) const fn sqlite(self) -> &'static str {
        match self {
            Self::Uuid | Self::Bytes => "BLOB",
            Self::Text | Self::Word | Self::Json => "TEXT",
            Self::Time | Self::Bool | Self::Int => "INTEGER",
        }
    }

    pub(crate) const fn postgres(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Word => "text COLLATE \"C\"",
            Self::Json => "jsonb",
            Self::Time => "timestamptz",
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Bytes => "bytea",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) is_required: bool,
    pub(crate) default: Option<String>,
    /// The target of a foreign key of this column: `tenants (id)`.
    pub(crate) references: Option<String>,
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// With its parentheses.
    pub(crate) condition: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    /// As it is written in SQL: with quotes where it needs them.
    pub(crate) name: String,
    /// What follows the name.
    pub(crate) rule: String,
    /// The table that a foreign key refers to.
    pub(crate) target: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) indexes: Vec<Index>,
    /// The rights of `rustok_app`; `None` for a table of the platform.
    pub(crate) rights: Option<String>,
    /// The rights of `rustok_platform` on a tenant table.
    pub(crate) claimed: Option<String>,
    pub(crate) is_key_only: bool,
}

impl Table {
    /// Removes a constraint by its name; false if there is none.
    pub(crate) fn drop_constraint(&mut self, name: &str) -> bool {
        let before = self.count();
        self.constraints.retain(|constraint| constraint.name != name);
        for column in &mut self.columns {
            column.checks.retain(|check| check.name != name);
            if name == format!("{}_{}_fkey", self.name, column.name) {
                column.references = None;
            }
        }
        self.count() < before
    }

    fn count(&self) -> usize {
        let of_columns = self.columns.iter();
        let of_columns =
            of_columns.map(|column| column.checks.len() + usize::from(column.references.is_some()));
        self.constraints.len() + of_columns.sum::<usize>()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
}

/// A statement of the source.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    CreateTable(Table),
    CreateView {
        name: String,
        columns: Vec<String>,
        table: String,
    },
    CreateIndex(Index),
    AddColumn {
        table: String,
        column: Column,
    },
    AddConstraint {
        table: String,
        constraint: Constraint,
    },
    DropConstraint {
        table: String,
        name: String,
    },
    DropIndex(String),
    DropTable(String),
    RenameColumn {
        table: String,
        from: String,
        to: String,
    },
    /// INSERT, UPDATE or DELETE: the same text for both databases.
    ChangeRows(String),
}

/// A statement with the comment lines before it.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) comment: String,
    pub(crate) action: Action,
}
