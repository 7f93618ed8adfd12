/*
 * A configuration: FILE up to a byte 0x1E, then its drop-ins, each "NAME\n" and
 * its content up to the next. Either it is good, or each problem is told. FILE
 * is also read as a secret.
 */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/cloud/cloud.h"
#include "otad/config/config.h"

#define SEPARATOR '\x1e'
#define SECRET_MAX_BYTES 4096
#define FILE_NAME "otad.conf"
#define DROP_INS FILE_NAME ".d"

/* In the order in which they are read. */
static const char *const names[] = {
	FILE_NAME,
	DROP_INS "/10-site.conf",
	DROP_INS "/5-more.conf",
	DROP_INS "/\xc3\xa9.conf",
	DROP_INS "/\xff.conf", /* by ourselves */
};
#define AGAIN (OTA_ARRAY_SIZE(names) - 1)
/* These are not. */
static const char *const others[] = {
	DROP_INS "/.hidden.conf",
	DROP_INS "/notes.txt",
	DROP_INS "/conf",
};

/* Of the input; borrowed. */
struct piece {
	const uint8_t *data;
	size_t size;
};

static struct piece take(struct piece *rest, char separator)
{
	struct piece piece = *rest;
	const uint8_t *end;

	if (piece.size == 0)
		return piece;
	end = memchr(piece.data, separator, piece.size);
	if (end)
		piece.size = (size_t)(end - piece.data);
	rest->data += piece.size + !!end;
	rest->size -= piece.size + !!end;
	return piece;
}

/* Borrowed until the next. */
static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	return path;
}

static void check_config(const struct config *config)
{
	fuzz_check(config->n_devices >= 1);
	fuzz_check(strcmp(config->devices[0]->name, DEVICE_SELF) == 0);
	fuzz_check(!config->mqtt.host || config->mqtt.port > 0);
	fuzz_check(config->download.attempts > 0);
	fuzz_check(config->download.timeout_ms > 0);
	fuzz_check(config->download.stall_ms > 0);
	fuzz_check(config->update.confirm_timeout_ms > 0);
	fuzz_check(config->update.max_trial_starts > 0);
	fuzz_check(config->state_dir[0] == '/');
	fuzz_check(config->runtime_dir[0] == '/');
	for (size_t i = 0; i < config->n_devices; i++) {
		fuzz_check(module_name_is_valid(config->devices[i]->name));
		for (size_t k = 0; k < config->devices[i]->n_modules; k++)
			fuzz_check(config->devices[i]
					   ->modules[k]
					   .settings->timeout_ms > 0);
	}
}

/* Values may hold tabs, and are quoted as they are. */
static void check_text(char *text)
{
	fuzz_check(text[0]);
	for (char *c = text; *c; c++)
		if (*c == '\t')
			*c = ' ';
	fuzz_check(fuzz_is_clean(text));
}

static size_t place_of(const char *file)
{
	size_t place = 0;

	while (place < AGAIN && strcmp(path_of(names[place]), file) != 0)
		place++;
	fuzz_check(place < AGAIN);
	return place;
}

/* Of a file that is read, in the order in which they are. */
static void check_report(const struct config_report *report)
{
	size_t last_file = 0;
	unsigned last_line = 0;

	for (size_t i = 0; i < report->n_problems; i++) {
		const struct config_problem *problem = &report->problems[i];
		size_t file = place_of(problem->file);

		check_text(problem->text);
		fuzz_check(file >= last_file);
		fuzz_check(file > last_file || problem->line >= last_line);
		last_file = file;
		last_line = problem->line;
	}
}

static struct config *load(struct config_report *report)
{
	struct config_source source = {
		.file = path_of(FILE_NAME),
		.platforms = cloud_platforms(),
	};
	struct config *config = config_load(&source, report);

	fuzz_check((config != NULL) == (report->n_problems == 0));
	fuzz_check(!report->unreadable);
	return config;
}

static bool is_same(const char *a, const char *b)
{
	return !a == !b && (!a || strcmp(a, b) == 0);
}

static void check_same_modules(const struct device *a, const struct device *b)
{
	fuzz_check(a->n_modules == b->n_modules && a->n_keys == b->n_keys);
	for (size_t i = 0; i < a->n_modules; i++) {
		const struct module_settings *one = a->modules[i].settings;
		const struct module_settings *other = b->modules[i].settings;

		fuzz_check(is_same(one->name, other->name));
		fuzz_check(one->type == other->type);
		fuzz_check(is_same(one->path, other->path));
		fuzz_check(is_same(one->check, other->check));
		fuzz_check(is_same(one->handler, other->handler));
		fuzz_check(one->timeout_ms == other->timeout_ms);
	}
}

