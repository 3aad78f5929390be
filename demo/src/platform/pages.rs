//! The platform's pages. They work without script, without colour and without a mouse.

use std::fmt::Write;

use serde_json::Value;

use super::feed::Feed;
use super::post::{Post, State};

const PER_PAGE: usize = 36;

pub(super) fn feed(feed: &Feed, posted: Option<&str>, skip: usize) -> String {
    let mut main = String::new();
    if let Some(post) = posted.and_then(|id| feed.post(id)) {
        main += &outcome(post);
    }
    main += FORM;
    main += "<section id=\"feed\" aria-labelledby=\"feed-title\"><h2 id=\"feed-title\">Feed</h2>";
    main += &counts(feed);
    let n_posts = feed.posts().count();
    if n_posts == 0 {
        main += "<p class=\"empty\">Nothing was posted yet.</p>";
    }
    main += "<ul class=\"cards\">";
    for post in feed.posts().skip(skip).take(PER_PAGE) {
        main += &card(post);
    }
    main += "</ul>";
    main += "<nav class=\"pages\" aria-label=\"Pages of the feed\">";
    if skip > 0 {
        let newer = skip.saturating_sub(PER_PAGE);
        let _ = write!(main, "<a href=\"/?skip={newer}#feed\">Newer posts</a>");
    }
    if n_posts.saturating_sub(skip) > PER_PAGE {
        let _ = write!(
            main,
            "<a href=\"/?skip={}#feed\">Older posts</a>",
            skip + PER_PAGE
        );
    }
    main += "</nav></section>";
    page("Feed", "/", &main)
}

pub(super) fn webhooks(feed: &Feed) -> String {
    let mut main = String::from(
        "<section id=\"feed\"><h2>Webhooks received</h2>\
         <p>Each was signed by Watchhouse; others were refused. The newest is on top.</p>",
    );
    if feed.received().is_empty() {
        main += "<p class=\"empty\">None came yet: decide a case in Watchhouse, and one will.</p></section>";
        return page("Webhooks", "/webhooks", &main);
    }
    main += "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Webhooks\"><table><thead><tr>\
             <th scope=\"col\">Received</th><th scope=\"col\">Type</th><th scope=\"col\">About</th>\
             <th scope=\"col\">What the platform did</th><th scope=\"col\">Repeats dropped</th>\
             <th scope=\"col\">Message</th></tr></thead><tbody>";
    for received in feed.received().iter().rev() {
        let _ = write!(
            main,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            received.received_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            escaped(&received.kind),
            escaped(&received.about),
            escaped(&received.result),
            received.repeats,
            escaped(&received.id),
        );
    }
    main += "</tbody></table></div></section>";
    page("Webhooks", "/webhooks", &main)
}

pub(super) fn refusal(why: &str) -> String {
    let main = format!(
        "<section class=\"outcome blocked\" role=\"alert\"><h2>That did not work</h2><p>{}</p>\
         <p><a href=\"/\">Back to the feed</a></p></section>",
        escaped(why)
    );
    page("That did not work", "", &main)
}

