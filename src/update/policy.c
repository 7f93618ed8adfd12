#include "policy.h"

#include "otad/base/version.h"

/* protocols.md, section 1.7: size x 2 + 16 MiB. */
#define SPARE_BYTES (16ULL * 1024 * 1024)

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + 1024 * 1024 - 1) / (1024 * 1024);
}

bool policy_has_room(const struct policy_facts *facts, uint64_t size_bytes,
		     struct ota_error *err)
{
	uint64_t need;

	if (size_bytes == OFFER_SIZE_UNKNOWN)
		size_bytes = 0;
	if (__builtin_mul_overflow(size_bytes, 2, &need) ||
	    __builtin_add_overflow(need, SPARE_BYTES, &need))
		need = UINT64_MAX;
	if (facts->free_bytes >= need)
		return true;
	return ota_fail(err, OTA_ERROR_NO_SPACE,
			"%llu MiB are free, the update needs %llu MiB; make room",
			mib(facts->free_bytes), mib(need));
}

bool policy_has_power(const struct policy_facts *facts, struct ota_error *err)
{
	if (!facts->on_battery ||
	    facts->battery_percent >= facts->update->min_battery_percent)
		return true;
	return ota_fail(err, OTA_ERROR_POWER_LOW,
			"the battery is at %u %%, an update needs %u %%; charge it and try again",
			facts->battery_percent,
			facts->update->min_battery_percent);
}

static bool is_no_downgrade(const struct policy_facts *facts,
			    const struct offer *offer, struct ota_error *err)
{
	if (facts->update->allow_downgrade || !facts->running ||
	    version_compare(offer->version, facts->running) > 0)
		return true;
	return ota_fail(err, OTA_ERROR_DOWNGRADE_REFUSED,
			"version %s is not newer than %s, which runs; AllowDowngrade=yes would allow it",
			offer->version, facts->running);
}

static bool has_digest(const struct policy_facts *facts,
		       const struct offer *offer, struct ota_error *err)
{
	if (!offer_digest(offer))
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the offer names no digest; what cannot be verified is not installed");
	if (facts->update->require_sha256 && offer->sha256.alg == DIGEST_NONE)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"the offer names only an MD5, RequireDigest=sha256 wants a SHA-256");
	return true;
}

static bool fits(const struct policy_facts *facts, const struct offer *offer,
		 struct ota_error *err)
{
	if (offer->size_bytes == OFFER_SIZE_UNKNOWN ||
	    offer->size_bytes <= facts->download->max_size)
		return true;
	return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"the artifact has %llu bytes, MaxSize= allows %llu",
			(unsigned long long)offer->size_bytes,
			(unsigned long long)facts->download->max_size);
}

bool policy_accepts(const struct policy_facts *facts, const struct offer *offer,
		    struct ota_error *err)
{
	return is_no_downgrade(facts, offer, err) &&
	       has_digest(facts, offer, err) && fits(facts, offer, err) &&
	       policy_has_power(facts, err) &&
	       policy_has_room(facts, offer->size_bytes, err);
}

/* One that is over and still there could not be recorded as released. */
static uint64_t until_hold_ends(const struct policy_facts *facts)
{
	if (facts->hold_until_ms == 0)
		return UINT64_MAX;
	return facts->hold_until_ms > facts->now_ms ?
		       (uint64_t)(facts->hold_until_ms - facts->now_ms) :
		       POLICY_HOLD_AGAIN_MS;
}

const char *policy_wait(const struct policy_facts *facts,
			const struct offer *offer, bool approved,
			uint64_t *ret_wait_ms)
{
	bool urgent = offer->force || approved;

	*ret_wait_ms = UINT64_MAX;
	if (facts->held) {
		*ret_wait_ms = until_hold_ends(facts);
		return "updates are held; otactl release lets them go on";
	}
	if (!urgent && !facts->update->automatic)
		return "Auto=no: otactl install starts it";
	if (!urgent && facts->window_wait_ms > 0) {
		*ret_wait_ms = facts->window_wait_ms;
		return "outside the maintenance window (Window=)";
	}
	if (!facts->artifact_here &&
	    facts->transfers >= facts->download->max_downloads)
		return "other downloads run (MaxDownloads=)";
	return NULL;
}
