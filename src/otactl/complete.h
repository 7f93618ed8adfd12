#pragma once

/*
 * What may stand where a shell's cursor is: `otactl --complete -- WORD...`, for
 * the completions of bash, zsh and fish.
 */

struct ctl;

/*
 * `words` are those behind "otactl", the last one as far as it is typed. Prints
 * `WORD<TAB>DESCRIPTION` for each that begins so, or ":files" where the names of
 * files are wanted. Asks otad for devices and modules; silent when there is none.
 * Returns what to exit with.
 */
int ctl_complete(struct ctl *ctl, char **words, int n_words);
