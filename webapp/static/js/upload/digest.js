// The SHA-256 of a file, by which the server checks that every byte arrived as it was.

// Resolves to hex digits; `onShare` hears how much is read, 0 to 1. Rejects with an AbortError when
// `signal` says so, and with another error where the file cannot be read (any more).
export function sha256Of(file, { onShare, signal }) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL("digest-worker.js", import.meta.url), { type: "module" });
    const end = (settle, value) => {
      worker.terminate();
      settle(value);
    };
    signal.addEventListener("abort", () => end(reject, signal.reason), { once: true });
    worker.addEventListener("error", (event) => end(reject, new Error(event.message)));
    worker.addEventListener("message", ({ data }) => {
      if (data.hex) end(resolve, data.hex);
      else if (data.error) end(reject, new Error(data.error));
      else onShare(data.share);
    });
    worker.postMessage(file);
  });
}
