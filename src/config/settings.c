#include "parts.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
/* The protocol's own limit: 16 bits of seconds. */
#define KEEP_ALIVE_MAX_MS (65535 * SECOND_MS)
#define MQTT_PORT 1883
#define MQTT_TLS_PORT 8883

#define FIELD(type, member) .offset = offsetof(struct type, member)

static const struct config_key mqtt_keys[] = {
	{ "Host", set_host, FIELD(config_mqtt, host) },
	{ "Port", set_port, FIELD(config_mqtt, port) },
	{ "ClientId", set_text, FIELD(config_mqtt, client_id) },
	{ "Username", set_text, FIELD(config_mqtt, username) },
	{ "PasswordFile", set_file, FIELD(config_mqtt, password_file) },
	{ "Tls", set_bool, FIELD(config_mqtt, tls) },
	{ "CaFile", set_file, FIELD(config_mqtt, ca_file) },
	{ "CertFile", set_file, FIELD(config_mqtt, cert_file) },
	{ "KeyFile", set_file, FIELD(config_mqtt, key_file) },
	{ "KeepAlive", set_time, FIELD(config_mqtt, keep_alive_ms),
	  "a time from 5s to 65535s, like 60s", 5 * SECOND_MS,
	  KEEP_ALIVE_MAX_MS },
	{ "CleanSession", set_bool, FIELD(config_mqtt, clean_session) },
	{ "ConnectSpread", set_time, FIELD(config_mqtt, connect_spread_ms),
	  "a time up to 1d, like 30s, or 0 for at once", 0, DAY_MS },
	{ "ReconnectSpread", set_time, FIELD(config_mqtt, reconnect_spread_ms),
	  "a time up to 1d, like 5s, or 0", 0, DAY_MS },
	{ .name = NULL },
};

static bool set_strategy(const struct config_key *key,
			 const struct document_entry *entry, void *field,
			 struct ota_error *err)
{
	static const char *const names[] = {
		[DOWNLOAD_AUTO] = "auto",
		[DOWNLOAD_SIMPLE] = "simple",
		[DOWNLOAD_CHUNKED] = "chunked",
	};

	for (unsigned i = 0; i < OTA_ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], entry->value)) {
			*(enum download_strategy *)field =
				(enum download_strategy)i;
			return true;
		}
	}
	return ota_fail(err, OTA_ERROR_PROTOCOL,
			"expected auto, simple or chunked");
}

static const struct config_key download_keys[] = {
	{ "Timeout", set_time, FIELD(config_download, timeout_ms),
	  "a time from 1s to 1d, like 5min", SECOND_MS, DAY_MS },
	{ "StallTimeout", set_time, FIELD(config_download, stall_ms),
	  "a time from 1s to 1h, like 30s", SECOND_MS, HOUR_MS },
	{ "Attempts", set_number, FIELD(config_download, attempts),
	  "a number from 1 to 1000", 1, 1000 },
	{ "MaxSpeed", set_size, FIELD(config_download, max_speed),
	  "bytes per second, like 512K, or 0 for no limit", 0, INT64_MAX },
	{ "MaxSize", set_size, FIELD(config_download, max_size),
	  "a size from 1 byte, like 4G", 1, INT64_MAX },
	{ "Strategy", set_strategy, FIELD(config_download, strategy) },
	{ "ChunkSize", set_size, FIELD(config_download, chunk_bytes),
	  "a size from 1K to 1G, like 1M", KIB, GIB },
	{ "AllowHttp", set_bool, FIELD(config_download, allow_http) },
	{ "AllowedHosts", set_hosts, FIELD(config_download, allowed_hosts) },
	{ "CaFile", set_file, FIELD(config_download, ca_file) },
	{ "CertFile", set_file, FIELD(config_download, cert_file) },
	{ "KeyFile", set_file, FIELD(config_download, key_file) },
	{ "Proxy", set_proxy, FIELD(config_download, proxy), .secret = true },
	{ "MaxDownloads", set_number, FIELD(config_download, max_downloads),
	  "a number from 1 to 64", 1, 64 },
	{ "CacheSize", set_size, FIELD(config_download, cache_bytes),
	  "a size like 256M, or 0 for none", 0, INT64_MAX },
	{ .name = NULL },
};

