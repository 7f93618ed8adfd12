#include "commands.h"

#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/base/units.h"
#include "otad/base/version.h"
#include "otad/model/offer.h"

#include "follow.h"
#include "otactl.h"
#include "target.h"
#include "text.h"

/* Until what the cloud offers, if anything, must be there. */
#define CHECK_MS (30 * 1000)

static int no_memory(void)
{
	ctl_complain("out of memory");
	return CTL_FAILED;
}

/*
 * A method that takes a module and answers nothing. `done` is what to say then,
 * with the module's name; not with --json.
 */
static int act(struct ctl *ctl, const struct ctl_module *module,
	       const char *method, const char *done)
{
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	struct json_object *target = ctl_target(module->device, module->module);
	struct ota_error err = OTA_ERROR_INIT;
	char name[CTL_MODULE_NAME_SIZE];

	if (!target)
		return no_memory();
	reply = ctl_call(ctl, method, target, &err);
	if (!reply)
		return ctl_report(&err);
	if (!ctl->options.json)
		printf("%s: %s\n", ctl_module_name(module, name), done);
	else if (!ctl->options.wait && !ctl_put_json(reply))
		return no_memory();
	return CTL_DONE;
}

int ctl_run_check(struct ctl *ctl)
{
	static const char done[] = "asked the cloud for an update";
	OTA_CLEANUP(ctl_follow_freep) struct ctl_follow *follow = NULL;
	struct ctl_module module;
	struct ota_error err = OTA_ERROR_INIT;
	int result;

	if (!ctl_module_read(ctl, &module))
		return CTL_USAGE;
	if (!ctl->options.wait)
		return act(ctl, &module, "Check", done);
	/* Before the question, so that the answer cannot be missed. */
	follow = ctl_follow_new(ctl, module.device ? module.device : DEVICE_SELF,
				module.module, &err);
	if (!follow)
		return ctl_report(&err);
	result = act(ctl, &module, "Check", done);
	return result == CTL_DONE ? ctl_follow_all(follow, CHECK_MS) : result;
}

static const char *url_fault(enum offer_fault fault)
{
	switch (fault) {
	case OFFER_OK:
		break;
	case OFFER_BAD_URL:
		return "is no url like https://host/path";
	case OFFER_URL_SCHEME:
		return "must begin with http:// or https://";
	case OFFER_URL_CREDENTIALS:
		return "must not name a user or a password";
	}
	return NULL;
}

static bool has_digest(const char *hex, enum digest_alg alg)
{
	struct digest digest;

	return hex && digest_set(&digest, alg, hex);
}

/* What otad would refuse anyway, said in words. CTL_DONE: all is well. */
static int check_offer(struct ctl *ctl, uint64_t *ret_size)
{
	const struct ctl_options *o = &ctl->options;
	const char *fault;

	if (!o->url || !o->version || (!o->sha256 && !o->md5))
		return ctl_usage(ctl, "'update' needs --url, --version and "
				      "--sha256 or --md5");
	fault = url_fault(offer_check_url(o->url, true));
	if (fault)
		return ctl_usage(ctl, "the url '%s' %s", o->url, fault);
	if (!version_is_valid(o->version))
		return ctl_usage(ctl, "'%s' is no version: 1 to 64 letters, digits "
				      "and . _ + ~ -",
				 o->version);
	if (o->sha256 && !has_digest(o->sha256, DIGEST_SHA256))
		return ctl_usage(ctl, "--sha256 takes 64 hex digits");
	if (o->md5 && !has_digest(o->md5, DIGEST_MD5))
		return ctl_usage(ctl, "--md5 takes 32 hex digits");
	*ret_size = 0;
	if (o->size && (!units_parse_size(o->size, ret_size) || *ret_size == 0 ||
			*ret_size > INT64_MAX))
		return ctl_usage(ctl, "'%s' is no size: 1234, 512K, 20M, 1G",
				 o->size);
	return CTL_DONE;
}

