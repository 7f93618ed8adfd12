#include "metrics-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/model/device.h"
#include "otad/update/updater.h"

#define MS_PER_S 1000.0

static const char *const result_names[] = {
	[METRICS_SUCCEEDED] = "succeeded",
	[METRICS_FAILED] = "failed",
	[METRICS_ROLLED_BACK] = "rolled-back",
};

/* A module as it was when the text began. */
struct row {
	char *device;
	char *module;
	char *version;
	enum installer_type type;
	enum job_state state; /* JOB_STATE_IDLE: no job yet */
	int64_t changed_ms;
	struct update_counts counts;
};

struct rows {
	struct row rows[METRICS_MAX_MODULES];
	size_t count;
	bool out_of_memory;
};

/* ---- classes ---- */

void metrics_counts_done(struct metrics_counts *counts)
{
	for (size_t i = 0; i < counts->n_classes; i++) {
		free(counts->classes[i].class_name);
		free(counts->classes[i].module);
	}
	counts->n_classes = 0;
}

struct metrics_class *metrics_find_class(struct metrics_counts *counts,
					 const char *class_name,
					 const char *module)
{
	const char *name = class_name ? class_name : "";
	struct metrics_class class = { 0 };

	for (size_t i = 0; i < counts->n_classes; i++) {
		struct metrics_class *at = &counts->classes[i];

		if (strcmp(at->class_name, name) == 0 &&
		    strcmp(at->module, module) == 0)
			return at;
	}
	if (counts->n_classes == METRICS_MAX_CLASSES)
		return NULL;
	class.class_name = strdup(name);
	class.module = strdup(module);
	if (!class.class_name || !class.module) {
		free(class.class_name);
		free(class.module);
		return NULL;
	}
	counts->classes[counts->n_classes] = class;
	return &counts->classes[counts->n_classes++];
}

static bool count_device(const struct device *device, void *user_data)
{
	struct metrics_counts *counts = user_data;

	if (strcmp(device->name, DEVICE_SELF) == 0)
		return true;
	for (size_t i = 0; i < device->n_modules; i++) {
		struct metrics_class *class =
			metrics_find_class(counts, device->class_name,
					   device->modules[i].settings->name);

		if (class)
			class->devices++;
	}
	return true;
}

static void count_devices(const struct updater *updater,
			  struct metrics_counts *counts)
{
	for (size_t i = 0; i < counts->n_classes; i++)
		counts->classes[i].devices = 0;
	updater_each_device(updater, count_device, counts);
}

/* ---- modules ---- */

static bool take_row(const struct module_view *view, void *user_data)
{
	struct rows *rows = user_data;
	struct row row = {
		.device = strdup(view->device),
		.module = strdup(view->module),
		.version = strdup(view->version ? view->version : ""),
		.type = view->type,
		.state = view->job ? view->job->state : JOB_STATE_IDLE,
		.changed_ms = view->job ? view->job->changed_ms : 0,
		.counts = view->counts,
	};

	if (rows->count == METRICS_MAX_MODULES || !row.device || !row.module ||
	    !row.version) {
		rows->out_of_memory = rows->count < METRICS_MAX_MODULES;
		free(row.device);
		free(row.module);
		free(row.version);
		return false;
	}
	rows->rows[rows->count++] = row;
	return true;
}

static void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].device);
		free(rows->rows[i].module);
		free(rows->rows[i].version);
	}
}

/* ---- lines ---- */

static void put_title(FILE *out, const char *name, const char *type,
		      const char *help)
{
	fprintf(out, "# HELP otad_%s %s\n# TYPE otad_%s %s\n", name, help, name,
		type);
}

