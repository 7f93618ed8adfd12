#pragma once

/*
 * A web server that serves what the test says, a piece at a time:
 * otad/fetch/fetch.h without a network, but with the files it leaves. The
 * record it keeps beside a partial file is the identity alone.
 */

#include "otad/fetch/fetch.h"

#include <stdbool.h>
#include <stddef.h>

/* Forgets everything; no fetch may be left. */
void fake_fetch_reset(void);

/* What every url serves from now on. Borrowed. */
void fake_fetch_put(const void *content, size_t size);
/* By itself a fetch delivers all there is at once, from the loop. */
void fake_fetch_hold(bool hold);
/* fetch_new() fails from now on; OTA_ERROR_NONE: no longer. */
void fake_fetch_refuse(enum ota_error_kind kind);
/* What starts from now on fails half way; OTA_ERROR_NONE: no longer. */
void fake_fetch_break(enum ota_error_kind kind);

/* How many were started, and how many are under way. */
unsigned fake_fetch_started(void);
unsigned fake_fetch_running(void);
/* Of the one started last: borrowed. */
const char *fake_fetch_url(void);
const char *fake_fetch_identity(void);
/* Bytes that it found on the disk when it began. */
size_t fake_fetch_resumed_at(void);

/* Acts on the oldest one under way; false: there is none. */
bool fake_fetch_receive(size_t bytes);
bool fake_fetch_start_over(void);
bool fake_fetch_finish(void);
bool fake_fetch_fail(enum ota_error_kind kind, const char *text);

/* Texts: the url asked for, NULL: none under way; and its answer. */
const char *fake_fetch_text_url(void);
void fake_fetch_answer_text(const char *text);
void fake_fetch_fail_text(enum ota_error_kind kind, const char *why);
