// What the scripts of reports say: handed over by the page, in the reader's language.

const node = document.getElementById("report-texts");

export const texts = node ? JSON.parse(node.textContent) : {};

// A sentence with its gaps filled: fill("At {time}", { time: "0:05" }).
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (gap, name) => (name in values ? values[name] : gap));
}

export function emotionWord(name) {
  return (texts.emotions && texts.emotions[name]) || name;
}

export function levelWord(name) {
  return (texts.levels && texts.levels[name]) || name;
}
