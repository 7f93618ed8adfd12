#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/units.h"

#include "installation.h"
#include "lines.h"

#define RECORD_DIR "install"
#define RECORD_MAX_BYTES 4096

static const char *const form_names[] = {
	[BACKUP_FORM_UNKNOWN] = "",
	[BACKUP_FORM_NONE] = "none",
	[BACKUP_FORM_LINKED] = "linked",
	[BACKUP_FORM_COPIED] = "copied",
};

struct file_mark file_mark_of(const struct stat *st)
{
	return (struct file_mark){
		.size_bytes = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b)
{
	return a->size_bytes == b->size_bytes && a->mtime_s == b->mtime_s &&
	       a->mtime_ns == b->mtime_ns;
}

/* A device and its module make one name: 64 bytes each would not fit escaped. */
static char *record_path(const struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *both = NULL;
	OTA_CLEANUP(freep) char *name = NULL;
	char *path;

	if (asprintf(&both, "%s/%s", in->device, in->module) >= 0)
		name = file_name_escape(both);
	if (!name || asprintf(&path, "%s/" RECORD_DIR "/%s",
			      in->env->state_dir, name) < 0) {
		ota_fail_memory(err, "recording an installation");
		return NULL;
	}
	return path;
}

static enum backup_form parse_form(const char *name)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(form_names); i++)
		if (strcmp(name, form_names[i]) == 0)
			return (enum backup_form)i;
	return BACKUP_FORM_UNKNOWN;
}

static void parse_mark(const char *text, struct file_mark *ret)
{
	unsigned long long size;
	long long seconds;
	unsigned nanoseconds;
	char end;

	if (sscanf(text, "%llu %lld.%u%c", &size, &seconds, &nanoseconds,
		   &end) != 3)
		return;
	*ret = (struct file_mark){ size, seconds, nanoseconds };
}

static void parse(const char *text, struct record *ret)
{
	char value[128];

	lines_get(text, "BACKUP", value, sizeof(value));
	ret->form = parse_form(value);
	if (lines_get(text, "OLD", value, sizeof(value)))
		parse_mark(value, &ret->old);
	if (lines_get(text, "BACKUP_SHA256", value, sizeof(value)))
		digest_set(&ret->backup_sha256, DIGEST_SHA256, value);
	ret->undoing = lines_get(text, "UNDOING", value, sizeof(value));
	ret->installed = lines_get(text, "INSTALLED", value, sizeof(value));
}

bool install_record_read(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = record_path(in, err);
	OTA_CLEANUP(freep) char *text = NULL;
	struct ota_error why = OTA_ERROR_INIT;
	char job[256];
	size_t size;

	in->record = (struct record){ .form = BACKUP_FORM_UNKNOWN };
	if (!path)
		return false;
	text = file_read_nofollow(path, RECORD_MAX_BYTES, &size, &why);
	if (!text && why.kind != OTA_ERROR_NOT_FOUND &&
	    why.kind != OTA_ERROR_PROTOCOL) {
		if (err)
			*err = why;
		return false;
	}
	if (text && lines_get(text, "JOB", job, sizeof(job)) && in->job &&
	    strcmp(job, in->job) == 0)
		parse(text, &in->record);
	return true;
}

static char *format(const struct installation *in, size_t *ret_size)
{
	const struct record *record = &in->record;
	char *text = NULL, mark[64];
	FILE *out = open_memstream(&text, ret_size);

	if (!out)
		return NULL;
	snprintf(mark, sizeof(mark), "%llu %lld.%u",
		 (unsigned long long)record->old.size_bytes,
		 (long long)record->old.mtime_s, record->old.mtime_ns);
	lines_put(out, "JOB", in->job);
	if (record->form != BACKUP_FORM_UNKNOWN)
		lines_put(out, "BACKUP", form_names[record->form]);
	lines_put(out, "OLD", mark);
	if (record->backup_sha256.alg == DIGEST_SHA256)
		lines_put(out, "BACKUP_SHA256", record->backup_sha256.hex);
	if (record->undoing)
		lines_put(out, "UNDOING", "yes");
	if (record->installed)
		lines_put(out, "INSTALLED", "yes");
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

bool install_record_write(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = record_path(in, err);
	OTA_CLEANUP(freep) char *dir = NULL;
	OTA_CLEANUP(freep) char *text = NULL;
	size_t size = 0;

	if (!path)
		return false;
	text = format(in, &size);
	dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	if (!text || !dir)
		return ota_fail_memory(err, "recording an installation");
	return file_make_dirs(dir, 0755, err) &&
	       file_write(path, text, size, 0644, err);
}

bool install_record_remove(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = record_path(in, err);

	return path && file_remove(path, err);
}
