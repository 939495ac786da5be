// The camera and the microphone: what is there, and opening them.

const PICTURE = {
  // A face needs no more, and a long lesson stays small.
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 15, max: 30 },
};

// Why nothing can be recorded here, or "" where it can: names of sentences.
export function obstacle() {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return "unsupported";
  if (!window.indexedDB) return "unsupported";
  return type() ? "" : "unsupported";
}

// What this browser records as. VP8 costs a student's computer the least beside their lesson. Sound
// is named only where there is any: Firefox waits for it for ever, and records nothing.
export function type({ sound = false } = {}) {
  const known = [
    sound ? "video/webm;codecs=vp8,opus" : "video/webm;codecs=vp8",
    "video/webm",
    sound ? "video/mp4;codecs=avc1.42E01E,mp4a.40.2" : "video/mp4;codecs=avc1.42E01E",
    "video/mp4",
  ];
  return known.find((one) => MediaRecorder.isTypeSupported(one)) || "";
}

// Opens a camera, and a microphone where one is wanted: "" is any camera, and no microphone.
// Rejects with an Error whose message is the name of a sentence.
export async function open({ camera = "", microphone = "" }) {
  const video = camera ? { ...PICTURE, deviceId: { exact: camera } } : PICTURE;
  const audio = microphone ? { deviceId: { exact: microphone } } : false;
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    if (error.name === "OverconstrainedError" && (camera || microphone)) return open({});
    throw new Error(reason(error), { cause: error });
  }
}

function reason(error) {
  const known = {
    NotAllowedError: "refused_camera",
    SecurityError: "refused_camera",
    NotFoundError: "no_camera",
    OverconstrainedError: "no_camera",
    NotReadableError: "camera_busy",
    AbortError: "camera_busy",
  };
  return known[error.name] || "camera_fails";
}

// The cameras and microphones; names are told only once the person has allowed one.
export async function devices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  const real = all.filter((one) => one.deviceId);
  return {
    cameras: real.filter((one) => one.kind === "videoinput"),
    microphones: real.filter((one) => one.kind === "audioinput"),
  };
}

// Asks for the microphones' names: without a permission browsers hide even that there are any.
export async function allowMicrophone() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [track] = stream.getAudioTracks();
  const { deviceId } = track.getSettings();
  close(stream);
  return deviceId;
}

// Keeps the screen on while it records: a phone that sleeps lets go of its camera. Returns how to
// let it sleep again.
export async function stayAwake() {
  try {
    const lock = await navigator.wakeLock.request("screen");
    return () => lock.release();
  } catch {
    return () => undefined;
  }
}

export function close(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
