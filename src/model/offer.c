#include "otad/model/offer.h"

#include "otad/base/cleanup.h"
#include "otad/model/text.h"

#include <stdlib.h>
#include <string.h>

struct offer *offer_new(void)
{
	struct offer *offer = calloc(1, sizeof(*offer));

	if (offer)
		offer->size_bytes = OFFER_SIZE_UNKNOWN;
	return offer;
}

struct offer *offer_free(struct offer *offer)
{
	if (!offer)
		return NULL;
	free(offer->device);
	free(offer->module);
	free(offer->version);
	free(offer->url);
	free(offer->ids.msg.text);
	free(offer->ids.task.text);
	free(offer);
	return NULL;
}

static bool copy_string(char **ret_copy, const char *string)
{
	*ret_copy = string ? strdup(string) : NULL;
	return *ret_copy || !string;
}

struct offer *offer_copy(const struct offer *offer)
{
	OTA_CLEANUP(offer_freep) struct offer *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *offer;
	copy->device = copy->module = copy->version = copy->url = NULL;
	copy->ids.msg.text = copy->ids.task.text = NULL;
	if (!copy_string(&copy->device, offer->device) ||
	    !copy_string(&copy->module, offer->module) ||
	    !copy_string(&copy->version, offer->version) ||
	    !copy_string(&copy->url, offer->url) ||
	    !copy_string(&copy->ids.msg.text, offer->ids.msg.text) ||
	    !copy_string(&copy->ids.task.text, offer->ids.task.text))
		return NULL;
	return OTA_TAKE(copy);
}

const struct digest *offer_digest(const struct offer *offer)
{
	if (offer->sha256.alg != DIGEST_NONE)
		return &offer->sha256;
	if (offer->md5.alg != DIGEST_NONE)
		return &offer->md5;
	return NULL;
}

static bool digests_contradict(const struct digest *a, const struct digest *b)
{
	return a->alg != DIGEST_NONE && b->alg != DIGEST_NONE &&
	       !digest_equal(a, b);
}

/* One digest in common decides; two that differ never pass. */
static bool same_artifact(const struct offer *a, const struct offer *b)
{
	if (!offer_digest(a) && !offer_digest(b))
		return true;
	if (digests_contradict(&a->md5, &b->md5) ||
	    digests_contradict(&a->sha256, &b->sha256))
		return false;
	return digest_equal(&a->md5, &b->md5) ||
	       digest_equal(&a->sha256, &b->sha256);
}

bool offer_same_job(const struct offer *a, const struct offer *b)
{
	return !strcmp(a->device, b->device) && !strcmp(a->module, b->module) &&
	       !strcmp(a->version, b->version) && same_artifact(a, b);
}

bool module_name_is_valid(const char *name)
{
	size_t size = strnlen(name, MODULE_NAME_MAX_BYTES + 1);

	return size > 0 && size <= MODULE_NAME_MAX_BYTES && name[0] != '.' &&
	       name[0] != ' ' && name[size - 1] != ' ' &&
	       !strpbrk(name, "/\\") && !text_has_control(name, size) &&
	       text_is_utf8(name, size);
}
