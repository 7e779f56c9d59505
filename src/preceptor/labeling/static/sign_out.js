/** Who signs out leaves no work behind in this browser. */

import { forgetAll } from "./kept.js";

document.getElementById("sign-out").addEventListener("submit", forgetAll);