static struct json_object *make_offer(const struct ctl *ctl,
				      const struct ctl_module *module,
				      uint64_t size)
{
	const struct ctl_options *o = &ctl->options;
	struct json_object *offer = ctl_target(module->device, module->module);

	if (offer && json_add_string(offer, "url", o->url) &&
	    json_add_string(offer, "version", o->version) &&
	    json_add_string(offer, "sha256", o->sha256) &&
	    json_add_string(offer, "md5", o->md5) &&
	    (size == 0 || json_add_int(offer, "size", (int64_t)size)) &&
	    (!o->force || json_add_bool(offer, "force", true)))
		return offer;
	return json_free(offer);
}

static void tell_outcome(const struct ctl *ctl, const struct ctl_module *module,
			 struct json_object *reply)
{
	static const struct {
		const char *outcome;
		const char *words;
	} outcomes[] = {
		{ "started", "accepted" },
		{ "joined", "is under way already" },
		{ "queued", "waits for the update that runs" },
		{ "installed", "is installed already" },
	};
	const char *outcome = json_get_string(reply, "outcome");
	const char *job = json_get_string(reply, "job");
	OTA_CLEANUP(freep) char *clean = ctl_clean(job);
	char name[CTL_MODULE_NAME_SIZE];
	const char *words = "accepted";

	for (size_t i = 0; outcome && i < OTA_ARRAY_SIZE(outcomes); i++) {
		if (strcmp(outcome, outcomes[i].outcome) == 0)
			words = outcomes[i].words;
	}
	printf("%s: version %s %s%s%s%s\n", ctl_module_name(module, name),
	       ctl->options.version, words, job ? " (job " : "",
	       clean ? clean : "", job ? ")" : "");
	fflush(stdout);
}

static int wait_for_end(struct ctl_follow *follow, struct json_object *reply,
			const char *version)
{
	const char *outcome = json_get_string(reply, "outcome");
	const char *job = json_get_string(reply, "job");

	/* The job of one that is queued is that in front of it. */
	if (outcome && strcmp(outcome, "queued") == 0)
		return ctl_follow_version(follow, version);
	return ctl_follow_job(follow, job);
}

static int offer_and_wait(struct ctl *ctl, const struct ctl_module *module,
			  struct json_object *offer, struct ctl_follow *follow)
{
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	const char *job;

	reply = ctl_call(ctl, "Update", offer, &err);
	if (!reply)
		return ctl_report(&err);
	job = json_get_string(reply, "job");
	if (!ctl->options.json)
		tell_outcome(ctl, module, reply);
	else if ((!follow || !job) && !ctl_put_json(reply))
		return no_memory();
	return follow && job ? wait_for_end(follow, reply, ctl->options.version) :
			       CTL_DONE;
}

int ctl_run_update(struct ctl *ctl)
{
	OTA_CLEANUP(ctl_follow_freep) struct ctl_follow *follow = NULL;
	struct json_object *offer;
	struct ctl_module module;
	struct ota_error err = OTA_ERROR_INIT;
	uint64_t size;
	int result;

	if (!ctl_module_read(ctl, &module))
		return CTL_USAGE;
	result = check_offer(ctl, &size);
	if (result != CTL_DONE)
		return result;
	if (ctl->options.wait) {
		follow = ctl_follow_new(ctl,
					module.device ? module.device : DEVICE_SELF,
					module.module, &err);
		if (!follow)
			return ctl_report(&err);
	}
	offer = make_offer(ctl, &module, size);
	return offer ? offer_and_wait(ctl, &module, offer, follow) : no_memory();
}

static int act_on_argument(struct ctl *ctl, const char *method, const char *done)
{
	struct ctl_module module;

	if (!ctl_module_read(ctl, &module))
		return CTL_USAGE;
	return act(ctl, &module, method, done);
}

int ctl_run_install(struct ctl *ctl)
{
	return act_on_argument(ctl, "Install", "starts");
}

int ctl_run_cancel(struct ctl *ctl)
{
	return act_on_argument(ctl, "Cancel", "cancelled");
}

int ctl_run_rollback(struct ctl *ctl)
{
	return act_on_argument(ctl, "Rollback", "goes back to the previous version");
}
