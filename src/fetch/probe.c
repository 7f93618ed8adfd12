#include "otad/fetch/fetch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "curl-loop.h"

#include "otad/base/loop.h"

struct fetch_probe {
	struct fetcher *fetcher;
	struct curl_task task;
	struct loop_source *deadline;
	fetch_probe_fn done;
	void *user_data;
	char *host;
	uint16_t port;
	uint64_t timeout_ms;
	char curl_error[CURL_ERROR_SIZE];
};

static void tell(struct fetch_probe *probe, const char *address,
		 const struct ota_error *err)
{
	fetch_probe_fn done = probe->done;
	void *user_data = probe->user_data;

	/* Ends the connection: it has told what it is for. */
	fetch_probe_free(probe);
	done(user_data, address, err);
}

static void fail(struct fetch_probe *probe, enum ota_error_kind kind,
		 const char *why)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail(&err, kind, "cannot reach %s port %u: %s", probe->host,
		 probe->port, why);
	tell(probe, NULL, &err);
}

static void on_deadline(struct loop_source *source, void *user_data)
{
	struct fetch_probe *probe = user_data;
	char why[64];

	snprintf(why, sizeof(why), "no answer within %g s",
		 (double)probe->timeout_ms / 1000);
	fail(probe, OTA_ERROR_TIMEOUT, why);
}

static void on_done(struct curl_task *task, CURLcode code, void *user_data)
{
	struct fetch_probe *probe = user_data;
	char address[INET6_ADDRSTRLEN];
	char *found = NULL;

	if (code != CURLE_OK) {
		fail(probe, OTA_ERROR_NETWORK,
		     probe->curl_error[0] ? probe->curl_error
					  : curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(task->easy, CURLINFO_PRIMARY_IP, &found);
	if (!found || !found[0] || strlen(found) >= sizeof(address)) {
		fail(probe, OTA_ERROR_NETWORK, "its address is unknown");
		return;
	}
	strcpy(address, found);
	tell(probe, address, NULL);
}

static bool set_url(struct fetch_probe *probe, struct ota_error *err)
{
	struct in6_addr unused;
	CURLU *parts = curl_url();
	char *host = NULL, *url = NULL;
	char port[8];
	CURLcode code = CURLE_OUT_OF_MEMORY;

	/* curl wants an IPv6 address in brackets, people do not write them. */
	if (inet_pton(AF_INET6, probe->host, &unused) == 1 &&
	    asprintf(&host, "[%s]", probe->host) < 0)
		host = NULL;
	snprintf(port, sizeof(port), "%u", probe->port);
	if (parts &&
	    curl_url_set(parts, CURLUPART_SCHEME, "http", 0) == CURLUE_OK &&
	    curl_url_set(parts, CURLUPART_HOST, host ? host : probe->host, 0) ==
		    CURLUE_OK &&
	    curl_url_set(parts, CURLUPART_PORT, port, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK)
		code = curl_easy_setopt(probe->task.easy, CURLOPT_URL, url);
	curl_free(url);
	free(host);
	curl_url_cleanup(parts);
	return code == CURLE_OK ||
	       ota_fail(err, OTA_ERROR_PROTOCOL, "%s port %u is no address",
			probe->host, probe->port);
}

static bool launch(struct fetch_probe *probe, struct ota_error *err)
{
	CURL *easy;

	if (!curl_task_init(&probe->task, on_done, probe, err) ||
	    !set_url(probe, err))
		return false;
	easy = probe->task.easy;
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->curl_error);
	probe->deadline = loop_add_timer(fetcher_loop(probe->fetcher),
					 probe->timeout_ms, on_deadline, probe,
					 err);
	return probe->deadline &&
	       fetcher_start(probe->fetcher, &probe->task, err);
}

struct fetch_probe *fetch_probe_new(struct fetcher *fetcher, const char *host,
				    uint16_t port, uint64_t timeout_ms,
				    fetch_probe_fn done, void *user_data,
				    struct ota_error *err)
{
	struct fetch_probe *probe = calloc(1, sizeof(*probe));

	if (probe) {
		probe->fetcher = fetcher;
		probe->host = strdup(host);
	}
	if (!probe || !probe->host) {
		ota_fail_memory(err, "looking up an address");
		return fetch_probe_free(probe);
	}
	probe->port = port;
	probe->timeout_ms = timeout_ms;
	probe->done = done;
	probe->user_data = user_data;
	return launch(probe, err) ? probe : fetch_probe_free(probe);
}

struct fetch_probe *fetch_probe_free(struct fetch_probe *probe)
{
	if (!probe)
		return NULL;
	if (probe->fetcher)
		fetcher_stop(probe->fetcher, &probe->task);
	curl_task_done(&probe->task);
	loop_source_free(probe->deadline);
	free(probe->host);
	free(probe);
	return NULL;
}
