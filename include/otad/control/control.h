#pragma once

/*
 * The control socket: the Varlink interface io.otad (design.md, section 8)
 * in terms of the updater.
 */

#include "otad/base/error.h"

struct control;
struct loop;
struct updater;

/*
 * Listens on `path` (mode 0666: reading is open to all, changing methods look
 * at the peer's credentials). A socket that nobody answers on is replaced;
 * one that another otad serves is an error (busy). Borrows `loop` and
 * `updater`. Returns owned, or NULL with `err`.
 */
struct control *control_new(struct loop *loop, struct updater *updater,
			    const char *path, struct ota_error *err) OTA_MUST_CHECK;
/* Closes every client, removes the socket. Accepts NULL, returns NULL. */
struct control *control_free(struct control *control);
OTA_DEFINE_CLEANUP(struct control *, control_free)
