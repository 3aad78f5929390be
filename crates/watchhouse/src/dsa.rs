//! What can be wrong with content, in the words of the EU's Digital Services Act; pure.
//!
//! Categories and keywords are those of the harmonised transparency reports (Implementing Regulation
//! 2024/2835, Annex I) and of the EU's database of statements of reasons, without their prefixes and in
//! small letters. A platform's own are `x_…`, and stand for "other violation of the terms" there.

use crate::language::Language;

/// A category, and the keywords that are more exact.
struct Category {
    name: &'static str,
    /// For people, in English and French.
    titles: (&'static str, &'static str),
    keywords: &'static [&'static str],
}

/// Each category has this keyword too.
const OTHER: &str = "other";

const CATEGORIES: [Category; 16] = [
    Category {
        name: "animal_welfare",
        titles: ("Animal welfare", "Bien-être animal"),
        keywords: &["animal_harm", "unlawful_sale_animals"],
    },
    Category {
        name: "consumer_information",
        titles: ("Consumer information", "Information des consommateurs"),
        keywords: &[
            "hidden_advertisement",
            "insufficient_information_on_traders",
            "misleading_info_goods_services",
            "misleading_info_consumer_rights",
            "noncompliance_pricing",
        ],
    },
    Category {
        name: "cyber_violence",
        titles: (
            "Harassment and other violence online",
            "Harcèlement et autres violences en ligne",
        ),
        keywords: &[
            "cyber_bullying_intimidation",
            "cyber_harassment",
            "cyber_incitement",
            "cyber_stalking",
            "non_consensual_image_sharing",
            "non_consensual_material_deepfake",
        ],
    },
    Category {
        name: "cyber_violence_against_women",
        titles: (
            "Violence online against women",
            "Violences en ligne contre les femmes",
        ),
        keywords: &[
            "bullying_against_girls",
            "cyber_harassment_against_women",
            "cyber_stalking_against_women",
            "female_gendered_disinformation",
            "incitement_against_women",
            "non_consensual_image_sharing_against_women",
            "non_consensual_material_deepfake_against_women",
        ],
    },
    Category {
        name: "data_protection_and_privacy_violations",
        titles: (
            "Privacy and data protection",
            "Vie privée et protection des données",
        ),
        keywords: &[
            "biometric_data_breach",
            "data_falsification",
            "missing_processing_ground",
            "right_to_be_forgotten",
        ],
    },
    Category {
        name: "illegal_or_harmful_speech",
        titles: (
            "Illegal or harmful speech",
            "Propos illicites ou préjudiciables",
        ),
        keywords: &["defamation", "discrimination", "hate_speech"],
    },
    Category {
        name: "intellectual_property_infringements",
        titles: ("Intellectual property", "Propriété intellectuelle"),
        keywords: &[
            "copyright_infringement",
            "design_infringement",
            "geographic_indications_infringement",
            "patent_infringement",
            "trade_secret_infringement",
            "trademark_infringement",
        ],
    },
    Category {
        name: "negative_effects_on_civic_discourse_or_elections",
        titles: ("Public debate and elections", "Débat public et élections"),
        keywords: &[
            "misinformation_disinformation",
            "violation_eu_law",
            "violation_national_law",
        ],
    },
    Category {
        name: "protection_of_minors",
        titles: ("Protection of children", "Protection des mineurs"),
        keywords: &[
            "age_specific_restrictions_minors",
            "child_sexual_abuse_material",
            "child_sexual_abuse_material_deepfake",
            "grooming_sexual_enticement_minors",
            "unsafe_challenges",
        ],
    },
    Category {
        name: "risk_for_public_security",
        titles: (
            "Public security, terrorism",
            "Sécurité publique, terrorisme",
        ),
        keywords: &[
            "illegal_organizations",
            "risk_environmental_damage",
            "risk_public_health",
            "terrorist_content",
        ],
    },
    Category {
        name: "scams_and_fraud",
        titles: ("Scams and fraud", "Escroqueries et fraudes"),
        keywords: &[
            "impersonation_account_hijacking",
            "inauthentic_accounts",
            "inauthentic_listings",
            "inauthentic_user_reviews",
            "phishing",
            "pyramid_schemes",
        ],
    },
    Category {
        name: "self_harm",
        titles: ("Self-harm and suicide", "Automutilation et suicide"),
        keywords: &[
            "content_promoting_eating_disorders",
            "self_mutilation",
            "suicide",
        ],
    },
    Category {
        name: "unsafe_and_prohibited_products",
        titles: (
            "Unsafe or prohibited products",
            "Produits dangereux ou interdits",
        ),
        keywords: &["prohibited_products", "unsafe_products"],
    },
    Category {
        name: "violence",
        titles: ("Violence", "Violence"),
        keywords: &[
            "coordinated_harm",
            "incitement_violence_hatred",
            "human_exploitation",
            "human_trafficking",
            "trafficking_women_girls",
        ],
    },
    Category {
        name: "other_violation_tc",
        titles: (
            "Something else against our rules",
            "Autre chose contraire à nos règles",
        ),
        keywords: &[
            "adult_sexual_material",
            "age_specific_restrictions",
            "geographical_requirements",
            "goods_services_not_permitted",
            "language_requirements",
            "nudity",
        ],
    },
    // A notice that does not say what it is about.
    Category {
        name: "not_specified_notice",
        titles: (
            "Something else against the law",
            "Autre chose contraire à la loi",
        ),
        keywords: &[],
    },
];

