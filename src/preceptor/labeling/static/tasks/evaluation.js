/** Final evaluation: the page of a ranking. */

export { mount } from "./ranking.js";