static void check_same(const struct config *a, const struct config *b)
{
	fuzz_check(a->platform == b->platform);
	fuzz_check(a->n_cloud_keys == b->n_cloud_keys);
	for (size_t i = 0; i < a->n_cloud_keys; i++)
		fuzz_check(is_same(a->cloud_keys[i].value,
				   key_value_get(b->cloud_keys, b->n_cloud_keys,
						 a->cloud_keys[i].key)));
	fuzz_check(is_same(a->mqtt.host, b->mqtt.host));
	fuzz_check(a->mqtt.port == b->mqtt.port && a->mqtt.tls == b->mqtt.tls);
	fuzz_check(a->download.max_size == b->download.max_size);
	fuzz_check(is_same(a->download.proxy, b->download.proxy));
	fuzz_check(a->update.automatic == b->update.automatic);
	fuzz_check(is_same(a->update.trusted_keys, b->update.trusted_keys));
	fuzz_check(is_same(a->state_dir, b->state_dir));
	fuzz_check(a->n_classes == b->n_classes);
	for (size_t i = 0; i < a->n_classes; i++)
		fuzz_check(a->classes[i].n_modules == b->classes[i].n_modules);
	fuzz_check(a->n_devices == b->n_devices);
	for (size_t i = 0; i < a->n_devices; i++)
		check_same_modules(a->devices[i], b->devices[i]);
}

static struct config *load_again(const void *text, size_t size)
{
	struct config_report report = { 0 };
	struct config *again;

	fuzz_write(names[AGAIN], text, size);
	again = load(&report);
	fuzz_check(again);
	config_report_done(&report);
	return again;
}

/* What is said last counts; saying it once more changes nothing. */
static void check_last(const struct config *config, const struct piece *last)
{
	static const char host[] = "[Mqtt]\nHost=last.example\nPort=4711\n";
	OTA_CLEANUP(config_unrefp)
	struct config *twice = load_again(last->data, last->size);
	OTA_CLEANUP(config_unrefp)
	struct config *other = load_again(host, strlen(host));

	check_same(config, twice);
	fuzz_check(is_same(other->mqtt.host, "last.example"));
	fuzz_check(other->mqtt.port == 4711);
}

static void check_secret(const struct piece *text)
{
	struct ota_error err = OTA_ERROR_INIT;
	char *secret = config_read_secret(path_of(FILE_NAME), &err);
	const uint8_t *data = text->data;
	size_t line = 0;

	while (line < text->size && data[line] != '\r' && data[line] != '\n' &&
	       data[line] != '\0')
		line++;
	if (secret) {
		fuzz_check(line > 0 && strlen(secret) == line);
		fuzz_check(line == text->size || data[line] != '\0');
		fuzz_check(memcmp(secret, data, line) == 0);
	} else {
		fuzz_check(line == 0 || text->size > SECRET_MAX_BYTES ||
			   (line < text->size && data[line] == '\0'));
		fuzz_check(err.kind == OTA_ERROR_PROTOCOL);
		fuzz_check(fuzz_is_clean(err.text));
	}
	config_secret_free(secret);
}

static void begin(void)
{
	static const char nonsense[] = "nonsense";
	static bool begun;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
		unlink(path_of(names[i]));
	if (begun)
		return;
	begun = true;
	fuzz_check(mkdir(path_of(DROP_INS), 0755) == 0);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(others); i++)
		fuzz_write(others[i], (const uint8_t *)nonsense,
			   strlen(nonsense));
}

/* Returns what is read last. */
static struct piece write_files(struct piece rest)
{
	struct piece texts[AGAIN] = { take(&rest, SEPARATOR) };
	size_t last = AGAIN - 1;

	while (rest.size > 0) {
		struct piece name = take(&rest, '\n');
		struct piece text = take(&rest, SEPARATOR);

		for (size_t i = 1; i < AGAIN; i++) {
			const char *known = names[i] + strlen(DROP_INS "/");

			if (name.size == strlen(known) &&
			    memcmp(name.data, known, name.size) == 0)
				texts[i] = text;
		}
	}
	for (size_t i = 0; i < AGAIN; i++)
		if (i == 0 || texts[i].data)
			fuzz_write(names[i], texts[i].data, texts[i].size);
	check_secret(&texts[0]);
	while (!texts[last].data && last > 0)
		last--;
	return texts[last];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = { 0 };
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;
	struct piece last;

	begin();
	last = write_files((struct piece){ data, size });
	config = load(&report);
	check_report(&report);
	if (config) {
		check_config(config);
		check_last(config, &last);
	}
	config_report_done(&report);
	return 0;
}
