#include "download.h"

#include <unistd.h>

#include "curl-loop.h"
#include "sink.h"

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/base/sync.h"

static void on_synced(struct sync *sync, const struct ota_error *err,
		      void *user_data);

static bool start(struct fetch *fetch, enum fetch_saving saving, int fd,
		  enum sync_what what, const char *path, struct ota_error *err)
{
	fetch->sync = sync_start(fetcher_syncer(fetch->fetcher), fd, what, path,
				 on_synced, fetch, err);
	if (fetch->sync)
		fetch->saving = saving;
	return fetch->sync;
}

static bool start_name(struct fetch *fetch, int dir_fd, struct ota_error *err)
{
	bool ok;

	if (dir_fd < 0)
		return false;
	ok = start(fetch, SAVING_NAME, dir_fd, SYNC_ALL, fetch->record_path,
		   err);
	close(dir_fd);
	return ok;
}

static bool start_record(struct fetch *fetch, struct ota_error *err)
{
	struct record record = fetch->record;
	bool ok;
	int fd;

	record.bytes = fetch->saving_bytes;
	record.size_bytes = fetch->total_bytes;
	fd = record_draft(fetch->record_path, &record, err);
	if (fd < 0)
		return false;
	ok = start(fetch, SAVING_RECORD, fd, SYNC_ALL, fetch->record_path, err);
	close(fd);
	if (!ok)
		file_draft_drop(fetch->record_path);
	return ok;
}

static bool adopt_record(struct fetch *fetch, struct ota_error *err)
{
	int dir_fd = file_draft_adopt(fetch->record_path, err);

	if (dir_fd >= 0)
		fetch->record.bytes = fetch->saving_bytes;
	return start_name(fetch, dir_fd, err);
}

static bool is_complete(const struct fetch *fetch)
{
	return fetch->phase == FETCH_ENDING &&
	       fetch->end.kind == OTA_ERROR_NONE;
}

static bool go_on(struct fetch *fetch, enum fetch_saving over,
		  struct ota_error *err)
{
	if (over == SAVING_RECORD)
		return adopt_record(fetch, err);
	sink_spare_page_cache(fetch->sink, fetch->saving_bytes);
	if (!is_complete(fetch))
		return start_record(fetch, err);
	/* The last sync is the directory's: FILE keeps its name, too. */
	return start_name(fetch, file_unlink(fetch->record_path, err), err);
}

static void failed(struct fetch *fetch, enum fetch_saving saving,
		   const struct ota_error *err)
{
	if (saving == SAVING_BYTES)
		sink_lose(fetch->sink);
	if (saving == SAVING_RECORD)
		file_draft_drop(fetch->record_path);
	download_fail(fetch, err);
}

static void on_synced(struct sync *sync, const struct ota_error *err,
		      void *user_data)
{
	struct fetch *fetch = user_data;
	enum fetch_saving over = fetch->saving;
	struct ota_error why = OTA_ERROR_INIT;

	fetch->saving = SAVING_NOTHING;
	if (err)
		why = *err;
	fetch->sync = sync_free(fetch->sync);
	if (err)
		failed(fetch, over, &why);
	else if (over == SAVING_NAME)
		download_saved(fetch);
	else if (!go_on(fetch, over, &why))
		download_fail(fetch, &why);
}

static bool start_bytes(struct fetch *fetch, struct ota_error *err)
{
	fetch->saving_bytes = sink_written_bytes(fetch->sink);
	return start(fetch, SAVING_BYTES, sink_sync_fd(fetch->sink),
		     SYNC_CONTENT, fetch->path, err);
}

bool save_begin(struct fetch *fetch, struct ota_error *err)
{
	fetch->recorded_ms = loop_now_ms(fetch->loop);
	return start_bytes(fetch, err);
}

bool save_complete(struct fetch *fetch, struct ota_error *err)
{
	return sink_finish(fetch->sink, err) && start_bytes(fetch, err);
}

void save_stop(struct fetch *fetch)
{
	fetch->sync = sync_free(fetch->sync);
	if (fetch->saving == SAVING_RECORD)
		file_draft_drop(fetch->record_path);
	fetch->saving = SAVING_NOTHING;
}

bool save_now(struct fetch *fetch, struct ota_error *err)
{
	save_stop(fetch);
	if (!sink_flush(fetch->sink, err) || !sink_sync(fetch->sink, err))
		return false;
	fetch->record.bytes = sink_bytes(fetch->sink);
	fetch->record.size_bytes = fetch->total_bytes;
	return record_write(fetch->record_path, &fetch->record, err);
}
