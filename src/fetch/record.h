#pragma once

/*
 * FILE.json beside FILE: what an unfinished download is, and how much of FILE
 * is safely on the disk. Written only after those bytes were synced.
 */

#include "otad/base/error.h"

#include "headers.h"

#include <stdbool.h>
#include <stdint.h>

struct record {
	char *identity;
	char *url;
	char validator[VALIDATOR_SIZE]; /* for If-Range; "": none */
	uint64_t size_bytes; /* of the whole, OFFER_SIZE_UNKNOWN: not known */
	uint64_t bytes;	     /* of FILE, synced */
};

void record_done(struct record *record);

/* "FILE.json"; owned, or NULL with `err`. */
char *record_path(const char *path, struct ota_error *err) OTA_MUST_CHECK;

/*
 * False when there is none, or none that can be believed: the download starts
 * over. On success the caller ends it with record_done().
 */
bool record_read(const char *record_path, struct record *ret_record);
bool record_write(const char *record_path, const struct record *record,
		  struct ota_error *err) OTA_MUST_CHECK;
/* The first step of it, see file_draft(). */
int record_draft(const char *record_path, const struct record *record,
		 struct ota_error *err) OTA_MUST_CHECK;
