/**
 * Named fields of a form and the content that they stand for. A name is a path: `ratings.A.likert`; one that ends in
 * `[]` makes a list of what is ticked; a bare checkbox is true or false; `data-type` makes numbers ("number"), or true and
 * false of a choice of two ("boolean").
 */

/** Puts what the fields hold into the content; what has no field stays. */
export function readFields(form, content) {
  for (const [name, fields] of fieldsByName(form)) {
    const value = name.endsWith("[]") ? valuesOf(fields) : valueOf(fields);
    put(content, pathOf(name), value);
  }
}

/** Puts the content into the fields. */
export function writeFields(form, content) {
  for (const [name, fields] of fieldsByName(form)) {
    const value = pathOf(name).reduce((part, key) => part?.[key], content);
    for (const field of fields) show(field, value);
  }
}

/** The first field that must be answered and is not; null when there is none. */
export function firstMissing(form) {
  return form.querySelector(":invalid:not(fieldset)");
}

/** What the page calls a field: the legend of its choices, or its label. */
export function nameOf(field) {
  const isChoice = ["radio", "checkbox"].includes(field.type);
  const name = isChoice ? field.closest("fieldset")?.querySelector("legend") : field.labels?.[0];
  return name?.textContent.trim();
}

function fieldsByName(form) {
  const named = [...form.elements].filter(({ name, type }) => name && !["hidden", "submit", "button"].includes(type));
  return Map.groupBy(named, (field) => field.name);
}

function pathOf(name) {
  return name.replace(/\[\]$/, "").split(".");
}

function valuesOf(fields) {
  return fields.filter((field) => field.checked).map(typed);
}

function valueOf(fields) {
  const [field] = fields;
  if (field.type === "radio") {
    const chosen = fields.find((one) => one.checked);
    return chosen && typed(chosen);
  }
  return field.type === "checkbox" ? field.checked : typed(field);
}

/** A field's value; undefined for a number that is not there. */
function typed(field) {
  if (field.dataset.type === "boolean") return field.value === "true";
  if (field.dataset.type !== "number") return field.value;
  return field.value === "" ? undefined : Number(field.value);
}

function show(field, value) {
  if (field.type === "radio") field.checked = value !== undefined && field.value === String(value);
  else if (field.name.endsWith("[]")) field.checked = (value ?? []).map(String).includes(field.value);
  else if (field.type === "checkbox") field.checked = Boolean(value);
  else if (field.value !== String(value ?? "")) field.value = value ?? "";
}

/** Sets or, with undefined, removes what is at a path; a step that is a number goes into a list. */
function put(content, [key, ...rest], value) {
  if (rest.length > 0) {
    if (content[key] === undefined && value === undefined) return;
    content[key] ??= /^\d+$/.test(rest[0]) ? [] : {};
    put(content[key], rest, value);
  } else if (value === undefined) delete content[key];
  else content[key] = value;
}
