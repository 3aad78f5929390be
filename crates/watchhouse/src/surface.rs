//! Where on a platform an item was. MUST NOT know of the database: rules judge by it too.

/// Where an item was. Policy may differ by surface.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    Public,
    /// A closed group.
    Private,
    /// Between two people.
    Direct,
}

impl Surface {
    pub const ALL: [Surface; 3] = [Surface::Public, Surface::Private, Surface::Direct];

    /// The name in the API and in rule files. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Surface::Public => "public",
            Surface::Private => "private",
            Surface::Direct => "direct",
        }
    }
}

impl std::fmt::Display for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Surface {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Surface::ALL
            .into_iter()
            .find(|surface| surface.as_str() == text)
            .ok_or(())
    }
}
