#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#include "../../src/fetch/address.h"
#include "support/fetch-fixture.h"

#define SIZE 100000

static struct http_log log_of(struct fetch_fixture *fx)
{
	struct http_log log;

	fetch_log(fx, &log);
	return log;
}

static bool allowed(const struct fetch_fixture *fx, const char *url)
{
	struct ota_error err = OTA_ERROR_INIT;
	bool ok = address_check(url, &fx->settings, &err);

	assert_int_equal(err.kind, ok ? OTA_ERROR_NONE : OTA_ERROR_PROTOCOL);
	return ok;
}

static void only_http_and_https_are_urls(void **state)
{
	struct fetch_fixture *fx = *state;

	assert_true(allowed(fx, "http://a/x"));
	assert_true(allowed(fx, "https://a.example:8443/x?y=@"));
	assert_true(allowed(fx, "https://[::1]/x"));
	assert_false(allowed(fx, "ftp://a/x"));
	assert_false(allowed(fx, "file:///etc/passwd"));
	assert_false(allowed(fx, "http:/a"));
	assert_false(allowed(fx, "http://user:secret@a/x"));
	assert_false(allowed(fx, "http://a/x y"));
	assert_false(allowed(fx, ""));
	fx->settings.allow_http = false;
	assert_false(allowed(fx, "http://a/x"));
	assert_true(allowed(fx, "https://a/x"));
}

static void hosts_are_matched_by_pattern(void **state)
{
	static char one[] = "*.example.com", two[] = "10.0.0.[0-9]";
	static char *hosts[] = { one, two, NULL };
	static char *none[] = { NULL };
	struct fetch_fixture *fx = *state;

	fx->settings.allowed_hosts = hosts;
	assert_true(allowed(fx, "http://fw.example.com/x"));
	assert_true(allowed(fx, "http://FW.Example.COM:81/x"));
	assert_true(allowed(fx, "http://10.0.0.7/x"));
	assert_false(allowed(fx, "http://example.com/x"));
	assert_false(allowed(fx, "http://example.com.evil.org/x"));
	assert_false(allowed(fx, "http://evil.org/fw.example.com"));
	assert_false(allowed(fx, "http://evil.org?.example.com"));
	assert_false(allowed(fx, "http://evil.org#.example.com"));
	assert_false(allowed(fx, "http://10.0.0.77/x"));
	fx->settings.allowed_hosts = none;
	assert_false(allowed(fx, "http://fw.example.com/x"));
}

/* What curl would connect to is what counts, not how it is spelt. */
static void hosts_are_matched_as_they_are_connected_to(void **state)
{
	static char local[] = "127.0.0.1";
	static char *hosts[] = { local, NULL };
	struct fetch_fixture *fx = *state;

	fx->settings.allowed_hosts = hosts;
	assert_true(allowed(fx, "http://0x7f000001/x"));
	assert_true(allowed(fx, "http://2130706433/x"));
	assert_false(allowed(fx, "http://0x7f000002/x"));
}

