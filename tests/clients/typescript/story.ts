// The whole story with the generated client: contact, consent at Microsoft, timeline, draft, email.
// Usage: node out/story.js URL

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const url = process.argv[2]!;
const who = { user: "ana", team: "typescript" };
const answer = await fetch(`${url}/dev/token`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(who),
});
const { token } = (await answer.json()) as { token: string };
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

/** What came, or the problem that came instead. */
function got<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function until<T>(look: () => Promise<T>, done: (seen: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 240; tries++) {
    const seen = await look();
    if (done(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("it does not come to that");
}

const addresses = ["priya@north-loop.example"];
const contact = got(await api.POST("/contacts", { body: { addresses, name: "Priya Raman" } }));
const taken = await api.POST("/contacts", { body: { addresses } });
assert.equal(taken.response.status, 409);
assert.equal(taken.error?.contact_id, contact.id);

const asked = got(await api.POST("/oauth_start", { body: { provider: "microsoft" } }));
const form = new URLSearchParams({ account: "ben@example.com", decision: "allow" });
const ended = await fetch(asked.authorization_url, { method: "POST", body: form });
const { connection } = (await ended.json()) as components["schemas"]["Ended"];
const confirmed = got(await api.POST("/mailboxes", { body: { connection: connection!, visibility: "everything" } }));
const mailbox = { path: { mailbox_id: confirmed.id } };
const synced = await until(
  async () => got(await api.GET("/mailboxes/{mailbox_id}", { params: mailbox })),
  (seen) => seen.sync.phase === "up_to_date",
);
assert.equal(synced.state, "connected");

const timeline = got(
  await api.GET("/contacts/{contact_id}/timeline", {
    params: { path: { contact_id: contact.id }, query: { page_size: 10 } },
  }),
);
const line = timeline.activities[0]!;
assert.match(line.subject, /Demo for our buyers/);
const message = got(
  await api.GET("/messages/{message_id}", { params: { path: { message_id: line.message_id } } }),
);
assert.equal(message.from[0]!.address, addresses[0]);

const once = { header: { "Idempotency-Key": "typescript-1" } };
const body = { mailbox_id: confirmed.id, to: addresses, subject: "Draft", draft: true };
const draft = got(await api.POST("/emails", { params: once, body }));
const again = await api.POST("/emails", { params: once, body });
assert.equal(got(again).id, draft.id);
assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");

const email = { email_id: draft.id };
const change = { subject: "Hello from TypeScript" };
const unseen = await api.PATCH("/emails/{email_id}", { params: { path: email }, body: change });
assert.equal(unseen.response.status, 428);
const seen = { path: email, header: { "If-Match": `"${draft.etag}"` } };
got(await api.PATCH("/emails/{email_id}", { params: seen, body: change }));
got(await api.POST("/emails/{email_id}/send", { params: { path: email } }));
const sent = await until(
  async () => got(await api.GET("/emails/{email_id}", { params: { path: email } })),
  (now) => now.status === "sent",
);
assert.equal(sent.subject, change.subject);
console.log("told");
