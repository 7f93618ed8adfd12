#pragma once

/*
 * What the fuzz harnesses share. A harness is one file, fuzz-NAME.c, which
 * defines LLVMFuzzerTestOneInput(): with -Dfuzzers=true libFuzzer calls it,
 * else replay.c does, for every file of its corpus.
 *
 * Beyond crashes, a harness checks properties with fuzz_check(): what must hold
 * for whatever bytes there are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, saying where, when `holds` is false. */
#define fuzz_check(holds) fuzz_check_at((holds), #holds, __FILE__, __LINE__)
void fuzz_check_at(bool holds, const char *what, const char *file, int line);

/*
 * A copy that ends where its allocation ends, so that AddressSanitizer sees an
 * overrun; with a NUL behind it for fuzz_text(). Owned.
 */
char *fuzz_copy(const uint8_t *data, size_t size);
char *fuzz_text(const uint8_t *data, size_t size);

/* Takes the text before the next `separator` (or the end) off the input; the
 * separator is gone, too. Owned, with a NUL behind it. */
char *fuzz_take_text(const uint8_t **data, size_t *size, char separator);
/* 0 when there is none left. */
uint8_t fuzz_take_byte(const uint8_t **data, size_t *size);

/* A folder of this process alone, in memory where there is room; it goes with
 * the process. Borrowed. */
const char *fuzz_dir(void);
/* Makes DIR/NAME hold just that. Returns the path, borrowed until the next. */
const char *fuzz_write(const char *name, const uint8_t *data, size_t size);

/* The same tree, written down the same. */
bool fuzz_json_equal(struct json_object *a, struct json_object *b);
/* Text for people: UTF-8 without control characters. */
bool fuzz_is_clean(const char *text);
