/** What differs between two texts, word by word (Myers 1986, "An O(ND) difference algorithm"). */

/** Where two texts have too little in common, marks on almost every word would not help. */
const MAX_EDITS = 1500;
const MIN_SHARE = 0.5;

const WORD = /[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;

/** Words and signs of a text, each with where it starts: [{word, start}]. */
export function wordsOf(text) {
  return [...text.matchAll(WORD)].map((match) => ({ word: match[0], start: match.index }));
}

/**
 * Which words of two lists are common to both: {left: [bool], right: [bool]}, true where a word is in both.
 * null when they differ too much: less than half of the shorter one is common, or there are over 1,500 differences.
 */
export function commonWords(left, right) {
  const trace = furthest(left, right);
  if (trace === null) return null;
  const common = { left: left.map(() => false), right: right.map(() => false) };
  let [x, y] = [left.length, right.length];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reach = (diagonal) => trace[edits][diagonal + edits + 1];
    const [before, startX] = step(reach, x - y, edits);
    while (x > startX) {
      x -= 1;
      y -= 1;
      common.left[x] = common.right[y] = true;
    }
    [x, y] = [reach(before), reach(before) - before];
  }
  const shared = common.left.filter(Boolean).length;
  return shared < MIN_SHARE * Math.min(left.length, right.length) ? null : common;
}

/**
 * For each number of edits, how far every diagonal (x − y) had come before the last of them; null when it takes too
 * many. The array of e edits holds the diagonals −e − 1 to e + 1.
 */
function furthest(left, right) {
  const limit = Math.min(left.length + right.length, MAX_EDITS);
  const reached = new Int32Array(2 * limit + 3).fill(-1);
  const zero = limit + 1;
  reached[zero + 1] = 0;
  const trace = [];
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(reached.slice(zero - edits - 1, zero + edits + 2));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let [, x] = step((other) => reached[zero + other], diagonal, edits);
      while (x < left.length && x - diagonal < right.length && left[x] === right[x - diagonal]) x += 1;
      reached[zero + diagonal] = x;
      if (x >= left.length && x - diagonal >= right.length) return trace;
    }
  }
  return null;
}

/** From which diagonal the best way comes to this one, and at which x it starts here. */
function step(reach, diagonal, edits) {
  const isDown = diagonal === -edits || (diagonal !== edits && reach(diagonal - 1) < reach(diagonal + 1));
  return isDown ? [diagonal + 1, reach(diagonal + 1)] : [diagonal - 1, reach(diagonal - 1) + 1];
}
