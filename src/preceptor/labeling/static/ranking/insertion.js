/**
 * Ranking by questions: each response finds its place among those already placed by halving. For K = 9 that is at most
 * 21 questions instead of 36. The state is plain data and is never edited, so undoing is keeping the state before.
 */

/** A ranking that is yet to be asked for, in the order in which the responses are to be placed. */
export function begin(ids) {
  return { groups: ids.slice(0, 1).map((id) => [id]), waiting: ids.slice(1), low: 0, high: Math.min(ids.length, 1) };
}

/** The pair to compare next, [new one, one that has its place]; null when all have theirs. */
export function question(state) {
  if (state.waiting.length === 0) return null;
  return [state.waiting[0], state.groups[middle(state)][0]];
}

/** The state after an answer: the new one is 'better' or 'worse' than the other, or a 'tie'. */
export function answered(state, verdict) {
  const { groups, waiting } = state;
  const at = middle(state);
  if (verdict === "tie") {
    return next(groups.with(at, [...groups[at], waiting[0]]), waiting);
  }
  const [low, high] = verdict === "better" ? [state.low, at] : [at + 1, state.high];
  if (low < high) return { ...state, low, high };
  return next(groups.toSpliced(low, 0, [waiting[0]]), waiting);
}

/** How many questions there still are at most. */
export function questionsLeft(state) {
  if (state.waiting.length === 0) return 0;
  let left = depth(state.high - state.low);
  for (let later = 1; later < state.waiting.length; later += 1) left += depth(state.groups.length + later);
  return left;
}

function next(groups, waiting) {
  return { groups, waiting: waiting.slice(1), low: 0, high: groups.length };
}

function middle({ low, high }) {
  return Math.floor((low + high) / 2);
}

/** Questions at most to place one among so many. */
function depth(size) {
  return Math.ceil(Math.log2(size + 1));
}
