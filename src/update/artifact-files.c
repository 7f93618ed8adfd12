#include "artifact-private.h"

#include <dirent.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/fetch/fetch.h"

#define RECORD_SUFFIX ".json"
#define TRIM_GAP_MS 1000

/* The version stands in the file's name, so that a person can tell. */
char *artifact_store_path(const struct artifact_store *store,
			  const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);
	OTA_CLEANUP(freep) char *version = file_name_escape(offer->version);
	char *path;

	if (!version || !digest)
		return NULL;
	if (asprintf(&path, "%s/%s-%s", store->dir, version, digest->hex) < 0)
		return NULL;
	return path;
}

static bool is_record(const char *path)
{
	size_t n = strlen(path), m = strlen(RECORD_SUFFIX);

	return n > m && strcmp(path + n - m, RECORD_SUFFIX) == 0;
}

/* The paths of all that somebody wants, in order. */
struct wanted {
	const char **paths;
	size_t count, size;
	bool out_of_memory;
};

static void add_wanted(const void *node, VISIT order, void *closure)
{
	const struct artifact *artifact = *(const struct artifact *const *)node;
	struct wanted *wanted = closure;
	const char **grown;

	if ((order != postorder && order != leaf) || wanted->out_of_memory)
		return;
	if (wanted->count == wanted->size) {
		wanted->size = wanted->size ? 2 * wanted->size : 16;
		grown = reallocarray(wanted->paths, wanted->size,
				     sizeof(*grown));
		wanted->out_of_memory = !grown;
		if (!grown)
			return;
		wanted->paths = grown;
	}
	wanted->paths[wanted->count++] = artifact->path;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_wanted(const struct wanted *wanted, const char *path)
{
	OTA_CLEANUP(freep) char *whole = strdup(path);
	const char *key = whole;

	if (!whole)
		return true;
	if (is_record(whole))
		whole[strlen(whole) - strlen(RECORD_SUFFIX)] = '\0';
	return wanted->count > 0 &&
	       bsearch(&key, wanted->paths, wanted->count,
		       sizeof(*wanted->paths), compare_paths);
}

/* False stops the walk. */
typedef bool (*file_fn)(struct artifact_store *store, const char *path,
			const struct stat *st, void *user_data);

/* Every file that no job wants. */
static void each_unwanted(struct artifact_store *store, file_fn fn,
			  void *user_data)
{
	struct wanted wanted = { 0 };
	DIR *dir = opendir(store->dir);
	struct dirent *entry;
	bool go_on;

	twalk_r(store->artifacts, add_wanted, &wanted);
	if (wanted.count > 0)
		qsort(wanted.paths, wanted.count, sizeof(*wanted.paths),
		      compare_paths);
	go_on = dir && !wanted.out_of_memory;
	while (go_on && (entry = readdir(dir))) {
		OTA_CLEANUP(freep) char *path = NULL;
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", store->dir, entry->d_name) < 0) {
			path = NULL;
			break;
		}
		if (!is_wanted(&wanted, path) && lstat(path, &st) == 0)
			go_on = fn(store, path, &st, user_data);
	}
	if (dir)
		closedir(dir);
	free(wanted.paths);
}

static bool remove_old(struct artifact_store *store, const char *path,
		       const struct stat *st, void *user_data)
{
	const uint64_t *max_age_ms = user_data;
	int64_t age_ms =
		loop_wall_ms(store->loop) - (int64_t)st->st_mtime * 1000;
	struct ota_error err;

	if (*max_age_ms > 0 &&
	    (age_ms < 0 || (uint64_t)age_ms < *max_age_ms))
		return true;
	if (!file_remove(path, &err))
		log_warning(NULL, "%s", err.text);
	return true;
}

void artifact_store_sweep(struct artifact_store *store, uint64_t max_age_ms)
{
	each_unwanted(store, remove_old, &max_age_ms);
}

/* ---- CacheSize= ---- */

struct cached {
	uint64_t bytes; /* of all */
	char *oldest;
	struct timespec oldest_mtime;
};

static bool is_partial(const char *path)
{
	OTA_CLEANUP(freep) char *record = NULL;

	if (asprintf(&record, "%s" RECORD_SUFFIX, path) < 0) {
		record = NULL;
		return true;
	}
	return file_exists(record);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec :
					a->tv_nsec < b->tv_nsec;
}

static bool count_cached(struct artifact_store *store, const char *path,
			 const struct stat *st, void *user_data)
{
	struct cached *cached = user_data;
	char *copy;

	if (!S_ISREG(st->st_mode) || is_record(path) || is_partial(path))
		return true;
	cached->bytes += (uint64_t)st->st_size;
	if (cached->oldest && !is_before(&st->st_mtim, &cached->oldest_mtime))
		return true;
	copy = strdup(path);
	if (!copy)
		return false;
	free(cached->oldest);
	cached->oldest = copy;
	cached->oldest_mtime = st->st_mtim;
	return true;
}

static void trim(struct artifact_store *store)
{
	struct ota_error err;

	store->trimmed_ms = loop_now_ms(store->loop);
	for (;;) {
		struct cached cached = { 0 };
		bool done;

		each_unwanted(store, count_cached, &cached);
		done = !cached.oldest ||
		       cached.bytes <= store->config->download.cache_bytes;
		if (!done && !fetch_discard(cached.oldest, &err)) {
			log_warning(NULL, "%s", err.text);
			done = true;
		}
		free(cached.oldest);
		if (done)
			return;
	}
}

static void on_trim_time(struct loop_source *source, void *user_data)
{
	struct artifact_store *store = user_data;

	store->trim = loop_source_free(store->trim);
	trim(store);
}

void artifact_store_trim(struct artifact_store *store)
{
	uint64_t now_ms = loop_now_ms(store->loop);
	struct ota_error err;

	if (store->trim)
		return;
	/* Ten thousand devices end with ten thousand artifacts, at worst. */
	if (store->trimmed_ms && now_ms - store->trimmed_ms < TRIM_GAP_MS)
		store->trim = loop_add_timer(store->loop, TRIM_GAP_MS,
					     on_trim_time, store, &err);
	if (!store->trim)
		trim(store);
}
