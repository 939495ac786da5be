// Uploads one file with tus-js-client, which is asked for nothing but to retry. Reads what to do
// as JSON from the standard input; prints, as JSON, what came of it.

import fs from "node:fs";
import { FileUrlStorage, Upload } from "tus-js-client";

const job = JSON.parse(fs.readFileSync(0, "utf8"));
let lost = 0;
let recording = "";

const upload = new Upload(fs.createReadStream(job.file), {
  endpoint: job.endpoint,
  headers: job.headers,
  metadata: job.metadata,
  chunkSize: job.chunkSize ?? Infinity,
  retryDelays: Array(200).fill(200),
  urlStorage: new FileUrlStorage(job.urls),
  // The package's own rule, and counted.
  onShouldRetry: (error) => {
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
    lost += 1;
    return status === 0 || status >= 500 || status === 409 || status === 423;
  },
  onAfterResponse: (request, response) => {
    recording = response.getHeader("Engagement-Recording") || recording;
  },
  onSuccess: () => process.stdout.write(JSON.stringify({ url: upload.url, recording, lost })),
  onError: (error) => {
    process.stderr.write(String(error));
    process.exitCode = 1;
  },
});

const before = await upload.findPreviousUploads();
if (before.length) upload.resumeFromPreviousUpload(before[0]);
upload.start();