static bool set_required_digest(const struct config_key *key,
				const struct document_entry *entry, void *field,
				struct ota_error *err)
{
	if (strcmp(entry->value, "any") != 0 &&
	    strcmp(entry->value, "sha256") != 0)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected any or sha256");
	*(bool *)field = !strcmp(entry->value, "sha256");
	return true;
}

static const struct config_key update_keys[] = {
	{ "Auto", set_bool, FIELD(config_update, automatic) },
	{ "CheckInterval", set_time, FIELD(config_update, check_interval_ms),
	  "a time like 5min, or 0 for never", 0, 365 * DAY_MS },
	{ "AllowDowngrade", set_bool, FIELD(config_update, allow_downgrade) },
	{ "Window", set_window, FIELD(config_update, window) },
	{ "MinBattery", set_percent, FIELD(config_update, min_battery_percent),
	  "a percentage from 0% to 100%", 0, 100 },
	{ "RequireDigest", set_required_digest,
	  FIELD(config_update, require_sha256) },
	{ "RequireSignature", set_bool,
	  FIELD(config_update, require_signature) },
	{ "TrustedKeys", set_glob, FIELD(config_update, trusted_keys) },
	{ "ConfirmTimeout", set_time, FIELD(config_update, confirm_timeout_ms),
	  "a time from 1s to 1d, like 5min", SECOND_MS, DAY_MS },
	{ "MaxTrialStarts", set_number, FIELD(config_update, max_trial_starts),
	  "a number from 1 to 100", 1, 100 },
	{ "ProgressStep", set_percent,
	  FIELD(config_update, progress_step_percent),
	  "a percentage from 1 to 100", 1, 100 },
	{ "AwayTimeout", set_time, FIELD(config_update, away_timeout_ms),
	  "a time from 1s to 365d, like 7d", SECOND_MS, 365 * DAY_MS },
	{ "WaveSize", set_number, FIELD(config_update, wave_size),
	  "a number of devices, or 0 for what the gateway takes", 0, 1000000 },
	{ "WaveStop", set_number, FIELD(config_update, wave_stop),
	  "a number of failures, or 0 for never", 0, 1000000 },
	{ .name = NULL },
};

struct paths {
	char *state;
	char *runtime;
	char *metrics;
};

static const struct config_key path_keys[] = {
	{ "StateDirectory", set_path, FIELD(paths, state) },
	{ "RuntimeDirectory", set_path, FIELD(paths, runtime) },
	{ "MetricsFile", set_path, FIELD(paths, metrics) },
	{ .name = NULL },
};

const struct config_key *settings_keys(const char *kind)
{
	static const struct {
		const char *kind;
		const struct config_key *keys;
	} sections[] = {
		{ "Mqtt", mqtt_keys },
		{ "Download", download_keys },
		{ "Update", update_keys },
		{ "Paths", path_keys },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(sections); i++) {
		if (!strcmp(sections[i].kind, kind))
			return sections[i].keys;
	}
	return NULL;
}

/* A client certificate is of use only with its key. */
static void check_key_pair(const struct document_section *section,
			   struct problems *problems)
{
	const struct document_entry *cert =
		section_get_filled(section, "CertFile");
	const struct document_entry *key =
		section_get_filled(section, "KeyFile");

	if (cert && !key)
		problem_add(problems, cert->file, cert->line,
			    "CertFile= without KeyFile=; expected both, the "
			    "certificate and its key");
	if (key && !cert)
		problem_add(problems, key->file, key->line,
			    "KeyFile= without CertFile=; expected both, the "
			    "certificate and its key");
}

/* What Tls= and Port= mean when one or both are left out. */
static void choose_tls(const struct document_section *section,
		       struct config_mqtt *mqtt)
{
	bool has_tls_file = mqtt->ca_file || mqtt->cert_file || mqtt->key_file;
	bool has_port = section_get(section, "Port");

	if (!section_get(section, "Tls"))
		mqtt->tls = !has_port || mqtt->port == MQTT_TLS_PORT ||
			    has_tls_file;
	if (!has_port)
		mqtt->port = mqtt->tls ? MQTT_TLS_PORT : MQTT_PORT;
}

