/** What a labeler may want to look at again before submitting. Each is shown once, and none stops anybody. */

import { groupsOf } from "./board.js";

/** Ratings may differ so little from the order that it means nothing. */
const CONTRADICTION = 2;

/** What is missing before there is anything to submit: {unrated: ids, unranked: ids}. */
export function missing(ids, likert, board) {
  const ranked = groupsOf(board).flat();
  return { unrated: ids.filter((id) => !likert[id]), unranked: ids.filter((id) => !ranked.includes(id)) };
}

/** Pairs [above, below] where the one ranked below was rated better by two points or more. */
export function contradictions(likert, board) {
  const groups = groupsOf(board);
  return groups.flatMap((group, rank) =>
    group.flatMap((above) =>
      groups
        .slice(rank + 1)
        .flat()
        .filter((below) => likert[below] - likert[above] >= CONTRADICTION)
        .map((below) => [above, below]),
    ),
  );
}

/** Names of the checks that apply, with the ids that they are about: [{name, ids}]. */
export function checks({ ids, likert, board, read, moves, initialBoard, activeSeconds, minSeconds }) {
  const found = [];
  const against = contradictions(likert, board);
  if (against.length > 0) found.push({ name: "contradiction", ids: against[0] });
  if (groupsOf(board).length === 1 && ids.length > 1) found.push({ name: "all_tied", ids });
  const unread = ids.filter((id) => !read.includes(id));
  if (unread.length > 0) found.push({ name: "unread", ids: unread });
  if (moves === 0 && groupsOf(initialBoard).length > 0 && activeSeconds < minSeconds) {
    found.push({ name: "unchanged", ids: [] });
  }
  return found;
}