/// What a message that asks for nothing is about: the case or item it names.
pub(super) fn subject_of(data: &Value) -> String {
    let item = data["item"]["external_id"].as_str();
    let case = data["case"].as_str().or(data["case"]["id"].as_str());
    match (case, item) {
        (Some(case), Some(item)) => format!("{case}, {item}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => String::new(),
    }
}

const FORM: &str = r#"<section aria-labelledby="post-title" class="composer"><h2 id="post-title">Post a picture</h2>
<form action="/posts" method="post" enctype="multipart/form-data">
<div class="field grow"><label for="picture">Picture</label>
<input id="picture" name="picture" type="file" accept="image/*" required></div>
<div class="field"><label for="account">Your name</label>
<input id="account" name="account" value="visitor" maxlength="40" autocomplete="nickname"></div>
<div class="field"><label for="surface">Who sees it</label>
<select id="surface" name="surface"><option value="public">Everyone</option>
<option value="private">A closed group</option><option value="direct">One person</option></select></div>
<div class="field grow"><label for="text">A few words</label>
<input id="text" name="text" maxlength="280"></div>
<img id="preview" alt="" hidden>
<button type="submit">Post</button>
<p id="progress" role="status"></p>
</form></section>"#;

fn counts(feed: &Feed) -> String {
    let mut html =
        String::from("<ul class=\"counts\" aria-label=\"How many posts are in which state\">");
    for state in [
        State::Published,
        State::Held,
        State::Unchecked,
        State::Blocked,
        State::Removed,
        State::Restricted,
    ] {
        let n = feed.posts().filter(|post| post.state == state).count();
        if n > 0 {
            let _ = write!(
                html,
                "<li class=\"state {}\"><b>{n}</b> {state}</li>",
                class(state)
            );
        }
    }
    html + "</ul>"
}

fn outcome(post: &Post) -> String {
    let told = match post.state {
        State::Published => "Your picture is published.",
        State::Held => "Your picture is held: a reviewer looks at it first.",
        State::Unchecked => "Your picture is held: it could not be checked yet.",
        State::Blocked => "Your picture was blocked.",
        State::Removed => "Your picture was removed.",
        State::Restricted => "Your picture is restricted.",
    };
    format!(
        "<section class=\"outcome {}\" role=\"status\"><h2>{told}</h2>{}<p><a href=\"#{id}\">See it in the feed</a></p></section>",
        class(post.state),
        reasons(post),
        id = escaped(&post.id),
    )
}

fn card(post: &Post) -> String {
    let picture = if post.is_visible() {
        let alt = if post.text.is_empty() {
            &post.file_name
        } else {
            &post.text
        };
        format!(
            "<img src=\"/pictures/{}\" alt=\"{}\" loading=\"lazy\">",
            escaped(&post.id),
            escaped(alt)
        )
    } else {
        format!(
            "<div class=\"hidden\"><span>{}</span></div>",
            sign(post.state)
        )
    };
    let mut labels = String::new();
    for label in &post.labels {
        let _ = write!(labels, "<span class=\"label\">{}</span>", escaped(label));
    }
    format!(
        "<li id=\"{id}\" class=\"card {class}\">{picture}<div class=\"words\">\
         <p class=\"who\"><b>{account}</b> · {surface} · <time datetime=\"{at}\">{at_short}</time></p>\
         <p class=\"text\">{text}</p>\
         <p><span class=\"state {class}\">{state}</span>{labels}</p>{reasons}</div></li>",
        id = escaped(&post.id),
        class = class(post.state),
        account = escaped(&post.account),
        surface = post.surface,
        at = post.posted_at,
        at_short = post.posted_at.strftime("%H:%M:%S UTC"),
        text = escaped(if post.text.is_empty() {
            &post.file_name
        } else {
            &post.text
        }),
        state = post.state,
        reasons = reasons(post),
    )
}

fn reasons(post: &Post) -> String {
    if post.reasons.is_empty() || post.state == State::Published && post.actions.is_empty() {
        return String::new();
    }
    let mut html = String::from("<ul class=\"reasons\">");
    for reason in &post.reasons {
        let _ = write!(html, "<li>{}</li>", escaped(reason));
    }
    html + "</ul>"
}

fn class(state: State) -> &'static str {
    match state {
        State::Published => "published",
        State::Held | State::Unchecked => "held",
        State::Blocked => "blocked",
        State::Removed => "removed",
        State::Restricted => "restricted",
    }
}

fn sign(state: State) -> &'static str {
    match state {
        State::Held | State::Unchecked => "not shown until it was looked at",
        State::Restricted => "shown only to the one who posted it",
        _ => "not shown",
    }
}

fn page(title: &str, here: &str, main: &str) -> String {
    let link = |address: &str, name: &str| {
        let current = if address == here {
            " aria-current=\"page\""
        } else {
            ""
        };
        format!("<a href=\"{address}\"{current}>{name}</a>")
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Pinboard</title>\
         <link rel=\"icon\" href=\"/platform.svg\" type=\"image/svg+xml\"><link rel=\"stylesheet\" href=\"/platform.css\">\
         <script src=\"/platform.js\" defer></script></head><body>\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\
         <header><div class=\"bar\"><p class=\"brand\">Pinboard <small>a demo platform that asks Watchhouse first</small></p>\
         <nav aria-label=\"Pages\">{}{}</nav></div></header>\
         <main id=\"main\"><h1 class=\"unseen\">{title}</h1>{main}</main></body></html>",
        link("/", "Feed"),
        link("/webhooks", "Webhooks"),
    )
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            _ => html.push(letter),
        }
    }
    html
}
