#include "commands.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/model/offer.h"

#include "job.h"
#include "otactl.h"
#include "table.h"
#include "text.h"

/* More than that is no glance. */
#define GLANCE_ROWS 20

static struct json_object *list_modules(const struct ctl *ctl,
					struct ota_error *err)
{
	struct json_object *target = ctl_target(ctl->options.device, NULL);

	if (target)
		return ctl_call_list(ctl, "ListModules", target, "modules", err);
	ota_fail_memory(err, "list the modules");
	return NULL;
}

/* The labels of the summary, with the gap behind them. */
#define LABEL_COLUMNS 9

/* One line of the summary, or more on a narrow terminal. */
OTA_PRINTF(4, 5)
static void put_fact(const struct ctl *ctl, const char *label,
		     enum ctl_colour colour, const char *format, ...)
{
	OTA_CLEANUP(freep) char *raw = NULL;
	OTA_CLEANUP(freep) char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&raw, format, args) < 0)
		raw = NULL;
	va_end(args);
	text = raw ? ctl_clean(raw) : NULL;
	ctl_put_padded(stdout, label, LABEL_COLUMNS);
	fputs(ctl_colour(&ctl->screen, colour), stdout);
	ctl_put_hanging(stdout, text ? text : "(out of memory)", LABEL_COLUMNS,
			ctl->screen.columns);
	fputs(ctl_colour_end(&ctl->screen, colour), stdout);
}

static void put_connection(const struct ctl *ctl, struct json_object *status)
{
	const char *platform = ctl_field(status, "platform");
	bool connected = json_get_bool(status, "connected", false);
	int64_t changed_ms = json_get_int(status, "connection_changed_ms", 0);
	char time[CTL_SHORT_TEXT];

	if (!*platform)
		put_fact(ctl, "cloud", CTL_COLOUR_WAITING, "none is configured");
	else
		put_fact(ctl, "cloud",
			 connected ? CTL_COLOUR_GOOD : CTL_COLOUR_WAITING,
			 "%sconnected to %s%s%s", connected ? "" : "not ",
			 platform, changed_ms != 0 ? " since " : "",
			 changed_ms != 0 ? ctl_format_time(changed_ms, time) : "");
}

static void put_hold(const struct ctl *ctl, struct json_object *status)
{
	const char *reason = ctl_field(status, "hold_reason");
	int64_t until_ms = json_get_int(status, "hold_until_ms", 0);
	char time[CTL_SHORT_TEXT];

	if (json_get_bool(status, "held", false))
		put_fact(ctl, "updates", CTL_COLOUR_WAITING, "held until %s%s%s",
			 until_ms ? ctl_format_time(until_ms, time) :
				    "'otactl release'",
			 *reason ? ": " : "", reason);
	else if (json_get_bool(status, "automatic", true))
		put_fact(ctl, "updates", CTL_COLOUR_NONE, "start by themselves");
	else
		put_fact(ctl, "updates", CTL_COLOUR_NONE,
			 "start by 'otactl install'");
}

static void put_summary(const struct ctl *ctl, struct json_object *status)
{
	int64_t reports = json_get_int(status, "reports_waiting", 0);
	bool trial = json_get_bool(status, "trial", false);

	put_fact(ctl, "otad", trial ? CTL_COLOUR_BUSY : CTL_COLOUR_NONE, "%s%s",
		 ctl_field(status, "version"),
		 trial ? ", on trial: not confirmed yet" : "");
	put_connection(ctl, status);
	put_hold(ctl, status);
	if (reports > 0)
		put_fact(ctl, "reports", CTL_COLOUR_WAITING,
			 "%" PRId64 " not acknowledged by the cloud yet", reports);
	printf("\n");
}

static bool is_behind(struct json_object *module)
{
	return strcmp(ctl_field(module, "device"), DEVICE_SELF) != 0;
}

/* Something runs, waits or went wrong. */
static bool is_notable(struct json_object *module)
{
	struct json_object *job = json_get(module, "job");

	return job && !ctl_job_is_good(job);
}

