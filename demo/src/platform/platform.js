// Small comforts. Every page works without them.

const picture = document.getElementById("picture");
const preview = document.getElementById("preview");
const form = document.querySelector("form");

picture?.addEventListener("change", () => {
  URL.revokeObjectURL(preview.src);
  preview.hidden = picture.files.length === 0;
  if (!preview.hidden) preview.src = URL.createObjectURL(picture.files[0]);
});

form?.addEventListener("submit", () => {
  form.querySelector("button").disabled = true;
  document.getElementById("progress").textContent = "Asking Watchhouse about the picture …";
});

// A reviewer's decision arrives by webhook at any time, so the feed looks again by itself.
async function refresh() {
  const feed = document.getElementById("feed");
  if (document.hidden || feed.contains(document.activeElement)) return;
  const answer = await fetch(location.pathname + location.search);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("feed");
  if (fresh && fresh.innerHTML !== feed.innerHTML) feed.replaceChildren(...fresh.childNodes);
}

setInterval(() => refresh().catch(() => {}), 3000);
