/*
 * libcurl brings GnuTLS along for protocols that otad never speaks, and GnuTLS
 * sets itself up in every process that maps it: 0.7 MiB for nothing. Its
 * documented way out is this function (GNUTLS_SKIP_GLOBAL_INIT of gnutls.h),
 * which the programs export; see meson.build.
 */

int _gnutls_global_init_skip(void);

int _gnutls_global_init_skip(void)
{
	return 1;
}
