#pragma once

/*
 * What BACKUP did, kept in STATE/install/MODULE until CLEAN: the one thing that
 * cannot be read off the target and its backup once the power has failed. A
 * record of another job counts for nothing.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct installation;

enum backup_form {
	BACKUP_FORM_UNKNOWN, /* no BACKUP of this job has succeeded */
	BACKUP_FORM_NONE,    /* there was no target */
	BACKUP_FORM_LINKED,
	BACKUP_FORM_COPIED,
};

/* What stays the same over rename(2), reboots and file systems without stable
 * inode numbers, and differs between two versions of a file. */
struct file_mark {
	uint64_t size_bytes;
	int64_t mtime_s;
	uint32_t mtime_ns;
};

struct record {
	enum backup_form form;
	struct file_mark old; /* the target when BACKUP looked; zeroed: none */
	struct digest backup_sha256; /* self only */
	bool undoing;   /* ROLL_BACK has begun: what runs must follow the file */
	bool installed; /* exec: the handler's `install` has succeeded */
};

struct file_mark file_mark_of(const struct stat *st);
bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);

/* Into in->record; one that is missing or makes no sense is zeroed. */
bool install_record_read(struct installation *in, struct ota_error *err) OTA_MUST_CHECK;
/* in->record, durably. */
bool install_record_write(struct installation *in, struct ota_error *err)
	OTA_MUST_CHECK;
bool install_record_remove(struct installation *in, struct ota_error *err)
	OTA_MUST_CHECK;
