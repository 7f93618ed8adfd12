#pragma once

/* Which urls may be fetched: protocols.md, section 1.3, and AllowedHosts=. */

#include "otad/base/error.h"

struct config_download;

/* False with `err`: protocol-error. */
bool address_check(const char *url, const struct config_download *settings,
		   struct ota_error *err) OTA_MUST_CHECK;
/* The same for the target of a redirect from `from`, which never leaves TLS;
 * http-error. */
bool address_check_redirect(const char *from, const char *to,
			    const struct config_download *settings,
			    struct ota_error *err) OTA_MUST_CHECK;
