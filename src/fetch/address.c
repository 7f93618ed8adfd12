#include "address.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <strings.h>

#include <curl/curl.h>

#include "otad/base/cleanup.h"
#include "otad/base/log.h"
#include "otad/config/config.h"
#include "otad/model/offer.h"

static void curl_freep(char **text)
{
	curl_free(*text);
}

static void curl_urlp(CURLU **parts)
{
	curl_url_cleanup(*parts);
}

/* As curl itself will read it, so that what is checked is what is asked. */
static char *host_of(const char *url, struct ota_error *err)
{
	OTA_CLEANUP(curl_urlp) CURLU *parts = curl_url();
	char *host = NULL;
	CURLUcode code;

	if (!parts) {
		ota_fail_memory(err, "reading a url");
		return NULL;
	}
	code = curl_url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
	if (code != CURLUE_OK)
		ota_fail(err, OTA_ERROR_PROTOCOL, "unusable url: %s",
			 curl_url_strerror(code));
	return host;
}

static bool host_allowed(const char *host, char *const *patterns)
{
	if (!patterns)
		return true;
	for (; *patterns; patterns++) {
		if (fnmatch(*patterns, host, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

static bool check_form(const char *url, bool allow_http, struct ota_error *err)
{
	switch (offer_check_url(url, allow_http)) {
	case OFFER_OK:
		return true;
	case OFFER_BAD_URL:
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"unusable url: expected http(s)://HOST/PATH");
	case OFFER_URL_SCHEME:
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"url refused: expected https%s",
				allow_http ? " or http" : " (AllowHttp=no)");
	case OFFER_URL_CREDENTIALS:
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"url refused: it holds credentials");
	}
	return ota_fail(err, OTA_ERROR_INTERNAL, "unknown fault of a url");
}

bool address_check(const char *url, const struct config_download *settings,
		   struct ota_error *err)
{
	OTA_CLEANUP(curl_freep) char *host = NULL;

	if (!check_form(url, settings->allow_http, err))
		return false;
	host = host_of(url, err);
	if (!host)
		return false;
	if (!host_allowed(host, settings->allowed_hosts))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"host %s is not among AllowedHosts=", host);
	return true;
}

bool address_check_redirect(const char *from, const char *to,
			    const struct config_download *settings,
			    struct ota_error *err)
{
	char shown[256];

	if (strncasecmp(from, "https:", 6) == 0 &&
	    strncasecmp(to, "https:", 6) != 0)
		return ota_fail(err, OTA_ERROR_HTTP,
				"redirect from https to %s refused",
				log_url(to, shown, sizeof(shown)));
	if (address_check(to, settings, err))
		return true;
	ota_wrap(err, "redirect to %s", log_url(to, shown, sizeof(shown)));
	return ota_rekind(err, OTA_ERROR_HTTP);
}
