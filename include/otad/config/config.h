#pragma once

/*
 * Configuration: design.md, section 6. Read with libinih from one file and
 * the drop-ins beside it; later files win. Immutable once loaded; reference-
 * counted, so that what runs keeps what it started with over a reload.
 */

#include "otad/base/error.h"
#include "otad/base/units.h"
#include "otad/model/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a platform reads from [Cloud] and [Device]; each cloud adapter declares
 * its own. Values are checked when the configuration is loaded.
 */
enum key_kind {
	KEY_TEXT,   /* a topic level: no '/', '+', '#', control characters */
	KEY_FREE,   /* any text without control characters */
	KEY_PATH,   /* a file; %d is $CREDENTIALS_DIRECTORY */
	KEY_TIME,
	KEY_BOOL,
	KEY_CHOICE, /* one of `choices` */
};

struct platform_key {
	const char *name;
	enum key_kind kind;
	bool required;
	const char *const *choices; /* NULL-terminated */
	const char *same_as; /* another name for this key; NULL: none */
	/* Left out, it is Username= of [Mqtt]; one of the two is required. */
	bool or_mqtt_username;
};

/* One row of the table of platforms, made from the adapters by main(). */
struct platform_keys {
	const char *platform;		      /* Platform= */
	const struct platform_key *cloud;     /* of [Cloud]; ends with name NULL */
	const struct platform_key *device;    /* of [Device NAME] */
	const char *default_module;	      /* "default", "main" */
	uint64_t check_interval_ms;	      /* when CheckInterval= is left out; 0: none */
	bool allow_http;		      /* when AllowHttp= is left out */
	bool clean_session;		      /* when CleanSession= is left out */
};

struct config_mqtt {
	char *host; /* NULL: no broker configured */
	uint16_t port;
	char *client_id; /* NULL: derived, else random */
	char *username;
	char *password_file; /* %d expanded */
	bool tls;
	char *ca_file, *cert_file, *key_file;
	uint64_t keep_alive_ms;
	bool clean_session;
	/* Within which to come at a random moment: first, and after a loss. */
	uint64_t connect_spread_ms, reconnect_spread_ms;
};

enum download_strategy {
	DOWNLOAD_AUTO,	  /* one streamed GET; ranges when it keeps breaking */
	DOWNLOAD_SIMPLE,  /* one streamed GET, resumed by Range */
	DOWNLOAD_CHUNKED, /* windows of chunk_bytes */
};

struct config_download {
	uint64_t timeout_ms;
	uint64_t stall_ms;
	unsigned attempts;
	uint64_t max_speed; /* bytes per second, 0: no limit */
	uint64_t max_size;  /* bytes */
	enum download_strategy strategy;
	uint64_t chunk_bytes;
	bool allow_http;
	char **allowed_hosts; /* fnmatch(3) patterns, NULL-terminated; NULL: any */
	char *ca_file, *cert_file, *key_file;
	char *proxy; /* NULL or "": none, also not from the environment */
	unsigned max_downloads; /* MaxDownloads=, at the same time */
	uint64_t cache_bytes;	/* CacheSize=, verified artifacts kept for others */
};

struct config_update {
	bool automatic; /* Auto= */
	uint64_t check_interval_ms;
	bool allow_downgrade;
	struct time_window window;
	unsigned min_battery_percent;
	bool require_sha256; /* RequireDigest=sha256 */
	bool require_signature;
	char *trusted_keys; /* a glob(7) of PEM files; NULL: none */
	uint64_t confirm_timeout_ms;
	unsigned max_trial_starts;
	unsigned progress_step_percent;
	uint64_t away_timeout_ms; /* AwayTimeout=, of a device that is away */
	unsigned wave_size; /* WaveSize=, sub-devices installing at a time; 0: 32 */
	unsigned wave_stop; /* WaveStop=, failures that stop the wave; 0: never */
};

/* A [Class NAME] section. */
struct config_class {
	char *name;
	struct module_settings **modules; /* a reference each */
	size_t n_modules;
};

struct config {
	unsigned references;
	const struct platform_keys *platform; /* NULL: no cloud configured */
	/* [Cloud], but for Platform=, by the names of platform->cloud; paths
	 * expanded, all else as text. */
	struct key_value *cloud_keys;
	size_t n_cloud_keys;
	struct config_mqtt mqtt;
	struct config_download download;
	struct config_update update;
	char *state_dir;   /* [Paths] StateDirectory= */
	char *runtime_dir; /* [Paths] RuntimeDirectory= */
	char *metrics_file; /* [Paths] MetricsFile=; NULL: none */
	struct config_class *classes;
	size_t n_classes;
	/* The gateway first, then [Device ...] in file order. */
	struct device **devices;
	size_t n_devices;
};

struct config_problem {
	char *file;
	unsigned line; /* 0: the file as a whole */
	char *text;    /* what is wrong and what is expected */
};

struct config_report {
	struct config_problem *problems; /* by file, then line */
	size_t n_problems;
	/* Nobody has said yet who we are: all there is to say against it is that
	 * there is neither Platform= nor Host=. As freshly installed. */
	bool unconfigured;
	/* Nor is anything known to be wrong with it: memory was out, or the disk
	 * did not let us read. Another try may do. */
	bool unreadable;
};
/* Filled by config_load() in any case. */
void config_report_done(struct config_report *report);

/* Where to look: what is NULL comes from the environment, then the defaults. */
struct config_source {
	/* --config; else $CONFIGURATION_DIRECTORY/otad.conf, else
	 * /etc/otad/otad.conf */
	const char *file;
	const struct platform_keys *platforms; /* ends with platform NULL */
};

/*
 * Loads FILE, then FILE.d/NAME.conf (so otad.conf.d/ beside otad.conf) in the
 * byte order of their names. All problems are collected in `report`, not only
 * the first (up to a hundred). Returns owned, or NULL when there was any
 * problem; NULL without one means out of memory: what else was found may come
 * of that, and is dropped. Reads the environment:
 * $CONFIGURATION_DIRECTORY, $STATE_DIRECTORY, $RUNTIME_DIRECTORY and
 * $CREDENTIALS_DIRECTORY.
 */
struct config *config_load(const struct config_source *source,
			   struct config_report *report) OTA_MUST_CHECK;
struct config *config_ref(struct config *config);
struct config *config_unref(struct config *config); /* accepts NULL, returns NULL */
OTA_DEFINE_CLEANUP(struct config *, config_unref)

/* NULL when there is none. */
const struct config_class *config_find_class(const struct config *config,
					     const char *name);

/*
 * A device of `class_name` with that class's modules, as [Device NAME] would
 * make it. Returns owned, or NULL with `err`: not-found (no such class),
 * protocol-error (bad name). `class_name` NULL: without modules.
 */
struct device *config_make_device(const struct config *config, const char *name,
				  const char *class_name, struct ota_error *err)
	OTA_MUST_CHECK;

/*
 * Secrets: first line of a file without its newline, at most 4 KiB. Owned, or
 * NULL with `err`. config_secret_free() wipes it.
 */
char *config_read_secret(const char *path, struct ota_error *err) OTA_MUST_CHECK;
char *config_secret_free(char *secret);