static void a_refused_url_is_refused_at_once(void **state)
{
	struct fetch_fixture *fx = *state;
	const struct fetch_observer none = { 0 };
	struct fetch_request request = {
		.url = "ftp://127.0.0.1/fw",
		.path = fx->path,
		.identity = "x",
		.size_bytes = 10,
		.settings = &fx->settings,
	};
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(fetch_new(fx->fetcher, &request, &none, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	request.url = http_server_url(fx->server, "/fw");
	request.size_bytes = fx->settings.max_size + 1;
	assert_null(fetch_new(fx->fetcher, &request, &none, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	assert_false(file_exists(fx->path));
}

static void follows_redirects_of_every_kind(void **state)
{
	static const unsigned kinds[] = { 301, 302, 303, 307, 308 };
	struct fetch_fixture *fx = *state;
	char script[256];

	fetch_serve(fx, SIZE, 1);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(kinds); i++) {
		snprintf(script, sizeof(script),
			 "[{\"redirect\":\"/elsewhere/../fw\",\"status\":%u,"
			 "\"redirect_body\":1000}]",
			 kinds[i]);
		http_server_script(fx->server, "/there", script);
		snprintf(script, sizeof(script), "[{\"redirect\":\"%s\"}]",
			 http_server_url(fx->server, "/fw"));
		http_server_script(fx->server, "/elsewhere/../fw", script);
		http_server_script(fx->server, "/elsewhere/fw", script);
		fetch_begin(fx, "/there", SIZE);
		fetch_wait(fx);
		fetch_expect_complete(fx, "fw");
		assert_true(fetch_discard(fx->path, NULL));
	}
}

static void resumes_from_the_first_url_again(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_log log;

	fetch_serve(fx, SIZE, 2);
	http_server_script(fx->server, "/there",
			   "[{\"redirect\":\"/fw\",\"repeat\":true}]");
	fetch_script(fx, "[{\"cut_after\":5000}]");
	fetch_begin(fx, "/there", SIZE);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
	log = log_of(fx);
	assert_int_equal(log.requests[1].first_byte, 5000);
	http_server_log(fx->server, "/there", &log);
	assert_int_equal(log.n_requests, 2);
}

static void five_redirects_are_enough(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 3);
	fetch_script(fx, "[{\"redirect\":\"/fw\",\"repeat\":5}]");
	fetch_expect_ok(fx, SIZE);
	fetch_script(fx, "[{\"redirect\":\"/fw\",\"repeat\":6}]");
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, 12);
}

static void expect_redirect_refused(struct fetch_fixture *fx,
				    const char *target)
{
	char script[512];

	snprintf(script, sizeof(script), "[{\"redirect\":%s}]", target);
	http_server_reset(fx->server);
	fetch_script(fx, script);
	fetch_expect_failure(fx, SIZE, OTA_ERROR_HTTP);
	assert_int_equal(log_of(fx).n_requests, 1);
	assert_null(strstr(fx->err.text, "secret"));
}

static void redirects_keep_to_the_rules(void **state)
{
	static char local[] = "127.0.0.1";
	static char *hosts[] = { local, NULL };
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 4);
	fx->settings.allowed_hosts = hosts;
	expect_redirect_refused(fx, "\"http://127.0.0.2/fw?key=secret\"");
	expect_redirect_refused(fx, "\"//localhost/fw\"");
	expect_redirect_refused(fx, "\"ftp://127.0.0.1/fw\"");
	expect_redirect_refused(fx, "\"file:///etc/passwd\"");
	expect_redirect_refused(fx, "\"http://a:b@127.0.0.1/fw\"");
	expect_redirect_refused(fx, "null");
	expect_redirect_refused(fx, "\"/fw\",\"redirect_body\":100000");
}

static void a_scheme_is_no_other_for_its_letters(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	assert_false(address_check_redirect("HTTPS://a/x", "http://a/x",
					    &fx->settings, &err));
	assert_int_equal(err.kind, OTA_ERROR_HTTP);
	assert_true(address_check_redirect("https://a/x", "HTTPS://a/x",
					   &fx->settings, &err));
}

static void the_environment_is_not_asked_for_proxies(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 5);
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	fetch_expect_ok(fx, SIZE);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void the_configured_proxy_is_used(void **state)
{
	struct fetch_fixture *fx = *state;
	char proxy[128];
	struct http_log log;

	/* To a proxy one says the whole url: that is what the log shows. */
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u",
		 http_server_port(fx->server));
	fx->settings.proxy = proxy;
	fx->settings.attempts = 1;
	assert_int_equal(setenv("no_proxy", "*", 1), 0);
	fetch_begin(fx, "/fw", SIZE);
	fetch_wait(fx);
	unsetenv("no_proxy");
	http_server_log(fx->server, http_server_url(fx->server, "/fw"), &log);
	assert_int_equal(log.n_requests, 1);
}

static void nobody_listens_is_a_fault_of_the_network(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 6);
	fx->settings.attempts = 2;
	fetch_begin(fx, "/fw", SIZE);
	assert_true(fetch_set_url(fx->fetch, "http://127.0.0.1:1/fw", NULL));
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NETWORK);
}

static void the_query_is_in_no_message(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_script(fx, "[{\"status\":404}]");
	fetch_begin(fx, "/fw?signature=secret", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
	assert_null(strstr(fx->err.text, "secret"));
	assert_non_null(strstr(fx->err.text, "/fw"));
}

static void nor_is_it_where_no_answer_came(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 1;
	fetch_script(fx, "[{\"cut_head\":true},{\"stall_head\":true}]");
	fetch_begin(fx, "/fw?signature=secret", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NETWORK);
	assert_null(strstr(fx->err.text, "secret"));
	fx->settings.stall_ms = 60;
	fetch_begin(fx, "/fw?signature=secret", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_TIMEOUT);
	assert_null(strstr(fx->err.text, "secret"));
}

/* Who signed a url signed it byte for byte. */
static void a_path_is_asked_for_as_it_is(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_serve(fx, SIZE, 13);
	fetch_begin(fx, "/there/../fw", SIZE);
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
}

static int tls_group_set_up(void **state)
{
	*state = http_server_start(HTTP_TLS);
	return 0;
}

/* Stays there as long as the server: http_server_file() reuses its text. */
static void trust_the_server(struct fetch_fixture *fx)
{
	snprintf(fx->ca_file, sizeof(fx->ca_file), "%s",
		 http_server_file(fx->server, "cert.pem"));
	fx->settings.ca_file = fx->ca_file;
}

static void a_certificate_is_verified(void **state)
{
	struct fetch_fixture *fx = *state;

	fx->settings.attempts = 1;
	fetch_serve(fx, SIZE, 7);
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);

	trust_the_server(fx);
	fetch_expect_ok(fx, SIZE);
}

