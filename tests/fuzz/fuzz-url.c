/* Two urls, a line each: one of an offer, and one that it redirects to. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "otad/base/log.h"
#include "otad/config/config.h"
#include "otad/model/offer.h"
#include "otad/verify/signature.h"

#include "../../src/fetch/address.h"

static void check_form(const char *url)
{
	const char *authority = strstr(url, "://");
	size_t size;

	fuzz_check(strlen(url) <= OFFER_MAX_URL_BYTES);
	for (const char *c = url; *c; c++)
		fuzz_check(*c > 0x20 && *c < 0x7f && !strchr("\\\"<>", *c));
	fuzz_check(authority);
	size = strcspn(authority + 3, "/?#");
	fuzz_check(size > 0 && !memchr(authority + 3, '@', size));
	fuzz_check(strncasecmp(url, "https://", 8) == 0 ||
		   strncasecmp(url, "http://", 7) == 0);
}

static void check_signature_url(const char *url)
{
	OTA_CLEANUP(freep) char *signature = signature_url(url);

	fuzz_check(signature && strstr(signature, ".sig"));
	/* The manifest comes from where the artifact does. */
	if (strlen(signature) <= OFFER_MAX_URL_BYTES)
		fuzz_check(offer_check_url(signature, true) == OFFER_OK);
	fuzz_check(strncmp(signature, url, strcspn(url, "?#")) == 0);
}

static void check_log(const char *url)
{
	char shown[256], small[16];

	log_url(url, shown, sizeof(shown));
	fuzz_check(!strchr(shown, '#') && fuzz_is_clean(shown));
	/* What begins at the question mark may hold a secret. */
	fuzz_check(strlen(shown) <= strcspn(url, "?#"));
	log_url(url, small, sizeof(small));
	fuzz_check(strlen(small) < sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *url = fuzz_take_text(&data, &size, '\n');
	OTA_CLEANUP(freep) char *target = fuzz_text(data, size);
	char *hosts[] = { (char *)"*.example.com", NULL };
	struct config_download settings = { .allow_http = true };
	struct ota_error err = OTA_ERROR_INIT;
	bool valid = offer_check_url(url, true) == OFFER_OK;

	if (valid) {
		check_form(url);
		check_signature_url(url);
	}
	if (offer_check_url(url, false) == OFFER_OK)
		fuzz_check(valid && strncasecmp(url, "https://", 8) == 0);
	if (address_check(url, &settings, &err))
		fuzz_check(valid);
	if (address_check_redirect(url, target, &settings, &err) &&
	    strncasecmp(url, "https://", 8) == 0)
		fuzz_check(strncasecmp(target, "https://", 8) == 0);
	settings.allowed_hosts = hosts;
	if (address_check(url, &settings, &err))
		fuzz_check(valid && strcasestr(url, ".example.com"));
	check_log(url);
	return 0;
}
