#pragma once

/*
 * An offer: what a cloud, or `otactl update`, proposes for one module of one
 * device. Well-formed by construction (protocols.md, section 1.3); whether it
 * is wanted is the policy's business.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* The gateway's own name among the devices. */
#define DEVICE_SELF "self"

#define OFFER_SIZE_UNKNOWN UINT64_MAX

enum offer_source {
	OFFER_SOURCE_CLOUD,
	OFFER_SOURCE_CONTROL, /* an operator at the control socket */
};

/* An id of the platform's, echoed with the JSON type it came with. */
struct message_id {
	char *text; /* NULL: none */
	bool is_number;
};

/* What the platform wants back in every report of the job. */
struct offer_ids {
	struct message_id msg;	/* message id */
	struct message_id task; /* tencent task_id */
	bool has_strategy;	/* sagoo extData.strategy */
	int64_t strategy;
};

struct offer {
	char *device; /* DEVICE_SELF or a sub-device's name */
	char *module;
	char *version;
	char *url;
	uint64_t size_bytes; /* or OFFER_SIZE_UNKNOWN */
	struct digest md5;    /* DIGEST_NONE when not named */
	struct digest sha256;
	bool force; /* ignores Auto= and Window=, nothing else */
	enum offer_source source;
	struct offer_ids ids;
};

struct offer *offer_new(void) OTA_MUST_CHECK; /* zeroed, size unknown */
struct offer *offer_free(struct offer *offer);
OTA_DEFINE_CLEANUP(struct offer *, offer_free)
struct offer *offer_copy(const struct offer *offer) OTA_MUST_CHECK;

/* The strongest digest named, or NULL. */
const struct digest *offer_digest(const struct offer *offer);

/*
 * Identity of a job, protocols.md section 1.8: same device, module, version and
 * digest. The url and the ids may differ: a re-delivery.
 */
bool offer_same_job(const struct offer *a, const struct offer *b);

/* What is kept in a job's file. offer_from_json() trusts nothing. */
struct json_object *offer_to_json(const struct offer *offer) OTA_MUST_CHECK;
struct offer *offer_from_json(struct json_object *json, struct ota_error *err)
	OTA_MUST_CHECK;

/* Field rules of protocols.md, section 1.3, for offers from wherever. */
enum offer_fault {
	OFFER_OK,
	OFFER_BAD_URL,		/* "bad-url" */
	OFFER_URL_SCHEME,	/* "url-scheme" */
	OFFER_URL_CREDENTIALS,	/* "url-credentials" */
};
#define OFFER_MAX_URL_BYTES 2048
enum offer_fault offer_check_url(const char *url, bool allow_http);
/* Syntax of a module's (or device's) name. */
#define MODULE_NAME_MAX_BYTES 64
bool module_name_is_valid(const char *name);