const LONGEST_OWN: usize = 64;

/// Why a report's category or keyword cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCategory {
    #[error("\"{name}\" is no category; expected one of {known}, or the platform's own as \"x_…\"", known = names())]
    Category { name: String },
    #[error("\"{name}\" is no keyword of \"{category}\"; expected {known}", known = keywords(category))]
    Keyword { category: String, name: String },
}

impl UnknownCategory {
    /// The field that holds what is not known.
    pub fn field(&self) -> &'static str {
        match self {
            UnknownCategory::Category { .. } => "category",
            UnknownCategory::Keyword { .. } => "keyword",
        }
    }
}

/// Whether a report may name this category, and under it this keyword.
///
/// # Errors
/// Which of the two is unknown, and what is known.
pub fn check(category: &str, keyword: Option<&str>) -> Result<(), UnknownCategory> {
    let known = CATEGORIES.iter().find(|known| known.name == category);
    if known.is_none() && !is_own(category) {
        let name = category.to_owned();
        return Err(UnknownCategory::Category { name });
    }
    let Some(keyword) = keyword else {
        return Ok(());
    };
    let is_known = known.is_some_and(|known| known.keywords.contains(&keyword));
    if is_known || keyword == OTHER || is_own(keyword) {
        return Ok(());
    }
    Err(UnknownCategory::Keyword {
        category: category.to_owned(),
        name: keyword.to_owned(),
    })
}

/// What people call a category; a platform's own by its name.
pub fn title(category: &str, language: Language) -> &str {
    let known = CATEGORIES.iter().find(|known| known.name == category);
    known.map_or(category, |known| known.title(language))
}

/// Every category's name and title, in the order in which people are asked.
pub fn titles(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    CATEGORIES
        .iter()
        .map(move |category| (category.name, category.title(language)))
}

impl Category {
    fn title(&self, language: Language) -> &'static str {
        language.pick(self.titles.0, self.titles.1)
    }
}

fn is_own(name: &str) -> bool {
    let rest = name.strip_prefix("x_").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !rest.is_empty() && name.len() <= LONGEST_OWN && rest.bytes().all(is_plain)
}

fn names() -> String {
    let names: Vec<_> = CATEGORIES.iter().map(|category| category.name).collect();
    names.join(", ")
}

fn keywords(category: &str) -> String {
    let known = CATEGORIES.iter().find(|known| known.name == category);
    let of_category = known.map_or(&[] as &[_], |known| known.keywords);
    let mut names = of_category.to_vec();
    names.extend([OTHER, "or the platform's own as \"x_…\""]);
    names.join(", ")
}
