#pragma once

/* The otad of the package and the self-updated one: otad --which, --take-over. */

/* Prints which runs from the next start on. The exit status. */
int take_over_tell(const char *version);
/* Lets the newer run, and says so when that was a question. The exit status. */
int take_over_main(const char *version);
