// While a page is making a recording it holds a lock, so that no other tab offers to send it.

const PREFIX = "engagement-recording-";

// Resolves, once the lock is held, to the function that lets it go.
export async function hold(id) {
  if (!navigator.locks) return () => undefined;
  return new Promise((held) => {
    navigator.locks.request(PREFIX + id, () => new Promise((release) => held(release)));
  });
}

// Ids of the recordings that some open page is still making.
export async function beingMade() {
  if (!navigator.locks) return new Set();
  const { held } = await navigator.locks.query();
  return new Set(held.map((one) => one.name.replace(PREFIX, "")));
}
