// Computes the SHA-256 of a file piece by piece, beside the page so that the page stays quick.
// Web Crypto wants the whole file at once, and WebAssembly is not allowed here: so plain script.

import { sha256 } from "../../vendor/noble-hashes-2.0.1/sha2.js";

const PIECE_BYTES = 4 * 1024 * 1024;

self.addEventListener("message", async ({ data: file }) => {
  const read = (at) => file.slice(at, at + PIECE_BYTES).arrayBuffer();
  try {
    const hash = sha256.create();
    let next = read(0);
    for (let at = 0; at < file.size; at += PIECE_BYTES) {
      const piece = await next;
      // The disk works on the next piece while this one is computed.
      next = read(at + PIECE_BYTES);
      hash.update(new Uint8Array(piece));
      self.postMessage({ share: Math.min(1, (at + PIECE_BYTES) / file.size) });
    }
    const hex = Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, "0")).join("");
    self.postMessage({ hex });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});
