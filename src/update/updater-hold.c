#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/messages.h"

#include "updater-private.h"

static bool save_hold(const struct updater *updater, int64_t until_ms,
		      const char *reason, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		store_path(&updater->store, NULL, "hold", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	if (!path || !json || !json_add_int(json, "until_ms", until_ms) ||
	    (reason && !json_add_string(json, "reason", reason)))
		return ota_fail_memory(err, "recording the hold");
	return store_write(path, json, err);
}

/* Else otactl release might not find what it can remove. */
static void mend_hold(const struct updater *updater, const char *path,
		      struct ota_error *err)
{
	if (err->kind != OTA_ERROR_PROTOCOL && !store_is_damage(err))
		return;
	store_set_aside(path, err);
	if (!save_hold(updater, 0, NULL, err))
		log_error(NULL, "%s", err->text);
}

bool updater_load_hold(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		store_path(&updater->store, NULL, "hold", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	const char *reason;

	if (!path)
		return ota_fail_memory(err, "reading the hold");
	if (!file_exists(path))
		return true;
	/* Whatever it says: somebody wanted updates to wait. */
	updater->held = true;
	json = store_read(path, err);
	if (!json) {
		log_warning(NULL, "%s; updates stay held", err->text);
		mend_hold(updater, path, err);
		return true;
	}
	updater->hold_until_ms = json_get_int(json, "until_ms", 0);
	reason = json_get_string(json, "reason");
	if (reason && !(updater->hold_reason = strdup(reason)))
		return ota_fail_memory(err, "reading the hold");
	return true;
}

bool updater_hold(struct updater *updater, int64_t until_ms, const char *reason,
		  struct ota_error *err)
{
	OTA_CLEANUP(freep) char *copy =
		reason && reason[0] ? strdup(reason) : NULL;

	if (reason && reason[0] && !copy)
		return ota_fail_memory(err, "holding updates");
	if (!save_hold(updater, until_ms, copy, err))
		return false;
	free(updater->hold_reason);
	updater->hold_reason = OTA_TAKE(copy);
	updater->held = true;
	updater->hold_until_ms = until_ms;
	log_write(LOG_LEVEL_NOTICE, &message_held, NULL, "Updates are held%s%s",
		  updater->hold_reason ? ": " : "",
		  updater->hold_reason ? updater->hold_reason : "");
	updater_wake_jobs(updater);
	updater_changed(updater);
	return true;
}

bool updater_release(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = NULL;

	if (!updater->held)
		return true;
	path = store_path(&updater->store, NULL, "hold", ".json");
	if (!path)
		return ota_fail_memory(err, "releasing updates");
	if (!file_remove(path, err))
		return false;
	updater->held = false;
	updater->hold_until_ms = 0;
	free(updater->hold_reason);
	updater->hold_reason = NULL;
	log_write(LOG_LEVEL_NOTICE, &message_released, NULL,
		  "Updates go on again");
	updater_wake_jobs(updater);
	updater_changed(updater);
	return true;
}
