#pragma once

/*
 * The types of io.otad.varlink as JSON. Each returns owned, or NULL when out of
 * memory. Texts that may be absent are left out when they are empty.
 */

#include "otad/base/cleanup.h"

struct device;
struct history_entry;
struct job_view;
struct json_object;
struct module_view;
struct updater_stats;
struct updater_status;

struct json_object *view_job(const struct job_view *job) OTA_MUST_CHECK;
struct json_object *view_module(const struct module_view *module) OTA_MUST_CHECK;
struct json_object *view_device(const struct device *device) OTA_MUST_CHECK;
struct json_object *view_history_entry(const struct history_entry *entry)
	OTA_MUST_CHECK;
struct json_object *view_status(const struct updater_status *status)
	OTA_MUST_CHECK;
struct json_object *view_stats(const struct updater_stats *stats) OTA_MUST_CHECK;

/* io.otad.Refused and NotFound. */
struct json_object *view_message(const char *kind, const char *message)
	OTA_MUST_CHECK;
