#include "update-method.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/json.h"
#include "otad/base/version.h"
#include "otad/model/offer.h"
#include "otad/update/updater.h"

#include "server.h"

const struct parameter update_parameters[] = {
	{ "device", PARAMETER_TEXT, false },
	{ "module", PARAMETER_TEXT, false },
	{ "url", PARAMETER_TEXT, true },
	{ "version", PARAMETER_TEXT, true },
	{ "size", PARAMETER_NUMBER, false },
	{ "sha256", PARAMETER_TEXT, false },
	{ "md5", PARAMETER_TEXT, false },
	{ "force", PARAMETER_FLAG, false },
	{ 0 },
};

static bool is_digest(struct digest *digest, enum digest_alg alg, const char *hex)
{
	return !hex || digest_set(digest, alg, hex);
}

/*
 * Yields the parameter that breaks a rule of protocols.md, section 1.3, or NULL.
 * Whether plain http is allowed is the updater's to say: AllowHttp= is policy.
 */
static const char *read_values(struct json_object *parameters, struct offer *offer)
{
	const char *sha256 = json_get_string(parameters, "sha256");
	const char *md5 = json_get_string(parameters, "md5");
	const char *device = json_get_string(parameters, "device");
	const char *module = json_get_string(parameters, "module");
	int64_t size = json_get_int(parameters, "size", 0);

	if (device && !module_name_is_valid(device))
		return "device";
	if (module && !module_name_is_valid(module))
		return "module";
	if (offer_check_url(json_get_string(parameters, "url"), true) != OFFER_OK)
		return "url";
	if (!version_is_valid(json_get_string(parameters, "version")))
		return "version";
	if (json_get(parameters, "size")) {
		if (size < 1)
			return "size";
		offer->size_bytes = (uint64_t)size;
	}
	if (!is_digest(&offer->sha256, DIGEST_SHA256, sha256))
		return "sha256";
	if (!is_digest(&offer->md5, DIGEST_MD5, md5))
		return "md5";
	if (!sha256 && !md5)
		return "sha256"; /* nothing unverified is ever installed */
	offer->force = json_get_bool(parameters, "force", false);
	return NULL;
}

static bool copy(char **target, struct json_object *parameters, const char *key)
{
	const char *text = json_get_string(parameters, key);

	if (!text)
		return true;
	*target = strdup(text);
	return *target;
}

static bool copy_texts(struct json_object *parameters, struct offer *offer)
{
	if (!copy(&offer->device, parameters, "device") ||
	    !copy(&offer->module, parameters, "module") ||
	    !copy(&offer->url, parameters, "url") ||
	    !copy(&offer->version, parameters, "version"))
		return false;
	if (!offer->device)
		offer->device = strdup(DEVICE_SELF);
	return offer->device;
}

struct default_search {
	const char *name; /* what the platform means when it names none */
	struct offer *offer;
};

static bool take_default(const struct module_view *view, void *user_data)
{
	struct default_search *search = user_data;

	if (strcmp(view->module, search->name) != 0)
		return true;
	search->offer->module = strdup(view->module);
	return false;
}

static void choose_default(const struct updater *updater, struct offer *offer)
{
	struct default_search search = {
		.name = updater_default_module(updater),
		.offer = offer,
	};

	updater_each_module(updater, offer->device, take_default, &search);
}

static const char *outcome_name(enum offer_outcome outcome)
{
	switch (outcome) {
	case OFFER_STARTED:
		return "started";
	case OFFER_JOINED:
		return "joined";
	case OFFER_QUEUED:
		return "queued";
	case OFFER_INSTALLED:
		return "installed";
	}
	return NULL;
}

static void reply_outcome(struct call *call, enum offer_outcome outcome,
			  const char *job)
{
	OTA_CLEANUP(json_freep) struct json_object *reply = json_new_object();

	if (reply && json_add_string(reply, "outcome", outcome_name(outcome)) &&
	    json_add_string(reply, "job", job))
		call_reply(call, OTA_TAKE(reply));
	else
		call_reply(call, NULL);
}

void call_update(struct call *call)
{
	OTA_CLEANUP(offer_freep) struct offer *offer = offer_new();
	OTA_CLEANUP(freep) char *job = NULL;
	enum offer_outcome outcome;
	struct ota_error err = OTA_ERROR_INIT;
	const char *fault;

	if (!offer || !copy_texts(call->parameters, offer)) {
		call_reply(call, NULL);
		return;
	}
	offer->source = OFFER_SOURCE_CONTROL;
	fault = read_values(call->parameters, offer);
	if (!fault && !offer->module)
		choose_default(call->control->updater, offer);
	if (!fault && !offer->module)
		fault = "module";
	if (fault)
		call_invalid(call, fault);
	else if (updater_offer(call->control->updater, offer, &outcome, &job, &err))
		reply_outcome(call, outcome, job);
	else
		call_refuse(call, &err);
}
