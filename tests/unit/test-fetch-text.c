#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "otad/base/loop.h"

#include "support/fetch-fixture.h"

#define DEADLINE_MS 10000

struct answer {
	struct fetch_text *fetch;
	char text[256];
	size_t size;
	char address[64];
	struct ota_error err;
	unsigned calls;
};

static void on_text(struct fetch_text *fetch, const char *text, size_t size,
		    const struct ota_error *err, void *user_data)
{
	struct answer *answer = user_data;

	answer->calls++;
	answer->size = size;
	if (err)
		answer->err = *err;
	if (text)
		snprintf(answer->text, sizeof(answer->text), "%s", text);
	answer->fetch = fetch_text_free(fetch);
}

static void wait_for(struct fetch_fixture *fx, struct answer *answer)
{
	uint64_t deadline_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (answer->calls == 0) {
		assert_true(loop_run_once(fx->loop, 1000, NULL));
		assert_true(loop_now_ms(fx->loop) < deadline_ms);
	}
	assert_int_equal(answer->calls, 1);
}

static struct answer get(struct fetch_fixture *fx, size_t max_bytes)
{
	struct answer answer = { .calls = 0 };
	struct ota_error err = OTA_ERROR_INIT;

	answer.fetch = fetch_text_new(fx->fetcher,
				      http_server_url(fx->server, "/fw"),
				      max_bytes, &fx->settings, on_text,
				      &answer, &err);
	assert_non_null(answer.fetch);
	assert_int_equal(answer.calls, 0);
	wait_for(fx, &answer);
	return answer;
}

static size_t requests(struct fetch_fixture *fx)
{
	struct http_log log;

	fetch_log(fx, &log);
	return log.n_requests;
}

static void takes_a_small_text(void **state)
{
	struct fetch_fixture *fx = *state;
	struct answer answer;

	fetch_script(fx, "[{\"content\":\"hello\"},{\"content\":\"hello\","
			 "\"length\":\"chunked\"},{\"content\":\"\"}]");
	for (unsigned i = 0; i < 2; i++) {
		answer = get(fx, 5);
		assert_int_equal(answer.err.kind, OTA_ERROR_NONE);
		assert_string_equal(answer.text, "hello");
		assert_int_equal(answer.size, 5);
	}
	answer = get(fx, 5);
	assert_int_equal(answer.err.kind, OTA_ERROR_NONE);
	assert_int_equal(answer.size, 0);
}

static void refuses_a_long_text(void **state)
{
	struct fetch_fixture *fx = *state;
	struct answer answer;

	fetch_script(fx, "[{\"content\":\"hello\"},{\"content\":\"hello\","
			 "\"length\":\"none\"}]");
	for (unsigned i = 0; i < 2; i++) {
		answer = get(fx, 4);
		assert_int_equal(answer.err.kind, OTA_ERROR_PROTOCOL);
		assert_int_equal(answer.size, 0);
	}
	assert_int_equal(requests(fx), 2);
}

static void tries_three_times(void **state)
{
	struct fetch_fixture *fx = *state;
	struct answer answer;

	fetch_script(fx, "[{\"cut_head\":true},"
			 "{\"content\":\"hello\",\"cut_after\":3},"
			 "{\"content\":\"world\"}]");
	answer = get(fx, 100);
	assert_int_equal(answer.err.kind, OTA_ERROR_NONE);
	assert_string_equal(answer.text, "world");

	http_server_reset(fx->server);
	fetch_script(fx, "[{\"status\":500,\"repeat\":true}]");
	answer = get(fx, 100);
	assert_int_equal(answer.err.kind, OTA_ERROR_HTTP);
	assert_int_equal(requests(fx), 3);
}

static void waits_as_long_as_the_server_asks(void **state)
{
	struct fetch_fixture *fx = *state;
	uint64_t start_ms = loop_now_ms(fx->loop);

	fetch_script(fx, "[{\"status\":503,\"retry_after\":\"1\"},"
			 "{\"content\":\"world\"}]");
	assert_int_equal(get(fx, 100).err.kind, OTA_ERROR_NONE);
	assert_true(loop_now_ms(fx->loop) - start_ms >=
		    fx->limits.retry_after_max_ms);
}

static void a_missing_text_is_told_at_once(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_script(fx, "[{\"status\":404,\"repeat\":true}]");
	assert_int_equal(get(fx, 100).err.kind, OTA_ERROR_NOT_FOUND);
	assert_int_equal(requests(fx), 1);
}

static void answers_to_ranges_are_refused(void **state)
{
	struct fetch_fixture *fx = *state;

	fetch_script(fx, "[{\"content\":\"x\",\"unsatisfiable\":true}]");
	assert_int_equal(get(fx, 100).err.kind, OTA_ERROR_HTTP);
	fetch_script(fx, "[{\"content\":\"xy\",\"force_part\":true}]");
	assert_int_equal(get(fx, 100).err.kind, OTA_ERROR_HTTP);
}

