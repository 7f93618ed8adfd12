#include "environment.h"

#include <stdio.h>
#include <stdlib.h>

#include "installation.h"

#define MAX_VARIABLES 7

struct environment {
	const char *list[MAX_VARIABLES + 1];
	unsigned count;
};

static bool add(struct environment *environment, const char *key,
		const char *value)
{
	char *variable;

	if (asprintf(&variable, "%s=%s", key, value ? value : "") < 0)
		return false;
	environment->list[environment->count++] = variable;
	return true;
}

static const char *sha256_of(const struct environment_facts *facts)
{
	return facts->digest && facts->digest->alg == DIGEST_SHA256 ?
		       facts->digest->hex :
		       NULL;
}

struct environment *environment_new(const struct environment_facts *facts,
				    struct ota_error *err)
{
	OTA_CLEANUP(environment_freep) struct environment *environment =
		calloc(1, sizeof(*environment));

	if (!environment || !add(environment, "OTA_DEVICE", facts->device) ||
	    !add(environment, "OTA_MODULE", facts->module) ||
	    !add(environment, "OTA_VERSION", facts->version) ||
	    !add(environment, "OTA_OLD_VERSION", facts->old_version) ||
	    !add(environment, "OTA_ARTIFACT", facts->artifact) ||
	    !add(environment, "OTA_SHA256", sha256_of(facts)) ||
	    !add(environment, "OTA_STATE_DIR", facts->state_dir)) {
		ota_fail_memory(err, "starting a program");
		return NULL;
	}
	return OTA_TAKE(environment);
}

struct environment *environment_free(struct environment *environment)
{
	if (!environment)
		return NULL;
	for (unsigned i = 0; i < environment->count; i++)
		free((char *)environment->list[i]);
	free(environment);
	return NULL;
}

const char *const *environment_list(const struct environment *environment)
{
	return environment->list;
}

struct environment *environment_of(const struct installation *in,
				   const char *artifact, struct ota_error *err)
{
	struct environment_facts facts = {
		.device = in->device,
		.module = in->module,
		.version = in->version,
		.old_version = in->old_version,
		.artifact = artifact,
		.state_dir = in->env->state_dir,
		.digest = &in->digest,
	};

	return environment_new(&facts, err);
}