/* The text format escapes these three and nothing else. */
static void put_label(FILE *out, const char *before, const char *key,
		      const char *value)
{
	fprintf(out, "%s%s=\"", before, key);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void put_plain(FILE *out, const char *name, const char *type,
		      const char *help, double value)
{
	put_title(out, name, type, help);
	fprintf(out, "otad_%s %.15g\n", name, value);
}

static void put_counter(FILE *out, const char *name, const char *help,
			uint64_t value)
{
	put_title(out, name, "counter", help);
	fprintf(out, "otad_%s %" PRIu64 "\n", name, value);
}

static void begin_row(FILE *out, const char *name, const struct row *row)
{
	fprintf(out, "otad_%s", name);
	put_label(out, "{", "device", row->device);
	put_label(out, ",", "module", row->module);
}

static void put_daemon(FILE *out, const struct updater_status *status,
		       const struct updater_stats *stats)
{
	put_title(out, "info", "gauge", "The version of otad and its platform.");
	fputs("otad_info", out);
	put_label(out, "{", "version", status->version);
	put_label(out, ",", "platform", status->platform ? status->platform : "");
	fputs("} 1\n", out);
	put_plain(out, "uptime_seconds", "gauge", "Since this start of otad.",
		  (double)stats->uptime_ms / MS_PER_S);
	put_plain(out, "connected", "gauge",
		  "Whether the broker of the cloud is connected.",
		  status->connected);
	put_plain(out, "connection_changed_timestamp_seconds", "gauge",
		  "When otad_connected last changed; 0: never.",
		  (double)status->connected_ms / MS_PER_S);
	put_plain(out, "held", "gauge", "Whether updates are held.",
		  status->held);
	put_plain(out, "trial", "gauge",
		  "Whether this otad is a new version that is not confirmed yet.",
		  status->trial);
	put_plain(out, "devices", "gauge", "Devices, the gateway included.",
		  (double)status->devices);
	put_plain(out, "modules", "gauge", "Modules of all devices.",
		  (double)status->modules);
	put_plain(out, "reports_waiting", "gauge",
		  "Results that the broker has not acknowledged yet.",
		  (double)status->reports_waiting);
	put_plain(out, "loop_stall_max_seconds", "gauge",
		  "The longest turn of the event loop since this start.",
		  (double)stats->longest_stall_us / 1e6);
}

static void put_traffic(FILE *out, const struct updater_stats *stats,
			const struct metrics_counts *counts)
{
	put_counter(out, "offers_total", "Offers since this start.",
		    stats->offers);
	put_counter(out, "rejects_total",
		    "Unusable messages of the cloud since this start.",
		    stats->rejects);
	put_counter(out, "connects_total",
		    "Connections to the broker since this start.",
		    stats->connects);
	put_counter(out, "disconnects_total",
		    "Connections to the broker lost since this start.",
		    stats->disconnects);
	put_counter(out, "reports_sent_total",
		    "Reports sent to the cloud since this start.",
		    stats->reports_sent);
	put_counter(out, "download_bytes_total",
		    "Downloaded since the first start.", counts->bytes);
}

static void put_jobs(FILE *out, const struct updater_status *status,
		     const struct metrics_counts *counts)
{
	put_title(out, "jobs", "gauge", "Updates that run or wait, by state.");
	for (int state = JOB_STATE_AVAILABLE; state < JOB_STATE_COUNT; state++) {
		if (job_state_is_terminal((enum job_state)state))
			continue;
		fputs("otad_jobs", out);
		put_label(out, "{", "state",
			  job_state_name((enum job_state)state));
		fprintf(out, "} %zu\n", status->jobs_in[state]);
	}
	put_title(out, "jobs_total", "counter",
		  "Updates of all devices that ended, since the first start.");
	for (size_t i = 0; i < METRICS_RESULT_COUNT; i++)
		fprintf(out, "otad_jobs_total{result=\"%s\"} %" PRIu64 "\n",
			result_names[i], counts->ended[i]);
}

static void put_class(FILE *out, const char *name,
		      const struct metrics_class *class)
{
	fprintf(out, "otad_%s", name);
	put_label(out, "{", "class", class->class_name);
	put_label(out, ",", "module", class->module);
}

static void put_classes(FILE *out, const struct metrics_counts *counts)
{
	put_title(out, "class_devices", "gauge",
		  "Devices behind the gateway that have this module.");
	for (size_t i = 0; i < counts->n_classes; i++) {
		put_class(out, "class_devices", &counts->classes[i]);
		fprintf(out, "} %zu\n", counts->classes[i].devices);
	}
	put_title(out, "class_updates_total", "counter",
		  "Updates of such devices that ended, since this start.");
	for (size_t i = 0; i < counts->n_classes; i++) {
		for (size_t k = 0; k < METRICS_RESULT_COUNT; k++) {
			put_class(out, "class_updates_total",
				  &counts->classes[i]);
			fprintf(out, ",result=\"%s\"} %" PRIu64 "\n",
				result_names[k], counts->classes[i].ended[k]);
		}
	}
}

static void put_ends(FILE *out, const struct rows *rows)
{
	put_title(out, "updates_total", "counter",
		  "Updates of this module that ended, since its first one.");
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];
		const uint64_t ended[METRICS_RESULT_COUNT] = {
			[METRICS_SUCCEEDED] = row->counts.succeeded,
			[METRICS_FAILED] = row->counts.failed,
			[METRICS_ROLLED_BACK] = row->counts.rolled_back,
		};

		for (size_t k = 0; k < METRICS_RESULT_COUNT; k++) {
			begin_row(out, "updates_total", row);
			fprintf(out, ",result=\"%s\"} %" PRIu64 "\n",
				result_names[k], ended[k]);
		}
	}
}