static void bad_urls_are_refused(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(fetch_text_new(fx->fetcher, "file:///etc/passwd", 100,
				   &fx->settings, on_text, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
}

static void may_be_freed_before_its_end(void **state)
{
	struct fetch_fixture *fx = *state;
	struct answer answer = { .calls = 0 };
	struct fetch_text *fetch;

	fetch_script(fx, "[{\"stall_head\":true}]");
	fetch = fetch_text_new(fx->fetcher, http_server_url(fx->server, "/fw"),
			       10, &fx->settings, on_text, &answer, NULL);
	while (requests(fx) == 0)
		assert_true(loop_run_once(fx->loop, 10, NULL));
	assert_null(fetch_text_free(fetch));
	assert_int_equal(answer.calls, 0);
}

static void on_address(void *user_data, const char *address,
		       const struct ota_error *err)
{
	struct answer *answer = user_data;

	answer->calls++;
	if (err)
		answer->err = *err;
	if (address)
		snprintf(answer->address, sizeof(answer->address), "%s",
			 address);
}

static struct answer probe(struct fetch_fixture *fx, const char *host,
			   uint16_t port, uint64_t timeout_ms)
{
	struct answer answer = { .calls = 0 };
	struct ota_error err = OTA_ERROR_INIT;

	assert_non_null(fetch_probe_new(fx->fetcher, host, port, timeout_ms,
					on_address, &answer, &err));
	assert_int_equal(answer.calls, 0);
	wait_for(fx, &answer);
	return answer;
}

static void finds_the_address_that_answers(void **state)
{
	struct fetch_fixture *fx = *state;
	uint16_t port = http_server_port(fx->server);
	struct answer answer;

	/* Nobody asks a proxy of the environment for it. */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	answer = probe(fx, "localhost", port, 5000);
	/* "localhost" may be ::1 first, where nobody listens. */
	assert_int_equal(answer.err.kind, OTA_ERROR_NONE);
	assert_string_equal(answer.address, "127.0.0.1");
	assert_string_equal(probe(fx, "127.0.0.1", port, 5000).address,
			    "127.0.0.1");
	unsetenv("http_proxy");
}

static void nobody_there_is_a_fault_of_the_network(void **state)
{
	struct fetch_fixture *fx = *state;

	assert_int_equal(probe(fx, "127.0.0.1", 1, 5000).err.kind,
			 OTA_ERROR_NETWORK);
	assert_int_equal(probe(fx, "::1", 1, 5000).err.kind,
			 OTA_ERROR_NETWORK);
	assert_int_equal(probe(fx, "no-such-host.invalid", 1, 20000).err.kind,
			 OTA_ERROR_NETWORK);
}

/* A listener whose queue is full answers nobody. */
static void silence_is_a_timeout(void **state)
{
	struct fetch_fixture *fx = *state;
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int filler[4];

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size),
			 0);
	for (unsigned i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET,
				   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				   0);
		connect(filler[i], (struct sockaddr *)&at, size);
	}
	assert_int_equal(probe(fx, "127.0.0.1", ntohs(at.sin_port), 100)
				 .err.kind,
			 OTA_ERROR_TIMEOUT);
	for (unsigned i = 0; i < 4; i++)
		close(filler[i]);
	close(listener);
}

static void odd_hosts_are_refused(void **state)
{
	struct fetch_fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(fetch_probe_new(fx->fetcher, "a b/c@d", 80, 100,
				    on_address, NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
}

static void a_probe_may_be_given_up(void **state)
{
	struct fetch_fixture *fx = *state;
	struct answer answer = { .calls = 0 };
	struct fetch_probe *running =
		fetch_probe_new(fx->fetcher, "no-such-host.invalid", 80, 9000,
				on_address, &answer, NULL);

	/* Not one round: where there is no network the answer comes at once. */
	assert_non_null(running);
	assert_null(fetch_probe_free(running));
	assert_true(loop_run_once(fx->loop, 0, NULL));
	assert_int_equal(answer.calls, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fetch_set_up, fetch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_a_small_text),
		TEST(refuses_a_long_text),
		TEST(tries_three_times),
		TEST(waits_as_long_as_the_server_asks),
		TEST(a_missing_text_is_told_at_once),
		TEST(answers_to_ranges_are_refused),
		TEST(bad_urls_are_refused),
		TEST(may_be_freed_before_its_end),
		TEST(finds_the_address_that_answers),
		TEST(nobody_there_is_a_fault_of_the_network),
		TEST(silence_is_a_timeout),
		TEST(odd_hosts_are_refused),
		TEST(a_probe_may_be_given_up),
	};

	return cmocka_run_group_tests(tests, fetch_group_set_up,
				      fetch_group_tear_down);
}
