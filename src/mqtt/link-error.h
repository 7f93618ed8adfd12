#pragma once

/* What libmosquitto's numbers mean, in words for people. */

#include "otad/base/error.h"

#include <stdbool.h>

struct ssl_ctx_st;

/*
 * A return code; `sys_errno` as the call left it, `note` what the library
 * logged as an error meanwhile ("" for nothing), `tls` NULL on a plain
 * connection. Returns false.
 */
bool link_explain(const struct ssl_ctx_st *tls, const char *note, int rc,
		  int sys_errno, struct ota_error *err);

/*
 * A CONNACK return code other than 0. `*ret_barred`: it is about who we are,
 * and will be the same at the next attempt. Returns false.
 */
bool link_explain_refusal(int code, bool *ret_barred, struct ota_error *err);
