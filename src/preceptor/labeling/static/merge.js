/** Two versions of the same work brought together: what only one side changed is taken from there. */

/**
 * {merged, conflicts}: conflicts are [{path, mine, theirs}], what both sides changed in different ways; there `merged`
 * has mine. `base` is what both started from.
 */
export function merge(base, mine, theirs, path = []) {
  if (isEqual(mine, theirs) || isEqual(base, theirs)) return { merged: mine, conflicts: [] };
  if (isEqual(base, mine)) return { merged: theirs, conflicts: [] };
  if (!isPlain(mine) || !isPlain(theirs)) return { merged: mine, conflicts: [{ path, mine, theirs }] };
  const merged = {};
  const conflicts = [];
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const part = merge(isPlain(base) ? base[key] : undefined, mine[key], theirs[key], [...path, key]);
    if (part.merged !== undefined) merged[key] = part.merged;
    conflicts.push(...part.conflicts);
  }
  return { merged, conflicts };
}

/** A copy of `content` with the value at a path replaced. */
export function replaced(content, path, value) {
  if (path.length === 0) return value;
  const [key, ...rest] = path;
  return { ...content, [key]: replaced(content?.[key] ?? {}, rest, value) };
}

/** Whether two JSON values are the same, whatever the order of their keys. */
export function isEqual(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => isEqual(one[key], other[key]));
}

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
