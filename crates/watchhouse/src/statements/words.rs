//! What statements say, in each language.

use crate::language::Language;
use crate::store::actions::Action;

pub(super) struct Words {
    pub(super) what: &'static str,
    pub(super) about: &'static str,
    pub(super) what_changes: &'static str,
    pub(super) taken_back: &'static str,
    pub(super) why: &'static str,
    pub(super) facts: &'static str,
    pub(super) reported: &'static str,
    pub(super) own_initiative: &'static str,
    pub(super) automation: &'static str,
    pub(super) found_by_machine: &'static str,
    pub(super) found_by_people: &'static str,
    pub(super) decided_by_machine: &'static str,
    pub(super) decided_by_people: &'static str,
    pub(super) ground: &'static str,
    pub(super) against_law: &'static str,
    pub(super) against_terms: &'static str,
    pub(super) because: &'static str,
    pub(super) redress: &'static str,
    pub(super) object: &'static str,
    pub(super) out_of_court: &'static str,
    pub(super) court: &'static str,
    pub(super) help: &'static str,
    everywhere: &'static str,
    within: &'static str,
    until: &'static str,
    without_end: &'static str,
    measures: [(&'static str, &'static str); 12],
}

const ENGLISH: Words = Words {
    what: "What we decided",
    about: "This is about:",
    what_changes: "What changes",
    taken_back: "We have looked at our decision again and take back what we did about:",
    why: "Why",
    facts: "What we found",
    reported: "Somebody told us about it, and we looked.",
    own_initiative: "We found it ourselves; nobody reported it.",
    automation: "Automated means",
    found_by_machine: "It was found by automated means.",
    found_by_people: "It was not found by automated means.",
    decided_by_machine: "The decision was taken by automated means, and by no person.",
    decided_by_people: "A person took the decision.",
    ground: "What it is against",
    against_law: "This is against the law:",
    against_terms: "This is against our terms:",
    because: "Why:",
    redress: "If you do not agree",
    object: "You can object, free of charge; somebody else will then decide. We take objections until",
    out_of_court: "You can turn to a dispute settlement body that is certified under Article 21 of the \
                   Digital Services Act.",
    court: "You can go to court at any time.",
    help: "Where to find help",
    everywhere: "everywhere",
    within: "in",
    until: "until",
    without_end: "with no end set",
    measures: [
        ("remove", "The content is removed"),
        ("restrict", "Fewer people can see the content"),
        ("age_gate", "The content is shown to adults alone"),
        ("stop_recommending", "The content is no longer recommended"),
        ("label", "The content carries a label"),
        ("warn", "You are warned"),
        ("suspend", "The account is suspended"),
        ("disable_account", "The account is closed"),
        ("interstitial", "A warning is shown before the content"),
        ("demonetise", "The content earns no money"),
        ("restore", "The content is as it was before"),
        ("enable_account", "The account is open again"),
    ],
};

const FRENCH: Words = Words {
    what: "Ce que nous avons décidé",
    about: "Il s’agit de :",
    what_changes: "Ce qui change",
    taken_back: "Nous avons réexaminé notre décision et levons ce que nous avions fait au sujet de :",
    why: "Pourquoi",
    facts: "Ce que nous avons constaté",
    reported: "Quelqu’un nous l’a signalé, et nous l’avons examiné.",
    own_initiative: "Nous l’avons trouvé nous-mêmes ; personne ne l’a signalé.",
    automation: "Moyens automatisés",
    found_by_machine: "Cela a été trouvé par des moyens automatisés.",
    found_by_people: "Cela n’a pas été trouvé par des moyens automatisés.",
    decided_by_machine: "La décision a été prise par des moyens automatisés, et par aucune personne.",
    decided_by_people: "Une personne a pris la décision.",
    ground: "Ce à quoi c’est contraire",
    against_law: "Ceci est contraire à la loi :",
    against_terms: "Ceci est contraire à nos conditions :",
    because: "Pourquoi :",
    redress: "Si vous n’êtes pas d’accord",
    object: "Vous pouvez faire une réclamation, gratuitement ; une autre personne décidera alors. Nous \
             acceptons les réclamations jusqu’au",
    out_of_court: "Vous pouvez saisir un organe de règlement des litiges certifié au titre de l’article 21 \
                   du règlement sur les services numériques.",
    court: "Vous pouvez saisir un tribunal à tout moment.",
    help: "Où trouver de l’aide",
    everywhere: "partout",
    within: "dans",
    until: "jusqu’au",
    without_end: "sans date de fin",
    measures: [
        ("remove", "Le contenu est retiré"),
        ("restrict", "Moins de personnes peuvent voir le contenu"),
        ("age_gate", "Le contenu n’est montré qu’aux adultes"),
        ("stop_recommending", "Le contenu n’est plus recommandé"),
        ("label", "Le contenu porte une mention"),
        ("warn", "Vous recevez un avertissement"),
        ("suspend", "Le compte est suspendu"),
        ("disable_account", "Le compte est fermé"),
        (
            "interstitial",
            "Un avertissement est montré avant le contenu",
        ),
        ("demonetise", "Le contenu ne rapporte plus d’argent"),
        ("restore", "Le contenu est comme avant"),
        ("enable_account", "Le compte est de nouveau ouvert"),
    ],
};

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        language.pick(&ENGLISH, &FRENCH)
    }

    /// What an action does, where and for how long. A platform's own actions have their names alone.
    pub(super) fn measure(&self, action: &Action) -> String {
        let known = self.measures.iter().find(|(kind, _)| *kind == action.kind);
        let what = known.map_or(action.kind.as_str(), |(_, text)| text);
        if action.lifts.is_some() {
            return format!("{what}.");
        }
        let place = if action.territory.is_empty() {
            self.everywhere.to_owned()
        } else {
            format!("{} {}", self.within, action.territory.join(", "))
        };
        let end = match action.until {
            Some(until) => format!("{} {}", self.until, until.strftime("%Y-%m-%d %H:%M UTC")),
            None => self.without_end.to_owned(),
        };
        format!("{what}, {place}, {end}.")
    }
}
