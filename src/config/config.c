#include "otad/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "otad/model/offer.h"

#include "parts.h"

#define MAIN_FILE "otad.conf"

/* Said of a file without Platform= and Host=, one each. */
#define MISSING_PROBLEMS 2

static void mqtt_done(struct config_mqtt *mqtt)
{
	free(mqtt->host);
	free(mqtt->client_id);
	free(mqtt->username);
	free(mqtt->password_file);
	free(mqtt->ca_file);
	free(mqtt->cert_file);
	free(mqtt->key_file);
}

static void download_done(struct config_download *download)
{
	for (char **host = download->allowed_hosts; host && *host; host++)
		free(*host);
	free(download->allowed_hosts);
	free(download->ca_file);
	free(download->cert_file);
	free(download->key_file);
	free(download->proxy);
}

static void class_done(struct config_class *class)
{
	for (size_t i = 0; i < class->n_modules; i++)
		module_settings_unref(class->modules[i]);
	free(class->modules);
	free(class->name);
}

struct config *config_ref(struct config *config)
{
	config->references++;
	return config;
}

struct config *config_unref(struct config *config)
{
	if (!config || --config->references > 0)
		return NULL;
	for (size_t i = 0; i < config->n_cloud_keys; i++) {
		free(config->cloud_keys[i].key);
		free(config->cloud_keys[i].value);
	}
	free(config->cloud_keys);
	mqtt_done(&config->mqtt);
	download_done(&config->download);
	free(config->update.trusted_keys);
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->metrics_file);
	for (size_t i = 0; i < config->n_classes; i++)
		class_done(&config->classes[i]);
	free(config->classes);
	for (size_t i = 0; i < config->n_devices; i++)
		device_free(config->devices[i]);
	free(config->devices);
	free(config);
	return NULL;
}

/* Owned; NULL: out of memory. */
static char *choose_file(const struct config_source *source)
{
	OTA_CLEANUP(freep) char *dir = NULL;
	char *file = NULL;

	if (source->file)
		return strdup(source->file);
	dir = choose_directory("CONFIGURATION_DIRECTORY", NULL,
			       OTAD_CONFIG_DIR);
	if (!dir || asprintf(&file, "%s/" MAIN_FILE, dir) < 0)
		return NULL;
	return file;
}

static size_t file_number(const struct document *document, const char *file)
{
	size_t number = 0;

	while (number < document->n_files &&
	       strcmp(document->files[number], file) != 0)
		number++;
	return number;
}

static bool stands_before(const struct document *document,
			  const struct config_problem *a,
			  const struct config_problem *b)
{
	size_t file_a = file_number(document, a->file);
	size_t file_b = file_number(document, b->file);

	return file_a != file_b ? file_a < file_b : a->line < b->line;
}

/* By file and line, as people correct them: a few, so by insertion. */
static void sort_problems(struct config_report *report,
			  const struct document *document)
{
	for (size_t i = 1; i < report->n_problems; i++) {
		struct config_problem problem = report->problems[i];
		size_t place = i;

		while (place > 0 &&
		       stands_before(document, &problem,
				     &report->problems[place - 1])) {
			report->problems[place] = report->problems[place - 1];
			place--;
		}
		report->problems[place] = problem;
	}
}

static bool says_who_we_are(const struct config_build *build)
{
	const struct document_section *cloud =
		document_find(&build->document, "Cloud", "");
	const struct document_section *mqtt =
		document_find(&build->document, "Mqtt", "");

	return section_get_filled(cloud, "Platform") ||
	       section_get_filled(mqtt, "Host");
}

static void build_config(struct config_build *build)
{
	load_files(build);
	/* What cannot be read must not look like what is left out. */
	if (build->document.n_sections == 0 &&
	    problems_exist(&build->problems))
		return;
	load_cloud(build);
	load_settings(build);
	load_devices(build);
	build->problems.report->unconfigured =
		!says_who_we_are(build) && !build->problems.no_memory &&
		build->problems.report->n_problems == MISSING_PROBLEMS;
}

struct config *config_load(const struct config_source *source,
			   struct config_report *report)
{
	OTA_CLEANUP(config_unrefp) struct config *config =
		calloc(1, sizeof(*config));
	OTA_CLEANUP(freep) char *file = choose_file(source);
	struct config_build build = {
		.config = config,
		.problems = { .report = report },
		.file = file,
		.platforms = source->platforms,
	};

	*report = (struct config_report){ .unreadable = !config || !file };
	if (config)
		config->references = 1;
	if (!config || !file)
		return NULL;
	build_config(&build);
	sort_problems(report, &build.document);
	document_done(&build.document);
	if (build.problems.no_memory) {
		config_report_done(report);
		report->unreadable = true;
	}
	return problems_exist(&build.problems) ? NULL : OTA_TAKE(config);
}

const struct config_class *config_find_class(const struct config *config,
					     const char *name)
{
	for (size_t i = 0; i < config->n_classes; i++) {
		if (!strcmp(config->classes[i].name, name))
			return &config->classes[i];
	}
	return NULL;
}

struct device *config_make_device(const struct config *config, const char *name,
				  const char *class_name, struct ota_error *err)
{
	const struct config_class *class = NULL;
	struct device *device;

	if (!module_name_is_valid(name) || !strcmp(name, DEVICE_SELF)) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "not a valid name of a device; expected 1-64 bytes "
			 "without / \\ and control characters, not beginning "
			 "with a dot, and not \"" DEVICE_SELF "\"");
		return NULL;
	}
	if (class_name) {
		class = config_find_class(config, class_name);
		if (!class) {
			ota_fail(err, OTA_ERROR_NOT_FOUND,
				 "there is no class \"%s\"; expected one of "
				 "the configuration's [Class NAME]",
				 class_name);
			return NULL;
		}
	}
	device = make_class_device(name, class);
	if (!device)
		ota_fail_memory(err, "make a device");
	return device;
}
