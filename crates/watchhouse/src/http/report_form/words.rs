//! What the form says, in each language.

use crate::language::Language;

pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) intro: &'static str,
    pub(super) faults: &'static str,
    pub(super) address: &'static str,
    pub(super) address_hint: &'static str,
    pub(super) address_wrong: &'static str,
    pub(super) category: &'static str,
    pub(super) choose: &'static str,
    pub(super) category_wrong: &'static str,
    pub(super) explanation: &'static str,
    pub(super) explanation_hint: &'static str,
    pub(super) explanation_wrong: &'static str,
    pub(super) you: &'static str,
    pub(super) you_hint: &'static str,
    pub(super) name: &'static str,
    pub(super) name_wrong: &'static str,
    pub(super) email: &'static str,
    pub(super) email_hint: &'static str,
    pub(super) email_wrong: &'static str,
    pub(super) good_faith: &'static str,
    pub(super) good_faith_wrong: &'static str,
    pub(super) send: &'static str,
    pub(super) what_next: &'static str,
    pub(super) unknown_form: &'static str,
    pub(super) old_form: &'static str,
    pub(super) too_quick: &'static str,
    pub(super) too_many: &'static str,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        language.pick(&ENGLISH, &FRENCH)
    }
}

const ENGLISH: Words = Words {
    title: "Report content",
    intro: "Tell us about something that you think is against the law or against our rules. Somebody \
            will look at it, and you will be told what was decided.",
    faults: "Something is missing",
    address: "Where is it?",
    address_hint: "The exact address, as in https://example.org/posts/4711.",
    address_wrong: "Give the exact address, as in https://example.org/posts/4711.",
    category: "What is it about?",
    choose: "Choose",
    category_wrong: "Choose what it is about.",
    explanation: "Why is it wrong?",
    explanation_hint: "Say what you saw and why you think that it is against the law or our rules.",
    explanation_wrong: "Say why it is wrong, in 10,000 characters at most.",
    you: "Who are you?",
    you_hint: "The law asks for your name and e-mail address, except for reports about sexual abuse of \
               children: then you may leave both empty. We do not tell the person you report who you are.",
    name: "Your name",
    name_wrong: "Give your name.",
    email: "Your e-mail address",
    email_hint: "So that we can reach you.",
    email_wrong: "Give an e-mail address, as in name@example.org.",
    good_faith: "To the best of my knowledge, all that I have said here is accurate and complete.",
    good_faith_wrong: "Confirm that what you have said is accurate and complete.",
    send: "Send the report",
    what_next: "The next page is your receipt. Keep its address: it always shows where your report stands.",
    unknown_form: "This form could not be recognised. Everything that you typed is still here: send it again.",
    old_form: "This form was open for more than a day. Everything that you typed is still here: send it again.",
    too_quick: "That was very quick, as if a program had sent it. Everything that you typed is still here: \
                wait a few seconds and send it again.",
    too_many: "Many reports have come from your network in the last hour. Everything that you typed is \
               still here: send it again later.",
};

const FRENCH: Words = Words {
    title: "Signaler un contenu",
    intro: "Signalez-nous ce qui vous paraît contraire à la loi ou à nos règles. Quelqu’un l’examinera, et \
            vous saurez ce qui a été décidé.",
    faults: "Il manque quelque chose",
    address: "Où se trouve-t-il ?",
    address_hint: "L’adresse exacte, comme https://example.org/posts/4711.",
    address_wrong: "Donnez l’adresse exacte, comme https://example.org/posts/4711.",
    category: "De quoi s’agit-il ?",
    choose: "Choisissez",
    category_wrong: "Choisissez de quoi il s’agit.",
    explanation: "Pourquoi est-ce un problème ?",
    explanation_hint: "Dites ce que vous avez vu et pourquoi cela vous paraît contraire à la loi ou à nos règles.",
    explanation_wrong: "Dites pourquoi c’est un problème, en 10 000 caractères au plus.",
    you: "Qui êtes-vous ?",
    you_hint: "La loi demande votre nom et votre adresse électronique, sauf pour les signalements d’abus \
               sexuels sur des enfants : vous pouvez alors laisser les deux vides. Nous ne disons pas à la \
               personne signalée qui vous êtes.",
    name: "Votre nom",
    name_wrong: "Donnez votre nom.",
    email: "Votre adresse électronique",
    email_hint: "Pour que nous puissions vous joindre.",
    email_wrong: "Donnez une adresse électronique, comme nom@example.org.",
    good_faith: "À ma connaissance, tout ce que j’ai dit ici est exact et complet.",
    good_faith_wrong: "Confirmez que ce que vous avez dit est exact et complet.",
    send: "Envoyer le signalement",
    what_next: "La page suivante est votre accusé de réception. Conservez son adresse : elle montre toujours \
                où en est votre signalement.",
    unknown_form: "Ce formulaire n’a pas pu être reconnu. Tout ce que vous avez saisi est encore là : \
                   envoyez-le de nouveau.",
    old_form: "Ce formulaire était ouvert depuis plus d’un jour. Tout ce que vous avez saisi est encore là : \
               envoyez-le de nouveau.",
    too_quick: "C’était très rapide, comme si un programme l’avait envoyé. Tout ce que vous avez saisi est \
                encore là : attendez quelques secondes et envoyez-le de nouveau.",
    too_many: "Beaucoup de signalements sont venus de votre réseau dans la dernière heure. Tout ce que vous \
               avez saisi est encore là : envoyez-le de nouveau plus tard.",
};
