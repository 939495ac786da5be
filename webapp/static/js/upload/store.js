// Recordings that are not sent yet, kept in this browser part by part, so that a closed tab, a
// crash or a power cut costs the last seconds at most.

const NAME = "engagement-recordings";
const VERSION = 1;
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.addEventListener("upgradeneeded", () => {
      request.result.createObjectStore("recordings", { keyPath: "id" });
      request.result.createObjectStore("parts", { keyPath: ["recording", "number"] });
    });
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
  return opened;
}

function asked(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

// Runs `work` over both stores; resolves when everything is on disk.
async function written(work) {
  const database = await open();
  const transaction = database.transaction(["recordings", "parts"], "readwrite", { durability: "strict" });
  const ended = new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("error", () => reject(transaction.error));
    transaction.addEventListener("abort", () => reject(transaction.error));
  });
  work(transaction.objectStore("recordings"), transaction.objectStore("parts"));
  return ended;
}

async function reading(name) {
  return (await open()).transaction(name, "readonly").objectStore(name);
}

function partsOf(id) {
  return IDBKeyRange.bound([id, 0], [id, Infinity]);
}

// Fails where the browser keeps nothing, as in some private windows.
export async function check() {
  await open();
}

// Writes down that a recording begins, or how it stands.
export function put(recording) {
  return written((recordings) => recordings.put(recording));
}

export function addPart(recording, number, blob) {
  return written((recordings, parts) => {
    parts.put({ recording: recording.id, number, blob });
    recordings.put(recording);
  });
}

// What this person recorded here and did not send, the oldest first.
export async function kept(user) {
  const all = await asked((await reading("recordings")).getAll());
  return all
    .filter((one) => one.user === user && one.bytes > 0)
    .sort((one, other) => one.startedAt.localeCompare(other.startedAt));
}

// The whole recording as a file; its bytes stay on disk until they are read.
export async function fileOf(recording) {
  const parts = await asked((await reading("parts")).getAll(partsOf(recording.id)));
  const options = { type: recording.type, lastModified: Date.parse(recording.startedAt) };
  return new File(parts.map((one) => one.blob), recording.name, options);
}

export function remove(id) {
  return written((recordings, parts) => {
    recordings.delete(id);
    parts.delete(partsOf(id));
  });
}

// Bytes that this browser still gives the site; null where it does not tell.
export async function room() {
  try {
    const { quota, usage } = await navigator.storage.estimate();
    return Math.max(0, quota - usage);
  } catch {
    return null;
  }
}

// Asks the browser not to clear the site's data by itself when the disk gets full.
export async function keep() {
  try {
    await navigator.storage.persist();
  } catch {
    // It then keeps them as long as it can.
  }
}
