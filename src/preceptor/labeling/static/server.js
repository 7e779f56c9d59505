/** Talking to the server. */

/** The server could not be reached, or had a fault: worth trying again. */
export class Unreachable extends Error {}

/** Nobody is signed in at this browser, or somebody has signed in since this page was made. */
export function isSignedOut(reply) {
  return reply.status === 401 || reply.status === 403;
}

/** What the page's head says under a name. */
export function meta(name) {
  return document.querySelector(`meta[name="${name}"]`).content;
}

/** Sends JSON and gives {status, body}; raises `Unreachable` where trying again may help. */
export async function send(method, address, body, { keepalive = false } = {}) {
  let response;
  try {
    response = await fetch(address, {
      method,
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": meta("csrf-token") },
      credentials: "same-origin",
      redirect: "error",
      keepalive,
    });
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (response.status >= 500) throw new Unreachable(String(response.status));
  return { status: response.status, body: await response.json().catch(() => null) };
}