static void put_sums(FILE *out, const struct rows *rows)
{
	put_title(out, "update_bytes_total", "counter",
		  "Downloaded for this module, since its first update.");
	for (size_t i = 0; i < rows->count; i++) {
		begin_row(out, "update_bytes_total", &rows->rows[i]);
		fprintf(out, "} %" PRIu64 "\n", rows->rows[i].counts.bytes);
	}
	put_title(out, "update_seconds_total", "counter",
		  "From offer to end, of all updates of this module.");
	for (size_t i = 0; i < rows->count; i++) {
		begin_row(out, "update_seconds_total", &rows->rows[i]);
		fprintf(out, "} %.15g\n",
			(double)rows->rows[i].counts.ms / MS_PER_S);
	}
}

static void put_versions(FILE *out, const struct rows *rows)
{
	put_title(out, "module_info", "gauge", "What is installed.");
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];

		begin_row(out, "module_info", row);
		put_label(out, ",", "type", installer_type_name(row->type));
		put_label(out, ",", "version", row->version);
		fputs("} 1\n", out);
	}
}

static void put_states(FILE *out, const struct rows *rows)
{
	put_title(out, "module_state", "gauge",
		  "The state of its running update, or how the last one ended.");
	for (size_t i = 0; i < rows->count; i++) {
		begin_row(out, "module_state", &rows->rows[i]);
		put_label(out, ",", "state",
			  job_state_name(rows->rows[i].state));
		fputs("} 1\n", out);
	}
	put_title(out, "module_state_changed_timestamp_seconds", "gauge",
		  "When that began; 0: never.");
	for (size_t i = 0; i < rows->count; i++) {
		begin_row(out, "module_state_changed_timestamp_seconds",
			  &rows->rows[i]);
		fprintf(out, "} %.15g\n",
			(double)rows->rows[i].changed_ms / MS_PER_S);
	}
}

static void put_all(FILE *out, const struct updater *updater,
		    const struct metrics_counts *counts,
		    const struct updater_status *status, const struct rows *rows)
{
	struct updater_stats stats;

	updater_counts(updater, &stats);
	put_daemon(out, status, &stats);
	put_traffic(out, &stats, counts);
	put_jobs(out, status, counts);
	put_classes(out, counts);
	put_versions(out, rows);
	put_states(out, rows);
	put_ends(out, rows);
	put_sums(out, rows);
}

char *metrics_text(const struct updater *updater, struct metrics_counts *counts,
		   size_t *ret_size)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct updater_status status;
	char *text = NULL;
	FILE *out = rows ? open_memstream(&text, ret_size) : NULL;
	bool complete;

	if (!out) {
		free(rows);
		return NULL;
	}
	updater_status(updater, &status);
	count_devices(updater, counts);
	/* Each costs a file to read: a fleet is not asked one by one. */
	updater_each_module(updater,
			    status.modules <= METRICS_MAX_MODULES ? NULL :
								    DEVICE_SELF,
			    take_row, rows);
	put_all(out, updater, counts, &status, rows);
	complete = !rows->out_of_memory && !ferror(out);
	rows_done(rows);
	free(rows);
	if (fclose(out) == 0 && complete)
		return text;
	free(text);
	return NULL;
}
