/**
 * The board: K slots from best to worst, each with the ids of the responses on it. Who shares a slot is tied; who is in
 * no slot is still to be ranked; an empty slot means nothing. A board is an array of arrays, and is never edited.
 */

/** An empty board for so many responses. */
export function emptyBoard(size) {
  return Array.from({ length: size }, () => []);
}

/** A board with the best rated first; equal ratings tie, and what has no rating stays off. */
export function boardOfRatings(ids, likert) {
  const rated = ids.filter((id) => likert[id]);
  const steps = [...new Set(rated.map((id) => likert[id]))].sort((a, b) => b - a);
  return filled(steps.map((step) => rated.filter((id) => likert[id] === step)), ids.length);
}

/** A board from its groups. */
export function filled(groups, size) {
  return emptyBoard(size).map((empty, slot) => groups[slot] ?? empty);
}

/** Ordered groups, best first: what is stored of a board. */
export function groupsOf(board) {
  return board.filter((slot) => slot.length > 0);
}

/** Index of the slot that a response is on; −1 when it is on none. */
export function slotOf(board, id) {
  return board.findIndex((slot) => slot.includes(id));
}

/** Rank of a response, 1 is best, counted over groups; null when it is off the board. */
export function rankOf(board, id) {
  const rank = groupsOf(board).findIndex((group) => group.includes(id));
  return rank < 0 ? null : rank + 1;
}

/** Those that a response is tied with. */
export function tiedWith(board, id) {
  return (board[slotOf(board, id)] ?? []).filter((other) => other !== id);
}

/** The response taken off. */
export function remove(board, id) {
  return board.map((slot) => slot.filter((other) => other !== id));
}

/** The response on a slot, tied with whoever is there. */
export function place(board, id, slot) {
  return remove(board, id).map((there, index) => (index === slot ? [...there, id] : there));
}

/** The response alone in the gap before a slot (`board.length` is the gap after the last one). */
export function insert(board, id, gap) {
  const rest = remove(board, id);
  const before = rest.slice(0, gap);
  const after = rest.slice(gap);
  // The nearest empty slot gives way, so that the others keep their numbers where they can.
  const below = after.findIndex((slot) => slot.length === 0);
  const above = before.findLastIndex((slot) => slot.length === 0);
  if (below >= 0 && (above < 0 || below <= before.length - 1 - above)) {
    return [...before, [id], ...after.toSpliced(below, 1)];
  }
  return [...before.toSpliced(above, 1), [id], ...after];
}

/** One step better: out of its tie, else past the group above. The same board when it is first already. */
export function better(board, id) {
  return stepped(board, id, -1);
}

/** One step worse: out of its tie, else past the group below. The same board when it is last already. */
export function worse(board, id) {
  return stepped(board, id, 1);
}

/** Tied with the group above; the same board when there is none. */
export function tieWithAbove(board, id) {
  const above = occupied(board, slotOf(board, id), -1);
  return above === null ? board : place(board, id, above);
}

/** The board after a comparison: 'left' or 'right' is better, or it is a 'tie'. */
export function compared(board, left, right, verdict) {
  if (verdict === "right") return compared(board, right, left, "left");
  const [first, second] = [slotOf(board, left), slotOf(board, right)];
  if (first < 0 && second < 0) {
    const start = board.findLastIndex((slot) => slot.length > 0) + 1;
    if (verdict === "tie") return insertTied(board, [left, right], start);
    return insert(insert(board, left, start), right, slotOf(insert(board, left, start), left) + 1);
  }
  if (verdict === "tie") return first < 0 ? place(board, left, second) : place(board, right, first);
  if (second < 0) return insert(board, right, first + 1);
  if (first >= 0 && first < second) return board;
  return insert(board, left, second);
}

function insertTied(board, ids, gap) {
  const alone = insert(board, ids[0], gap);
  return place(alone, ids[1], slotOf(alone, ids[0]));
}

function stepped(board, id, step) {
  const slot = slotOf(board, id);
  if (slot < 0) return board;
  if (board[slot].length > 1) return insert(board, id, step < 0 ? slot : slot + 1);
  const other = occupied(board, slot, step);
  if (other === null) return board;
  return board.map((there, index) => (index === slot ? board[other] : index === other ? board[slot] : there));
}

/** The next slot in a direction that somebody is on; null when there is none. */
function occupied(board, slot, step) {
  for (let index = slot + step; slot >= 0 && index >= 0 && index < board.length; index += step) {
    if (board[index].length > 0) return index;
  }
  return null;
}