static void load_mqtt(struct config_build *build)
{
	const struct document_section *section =
		document_find(&build->document, "Mqtt", "");
	const struct platform_keys *platform = build->config->platform;
	struct config_mqtt *mqtt = &build->config->mqtt;

	mqtt->keep_alive_ms = MINUTE_MS;
	mqtt->reconnect_spread_ms = 5 * SECOND_MS;
	mqtt->clean_session = !platform || platform->clean_session;
	set_section(section, mqtt_keys, mqtt, &build->problems);
	check_key_pair(section, &build->problems);
	choose_tls(section, mqtt);
	if (!section)
		problem_add(&build->problems, build->file, 0,
			    "the section [Mqtt] is missing; expected it with "
			    "Host= at least");
	else if (!section_get_filled(section, "Host"))
		problem_add(&build->problems, section->file, section->line,
			    "Host= is missing in [Mqtt]; expected the name or "
			    "address of the broker");
}

static void load_download(struct config_build *build)
{
	const struct document_section *section =
		document_find(&build->document, "Download", "");
	const struct platform_keys *platform = build->config->platform;
	struct config_download *download = &build->config->download;

	*download = (struct config_download){
		.timeout_ms = 5 * MINUTE_MS,
		.stall_ms = 30 * SECOND_MS,
		.attempts = 10,
		.max_size = 4 * GIB,
		.strategy = DOWNLOAD_AUTO,
		.chunk_bytes = MIB,
		.allow_http = !platform || platform->allow_http,
		.max_downloads = 4,
		.cache_bytes = 256 * MIB,
	};
	set_section(section, download_keys, download, &build->problems);
	check_key_pair(section, &build->problems);
}

static bool glob_matches(const char *pattern)
{
	glob_t found;
	bool matches = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;

	if (matches)
		globfree(&found);
	return matches;
}

/* Without a key every update would be refused, and nobody would know why. */
static void check_trusted_keys(const struct document_section *section,
			       const struct config_update *update,
			       struct problems *problems)
{
	const struct document_entry *required =
		section_get(section, "RequireSignature");
	const struct document_entry *keys = section_get(section, "TrustedKeys");

	if (!update->require_signature)
		return;
	if (!keys || !*keys->value)
		problem_add(problems, required->file, required->line,
			    "RequireSignature=yes without TrustedKeys=; "
			    "expected TrustedKeys= with the PEM files to "
			    "trust");
	else if (update->trusted_keys && !glob_matches(update->trusted_keys))
		problem_add(problems, keys->file, keys->line,
			    "TrustedKeys=%s: matches no file; expected a PEM "
			    "file at least, as RequireSignature=yes",
			    keys->value);
}

static void load_update(struct config_build *build)
{
	const struct document_section *section =
		document_find(&build->document, "Update", "");
	const struct platform_keys *platform = build->config->platform;
	struct config_update *update = &build->config->update;

	*update = (struct config_update){
		.automatic = true,
		.check_interval_ms = platform ? platform->check_interval_ms : 0,
		.window = { .always = true },
		.min_battery_percent = 20,
		.confirm_timeout_ms = 5 * MINUTE_MS,
		.max_trial_starts = 3,
		.progress_step_percent = 10,
		.away_timeout_ms = 7 * DAY_MS,
	};
	set_section(section, update_keys, update, &build->problems);
	check_trusted_keys(section, update, &build->problems);
}

static void load_paths(struct config_build *build)
{
	const struct document_section *section =
		document_find(&build->document, "Paths", "");
	struct paths configured = { 0 };
	struct config *config = build->config;

	set_section(section, path_keys, &configured, &build->problems);
	config->state_dir = choose_directory("STATE_DIRECTORY",
					     configured.state, OTAD_STATE_DIR);
	config->runtime_dir = choose_directory("RUNTIME_DIRECTORY",
					       configured.runtime,
					       OTAD_RUNTIME_DIR);
	config->metrics_file = configured.metrics;
	if (!config->state_dir || !config->runtime_dir)
		problem_no_memory(&build->problems);
	free(configured.state);
	free(configured.runtime);
}

void load_settings(struct config_build *build)
{
	load_mqtt(build);
	load_download(build);
	load_update(build);
	load_paths(build);
}