static void the_name_in_a_certificate_is_verified(void **state)
{
	struct fetch_fixture *fx = *state;
	char url[64];

	fx->settings.attempts = 1;
	trust_the_server(fx);
	fetch_serve(fx, SIZE, 8);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/fw",
		 http_server_port(fx->server));
	fetch_begin(fx, "/fw", SIZE);
	assert_true(fetch_set_url(fx->fetch, url, NULL));
	fetch_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NETWORK);
}

static void our_certificate_lets_us_in(void **state)
{
	struct fetch_fixture *fx = *state;
	struct http_server *before = fx->server;
	char key_file[512];

	fx->server = http_server_start(HTTP_TLS_FOR_KNOWN);
	fx->settings.attempts = 1;
	trust_the_server(fx);
	fetch_serve(fx, SIZE, 15);
	fetch_expect_failure(fx, SIZE, OTA_ERROR_NETWORK);
	snprintf(key_file, sizeof(key_file), "%s",
		 http_server_file(fx->server, "key.pem"));
	fx->settings.cert_file = fx->ca_file;
	fx->settings.key_file = key_file;
	fetch_expect_ok(fx, SIZE);
	http_server_stop(fx->server);
	fx->server = before;
}

static void resumes_over_tls(void **state)
{
	struct fetch_fixture *fx = *state;

	trust_the_server(fx);
	fetch_serve(fx, 5 * MIB, 9);
	fetch_script(fx, "[{\"cut_after\":2500000}]");
	fetch_expect_ok(fx, 5 * MIB);
	assert_int_equal(log_of(fx).requests[1].first_byte, 2500000);
}

static void windows_over_tls(void **state)
{
	struct fetch_fixture *fx = *state;

	trust_the_server(fx);
	fx->settings.strategy = DOWNLOAD_CHUNKED;
	fetch_serve(fx, 5 * MIB, 10);
	fetch_expect_ok(fx, 5 * MIB);
	assert_int_equal(log_of(fx).n_requests, 5);
}

static void a_redirect_never_leaves_tls(void **state)
{
	struct fetch_fixture *fx = *state;

	trust_the_server(fx);
	fetch_serve(fx, SIZE, 11);
	expect_redirect_refused(fx, "\"http://127.0.0.1:1/fw\"");
}

static void a_missing_ca_file_is_told(void **state)
{
	static char missing[] = "/nonexistent/ca.pem";
	struct fetch_fixture *fx = *state;

	fx->settings.ca_file = missing;
	fetch_serve(fx, SIZE, 12);
	fetch_expect_failure(fx, SIZE, OTA_ERROR_INTERNAL);
	assert_non_null(strstr(fx->err.text, missing));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fetch_set_up, fetch_tear_down)

int main(void)
{
	const struct CMUnitTest plain[] = {
		TEST(only_http_and_https_are_urls),
		TEST(hosts_are_matched_by_pattern),
		TEST(hosts_are_matched_as_they_are_connected_to),
		TEST(a_refused_url_is_refused_at_once),
		TEST(follows_redirects_of_every_kind),
		TEST(resumes_from_the_first_url_again),
		TEST(five_redirects_are_enough),
		TEST(redirects_keep_to_the_rules),
		TEST(a_scheme_is_no_other_for_its_letters),
		TEST(the_environment_is_not_asked_for_proxies),
		TEST(the_configured_proxy_is_used),
		TEST(nobody_listens_is_a_fault_of_the_network),
		TEST(the_query_is_in_no_message),
		TEST(nor_is_it_where_no_answer_came),
		TEST(a_path_is_asked_for_as_it_is),
	};
	const struct CMUnitTest tls[] = {
		TEST(a_certificate_is_verified),
		TEST(the_name_in_a_certificate_is_verified),
		TEST(our_certificate_lets_us_in),
		TEST(resumes_over_tls),
		TEST(windows_over_tls),
		TEST(a_redirect_never_leaves_tls),
		TEST(a_missing_ca_file_is_told),
	};
	int failed = cmocka_run_group_tests(plain, fetch_group_set_up,
					    fetch_group_tear_down);

	return failed + cmocka_run_group_tests(tls, tls_group_set_up,
					       fetch_group_tear_down);
}