static bool add_status_row(struct ctl_table *table, struct json_object *module)
{
	struct json_object *job = json_get(module, "job");
	OTA_CLEANUP(freep) char *subject = ctl_subject(module);
	OTA_CLEANUP(freep) char *standing = ctl_job_standing(job, ctl_now_ms());
	OTA_CLEANUP(freep) char *note = job ? ctl_job_note(job) : strdup("");
	const char *offered = ctl_field(job, "version");
	const char *cells[] = { subject, ctl_field(module, "version"),
				ctl_job_is_good(job) ? "" : offered, standing };

	return subject && standing && note &&
	       ctl_table_add(table, cells,
			     ctl_state_colour(ctl_field(job, "state")), note);
}

/* The gateway's own, and those of devices where there is something to say. */
static bool put_glance(const struct ctl *ctl, struct json_object *modules)
{
	static const char *const titles[] = { "MODULE", "INSTALLED", "OFFERED",
					      "LAST UPDATE", NULL };
	OTA_CLEANUP(ctl_table_freep) struct ctl_table *table = ctl_table_new(titles);
	size_t n_modules = json_object_array_length(modules);
	bool all = n_modules <= GLANCE_ROWS || ctl->options.device;
	size_t shown = 0;

	for (size_t i = 0; table && i < n_modules; i++) {
		struct json_object *module = json_object_array_get_idx(modules, i);

		if (!all && (shown == GLANCE_ROWS ||
			     (is_behind(module) && !is_notable(module))))
			continue;
		if (!add_status_row(table, module))
			return false;
		shown++;
	}
	if (!table || !ctl_table_print(table, &ctl->screen))
		return false;
	if (shown < n_modules)
		printf("and %zu more: see 'otactl modules'\n", n_modules - shown);
	return true;
}

static int put_status_json(struct json_object *status, struct json_object *modules)
{
	/* `modules` counts them in the reply; here it is the modules themselves. */
	if (json_add(status, "modules", json_object_get(modules)) &&
	    ctl_put_json(status))
		return CTL_DONE;
	ctl_complain("out of memory");
	return CTL_FAILED;
}

int ctl_run_status(struct ctl *ctl)
{
	OTA_CLEANUP(json_freep) struct json_object *status = NULL;
	OTA_CLEANUP(json_freep) struct json_object *modules = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	status = ctl_call(ctl, "GetStatus", NULL, &err);
	if (status)
		modules = list_modules(ctl, &err);
	if (!modules)
		return ctl_report(&err);
	if (ctl->options.json)
		return put_status_json(status, modules);
	put_summary(ctl, status);
	if (put_glance(ctl, modules))
		return CTL_DONE;
	ctl_complain("out of memory");
	return CTL_FAILED;
}

static bool add_module_row(struct ctl_table *table, struct json_object *module)
{
	struct json_object *job = json_get(module, "job");
	OTA_CLEANUP(freep) char *subject = ctl_subject(module);
	OTA_CLEANUP(freep) char *standing = ctl_job_standing(job, ctl_now_ms());
	const char *cells[] = {
		subject,
		ctl_field(module, "type"),
		ctl_field(module, "version"),
		ctl_field(module, "previous"),
		standing,
	};

	return subject && standing &&
	       ctl_table_add(table, cells,
			     ctl_state_colour(ctl_field(job, "state")), NULL);
}

int ctl_run_modules(struct ctl *ctl)
{
	static const char *const titles[] = { "MODULE",	  "TYPE",	 "INSTALLED",
					      "PREVIOUS", "LAST UPDATE", NULL };
	OTA_CLEANUP(ctl_table_freep) struct ctl_table *table = ctl_table_new(titles);
	OTA_CLEANUP(json_freep) struct json_object *modules = NULL;
	OTA_CLEANUP(json_freep) struct json_object *document = json_new_object();
	struct ota_error err = OTA_ERROR_INIT;
	bool ok = table && document;

	modules = list_modules(ctl, &err);
	if (!modules)
		return ctl_report(&err);
	for (size_t i = 0; ok && i < json_object_array_length(modules); i++)
		ok = add_module_row(table, json_object_array_get_idx(modules, i));
	if (ok && ctl->options.json)
		ok = json_add(document, "modules", json_object_get(modules)) &&
		     ctl_put_json(document);
	else if (ok)
		ok = ctl_table_print(table, &ctl->screen);
	if (!ok)
		ctl_complain("out of memory");
	return ok ? CTL_DONE : CTL_FAILED;
}
